"""Callbacks of suppliers: stored, checked, and then a reason to ask (design, attempt rule 4).

A callback is a hint, for the signatures of this field are weak: its supplier is asked at once, by a
job, and that answer is booked. Only a dialect that signs the whole body and carries the goods is
taken at its word. What contradicts an attempt that is over moves nothing: the supplier is asked
again (`rechecking`). One about goods has them asked for (`domain/sourcing/pushed.py`). Each one
that is refused stands in `supplier_callbacks` with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain import sourcing, suppliers
from domain.fulfilment.callbacks import (
    came_before,
    heard_too_often,
    judge,
    keep_forged,
    store_callback,
)
from domain.fulfilment.events import tell_next
from domain.fulfilment.models import (
    AttemptStatus,
    Doubt,
    FulfilmentAttempt,
    SupplierCallback,
    SupplierCallbackOutcome,
)
from domain.fulfilment.sale import above
from domain.fulfilment.service import book
from domain.kernel import (
    MOST_BEGUN_BYTES,
    Connection,
    clock,
    crash_point,
    transaction,
    wake_relay,
)
from domain.suppliers import (
    CallbackTrust,
    Capabilities,
    Completed,
    Forged,
    GoodsNotice,
    Notice,
    Reply,
    Says,
)

# An order whose submission is still under way is asked about a moment later: its answer comes.
WHILE_SUBMITTING = timedelta(seconds=2)
# What will not become true by being sent again is answered as if it were taken.
NOT_OURS = "reference_unknown"

_ASK = """
UPDATE fulfilment_attempts SET next_query_at = CASE WHEN status = 'submitting'
    THEN least(next_query_at, $3) ELSE least(next_query_at, $2) END
WHERE id = $1 AND next_query_at IS NOT NULL RETURNING 1
"""
_ENDED = "SELECT status, doubt FROM fulfilment_attempts WHERE id = $1"
_DOUBT = """
UPDATE fulfilment_attempts SET recheck_at = $2, doubt = $3, rechecks = 0
WHERE id = $1 AND finished_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class HeardBack:
    """What the supplier is answered, and whether the callback was kept."""

    reply: Reply
    kept: bool = True


async def take_callback(
    supplier_id: UUID, headers: Mapping[str, str], body: bytes
) -> HeardBack | None:
    """Take in what was called back to a supplier's connection; what to answer, or None for no such
    supplier.

    Never refuses: whatever is not believed is recorded with why, and changes nothing. Only of what
    comes too often, unsigned or the very same, not every one is kept.
    """
    found = await suppliers.find_connection(supplier_id)
    if found is None:
        return None
    port = suppliers.port_of(found[0])
    parsed = await port.parse_callback(found[1], headers, body)
    if isinstance(parsed, Forged):
        kept = await keep_forged(supplier_id, headers, body, parsed.why.value)
        return HeardBack(port.reply(taken=False), kept)
    before = await heard_too_often(supplier_id, body, parsed.nonce)
    if before is not None:
        return HeardBack(port.reply(before is not SupplierCallbackOutcome.REFUSED), kept=False)
    most = MOST_BEGUN_BYTES if isinstance(parsed, GoodsNotice) else 0
    callback = await store_callback(supplier_id, headers, body, parsed.nonce, most)
    crash_point("callbacks.stored")
    capabilities = port.capabilities_of(found[1])
    if isinstance(parsed, GoodsNotice):
        await _judge_goods(callback, parsed, capabilities)
    else:
        await _judge(callback, parsed, capabilities)
    crash_point("callbacks.judged")
    refused = callback.outcome is SupplierCallbackOutcome.REFUSED and callback.why != NOT_OURS
    return HeardBack(port.reply(not refused))


async def _judge_goods(
    callback: SupplierCallback, notice: GoodsNotice, capabilities: Capabilities
) -> None:
    """Goods changed, says their supplier: it is asked for them, by a job. That it does not follow
    from the callback what they cost now makes old ones, and those out of order, harmless."""
    if _is_stale(notice.at, capabilities, clock.now()):
        await judge(callback, SupplierCallbackOutcome.REFUSED, why="stale")
        return
    if await came_before(callback):
        await judge(callback, SupplierCallbackOutcome.DUPLICATE)
        return
    async with transaction() as conn:
        noted = await sourcing.note_told(conn, callback.supplier_id, callback.id, notice.items)
        outcome = SupplierCallbackOutcome.ASKED if noted else SupplierCallbackOutcome.KNOWN
        await judge(callback, outcome, why="" if noted else "not_followed")
    wake_relay()


async def _judge(callback: SupplierCallback, notice: Notice, capabilities: Capabilities) -> None:
    attempt = await _attempt_of(callback.supplier_id, notice)
    if attempt is None and await _asked_elsewhere(callback, notice, capabilities):
        return
    why = _disbelieved(callback.supplier_id, notice, attempt, capabilities, clock.now())
    if why or attempt is None:
        told = {"reference": notice.reference, "attempt": attempt, "why": why}
        await judge(callback, SupplierCallbackOutcome.REFUSED, **told)  # type: ignore[arg-type]
        return
    if await came_before(callback):
        outcome, reference = SupplierCallbackOutcome.DUPLICATE, notice.reference
        await judge(callback, outcome, reference=reference, attempt=attempt)
        return
    proof = _proof(notice, capabilities)
    if proof is not None and attempt.status is not AttemptStatus.SUCCEEDED:
        again = await book(attempt, proof)
        async with transaction() as conn:
            outcome, reference = SupplierCallbackOutcome.BOOKED, notice.reference
            await judge(callback, outcome, reference=reference, attempt=attempt)
            if again:
                await tell_next(conn, callback.id, attempt, "go_on")
    else:
        await _ask(callback, notice, attempt)
    wake_relay()


async def _ask(callback: SupplierCallback, notice: Notice, attempt: FulfilmentAttempt) -> None:
    """Have the supplier asked, at once by a job, if this may be news."""
    moment = clock.now()
    async with transaction() as conn:
        soon = moment + WHILE_SUBMITTING
        if await conn.fetchval(_ASK, attempt.id, moment, soon):
            outcome, then = SupplierCallbackOutcome.ASKED, "query"
        elif doubt := await _doubt_of(conn, attempt.id, notice.says):
            await conn.execute(_DOUBT, attempt.id, moment, doubt.value)
            outcome, then = SupplierCallbackOutcome.DOUBTED, "recheck"
        else:
            outcome, then = SupplierCallbackOutcome.KNOWN, ""
        reference = notice.reference
        await judge(callback, outcome, reference=reference, attempt=attempt)
        if then:
            await tell_next(conn, callback.id, attempt, then)


async def _asked_elsewhere(
    callback: SupplierCallback, notice: Notice, capabilities: Capabilities
) -> bool:
    """Whether it is about a purchase that is no line's, for stock: that is asked about at once, and
    nothing of the callback is believed."""
    stale = _is_stale(notice.at, capabilities, clock.now())
    if above.ask_soon is None or stale or not notice.reference:
        return False
    async with transaction() as conn:
        asked = await above.ask_soon(conn, callback.supplier_id, notice.reference)
        if asked is None:
            return False
        outcome = SupplierCallbackOutcome.ASKED if asked else SupplierCallbackOutcome.KNOWN
        await judge(callback, outcome, reference=notice.reference)
    return True


async def _doubt_of(conn: Connection, attempt_id: UUID, says: Says) -> Doubt | None:
    """Why an attempt that is over is doubted after a callback: it says the contrary of how it
    ended, or that it is done where less came than was ordered."""
    row = await conn.fetchrow(_ENDED, attempt_id)
    contrary = {AttemptStatus.SUCCEEDED: Says.FAILED, AttemptStatus.REJECTED: Says.DONE}
    if contrary.get(AttemptStatus(row["status"])) is says:
        return Doubt.CALLED_BACK
    return Doubt.SHORT if row["doubt"] == Doubt.SHORT and says is Says.DONE else None


async def _attempt_of(supplier_id: UUID, notice: Notice) -> FulfilmentAttempt | None:
    """The attempt that it is about: by our reference, else by the supplier's own number."""
    if notice.reference:
        return await FulfilmentAttempt.filter(reference=notice.reference).first()
    if not notice.upstream_id:
        return None
    found = FulfilmentAttempt.filter(supplier_id=supplier_id, upstream_id=notice.upstream_id)
    return await found.first()


def _disbelieved(
    supplier_id: UUID,
    notice: Notice,
    attempt: FulfilmentAttempt | None,
    capabilities: Capabilities,
    moment: datetime,
) -> str:
    """Why a callback whose signature is right is not believed; empty when it is."""
    if attempt is None:
        return NOT_OURS
    if attempt.supplier_id != supplier_id:
        return "other_connection"
    known = attempt.upstream_id
    if known and notice.upstream_id and known != notice.upstream_id:
        return "other_upstream_id"
    return "stale" if _is_stale(notice.at, capabilities, moment) else ""


def _is_stale(at: datetime | None, capabilities: Capabilities, moment: datetime) -> bool:
    age = timedelta(seconds=capabilities.callback_max_age_seconds)
    return at is not None and abs(moment - at) > age


def _proof(notice: Notice, capabilities: Capabilities) -> Completed | None:
    """What may be booked without asking: signed as a whole, fresh, and with the goods in it.

    A failure is asked about in any case: that costs a moment, and to believe a wrong one would buy
    twice.
    """
    signed = capabilities.callback is CallbackTrust.SIGNED and notice.at is not None
    if not signed or not capabilities.callback_carries_payload:
        return None
    return notice.result if isinstance(notice.result, Completed) else None
