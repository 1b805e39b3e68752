"""Reads of payments, always scoped by who asks."""

from collections.abc import Sequence
from uuid import UUID

from domain.kernel import Actor, Page, PageRequest, connection, page_of
from domain.payments.models import Payment, PaymentRefund, PaymentStatus

READ_SCOPE = "payments:read"
# What is in suspense is given back whole: one refund, whatever became of it, is all of it.
_SUSPENDED = """
SELECT p.id FROM payments p
WHERE p.status = 'SUSPENDED' AND ($1::uuid IS NULL OR p.id < $1)
    AND EXISTS (SELECT 1 FROM payment_refunds r WHERE r.payment_id = p.id) = $3
ORDER BY p.id DESC LIMIT $2
"""
_OWNER = "SELECT buyer_id FROM orders WHERE id = $1"


async def find_payment(actor: Actor, payment_id: UUID) -> Payment | None:
    """A payment of the caller's own order, or None."""
    buyer = actor.require_user()
    payment = await Payment.filter(id=payment_id).first()
    if payment is None:
        return None
    async with connection() as conn:
        return payment if await conn.fetchval(_OWNER, payment.order_id) == buyer else None


async def find_by_reference(reference: str) -> Payment | None:
    """The payment that a vendor knows by this reference."""
    return await Payment.filter(reference=reference).first()


async def find_by_provider_id(channel_id: UUID, provider_id: str) -> Payment | None:
    """The payment that has this vendor's number already."""
    return await Payment.filter(channel_id=channel_id, provider_id=provider_id).first()


async def get_payment(payment_id: UUID) -> Payment:
    """One payment, which the caller knows to be there."""
    return await Payment.get(id=payment_id)


async def payments_of_order(actor: Actor, order_id: UUID) -> list[Payment]:
    """Every try to pay an order, oldest first; needs `payments:read`."""
    actor.require_scope(READ_SCOPE)
    return await Payment.filter(order_id=order_id).order_by("id")


async def paid_payments_of(order_ids: Sequence[UUID]) -> dict[UUID, Payment]:
    """The payment that paid each order, of those that a channel paid; one statement for all."""
    wanted = Payment.filter(order_id__in=list(order_ids), status=PaymentStatus.PAID)
    return {each.order_id: each for each in await wanted}


async def was_refused(order_id: UUID) -> bool:
    """Whether the order was tried to be paid and the channel refused every try."""
    tried = await Payment.filter(order_id=order_id)
    return bool(tried) and all(each.status is PaymentStatus.FAILED for each in tried)


async def suspended_payments(
    actor: Actor, page: PageRequest, *, given_back: bool = False
) -> Page[Payment]:
    """Money that no order needs and that waits for somebody, or that somebody has given back,
    newest first; needs `payments:read`."""
    actor.require_scope(READ_SCOPE)
    after = UUID(page.after[0]) if page.after else None
    async with connection() as conn:
        found = await conn.fetch(_SUSPENDED, after, page.first + 1, given_back)
    rows = Payment.filter(id__in=[row["id"] for row in found]).order_by("-id")
    return page_of(page, await rows, lambda payment: (payment.id,))


async def refunds_of_payment(payment_id: UUID) -> list[PaymentRefund]:
    """What of a payment went back, oldest first."""
    return await PaymentRefund.filter(payment_id=payment_id).order_by("id")
