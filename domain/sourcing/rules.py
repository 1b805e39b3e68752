"""Pure rules of following a supplier's list. Amounts in units of 1/10000, rates in 1/10000."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from domain.suppliers import Availability, CatalogueItem

WHOLE = 10_000
MISSED_FOR_GONE = 2  # whole lists in a row that lack an item nobody can be asked about
FEW = 3  # so many may always go at once
FIRST_RETRY, LAST_RETRY = timedelta(seconds=15), timedelta(minutes=10)
LIMITED_RETRY = timedelta(minutes=1)  # a supplier that says "too often" is left alone so long
MAX_FAILURES = 6  # in a row, and the run is given up
# What changed is asked for once more after so long, where the supplier tells of changes: what went
# to and fro between two of its looks is told by nobody.
ONCE_MORE = timedelta(seconds=30)
# Of so many items a supplier may say at once that they changed; of more its whole list is read.
MOST_TOLD = 1_000


@dataclass(frozen=True, slots=True)
class Damping:
    """Which changes count at once, and how long small ones must stand before they count."""

    tolerance: int
    settle: timedelta


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an item: what was told last and since when, and what counts."""

    told_cost: int | None
    cost: int | None
    cost_since: datetime
    told: Availability
    availability: Availability
    told_since: datetime


def availability_of(item: CatalogueItem) -> Availability:
    """Whether an item is to be had. A stock that is not told is not zero."""
    if not item.on_sale:
        return Availability.OFF_SALE
    return Availability.SOLD_OUT if item.stock == 0 else Availability.ON_SALE


def first_known(cost: int | None, told: Availability, moment: datetime) -> Known:
    """What is known of an item that was just listed for the first time."""
    return Known(cost, cost, moment, told, told, moment)


def settled(
    before: Known, cost: int | None, told: Availability, damping: Damping, moment: datetime
) -> Known:
    """What is known once an item was listed again (row D6).

    A large change of cost counts at once, a small one when it has stood for a while, so that prices
    do not follow a flutter. That an item is not to be had counts at once; that it is back, when it
    has been back for a while.
    """
    cost_since = before.cost_since if cost == before.told_cost else moment
    told_since = before.told_since if told == before.told else moment
    stood = moment - cost_since >= damping.settle
    counts = _is_large(before.cost, cost, damping.tolerance) or stood
    returns = told is Availability.ON_SALE and before.availability is not Availability.ON_SALE
    back = not returns or moment - told_since >= damping.settle
    return Known(
        told_cost=cost,
        cost=cost if counts else before.cost,
        cost_since=cost_since,
        told=told,
        availability=told if back else before.availability,
        told_since=told_since,
    )


def _is_large(before: int | None, after: int | None, tolerance: int) -> bool:
    if before is None or after is None:
        return True
    return abs(after - before) * WHOLE > before * tolerance


def in_our_money(cost: int, rate: Decimal) -> int:
    """A cost at what one unit of its currency costs us, rounded up: it is never told too low."""
    return int((cost * rate).to_integral_value(ROUND_CEILING))


def is_suspicious(missing: int, known: int, missing_rate: int) -> bool:
    """Whether a list lacks too much of what was there to be believed."""
    return missing > FEW and missing * WHOLE > known * missing_rate


def retry_in(failures: int, *, limited: bool) -> timedelta:
    """How long to wait after so many failures in a row."""
    doubled: timedelta = FIRST_RETRY * 2 ** min(failures - 1, 10)
    return max(min(LAST_RETRY, doubled), LIMITED_RETRY if limited else FIRST_RETRY)
