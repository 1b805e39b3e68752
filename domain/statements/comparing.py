"""Writing lines and what became of them: compared, counted, their differences told.

Whoever writes has locked the source's row, so one file of a source is written at a time.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from domain import ledger
from domain.kernel import Connection, clock, new_id, purpose_key, seal_all
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.statements.books import book_of
from domain.statements.models import LineKind, Outcome, StatementSource
from domain.statements.rules import (
    Line,
    Subject,
    Verdict,
    code_of,
    day_of,
    digest_of,
    judge,
    occurrences,
)

RAW_PURPOSE = "statement-line"
STANDING = (Outcome.MATCHED, Outcome.AMOUNT_DIFFERS)  # a line that stands for our side

_LOCK = "SELECT id FROM statement_sources WHERE id = $1 FOR UPDATE"
_ALIKE = """
SELECT digest, count(*) AS known, count(*) FILTER (WHERE seen_in = $3) AS seen
FROM statement_lines WHERE source_id = $1 AND digest = ANY($2) GROUP BY digest
"""
_SEEN = """
UPDATE statement_lines l SET seen_in = $2
FROM unnest($3::bytea[], $4::int[]) AS w (digest, occurrence)
WHERE l.source_id = $1 AND l.digest = w.digest AND l.occurrence = w.occurrence
"""
_TAKEN = """
SELECT subject_id, kind FROM statement_lines
WHERE subject_id = ANY($1) AND outcome IN ('MATCHED', 'AMOUNT_DIFFERS') AND id <> ALL($2)
"""
_INSERT = """
INSERT INTO statement_lines (id, source_id, file_id, number, day, kind, reference, about,
    provider_id, amount, fee, currency, at, digest, occurrence, seen_in, raw_sealed, outcome,
    subject_id, ours, late, owner_id, fee_booked)
SELECT w.id, $1, $2, w.number, w.day, w.kind, w.reference, w.about, w.provider_id, w.amount, w.fee,
    w.currency, w.at, w.digest, w.occurrence, $2, w.raw, w.outcome, w.subject, w.ours, w.late,
    w.owner, w.booked
FROM unnest($3::uuid[], $4::int[], $5::date[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::bigint[], $11::bigint[], $12::text[], $13::timestamptz[], $14::bytea[], $15::int[],
    $16::bytea[], $17::text[], $18::uuid[], $19::bigint[], $20::bool[], $21::uuid[], $22::bool[])
    AS w (id, number, day, kind, reference, about, provider_id, amount, fee, currency, at, digest,
    occurrence, raw, outcome, subject, ours, late, owner, booked)
"""
_DIFFER = """
INSERT INTO statement_differences (id, source_id, day, kind, outcome, code, line_id, subject_id,
    reference, currency, theirs, ours, state, found_at, looked_at, note)
SELECT w.id, $1, w.day, w.kind, w.outcome, w.code, w.line, w.subject, w.reference, w.currency,
    w.theirs, w.ours, 'OPEN', $2, $2, ''
FROM unnest($3::uuid[], $4::date[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::uuid[],
    $10::text[], $11::text[], $12::bigint[], $13::bigint[])
    AS w (id, day, kind, outcome, code, line, subject, reference, currency, theirs, ours)
ON CONFLICT DO NOTHING RETURNING subject_id, line_id
"""
_CAME = """
UPDATE statement_differences SET looked_at = $2, closed_at = coalesce(closed_at, $2),
    state = CASE WHEN state = 'SETTLED' THEN state ELSE 'RESOLVED' END
WHERE (subject_id, kind) IN (SELECT * FROM unnest($1::uuid[], $3::text[]))
    AND line_id IS NULL AND state <> 'RESOLVED'
RETURNING day, kind, currency, ours
"""
_COUNT = """
INSERT INTO statement_tallies (id, source_id, day, kind, outcome, currency, number, late, theirs,
    ours, fee)
SELECT w.id, $1, w.day, w.kind, w.outcome, w.currency, w.number, w.late, w.theirs, w.ours, w.fee
FROM unnest($2::uuid[], $3::date[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[])
    AS w (id, day, kind, outcome, currency, number, late, theirs, ours, fee)
ON CONFLICT (source_id, day, kind, outcome, currency) DO UPDATE SET
    number = statement_tallies.number + excluded.number,
    late = statement_tallies.late + excluded.late,
    theirs = statement_tallies.theirs + excluded.theirs,
    ours = statement_tallies.ours + excluded.ours,
    fee = statement_tallies.fee + excluded.fee
"""

Key = tuple[date, LineKind, Outcome, str]


@dataclass(frozen=True, slots=True)
class Numbered:
    """A line and its number in the file."""

    number: int
    line: Line


@dataclass(frozen=True, slots=True)
class Judged:
    """A line that is stored, or about to be, and how it compares."""

    id: UUID
    line: Line
    day: date
    verdict: Verdict


class Tally:
    """Sums by day, kind and outcome; written in one statement, so many lines move few rows."""

    def __init__(self) -> None:
        self._sums: dict[Key, list[int]] = defaultdict(lambda: [0] * 5)

    def add(self, key: Key, *figures: int) -> None:
        """Number, late, theirs, ours, fee; below zero for what is counted no more."""
        sums = self._sums[key]
        for place, figure in enumerate(figures):
            sums[place] += figure

    def add_line(self, judged: Judged, sign: int = 1) -> None:
        """Count a line, or take it out."""
        line, verdict = judged.line, judged.verdict
        ours = verdict.subject.amount if verdict.subject and verdict.outcome in STANDING else 0
        key = (judged.day, line.kind, verdict.outcome, line.currency)
        self.add(key, sign, sign * verdict.late, sign * line.amount, sign * ours, sign * line.fee)

    async def write(self, conn: Connection, source_id: UUID) -> None:
        """Add it to what is counted so far, in the order of keys."""
        rows = sorted((key, sums) for key, sums in self._sums.items() if any(sums))
        if not rows:
            return
        columns: list[list[Any]] = [[new_id() for _ in rows]]
        columns += [[key[place] for key, _ in rows] for place in range(4)]
        columns += [[sums[place] for _, sums in rows] for place in range(5)]
        await conn.execute(_COUNT, source_id, *columns)


def offset_of(source: StatementSource) -> timedelta:
    """How far east of UTC a source's calendar is."""
    return timedelta(minutes=source.offset_minutes)


async def lock_source(conn: Connection, source: StatementSource) -> None:
    """From here on this transaction alone writes of the source."""
    await conn.execute(_LOCK, source.id)


async def write_lines(
    conn: Connection, source: StatementSource, file_id: UUID, lines: Sequence[Numbered]
) -> int:
    """Store what no earlier file had, compared with ours; how many lines that were."""
    fresh = await _fresh(conn, source, file_id, lines)
    if not fresh:
        return 0
    judged = await compare(conn, source, [(new_id(), each.line) for each, _, _ in fresh])
    booked = await book_fees(conn, judged)
    await _insert(conn, source.id, file_id, fresh, judged, booked)
    tally = Tally()
    for each in judged:
        tally.add_line(each)
    await _tell(conn, source.id, judged)
    await resolve_missing(conn, judged, tally)
    await tally.write(conn, source.id)
    return len(fresh)


async def compare(
    conn: Connection,
    source: StatementSource,
    lines: Sequence[tuple[UUID, Line]],
    standing: set[tuple[UUID, LineKind]] | None = None,
) -> list[Judged]:
    """How lines compare with what we have, in their order. The first one that names something of
    ours stands for it; a line that does so already stays the one. `standing`: what earlier lines
    stand for that are stored nowhere; these are added."""
    offset = offset_of(source)
    only = [line for _, line in lines]
    subjects = await book_of(source.party).find(conn, source, only)
    ids = [subject.id for subject in subjects if subject is not None]
    taken = {
        (row["subject_id"], LineKind(row["kind"]))
        for row in await conn.fetch(_TAKEN, ids, [each for each, _ in lines])
    }
    standing = set() if standing is None else standing
    found = []
    for (line_id, line), subject in zip(lines, subjects, strict=True):
        what = None if subject is None else (subject.id, subject.kind)
        verdict = judge(line, subject, taken=what in taken or what in standing, offset=offset)
        if verdict.outcome in STANDING and what is not None:
            standing.add(what)
        found.append(Judged(line_id, line, day_of(line.at, offset), verdict))
    return found


async def tell_missing(
    conn: Connection, source: StatementSource, subjects: Sequence[Subject]
) -> int:
    """What we have and the statement does not, told once; how many are new."""
    if not subjects:
        return 0
    offset, missing = offset_of(source), Outcome.MISSING_THERE
    rows = [
        (
            new_id(),
            day_of(each.last_at, offset),
            each.kind.value,
            missing.value,
            code_of(each.kind, missing, known=True),
            None,
            each.id,
            each.reference,
            each.currency,
            None,
            each.amount,
        )
        for each in subjects
    ]
    written = await _differ(conn, source.id, rows)
    new = {row["subject_id"] for row in written}
    tally = Tally()
    for each in subjects:
        if each.id in new:
            key = (day_of(each.last_at, offset), each.kind, missing, each.currency)
            tally.add(key, 1, 0, 0, each.amount, 0)
    await tally.write(conn, source.id)
    return len(new)


async def book_fees(conn: Connection, judged: Sequence[Judged]) -> set[UUID]:
    """Book what channels kept of lines that stand for ours, once a line; which ones were."""
    postings, booked = [], set()
    for each in judged:
        subject, line = each.verdict.subject, each.line
        stands = each.verdict.outcome in STANDING and line.kind in (
            LineKind.PAYMENT,
            LineKind.REFUND,
        )
        if subject is None or not stands or not line.fee or line.currency != subject.currency:
            continue
        legs = [
            (account_id(AccountKind.CHANNEL, subject.owner_id, line.currency), line.fee),
            (account_id(AccountKind.CHANNEL_FEE, None, line.currency), -line.fee),
        ]
        postings.append(Posting(TransferKind.CHANNEL_FEE, each.id, line.currency, legs))
        booked.add(each.id)
    await ledger.post(conn, postings)
    return booked


async def _fresh(
    conn: Connection, source: StatementSource, file_id: UUID, lines: Sequence[Numbered]
) -> list[tuple[Numbered, bytes, int]]:
    """Lines that are not here yet, each with its digest and which of several alike it is."""
    digests = [digest_of(each.line) for each in lines]
    rows = await conn.fetch(_ALIKE, source.id, list(set(digests)), file_id)
    known = {row["digest"]: row["known"] for row in rows}
    numbers = occurrences(digests, {row["digest"]: row["seen"] for row in rows})
    fresh, again = [], []
    for each, digest, number in zip(lines, digests, numbers, strict=True):
        if number < known.get(digest, 0):
            again.append((digest, number))
        else:
            fresh.append((each, digest, number))
    if again:
        columns = [list(column) for column in zip(*again, strict=True)]
        await conn.execute(_SEEN, source.id, file_id, *columns)
    return fresh


async def _insert(
    conn: Connection,
    source_id: UUID,
    file_id: UUID,
    fresh: Sequence[tuple[Numbered, bytes, int]],
    judged: Sequence[Judged],
    booked: set[UUID],
) -> None:
    raw = seal_all(
        purpose_key(RAW_PURPOSE), [(each.line.raw.encode(), each.id.bytes) for each in judged]
    )
    rows = [
        (
            each.id,
            numbered.number,
            each.day,
            each.line.kind.value,
            each.line.reference,
            each.line.about,
            each.line.provider_id,
            each.line.amount,
            each.line.fee,
            each.line.currency,
            each.line.at,
            digest,
            occurrence,
            sealed,
            each.verdict.outcome.value,
            *ours_of(each.verdict),
            each.id in booked,
        )
        for (numbered, digest, occurrence), each, sealed in zip(fresh, judged, raw, strict=True)
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    await conn.execute(_INSERT, source_id, file_id, *columns)


def ours_of(verdict: Verdict) -> tuple[UUID | None, int | None, bool, UUID | None]:
    """What is kept of our side with a line: its id, amount, whether of another day, and owner."""
    subject = verdict.subject
    if subject is None:
        return None, None, False, None
    return subject.id, subject.amount, verdict.late, subject.owner_id


async def _tell(conn: Connection, source_id: UUID, judged: Iterable[Judged]) -> None:
    rows = [
        (
            new_id(),
            each.day,
            each.line.kind.value,
            each.verdict.outcome.value,
            each.verdict.code,
            each.id,
            each.verdict.subject.id if each.verdict.subject else None,
            each.line.reference or each.line.provider_id,
            each.line.currency,
            each.line.amount,
            each.verdict.subject.amount if each.verdict.subject else None,
        )
        for each in judged
        if each.verdict.code
    ]
    if rows:
        await _differ(conn, source_id, rows)


async def _differ(conn: Connection, source_id: UUID, rows: list[tuple[Any, ...]]) -> list[Any]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    found: list[Any] = await conn.fetch(_DIFFER, source_id, clock.now(), *columns)
    return found


async def resolve_missing(conn: Connection, judged: Iterable[Judged], tally: Tally) -> None:
    """What was missed there has come after all."""
    came = [
        each.verdict.subject
        for each in judged
        if each.verdict.subject is not None and each.verdict.outcome in STANDING
    ]
    if not came:
        return
    ids, kinds = [each.id for each in came], [each.kind.value for each in came]
    for row in await conn.fetch(_CAME, ids, clock.now(), kinds):
        key = (row["day"], LineKind(row["kind"]), Outcome.MISSING_THERE, row["currency"])
        tally.add(key, -1, 0, 0, -(row["ours"] or 0), 0)
