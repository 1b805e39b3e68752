"""What vendors, or others, call back: stored first, sealed, and judged afterwards."""

from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

import orjson

from domain.kernel import Actor, Page, PageRequest, clock, new_id, page_of, purpose_key, seal
from domain.payments.models import CallbackOutcome, Payment, PaymentCallback

READ_SCOPE = "payments:read"
RAW_PURPOSE = "payment-callback"
MAX_HEADERS, MAX_HEADER_LETTERS = 40, 2_000


async def store_callback(
    channel_id: UUID, headers: Mapping[str, str], body: bytes
) -> PaymentCallback:
    """Keep what came, sealed, before anybody looks at it: it may name a buyer's account."""
    callback_id = new_id()
    kept = {name: value[:MAX_HEADER_LETTERS] for name, value in list(headers.items())[:MAX_HEADERS]}
    raw = orjson.dumps(kept) + b"\n" + body
    return await PaymentCallback.create(
        id=callback_id,
        channel_id=channel_id,
        received_at=clock.now(),
        raw_sealed=seal(purpose_key(RAW_PURPOSE), raw, callback_id.bytes),
        digest=sha256(body).digest(),
        outcome=CallbackOutcome.RECEIVED,
    )


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
    callback.reference = _plain(reference) or None
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


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:64]
