"""The end of an order that nobody has paid: its buyer cancels it, or its time is over.

Like a payment, each locks the order first: of two at once one finds the other's work done.
"""

from uuid import UUID

from domain import cards, coupons, orders, payments
from domain.kernel import (
    SYSTEM,
    Actor,
    Connection,
    NotFound,
    act_as,
    clock,
    connection,
    crash_point,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.orders import Order, OrderStatus
from domain.payments import OrderNotCancellable

AT_ONCE = 200
_OTHERS_NOW = """
UPDATE payments SET next_query_at = $2 WHERE order_id = $1 AND next_query_at IS NOT NULL
"""


async def cancel_order(actor: Actor, order_id: UUID) -> Order:
    """Give up the caller's own unpaid order, and give its cards back to the shelf.

    A second time changes nothing. Refuses an order that is paid or over (ORDER_NOT_CANCELLABLE);
    another's sounds like none. Whoever pays it all the same is served like any late payment.
    """
    async with transaction() as conn:
        order = await orders.lock_order(conn, order_id)
        own = order.buyer_id == actor.require_user()
        refuse_unless(own, NotFound(what="order", field=("orderId",)))
        if order.status is not OrderStatus.CANCELLED:
            pending = order.status is OrderStatus.PENDING_PAYMENT
            refusal = OrderNotCancellable(status=order.status.value, field=("orderId",))
            refuse_unless(pending, refusal)
            await _end(conn, actor, order, OrderStatus.CANCELLED)
    wake_relay()
    return await Order.get(id=order_id)


async def expire_orders() -> int:
    """End the unpaid orders whose time is over; how many (row F7, field bug 24)."""
    async with connection() as conn:
        due = await orders.expired_orders(conn, AT_ONCE)
    ended = 0
    for order_id in due:
        ended += await expire_order(order_id)
    if ended:
        wake_relay()
    return ended


async def expire_order(order_id: UUID) -> bool:
    """End one order whose time is over; False when it was paid or ended meanwhile."""
    refused = await payments.was_refused(order_id)
    async with transaction() as conn:
        order = await orders.lock_order(conn, order_id)
        over = order.expires_at is not None and order.expires_at <= clock.now()
        if order.status is not OrderStatus.PENDING_PAYMENT or not over:
            return False
        await _end(conn, SYSTEM, order, OrderStatus.FAILED if refused else OrderStatus.EXPIRED)
    return True


async def _end(
    conn: Connection, actor: Actor, order: orders.LockedOrder, status: OrderStatus
) -> None:
    await orders.order_ended(conn, order, status)
    await coupons.release(conn, order.id)
    await act_as(conn, actor, f"order {status.value.lower()}")
    for hold in await cards.holds_of_lines(conn, [line.id for line in order.lines]):
        await cards.release_hold(conn, hold)
    await conn.execute(_OTHERS_NOW, order.id, clock.now())  # asked about, and closed, soon
    crash_point("checkout.end_written")
