"""Money back through the channel it came by; asked for once, never repeated under another name.

Whoever asks for a refund has moved the money to the account REFUND_DUE in the same transaction.
From there it leaves to the channel when the vendor has given it back, or to the buyer's wallet when
the vendor surely will not.
"""

from dataclasses import dataclass
from uuid import UUID

from domain import audit, ledger
from domain.kernel import (
    Actor,
    Connection,
    Event,
    clock,
    connection,
    crash_point,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.payments import events, ports
from domain.payments.channels import channel_of, connection_of
from domain.payments.models import Payment, PaymentRefund, PaymentStatus, RefundStatus
from domain.payments.moves import MONEY_IS_HERE
from domain.payments.refusals import PaymentNotRefundable
from domain.payments.registry import port_of
from domain.payments.rules import REFUND_LEASE, REFUND_PAUSES, pause
from domain.payments.service import lock_payment

WRITE_SCOPE = "payments:write"
_BUYER = "SELECT buyer_id FROM orders WHERE id = $1"
_PAID_BY = "SELECT id FROM payments WHERE order_id = $1 AND status = 'PAID'"
_GIVEN_BACK = """
SELECT coalesce(sum(amount), 0)::bigint FROM payment_refunds
WHERE payment_id = $1 AND status <> 'REJECTED'
"""
_CLAIM = """
UPDATE payment_refunds SET next_try_at = $2, tries = tries + 1,
    status = CASE WHEN status = 'REQUESTED' THEN 'SUBMITTING' ELSE status END
WHERE id = $1 AND next_try_at <= $3 RETURNING tries, status
"""
_DUE = "SELECT id FROM payment_refunds WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT $2"


@dataclass(frozen=True, slots=True)
class RefundWish:
    """How much of a payment goes back, and why; `amount` in units of 1/10000."""

    payment_id: UUID
    amount: int
    reason: str
    line_id: UUID | None = None


async def refundable_payment(conn: Connection, order_id: UUID) -> Payment | None:
    """The payment through which money of an order can go back; None: to the wallet only.

    The caller has locked the order.
    """
    payment_id = await conn.fetchval(_PAID_BY, order_id)
    if payment_id is None:
        return None
    payment = await lock_payment(conn, payment_id)
    channel = await channel_of(payment.channel_id)
    return payment if port_of(channel.adapter).capabilities.refund else None


async def request_refund(conn: Connection, payment: Payment, wish: RefundWish) -> PaymentRefund:
    """Write down that money goes back through the channel, in the caller's transaction.

    The caller has locked the order and the payment, and moves the money to REFUND_DUE. Refuses more
    than is left of the payment (PAYMENT_NOT_REFUNDABLE); the database would, too.
    """
    given = await conn.fetchval(_GIVEN_BACK, payment.id)
    left = (payment.paid_amount or 0) - given
    refuse_unless(0 < wish.amount <= left, PaymentNotRefundable(field=("paymentId",)))
    refund_id = new_id()
    refund = await PaymentRefund.create(
        id=refund_id,
        payment_id=payment.id,
        buyer_id=await conn.fetchval(_BUYER, payment.order_id),
        line_id=wish.line_id,
        reference=refund_id.hex,
        amount=wish.amount,
        currency=payment.currency,
        reason=wish.reason[:64],
        status=RefundStatus.REQUESTED,
        next_try_at=clock.now(),
        requested_at=clock.now(),
    )
    await record_events(conn, [_event(events.REFUND_REQUESTED, 1, refund)])
    return refund


async def refund_suspended(actor: Actor, payment_id: UUID) -> PaymentRefund:
    """Give back money that no order needs: one click (row F1, invariant I7).

    Needs `payments:write`; audited. A second click finds nothing left (PAYMENT_NOT_REFUNDABLE), as
    does a payment that is not in suspense.
    """
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        payment = await lock_payment(conn, payment_id)
        suspended = payment.status is PaymentStatus.SUSPENDED
        refuse_unless(suspended, PaymentNotRefundable(field=("paymentId",)))
        channel = await channel_of(payment.channel_id)
        able = port_of(channel.adapter).capabilities.refund
        refuse_unless(able, PaymentNotRefundable(field=("paymentId",)))
        amount = payment.paid_amount or 0
        refund = await request_refund(conn, payment, RefundWish(payment.id, amount, "suspense"))
        legs = [
            (account_id(AccountKind.SUSPENSE, None, payment.currency), -amount),
            (account_id(AccountKind.REFUND_DUE, None, payment.currency), amount),
        ]
        kind = TransferKind.REFUND_REQUEST
        await ledger.post(conn, [Posting(kind, refund.id, payment.currency, legs)])
        details = {"amount": amount, "currency": payment.currency}
        await audit.record(conn, actor, "payment.refund", payment.id, details)
    wake_relay()
    return refund


async def run_refund(refund_id: UUID) -> None:
    """Ask the vendor to give the money back, or what became of it; does nothing when it is done.

    The first time it is asked for; from then on it is queried, and asked for again, under the same
    reference, only when the vendor says that it knows nothing.
    """
    moment = clock.now()
    async with transaction() as conn:
        claimed = await conn.fetchrow(_CLAIM, refund_id, moment + REFUND_LEASE, moment)
    if claimed is None:
        return  # done, or somebody else is at it
    crash_point("payments.refund_committed")
    refund = await PaymentRefund.get(id=refund_id)
    payment = await Payment.get(id=refund.payment_id)
    channel = await channel_of(payment.channel_id)
    port, where = port_of(channel.adapter), connection_of(channel)
    wanted = _order_of(payment, refund)
    result: ports.RefundQueryResult
    if claimed["tries"] == 1:
        result = await port.refund(where, wanted)
    else:
        result = await port.refund_query(where, wanted)
        if isinstance(result, ports.NotFound):
            result = await port.refund(where, wanted)
    crash_point("payments.refund_answered")
    await _book(refund_id, result)
    wake_relay()


async def due_refunds(limit: int) -> list[UUID]:
    """Refunds to be asked for, or asked about, now."""
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def ask_refund_now(reference: str) -> bool:
    """A vendor said something of a refund: it is asked about at once; False: there is no such."""
    changed = await PaymentRefund.filter(reference=reference, next_try_at__isnull=False).update(
        next_try_at=clock.now()
    )
    return changed > 0 or await PaymentRefund.filter(reference=reference).exists()


def _order_of(payment: Payment, refund: PaymentRefund) -> ports.RefundOrder:
    return ports.RefundOrder(
        reference=payment.reference,
        refund_reference=refund.reference,
        amount=refund.amount,
        total=payment.paid_amount or payment.amount,
        currency=refund.currency,
        reason=refund.reason,
    )


async def _book(refund_id: UUID, result: ports.RefundQueryResult) -> None:
    async with transaction() as conn:
        refund = await PaymentRefund.filter(id=refund_id).select_for_update().get()
        if refund.finished_at is not None:
            return
        match result:
            case ports.RefundCompleted(provider_refund_id=number):
                refund.provider_id = number
                await _finish(conn, refund, RefundStatus.COMPLETED)
            case ports.RefundRejected(why=why):
                refund.why = why.value
                await _finish(conn, refund, RefundStatus.REJECTED)
            case ports.RefundAccepted(provider_refund_id=number):
                refund.provider_id, refund.status = number, RefundStatus.ACCEPTED
                refund.next_try_at = clock.now() + pause(REFUND_PAUSES, refund.tries)
            case ports.Uncertain() | ports.NotFound():
                refund.next_try_at = clock.now() + pause(REFUND_PAUSES, refund.tries)
        await refund.save()


async def _finish(conn: Connection, refund: PaymentRefund, status: RefundStatus) -> None:
    """The money has left through the channel, or is the buyer's in the wallet."""
    payment = await Payment.get(id=refund.payment_id)
    assert payment.status in MONEY_IS_HERE
    refund.status, refund.finished_at, refund.next_try_at = status, clock.now(), None
    if status is RefundStatus.COMPLETED:
        kind, event = TransferKind.REFUND_SENT, events.REFUNDED
        to = account_id(AccountKind.CHANNEL, payment.channel_id, refund.currency)
    else:
        kind, event = TransferKind.REFUND_FAILED, events.REFUND_FAILED
        to = account_id(AccountKind.WALLET, refund.buyer_id, refund.currency)
        wallet = (AccountKind.WALLET, refund.buyer_id, refund.currency)
        await ledger.open_accounts(conn, [wallet])
    due = account_id(AccountKind.REFUND_DUE, None, refund.currency)
    legs = [(due, -refund.amount), (to, refund.amount)]
    await ledger.post(conn, [Posting(kind, refund.id, refund.currency, legs)])
    await record_events(conn, [_event(event, 2, refund)])


def _event(event: str, sequence: int, refund: PaymentRefund) -> Event:
    return events.refund_event(
        event, sequence, refund.id, refund.payment_id, refund.amount, refund.currency
    )
