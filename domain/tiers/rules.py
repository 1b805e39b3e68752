"""Pure rules of tiers by sales: months, what is missing, and what becomes of an agent.

Nothing here asks who was recruited, what was deposited or what the agent bought itself: a measure
has no such field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.agents import Tier
from domain.tiers.models import PromotionTiming, ReviewOutcome

MAX_MONTHS, MAX_GRACE = 12, 12
MAX_SALES, MAX_COUNT = 10**15, 10**9
MAX_NOTE = 500
LONGEST_PIN = timedelta(days=366)
RANKS = {tier: rank for rank, tier in enumerate(Tier)}
REVIEWED = (Tier.SILVER, Tier.GOLD)


@dataclass(slots=True)
class Times:
    """How long after a month's end it is looked at; set once by the wiring."""

    settle: timedelta = timedelta(days=3)


times = Times()


class Criterion(StrEnum):
    """What a tier may ask for. There is no other, and the house cannot make one."""

    SALES = "sales"
    QUANTITY = "quantity"
    CUSTOMERS = "customers"
    COMPLAINTS = "complaints"  # at most
    COMPLIANCE = "compliance"  # no penalty


class Asked(Protocol):
    """What a tier takes."""

    months: int
    sales: int
    quantity: int
    customers: int
    max_complaints: int | None
    clean: bool
    grace: int
    timing: PromotionTiming


@dataclass(frozen=True, slots=True)
class Measure:
    """What an agent sold to consumers in some months, and how good it was."""

    sales: int
    quantity: int
    customers: int
    delivered: int
    complaints: int  # pieces whose complaint was found right
    penalties: int

    @property
    def complaint_rate(self) -> int:
        """Justified complaints in 10,000 delivered pieces, rounded up."""
        return -(-self.complaints * 10_000 // self.delivered) if self.delivered else 0


@dataclass(frozen=True, slots=True)
class Point:
    """One criterion: what is asked, what is there. `have` is at most `needed` for COMPLAINTS and
    COMPLIANCE, else at least."""

    criterion: Criterion
    needed: int
    have: int
    met: bool

    @property
    def missing(self) -> int:
        """How much, or for COMPLAINTS and COMPLIANCE how much too many."""
        return 0 if self.met else abs(self.needed - self.have)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an agent stands before a review. A newcomer was none yet when the month began."""

    tier: Tier
    misses: int
    newcomer: bool = False
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a review finds."""

    outcome: ReviewOutcome
    misses: int
    target: Tier | None = None


def points_of(asked: Asked, measure: Measure) -> list[Point]:
    """The criteria of a tier, each with what an agent has."""
    least = (
        (Criterion.SALES, asked.sales, measure.sales),
        (Criterion.QUANTITY, asked.quantity, measure.quantity),
        (Criterion.CUSTOMERS, asked.customers, measure.customers),
    )
    points = [Point(what, need, have, have >= need) for what, need, have in least if need]
    if asked.max_complaints is not None:
        rate = measure.complaint_rate
        most = asked.max_complaints
        points.append(Point(Criterion.COMPLAINTS, most, rate, rate <= most))
    if asked.clean:
        none = measure.penalties == 0
        points.append(Point(Criterion.COMPLIANCE, 0, measure.penalties, none))
    return points


def judge(standing: Standing, asked: Mapping[Tier, Asked], met: Mapping[Tier, bool]) -> Verdict:
    """What becomes of an agent after a month.

    It rises to the highest tier whose criteria are met, and falls by one tier once it has missed
    its own for more months in a row than that tier's grace. Whoever was not there when the month
    began misses nothing; a tier of which nothing is asked is not lost.
    """
    earned = max((tier for tier in met if met[tier]), key=RANKS.__getitem__, default=Tier.BRONZE)
    if standing.pinned:
        return Verdict(ReviewOutcome.PINNED, 0)
    if RANKS[earned] > RANKS[standing.tier]:
        return Verdict(ReviewOutcome.PROMOTED, 0, earned)
    own = asked.get(standing.tier)
    if own is None or standing.newcomer or earned is standing.tier:
        return Verdict(ReviewOutcome.KEPT, 0)
    misses = standing.misses + 1
    if misses <= own.grace:
        return Verdict(ReviewOutcome.WARNED, misses)
    below = list(Tier)[RANKS[standing.tier] - 1]
    return Verdict(ReviewOutcome.DEMOTED, misses, below)


def effective_from(verdict: Verdict, asked: Mapping[Tier, Asked], now: datetime) -> datetime:
    """When a change counts from: a promotion as its tier says, a demotion from the next month on,
    so that its notice comes before it. Never before now."""
    promoted = verdict.outcome is ReviewOutcome.PROMOTED and verdict.target is not None
    if promoted and asked[verdict.target].timing is PromotionTiming.AT_ONCE:  # type: ignore[index]
        return now
    return start_of(next_month(month_of(now)))


def month_of(moment: datetime) -> date:
    """The month of a moment where the business is, by its first day."""
    return moment.astimezone(_zone()).date().replace(day=1)


def next_month(month: date) -> date:
    """The month after."""
    return (month + timedelta(days=32)).replace(day=1)


def months_before(month: date, count: int) -> date:
    """The month so many before."""
    for _ in range(count):
        month = (month - timedelta(days=1)).replace(day=1)
    return month


def start_of(month: date) -> datetime:
    """When a month begins where the business is."""
    return datetime(month.year, month.month, 1, tzinfo=_zone())


def first_id(moment: datetime) -> UUID:
    """The smallest id of that moment: ids carry the time at which they were made."""
    return UUID(int=int(moment.timestamp() * 1_000) << 80)


def due_month(now: datetime) -> date:
    """The last month that is over for long enough."""
    return months_before(month_of(now - times.settle), 1)


def window_of(month: date, months: int) -> tuple[datetime, datetime]:
    """From when to when so many months last whose last one is this."""
    return start_of(months_before(month, months - 1)), start_of(next_month(month))


def next_tier(tier: Tier, asked: Sequence[Tier]) -> Tier | None:
    """The next better tier of which something is asked."""
    better = [each for each in asked if RANKS[each] > RANKS[tier]]
    return min(better, key=RANKS.__getitem__, default=None)


@dataclass(slots=True)
class Place:
    """Where a month begins; set once by the wiring."""

    utc_offset: timedelta = timedelta(hours=8)


place = Place()


def _zone() -> timezone:
    return timezone(place.utc_offset)
