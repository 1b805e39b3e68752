"""Callbacks: whatever is not surely true is refused, recorded with why, and moves nothing (F1)."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from domain import checkout, payments
from domain.invariants import find_violations
from domain.kernel import clock, connection
from domain.orders import Order, OrderStatus
from domain.payments import CallbackOutcome, Payment, PaymentCallback, PaymentChannel
from domain.payments.ports import Paid
from tests import make, vendor
from tests.domain.payments.test_paying import started, unpaid
from tests.vendor import SIGNED, Vendor, told

pytestmark = pytest.mark.usefixtures("db")


class Shop:
    """One unpaid order with a payment that the vendor knows, and another of another channel."""

    bank: Vendor
    channel: PaymentChannel
    other_channel: PaymentChannel
    order: Order
    payment: Payment
    other: Payment  # of another order of the same channel

    async def open(self) -> "Shop":
        variant, buyer = await make.variant(cards=3), await make.buyer(0)
        self.bank = Vendor()
        self.channel = await vendor.channel(self.bank)
        self.other_channel = await vendor.channel(self.bank, merchant="merchant-2")
        self.order = await unpaid(buyer, variant.sku)
        self.payment = await started(buyer, self.order, self.channel)
        another = await unpaid(buyer, variant.sku, key="another")
        self.other = await started(buyer, another, self.channel, "pay another")
        return self

    async def call(
        self,
        body: bytes,
        headers: dict[str, str] | None = None,
        channel: PaymentChannel | None = None,
    ) -> str:
        """What the newest callback came to."""
        to = channel or self.channel
        heard = await checkout.take_callback(to.id, headers or SIGNED, body)
        assert heard is not None
        newest = await PaymentCallback.all().order_by("-id").first()
        assert newest is not None
        taken = ("TAKEN", "SUSPENDED", "DUPLICATE", "NOTED")
        assert (heard.reply.status == 200) == (newest.outcome in taken)
        return f"{newest.outcome} {newest.why}".strip()

    async def status(self) -> OrderStatus:
        return (await Order.get(id=self.order.id)).status


@pytest.fixture
async def shop() -> Shop:
    return await Shop().open()


async def books() -> tuple[int, ...]:
    """How much of everything that money and goods are made of."""
    tables = ("transfers", "entries", "commissions", "card_events", "outbox_events")
    async with connection() as conn:
        counts = [await conn.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
        counts.append(await conn.fetchval("SELECT count(*) FROM cards WHERE state = 'sold'"))
    return tuple(counts)


def paid_of(shop: Shop, **changes: object) -> Paid:
    """What a payment of the order would be, without anybody having paid."""
    facts = Paid("V-none", shop.order.total, "CNY", vendor.MERCHANT, clock.now())
    return replace(facts, **changes)  # type: ignore[arg-type]


Attack = Callable[[Shop], Awaitable[str]]


async def without_signature(shop: Shop) -> str:
    paid = shop.bank.pay(shop.payment.reference)
    return await shop.call(told(shop.payment.reference, paid), {"signature": ""})


async def wrong_signature(shop: Shop) -> str:
    paid = shop.bank.pay(shop.payment.reference)
    return await shop.call(told(shop.payment.reference, paid), {"signature": "other"})


async def nobody_paid(shop: Shop) -> str:
    return await shop.call(told(shop.payment.reference, paid_of(shop)))


async def wrong_amount(shop: Shop) -> str:
    paid = shop.bank.pay(shop.payment.reference)
    return await shop.call(told(shop.payment.reference, paid, amount="0.01"))


async def wrong_currency(shop: Shop) -> str:
    paid = shop.bank.pay(shop.payment.reference)
    return await shop.call(told(shop.payment.reference, paid, currency="JPY"))


async def wrong_merchant(shop: Shop) -> str:
    paid = shop.bank.pay(shop.payment.reference)
    return await shop.call(told(shop.payment.reference, paid, merchant="merchant-9"))


async def unknown_reference(shop: Shop) -> str:
    return await shop.call(told("f" * 32, paid_of(shop)))


async def cross_order(shop: Shop) -> str:
    """Somebody pays one order and tells it of another."""
    paid = shop.bank.pay(shop.other.reference)
    return await shop.call(told(shop.payment.reference, paid))


async def cross_channel(shop: Shop) -> str:
    """A channel whose key somebody has tells of another channel's payment."""
    paid = shop.bank.pay(shop.payment.reference)
    return await shop.call(told(shop.payment.reference, paid), channel=shop.other_channel)


async def another_provider_id(shop: Shop) -> str:
    paid = shop.bank.pay(shop.payment.reference)
    return await shop.call(told(shop.payment.reference, paid, provider_id="V-other"))


async def vendor_is_silent(shop: Shop) -> str:
    paid = shop.bank.pay(shop.payment.reference)
    shop.bank.silent = True
    return await shop.call(told(shop.payment.reference, paid))


async def closed_there(shop: Shop) -> str:
    return await shop.call(told(shop.payment.reference, paid_of(shop), state="closed"))


async def negative(shop: Shop) -> str:
    paid = shop.bank.pay(shop.payment.reference)
    return await shop.call(told(shop.payment.reference, paid, amount="-49.00"))


ATTACKS: list[tuple[Attack, str]] = [
    (without_signature, "REFUSED signature"),
    (wrong_signature, "REFUSED signature"),
    (nobody_paid, "REFUSED not_paid_there"),
    (wrong_amount, "REFUSED amount"),
    (negative, "REFUSED amount"),
    (wrong_currency, "REFUSED currency"),
    (wrong_merchant, "REFUSED merchant"),
    (unknown_reference, "REFUSED reference_unknown"),
    (cross_order, "REFUSED not_paid_there"),
    (cross_channel, "REFUSED other_channel"),
    (another_provider_id, "REFUSED contradicted"),
    (vendor_is_silent, "UNPROVEN provider_down"),
    (closed_there, "NOTED closed"),
]


@pytest.mark.parametrize(("attack", "said"), ATTACKS, ids=[each.__name__ for each, _ in ATTACKS])
async def test_what_is_not_surely_true_moves_nothing_and_is_recorded(
    shop: Shop, attack: Attack, said: str
) -> None:
    before = await books()
    assert await attack(shop) == said
    assert await books() == before
    assert await shop.status() is OrderStatus.PENDING_PAYMENT
    kept = await PaymentCallback.get()
    assert b"amount" not in kept.raw_sealed


async def test_the_truth_is_asked_for_after_a_wrong_callback(shop: Shop) -> None:
    assert await wrong_amount(shop) == "REFUSED amount"
    assert await payments.due_payments(10) == [shop.payment.id]
    await checkout.query_payment(shop.payment.id)
    assert await shop.status() is OrderStatus.DELIVERED


async def test_five_times_the_same_callback_are_one_payment(shop: Shop) -> None:
    paid = shop.bank.pay(shop.payment.reference)
    body = told(shop.payment.reference, paid)
    said = [await shop.call(body) for _ in range(5)]
    assert said == ["TAKEN", *["DUPLICATE"] * 4]
    after = await books()
    assert await shop.call(body) == "DUPLICATE"
    assert await books() == after
    assert after[-1] == 1


async def test_the_same_callback_twice_at_once_is_no_other_payment_s(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one has read the payment before the first one has booked it."""
    stale = await Payment.get(id=shop.payment.id)
    body = told(shop.payment.reference, shop.bank.pay(shop.payment.reference))
    assert await shop.call(body) == "TAKEN"

    async def read_before(reference: str) -> Payment:
        return stale

    monkeypatch.setattr(payments, "find_by_reference", read_before)
    assert await shop.call(body) == "DUPLICATE"


async def test_a_replay_for_another_payment_or_number_stays_refused(shop: Shop) -> None:
    paid = shop.bank.pay(shop.payment.reference)
    assert await shop.call(told(shop.payment.reference, paid)) == "TAKEN"
    said = await shop.call(told(shop.other.reference, paid))
    assert said == "REFUSED provider_id_of_another"
    again = await shop.call(told(shop.payment.reference, paid, provider_id="V-second"))
    assert again == "REFUSED second_provider_id"


async def test_a_true_callback_about_nothing_of_ours_is_noted(shop: Shop) -> None:
    """Else its vendor would send it again for days, and call this address no more."""
    paid, before = shop.bank.pay(shop.payment.reference), await books()
    assert await shop.call(told("", paid, state="other")) == "NOTED other"
    assert await shop.call(told("", paid)) == "REFUSED reference_unknown"
    assert await books() == before


async def test_closed_after_paid_changes_nothing(shop: Shop) -> None:
    paid = shop.bank.pay(shop.payment.reference)
    assert await shop.call(told(shop.payment.reference, paid)) == "TAKEN"
    before = await books()
    assert await shop.call(told(shop.payment.reference, paid, state="closed")) == "NOTED closed"
    assert await books() == before
    assert await shop.status() is OrderStatus.DELIVERED


async def test_three_days_late_is_believed_when_the_vendor_says_so(shop: Shop) -> None:
    paid = shop.bank.pay(shop.payment.reference)
    old = told(shop.payment.reference, paid)
    with make.later(days=3):
        await checkout.expire_orders()
        assert await shop.call(old) == "TAKEN"
    assert await shop.status() is OrderStatus.DELIVERED
    assert [each for each in await find_violations() if each.violations] == []


async def test_an_old_callback_is_no_proof_where_nobody_can_be_asked(shop: Shop) -> None:
    able = replace(shop.bank.capabilities, active_query=False)
    shop.bank.capabilities = able
    paid = shop.bank.pay(shop.payment.reference)
    old = (clock.now() - timedelta(minutes=6)).isoformat()
    assert await shop.call(told(shop.payment.reference, paid, at=old)) == "REFUSED age"
    future = (clock.now() + timedelta(minutes=6)).isoformat()
    assert await shop.call(told(shop.payment.reference, paid, at=future)) == "REFUSED age"
    assert await shop.call(told(shop.payment.reference, paid)) == "TAKEN"


async def test_less_money_than_was_asked_for_is_in_suspense(shop: Shop) -> None:
    shop.bank.pay(shop.payment.reference, make.yuan(1))
    with make.later(minutes=1):
        await checkout.query_payment(shop.payment.id)
    stored = await Payment.get(id=shop.payment.id)
    assert (stored.status, stored.why) == ("SUSPENDED", "amount")
    assert await shop.status() is OrderStatus.PENDING_PAYMENT
    assert [each for each in await find_violations() if each.violations] == []


async def test_what_came_is_kept_as_it_came_and_judged_once(shop: Shop) -> None:
    await nobody_paid(shop)
    kept = await PaymentCallback.get()
    assert kept.outcome is CallbackOutcome.REFUSED
    async with connection() as conn:
        for change in ("outcome = 'TAKEN'", "raw_sealed = 'x'"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await conn.execute(f"UPDATE payment_callbacks SET {change}")
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("DELETE FROM payment_callbacks")


async def test_plain_sql_cannot_pay_twice_or_give_back_too_much(shop: Shop) -> None:
    paid = shop.bank.pay(shop.payment.reference)
    assert await shop.call(told(shop.payment.reference, paid)) == "TAKEN"
    async with connection() as conn:
        with pytest.raises(asyncpg.UniqueViolationError):  # the vendor's number belongs to one
            await conn.execute(
                "UPDATE payments SET status = 'SUSPENDED', provider_id = $2, paid_amount = amount,"
                " next_query_at = NULL WHERE id = $1",
                shop.other.id,
                paid.provider_id,
            )
        with pytest.raises(asyncpg.CheckViolationError):  # paid is paid whole
            await conn.execute(
                "UPDATE payments SET status = 'PAID', provider_id = 'V-x', paid_amount = 1,"
                " next_query_at = NULL WHERE id = $1",
                shop.other.id,
            )
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute(
                "UPDATE payments SET status = 'CLOSED' WHERE id = $1", shop.payment.id
            )
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(
                "INSERT INTO payment_refunds (id, payment_id, buyer_id, reference, amount,"
                " currency, reason, status, why, tries, next_try_at, requested_at)"
                " SELECT gen_random_uuid(), id, gen_random_uuid(), 'r', amount + 1, 'CNY', 'x',"
                " 'REQUESTED', '', 0, now(), now() FROM payments WHERE id = $1",
                shop.payment.id,
            )
