"""What we have and no statement names; and open differences, looked at again."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from domain.kernel import (
    Connection,
    Event,
    clock,
    connection,
    crash_point,
    new_id,
    record_events,
    transaction,
)
from domain.statements.books import book_of
from domain.statements.comparing import (
    Judged,
    Tally,
    book_fees,
    compare,
    lock_source,
    offset_of,
    ours_of,
    resolve_missing,
    tell_missing,
)
from domain.statements.models import LineKind, Outcome, StatementSource
from domain.statements.rules import (
    LONGEST,
    WINDOW,
    Line,
    Subject,
    Verdict,
    bounds_of,
    is_missing_there,
)

DIFFERENCES_FOUND = "statement.differences_found"
LOOKED_AT = 500
LOOK_EVERY = timedelta(hours=1)
TOLD_AT_ONCE = 5_000

_UNJUDGED = """
SELECT day FROM statement_days WHERE source_id = $1 AND judged_at IS NULL ORDER BY day
"""
_COMPLETE = "SELECT day FROM statement_days WHERE source_id = $1 AND day BETWEEN $2 AND $3"
_JUDGED = """
UPDATE statement_days SET judged_at = $3 WHERE source_id = $1 AND day = $2 AND completed_at <= $3
"""
_SOURCES_UNJUDGED = "SELECT DISTINCT source_id FROM statement_days WHERE judged_at IS NULL"
_TELL = """
UPDATE statement_differences SET told_at = $2 WHERE id = ANY (ARRAY(
    SELECT id FROM statement_differences WHERE source_id = $1 AND told_at IS NULL
    ORDER BY id LIMIT $3))
RETURNING day, outcome
"""
_SOURCES_OPEN = """
SELECT DISTINCT source_id FROM statement_differences
WHERE state IN ('OPEN', 'ASKED') AND line_id IS NOT NULL AND looked_at < $1
"""
_SOURCES_UNTOLD = "SELECT DISTINCT source_id FROM statement_differences WHERE told_at IS NULL"
# Those that were looked at longest ago; lines that are twice there stay so.
_OPEN = """
SELECT d.id AS difference, d.line_id FROM statement_differences d
WHERE d.source_id = $1 AND d.state IN ('OPEN', 'ASKED') AND d.line_id IS NOT NULL
    AND d.looked_at < $2
ORDER BY d.looked_at LIMIT $3
"""
_LINES = """
SELECT id, day, kind, reference, about, provider_id, amount, fee, currency, at, outcome, late,
    ours, subject_id, fee_booked
FROM statement_lines WHERE id = ANY($1) AND outcome <> 'DUPLICATE'
"""
_MOVE = """
UPDATE statement_lines l SET outcome = w.outcome, subject_id = w.subject, ours = w.ours,
    late = w.late, owner_id = w.owner, fee_booked = l.fee_booked OR w.booked
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bool[], $6::uuid[], $7::bool[])
    AS w (id, outcome, subject, ours, late, owner, booked)
WHERE l.id = w.id
"""
_MOVE_DIFFERENCE = """
UPDATE statement_differences d SET looked_at = $1, subject_id = w.subject, ours = w.ours,
    outcome = CASE WHEN w.code = '' THEN d.outcome ELSE w.outcome END,
    code = CASE WHEN w.code = '' THEN d.code ELSE w.code END,
    state = CASE WHEN w.code = '' THEN 'RESOLVED' ELSE d.state END,
    closed_at = CASE WHEN w.code = '' THEN $1::timestamptz END
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[])
    AS w (line, outcome, code, subject, ours)
WHERE d.line_id = w.line AND d.state IN ('OPEN', 'ASKED')
"""
_LOOKED = "UPDATE statement_differences SET looked_at = $2 WHERE id = ANY($1)"


async def judge_days(source: StatementSource) -> int:
    """Look for what we have of complete days and no line names; how much is new.

    Killed in the middle it begins the day again, and tells nothing twice.
    """
    async with connection() as conn:
        days = [row["day"] for row in await conn.fetch(_UNJUDGED, source.id)]
    return sum([await _judge_day(source, day) for day in days])


async def judge_all() -> int:
    """Days that were complete when somebody died, differences that were not told."""
    found = 0
    async with connection() as conn:
        unjudged = [row["source_id"] for row in await conn.fetch(_SOURCES_UNJUDGED)]
        untold = [row["source_id"] for row in await conn.fetch(_SOURCES_UNTOLD)]
    for source in await StatementSource.filter(id__in=unjudged):
        found += await judge_days(source)
    for source in await StatementSource.filter(id__in={*unjudged, *untold}):
        await tell_differences(source)
    return found


async def tell_differences(source: StatementSource) -> int:
    """One event for each day with new differences; how many differences were told."""
    told = 0
    while True:
        async with transaction() as conn:
            rows = await conn.fetch(_TELL, source.id, clock.now(), TOLD_AT_ONCE)
            if not rows:
                return told
            counts: dict[date, Counter[str]] = {}
            for row in rows:
                counts.setdefault(row["day"], Counter())[row["outcome"]] += 1
            events = [_found_event(source, day, counts[day]) for day in sorted(counts)]
            await record_events(conn, events)
        told += len(rows)


async def look_again(source: StatementSource, before: datetime) -> int:
    """Compare the lines of open differences again that were last looked at before a moment: a
    payment may have been booked since. How many agree now, or differ otherwise."""
    changed = 0
    while True:
        async with transaction() as conn:
            await lock_source(conn, source)
            rows = await conn.fetch(_OPEN, source.id, before, LOOKED_AT)
            if not rows:
                return changed
            changed += await _compare_again(conn, source, [row["line_id"] for row in rows])
            await conn.execute(_LOOKED, [row["difference"] for row in rows], clock.now())


async def look_at_open() -> int:
    """Compare again what was last compared an hour ago; how much is different now."""
    before = clock.now() - LOOK_EVERY
    async with connection() as conn:
        waiting = [row["source_id"] for row in await conn.fetch(_SOURCES_OPEN, before)]
    sources = await StatementSource.filter(id__in=waiting)
    return sum([await look_again(each, before) for each in sources])


async def look_at_lines(source: StatementSource, line_ids: Sequence[UUID]) -> int:
    """Compare some lines again, now."""
    async with transaction() as conn:
        await lock_source(conn, source)
        return await _compare_again(conn, source, line_ids)


async def _judge_day(source: StatementSource, day: date) -> int:
    found, offset, began = 0, offset_of(source), clock.now()
    start, end = bounds_of(day, offset)
    complete = await _complete_days(source, day)
    pages = book_of(source.party).unnamed(source, start - WINDOW, end + WINDOW)
    async for page in pages:
        missing = [each for each in page if is_missing_there(each, complete, offset)]
        if missing:
            async with transaction() as conn:
                await lock_source(conn, source)
                found += await tell_missing(conn, source, missing)
            crash_point("statements.page_judged")
    async with transaction() as conn:
        await conn.execute(_JUDGED, source.id, day, began)
    return found


async def _complete_days(source: StatementSource, day: date) -> set[date]:
    span = LONGEST + timedelta(days=2)
    async with connection() as conn:
        rows = await conn.fetch(_COMPLETE, source.id, day - span, day + span)
    return {row["day"] for row in rows}


async def _compare_again(
    conn: Connection, source: StatementSource, line_ids: Sequence[UUID]
) -> int:
    rows = {row["id"]: row for row in await conn.fetch(_LINES, line_ids)}
    lines = [(each, _line_of(rows[each])) for each in line_ids if each in rows]
    judged = await compare(conn, source, lines)
    moved = [each for each in judged if _differs(each, rows[each.id])]
    if not moved:
        return 0
    booked = await book_fees(conn, [each for each in moved if not rows[each.id]["fee_booked"]])
    tally = Tally()
    for each in moved:
        tally.add_line(_before(each, rows[each.id]), -1)
        tally.add_line(each)
    told = [(each.id, each.verdict.outcome.value, *ours_of(each.verdict)) for each in moved]
    columns = [list(column) for column in zip(*told, strict=True)]
    await conn.execute(_MOVE, *columns, [each.id in booked for each in moved])
    await conn.execute(
        _MOVE_DIFFERENCE,
        clock.now(),
        [each.id for each in moved],
        [each.verdict.outcome.value for each in moved],
        [each.verdict.code for each in moved],
        columns[2],
        columns[3],
    )
    await resolve_missing(conn, moved, tally)
    await tally.write(conn, source.id)
    return len(moved)


def _line_of(row: Any) -> Line:
    return Line(
        kind=LineKind(row["kind"]),
        reference=row["reference"],
        provider_id=row["provider_id"],
        amount=row["amount"],
        fee=row["fee"],
        currency=row["currency"],
        at=row["at"],
        about=row["about"],
    )


def _differs(judged: Judged, row: Any) -> bool:
    subject = judged.verdict.subject
    now = (judged.verdict.outcome.value, subject.id if subject else None)
    amount = subject.amount if subject else None
    return now != (row["outcome"], row["subject_id"]) or amount != row["ours"]


def _before(judged: Judged, row: Any) -> Judged:
    """The line as it was counted."""
    subject = None
    if row["subject_id"] is not None:
        at = judged.line.at
        subject = Subject(
            id=row["subject_id"],
            kind=judged.line.kind,
            reference=row["reference"],
            owner_id=None,
            amount=row["ours"],
            currency=row["currency"],
            booked=True,
            first_at=at,
            last_at=at,
        )
    return Judged(
        judged.id,
        judged.line,
        row["day"],
        Verdict(Outcome(row["outcome"]), "", subject, row["late"]),
    )


def _found_event(source: StatementSource, day: date, counts: Counter[str]) -> Event:
    payload = {
        "source": source.code,
        "party": source.party.value,
        "day": day.isoformat(),
        "number": counts.total(),
        "outcomes": dict(sorted(counts.items())),
    }
    return Event(DIFFERENCES_FOUND, new_id(), 1, payload)
