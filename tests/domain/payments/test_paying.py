"""An order paid through a channel: placed, held, paid once, delivered; late, twice, never."""

from datetime import timedelta
from uuid import UUID

import pytest

from domain import checkout, fulfilment, ledger, orders, payments
from domain.cards.models import Card, CardState
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind
from domain.invariants import find_violations
from domain.kernel import Actor, Refused, clock, connection, page_request
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, Order, OrderLine, OrderStatus
from domain.payments import (
    Payment,
    PaymentChannel,
    PaymentRefund,
    PaymentStatus,
    RefundStatus,
    StartWish,
    Way,
    ports,
)
from tests import make, vendor
from tests.vendor import SIGNED, Vendor, told

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def bank() -> Vendor:
    return Vendor()


async def unpaid(buyer: Actor, sku: str, quantity: int = 1, key: str = "key") -> orders.Order:
    purchase = Purchase((LineWish(sku, quantity),), key, by_channel=True)
    return (await checkout.place_order(buyer, purchase)).order


async def started(
    buyer: Actor, order: orders.Order, channel: PaymentChannel, key: str = "pay"
) -> Payment:
    wish = StartWish(order.id, channel.id, Way.PAGE, key)
    return (await payments.start_payment(buyer, wish)).payment


async def called_back(channel: PaymentChannel, body: bytes) -> str:
    """The outcome of a callback, with why when it was refused."""
    heard = await checkout.take_callback(channel.id, SIGNED, body)
    assert heard is not None
    newest = await payments.PaymentCallback.all().order_by("-id").first()
    assert newest is not None
    assert (heard.reply.status == 200) == (
        newest.outcome in ("TAKEN", "SUSPENDED", "DUPLICATE", "NOTED")
    )
    return f"{newest.outcome} {newest.why}".strip()


async def status_of(order: orders.Order) -> OrderStatus:
    return (await Order.get(id=order.id)).status


async def balance(kind: AccountKind, owner: PaymentChannel | None = None) -> int:
    return await ledger.balance_of(account_id(kind, owner.id if owner else None, make.CNY))


async def all_is_well() -> None:
    broken = [each for each in await find_violations() if each.violations]
    assert broken == []


async def paid_twice(bank: Vendor) -> tuple[Actor, orders.Order, Payment]:
    """A buyer who paid one order through two channels, and the payment that nobody needs."""
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    order = await unpaid(buyer, variant.sku)
    tries = [await started(buyer, order, await vendor.channel(bank), key) for key in "ab"]
    for payment in tries:
        bank.pay(payment.reference)
        with make.later(minutes=1):
            await checkout.query_payment(payment.id)
    return buyer, order, await Payment.get(status=PaymentStatus.SUSPENDED)


async def test_an_order_is_paid_by_a_callback_and_its_held_cards_are_sold(bank: Vendor) -> None:
    chain = await make.agent_chain()
    await make.rule(1, RuleKind.PERCENT, 30_000)
    variant = await make.variant(price=make.yuan(49), cards=3, unit_cost=make.yuan(40))
    buyer, channel = await make.buyer(0, referrer=chain[2].id), await vendor.channel(bank)
    order = await unpaid(buyer, variant.sku, 2)
    assert (order.status, order.paid_at) == (OrderStatus.PENDING_PAYMENT, None)
    assert await Card.filter(state=CardState.RESERVED).count() == 2
    await all_is_well()
    payment = await started(buyer, order, channel)
    assert payment.status is PaymentStatus.PENDING
    paid = bank.pay(payment.reference)
    assert await called_back(channel, told(payment.reference, paid)) == "TAKEN"
    assert await status_of(order) is OrderStatus.DELIVERED
    line = await OrderLine.get(order_id=order.id)
    assert (line.status, line.cost) == (LineStatus.DELIVERED, make.yuan(80))
    assert await Card.filter(order_line_id=line.id).count() == 2
    assert await balance(AccountKind.CHANNEL, channel) == -make.yuan(98)
    assert await balance(AccountKind.REVENUE) == make.yuan(98)
    earned = account_id(AccountKind.COMMISSION, chain[2].id, make.CNY)
    assert await ledger.balance_of(earned) == make.yuan("2.94")
    await all_is_well()


async def test_the_same_key_starts_the_same_payment(bank: Vendor) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    channel = await vendor.channel(bank)
    order = await unpaid(buyer, variant.sku)
    first, again = await started(buyer, order, channel), await started(buyer, order, channel)
    assert first.id == again.id
    assert await Payment.all().count() == 1
    assert (await unpaid(buyer, variant.sku)).id == order.id


async def test_an_uncertain_start_goes_on_with_the_same_payment(bank: Vendor) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    channel = await vendor.channel(bank)
    order = await unpaid(buyer, variant.sku)
    bank.starts = [ports.Uncertain()]
    with pytest.raises(Refused, match="PAYMENT_UNCERTAIN"):
        await started(buyer, order, channel)
    assert (await Payment.get()).status is PaymentStatus.STARTING
    assert (await started(buyer, order, channel)).status is PaymentStatus.PENDING
    assert await Payment.all().count() == 1


async def test_a_lost_callback_is_found_by_asking(bank: Vendor) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    channel = await vendor.channel(bank)
    order = await unpaid(buyer, variant.sku)
    payment = await started(buyer, order, channel)
    bank.pay(payment.reference)
    assert await payments.due_payments(10) == []
    with make.later(minutes=1):
        assert await payments.due_payments(10) == [payment.id]
        await checkout.query_payment(payment.id)
    assert await status_of(order) is OrderStatus.DELIVERED
    await all_is_well()


async def test_expiry_gives_the_cards_back_and_closes_the_payment(bank: Vendor) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    channel = await vendor.channel(bank)
    order = await unpaid(buyer, variant.sku)
    payment = await started(buyer, order, channel)
    assert await checkout.expire_orders() == 0
    with make.later(minutes=16):
        assert await checkout.expire_orders() == 1
        await checkout.query_payment(payment.id)
    assert await status_of(order) is OrderStatus.EXPIRED
    assert await Card.filter(state=CardState.AVAILABLE).count() == 1
    assert (await Payment.get()).status is PaymentStatus.CLOSED
    assert bank.entries[payment.reference].closed
    await all_is_well()


async def test_who_cancels_gets_nothing_and_owes_nothing(bank: Vendor) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    order = await unpaid(buyer, variant.sku)
    stranger = await make.buyer(0)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await checkout.cancel_order(stranger, order.id)
    assert (await checkout.cancel_order(buyer, order.id)).status is OrderStatus.CANCELLED
    assert (await checkout.cancel_order(buyer, order.id)).status is OrderStatus.CANCELLED
    assert await Card.filter(state=CardState.AVAILABLE).count() == 1
    channel = await vendor.channel(bank)
    with pytest.raises(Refused, match="ORDER_NOT_PAYABLE"):
        await started(buyer, order, channel)
    await all_is_well()


@pytest.mark.parametrize("cancelled", [True, False], ids=["cancelled", "expired"])
async def test_a_late_payment_takes_what_is_on_the_shelf(bank: Vendor, cancelled: bool) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    channel = await vendor.channel(bank)
    order = await unpaid(buyer, variant.sku)
    payment = await started(buyer, order, channel)
    with make.later(minutes=16):
        if cancelled:
            await checkout.cancel_order(buyer, order.id)
        else:
            await checkout.expire_orders()
        paid = bank.pay(payment.reference)
    with make.later(days=3):
        assert await called_back(channel, told(payment.reference, paid)) == "TAKEN"
    assert await status_of(order) is OrderStatus.DELIVERED
    await all_is_well()


async def test_a_late_payment_goes_to_a_supplier_or_back_to_where_it_came_from(
    bank: Vendor,
) -> None:
    variant = await make.variant(cards=1)
    buyer, other = await make.buyer(0), await make.buyer()
    channel = await vendor.channel(bank)
    order = await unpaid(buyer, variant.sku)
    payment = await started(buyer, order, channel)
    with make.later(minutes=16):
        await checkout.expire_orders()
    await checkout.place_order(other, Purchase((LineWish(variant.sku, 1),), "gone"))
    paid = bank.pay(payment.reference)
    assert await called_back(channel, told(payment.reference, paid)) == "TAKEN"
    assert await status_of(order) is OrderStatus.PAID
    line = await OrderLine.get(order_id=order.id)
    assert line.status is LineStatus.QUEUED
    assert line.id in (await fulfilment.list_due(10)).lines
    await fulfilment.fulfil_line(line.id)
    assert await status_of(order) is OrderStatus.REFUNDED
    refund = await PaymentRefund.get()
    assert (refund.amount, refund.line_id) == (order.total, line.id)
    assert await balance(AccountKind.REFUND_DUE) == order.total
    await all_is_well()
    await payments.run_refund(refund.id)
    assert (await PaymentRefund.get()).status is RefundStatus.COMPLETED
    assert await balance(AccountKind.REFUND_DUE) == await balance(AccountKind.CHANNEL, channel) == 0
    assert bank.refunds == {refund.reference: order.total}
    await all_is_well()


async def test_a_second_payment_waits_in_suspense_and_goes_back_by_one_click(bank: Vendor) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    channel, second = await vendor.channel(bank), await vendor.channel(bank)
    order = await unpaid(buyer, variant.sku)
    one = await started(buyer, order, channel)
    two = await started(buyer, order, second, "again")
    first_money, second_money = bank.pay(one.reference), bank.pay(two.reference)
    assert await called_back(channel, told(one.reference, first_money)) == "TAKEN"
    said = await called_back(second, told(two.reference, second_money))
    assert said == "SUSPENDED second_payment"
    assert await balance(AccountKind.SUSPENSE) == order.total
    async with connection() as conn:
        alerts = await conn.fetchval(
            "SELECT count(*) FROM outbox_events WHERE type = 'payment.suspended'"
        )
    assert alerts == 1
    await all_is_well()
    assert await in_suspense() == ([two.id], [])
    refund = await payments.refund_suspended(make.OPERATOR, two.id)
    assert await in_suspense() == ([], [two.id])  # nobody has to look at it any more
    with pytest.raises(Refused, match="PAYMENT_NOT_REFUNDABLE"):
        await payments.refund_suspended(make.OPERATOR, two.id)
    with pytest.raises(Refused, match="PAYMENT_NOT_REFUNDABLE"):
        await payments.refund_suspended(make.OPERATOR, one.id)
    await payments.run_refund(refund.id)
    await payments.run_refund(refund.id)
    assert await balance(AccountKind.SUSPENSE) == 0
    assert await balance(AccountKind.CHANNEL, second) == 0
    assert bank.refunds == {refund.reference: order.total}
    await all_is_well()


async def in_suspense() -> tuple[list[UUID], list[UUID]]:
    """What waits for somebody, and what was given back."""
    reader, page = await make.operator("payments:read"), page_request("suspendedPayments", 5, None)
    waiting = await payments.suspended_payments(reader, page)
    given = await payments.suspended_payments(reader, page, given_back=True)
    return [each.id for each in waiting.rows], [each.id for each in given.rows]


async def test_a_refund_without_an_answer_is_asked_about_and_never_made_twice(
    bank: Vendor,
) -> None:
    _, _, suspended = await paid_twice(bank)
    refund = await payments.refund_suspended(make.OPERATOR, suspended.id)
    bank.refund_answers = [ports.Uncertain()]
    await payments.run_refund(refund.id)
    assert (await PaymentRefund.get()).status is RefundStatus.SUBMITTING
    with make.later(minutes=5):
        assert await payments.due_refunds(10) == [refund.id]
        await payments.run_refund(refund.id)
    assert (await PaymentRefund.get()).status is RefundStatus.COMPLETED
    assert len(bank.refunds) == 1
    await all_is_well()


async def test_a_refund_that_the_channel_refuses_is_in_the_wallet(bank: Vendor) -> None:
    buyer, order, suspended = await paid_twice(bank)
    refund = await payments.refund_suspended(make.OPERATOR, suspended.id)
    bank.refund_answers = [ports.RefundRejected(ports.Why.TOO_LATE)]
    await payments.run_refund(refund.id)
    assert (await PaymentRefund.get()).status is RefundStatus.REJECTED
    wallet = await ledger.wallet_of(buyer.require_user(), make.CNY)
    assert wallet.available.units == order.total
    await all_is_well()


async def test_an_operator_confirms_by_hand_and_never_against_the_channel(bank: Vendor) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    channel = await vendor.channel(bank)
    order = await unpaid(buyer, variant.sku)
    payment = await started(buyer, order, channel)
    with pytest.raises(Refused, match="PAYMENT_NOT_THERE"):
        await checkout.confirm_by_hand(make.OPERATOR, payment.id, "V-1", "seen", "hand")
    assert await status_of(order) is OrderStatus.PENDING_PAYMENT
    bank.silent = True
    for _ in range(2):
        await checkout.confirm_by_hand(make.OPERATOR, payment.id, "V-1", "seen in the bank", "hand")
    assert await status_of(order) is OrderStatus.DELIVERED
    assert (await Payment.get()).confirmed_by == "operator"
    async with connection() as conn:
        audited = "SELECT count(*) FROM audit_entries WHERE action = 'payment.confirm'"
        assert await conn.fetchval(audited) == 1
    await all_is_well()


async def test_a_line_of_a_supplier_is_due_once_it_is_paid(bank: Vendor) -> None:
    variant, buyer = await make.variant(), await make.buyer(0)
    await make.offer(variant, make.yuan(40))
    channel = await vendor.channel(bank)
    order = await unpaid(buyer, variant.sku)
    assert (await fulfilment.list_due(10)).lines == []
    payment = await started(buyer, order, channel)
    paid = bank.pay(payment.reference)
    assert await called_back(channel, told(payment.reference, paid)) == "TAKEN"
    line = await OrderLine.get(order_id=order.id)
    assert (await fulfilment.list_due(10)).lines == [line.id]
    assert line.terms is not None


async def test_unpaid_orders_hold_no_more_than_a_buyer_may(bank: Vendor) -> None:
    variant, buyer = await make.variant(cards=25), await make.buyer(0)
    await unpaid(buyer, variant.sku, 10, "a")
    await unpaid(buyer, variant.sku, 10, "b")
    with pytest.raises(Refused, match="HOLD_LIMIT_REACHED"):
        await unpaid(buyer, variant.sku, 1, "c")
    assert await Order.all().count() == 2
    with make.later(minutes=16):
        await checkout.expire_orders()
        order = await unpaid(buyer, variant.sku, 1, "c")
    assert order.expires_at is not None
    assert order.expires_at > clock.now() + timedelta(minutes=15)
