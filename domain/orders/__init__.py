"""The face of orders."""

from domain.orders import events
from domain.orders.books import (
    payment_posting,
    refund_posting,
    sale_posting,
    stored_value_posting,
)
from domain.orders.events import order_event
from domain.orders.guests import GuestProof, find_by_guest, guest_token, reveal_by_guest
from domain.orders.keepsakes import (
    INSERT_KEEPSAKE,
    Contact,
    ContactKind,
    Keepsake,
    contact_of,
    keepsake_of,
    unsealed_contact,
)
from domain.orders.models import LineStatus, Order, OrderKeepsake, OrderLine, OrderStatus
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
    audited_cards,
    line_delivered,
    line_delivering,
    line_refunded,
    lock_line,
    open_audited,
    openable_cards,
    reveal_cards,
    reveal_found,
)

__all__ = [
    "CLOSED_ORDERS",
    "INSERT_KEEPSAKE",
    "MAX_LINES",
    "OPEN_LINES",
    "POLL_AFTER_MS",
    "Contact",
    "ContactKind",
    "GuestProof",
    "Keepsake",
    "LineStatus",
    "LockedLine",
    "Order",
    "OrderKeepsake",
    "OrderLine",
    "OrderStatus",
    "audited_cards",
    "contact_of",
    "events",
    "find_any_order",
    "find_by_external_id",
    "find_by_guest",
    "find_order",
    "guest_token",
    "keepsake_of",
    "line_delivered",
    "line_delivering",
    "line_refunded",
    "lines_of",
    "list_all_orders",
    "list_orders",
    "lock_line",
    "new_number",
    "open_audited",
    "openable_cards",
    "order_event",
    "payment_posting",
    "refund_posting",
    "reveal_by_guest",
    "reveal_cards",
    "reveal_found",
    "sale_posting",
    "status_of",
    "stored_value_posting",
    "unsealed_contact",
]
