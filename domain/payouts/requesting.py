"""Withdrawals: an agent asks for its money, and may take its wish back while nothing was sent.

The money is held in the transaction of the wish, under the lock of the agent's book: of two
hundred wishes at once those come through that are covered, and no more.
"""

from dataclasses import dataclass
from uuid import UUID

from domain import audit, commissions, ledger
from domain.agents import Deed
from domain.agreements import require_free
from domain.kernel import (
    SYSTEM,
    Actor,
    Connection,
    Money,
    NotFound,
    Prefix,
    Refused,
    claim_key,
    clock,
    encode_id,
    input_hash,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.payouts import books, events
from domain.payouts.channels import channel_of
from domain.payouts.checking import check_agent, check_amount, check_caps, risks_of, told
from domain.payouts.destinations import agent_of
from domain.payouts.models import Payout, PayoutChannel, PayoutDestination, PayoutStatus
from domain.payouts.ports import REFERENCE_LETTERS
from domain.payouts.refusals import (
    DestinationMissing,
    PayoutChannelUnusable,
    PayoutMoveNotAllowed,
)
from domain.payouts.registry import adapter_of
from domain.payouts.rules import limits
from domain.penalties import require_unrestricted

OPERATION = "withdrawalRequest"


@dataclass(frozen=True, slots=True)
class Requested:
    """A withdrawal, and whether an earlier call with the same key had asked for it."""

    payout: Payout
    replayed: bool


async def request_payout(
    actor: Actor, channel_id: UUID, money: Money, idempotency_key: str
) -> Requested:
    """The caller, who is an agent, wants available commission paid out through a channel; audited.

    Refuses, with what to do: an unusable channel, no destination of its kind or one that is cooling
    off or blocked, an amount outside the channel's bounds or finer than a cent, more than today's
    cap leaves or than is available, an agent on hold, kept from it by an agreement or a penalty
    (AGENT_BLOCKED), or not known well enough by name. What passes is held and waits for approval,
    unless it is small and nothing speaks against it.
    """
    agent = await agent_of(actor)
    channel = await channel_of(channel_id)
    destination = await _usable(agent.id, channel, money)
    fee, tax = await check_amount(channel, money)
    await check_agent(agent, destination, channel, money.units - fee - tax)
    hashed, payout_id = input_hash([channel_id, money.units, money.currency]), new_id()
    async with transaction() as conn:
        key = (actor.require_user(), OPERATION, idempotency_key, hashed, payout_id)
        earlier = await claim_key(conn, *key)
        if earlier is not None:
            return Requested(await Payout.get(id=earlier), replayed=True)
        book = await commissions.book_with(conn, agent.id, money)
        await require_free(conn, agent.id, Deed.PAYOUT)
        await require_unrestricted(conn, agent.id, Deed.PAYOUT)
        await _refuse_retired(conn, destination)
        await check_caps(conn, agent, channel, money)
        risks = await risks_of(conn, agent, destination, book.owed)
        payout = Payout(
            id=payout_id,
            agent_id=agent.id,
            channel_id=channel.id,
            destination_id=destination.id,
            reference=payout_id.hex[:REFERENCE_LETTERS],
            amount=money.units,
            fee=fee,
            tax=tax,
            currency=money.currency,
            status=PayoutStatus.REQUESTED,
            risks=risks,
            requested_at=clock.now(),
        )
        await ledger.post(conn, [books.requested(payout, book)])
        await audit.record(conn, actor, events.REQUESTED, agent.id, told(money, fee, tax))
        await events.announce(conn, events.REQUESTED, payout)
        if money.units <= limits.without_approval and not risks:
            await approve(conn, SYSTEM, channel, payout)
        await payout.save(force_create=True)
    wake_relay()
    return Requested(payout, replayed=False)


async def cancel_payout(actor: Actor, payout_id: UUID) -> Payout:
    """Take a withdrawal back: at once while nobody approved it, or, where the channel can, while it
    waits for the caller to confirm it. Refuses (PAYOUT_MOVE_NOT_ALLOWED) what is on its way."""
    agent = await agent_of(actor)
    async with transaction() as conn:
        payout = await lock_payout(conn, payout_id)
        refuse_unless(payout.agent_id == agent.id, NotFound(what="withdrawal", field=("id",)))
        if payout.status is PayoutStatus.REQUESTED:
            await give_up(conn, payout, PayoutStatus.CANCELLED)
        else:
            channel = await channel_of(payout.channel_id)
            able = adapter_of(channel.adapter).capabilities.cancel
            waits = payout.status is PayoutStatus.ACCEPTED and payout.waits and able
            refuse_unless(waits, PayoutMoveNotAllowed(status=payout.status.value))
            payout.cancel_wanted, payout.next_try_at = True, clock.now()
        await payout.save()
        details = {"payout": encode_id(Prefix.PAYOUT, payout.id)}
        await audit.record(conn, actor, "payout.cancel", agent.id, details)
    wake_relay()
    return payout


async def approve(conn: Connection, actor: Actor, channel: PayoutChannel, *payouts: Payout) -> None:
    """Approve locked payouts of one channel, which the caller saves; a job sends them, or a file
    takes them along."""
    by_file = adapter_of(channel.adapter).capabilities.by_file
    for payout in payouts:
        requested = payout.status is PayoutStatus.REQUESTED
        refuse_unless(requested, PayoutMoveNotAllowed(status=payout.status.value))
        payout.status, payout.approved_at = PayoutStatus.APPROVED, clock.now()
        payout.approved_by = actor.user_id
        payout.next_try_at = None if by_file else clock.now()
    await events.announce(conn, events.APPROVED, *payouts)


async def give_up(conn: Connection, payout: Payout, status: PayoutStatus) -> None:
    """End a locked payout of which nothing was sent; its agent has the money again. The caller
    saves it."""
    key = (payout.agent_id, payout.currency)
    book = (await commissions.lock_books(conn, [key]))[key]
    await commissions.open_released(conn, [key])
    payout.status, payout.finished_at, payout.next_try_at = status, clock.now(), None
    await ledger.post(conn, [books.given_up(payout, book)])
    await events.announce(conn, events.OF_STATUS[status], payout)


async def lock_payout(conn: Connection, payout_id: UUID) -> Payout:
    """Lock one payout in the caller's transaction; before the book of its agent."""
    payout = await Payout.filter(id=payout_id).select_for_update().first()
    if payout is None:
        raise Refused(NotFound(what="withdrawal", field=("id",)))
    return payout


async def _usable(agent_id: UUID, channel: PayoutChannel, money: Money) -> PayoutDestination:
    usable = channel.enabled and channel.currency == money.currency
    refuse_unless(usable, PayoutChannelUnusable(field=("channelId",)))
    kinds = adapter_of(channel.adapter).capabilities.destinations
    found = await PayoutDestination.filter(
        agent_id=agent_id, kind__in=[kind.value for kind in kinds], retired_at__isnull=True
    ).first()
    if found is None:
        missing = DestinationMissing(kind=min(kinds).value, field=("channelId",))
        raise Refused(missing)
    return found


async def _refuse_retired(conn: Connection, destination: PayoutDestination) -> None:
    """It may have been changed since it was looked at."""
    in_use = await conn.fetchval(
        "SELECT 1 FROM payout_destinations WHERE id = $1 AND retired_at IS NULL", destination.id
    )
    missing = DestinationMissing(kind=destination.kind.value, field=("channelId",))
    refuse_unless(bool(in_use), missing)
