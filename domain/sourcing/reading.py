"""Reading a supplier's list, page by page (row D6).

A call leaves outside any transaction; what it brought is booked in one. Whoever dies in between has
lost one page, which is read again. Nothing is thought gone before the whole list was read, and then
only where the supplier itself says so, or the list lacks it time and again.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from domain import suppliers
from domain.kernel import Connection, clock, connection, crash_point, transaction, wake_relay
from domain.sourcing.asking import Line, Read, ask_each, line_to
from domain.sourcing.booking import put_gone, put_items
from domain.sourcing.events import tell_changed, tell_incomplete
from domain.sourcing.models import CatalogueRun, RunState, SyncPolicy
from domain.sourcing.rules import MAX_FAILURES, MISSED_FOR_GONE, is_suspicious, retry_in
from domain.suppliers import Category, Pushes, Uncertain

LEASE = timedelta(seconds=90)  # a run whose worker died is taken up again after this long
CALLS_AT_ONCE = 40  # of one run before others get their turn
ONE_BY_ONE = 10  # items that are asked for each, where there is no list, make a page
MAX_PAGES = 5_000
CONFIRMED_AT_ONCE = 50

_DUE = """
SELECT p.supplier_id FROM sync_policies p JOIN suppliers s ON s.id = p.supplier_id
LEFT JOIN catalogue_runs r ON r.supplier_id = p.supplier_id AND r.state IN ('reading', 'confirming')
WHERE s.state = 'active' AND (r.next_at <= $1 OR (r.id IS NULL AND p.enabled AND p.next_at <= $1))
ORDER BY coalesce(r.next_at, p.next_at) LIMIT $2
"""
# The offers' items in their order: what is read of a supplier that has no list.
_OFFERED = """
SELECT DISTINCT coalesce(listed_item, item) AS item FROM supplier_offers
WHERE supplier_id = $1 AND coalesce(listed_item, item) > $2 ORDER BY 1 LIMIT $3
"""
# Also what an offer names and no list ever had.
_MISSING = """
SELECT item FROM supplier_items
WHERE supplier_id = $1 AND availability <> 'gone' AND seen_run IS DISTINCT FROM $2
UNION SELECT coalesce(o.listed_item, o.item) FROM supplier_offers o
WHERE o.supplier_id = $1 AND o.availability <> 'gone' AND NOT EXISTS (
    SELECT 1 FROM supplier_items i
    WHERE i.supplier_id = o.supplier_id AND i.item = coalesce(o.listed_item, o.item))
ORDER BY 1
"""
_COUNT = "SELECT count(*) FROM supplier_items WHERE supplier_id = $1 AND availability <> 'gone'"
_MISSED = """
INSERT INTO supplier_items (id, supplier_id, item, name, currency, cost_since, told, availability,
    told_since, unlimited, min_quantity, missed, first_seen_at, seen_at)
SELECT gen_random_uuid(), $1, item, item, $4, $3, 'on_sale', 'on_sale', $3, false, 1, 1, $3, $3
FROM unnest($2::text[]) AS m (item)
ON CONFLICT (supplier_id, item) DO UPDATE SET missed = supplier_items.missed + 1
RETURNING item, missed
"""


async def list_due(most: int) -> list[UUID]:
    """Suppliers whose list is to be read now, or read on."""
    async with connection() as conn:
        rows = await conn.fetch(_DUE, clock.now(), most)
    return [row["supplier_id"] for row in rows]


async def read_list(supplier_id: UUID) -> None:
    """Begin a run when one is due, or go on with the one that is under way; some calls of it.

    Called any number of times, by anybody: only one reads at a time.
    """
    run = await _claim(supplier_id)
    if run is None:
        return
    line = await line_to(supplier_id)
    if run.pages == 0:
        await _note_pushes(line)
    for number in range(CALLS_AT_ONCE):
        if number:
            await asyncio.sleep(line.pause)
        if run.state is RunState.READING:
            asked_at = clock.now()
            found = await _read(line, run.cursor)
            crash_point("sourcing.page_answered")
            run = await _book(line, run, found, asked_at)
        else:
            run = await _confirm(line, run)
        crash_point("sourcing.page_committed")
        wake_relay()
        if run.next_at is None or run.failures:
            return
    await CatalogueRun.filter(id=run.id, next_at__not_isnull=True).update(next_at=clock.now())


async def _claim(supplier_id: UUID) -> CatalogueRun | None:
    """The run to go on with, leased; None when there is nothing to do, or somebody else does it."""
    moment = clock.now()
    async with transaction():
        policy = await SyncPolicy.filter(supplier_id=supplier_id).select_for_update().first()
        if policy is None:
            return None
        open_ = CatalogueRun.filter(supplier_id=supplier_id, next_at__not_isnull=True)
        run = await open_.select_for_update().first()
        if run is not None:
            if run.next_at is None or run.next_at > moment:
                return None
            run.next_at = moment + LEASE
            await run.save(update_fields=["next_at"])
            return run
        if not policy.enabled or policy.next_at > moment:
            return None
        policy.next_at = moment + timedelta(seconds=policy.every_seconds)
        await policy.save(update_fields=["next_at"])
        return await CatalogueRun.create(
            supplier_id=supplier_id,
            state=RunState.READING,
            started_at=moment,
            next_at=moment + LEASE,
        )


async def _note_pushes(line: Line) -> None:
    """Whether the supplier tells by itself what changes: it is read all the same, as ever."""
    told = await line.port.pushes_of(line.connection)
    if told not in (Pushes.UNKNOWN, line.policy.pushes):
        await SyncPolicy.filter(supplier_id=line.shop.supplier_id).update(pushes=told)


async def _read(line: Line, cursor: str | None) -> Read | Uncertain:
    """The next page of a list; of a supplier without one, the next items of our offers."""
    capabilities = line.port.capabilities_of(line.connection)
    if capabilities.catalogue_page:
        page = await line.port.catalogue(line.connection, cursor)
        if isinstance(page, Uncertain):
            return page
        return Read(page.items, (), page.next_cursor)
    if not capabilities.product:
        return Uncertain(detail="no_list")
    async with connection() as conn:
        rows = await conn.fetch(_OFFERED, line.shop.supplier_id, cursor or "", ONE_BY_ONE)
    found = await ask_each(line, [row["item"] for row in rows])
    if isinstance(found, Uncertain):
        return found
    more = rows[-1]["item"] if len(rows) == ONE_BY_ONE else None
    return Read(found.items, found.gone, more)


async def _book(
    line: Line, asked: CatalogueRun, found: Read | Uncertain, asked_at: datetime
) -> CatalogueRun:
    """Book a page in one transaction; the run as it stands then. A page that somebody else booked
    meanwhile is dropped."""
    moment = clock.now()
    async with transaction() as conn:
        run = await CatalogueRun.filter(id=asked.id).select_for_update().get()
        if run.state is not RunState.READING or run.cursor != asked.cursor:
            return run
        if isinstance(found, Uncertain):
            await _failed(conn, run, found, moment)
            return run
        changed = await put_items(conn, line.shop, found.items, run.id, moment, asked_at)
        changed += await put_gone(conn, line.shop, found.gone, moment, asked_at)
        await tell_changed(conn, run.id, run.supplier_id, changed)
        run.pages, run.items = run.pages + 1, run.items + len(found.items)
        run.changed, run.failures = run.changed + len(changed), 0
        stands = found.next_cursor is not None and found.next_cursor == run.cursor
        if stands or run.pages >= MAX_PAGES:
            await _end(conn, run, RunState.FAILED, "list_without_end", moment)
            return run
        run.cursor, run.next_at = found.next_cursor, moment + LEASE
        if found.next_cursor is None:
            run.state = RunState.CONFIRMING
        await run.save()
    return run


async def _failed(conn: Connection, run: CatalogueRun, why: Uncertain, moment: datetime) -> None:
    """Nothing was learned: again later, and given up after a number of times."""
    run.failures, run.detail = run.failures + 1, (why.detail or why.category.value)[:200]
    if run.failures >= MAX_FAILURES:
        await _end(conn, run, RunState.FAILED, run.detail, moment)
        return
    limited = why.category is Category.RATE_LIMITED
    run.next_at = moment + retry_in(run.failures, limited=limited)
    await run.save()


async def _end(
    conn: Connection, run: CatalogueRun, state: RunState, detail: str, moment: datetime
) -> None:
    run.state, run.detail = state, detail
    run.next_at, run.finished_at = None, moment
    await run.save()
    if state in (RunState.FAILED, RunState.SUSPICIOUS):
        await tell_incomplete(conn, run)


async def _confirm(line: Line, asked: CatalogueRun) -> CatalogueRun:
    """The whole list is here: what it lacks is asked about where that can be asked, counted where
    not, and doubted when it is too much."""
    async with connection() as conn:
        rows = await conn.fetch(_MISSING, asked.supplier_id, asked.id)
        known = await conn.fetchval(_COUNT, asked.supplier_id)
    missing = [row["item"] for row in rows]
    doubtful = is_suspicious(len(missing), known, line.policy.missing_rate)
    found: Read | Uncertain = Read()
    asks = line.port.capabilities_of(line.connection).product
    asked_at = clock.now() if asks else asked.started_at
    if asks and not doubtful:
        found = await ask_each(line, missing[:CONFIRMED_AT_ONCE])
        crash_point("sourcing.missing_answered")
    moment = clock.now()
    async with transaction() as conn:
        run = await CatalogueRun.filter(id=asked.id).select_for_update().get()
        if run.state is not RunState.CONFIRMING:
            return run
        run.missing = len(missing)
        if doubtful:
            await _end(conn, run, RunState.SUSPICIOUS, "too_much_is_missing", moment)
            return run
        if isinstance(found, Uncertain):
            await _failed(conn, run, found, moment)
            return run
        run.failures = 0
        gone = list(found.gone) if asks else await _often_missed(conn, run, missing, moment)
        changed = await put_items(conn, line.shop, found.items, run.id, moment, asked_at)
        changed += await put_gone(conn, line.shop, gone, moment, asked_at)
        await tell_changed(conn, run.id, run.supplier_id, changed)
        run.changed += len(changed)
        if asks and len(missing) > CONFIRMED_AT_ONCE:
            run.next_at = moment + LEASE
            await run.save()
            return run
        await _end(conn, run, RunState.DONE, "", moment)
    return run


async def _often_missed(
    conn: Connection, run: CatalogueRun, missing: Sequence[str], moment: datetime
) -> list[str]:
    rows = await conn.fetch(_MISSED, run.supplier_id, list(missing), moment, suppliers.CURRENCY)
    return [row["item"] for row in rows if row["missed"] >= MISSED_FOR_GONE]
