"""What the outside hears of an order: plain values; never a code, never the buyer's name."""

from collections.abc import Iterable
from typing import Any, Protocol
from uuid import UUID

from domain.kernel import Event, Prefix, encode_id, plain

PLACED = "order.placed"  # and to be paid
CANCELLED = "order.cancelled"
EXPIRED = "order.expired"
FAILED = "order.failed"
HELD = "order.held"  # paid, and waiting for a second look
PAID = "order.paid"
DELIVERING = "order.delivering"
PART_ARRIVED = "order.part_arrived"  # some pieces of a line are here, the rest is being bought
LINE_DELIVERED = "order.line_delivered"
LINE_REFUNDED = "order.line_refunded"
DELIVERED = "order.delivered"
PARTIALLY_DELIVERED = "order.partially_delivered"
DELIVERY_FAILED = "order.delivery_failed"
REFUNDED = "order.refunded"  # after it was delivered, in part or whole
DISPUTE_OPENED, DISPUTE_DECIDED = "order.dispute_opened", "order.dispute_decided"
DISPUTE_APPEALED = "order.dispute_appealed"
DISPUTE_EVIDENCE_ADDED = "order.dispute_evidence_added"
MANUAL_WAITING, MANUAL_OVERDUE = "manual.waiting", "manual.overdue"


class LineFacts(Protocol):
    """What an event tells of a line."""

    @property
    def id(self) -> UUID: ...
    @property
    def sku(self) -> str: ...
    @property
    def quantity(self) -> int: ...
    @property
    def status(self) -> Any: ...


class OrderFacts(Protocol):
    """What an event tells of an order."""

    @property
    def id(self) -> UUID: ...
    @property
    def number(self) -> str: ...
    @property
    def status(self) -> Any: ...
    @property
    def currency(self) -> str: ...
    @property
    def total(self) -> int: ...
    @property
    def external_id(self) -> str | None: ...


def order_event(event: str, sequence: int, order: OrderFacts, lines: Iterable[LineFacts]) -> Event:
    """A small snapshot of the order as the event left it."""
    return Event(
        event,
        order.id,
        sequence,
        {
            "orderId": encode_id(Prefix.ORDER, order.id),
            "number": order.number,
            "status": str(order.status),
            "currency": order.currency,
            "total": plain(order.total),
            "externalId": order.external_id,
            "lines": [
                {
                    "id": encode_id(Prefix.ORDER_LINE, line.id),
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "status": str(line.status),
                }
                for line in lines
            ],
        },
    )


def manual_waiting(order: OrderFacts, line: LineFacts) -> Event:
    """A line waits for an operator's hand; the first event of the line itself."""
    return manual_event(MANUAL_WAITING, 1, order.id, line)


def manual_event(event: str, sequence: int, order_id: UUID, line: LineFacts) -> Event:
    """What operators hear of a manual line; what its buyer filled in is not told."""
    payload = {
        "orderId": encode_id(Prefix.ORDER, order_id),
        "lineId": encode_id(Prefix.ORDER_LINE, line.id),
        "sku": line.sku,
        "quantity": line.quantity,
    }
    return Event(event, line.id, sequence, payload)
