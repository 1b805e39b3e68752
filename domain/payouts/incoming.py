"""What payout channels call back: checked, stored, and then the channel is asked (row H3).

A callback is a hint, whoever signed it: what it says of the money is not even looked at. The payout
of its reference is asked about, and the channel's answer counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from domain.kernel import (
    Actor,
    CallbackBook,
    Page,
    PageRequest,
    callback_digest,
    clock,
    connection,
    crash_point,
    page_of,
    plain_reference,
    transaction,
    wake_relay,
)
from domain.payouts import ports
from domain.payouts.channels import READ_SCOPE, connection_of, find_channel
from domain.payouts.models import (
    Payout,
    PayoutCallback,
    PayoutCallbackOutcome,
    PayoutChannel,
    PayoutStatus,
)
from domain.payouts.registry import called_back, port_of
from domain.payouts.requesting import lock_payout
from domain.payouts.rules import LEASE
from domain.payouts.running import book_locked, order_of

Told = PayoutCallbackOutcome
HEARD = frozenset({Told.BOOKED, Told.KNOWN, Told.NOTED})  # the vendor need not send these again
SENT = frozenset(
    {
        *(PayoutStatus.SUBMITTING, PayoutStatus.ACCEPTED, PayoutStatus.UNKNOWN),
        *(PayoutStatus.SUCCEEDED, PayoutStatus.FAILED, PayoutStatus.RETURNED),
    }
)
_BOOK = CallbackBook(PayoutCallback, "channel_id", "payout-callback")
# Not what somebody is at just now: its lease is shorter than that.
_ASK_NOW = "UPDATE payouts SET next_try_at = $2 WHERE id = $1 AND next_try_at > $3"


@dataclass(frozen=True, slots=True)
class HeardOfPayout:
    """What the vendor is answered, and whether the callback was kept."""

    reply: ports.Reply
    kept: bool = True


async def take_callback(
    channel_id: UUID, headers: Mapping[str, str], body: bytes
) -> HeardOfPayout | None:
    """Take in what was called back to a payout channel; what to answer, or None for no such one.

    Never refuses: whatever is not believed is recorded with why, and changes no money. Only of what
    comes too often, unsigned or word for word the same, not every one is kept.
    """
    channel = await find_channel(channel_id)
    port = called_back(channel.adapter) if channel else None
    if channel is None or port is None:
        return None
    parsed = await port.parse_callback(connection_of(channel), headers, body)
    if isinstance(parsed, ports.Forged):
        kept = await _BOOK.keep_forged(channel_id, headers, body, parsed.why.value)
        return HeardOfPayout(port.reply(taken=False), kept)
    before = await _BOOK.heard_too_often(channel_id, callback_digest(body))
    if before is not None:
        return HeardOfPayout(port.reply(Told(before) in HEARD), kept=False)
    callback = await _BOOK.store(channel_id, headers, body, callback_digest(body))
    crash_point("callbacks.stored")
    outcome = await _judge_notice(channel, callback, parsed)
    crash_point("callbacks.judged")
    return HeardOfPayout(port.reply(outcome in HEARD))


async def forget_forged_callbacks() -> int:
    """Delete a batch of old callbacks that no vendor had signed; how many went."""
    return await _BOOK.forget_forged()


async def list_callbacks(
    actor: Actor, page: PageRequest, channel_id: UUID | None = None
) -> Page[PayoutCallback]:
    """What came in, newest first; needs `payouts:read`. The bodies stay sealed."""
    actor.require_scope(READ_SCOPE)
    rows = PayoutCallback.all().order_by("-id").limit(page.first + 1)
    if channel_id is not None:
        rows = rows.filter(channel_id=channel_id)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda callback: (callback.id,))


async def _judge_notice(
    channel: PayoutChannel, callback: PayoutCallback, notice: ports.Notice
) -> PayoutCallbackOutcome:
    if not notice.reference:
        # True, and about nothing of ours: the account serves other software, too.
        return await _judge(callback, Told.NOTED, notice)
    payout = await Payout.filter(reference=notice.reference).first()
    if payout is None:
        return await _judge(callback, Told.REFUSED, notice, why="reference_unknown")
    if payout.channel_id != channel.id:
        return await _judge(callback, Told.REFUSED, notice, why="other_channel")
    if notice.merchant != channel.merchant:
        return await _judge(callback, Told.REFUSED, notice, payout, "merchant")
    if payout.status not in SENT:
        return await _judge(callback, Told.REFUSED, notice, payout, "not_sent")
    result = await port_of(channel.adapter).query(connection_of(channel), await order_of(payout))
    crash_point("payouts.callback_answered")
    match result:
        case ports.Uncertain(why=why):
            await _ask_now(payout.id)
            return await _judge(callback, Told.UNPROVEN, notice, payout, why.value)
        case ports.NotFound():
            return await _judge(callback, Told.REFUSED, notice, payout, "not_there")
    async with transaction() as conn:
        locked = await lock_payout(conn, payout.id)
        before = (locked.status, locked.waits)
        await book_locked(conn, locked, result)
        changed = before != (locked.status, locked.waits)
    crash_point("payouts.callback_booked")
    wake_relay()
    return await _judge(callback, Told.BOOKED if changed else Told.KNOWN, notice, payout)


async def _ask_now(payout_id: UUID) -> None:
    moment = clock.now()
    async with connection() as conn:
        await conn.execute(_ASK_NOW, payout_id, moment, moment + LEASE)


async def _judge(
    callback: PayoutCallback,
    outcome: PayoutCallbackOutcome,
    notice: ports.Notice,
    payout: Payout | None = None,
    why: str = "",
) -> PayoutCallbackOutcome:
    """Write what became of it, once."""
    callback.outcome, callback.why, callback.judged_at = outcome, why[:32], clock.now()
    callback.reference = plain_reference(notice.reference)
    callback.payout_id = payout.id if payout else None
    await callback.save()
    return outcome
