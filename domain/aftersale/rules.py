"""Pure rules of after-sale: limits, windows, texts that can be shown (rows M1-M3)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_CARDS = 50
MAX_TEXT_LETTERS = 2_000
MAX_REASON_LETTERS = 500
MAX_ANSWER_LETTERS = 1_000
MAX_TICKET_LETTERS = 200
MAX_PERIOD = timedelta(days=92)
MAX_RATES = 100


@dataclass(slots=True)
class Windows:
    """How long buyers may complain and appeal, and how long the house may think. Set by the
    wiring."""

    dispute: timedelta = timedelta(days=7)  # from the moment a card became its buyer's
    appeal: timedelta = timedelta(days=7)  # from the rejection
    decision: timedelta = timedelta(hours=48)
    evidence: timedelta = timedelta(days=180)  # files are kept so long after the decision


windows = Windows()


def in_time(since: datetime, window: timedelta, now: datetime) -> bool:
    """Whether a window that began then is still open; its last moment counts."""
    return now <= since + window


def rate_of(part: int, whole: int) -> float | None:
    """A share, to four digits; None of nothing."""
    return round(part / whole, 4) if whole else None
