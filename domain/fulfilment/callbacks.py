"""What suppliers, or others, call back. What is signed is stored first, sealed, and judged then;
what is not is judged at once, and little of it is kept."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from domain.fulfilment.models import FulfilmentAttempt, SupplierCallback, SupplierCallbackOutcome
from domain.kernel import (
    Actor,
    CallbackBook,
    Page,
    PageRequest,
    callback_digest,
    clock,
    connection,
    page_of,
    plain_reference,
    transaction,
)

READ_SCOPE = "suppliers:read"
_BOOK = CallbackBook(SupplierCallback, "supplier_id", "supplier-callback")
KEPT, FORGET_BATCH = timedelta(days=90), 5_000
# One that was stored and never judged, because the process died, does not count.
_EARLIER = """
SELECT 1 FROM supplier_callbacks
WHERE supplier_id = $1 AND digest = $2 AND id < $3 AND outcome NOT IN ('REFUSED', 'RECEIVED')
LIMIT 1
"""
_FORGET = """
DELETE FROM supplier_callbacks WHERE id = ANY (ARRAY(
    SELECT id FROM supplier_callbacks WHERE received_at < $1 LIMIT $2))
"""


async def store_callback(
    supplier_id: UUID, headers: Mapping[str, str], body: bytes, nonce: str, most: int = 0
) -> SupplierCallback:
    """Keep what came, sealed, before anybody looks at it: it may carry goods. Of what surely
    carries none, and comes often, the first `most` bytes."""
    return await _BOOK.store(supplier_id, headers, body, _digest(body, nonce), most)


async def keep_forged(supplier_id: UUID, headers: Mapping[str, str], body: bytes, why: str) -> bool:
    """Keep a callback that no supplier has signed: its beginning, and of each supplier only so many
    in an hour. False when it was one too many."""
    return await _BOOK.keep_forged(supplier_id, headers, body, why)


async def heard_too_often(
    supplier_id: UUID, body: bytes, nonce: str
) -> SupplierCallbackOutcome | None:
    """What the same callback came to last, once nothing more is learned from it; else None."""
    before = await _BOOK.heard_too_often(supplier_id, _digest(body, nonce))
    return SupplierCallbackOutcome(before) if before else None


async def came_before(callback: SupplierCallback) -> bool:
    """Whether the very same was taken before."""
    async with connection() as conn:
        told = (callback.supplier_id, callback.digest, callback.id)
        return await conn.fetchval(_EARLIER, *told) is not None


async def judge(
    callback: SupplierCallback,
    outcome: SupplierCallbackOutcome,
    *,
    why: str = "",
    reference: str = "",
    attempt: FulfilmentAttempt | None = None,
) -> SupplierCallbackOutcome:
    """Write what became of it, once; in the caller's transaction, if any."""
    callback.outcome, callback.why, callback.judged_at = outcome, why[:32], clock.now()
    callback.reference = plain_reference(reference or "-")  # without one it was signed all the same
    callback.attempt_id = attempt.id if attempt else None
    await callback.save()
    return outcome


async def forget_callbacks() -> int:
    """Delete a batch of old callbacks, those that nobody had signed sooner; how many went."""
    gone = await _BOOK.forget_forged()
    async with transaction() as conn:
        done = await conn.execute(_FORGET, clock.now() - KEPT, FORGET_BATCH)
    return gone + int(done.rpartition(" ")[2])


async def list_callbacks(
    actor: Actor, page: PageRequest, supplier_id: UUID | None = None
) -> Page[SupplierCallback]:
    """What came in, newest first; needs `suppliers:read`. The bodies stay sealed."""
    actor.require_scope(READ_SCOPE)
    rows = SupplierCallback.all()
    if supplier_id is not None:
        rows = rows.filter(supplier_id=supplier_id)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows.order_by("-id").limit(page.first + 1), lambda each: (each.id,))


def _digest(body: bytes, nonce: str) -> bytes:
    """By what one is known again: what its sender says is used once, if any."""
    return callback_digest(nonce.encode() or body)
