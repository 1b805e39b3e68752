"""Comparing the two books, window by window: what agrees is counted, the rest waits or is told."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain import cardbook
from domain.kernel import Connection, clock, crash_point, new_id, transaction
from domain.reconciliation import statements
from domain.reconciliation.models import Matter
from domain.reconciliation.rules import (
    Key,
    Side,
    item_of_crossing,
    items_of_transfer,
    summed,
)

WINDOW_LINKS = 2_000
LIVE = UUID(int=0)  # the lasting pass; any other scope is one pass through everything


@dataclass(slots=True)
class Place:
    """How far a pass has come in both books."""

    scope: UUID
    money: int
    cards: int


async def compare_next(place: Place) -> int:
    """Compare the next window, of whichever book is behind in time; 0: both are at their ends."""
    async with transaction() as conn:
        ahead = await _next_window(conn, place)
        if ahead is None:
            return 0
        book, until = ahead
        found = await _read(conn, place, book, until)
        await _meet(conn, place.scope, found)
        if book == "money":
            if place.scope == LIVE:
                await _count_accounts(conn, place.money, until)
            place.money = until
        else:
            place.cards = until
        await conn.execute(statements.ADVANCE, place.scope, place.money, place.cards)
        crash_point("reconciliation.window_written")
    return len(found) or 1


async def _next_window(conn: Connection, place: Place) -> tuple[str, int] | None:
    """The book whose next link was sealed first, and the last link of the window."""
    head = (await conn.fetchrow(statements.HEADS))["money"]
    money_at: datetime | None = None
    if head > place.money:
        money_at = await conn.fetchval(statements.NEXT_MONEY, place.money + 1)
    folio = await cardbook.folio_after(conn, place.cards)
    if folio is not None and (money_at is None or folio[1] < money_at):
        return "cards", folio[0]
    if head > place.money:
        return "money", min(head, place.money + WINDOW_LINKS)
    return None


async def _read(conn: Connection, place: Place, book: str, until: int) -> dict[Key, Side]:
    if book == "money":
        rows = await conn.fetch(statements.MONEY_WINDOW, place.money, until)
        return summed(item for row in rows for item in items_of_transfer(row))
    crossed = await cardbook.crossings(conn, place.cards, until)
    unpaid = [each.reference for each in crossed if each.kind == Matter.SOLD and not each.cost]
    free = {row["id"] for row in await conn.fetch(statements.FREE_LINES, unpaid)}
    return summed(item_of_crossing(each, free=each.reference in free) for each in crossed)


async def _meet(conn: Connection, scope: UUID, found: dict[Key, Side]) -> None:
    """Put what was found to what waits: whatever agrees is done, all else waits on."""
    keys = list(found)
    columns = [key[0].value for key in keys], [key[1] for key in keys], [key[2] for key in keys]
    told: dict[Key, UUID] = {}
    for row in await conn.fetch(statements.TAKE_ITEMS, scope, *columns):
        key = Matter(row["matter"]), row["reference"], row["currency"]
        waited = side_of(row)
        if key[0] is Matter.SUPPLIED:  # what an attempt was charged was read with either transfer
            waited = Side(money=waited.money, at=waited.at)
        found[key] += waited
        if row["finding_id"] is not None:
            told[key] = row["finding_id"]
    agreed = {key: side for key, side in found.items() if side.agrees}
    waiting = [(key, side) for key, side in found.items() if not side.agrees]
    await keep(conn, scope, waiting, told)
    resolved = [told[key] for key in agreed if key in told]
    if resolved:
        await conn.execute(statements.RESOLVE, resolved, clock.now())
    if scope == LIVE:
        await _count_agreed(conn, agreed)


async def keep(
    conn: Connection, scope: UUID, waiting: list[tuple[Key, Side]], told: dict[Key, UUID]
) -> None:
    """Write what still waits for its other side."""
    if not waiting:
        return
    await conn.execute(
        statements.KEEP_ITEMS,
        scope,
        [new_id() for _ in waiting],
        [key[0].value for key, _ in waiting],
        [key[1] for key, _ in waiting],
        [key[2] for key, _ in waiting],
        [side.money for _, side in waiting],
        [side.goods for _, side in waiting],
        [side.money_units for _, side in waiting],
        [side.goods_units for _, side in waiting],
        [side.at or clock.now() for _, side in waiting],
        [told.get(key) for key, _ in waiting],
    )


def side_of(row: Any) -> Side:
    """Both sides of an item, as it is kept."""
    return Side(row["money"], row["goods"], row["money_units"], row["goods_units"], row["at"])


async def _count_agreed(conn: Connection, agreed: dict[Key, Side]) -> None:
    days: dict[tuple[date, str, str], tuple[int, int]] = {}
    for (matter, _, currency), side in agreed.items():
        day = (side.at or clock.now()).date()
        number, amount = days.get((day, currency, matter.value), (0, 0))
        days[day, currency, matter.value] = (number + 1, amount + side.money)
    await _add_days(conn, [(*key, *values) for key, values in sorted(days.items())])


async def _count_accounts(conn: Connection, after: int, until: int) -> None:
    rows = await conn.fetch(statements.MONEY_DAYS, after, until)
    columns = ("day", "currency", "line", "number", "amount")
    await _add_days(conn, [tuple(row[each] for each in columns) for row in rows])


async def _add_days(conn: Connection, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        ids = [new_id() for _ in rows]
        await conn.execute(statements.ADD_DAYS, ids, *map(list, zip(*rows, strict=True)))
