"""Payment, cancellation and expiry of one order at the same moment: one of them decides."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import checkout, orders
from domain.checkout import ending
from domain.invariants import find_violations
from domain.kernel import Actor, Connection, Refused, clock, connection
from domain.orders import Order, OrderStatus
from domain.orders import unpaid as unpaid_orders
from domain.payments import Payment, PaymentChannel
from domain.payments.ports import Paid
from tests import make, vendor
from tests.domain.payments.test_paying import started, unpaid
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
ROUNDS = 200
AT_ONCE = 20


async def prepared(channel: PaymentChannel, sku: str, number: int) -> tuple[Actor, Order, Payment]:
    buyer = await make.buyer(0)
    order = await unpaid(buyer, sku, key=f"key{number}")
    return buyer, order, await started(buyer, order, channel)


async def settled(
    order: Order, race: Awaitable[Any], bank: Vendor, payment: Payment
) -> OrderStatus:
    """Pay at the same moment as the other thing happens."""
    paid = bank.pay(payment.reference)
    with suppress(Refused):  # a cancellation that came too late
        await asyncio.gather(pay(payment.id, paid), race)
    return (await Order.get(id=order.id)).status


async def pay(payment_id: UUID, paid: Paid) -> None:
    """A callback and the poller tell of it at once."""
    await asyncio.gather(
        checkout.confirm_payment(payment_id, paid, "callback"),
        checkout.confirm_payment(payment_id, paid, "query"),
    )


async def race(other: Callable[[Actor, Order], Awaitable[Any]]) -> None:
    """`ROUNDS` orders, each paid twice at once and ended at the same moment."""
    bank = Vendor()
    channel = await vendor.channel(bank)
    variant = await make.variant(cards=ROUNDS)
    for start in range(0, ROUNDS, AT_ONCE):
        rounds = [
            await prepared(channel, variant.sku, number) for number in range(start, start + AT_ONCE)
        ]
        ends = await asyncio.gather(
            *(
                settled(order, other(buyer, order), bank, payment)
                for buyer, order, payment in rounds
            )
        )
        assert set(ends) == {OrderStatus.DELIVERED}  # whoever pays is served, late or not
    async with connection() as conn:
        sold = await conn.fetchval("SELECT count(*) FROM cards WHERE state = 'sold'")
        held = await conn.fetchval("SELECT count(*) FROM cards WHERE state = 'reserved'")
        paid = await conn.fetchval("SELECT count(*) FROM transfers WHERE kind = 'payment'")
    assert (sold, held, paid) == (ROUNDS, 0, ROUNDS)
    assert [each for each in await find_violations() if each.violations] == []


async def test_pay_and_cancel_200_times() -> None:
    await race(lambda buyer, order: checkout.cancel_order(buyer, order.id))


async def test_pay_and_expire_200_times(monkeypatch: pytest.MonkeyPatch) -> None:
    class Later:
        """For expiry alone it is late: the payment is not."""

        @staticmethod
        def now() -> datetime:
            return clock.now() + timedelta(minutes=16)

    monkeypatch.setattr(ending, "clock", Later)
    await race(lambda buyer, order: checkout.expire_order(order.id))


async def test_without_the_order_s_lock_a_payment_and_a_cancellation_both_believe_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: the same race, and nobody waits for the order."""
    bank = Vendor()
    channel = await vendor.channel(bank)
    variant = await make.variant(cards=1)
    buyer, order, payment = await prepared(channel, variant.sku, 0)
    paid = bank.pay(payment.reference)
    for name in ("_LOCK", "_LINES"):
        bare = getattr(unpaid_orders, name).replace("FOR UPDATE", "")
        monkeypatch.setattr(unpaid_orders, name, bare)
    real, both_read = orders.lock_order, asyncio.Barrier(2)

    async def read_together(conn: Connection, order_id: UUID) -> orders.LockedOrder:
        found = await real(conn, order_id)
        await asyncio.wait_for(both_read.wait(), 10)
        return found

    monkeypatch.setattr(orders, "lock_order", read_together)
    done = await asyncio.gather(
        checkout.confirm_payment(payment.id, paid, "callback"),
        checkout.cancel_order(buyer, order.id),
        return_exceptions=True,
    )
    # Neither was refused: both went on, and only the database's own guards stopped one of them.
    assert not any(isinstance(each, Refused) for each in done), done
    assert any(isinstance(each, Exception) for each in done), done
