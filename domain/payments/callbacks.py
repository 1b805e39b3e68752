"""What vendors, or others, call back. What is signed is stored first, sealed, and judged then; what
is not is judged at once, and little of it is kept."""

from collections.abc import Mapping
from uuid import UUID

from domain.kernel import (
    Actor,
    CallbackBook,
    Page,
    PageRequest,
    callback_digest,
    clock,
    page_of,
    plain_reference,
)
from domain.payments.models import CallbackOutcome, Payment, PaymentCallback

READ_SCOPE = "payments:read"
_BOOK = CallbackBook(PaymentCallback, "channel_id", "payment-callback")


async def store_callback(
    channel_id: UUID, headers: Mapping[str, str], body: bytes
) -> PaymentCallback:
    """Keep what came, sealed, before anybody looks at it: it may name a buyer's account."""
    return await _BOOK.store(channel_id, headers, body, callback_digest(body))


async def keep_forged(channel_id: UUID, headers: Mapping[str, str], body: bytes, why: str) -> bool:
    """Keep a callback that no vendor has signed: its beginning, and of each channel only so many
    in an hour. False when it was one too many."""
    return await _BOOK.keep_forged(channel_id, headers, body, why)


async def heard_too_often(channel_id: UUID, body: bytes) -> CallbackOutcome | None:
    """What the same body came to last, once nothing more is learned from it; else None."""
    before = await _BOOK.heard_too_often(channel_id, callback_digest(body))
    return CallbackOutcome(before) if before else None


async def forget_forged() -> int:
    """Delete a batch of old callbacks that no vendor had signed; how many went."""
    return await _BOOK.forget_forged()


async def judge(
    callback: PaymentCallback,
    outcome: CallbackOutcome,
    *,
    why: str = "",
    reference: str = "",
    payment: Payment | None = None,
) -> CallbackOutcome:
    """Write what became of it, once."""
    callback.outcome, callback.why, callback.judged_at = outcome, why[:32], clock.now()
    callback.reference = plain_reference(reference)
    callback.payment_id = payment.id if payment else None
    await callback.save()
    return outcome


async def list_callbacks(
    actor: Actor, page: PageRequest, channel_id: UUID | None = None
) -> Page[PaymentCallback]:
    """What came in, newest first; needs `payments:read`. The bodies stay sealed."""
    actor.require_scope(READ_SCOPE)
    rows = (
        PaymentCallback.all()
        if channel_id is None
        else PaymentCallback.filter(channel_id=channel_id)
    )
    rows = rows.order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda callback: (callback.id,))
