"""The reconciler: it reads both books and proves that they agree, or says where not (row F3).

It is the one part that reads the tables of both. It goes on from where it stood, window by window
along both hash chains; what has no other side although it must have one by now is told as
`reconciliation.mismatch`, once. `recount` goes through everything again, and sees what was altered
after it had been compared.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from domain import audit, cardbook, cards, ledger
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    NotFound,
    Refused,
    alone,
    clock,
    connection,
    crash_point,
    encode_id,
    new_id,
    plain,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.kernel.ids import Prefix
from domain.reconciliation import statements
from domain.reconciliation.comparing import LIVE, Place, compare_next, side_of
from domain.reconciliation.models import FindingState, Matter, ReconciliationFinding
from domain.reconciliation.refusals import FindingClosed
from domain.reconciliation.rules import GRACE_SECONDS, Side, name_of

MISMATCH = "reconciliation.mismatch"
READ_SCOPE, WRITE_SCOPE = "ledger:read", "ledger:write"
WHOLE_EVERY = timedelta(hours=20)
MAX_NOTE_LETTERS = 500
MAX_STORE_CARDS = 200_000  # looked at one by one in a day; the rest by `recount`
_LOCK = 7_251_032
_UNSEALED_SECONDS = 120


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run: matters looked at, what waits for its other side, and findings that are new."""

    compared: int
    waiting: int
    found: int
    open: int


@dataclass(frozen=True, slots=True)
class _Found:
    matter: Matter
    kind: str
    reference: UUID
    currency: str
    side: Side
    details: dict[str, Any]


async def reconcile(*, whole: bool = False) -> RunReport:
    """Go on comparing the books; `whole`, and once a day, accounts and stores as well.

    Refuses with `Busy` while another process does.
    """
    async with alone(_LOCK):
        place, whole_at = await _begin(LIVE)
        compared = await _compare(place)
        found = await _decide(place)
        found += await _compare_balances(place)
        if whole or whole_at is None or clock.now() - whole_at >= WHOLE_EVERY:
            found += await _compare_whole(place)
        wake_relay()
        return await _report(place, compared, found)


async def recount() -> RunReport:
    """Compare everything from the first link on, the stores card by card, all entries.

    Reads whole tables. It leaves the lasting pass where it is.
    """
    async with alone(_LOCK):
        place, _ = await _begin(new_id())
        try:
            compared = await _compare(place)
            found = await _decide(place)
            found += await _compare_whole(place, everything=True)
            wake_relay()
            return await _report(place, compared, found)
        finally:
            async with transaction() as conn:
                await conn.execute(statements.FORGET_SCOPE, place.scope)


async def settle_finding(actor: Actor, finding_id: UUID, note: str) -> ReconciliationFinding:
    """Close a finding that an operator has explained. Needs `ledger:write` and a note; audited.

    Nothing is moved by it: what has to be corrected is corrected by a transfer. Refuses one that
    is closed (FINDING_CLOSED).
    """
    actor.require_scope(WRITE_SCOPE)
    told = note.strip()
    fits = 0 < len(told) <= MAX_NOTE_LETTERS
    refuse_unless(fits, Invalid(reason="note_needed", field=("note",)))
    async with transaction() as conn:
        finding = await ReconciliationFinding.filter(id=finding_id).select_for_update().first()
        if finding is None:
            raise Refused(NotFound(what="finding", field=("id",)))
        if finding.state is not FindingState.OPEN:
            raise Refused(FindingClosed(state=finding.state.value, field=("id",)))
        finding.state, finding.note = FindingState.SETTLED, told
        finding.closed_at, finding.closed_by = clock.now(), actor.user_id
        await finding.save()
        details = {"kind": finding.kind, "note": told}
        await audit.record(conn, actor, "reconciliation.settle", finding_id, details)
    return finding


async def _begin(scope: UUID) -> tuple[Place, Any]:
    while await ledger.seal_committed(wait=True):
        pass
    await cards.seal_card_events(wait=True)
    while await cardbook.fold_next():
        pass
    async with transaction() as conn:
        row = await conn.fetchrow(statements.POSITION, scope, clock.now())
    return Place(scope, row["money_link"], row["card_link"]), row["whole_at"]


async def _compare(place: Place) -> int:
    compared = 0
    while more := await compare_next(place):
        compared += more
        crash_point("reconciliation.window_committed")
    return compared


async def _quiet(conn: Connection, place: Place) -> bool:
    """Whether both books were read to their very ends."""
    since = clock.now() - timedelta(seconds=_UNSEALED_SECONDS)
    floor = UUID(int=int(since.timestamp() * 1000) << 80)
    return bool(await conn.fetchval(statements.QUIET, place.money, place.cards, floor))


async def _decide(place: Place) -> int:
    """Tell what has no other side: at once when nothing is on the way, else after a while.

    In slices, each a transaction of its own: however much there is to tell, none of it takes longer
    than a transaction may, and whoever is killed goes on behind the last slice.
    """
    found, oldest = 0, clock.now() - timedelta(seconds=GRACE_SECONDS)
    while True:
        async with transaction() as conn:
            quiet = await _quiet(conn, place)
            rows = await conn.fetch(statements.UNDECIDED, place.scope, oldest, quiet)
            for row in rows:
                matter = Matter(row["matter"])
                each = _found(matter, row["reference"], row["currency"], side_of(row))
                finding_id, new = await _tell(conn, each)
                await conn.execute(statements.MARK_TOLD, row["id"], finding_id)
                found += new
            crash_point("reconciliation.slice_written")
        if not rows:
            return found
        crash_point("reconciliation.slice_committed")


def _found(matter: Matter, reference: UUID, currency: str, side: Side, **details: Any) -> _Found:
    return _Found(matter, name_of(matter, side), reference, currency, side, details)


async def _compare_balances(place: Place) -> int:
    """Each kept balance that moved since the last run, against the entries that moved it."""
    found = 0
    async with transaction() as conn:
        row = await conn.fetchrow(statements.POSITION, place.scope, clock.now())
        settled = max(row["entry"], await ledger.settled_entry(conn))
        rows = await conn.fetch(statements.BALANCES, row["entry"], settled)
        for each in rows:
            if each["balance"] != each["booked"]:
                found += (await _tell(conn, _of_balance(each)))[1]
        moved = [each for each in rows if each["settled"]]
        columns = [each["id"] for each in moved], [each["settled"] for each in moved]
        await conn.execute(statements.ADD_BALANCES, *columns)
        await conn.execute(statements.ENTRIES_DONE, place.scope, settled)
    return found


def _of_balance(row: Any) -> _Found:
    side = Side(money=row["booked"], goods=row["balance"])
    details = {"account": row["kind"]}
    return _Found(
        Matter.WALLET, name_of(Matter.WALLET, side), row["id"], row["currency"], side, details
    )


async def _compare_whole(place: Place, *, everything: bool = False) -> int:
    """Accounts and stores as wholes. Only of books that were read to their ends."""
    found = 0
    batches = None if everything else await _batches_of_the_day()
    async with transaction() as conn:
        # One snapshot, or what is sold meanwhile would look like a difference.
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await conn.execute("SET LOCAL statement_timeout = 0")
        await conn.execute("SET LOCAL transaction_timeout = 0")
        await conn.execute("SET LOCAL enable_seqscan = on")
        for row in await conn.fetch(statements.GIFT_CARDS):
            side = Side(money=row["booked"], goods=row["held"])
            if not side.agrees:
                owed = _found(Matter.GIFT_CARDS, row["id"], row["currency"], side)
                found += (await _tell(conn, owed))[1]
        if everything:
            for row in await conn.fetch(statements.ALL_BALANCES):
                found += (await _tell(conn, _of_balance(row)))[1]
        if await _quiet(conn, place):
            found += await _compare_inventory(conn, place)
            for each in await cardbook.store_differences(conn, batches):
                found += (await _tell(conn, _of_store(each)))[1]
            await conn.execute(statements.WHOLE_DONE, place.scope, clock.now())
    return found


async def _compare_inventory(conn: Connection, place: Place) -> int:
    """The inventory account against the cost of all units in stock, but for what waits."""
    found, stock = 0, await cardbook.stock_cost(conn)
    waits = await conn.fetch(statements.WAITING_COST, place.scope)
    waiting = {row["currency"]: row["cost"] for row in waits}
    for row in await conn.fetch(statements.INVENTORY):
        currency = row["currency"]
        side = Side(row["booked"] - waiting.get(currency, 0), stock.get(currency, 0))
        if not side.agrees:
            whole = _found(Matter.INVENTORY, row["id"], currency, side)
            found += (await _tell(conn, whole))[1]
    return found


def _of_store(each: cardbook.StoreDifference) -> _Found:
    side = Side(each.booked_cost, each.cost_there, each.booked, each.there)
    kind, details = "store_differs", {"place": each.place}
    return _Found(Matter.STORE, kind, each.batch_id, each.currency, side, details)


async def _batches_of_the_day() -> list[UUID]:
    """Batches that moved of late, small ones first, as many as may be looked at card by card."""
    since = (clock.now() - timedelta(days=1)).date()
    async with connection() as conn:
        rows = await conn.fetch(statements.BATCHES_OF_DAYS, since)
    wanted, number = [], 0
    for row in rows:
        number += row["accepted"]
        if number > MAX_STORE_CARDS:
            break
        wanted.append(row["id"])
    return wanted


async def _tell(conn: Connection, found: _Found) -> tuple[UUID, int]:
    """Write a finding and its event, unless it was told before: its id, and 1 when it is new."""
    finding_id, side, moment = new_id(), found.side, clock.now()
    day = (side.at or moment).date()
    amounts = side.money, side.goods, side.money_units, side.goods_units
    key = found.kind, found.reference, found.currency, *amounts
    details = orjson.dumps(found.details).decode()
    row = (found.matter.value, *key, day, details, moment)
    if not await conn.fetchval(statements.INSERT_FINDING, finding_id, *row):
        return await conn.fetchval(statements.FOUND_BEFORE, *key), 0
    payload = {
        "findingId": encode_id(Prefix.RECONCILIATION_FINDING, finding_id),
        "kind": found.kind,
        "matter": found.matter.value,
        "reference": str(found.reference),
        "currency": found.currency,
        "money": plain(side.money),
        "goods": plain(side.goods),
        "day": day.isoformat(),
    }
    await record_events(conn, [Event(MISMATCH, finding_id, 1, payload)])
    return finding_id, 1


async def _report(place: Place, compared: int, found: int) -> RunReport:
    async with connection() as conn:
        counted = await conn.fetchrow(
            "SELECT (SELECT count(*) FROM reconciliation_items"
            " WHERE scope = $1 AND finding_id IS NULL) AS waiting,"
            " (SELECT count(*) FROM reconciliation_findings WHERE state = 'OPEN') AS open",
            place.scope,
        )
    return RunReport(compared, counted["waiting"], found, counted["open"])
