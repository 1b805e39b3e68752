"""The lives of payments and of their refunds: the tables of moves (decision 0031).

The database holds the same (`payment_move_listed`, `payment_refund_move_listed`); a test compares
them. A closed or refused payment may still turn out to be paid: vendors err, and the money counts.
"""

from collections.abc import Mapping
from types import MappingProxyType

from domain.payments.models import PaymentStatus, RefundStatus

_STARTING, _PENDING, _PAID = PaymentStatus.STARTING, PaymentStatus.PENDING, PaymentStatus.PAID
_SUSPENDED, _CLOSED, _FAILED = PaymentStatus.SUSPENDED, PaymentStatus.CLOSED, PaymentStatus.FAILED

PAYMENT_MOVES: Mapping[PaymentStatus, frozenset[PaymentStatus]] = MappingProxyType(
    {
        _STARTING: frozenset({_PENDING, _PAID, _SUSPENDED, _CLOSED, _FAILED}),
        _PENDING: frozenset({_PAID, _SUSPENDED, _CLOSED}),
        _CLOSED: frozenset({_PAID, _SUSPENDED}),
        _FAILED: frozenset({_PAID, _SUSPENDED}),
        _PAID: frozenset(),
        _SUSPENDED: frozenset(),
    }
)
REFUND_MOVES: Mapping[RefundStatus, frozenset[RefundStatus]] = MappingProxyType(
    {
        RefundStatus.REQUESTED: frozenset({RefundStatus.SUBMITTING}),
        RefundStatus.SUBMITTING: frozenset(
            {RefundStatus.ACCEPTED, RefundStatus.COMPLETED, RefundStatus.REJECTED}
        ),
        RefundStatus.ACCEPTED: frozenset({RefundStatus.COMPLETED, RefundStatus.REJECTED}),
        RefundStatus.COMPLETED: frozenset(),
        RefundStatus.REJECTED: frozenset(),
    }
)
OPEN_PAYMENTS = frozenset({_STARTING, _PENDING})
MONEY_IS_HERE = frozenset({_PAID, _SUSPENDED})
