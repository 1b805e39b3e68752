"""Pure rules of payments: when to ask again, what a callback must agree with."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.kernel import to_minor
from domain.payments.ports import Notice, Paid

MILLION = 1_000_000
UNPAID_FOR = timedelta(minutes=15)  # an order waits so long for its payment
HELD_BEYOND = timedelta(minutes=2)  # its cards a little longer, so that the order's end frees them
MAX_TRIES = 10  # payments of one order
FIRST_QUERY_AFTER = timedelta(seconds=20)  # a callback is faster, if one comes
QUERY_PAUSES = (5, 5, 10, 10, 15, 30, 60, 120, 300)  # seconds
QUERY_LEASE = timedelta(seconds=30)
# "Nothing known" is believed this long after the payment's end, and where a channel cannot close
# a payment, "not paid yet" this long.
SETTLED_AFTER = timedelta(minutes=5)
UNCLOSABLE_FOR = timedelta(days=1)
REFUND_LEASE = timedelta(seconds=30)
REFUND_PAUSES = (10, 30, 60, 300, 900, 3_600)  # seconds


@dataclass(slots=True)
class Times:
    """How long an order waits; set once by the wiring."""

    unpaid: timedelta = UNPAID_FOR
    first_query: timedelta = FIRST_QUERY_AFTER


@dataclass(frozen=True, slots=True)
class Expected:
    """What we know of a payment, to compare a vendor's word with."""

    channel_id: UUID
    merchant: str
    amount: int
    currency: str


def disagreement(expected: Expected, told: Notice | Paid) -> str:
    """Why a vendor's word does not fit the payment; empty when it fits."""
    if told.merchant != expected.merchant:
        return "merchant"
    if told.currency != expected.currency:
        return "currency"
    return "" if told.amount == expected.amount else "amount"


def fee_of(amount: int, currency: str, rate: int, fixed: int) -> int:
    """What a channel is expected to keep of a payment, in units: so many millionths, to the cent,
    and a fixed part; never more than the payment."""
    share = to_minor((amount * rate + MILLION // 2) // MILLION, currency)
    return min(amount, share + fixed)


def is_stale(at: datetime, moment: datetime, most_seconds: int) -> bool:
    """Whether a callback is older than it may be, or from the future."""
    return abs((moment - at).total_seconds()) > most_seconds


def pause(pauses: tuple[int, ...], tries: int) -> timedelta:
    """How long to wait after so many tries."""
    return timedelta(seconds=pauses[min(tries, len(pauses) - 1)])
