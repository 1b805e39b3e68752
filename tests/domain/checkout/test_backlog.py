"""While suppliers are far behind, only what they must deliver waits (row F7)."""

from collections.abc import Iterator

import pytest

from domain import checkout, fulfilment
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase, ShopBusy
from domain.invariants import find_violations
from domain.kernel import Actor, Refused
from domain.orders import LineStatus, Order, OrderLine, OrderStatus
from schema.shop import schema
from tests import make, vendor
from tests.api.asking import data_of
from tests.domain.payments.test_paying import started
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
BUY = """
mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) { order { status }
  userErrors { code message field retryable ... on RetryLaterError { retryAfter } } } }
"""


@pytest.fixture(autouse=True)
def one_line_may_wait() -> Iterator[None]:
    """And what this process has seen is forgotten in the end."""
    checkout.backlog.most, checkout.backlog.waiting, checkout.backlog.refused = 1, 0, 0
    yield
    checkout.backlog.most, checkout.backlog.waiting, checkout.backlog.refused = 0, 0, 0


async def buy(buyer: Actor, sku: str, key: str, by_channel: bool = False) -> str:
    purchase = Purchase((LineWish(sku, 1),), key, by_channel=by_channel)
    try:
        return (await checkout.place_order(buyer, purchase)).order.status.value
    except Refused as refused:
        (refusal,) = refused.refusals
        assert isinstance(refusal, ShopBusy)
        assert (refusal.sku, refusal.retry_after, refusal.retryable) == (sku, 30, True)
        return refusal.code


async def test_goods_of_suppliers_wait_and_own_stock_and_handwork_do_not() -> None:
    bought, buyer = await make.variant(), await make.buyer()
    offer = await make.offer(bought, make.yuan(1))
    own = await make.variant(cards=2)
    by_hand = await make.variant(delivery_kind=DeliveryKind.MANUAL)
    for key in "abc":  # nobody has looked yet
        assert await buy(buyer, bought.sku, key) == "PAID"
    await checkout.look_at_backlog()
    assert checkout.backlog.waiting == 2, "no more is counted than it takes to know"
    for by_channel in (False, True):
        assert await buy(buyer, bought.sku, f"late{by_channel}", by_channel) == "SHOP_BUSY"
    assert checkout.backlog.refused == 2
    assert await buy(buyer, bought.sku, "a") == "PAID", "what was bought before is answered"
    assert await buy(buyer, own.sku, "own") == "DELIVERED"
    assert await buy(buyer, by_hand.sku, "hand") == "PAID"
    offer.enabled = False
    await offer.save()
    for line in (await fulfilment.list_due(10)).lines:
        await fulfilment.fulfil_line(line)  # nobody is left to deliver it: refunded
    offer.enabled = True
    await offer.save()
    await checkout.look_at_backlog()
    assert checkout.backlog.waiting == 0, "handwork is another queue"
    assert await buy(buyer, bought.sku, "later") == "PAID"
    assert [each for each in await find_violations() if each.violations] == []


async def test_an_order_that_was_placed_before_is_paid_all_the_same() -> None:
    """The bound is at the door: nobody who was let in is refused when the money is here."""
    bank = Vendor()
    channel = await vendor.channel(bank)
    bought, buyer = await make.variant(), await make.buyer()
    await make.offer(bought, make.yuan(1))
    assert await buy(buyer, bought.sku, "unpaid", by_channel=True) == "PENDING_PAYMENT"
    order = await Order.get()
    payment = await started(buyer, order, channel)
    checkout.backlog.waiting = 2
    await checkout.confirm_payment(payment.id, bank.pay(payment.reference), "callback")
    assert (await Order.get()).status is OrderStatus.PAID
    assert (await OrderLine.get()).status is LineStatus.QUEUED


async def test_without_a_bound_everything_is_sold_on() -> None:
    bought, buyer = await make.variant(), await make.buyer()
    await make.offer(bought, make.yuan(1))
    checkout.backlog.most, checkout.backlog.waiting = 0, 1_000_000
    assert await buy(buyer, bought.sku, "key") == "PAID"


async def test_a_client_reads_when_to_come_back() -> None:
    bought, buyer = await make.variant(), await make.buyer()
    await make.offer(bought, make.yuan(1))
    checkout.backlog.waiting = 2
    wish = {"idempotencyKey": "key", "lines": [{"sku": bought.sku, "quantity": 1}]}
    told = (await data_of(schema, BUY, buyer, input=wish))["orderCreate"]
    assert told["order"] is None
    (error,) = told["userErrors"]
    assert error.pop("message").startswith("Suppliers are behind")
    assert error == {
        "code": "SHOP_BUSY",
        "field": ["lines", "0"],
        "retryable": True,
        "retryAfter": 30,
    }
