"""Orders of an agent's own customers (mission row G8): goods and money, nothing of the buyer, and
nobody else's."""

from datetime import timedelta

import pytest

from domain import checkout
from domain.agents import Agent
from domain.agents.models import AgentRelation
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind, calendar
from domain.kernel import Actor, ActorKind, clock
from domain.orders import OrderLine
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of
from tests.domain.commissions.test_life import give_back
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
ORDERS = """
query Orders($statuses: [OrderStatus!], $first: Int, $after: String) { viewer { agent {
  customerOrders(statuses: $statuses, first: $first, after: $after) {
    nodes { number status total { amount } refundedTotal { amount } earned { amount } barred
      lines { sku quantity status refunded { amount } variant { name product { name } } } }
    pageInfo { hasNextPage endCursor } } } } }
"""
COMMISSIONS = """
query Earned($since: Date, $until: Date, $level: Int) { viewer { agent {
  commissions(since: $since, until: $until, level: $level) { nodes { orderNumber sku quantity } }
} } }
"""


def as_agent(agent: Agent) -> Actor:
    return Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)


async def shown(agent: Agent, **asked: object) -> list[dict[str, object]]:
    found = await data_of(shop, ORDERS, as_agent(agent), **asked)
    nodes: list[dict[str, object]] = found["viewer"]["agent"]["customerOrders"]["nodes"]
    return nodes


async def test_an_agent_sees_its_own_customers_orders_and_what_it_has_of_them() -> None:
    top = await make.agent()
    agent = await make.agent(top)
    await make.rule(1, RuleKind.PERCENT, 100_000)
    variant = await make.variant(price=make.yuan(100), cards=3, unit_cost=1)
    buyer = await make.buyer(referrer=agent.id)
    wish = Purchase((LineWish(variant.sku, 2),), "key")
    order = (await checkout.place_order(buyer, wish)).order
    await give_back(order, await OrderLine.get(order_id=order.id), "50", "back")
    (row,) = await shown(agent)
    (line,) = row.pop("lines")  # type: ignore[misc]
    assert row == {
        "number": order.number,
        "status": "DELIVERED",
        "total": {"amount": "200.00"},
        "refundedTotal": {"amount": "50.00"},
        "earned": {"amount": "15.00"},
        "barred": None,
    }
    assert (line["sku"], line["quantity"], line["refunded"]) == (
        variant.sku,
        2,
        {"amount": "50.00"},
    )
    assert await shown(top) == []  # the customer is its downline's
    assert await shown(agent, statuses=["REFUNDED"]) == []
    assert len(await shown(agent, statuses=["DELIVERED", "REFUNDED"])) == 1


async def test_own_stock_is_no_customers_order_and_a_barred_one_says_why() -> None:
    agent = await make.agent()
    await make.rule(1, RuleKind.PERCENT, 100_000)
    variant = await make.variant(price=make.yuan(100), cards=3, unit_cost=1)
    await make.top_up(agent.user_id, make.yuan(500))
    await checkout.place_order(as_agent(agent), Purchase((LineWish(variant.sku, 1),), "own"))
    wife = await make.buyer(referrer=agent.id)
    await AgentRelation.create(
        agent_id=agent.id,
        user_id=wife.require_user(),
        related=True,
        note="his wife",
        marked_at=clock.now(),
    )
    await checkout.place_order(wife, Purchase((LineWish(variant.sku, 1),), "hers"))
    (row,) = await shown(agent)
    assert (row["barred"], row["earned"]) == ("MARKED", {"amount": "0.00"})


async def test_a_page_of_orders_costs_as_many_statements_as_one_and_pages_on() -> None:
    agent = await make.agent()
    counted = []
    for round_ in range(2):
        for number in range(3):
            variant = await make.variant(price=make.yuan(1), cards=1, unit_cost=1)
            wish = Purchase((LineWish(variant.sku, 1),), f"{round_}-{number}")
            await checkout.place_order(await make.buyer(referrer=agent.id), wish)
        async with count_statements() as seen:
            assert len(await shown(agent)) == 3 * (round_ + 1)
        counted.append(len(seen))
    assert counted[0] == counted[1]
    everything = [row["number"] for row in await shown(agent)]
    paged: list[object] = []
    after = None
    for _ in range(3):
        found = await data_of(shop, ORDERS, as_agent(agent), first=2, after=after)
        page = found["viewer"]["agent"]["customerOrders"]
        paged += [row["number"] for row in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert paged == everything
    assert not page["pageInfo"]["hasNextPage"]


async def test_nobody_sees_the_orders_of_anothers_customers() -> None:
    top = await make.agent()
    below = await make.agent(top)
    query = """{ viewer { agent { parent { customerOrders { nodes { number } } }
      downline { nodes { customerOrders { nodes { number } } } } } } }"""
    for who in (top, below):
        answer = await ask(shop, query, as_agent(who))
        assert {error.extensions["code"] for error in answer.errors} == {"AGENT_OUT_OF_REACH"}


async def test_commissions_name_the_goods_and_are_found_by_day_and_level() -> None:
    top = await make.agent()
    agent = await make.agent(top)
    await make.rule(1, RuleKind.PERCENT, 100_000)
    await make.rule(2, RuleKind.PERCENT, 10_000)
    variant = await make.variant(price=make.yuan(100), cards=2, unit_cost=1)
    buyer = await make.buyer(referrer=agent.id)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 2),), "key"))
    today = (clock.now() + calendar.utc_offset).date()
    day = timedelta(days=1)

    async def found(of: Agent, **asked: object) -> list[dict[str, object]]:
        answer = await data_of(shop, COMMISSIONS, as_agent(of), **asked)
        nodes: list[dict[str, object]] = answer["viewer"]["agent"]["commissions"]["nodes"]
        return nodes

    (row,) = await found(agent, since=str(today), until=str(today))
    assert (row["sku"], row["quantity"]) == (variant.sku, 2)
    assert await found(agent, until=str(today - day)) == []
    assert await found(agent, since=str(today + day)) == []
    assert (len(await found(top, level=2)), await found(top, level=1)) == (1, [])
