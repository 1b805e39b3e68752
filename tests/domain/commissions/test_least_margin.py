"""Rules of commission leave the house what the price guard asks for (rows D7, H1)."""

import pytest

from domain import checkout, fulfilment, priceguard, suppliers
from domain.agents import Agent
from domain.catalog import PartDraft, Variant
from domain.checkout import LineWish, Placed, Purchase
from domain.commissions import Commission, RuleKind, SimulationWish, simulate
from domain.orders import OrderLine
from domain.priceguard import GuardAction, GuardWish
from domain.suppliers import Completed, SuppliedCode
from tests import make, vendor
from tests.domain.checkout.test_bundles import offered
from tests.domain.coupons.selling import all_is_well
from tests.domain.fulfilment.test_fulfilment import Scripted
from tests.domain.payments.test_paying import called_back, started
from tests.vendor import Vendor, told

pytestmark = pytest.mark.usefixtures("db")


async def guard(**least: int) -> None:
    await priceguard.save_guard(make.OPERATOR, GuardWish(GuardAction.REJECT, **least))


async def sold(variant: Variant, quantity: int = 1) -> tuple[Agent, Placed]:
    """A sale of an agent that would have all of the price."""
    await make.rule(1, RuleKind.PERCENT, 1_000_000)
    agent = await make.agent()
    buyer = await make.buyer(referrer=agent.id)
    wish = Purchase((LineWish(variant.sku, quantity),), "key")
    return agent, await checkout.place_order(buyer, wish)


async def earned() -> int:
    await all_is_well()
    return sum([each.amount for each in await Commission.all()])


async def test_a_sale_leaves_the_least_margin_and_says_so_before_and_after() -> None:
    variant = await make.variant(price=make.yuan(50), cards=3, unit_cost=make.yuan(40))
    agent, _ = await sold(variant)
    assert await earned() == make.yuan(10), "without a guard all of the margin"
    await guard(min_margin_rate=1_000, min_margin=make.yuan(3))
    before = await simulate(make.OPERATOR, SimulationWish(variant.sku, agent.code, 2))
    assert (before.shares[0].amount.units, before.house.units) == (make.yuan(12), make.yuan(8))
    assert "of which the house keeps 8.00 at least" in before.shares[0].explained("en")
    buyer = await make.buyer(referrer=agent.id)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 2),), "two"))
    assert await earned() == make.yuan(10) + make.yuan(12)


async def test_what_may_be_sold_below_its_cost_keeps_nothing() -> None:
    await guard(min_margin=make.yuan(8))
    price, cost = make.yuan(50), make.yuan(40)
    variant = await make.variant(price=price, cards=1, unit_cost=cost, sold_below_cost=True)
    await sold(variant)
    assert await earned() == make.yuan(10)


async def test_a_line_that_is_paid_later_keeps_what_was_asked_for_when_it_was_placed() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    variant = await make.variant(price=make.yuan(50), cards=1, unit_cost=make.yuan(40))
    await make.rule(1, RuleKind.PERCENT, 1_000_000)
    await guard(min_margin=make.yuan(4))
    buyer = await make.buyer(0, referrer=(await make.agent()).id)
    wish = Purchase((LineWish(variant.sku, 1),), "key", by_channel=True)
    order = (await checkout.place_order(buyer, wish)).order
    await guard(min_margin=make.yuan(9))
    payment = await started(buyer, order, channel)
    bank_told = told(payment.reference, bank.pay(payment.reference))
    assert await called_back(channel, bank_told) == "TAKEN"
    assert await earned() == make.yuan(6)


async def test_a_bundle_keeps_its_least_margin_in_parts_also_upstream() -> None:
    port = Scripted()
    suppliers.register("scripted", port)
    card = await make.variant(cards=1, unit_cost=make.yuan(48))
    bought = await offered("up", make.yuan(20))
    bundle = await make.bundle(PartDraft(card.sku, 1, 6_000), PartDraft(bought.sku, 1, 4_000))
    await guard(min_margin=make.yuan(10))
    _, placed = await sold(bundle)
    lines = await OrderLine.filter(order_id=placed.order.id).order_by("position")
    most = 100 - 48 - 10  # what the whole leaves
    assert lines[1].max_unit_cost <= make.yuan(most)
    port.submits = {"up": [Completed("1", (SuppliedCode("", "GOODS-1"),), make.yuan(20))]}
    await fulfilment.fulfil_line(lines[1].id)
    assert await earned() == make.yuan(100 - 48 - 20 - 10)
