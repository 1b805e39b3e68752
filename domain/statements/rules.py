"""Pure rules of statements: how a line compares with ours, what that is called, which day it is."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from domain.statements.models import DifferenceState, LineKind, Outcome

CHUNK_LINES = 1_000
DIGEST_BYTES = 16
# So near to a day's end, ours and theirs may be of different days.
WINDOW = timedelta(hours=2)
# What takes longer from our first word to our last is looked for by its last one only.
LONGEST = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of any partner's statement. Amounts in units of 1/10000, never below zero but for
    the fee of what goes back; of a purchase what was taken less what was given back."""

    kind: LineKind
    reference: str
    provider_id: str
    amount: int
    fee: int
    currency: str
    at: datetime
    about: str = ""
    raw: str = field(default="", repr=False, compare=False)
    place: int = field(default=0, repr=False, compare=False)  # of the row in its file; 0: not known


@dataclass(frozen=True, slots=True)
class Subject:
    """What we have: a payment, a refund, an attempt, what its supplier gave back, a payout.
    `booked`: its money moved here."""

    id: UUID
    kind: LineKind
    reference: str
    owner_id: UUID | None
    amount: int
    currency: str
    booked: bool
    first_at: datetime
    last_at: datetime
    back: int = 0  # of a purchase: what its supplier gave back since, by our books
    netted: bool = False  # the line tells it less what came back


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one line compares."""

    outcome: Outcome
    code: str = ""
    subject: Subject | None = None
    late: bool = False


class Step(StrEnum):
    """What can be done about a difference with one click."""

    ASK = "ASK"  # ask the partner about it now, and book what it says
    SETTLE = "SETTLE"  # explain it; another operator has to agree


def judge(line: Line, subject: Subject | None, *, taken: bool, offset: timedelta) -> Verdict:
    """Compare a line with what it names of ours; `taken`: an earlier line is of the same."""
    if line.kind is LineKind.OTHER or (line.kind is LineKind.PURCHASE and _nothing(line, subject)):
        return Verdict(Outcome.NOTED)
    if subject is None:
        return _named(line, Outcome.MISSING_HERE, None)
    if taken:
        return _named(line, Outcome.DUPLICATE, subject)
    if not subject.booked and line.amount:
        return _named(line, Outcome.MISSING_HERE, subject)
    if subject.back and line.amount == subject.amount - subject.back:  # told as a whole, less that
        subject = replace(subject, amount=line.amount, netted=True)
    late = day_of(subject.last_at, offset) != day_of(line.at, offset)
    if (line.amount, line.currency) != (subject.amount, subject.currency):
        return _named(line, Outcome.AMOUNT_DIFFERS, subject, late=late)
    return Verdict(Outcome.MATCHED, "", subject, late)


def _nothing(line: Line, subject: Subject | None) -> bool:
    """A purchase that came to nothing there, and of which there is nothing here."""
    return not line.amount and (subject is None or not subject.booked)


def _named(line: Line, outcome: Outcome, subject: Subject | None, *, late: bool = False) -> Verdict:
    return Verdict(outcome, code_of(line.kind, outcome, known=subject is not None), subject, late)


_CODES = {
    Outcome.MISSING_THERE: "missing_there",
    Outcome.AMOUNT_DIFFERS: "differs",
    Outcome.DUPLICATE: "twice",
}
NOT_BOOKED, UNKNOWN_HERE = "not_booked", "unknown_here"
COMPARED = tuple(kind for kind in LineKind if kind is not LineKind.OTHER)
CODES = tuple(
    f"{kind.lower()}_{what}"
    for kind in COMPARED
    for what in (UNKNOWN_HERE, NOT_BOOKED, *_CODES.values())
)


def code_of(kind: LineKind, outcome: Outcome, *, known: bool) -> str:
    """The stable name of a difference; each has its sentence, with the next step."""
    what = _CODES.get(outcome) or (NOT_BOOKED if known else UNKNOWN_HERE)
    return f"{kind.lower()}_{what}"


def steps_of(code: str, state: DifferenceState) -> list[Step]:
    """What an operator may do about a difference now."""
    if state not in (DifferenceState.OPEN, DifferenceState.ASKED):
        return []
    askable = code.endswith(f"_{NOT_BOOKED}")
    return [Step.ASK, Step.SETTLE] if askable else [Step.SETTLE]


# --- days -----------------------------------------------------------------------------------------


def day_of(at: datetime, offset: timedelta) -> date:
    """The day of a moment by a calendar so far east of UTC."""
    return at.astimezone(timezone(offset)).date()


def bounds_of(day: date, offset: timedelta) -> tuple[datetime, datetime]:
    """The first moment of a day, and that of the next one."""
    start = datetime.combine(day, time(), timezone(offset)).astimezone(UTC)
    return start, start + timedelta(days=1)


def days_between(first: date, last: date) -> list[date]:
    """All days from one to another."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def days_it_may_be_of(subject: Subject, offset: timedelta) -> list[date]:
    """The days whose statements may name it: those from its first to its last moment, and the
    neighbour when one of these is near midnight."""
    first_at = max(subject.first_at, subject.last_at - LONGEST)
    return days_between(day_of(first_at - WINDOW, offset), day_of(subject.last_at + WINDOW, offset))


def is_missing_there(subject: Subject, complete: Collection[date], offset: timedelta) -> bool:
    """Whether every statement that could name it is here. Asked of what no line names."""
    return all(day in complete for day in days_it_may_be_of(subject, offset))


# --- lines ----------------------------------------------------------------------------------------


def digest_of(line: Line) -> bytes:
    """The same for lines that say the same, whatever file they came in."""
    told = (
        line.kind.value,
        line.reference,
        line.about,
        line.provider_id,
        str(line.amount),
        str(line.fee),
        line.currency,
        line.at.astimezone(UTC).isoformat(),
    )
    return sha256("\x1f".join(told).encode()).digest()[:DIGEST_BYTES]


def occurrences(digests: list[bytes], seen: dict[bytes, int]) -> list[int]:
    """Which of several alike each line is; `seen`: how many the file had before these."""
    counts = dict(seen)
    found = []
    for digest in digests:
        found.append(counts.get(digest, 0))
        counts[digest] = found[-1] + 1
    return found
