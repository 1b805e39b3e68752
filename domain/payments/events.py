"""What the outside hears of payments: ids and amounts; never an address, a key, a buyer's name."""

from typing import Any
from uuid import UUID

from domain.kernel import Event, Prefix, encode_id, plain

SUSPENDED = "payment.suspended"
REFUND_REQUESTED = "payment.refund_requested"
REFUNDED = "payment.refunded"
REFUND_FAILED = "payment.refund_failed"


def suspended(payment_id: UUID, order_id: UUID, amount: int, currency: str, why: str) -> Event:
    """Money came that no order needs: operators give it back."""
    payload: dict[str, Any] = {
        "paymentId": encode_id(Prefix.PAYMENT, payment_id),
        "orderId": encode_id(Prefix.ORDER, order_id),
        "amount": plain(amount),
        "currency": currency,
        "why": why,
    }
    return Event(SUSPENDED, payment_id, 1, payload)


def refund_event(
    event: str, sequence: int, refund_id: UUID, payment_id: UUID, amount: int, currency: str
) -> Event:
    """A refund was asked for, done, or refused by its channel."""
    payload: dict[str, Any] = {
        "refundId": encode_id(Prefix.PAYMENT_REFUND, refund_id),
        "paymentId": encode_id(Prefix.PAYMENT, payment_id),
        "amount": plain(amount),
        "currency": currency,
    }
    return Event(event, refund_id, sequence, payload)
