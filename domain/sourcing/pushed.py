"""What suppliers say by themselves of their goods: a reason to ask for them at once (row D6).

What a push says of prices is not believed: the items that it names are asked for, and the answer
goes the way that a page of the list goes. So a push that comes late, twice or out of order can do
no harm, and one that never comes is made up for by the list, which is read as ever.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.kernel import (
    Connection,
    clock,
    connection,
    crash_point,
    new_id,
    transaction,
    wake_relay,
)
from domain.sourcing.asking import Line, Read, ask_each, line_to
from domain.sourcing.booking import put_gone, put_items
from domain.sourcing.events import tell_changed, tell_told
from domain.sourcing.rules import MAX_FAILURES, MOST_TOLD, retry_in
from domain.suppliers import Category, Uncertain

LEASE = timedelta(seconds=90)
ONE_BY_ONE, CALLS_AT_ONCE = 10, 40
MOST_LETTERS = 96

_HEARD = """
UPDATE sync_policies SET pushed_at = $2, pushes = 'active'
WHERE supplier_id = $1 AND enabled RETURNING 1
"""
_NOTE = """
INSERT INTO told_items (id, supplier_id, item, told_at, due_at, tries)
SELECT gen_random_uuid(), $1, item, $3, $3, 0 FROM unnest($2::text[]) AS t (item) ORDER BY item
ON CONFLICT (supplier_id, item) DO UPDATE
    SET told_at = excluded.told_at, due_at = excluded.due_at, tries = 0
"""
_COUNT = "SELECT count(*) FROM told_items WHERE supplier_id = $1"
_FORGET = "DELETE FROM told_items WHERE supplier_id = $1"
_READ_NOW = "UPDATE sync_policies SET next_at = $2 WHERE supplier_id = $1"
_DUE = """
SELECT DISTINCT t.supplier_id FROM told_items t JOIN suppliers s ON s.id = t.supplier_id
WHERE t.due_at <= $1 AND s.state = 'active' LIMIT $2
"""
_CLAIM = """
UPDATE told_items SET due_at = $3, tries = tries + 1
WHERE id = ANY (ARRAY(SELECT id FROM told_items WHERE supplier_id = $1 AND due_at <= $2
    ORDER BY due_at, item LIMIT $4 FOR UPDATE SKIP LOCKED))
RETURNING item, told_at, tries
"""
# What was told again meanwhile is asked for again.
_DONE = """
DELETE FROM told_items t USING unnest($2::text[], $3::timestamptz[]) AS d (item, told_at)
WHERE t.supplier_id = $1 AND t.item = d.item AND t.told_at = d.told_at
"""
_LATER = """
UPDATE told_items t SET due_at = $4 FROM unnest($2::text[], $3::timestamptz[]) AS d (item, told_at)
WHERE t.supplier_id = $1 AND t.item = d.item AND t.told_at = d.told_at
"""


@dataclass(frozen=True, slots=True)
class _Told:
    """Items that are asked for together, and when each was told of last."""

    items: Sequence[str]
    told_at: Sequence[datetime]
    tries: int


async def note_told(
    conn: Connection, supplier_id: UUID, subject: UUID, items: Iterable[str]
) -> bool:
    """A supplier says that these items changed: they are asked for at once, by a job. In the
    caller's transaction; False, and nothing is noted, where its list is not followed.

    Of too many at once the whole list is read in their place.
    """
    moment = clock.now()
    if not await conn.fetchval(_HEARD, supplier_id, moment):
        return False
    named = sorted({each for each in items if 0 < len(each) <= MOST_LETTERS})
    await conn.execute(_NOTE, supplier_id, named, moment)
    if await conn.fetchval(_COUNT, supplier_id) > MOST_TOLD:
        await conn.execute(_FORGET, supplier_id)
        await conn.execute(_READ_NOW, supplier_id, moment)
    elif named:
        await tell_told(conn, subject, supplier_id)
    return True


async def told_due(most: int) -> list[UUID]:
    """Suppliers that are to be asked for what they said has changed."""
    async with connection() as conn:
        rows = await conn.fetch(_DUE, clock.now(), most)
    return [row["supplier_id"] for row in rows]


async def ask_told(supplier_id: UUID) -> int:
    """Ask a supplier for what it said has changed; how many items were written down.

    Called any number of times, by anybody. May be killed anywhere: what was claimed is due again.
    """
    line, written = await line_to(supplier_id), 0
    for number in range(CALLS_AT_ONCE):
        told = await _claim(line)
        if told is None:
            break
        if number:
            await asyncio.sleep(line.pause)
        asked_at = clock.now()
        found = await _ask(line, told.items)
        crash_point("sourcing.told_answered")
        if isinstance(found, Uncertain):
            await _ask_later(supplier_id, told, found)
            break
        await _book(line, told, found, asked_at)
        written += len(told.items)
    return written


async def _claim(line: Line) -> _Told | None:
    moment = clock.now()
    most = line.port.capabilities_of(line.connection).products_at_once or ONE_BY_ONE
    async with transaction() as conn:
        supplier_id = line.shop.supplier_id
        rows = await conn.fetch(_CLAIM, supplier_id, moment, moment + LEASE, most)
    if not rows:
        return None
    rows.sort(key=lambda row: row["item"])
    items, told_at = [row["item"] for row in rows], [row["told_at"] for row in rows]
    return _Told(items, told_at, min(row["tries"] for row in rows))


async def _ask(line: Line, items: Sequence[str]) -> Read | Uncertain:
    """Ask for items, all in one call where that can be; of what is not among the answers the
    supplier itself says whether it is gone."""
    if not line.port.capabilities_of(line.connection).products_at_once:
        return await ask_each(line, items)
    found = await line.port.products(line.connection, items)
    if isinstance(found, Uncertain):
        return found
    there = {each.item for each in found}
    rest = await ask_each(line, [item for item in items if item not in there])
    if isinstance(rest, Uncertain):
        return rest
    return Read([*(each for each in found if each.item in items), *rest.items], rest.gone)


async def _book(line: Line, told: _Told, found: Read, asked_at: datetime) -> None:
    moment, supplier_id = clock.now(), line.shop.supplier_id
    async with transaction() as conn:
        await conn.execute(_DONE, supplier_id, told.items, told.told_at)
        changed = await put_items(conn, line.shop, found.items, None, moment, asked_at)
        changed += await put_gone(conn, line.shop, found.gone, moment, asked_at)
        await tell_changed(conn, new_id(), supplier_id, changed)
        crash_point("sourcing.told_written")
    wake_relay()


async def _ask_later(supplier_id: UUID, told: _Told, why: Uncertain) -> None:
    """Nothing was learned: again later; after some times the list, which is read anyway, tells."""
    async with transaction() as conn:
        if told.tries >= MAX_FAILURES:
            await conn.execute(_DONE, supplier_id, told.items, told.told_at)
            return
        pause = retry_in(told.tries, limited=why.category is Category.RATE_LIMITED)
        await conn.execute(_LATER, supplier_id, told.items, told.told_at, clock.now() + pause)
