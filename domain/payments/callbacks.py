"""What vendors, or others, call back. What is signed is stored first, sealed, and judged then; what
is not is judged at once, and little of it is kept."""

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import orjson

from domain.kernel import (
    Actor,
    Page,
    PageRequest,
    clock,
    connection,
    new_id,
    page_of,
    purpose_key,
    seal,
    transaction,
)
from domain.payments.models import CallbackOutcome, Payment, PaymentCallback

READ_SCOPE = "payments:read"
RAW_PURPOSE = "payment-callback"
MAX_HEADERS, MAX_HEADER_LETTERS = 40, 2_000
# Anybody may send what no vendor has signed: enough is kept to look into it, and no more.
MOST_FORGED, FORGED_WINDOW = 60, timedelta(hours=1)
MOST_FORGED_BYTES = 4 * 1024
FORGED_KEPT, FORGET_BATCH = timedelta(days=30), 5_000
MOST_REPEATS = 20  # of one body; vendors send a callback again some fifteen times

_FORGED_LATELY = """
SELECT count(*) FROM payment_callbacks
WHERE channel_id = $1 AND received_at > $2 AND outcome = 'REFUSED' AND reference IS NULL
"""
_SAME = """
SELECT outcome FROM payment_callbacks WHERE channel_id = $1 AND digest = $2
ORDER BY id DESC LIMIT $3
"""
_FORGET = """
DELETE FROM payment_callbacks WHERE id IN (
    SELECT id FROM payment_callbacks
    WHERE received_at < $1 AND outcome = 'REFUSED' AND reference IS NULL LIMIT $2)
"""


async def store_callback(
    channel_id: UUID, headers: Mapping[str, str], body: bytes
) -> PaymentCallback:
    """Keep what came, sealed, before anybody looks at it: it may name a buyer's account."""
    callback_id = new_id()
    raw = _raw(headers, body)
    return await PaymentCallback.create(
        id=callback_id,
        channel_id=channel_id,
        received_at=clock.now(),
        raw_sealed=seal(purpose_key(RAW_PURPOSE), raw, callback_id.bytes),
        digest=sha256(body).digest(),
        outcome=CallbackOutcome.RECEIVED,
    )


async def keep_forged(channel_id: UUID, headers: Mapping[str, str], body: bytes, why: str) -> bool:
    """Keep a callback that no vendor has signed: its beginning, sealed, and judged at once; of each
    channel only so many in an hour. False when it was one too many."""
    moment, callback_id = clock.now(), new_id()
    async with connection() as conn:
        lately = await conn.fetchval(_FORGED_LATELY, channel_id, moment - FORGED_WINDOW)
    if lately >= MOST_FORGED:
        return False
    raw = _raw(headers, body)[:MOST_FORGED_BYTES]
    await PaymentCallback.create(
        id=callback_id,
        channel_id=channel_id,
        received_at=moment,
        raw_sealed=seal(purpose_key(RAW_PURPOSE), raw, callback_id.bytes),
        digest=sha256(body).digest(),
        outcome=CallbackOutcome.REFUSED,
        why=why[:32],
        judged_at=moment,
    )
    return True


async def heard_too_often(channel_id: UUID, body: bytes) -> CallbackOutcome | None:
    """What the same body came to last, once it has come so often that nothing more is learned from
    it; None while it is to be judged."""
    async with connection() as conn:
        rows = await conn.fetch(_SAME, channel_id, sha256(body).digest(), MOST_REPEATS)
    return CallbackOutcome(rows[0]["outcome"]) if len(rows) == MOST_REPEATS else None


async def forget_forged() -> int:
    """Delete a batch of old callbacks that no vendor had signed; how many went."""
    async with transaction() as conn:
        done = await conn.execute(_FORGET, clock.now() - FORGED_KEPT, FORGET_BATCH)
    return int(done.rpartition(" ")[2])


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


def _raw(headers: Mapping[str, str], body: bytes) -> bytes:
    kept = {name: value[:MAX_HEADER_LETTERS] for name, value in list(headers.items())[:MAX_HEADERS]}
    return orjson.dumps(kept) + b"\n" + body


def _plain(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:64]
