"""What happens when an order is paid: one function for callbacks, the poller and operators.

The order is locked first, so that payment, cancellation and expiry of one order happen one after
another. What a late payment finds is decided here, too: the order comes back with whatever cards
are left, suppliers deliver the rest, and what nobody delivers is refunded by fulfilment.
"""

from enum import StrEnum
from uuid import UUID

import asyncpg

from domain import audit, coupons, ledger, orders, payments, risk
from domain.checkout.delivering import deliver_own
from domain.checkout.screening import judge_paid
from domain.kernel import (
    SYSTEM,
    Busy,
    Connection,
    Refused,
    clock,
    crash_point,
    record_events,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.payments import Payment, PaymentStatus
from domain.payments.ports import Paid

TRIES = 5
_OTHERS_NOW = """
UPDATE payments SET next_query_at = $3
WHERE order_id = $1 AND id <> $2 AND next_query_at IS NOT NULL
"""


class Confirmed(StrEnum):
    """What became of money that surely came."""

    TAKEN = "taken"  # the order is paid by it
    SUSPENDED = "suspended"  # no order needs it: in suspense, and told
    DUPLICATE = "duplicate"  # booked before


async def confirm_payment(payment_id: UUID, facts: Paid, by: str, why: str = "") -> Confirmed:
    """Book money that the vendor surely has, and do all that follows, in one transaction.

    An order that is unpaid, also one that was cancelled or has expired, is paid by exactly its
    total: own cards are sold and split at once, the rest is due for fulfilment. Any other money
    goes to the suspense account and is told (mission rows C5, F1; invariants I7, I8).
    """
    payment = await payments.get_payment(payment_id)
    for _ in range(TRIES):
        try:
            async with transaction() as conn:
                done = await _confirm(conn, payment.order_id, payment_id, facts, by, why)
                crash_point("checkout.confirm_written")
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "shared_use_once":
                raise
            continue  # another buyer took the same use of a shared code
        crash_point("checkout.confirmed")
        wake_relay()
        return done
    raise Refused(Busy())


async def _confirm(
    conn: Connection, order_id: UUID, payment_id: UUID, facts: Paid, by: str, why: str
) -> Confirmed:
    order = await orders.lock_order(conn, order_id)
    payment = await payments.lock_payment(conn, payment_id)
    if payment.status in payments.MONEY_IS_HERE:
        return Confirmed.DUPLICATE
    fits = facts.amount == order.total and facts.currency == order.currency
    if why or not fits or order.status not in orders.UNPAID:
        await _suspend(conn, payment, facts, by, why or ("second_payment" if fits else "amount"))
        return Confirmed.SUSPENDED
    if not await coupons.consume(conn, order.id):
        # Paid late, at a price for which somebody else has used the coupon by now.
        await _suspend(conn, payment, facts, by, "coupon_gone")
        return Confirmed.SUSPENDED
    await payments.book_money(payment, PaymentStatus.PAID, facts, by)
    posting = orders.channel_payment_posting(
        order.id, order.number, payment.channel_id, order.total, order.currency
    )
    await ledger.post(conn, [posting])
    verdict = await judge_paid(conn, order)
    await orders.order_paid(conn, order, review=verdict is not None)
    if verdict is None:
        await deliver_own(conn, order)
    else:
        await risk.open_case(conn, order.id, verdict)
    # Nobody should pay it twice: other tries are asked about, and closed, at the next turn.
    await conn.execute(_OTHERS_NOW, order.id, payment.id, clock.now())
    return Confirmed.TAKEN


async def _suspend(conn: Connection, payment: Payment, facts: Paid, by: str, why: str) -> None:
    """Money that no order needs: owed to nobody by name until an operator gives it back."""
    await payments.book_money(payment, PaymentStatus.SUSPENDED, facts, by, why)
    legs = [
        (account_id(AccountKind.CHANNEL, payment.channel_id, payment.currency), -facts.amount),
        (account_id(AccountKind.SUSPENSE, None, payment.currency), facts.amount),
    ]
    await ledger.post(
        conn, [Posting(TransferKind.SUSPENSE, payment.id, payment.currency, legs, why)]
    )
    event = payments.events.suspended(
        payment.id, payment.order_id, facts.amount, payment.currency, why
    )
    await record_events(conn, [event])
    details = {"why": why, "amount": facts.amount, "by": by}
    await audit.record(conn, SYSTEM, "payment.suspend", payment.id, details)
