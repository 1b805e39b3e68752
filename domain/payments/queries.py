"""Reads of payments, always scoped by who asks."""

from uuid import UUID

from domain.kernel import Actor, Page, PageRequest, connection, page_of
from domain.payments.models import Payment, PaymentRefund, PaymentStatus

READ_SCOPE = "payments:read"
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


async def was_refused(order_id: UUID) -> bool:
    """Whether the order was tried to be paid and the channel refused every try."""
    tried = await Payment.filter(order_id=order_id)
    return bool(tried) and all(each.status is PaymentStatus.FAILED for each in tried)


async def suspended_payments(actor: Actor, page: PageRequest) -> Page[Payment]:
    """Money that no order needs, newest first; needs `payments:read`."""
    actor.require_scope(READ_SCOPE)
    rows = Payment.filter(status=PaymentStatus.SUSPENDED).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda payment: (payment.id,))


async def refunds_of_payment(payment_id: UUID) -> list[PaymentRefund]:
    """What of a payment went back, oldest first."""
    return await PaymentRefund.filter(payment_id=payment_id).order_by("id")
