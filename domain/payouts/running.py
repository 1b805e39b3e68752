"""Sending payouts and asking about them: the job (mission row H3).

What is about to be sent is committed first, its money in transit; the channel is called outside any
transaction; another transaction books the answer. What is not known is asked about, under the one
reference. Only when the channel surely knows nothing of it is it sent again, under the same one.
"""

from typing import Any
from uuid import UUID

import orjson

from domain import commissions, ledger
from domain.kernel import (
    Connection,
    clock,
    connection,
    crash_point,
    know_keys_of,
    seal_small,
    transaction,
    unseal_small,
    wake_relay,
)
from domain.payouts import books, events, incidents, ports
from domain.payouts.channels import channel_of, connection_of
from domain.payouts.destinations import receiver_of
from domain.payouts.models import CaseKind, Payout, PayoutDestination, PayoutStatus
from domain.payouts.moves import WITH_CHANNEL
from domain.payouts.registry import adapter_of, port_of
from domain.payouts.requesting import lock_payout
from domain.payouts.rules import LEASE, is_settled, pause

ACTION_PURPOSE = "payout-action"
# What a channel may say of a payout that has ended here, and must not.
_CONTRARY: dict[PayoutStatus, tuple[type, ...]] = {
    PayoutStatus.FAILED: (ports.Paid, ports.Returned),
    PayoutStatus.SUCCEEDED: (ports.Rejected,),
}
REMARK = "commission"
_CLAIM = """
UPDATE payouts SET next_try_at = $2, tries = tries + 1
WHERE id = $1 AND next_try_at <= $3 RETURNING status
"""
_DUE = "SELECT id FROM payouts WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT $2"


async def run_payout(payout_id: UUID) -> None:
    """Send an approved payout, or ask what became of it; does nothing when it is done.

    Called any number of times, by anybody: only one is at it at a time.
    """
    moment = clock.now()
    async with transaction() as conn:
        status = await conn.fetchval(_CLAIM, payout_id, moment + LEASE, moment)
        if status is None:
            return  # done, or somebody else is at it
        payout = await lock_payout(conn, payout_id)
        fresh = payout.status is PayoutStatus.APPROVED
        if fresh:
            await _submit(conn, payout)
    crash_point("payouts.submitted")
    result = await _ask(payout, fresh)
    crash_point("payouts.answered")
    await book_result(payout_id, result)
    crash_point("payouts.booked")
    wake_relay()


async def ask_now(payout_id: UUID) -> None:
    """Ask its channel what became of a payout, whenever the next question is due, and book what it
    says. Nothing is sent. Nobody is asked about what has not left, has surely failed, or went by a
    file; so neither about payments to service providers, which are no payouts and go by files."""
    payout = await Payout.filter(id=payout_id).first()
    if payout is None:
        return
    channel = await channel_of(payout.channel_id)
    asked = payout.status in (*WITH_CHANNEL, PayoutStatus.SUCCEEDED)
    if not asked or adapter_of(channel.adapter).capabilities.by_file:
        return
    port, where = port_of(channel.adapter), connection_of(channel)
    await book_result(payout_id, await port.query(where, await order_of(payout)))
    wake_relay()


async def due_payouts(limit: int) -> list[UUID]:
    """Payouts to be sent, or asked about, now."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def _submit(conn: Connection, payout: Payout, *, again: bool = False) -> None:
    """From here on it may have been sent. In the caller's transaction, committed before it is."""
    payout.status, payout.submitted_at = PayoutStatus.SUBMITTING, clock.now()
    payout.first_submitted_at = payout.first_submitted_at or payout.submitted_at
    payout.submissions, payout.not_found = payout.submissions + 1, 0
    if not again:
        await ledger.post(conn, [books.submitted(payout)])
        await events.announce(conn, events.SUBMITTED, payout)
    await payout.save()


async def _ask(payout: Payout, fresh: bool) -> ports.QueryResult:
    channel = await channel_of(payout.channel_id)
    port, where = port_of(channel.adapter), connection_of(channel)
    order = await order_of(payout)
    if fresh:
        return await port.submit(where, order)
    if payout.cancel_wanted:
        return await port.cancel(where, order)
    result = await port.query(where, order)
    if not isinstance(result, ports.NotFound) or not await _may_send_again(payout, channel.adapter):
        return result
    crash_point("payouts.submitted")
    return await port.submit(where, order)


async def _may_send_again(payout: Payout, adapter: str) -> bool:
    """Whether the channel surely knows nothing of it; then it is noted that it is sent anew."""
    able = port_of(adapter).capabilities
    async with transaction() as conn:
        locked = await lock_payout(conn, payout.id)
        unheard = locked.status in (PayoutStatus.SUBMITTING, PayoutStatus.UNKNOWN)
        if not unheard or locked.provider_id is not None:
            return False  # the channel knew it once, and errs now
        settled = is_settled(
            locked.submitted_at,
            clock.now(),
            able.settle_seconds,
            locked.not_found + 1,
            able.not_found_answers,
        )
        if settled:
            await _submit(conn, locked, again=True)
    return settled


async def order_of(payout: Payout) -> ports.PayoutOrder:
    """A payout as its channel sees it, its receiver opened."""
    destination = await PayoutDestination.get(id=payout.destination_id)
    await know_keys_of(destination.sealed)
    return ports.PayoutOrder(
        reference=payout.reference,
        amount=books.net_of(payout),
        currency=payout.currency,
        remark=REMARK,
        receiver=receiver_of(destination),
        provider_id=payout.provider_id,
        first_sent_at=payout.first_submitted_at,
        action_known=payout.action_sealed is not None,
    )


async def book_result(payout_id: UUID, result: ports.QueryResult) -> None:
    """Write what a channel, or a bank's file, said; what is finished already stays as it is."""
    async with transaction() as conn:
        await book_locked(conn, await lock_payout(conn, payout_id), result)


async def book_locked(conn: Connection, payout: Payout, result: ports.QueryResult) -> bool:
    """The same for a payout that is locked already; False when it was finished and stays. What the
    channel says against that is a case for people."""
    if payout.status is PayoutStatus.SUCCEEDED and isinstance(result, ports.Returned):
        await end_payout(conn, payout, PayoutStatus.RETURNED)
    elif payout.status in WITH_CHANNEL:
        await _book(conn, payout, result)
    else:
        if isinstance(result, _CONTRARY.get(payout.status, ())):
            await incidents.open_case(conn, payout, CaseKind.CONTRADICTED)
            await payout.save()
        return False
    await payout.save()
    return True


async def _book(conn: Connection, payout: Payout, result: ports.QueryResult) -> None:
    match result:
        case ports.Paid(provider_id=number):
            payout.provider_id = number or payout.provider_id
            await end_payout(conn, payout, PayoutStatus.SUCCEEDED)
        case ports.Returned(provider_id=number):
            payout.provider_id = number or payout.provider_id
            await end_payout(conn, payout, PayoutStatus.SUCCEEDED)
            await end_payout(conn, payout, PayoutStatus.RETURNED)
        case ports.Rejected(why=why):
            payout.why = why.value
            await end_payout(conn, payout, PayoutStatus.FAILED)
        case ports.Accepted(provider_id=number, waits=waits):
            payout.provider_id, payout.status = number or payout.provider_id, PayoutStatus.ACCEPTED
            payout.not_found, payout.why = 0, ""
            if waits and not payout.waits:
                await events.announce(conn, events.WAITING, payout)
            payout.waits = waits
            if result.action:
                text = orjson.dumps(dict(result.action)).decode()
                payout.action_sealed = seal_small(ACTION_PURPOSE, text, str(payout.id))
            payout.next_try_at = _later(payout)
        case ports.NotFound():
            payout.not_found += 1
            payout.status, payout.next_try_at = PayoutStatus.UNKNOWN, _later(payout)
        case ports.Uncertain(why=why):
            if payout.status is PayoutStatus.SUBMITTING:
                payout.status = PayoutStatus.UNKNOWN
            payout.why, payout.next_try_at = why.value, _later(payout)


def _later(payout: Payout) -> Any:
    return None if payout.file_id else clock.now() + pause(payout.tries)


async def end_payout(conn: Connection, payout: Payout, status: PayoutStatus) -> None:
    """The money has left, or is the agent's again. The caller locks the payout and saves it."""
    payout.status, payout.finished_at, payout.next_try_at = status, clock.now(), None
    payout.waits, payout.action_sealed, payout.cancel_wanted = False, None, False
    if status is PayoutStatus.SUCCEEDED:
        payout.why = ""
        posting = books.paid(payout)
    else:
        key = (payout.agent_id, payout.currency)
        book = (await commissions.lock_books(conn, [key]))[key]
        await commissions.open_released(conn, [key])
        failed = status is PayoutStatus.FAILED
        posting = books.failed(payout, book) if failed else books.returned(payout, book)
    await ledger.post(conn, [posting])
    await events.announce(conn, events.OF_STATUS[status], payout)
    await incidents.over(conn, payout)


def action_of(payout: Payout) -> dict[str, str]:
    """What its receiver's app needs to confirm it; empty when nothing is to be confirmed."""
    if payout.action_sealed is None or not payout.waits:
        return {}
    opened: dict[str, str] = orjson.loads(
        unseal_small(ACTION_PURPOSE, payout.action_sealed, str(payout.id))
    )
    return opened
