"""The face of orders."""

from domain.orders import events
from domain.orders.books import payment_posting, refund_posting, sale_posting
from domain.orders.events import order_event
from domain.orders.models import LineStatus, Order, OrderLine, OrderStatus
from domain.orders.queries import (
    find_any_order,
    find_by_external_id,
    find_order,
    lines_of,
    list_all_orders,
    list_orders,
)
from domain.orders.rules import (
    CLOSED_ORDERS,
    MAX_LINES,
    OPEN_LINES,
    POLL_AFTER_MS,
    new_number,
    status_of,
)
from domain.orders.service import (
    LockedLine,
    line_delivered,
    line_delivering,
    line_refunded,
    lock_line,
    reveal_cards,
)

__all__ = [
    "CLOSED_ORDERS",
    "MAX_LINES",
    "OPEN_LINES",
    "POLL_AFTER_MS",
    "LineStatus",
    "LockedLine",
    "Order",
    "OrderLine",
    "OrderStatus",
    "events",
    "find_any_order",
    "find_by_external_id",
    "find_order",
    "line_delivered",
    "line_delivering",
    "line_refunded",
    "lines_of",
    "list_all_orders",
    "list_orders",
    "lock_line",
    "new_number",
    "order_event",
    "payment_posting",
    "refund_posting",
    "reveal_cards",
    "sale_posting",
    "status_of",
]
