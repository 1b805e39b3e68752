"""An agent sees what it and its team sold, by whom, and nobody else's."""

from datetime import timedelta

import pytest

from domain import checkout, commissions, ledger, teams
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, ActorKind, clock
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
SOLD = """
query Sold($since: Date!, $until: Date!) { viewer { agent {
  sales(since: $since, until: $until, bucket: MONTH) {
    own { lines sold { amount } } team { lines sold { amount } net { amount } } }
  teamSales(since: $since, until: $until) { agent { name } sales { lines sold { amount } } }
} } }
"""
BELOW = """
query Below($since: Date!, $until: Date!) { viewer { agent { downline { nodes {
  sales(since: $since, until: $until) { own { lines } } } } } } }
"""
STAFF = """
query Staff($since: Date!, $until: Date!) { agents { nodes { name
  sales(since: $since, until: $until) { team { lines } } } } }
"""
ALL_OF_ALL = """
query All($since: Date!, $until: Date!, $first: Int!) { agents(first: $first) { nodes {
  sales(since: $since, until: $until) { team { lines } }
  months: sales(since: $since, until: $until, bucket: MONTH) { own { lines } }
  teamSales(since: $since, until: $until) { agent { name } sales { lines } }
  earnings { today { orders } } } } }
"""


async def test_an_agent_sees_what_its_team_sold_and_through_whom() -> None:
    top, middle, leaf = await make.agent_chain()
    for seller, price in ((top, 60), (leaf, 100)):
        variant = await make.variant(price=make.yuan(price), cards=1)
        buyer = await make.buyer(referrer=seller.id)
        await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    await ledger.seal_committed()
    await teams.count_next()
    today = (clock.now() + commissions.calendar.utc_offset).date()
    span = {"since": today.replace(day=1).isoformat(), "until": today.isoformat()}
    actor = Actor(kind=ActorKind.USER, user_id=top.user_id, agent_id=top.id)
    seen = (await data_of(shop, SOLD, actor, **span))["viewer"]["agent"]
    assert seen["sales"] == [
        {
            "own": {"lines": 1, "sold": {"amount": "60.00"}},
            "team": {"lines": 2, "sold": {"amount": "160.00"}, "net": {"amount": "160.00"}},
        }
    ]
    assert seen["teamSales"] == [
        {"agent": {"name": middle.name}, "sales": {"lines": 1, "sold": {"amount": "100.00"}}}
    ]
    below = await ask(shop, BELOW, actor, **span)
    assert {each.extensions["code"] for each in below.errors} == {"AGENT_OUT_OF_REACH"}
    staff = await make.operator("agents:read")
    told = (await data_of(admin, STAFF, staff, **span))["agents"]["nodes"]
    assert {each["name"]: len(each["sales"]) for each in told} == {
        top.name: 1,
        middle.name: 1,
        leaf.name: 1,
    }
    wrong = {"since": today.isoformat(), "until": (today - timedelta(days=1)).isoformat()}
    refused = await ask(shop, SOLD, actor, **wrong)
    assert {each.extensions["code"] for each in refused.errors} == {"INVALID"}


async def test_figures_of_many_agents_take_as_many_statements_as_of_few() -> None:
    """Sales by day and by month, by child, and earnings: 1, 1, 2 and 4."""
    for _ in range(2):
        top, _, leaf = await make.agent_chain()
        variant = await make.variant(price=make.yuan(100), cards=1)
        buyer = await make.buyer(referrer=leaf.id)
        await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), variant.sku))
        assert top.depth == 1
    await ledger.seal_committed()
    await teams.count_next()
    today = (clock.now() + commissions.calendar.utc_offset).date()
    span = {"since": today.isoformat(), "until": today.isoformat()}
    staff = await make.operator("agents:read")
    counts = []
    for first in (1, 1, 6):  # the first one asks about types, too
        async with count_statements() as seen:
            told = (await data_of(admin, ALL_OF_ALL, staff, first=first, **span))["agents"]["nodes"]
        assert len(told) == first
        counts.append(len(seen))
    assert counts[1:] == [9, 9], "with the one of the agents themselves"
    assert [len(each["teamSales"]) for each in told] == [1, 1, 0] * 2
    assert [each["sales"] for each in told] == [[{"team": {"lines": 1}}]] * 6
