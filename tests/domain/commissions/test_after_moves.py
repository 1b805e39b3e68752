"""Who earns is decided when an order is placed: moves of agents change nothing behind them."""

import pytest

from domain import agents, checkout, fulfilment
from domain.agents import AgentStatus, ChangeReason, Why
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.commissions import Commission
from domain.commissions.models import RuleKind
from domain.fulfilment import HandOver
from domain.orders import Order
from tests import make

pytestmark = pytest.mark.usefixtures("db")
WHY = Why(ChangeReason.REORGANISATION)


async def test_what_was_ordered_before_a_move_is_earned_by_the_chain_of_then() -> None:
    top, middle, leaf = await make.agent_chain()
    for level in (1, 2, 3):
        await make.rule(level, RuleKind.PERCENT, 10_000 * level)
    variant = await make.variant(price=make.yuan(100), delivery_kind=DeliveryKind.MANUAL)
    buyer = await make.buyer(referrer=leaf.id)
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "before"))
    await agents.move_agent(make.OPERATOR, leaf.id, None, WHY)
    await agents.set_status(make.OPERATOR, middle.id, AgentStatus.CLOSED, WHY)
    later = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "after"))
    for order in (placed, later):
        await fulfilment.claim_line(make.OPERATOR, order.lines[0].id)
        over = HandOver(order.lines[0].id, "done", "", 0, f"k{order.order.number}")
        await fulfilment.deliver_line(make.OPERATOR, over)
    earned = await Commission.filter(order_line_id=placed.lines[0].id).order_by("level")
    assert [(one.agent_id, one.amount) for one in earned] == [
        (leaf.id, make.yuan(1)),
        (middle.id, make.yuan(2)),
        (top.id, make.yuan(3)),
    ]
    alone = await Commission.filter(order_line_id=later.lines[0].id)
    assert [(one.agent_id, one.amount) for one in alone] == [(leaf.id, make.yuan(1))]
    before, after = await Order.get(id=placed.order.id), await Order.get(id=later.order.id)
    assert before.agent_chain == [leaf.id, middle.id, top.id]
    assert after.agent_chain == [leaf.id]


async def test_a_commission_that_was_earned_stays_whatever_the_tree_becomes() -> None:
    top, middle, leaf = await make.agent_chain()
    for level in (1, 2, 3):
        await make.rule(level, RuleKind.PERCENT, 10_000)
    variant = await make.variant(price=make.yuan(100), cards=1)
    buyer = await make.buyer(referrer=leaf.id)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    before = await Commission.all().order_by("id").values()
    assert len(before) == 3
    await agents.move_agent(make.OPERATOR, middle.id, None, WHY)
    await agents.set_status(make.OPERATOR, top.id, AgentStatus.CLOSED, WHY)
    assert await Commission.all().order_by("id").values() == before
