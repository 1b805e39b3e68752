"""Payment, cancellation and expiry of one order at the same moment: one of them decides."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import checkout, fulfilment, orders
from domain.cards.models import Card
from domain.checkout import LineWish, Purchase, ending
from domain.invariants import find_violations
from domain.kernel import Actor, Connection, Refused, clock, connection
from domain.ledger import AccountKind
from domain.orders import Order, OrderLine, OrderStatus
from domain.orders import unpaid as unpaid_orders
from domain.payments import Payment, PaymentChannel
from domain.payments.ports import Paid
from tests import make, vendor
from tests.domain.payments.test_paying import balance, started, unpaid
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
ROUNDS = 200
AT_ONCE = 20
RIVALRIES = 40
PRICE = make.yuan(49)
HEAD_START = 0.004  # about what one of the two takes until it has the order's lock


async def prepared(channel: PaymentChannel, sku: str, number: int) -> tuple[Actor, Order, Payment]:
    buyer = await make.buyer(0)
    order = await unpaid(buyer, sku, key=f"key{number}")
    return buyer, order, await started(buyer, order, channel)


async def after(seconds: float, work: Awaitable[Any]) -> None:
    """Do it a moment later; who comes too late is refused, and that is an answer."""
    await asyncio.sleep(seconds)
    with suppress(Refused):
        await work


async def settled(
    number: int, order: Order, other: Awaitable[Any], bank: Vendor, payment: Payment
) -> OrderStatus:
    """Pay at about the moment when the other thing happens: now this is first, now that."""
    paid = bank.pay(payment.reference)
    head_start = (number % 5) * HEAD_START
    await asyncio.gather(after(HEAD_START, pay(payment.id, paid)), after(head_start, other))
    return (await Order.get(id=order.id)).status


async def pay(payment_id: UUID, paid: Paid) -> None:
    """A callback and the poller tell of it at once."""
    await asyncio.gather(
        checkout.confirm_payment(payment_id, paid, "callback"),
        checkout.confirm_payment(payment_id, paid, "query"),
    )


async def count_of(sql: str, *args: object) -> int:
    async with connection() as conn:
        return int(await conn.fetchval(f"SELECT count(*) FROM {sql}", *args))


async def all_is_well() -> None:
    assert [each for each in await find_violations() if each.violations] == []


async def race(other: Callable[[Actor, Order], Awaitable[Any]]) -> None:
    """`ROUNDS` orders, each paid twice at once and ended at the same moment."""
    bank = Vendor()
    channel = await vendor.channel(bank)
    variant = await make.variant(cards=ROUNDS)
    for start in range(0, ROUNDS, AT_ONCE):
        numbers = range(start, start + AT_ONCE)
        rounds = [await prepared(channel, variant.sku, number) for number in numbers]
        ends = await asyncio.gather(
            *(
                settled(number, order, other(buyer, order), bank, payment)
                for number, (buyer, order, payment) in zip(numbers, rounds, strict=True)
            )
        )
        assert set(ends) == {OrderStatus.DELIVERED}  # whoever pays is served, late or not
        done = start + AT_ONCE
        assert await count_of("cards WHERE state = 'sold'") == done
        assert await count_of("cards WHERE state = 'reserved'") == 0
        assert await count_of("transfers WHERE kind = 'payment'") == done
        assert await balance(AccountKind.CHANNEL, channel) == -done * PRICE
        assert await balance(AccountKind.REVENUE) == done * PRICE
        await all_is_well()
    ended = await count_of("outbox_events WHERE type IN ('order.cancelled', 'order.expired')")
    assert 3 <= ended <= ROUNDS - 3, f"{ended}: not much of a race"


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


async def test_the_card_that_a_cancellation_gives_back_has_one_taker() -> None:
    """Its late payer and a passer-by want the only card at the same moment."""
    bank = Vendor()
    channel = await vendor.channel(bank)
    passer_by = await make.buyer(make.yuan(100_000))
    came: Counter[OrderStatus] = Counter()
    for number in range(RIVALRIES):
        variant = await make.variant(cards=1)
        buyer, order, payment = await prepared(channel, variant.sku, number)
        paid = bank.pay(payment.reference)
        purchase = Purchase((LineWish(variant.sku, 1),), f"rival{number}")
        await asyncio.gather(
            after(HEAD_START, pay(payment.id, paid)),
            after((number % 4) * HEAD_START, checkout.cancel_order(buyer, order.id)),
            after((number % 3) * HEAD_START, checkout.place_order(passer_by, purchase)),
        )
        for line in (await fulfilment.list_due(10)).lines:
            await fulfilment.fulfil_line(line)  # nobody offers it: the money goes back
        card = await Card.get(variant_id=variant.id)
        owner = await OrderLine.get(id=card.order_line_id).prefetch_related("order")
        status = (await Order.get(id=order.id)).status
        came[status] += 1
        assert (status is OrderStatus.DELIVERED) == (owner.order.id == order.id)
    assert came.keys() == {OrderStatus.DELIVERED, OrderStatus.REFUNDED}, came
    await all_is_well()
    back = came[OrderStatus.REFUNDED]
    assert await balance(AccountKind.REFUND_DUE) == back * PRICE
    assert await balance(AccountKind.REVENUE) == RIVALRIES * PRICE


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
