"""Pure rules of ratings: limits, windows, averages (row M4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_TEXT_LETTERS = 1_000
MAX_TAGS = 5
MAX_REASON_LETTERS = 500
MAX_FIGURES = 100
MAX_PERIOD = timedelta(days=366)


@dataclass(slots=True)
class Ways:
    """How long one may rate and change a rating, and whether texts wait for somebody who reads
    them. Set by the wiring."""

    rate: timedelta = timedelta(days=180)  # from the delivery
    edit: timedelta = timedelta(days=7)  # from the rating, or from the end of a case
    texts_wait: bool = True


ways = Ways()


def may_edit_until(rated_at: datetime, decided_at: datetime | None) -> datetime:
    """Until when a rating may be changed: a case that ends opens it once more."""
    return max(rated_at, decided_at or rated_at) + ways.edit


def average_of(stars: int, count: int) -> float | None:
    """To two digits; None of nothing."""
    return round(stars / count, 2) if count else None
