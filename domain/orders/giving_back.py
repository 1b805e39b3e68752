"""What a refund after delivery needs of an order: its lines, and how it is told (decision 0037).

In the caller's transaction, which has locked the order. What went back of a line is counted by the
rows of the refund itself: a trigger moves the two counters, and nobody else can.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.catalog import DeliveryKind
from domain.kernel import Connection, record_events
from domain.orders import events
from domain.orders.events import order_event
from domain.orders.models import LineStatus, OrderStatus
from domain.orders.moves import OPEN_LINES
from domain.orders.unpaid import LockedOrder

_LINES = """
SELECT id, sku, delivery_kind, status, quantity, delivered_quantity, unit_price, cost,
    refunded_amount, refunded_quantity, delivered_at
FROM order_lines WHERE order_id = $1 ORDER BY position FOR UPDATE
"""
_REFUNDED = """
UPDATE orders SET status = $2, event_count = $3, version = version + 1 WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line of a locked order, and how much of it went back; amounts in units of 1/10000."""

    id: UUID
    sku: str
    delivery_kind: DeliveryKind
    status: LineStatus
    quantity: int
    delivered_quantity: int
    unit_price: int
    cost: int
    refunded_amount: int
    refunded_quantity: int
    delivered_at: datetime | None

    @property
    def total(self) -> int:
        """What was paid for it."""
        return self.unit_price * self.quantity

    @property
    def left(self) -> int:
        """What was paid for it and has not gone back."""
        return 0 if self.status is LineStatus.REFUNDED else self.total - self.refunded_amount

    @property
    def pieces_left(self) -> int:
        """How many pieces are its buyer's."""
        delivered = self.status is LineStatus.DELIVERED
        return self.delivered_quantity - self.refunded_quantity if delivered else 0


async def sold_lines(conn: Connection, order_id: UUID) -> list[SoldLine]:
    """The lines of an order that the caller has locked, in their positions."""
    return [
        SoldLine(
            id=row["id"],
            sku=row["sku"],
            delivery_kind=DeliveryKind(row["delivery_kind"]),
            status=LineStatus(row["status"]),
            quantity=row["quantity"],
            delivered_quantity=row["delivered_quantity"],
            unit_price=row["unit_price"],
            cost=row["cost"],
            refunded_amount=row["refunded_amount"],
            refunded_quantity=row["refunded_quantity"],
            delivered_at=row["delivered_at"],
        )
        for row in await conn.fetch(_LINES, order_id)
    ]


async def order_refunded(conn: Connection, order: LockedOrder, refund: dict[str, Any]) -> None:
    """Tell that money of a delivered order went back; once all of it did, the order is REFUNDED.

    The rows of the refund are written; `refund` is what the event tells of it, plain values only.
    """
    lines = await sold_lines(conn, order.id)
    is_open = any(line.status in OPEN_LINES for line in lines)
    if not is_open and not any(line.left for line in lines):
        order.status = OrderStatus.REFUNDED
    order.event_count += 1
    await conn.execute(_REFUNDED, order.id, order.status.value, order.event_count)
    told = order_event(events.REFUNDED, order.event_count, order, order.lines)
    await record_events(conn, [replace(told, payload={**told.payload, "refund": refund})])
