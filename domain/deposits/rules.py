"""Pure rules of deposits: limits, and how long the house may look for claims."""

from dataclasses import dataclass
from datetime import timedelta

from domain.kernel import SCALE

CURRENCY = "CNY"
# The database holds the same number: a deposit is no entrance fee (money.md part 7).
MAX_UNITS = 10_000 * SCALE


@dataclass(slots=True)
class Times:
    """How long a return waits; set once by the wiring."""

    hold: timedelta = timedelta(days=30)


times = Times()
