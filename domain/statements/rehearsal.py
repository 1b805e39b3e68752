"""What taking a statement in would come to, without a row written: the same reading, the same
comparing, in transactions in which the database refuses every write (mission row F5)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO
from uuid import UUID

from domain import bulk
from domain.kernel import (
    Actor,
    Connection,
    connection,
    new_id,
    plain,
    refuse_unless,
    transaction,
)
from domain.statements.books import book_of
from domain.statements.comparing import (
    STANDING,
    Judged,
    Numbered,
    compare,
    offset_of,
)
from domain.statements.importing import StatementWish, check_wish, chunks_of, look_through
from domain.statements.layouts import WRITE_SCOPE, BadRow, layout_of
from domain.statements.models import LineKind, Outcome, StatementSource, StatementTally
from domain.statements.reading import Form, read_file
from domain.statements.refusals import StatementFileInvalid
from domain.statements.rules import (
    LONGEST,
    WINDOW,
    Line,
    Subject,
    bounds_of,
    code_of,
    days_between,
    digest_of,
    is_missing_there,
    occurrences,
)

MAX_LINES = 300_000  # what was read so far is remembered: some 400 bytes a line
MAX_TEXT = 64
MAX_TOLD = 100_000  # differences and rows left out; all are counted

_KNOWN = """
SELECT digest, count(*) AS known FROM statement_lines
WHERE source_id = $1 AND digest = ANY($2) GROUP BY digest
"""
# Differences that were told when we had something and no line named it.
_MISSED = """
SELECT d.subject_id, d.kind, d.state <> 'RESOLVED' AS open FROM statement_differences d
JOIN unnest($1::uuid[], $2::text[]) AS w (subject, kind)
    ON d.subject_id = w.subject AND d.kind = w.kind
WHERE d.line_id IS NULL
"""
_WHOLE = "SELECT day FROM statement_days WHERE source_id = $1 AND day BETWEEN $2 AND $3"

What = tuple[UUID, LineKind]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A difference that an import would tell. `line` is the row's place in the file; 0: no line
    names what we have. Amounts in units."""

    line: int
    kind: LineKind
    outcome: Outcome
    code: str
    reference: str
    currency: str
    theirs: int | None
    ours: int | None

    def as_problem(self) -> bulk.Problem:
        """The same among the rows of a job that need a look."""
        theirs, ours = ("-" if each is None else plain(each) for each in (self.theirs, self.ours))
        told = f"{theirs} / {ours} {self.currency} {self.reference}"
        return bulk.Problem(self.line, self.code, text=told[:MAX_TEXT])


@dataclass(slots=True)
class StatementRehearsal:
    """What an import would do: lines, how many of them are new, rows that would be left out, and of
    the new ones how they would compare. `resolves`: open differences that would be over."""

    lines: int = 0
    fresh: int = 0
    left_out: int = 0
    resolves: int = 0
    differences: list[Foreseen] = field(default_factory=list)
    problems: list[bulk.Problem] = field(default_factory=list)
    _sums: dict[tuple[LineKind, Outcome, str], Counter[str]] = field(default_factory=dict)

    @property
    def sums(self) -> list[StatementTally]:
        """Lines that compare alike, of all days, as a report shows them."""
        return [_tally(*key, self._sums[key]) for key in sorted(self._sums)]

    def count(self, kind: LineKind, outcome: Outcome, currency: str, **figures: int) -> None:
        """Add one line, or one of ours that no line names."""
        sums = self._sums.setdefault((kind, outcome, currency), Counter())
        sums.update({"number": 1, **figures})

    def tell(self, found: Foreseen) -> None:
        """Keep a difference; of very many the first ones."""
        if len(self.differences) < MAX_TOLD:
            self.differences.append(found)

    def leave_out(self, row: BadRow) -> None:
        """Count a row that cannot be read."""
        self.left_out += 1
        if len(self.problems) < MAX_TOLD:
            self.problems.append(bulk.Problem(row.line, row.reason))

    def as_result(self) -> dict[str, Any]:
        """Its figures, as the result of a job."""
        sums = [
            {"kind": each.kind, "outcome": each.outcome, "currency": each.currency}
            | {name: getattr(each, name) for name in _FIGURES}
            for each in self.sums
        ]
        return {
            "accepted": self.fresh,
            "duplicates": self.lines - self.fresh - self.left_out,
            "rejected": self.left_out,
            "resolves": self.resolves,
            "sums": sums,
            "stored": False,
        }


_FIGURES = ("number", "late", "theirs", "ours", "fee")


@dataclass(slots=True)
class _Read:
    """What the file said so far: lines by their digests, and what they stand for."""

    seen: dict[bytes, int] = field(default_factory=dict)
    standing: set[What] = field(default_factory=set)


async def rehearse(
    actor: Actor,
    source: StatementSource,
    wish: StatementWish,
    file: BinaryIO,
    progress: Callable[[int], None] | None = None,
) -> StatementRehearsal:
    """What `import_file` would do now with the same input. Needs `statements:write`.

    `source` may be one that is stored nowhere yet. Refuses what an import refuses, and a file of
    more than 300,000 lines, which could not be remembered; an import has no such limit.
    """
    actor.require_scope(WRITE_SCOPE)
    check_wish(wish)
    form = Form(wish.format, await layout_of(wish.layout), source.party, offset_of(source))
    await asyncio.to_thread(look_through, file, form)
    found, read = StatementRehearsal(), _Read()
    async with aclosing(chunks_of(read_file(file, form))) as chunks:
        async for chunk in chunks:
            async with _without_writing() as conn:
                await _look_at(conn, source, chunk, read, found)
            too_many = StatementFileInvalid(line=found.lines, reason="statement_dry_run_too_large")
            refuse_unless(found.lines <= MAX_LINES, too_many)
            if progress is not None:
                progress(file.tell())
    if wish.first_day and wish.last_day and not found.left_out:
        await _look_for_missing(source, wish.first_day, wish.last_day, read, found)
    return found


def sums_of(result: Mapping[str, Any] | None) -> list[StatementTally] | None:
    """The sums in the result of a job that rehearsed; None of any other."""
    sums = (result or {}).get("sums")
    if sums is None:
        return None
    return [
        _tally(LineKind(each["kind"]), Outcome(each["outcome"]), each["currency"], each)
        for each in sums
    ]


@asynccontextmanager
async def _without_writing() -> AsyncIterator[Connection]:
    async with transaction() as conn:
        await conn.execute("SET TRANSACTION READ ONLY")
        yield conn


async def _look_at(
    conn: Connection,
    source: StatementSource,
    chunk: Sequence[Line | BadRow],
    read: _Read,
    found: StatementRehearsal,
) -> None:
    """A chunk of the file: which of its lines are new, and how these compare."""
    before, found.lines = found.lines, found.lines + len(chunk)
    for row in chunk:
        if isinstance(row, BadRow):
            found.leave_out(row)
    lines = [
        Numbered(number, row)
        for number, row in enumerate(chunk, before + 1)
        if isinstance(row, Line)
    ]
    fresh = await _fresh(conn, source, lines, read)
    found.fresh += len(fresh)
    asked = [(new_id(), each.line) for each in fresh]
    judged = await compare(conn, source, asked, read.standing)
    for numbered, each in zip(fresh, judged, strict=True):
        _count(found, each, numbered.line.place or numbered.number)
        _note_what_came_back(each, read)
    stands = [
        (each.verdict.subject.id, each.line.kind)
        for each in judged
        if each.verdict.subject is not None and each.verdict.outcome in STANDING
    ]
    found.resolves += sum((await _missed(conn, stands)).values())


async def _fresh(
    conn: Connection, source: StatementSource, lines: Sequence[Numbered], read: _Read
) -> list[Numbered]:
    """Lines that no file had yet; several alike in one file are several lines."""
    digests = [digest_of(each.line) for each in lines]
    rows = await conn.fetch(_KNOWN, source.id, list(set(digests)))
    known = {row["digest"]: row["known"] for row in rows}
    numbers = occurrences(digests, {each: read.seen.get(each, 0) for each in digests})
    for digest, number in zip(digests, numbers, strict=True):
        read.seen[digest] = number + 1
    pairs = zip(lines, digests, numbers, strict=True)
    return [each for each, digest, number in pairs if number >= known.get(digest, 0)]


def _count(found: StatementRehearsal, judged: Judged, place: int) -> None:
    line, verdict = judged.line, judged.verdict
    ours = verdict.subject.amount if verdict.subject else None
    stands = ours if verdict.outcome in STANDING else 0
    figures = {"theirs": line.amount, "ours": stands or 0, "fee": line.fee, "late": verdict.late}
    found.count(line.kind, verdict.outcome, line.currency, **figures)
    if verdict.code:
        reference = line.reference or line.provider_id
        about = (line.kind, verdict.outcome, verdict.code, reference, line.currency)
        found.tell(Foreseen(place, *about, line.amount, ours))


def _note_what_came_back(judged: Judged, read: _Read) -> None:
    """A purchase that is told less what came back tells of what came back, too."""
    subject = judged.verdict.subject
    if subject is None or judged.line.kind is not LineKind.PURCHASE:
        return
    less = subject.netted or judged.line.amount < subject.amount
    if less and judged.verdict.outcome in STANDING:
        read.standing.add((subject.id, LineKind.SUPPLIER_REFUND))


async def _look_for_missing(
    source: StatementSource, first: date, last: date, read: _Read, found: StatementRehearsal
) -> None:
    """What we have of the days that would be whole, and no line would name."""
    days, offset = days_between(first, last), offset_of(source)
    span = LONGEST * 2
    async with connection() as conn:
        rows = await conn.fetch(_WHOLE, source.id, first - span, last + span)
    whole = {row["day"] for row in rows} | set(days)
    told: set[What] = set()
    for day in days:
        start, end = bounds_of(day, offset)
        async with _without_writing() as conn:
            async for page in book_of(source.party).unnamed(source, start - WINDOW, end + WINDOW):
                missing = [
                    each
                    for each in page
                    if (each.id, each.kind) not in told
                    and (each.id, each.kind) not in read.standing
                    and is_missing_there(each, whole, offset)
                ]
                told |= {(each.id, each.kind) for each in missing}
                before = await _missed(conn, [(each.id, each.kind) for each in missing])
                for each in missing:
                    if (each.id, each.kind) not in before:
                        _miss(found, each)


def _miss(found: StatementRehearsal, subject: Subject) -> None:
    outcome = Outcome.MISSING_THERE
    found.count(subject.kind, outcome, subject.currency, ours=subject.amount)
    code = code_of(subject.kind, outcome, known=True)
    about = (subject.kind, outcome, code, subject.reference, subject.currency)
    found.tell(Foreseen(0, *about, None, subject.amount))


async def _missed(conn: Connection, whats: Sequence[What]) -> dict[What, bool]:
    """What was told missing there before, and whether it is so still."""
    if not whats:
        return {}
    ids, kinds = [each for each, _ in whats], [kind.value for _, kind in whats]
    rows = await conn.fetch(_MISSED, ids, kinds)
    return {(row["subject_id"], LineKind(row["kind"])): row["open"] for row in rows}


def _tally(
    kind: LineKind, outcome: Outcome, currency: str, figures: Mapping[str, int]
) -> StatementTally:
    sums = {name: int(figures.get(name, 0)) for name in _FIGURES}
    return StatementTally(kind=kind, outcome=outcome, currency=currency, **sums)
