"""Orders, payments and cards through callbacks, polls, ends and deaths in any order (I1 to I21).

Each example is one day of a small shop on real PostgreSQL. A death is a transaction that never
commits: what was said to the vendor before it stands, what was to be written does not.
"""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import checkout, fulfilment, payments
from domain.checkout import LineWish, Purchase, asking, confirming, ending
from domain.invariants import find_violations
from domain.kernel import Actor, Refused, clock, connection
from domain.orders import CLOSED_ORDERS, Order
from domain.payments import (
    Payment,
    PaymentChannel,
    PaymentStatus,
    StartWish,
    Way,
    refunding,
    service,
)
from tests import make, vendor
from tests.vendor import SIGNED, Vendor, told

pytestmark = pytest.mark.usefixtures("db")
DEATHS = (
    "payments.start_committed",
    "payments.started",
    "checkout.confirm_written",
    "checkout.confirmed",
    "checkout.end_written",
    "payments.query_answered",
    "payments.refund_committed",
    "payments.refund_answered",
)
STEPS = (
    "place",
    "start",
    "pay",
    "call",
    "call_again",
    "forge",
    "wrong_amount",
    "cancel",
    "expire",
    "poll",
    "buy_by_wallet",
    "refund",
    "refund_suspended",
    "late",
)
DEAD = st.one_of(st.none(), st.none(), st.sampled_from(DEATHS))
STEP = st.tuples(st.sampled_from(STEPS), st.integers(0, 3), DEAD)
# An order that is tried to be paid twice, and anything: what is rare by chance is what matters.
MORNING = (("place", 0, None), ("start", 0, None), ("start", 1, None))
DAY = st.tuples(
    st.permutations([("pay", 0, None), ("pay", 1, None), *MORNING[:1]]), st.lists(STEP, max_size=20)
).map(lambda parts: [*MORNING, *parts[0], *parts[1]])


class Died(Exception):
    """The process ends here."""


class Day:
    """One example: a vendor with two channels, a buyer, two cards, and what happened so far."""

    bank: Vendor
    channels: list[PaymentChannel]
    buyer: Actor
    sku: str

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.number = 0

    async def begin(self) -> "Day":
        self.bank = Vendor()
        self.channels = [await vendor.channel(self.bank) for _ in range(2)]
        self.buyer = await make.buyer()
        self.sku = (await make.variant(cards=2)).sku
        return self

    def key(self) -> str:
        self.number += 1
        return f"key{self.number}"

    async def payments(self) -> list[Payment]:
        ids = [order.id for order in self.orders]
        return await Payment.filter(order_id__in=ids).order_by("id")

    async def do(self, step: str, which: int) -> None:
        """One step, about the order or payment that `which` says."""
        tries = await self.payments()
        order = self.orders[which % len(self.orders)] if self.orders else None
        payment = tries[which % len(tries)] if tries else None
        if step in ("place", "buy_by_wallet", "refund"):
            await getattr(self, step)()
        elif step in ("start", "cancel", "expire") and order is not None:
            await getattr(self, step)(order, which)
        elif payment is not None and step not in ("start", "cancel", "expire"):
            await getattr(self, step)(payment)

    async def place(self) -> None:
        purchase = Purchase((LineWish(self.sku, 1),), self.key(), by_channel=True)
        self.orders.append((await checkout.place_order(self.buyer, purchase)).order)

    async def buy_by_wallet(self) -> None:
        purchase = Purchase((LineWish(self.sku, 1),), self.key())
        await checkout.place_order(self.buyer, purchase)

    async def start(self, order: Order, which: int) -> None:
        wish = StartWish(order.id, self.channels[which % 2].id, Way.PAGE, self.key())
        await payments.start_payment(self.buyer, wish)

    async def pay(self, payment: Payment) -> None:
        entry = self.bank.entries.get(payment.reference)
        if entry is not None and not entry.closed and entry.paid is None:
            self.bank.pay(payment.reference)

    async def late(self, payment: Payment) -> None:
        """The vendor takes money for what it had closed."""
        entry = self.bank.entries.get(payment.reference)
        if entry is not None and entry.paid is None:
            entry.closed = False
            self.bank.pay(payment.reference)

    async def call(self, payment: Payment, **changes: str) -> None:
        entry = self.bank.entries.get(payment.reference)
        facts = entry.paid if entry else None
        if facts is not None:
            body = told(payment.reference, facts, **changes)
            await checkout.take_callback(payment.channel_id, SIGNED, body)

    async def call_again(self, payment: Payment) -> None:
        await self.call(payment)
        await self.call(payment)

    async def wrong_amount(self, payment: Payment) -> None:
        await self.call(payment, amount="0.01")

    async def forge(self, payment: Payment) -> None:
        facts = payments.ports.Paid(
            f"F{self.key()}", payment.amount, "CNY", vendor.MERCHANT, clock.now()
        )
        body = told(payment.reference, facts)
        await checkout.take_callback(payment.channel_id, SIGNED, body)
        await checkout.take_callback(payment.channel_id, {"signature": "guessed"}, body)

    async def cancel(self, order: Order, which: int) -> None:
        await checkout.cancel_order(self.buyer, order.id)

    async def expire(self, order: Order, which: int) -> None:
        with make.later(minutes=16):
            await checkout.expire_order(order.id)

    async def poll(self, payment: Payment) -> None:
        with make.later(minutes=1):
            await checkout.query_payment(payment.id)

    async def refund_suspended(self, payment: Payment) -> None:
        await payments.refund_suspended(make.OPERATOR, payment.id)

    async def refund(self) -> None:
        with make.later(hours=1):
            for refund in await payments.due_refunds(10):
                await payments.run_refund(refund)

    async def end(self) -> None:
        """What the scheduler does, until nothing is left to do (I22)."""
        for _ in range(3):
            with make.later(days=2):
                await checkout.expire_orders()
                for payment in await payments.due_payments(100):
                    await checkout.query_payment(payment)
                for line in (await fulfilment.list_due(100)).lines:
                    await fulfilment.fulfil_line(line)
            with make.later(days=3):
                for refund in await payments.due_refunds(100):
                    await payments.run_refund(refund)


def dying_at(point: str | None) -> Callable[[str], None]:
    def crash_point(name: str) -> None:
        if name == point:
            raise Died

    return crash_point


async def check(day: Day) -> None:
    found = [each for each in await find_violations() if each.violations]
    assert [each for each in found if each.name != "I17"] == []  # time jumps here
    for payment in await day.payments():
        entry = day.bank.entries.get(payment.reference)
        if payment.status in payments.MONEY_IS_HERE:  # nothing is booked that nobody paid
            assert entry is not None
            assert entry.paid is not None
            assert payment.provider_id == entry.paid.provider_id


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=DAY)
async def test_whatever_comes_in_whatever_order_every_yuan_and_card_is_explained(
    steps: list[tuple[str, int, str | None]],
) -> None:
    day = await Day().begin()
    with pytest.MonkeyPatch.context() as patch:
        for step, which, death in steps:
            for module in (asking, confirming, ending, refunding, service):
                patch.setattr(module, "crash_point", dying_at(death))
            with suppress(Refused, Died):
                await day.do(step, which)
    await check(day)
    await day.end()
    await check(day)
    for order in day.orders:
        status = (await Order.get(id=order.id)).status
        assert status in CLOSED_ORDERS, status
    open_ = [each for each in await day.payments() if each.status in payments.OPEN_PAYMENTS]
    assert open_ == []
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM cards WHERE state = 'reserved'") == 0
        due = "SELECT count(*) FROM payment_refunds WHERE finished_at IS NULL"
        assert await conn.fetchval(due) == 0
    for entry in day.bank.entries.values():
        if entry.paid is not None:  # all that was paid before the end is known here
            stored = await Payment.get(reference=entry.order.reference)
            # A vendor that takes money for what it said was closed is found by its statement.
            known = (*payments.MONEY_IS_HERE, PaymentStatus.CLOSED)
            assert stored.status in known
