"""The lives of orders and of their lines: the one table of moves (decision 0030).

The database holds the same tables (`order_move_listed`, `line_move_listed` in the migration of
payments); a test compares them. An unpaid order that ended may still be paid: somebody's money that
comes late buys again what is there, or goes back. A delivered order is REFUNDED once all of its
money went back; its lines stay what they were delivered as.
"""

from collections.abc import Mapping
from types import MappingProxyType

from domain.orders.models import LineStatus, OrderStatus

_PENDING, _REVIEW, _PAID = OrderStatus.PENDING_PAYMENT, OrderStatus.RISK_REVIEW, OrderStatus.PAID
_DELIVERING, _DELIVERED = OrderStatus.DELIVERING, OrderStatus.DELIVERED
_PARTLY, _REFUNDED = OrderStatus.PARTIALLY_DELIVERED, OrderStatus.REFUNDED
_FAILED, _CANCELLED, _EXPIRED = OrderStatus.FAILED, OrderStatus.CANCELLED, OrderStatus.EXPIRED

ORDER_MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = MappingProxyType(
    {
        _PENDING: frozenset({_PAID, _REVIEW, _FAILED, _CANCELLED, _EXPIRED}),
        _REVIEW: frozenset({_PAID, _REFUNDED}),
        _PAID: frozenset({_DELIVERING, _DELIVERED, _PARTLY, _REFUNDED}),
        _DELIVERING: frozenset({_DELIVERED, _PARTLY, _REFUNDED}),
        _FAILED: frozenset({_PAID, _REVIEW}),
        _CANCELLED: frozenset({_PAID, _REVIEW}),
        _EXPIRED: frozenset({_PAID, _REVIEW}),
        _DELIVERED: frozenset({_REFUNDED}),
        _PARTLY: frozenset({_REFUNDED}),
        _REFUNDED: frozenset(),
    }
)
LINE_MOVES: Mapping[LineStatus, frozenset[LineStatus]] = MappingProxyType(
    {
        LineStatus.WAITING: frozenset(
            {LineStatus.QUEUED, LineStatus.CANCELLED, LineStatus.REFUNDED}
        ),
        LineStatus.QUEUED: frozenset(
            {LineStatus.DELIVERING, LineStatus.DELIVERED, LineStatus.REFUNDED}
        ),
        LineStatus.DELIVERING: frozenset({LineStatus.DELIVERED, LineStatus.REFUNDED}),
        LineStatus.CANCELLED: frozenset({LineStatus.QUEUED, LineStatus.WAITING}),
        LineStatus.DELIVERED: frozenset(),
        LineStatus.REFUNDED: frozenset(),
    }
)
OPEN_LINES = frozenset({LineStatus.QUEUED, LineStatus.DELIVERING})
CLOSED_LINES = frozenset({LineStatus.DELIVERED, LineStatus.REFUNDED, LineStatus.CANCELLED})
# Nobody has paid it, and nobody is asked to any more.
ENDED_UNPAID = frozenset({_FAILED, _CANCELLED, _EXPIRED})
UNPAID = ENDED_UNPAID | {_PENDING}
# Nothing more happens to it by itself, unless money comes late.
CLOSED_ORDERS = ENDED_UNPAID | {_DELIVERED, _PARTLY, _REFUNDED}


def may_move(before: OrderStatus, after: OrderStatus) -> bool:
    """Whether the table lists the move; staying is not one."""
    return after in ORDER_MOVES[before]
