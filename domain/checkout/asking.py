"""Asking vendors: payments whose callback never came, and what an operator says (mission row F1).

The vendor is asked outside any transaction; its answer is booked by `confirm_payment`, or closes
the payment.
"""

from uuid import UUID

from domain import audit, orders, payments
from domain.checkout.confirming import Confirmed, confirm_payment
from domain.kernel import (
    Actor,
    Invalid,
    Refused,
    claim_key,
    clock,
    connection,
    crash_point,
    input_hash,
    refuse_unless,
    transaction,
)
from domain.kernel.idempotency import check_key
from domain.orders import OrderStatus
from domain.payments import Payment, PaymentChannel, PaymentNotThere, PaymentStatus, ports

CONFIRM_SCOPE = "payments:confirm"
OPERATION = "paymentConfirm"
_STATUS = "SELECT status FROM orders WHERE id = $1"


async def query_payment(payment_id: UUID) -> None:
    """Ask what became of an open payment, when it is due; close it when its order needs it no more.

    Called any number of times, by anybody: only one asks at a time.
    """
    if not await payments.claim_query(payment_id):
        return
    payment = await payments.get_payment(payment_id)
    channel = await payments.channel_of(payment.channel_id)
    result = await ask(payment, channel)
    crash_point("payments.query_answered")
    match result:
        case ports.Paid():
            await confirm_payment(payment_id, result, "query", _wrong(channel, result))
        case ports.Closed():
            await _close(payment_id, "closed_there")
        case ports.Pending():
            await _pending(payment, channel)
        case ports.NotFound():
            await _not_found(payment)
        case ports.Uncertain():
            await payments.ask_later(payment_id)


async def confirm_by_hand(
    actor: Actor, payment_id: UUID, provider_id: str, note: str, idempotency_key: str
) -> Confirmed:
    """An operator says that the money is there; from there on it is the flow of a callback.

    Needs `payments:confirm`; audited, with what for. The channel is asked first where it can be:
    against its word nobody is believed (PAYMENT_NOT_THERE), and its word of the amount counts.
    """
    actor.require_scope(CONFIRM_SCOPE)
    check_key(idempotency_key)
    fits = 0 < len(provider_id.strip()) <= 96 and provider_id.isprintable()
    refuse_unless(fits, Invalid(reason="payment_provider_id", field=("providerId",)))
    reason = 0 < len(note.strip()) <= 200
    refuse_unless(reason, Invalid(reason="payment_note", field=("note",)))
    payment = await payments.get_payment(payment_id)
    channel = await payments.channel_of(payment.channel_id)
    facts = await _facts_by_hand(payment, channel, provider_id.strip())
    async with transaction() as conn:
        hashed = input_hash([payment_id, provider_id, note])
        key = (actor.require_user(), OPERATION, idempotency_key, hashed, payment_id)
        if await claim_key(conn, *key) is None:
            details = {"providerId": facts.provider_id, "amount": facts.amount, "note": note}
            await audit.record(conn, actor, "payment.confirm", payment_id, details)
    crash_point("payments.hand_committed")
    return await confirm_payment(payment_id, facts, "operator", _wrong(channel, facts))


async def ask_again(payment_id: UUID) -> ports.QueryResult:
    """Ask the channel about any payment, also one that was given up, and book the money that it
    says to have (mission row F5)."""
    payment = await payments.get_payment(payment_id)
    channel = await payments.channel_of(payment.channel_id)
    result = await ask(payment, channel)
    if isinstance(result, ports.Paid):
        await confirm_payment(payment_id, result, "query", _wrong(channel, result))
    return result


async def ask(payment: Payment, channel: PaymentChannel) -> ports.QueryResult:
    """What the channel says of a payment."""
    port = payments.port_of(channel.adapter)
    if not port.capabilities.active_query:
        return ports.Uncertain(detail="channel_cannot_be_asked")
    return await port.query(payments.connection_of(channel), payment.reference)


def _wrong(channel: PaymentChannel, facts: ports.Paid) -> str:
    """Why money that is there can be for no order of this channel."""
    if facts.merchant != channel.merchant:
        return "merchant"
    return "" if facts.currency == channel.currency else "currency"


async def _facts_by_hand(payment: Payment, channel: PaymentChannel, provider_id: str) -> ports.Paid:
    result = await ask(payment, channel)
    match result:
        case ports.Paid():
            return result
        case ports.Uncertain():
            return ports.Paid(
                provider_id, payment.amount, payment.currency, channel.merchant, clock.now()
            )
        case _:
            raise Refused(PaymentNotThere(field=("paymentId",)))


async def _pending(payment: Payment, channel: PaymentChannel) -> None:
    """Not paid yet: wait while the order does, else let nobody pay it any more."""
    if await _order_waits(payment):
        await payments.ask_later(payment.id)
        return
    port = payments.port_of(channel.adapter)
    if not port.capabilities.close:
        over = clock.now() > payment.expires_at + payments.UNCLOSABLE_FOR
        await (_close(payment.id, "never_paid") if over else payments.ask_later(payment.id))
        return
    result = await port.close(payments.connection_of(channel), payment.reference)
    crash_point("payments.close_answered")
    match result:
        case ports.Paid():
            await confirm_payment(payment.id, result, "query", _wrong(channel, result))
        case ports.Closed():
            await _close(payment.id, "closed_by_us")
        case ports.NotFound():
            await _not_found(payment)
        case ports.Uncertain():
            await payments.ask_later(payment.id)


async def _not_found(payment: Payment) -> None:
    """The vendor knows nothing: believed only after the time in which it could still begin."""
    if clock.now() > payment.expires_at + payments.SETTLED_AFTER:
        await _close(payment.id, "never_begun")
    else:
        await payments.ask_later(payment.id)


async def _order_waits(payment: Payment) -> bool:
    if payment.expires_at <= clock.now():
        return False
    async with connection() as conn:
        status = await conn.fetchval(_STATUS, payment.order_id)
    return OrderStatus(status) is OrderStatus.PENDING_PAYMENT


async def _close(payment_id: UUID, why: str) -> None:
    async with transaction() as conn:
        await orders.lock_order(conn, (await payments.get_payment(payment_id)).order_id)
        payment = await payments.lock_payment(conn, payment_id)
        if payment.status in (PaymentStatus.STARTING, PaymentStatus.PENDING):
            await payments.book_unpaid(payment, why)
