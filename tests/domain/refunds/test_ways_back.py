"""Where the money goes: through the channel, asked for once, or into the wallet."""

import pytest

from domain import checkout, ledger, payments, refunds
from domain.identity.models import User, UserRole
from domain.kernel import Actor, Refused
from domain.ledger import AccountKind
from domain.orders import Order, OrderLine, OrderStatus
from domain.payments import PaymentChannel, PaymentRefund, RefundStatus, ports
from domain.refunds import RefundReason
from tests import make, vendor
from tests.domain.payments.test_paying import started, unpaid
from tests.domain.refunds.test_refunds import (
    CHANNEL,
    WALLET,
    all_is_well,
    balance,
    cards_of,
    give_back,
    wallet,
)
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")


@pytest.fixture
def bank() -> Vendor:
    return Vendor()


async def paid_for(
    bank: Vendor, quantity: int = 2, price: str = "49", buyer: Actor | None = None
) -> tuple[Actor, Order, PaymentChannel]:
    """An order that was paid through a channel, and delivered."""
    variant = await make.variant(price=make.yuan(price), cards=quantity, unit_cost=1)
    who, channel = buyer or await make.buyer(0), await vendor.channel(bank)
    payment = await started(who, await unpaid(who, variant.sku, quantity), channel)
    await checkout.confirm_payment(payment.id, bank.pay(payment.reference), "query")
    order = await Order.get(id=payment.order_id)
    assert order.status is OrderStatus.DELIVERED
    return who, order, channel


async def test_it_goes_back_through_the_channel_part_by_part(bank: Vendor) -> None:
    buyer, order, channel = await paid_for(bank)
    line = await OrderLine.get(order_id=order.id)
    first, second = await cards_of(line)
    one = await give_back(order, "a", card_ids=(first.id,), destination=CHANNEL)
    assert one.destination is CHANNEL
    assert await balance(AccountKind.REFUND_DUE) == make.yuan(49)
    await all_is_well()
    await give_back(order, "b", card_ids=(second.id,), destination=CHANNEL)
    for due in await payments.due_refunds(10):
        await payments.run_refund(due)
    assert sum(bank.refunds.values()) == make.yuan(98)
    assert await balance(AccountKind.CHANNEL, channel.id) == 0
    assert await balance(AccountKind.REFUND_DUE) == await wallet(buyer) == 0
    await all_is_well()


async def test_a_refund_without_an_answer_is_asked_about_and_never_made_twice(
    bank: Vendor,
) -> None:
    buyer, order, _ = await paid_for(bank)
    await give_back(order, destination=CHANNEL)
    bank.refund_answers = [ports.Uncertain()]
    (due,) = await payments.due_refunds(10)
    await payments.run_refund(due)
    assert (await PaymentRefund.get()).status is RefundStatus.SUBMITTING
    with make.later(minutes=5):
        await payments.run_refund(due)
    assert (await PaymentRefund.get()).status is RefundStatus.COMPLETED
    assert list(bank.refunds.values()) == [make.yuan(98)]
    assert await wallet(buyer) == 0
    await all_is_well()


async def test_what_the_vendor_surely_refuses_is_in_the_wallet(bank: Vendor) -> None:
    buyer, order, _ = await paid_for(bank)
    await give_back(order, destination=CHANNEL)
    bank.refund_answers = [ports.RefundRejected(ports.Why.TOO_LATE)]
    (due,) = await payments.due_refunds(10)
    await payments.run_refund(due)
    assert await wallet(buyer) == make.yuan(98)
    (shown,) = (await refunds.refunds_of_orders([order.id]))[order.id]
    assert (shown.destination, shown.status) == (WALLET, refunds.RefundProgress.COMPLETED)
    await all_is_well()


async def test_the_wallet_is_taken_where_the_channel_cannot(bank: Vendor) -> None:
    buyer, order, _ = await paid_for(bank)
    line = await OrderLine.get(order_id=order.id)
    finer = await give_back(order, "a", lines={line.id: make.yuan("0.001")}, destination=CHANNEL)
    assert (finer.destination, await wallet(buyer)) == (WALLET, 10)
    by_wish = await give_back(order, "b", lines={line.id: make.yuan(1)})
    assert by_wish.destination is WALLET
    able = bank.capabilities
    bank.capabilities = type(able)(**{**vars_of(able), "refund": False})
    rest = await give_back(order, "c", destination=CHANNEL)
    assert rest.destination is WALLET
    assert await wallet(buyer) == make.yuan(98)
    await all_is_well()


def vars_of(able: ports.Capabilities) -> dict[str, object]:
    return {name: getattr(able, name) for name in able.__dataclass_fields__}


async def test_a_guest_s_money_goes_back_the_way_it_came(bank: Vendor) -> None:
    guest = await make.user(role=UserRole.GUEST)
    _, order, _ = await paid_for(bank, buyer=make.actor_of(guest))
    with pytest.raises(Refused, match="INVALID"):
        await give_back(order, destination=WALLET)
    assert (await give_back(order, destination=CHANNEL)).destination is CHANNEL
    assert (await User.get(id=guest.id)).role is UserRole.GUEST
    await all_is_well()


async def test_what_a_channel_brought_twice_goes_back_twice_and_no_more(bank: Vendor) -> None:
    """A refused payment refund is in the wallet; what is left of the payment stays what it was."""
    buyer, order, channel = await paid_for(bank)
    line = await OrderLine.get(order_id=order.id)
    await give_back(order, "a", lines={line.id: make.yuan(90)}, destination=CHANNEL)
    with pytest.raises(Refused, match="REFUND_TOO_LARGE"):
        await give_back(order, "b", lines={line.id: make.yuan(9)}, destination=CHANNEL)
    await give_back(order, "c", reason=RefundReason.OTHER, note="the rest", destination=CHANNEL)
    for due in await payments.due_refunds(10):
        await payments.run_refund(due)
    assert await ledger.balance_of(
        ledger.account_id(AccountKind.CHANNEL, channel.id, make.CNY)
    ) == await wallet(buyer)
    await all_is_well()
