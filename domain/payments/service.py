"""Payments: begun, asked for, and what is written of them. The order is locked before its payment.

No vendor is called inside a transaction: what is about to be said is committed first, and the
answer is booked by another transaction.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain import orders
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    claim_key,
    clock,
    connection,
    crash_point,
    input_hash,
    new_id,
    refuse_unless,
    seal_small,
    transaction,
    unseal_small,
)
from domain.orders import OrderStatus
from domain.payments import ports
from domain.payments.channels import channel_of, connection_of
from domain.payments.models import Payment, PaymentChannel, PaymentStatus
from domain.payments.moves import OPEN_PAYMENTS
from domain.payments.ports import Embedded, PaymentAction, QrCode, Redirect, Way
from domain.payments.refusals import (
    ChannelUnusable,
    OrderNotPayable,
    PaymentRefused,
    PaymentUncertain,
    TooManyPayments,
)
from domain.payments.registry import port_of
from domain.payments.rules import (
    MAX_TRIES,
    QUERY_LEASE,
    QUERY_PAUSES,
    Times,
    fee_of,
    pause,
)

OPERATION = "paymentStart"
ACTION_PURPOSE = "payment-action"
times = Times()

_CLAIM_QUERY = """
UPDATE payments SET next_query_at = $2, queries = queries + 1
WHERE id = $1 AND next_query_at <= $3 RETURNING 1
"""
_DUE = """
SELECT id FROM payments WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT $2
"""
_ASK_NOW = """
UPDATE payments SET next_query_at = $2 WHERE id = $1 AND next_query_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class StartWish:
    """How the buyer wants to pay an order."""

    order_id: UUID
    channel_id: UUID
    way: Way
    idempotency_key: str
    return_url: str = ""
    payer: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """A payment, and what the storefront has to show for it."""

    payment: Payment
    action: PaymentAction
    replayed: bool


async def start_payment(actor: Actor, wish: StartWish) -> Begun:
    """Begin to pay the caller's own unpaid order through a channel; once per idempotency key.

    Refuses an order that nobody can pay (ORDER_NOT_PAYABLE), a channel that is not offered there
    (PAYMENT_METHOD_UNUSABLE), too many tries, and what the vendor surely refuses (PAYMENT_REFUSED).
    When the vendor's answer is not sure (PAYMENT_UNCERTAIN) the same key goes on with the same
    payment; it is asked for meanwhile in any case (mission rows F1, F2).
    """
    channel = await channel_of(wish.channel_id)
    payment, replayed = await _open(actor, wish, channel)
    crash_point("payments.start_committed")
    if payment.action_sealed is not None:
        return Begun(payment, action_of(payment), replayed)
    if payment.status is PaymentStatus.FAILED:
        raise Refused(PaymentRefused(why=payment.why))
    refuse_unless(payment.status in OPEN_PAYMENTS, OrderNotPayable(status=payment.status))
    result = await port_of(channel.adapter).start(
        connection_of(channel), await _order_for(actor, payment, wish)
    )
    crash_point("payments.started")
    booked = await _book_start(payment.id, result)
    match result:
        case ports.Started(action=action):
            return Begun(booked, action, replayed)
        case ports.Refused(why=why):
            raise Refused(PaymentRefused(why=why.value))
        case ports.Uncertain():
            raise Refused(PaymentUncertain())


def action_of(payment: Payment) -> PaymentAction:
    """What the storefront has to show."""
    if payment.action_sealed is None:
        raise ValueError("a payment without an action was not begun")
    kept = orjson.loads(unseal_small(ACTION_PURPOSE, payment.action_sealed, str(payment.id)))
    match kept["kind"]:
        case "redirect":
            return Redirect(kept["value"])
        case "qr":
            return QrCode(kept["value"])
        case _:
            return Embedded(kept["value"])


async def _open(actor: Actor, wish: StartWish, channel: PaymentChannel) -> tuple[Payment, bool]:
    """Commit the payment before the vendor hears of it; the earlier one for the same key."""
    moment = clock.now()
    plain = [wish.order_id, wish.channel_id, wish.way, wish.return_url, wish.payer]
    async with transaction() as conn:
        order = await orders.lock_order(conn, wish.order_id)
        buyer = actor.require_user()
        refuse_unless(order.buyer_id == buyer, NotFound(what="order", field=("orderId",)))
        payment_id = new_id()
        key = (buyer, OPERATION, wish.idempotency_key, input_hash(plain), payment_id)
        earlier = await claim_key(conn, *key)
        if earlier is not None:
            return await Payment.get(id=earlier), True
        _check_order(order, moment)
        _check_channel(channel, wish, order)
        tried = await Payment.filter(order_id=order.id).count()
        refuse_unless(tried < MAX_TRIES, TooManyPayments(limit=MAX_TRIES))
        payment = await Payment.create(
            id=payment_id,
            order_id=order.id,
            channel_id=channel.id,
            reference=payment_id.hex,
            way=wish.way.value,
            amount=order.total,
            currency=order.currency,
            fee_estimate=fee_of(order.total, order.currency, channel.fee_rate, channel.fee_fixed),
            status=PaymentStatus.STARTING,
            started_at=moment,
            expires_at=order.expires_at or moment,
            next_query_at=moment + times.first_query,
        )
    return payment, False


def _check_order(order: orders.LockedOrder, moment: datetime) -> None:
    going = order.status is OrderStatus.PENDING_PAYMENT and (order.expires_at or moment) > moment
    refuse_unless(going, OrderNotPayable(status=order.status.value, field=("orderId",)))


def _check_channel(channel: PaymentChannel, wish: StartWish, order: orders.LockedOrder) -> None:
    offered = (
        channel.enabled
        and channel.site_id in (None, order.site_id)
        and wish.way.value in channel.ways
        and channel.currency == order.currency
    )
    refuse_unless(offered, ChannelUnusable(field=("methodId",)))
    embedded = wish.way is not Way.IN_APP or bool(wish.payer)
    refuse_unless(embedded, Invalid(reason="payment_payer", field=("payer",)))


async def _order_for(actor: Actor, payment: Payment, wish: StartWish) -> ports.PaymentOrder:
    async with connection() as conn:
        number = await conn.fetchval("SELECT number FROM orders WHERE id = $1", payment.order_id)
    return ports.PaymentOrder(
        reference=payment.reference,
        amount=payment.amount,
        currency=payment.currency,
        way=wish.way,
        subject=number,
        expires_at=payment.expires_at,
        return_url=wish.return_url,
        payer=wish.payer,
        client_ip=actor.ip,
    )


async def _book_start(payment_id: UUID, result: ports.StartResult) -> Payment:
    """What the vendor answered; a payment that was paid or closed meanwhile stays so."""
    async with transaction() as conn:
        payment = await lock_payment(conn, payment_id)
        if payment.status is not PaymentStatus.STARTING:
            return payment
        match result:
            case ports.Started(action=action):
                payment.status = PaymentStatus.PENDING
                payment.action_sealed = _sealed_action(payment, action)
            case ports.Refused(why=why):
                payment.status, payment.why = PaymentStatus.FAILED, why.value
                payment.next_query_at = None
            case ports.Uncertain(why=why):
                payment.why = why.value
        payment.version += 1
        await payment.save()
    return payment


def _sealed_action(payment: Payment, action: PaymentAction) -> bytes:
    kept: dict[str, Any]
    match action:
        case Redirect(url=url):
            kept = {"kind": "redirect", "value": url}
        case QrCode(content=content):
            kept = {"kind": "qr", "value": content}
        case Embedded(parameters=parameters):
            kept = {"kind": "embedded", "value": dict(parameters)}
    return seal_small(ACTION_PURPOSE, orjson.dumps(kept).decode(), str(payment.id))


# --- what others write of payments -------------------------------------------------------------


async def lock_payment(conn: Connection, payment_id: UUID) -> Payment:
    """Lock one payment in the caller's transaction, which holds the order's lock if it needs it."""
    payment = await Payment.filter(id=payment_id).select_for_update().first()
    if payment is None:
        raise Refused(NotFound(what="payment", field=("paymentId",)))
    return payment


async def book_money(
    payment: Payment, status: PaymentStatus, facts: ports.Paid, by: str, why: str = ""
) -> None:
    """The vendor has the money: PAID for its order, or SUSPENDED. Locked by the caller."""
    payment.status, payment.why, payment.confirmed_by = status, why, by
    payment.provider_id, payment.paid_amount = facts.provider_id, facts.amount
    payment.paid_at, payment.next_query_at = facts.paid_at, None
    payment.version += 1
    await payment.save()


async def book_unpaid(payment: Payment, why: str) -> None:
    """Surely nobody has paid it, and nobody can. Locked by the caller."""
    payment.status, payment.why, payment.next_query_at = PaymentStatus.CLOSED, why, None
    payment.version += 1
    await payment.save()


async def claim_query(payment_id: UUID) -> bool:
    """Whether this caller is to ask the vendor now; nobody else does for a while."""
    moment = clock.now()
    async with transaction() as conn:
        return bool(await conn.fetchval(_CLAIM_QUERY, payment_id, moment + QUERY_LEASE, moment))


async def ask_later(payment_id: UUID) -> None:
    """Nothing is known yet: ask again after a while."""
    async with transaction() as conn:
        payment = await lock_payment(conn, payment_id)
        if payment.status in OPEN_PAYMENTS:
            payment.next_query_at = clock.now() + pause(QUERY_PAUSES, payment.queries)
            await payment.save()


async def ask_now(payment_id: UUID) -> None:
    """Somebody said something of it: the poller asks at its next turn."""
    async with transaction() as conn:
        await conn.execute(_ASK_NOW, payment_id, clock.now())


async def due_payments(limit: int) -> list[UUID]:
    """Payments whose vendor must be asked now: those whose callback never came (row F1)."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]
