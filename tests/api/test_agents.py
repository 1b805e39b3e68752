"""The tree of agents at both doors: what the back office does, and what an agent sees."""

from typing import Any

import pytest

from domain import agents, checkout, identity
from domain.agents import AgentStatus, AgentType, Tier
from domain.agents.models import Agent
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind
from domain.identity.models import User
from domain.kernel import Actor, ActorKind, Prefix, connection, encode_id
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")

FILE = """
query File($id: ID!) { agentFile(id: $id) {
  agent { level type status tier parent { id } } login realNameLevel
  changes(first: 10) { nodes { kind reason note changedBy changedByLogin
    values { name before after } } } } }
"""
MOVE = """
mutation Move($input: AgentMoveInput!) {
  agentMove(input: $input) { agent { level parent { id } } userErrors { code message field } } }
"""
STATUS = """
mutation Status($input: AgentStatusSetInput!) {
  agentStatusSet(input: $input) { agent { status } userErrors { code message } } }
"""


def public(agent: Agent) -> str:
    return encode_id(Prefix.AGENT, agent.id)


def as_agent(agent: Agent) -> Actor:
    return Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)


async def test_a_move_is_told_in_the_agents_file() -> None:
    operator = await make.operator("agents:read", "agents:write")
    top, other = await make.agent(), await make.agent()
    child = await make.agent(top, Tier.SILVER)
    wish = {"agentId": public(child), "parentId": public(other), "reason": "REORGANISATION"}
    moved = (await data_of(admin, MOVE, operator, input=wish))["agentMove"]
    assert moved == {"agent": {"level": 2, "parent": {"id": public(other)}}, "userErrors": []}
    found = (await data_of(admin, FILE, operator, id=public(child)))["agentFile"]
    assert found["agent"]["parent"] == {"id": public(other)}
    (change,) = found["changes"]["nodes"]
    assert (change["kind"], change["reason"]) == ("MOVED", "REORGANISATION")
    assert change["changedBy"] == encode_id(Prefix.USER, operator.require_user())
    logins = await identity.logins_of([operator.require_user(), child.user_id])
    assert change["changedByLogin"] == logins[operator.require_user()]
    assert (found["login"], found["realNameLevel"]) == (logins[child.user_id], "NONE")
    assert change["values"] == [
        {"name": "parentId", "before": public(top), "after": public(other)},
        {"name": "moved", "before": None, "after": "1"},
    ]


@pytest.mark.parametrize(
    ("language", "word"),
    [pytest.param("en", "promoter", id="en"), pytest.param("zh", "推广员", id="zh")],
)
async def test_nobody_is_moved_below_a_promoter(language: str, word: str) -> None:
    promoter = await make.agent(agent_type=AgentType.PROMOTER)
    agent = await make.agent()
    wish: dict[str, Any] = {
        "agentId": public(agent),
        "parentId": public(promoter),
        "reason": "OTHER",
    }
    answer = await data_of(admin, MOVE, make.OPERATOR, language, input={**wish, "note": "a wish"})
    (error,) = answer["agentMove"]["userErrors"]
    assert (error["code"], error["field"]) == ("AGENT_IS_LEAF", ["parentId"])
    assert word in error["message"]


async def test_a_suspended_agent_still_sees_where_it_stands() -> None:
    agent = await make.agent()
    wish = {"agentId": public(agent), "status": "SUSPENDED", "reason": "SUSPICION"}
    done = (await data_of(admin, STATUS, make.OPERATOR, input=wish))["agentStatusSet"]
    assert done == {"agent": {"status": "SUSPENDED"}, "userErrors": []}
    query = "{ viewer { agent { id status type } } }"
    seen = (await data_of(shop, query, as_agent(agent)))["viewer"]["agent"]
    assert seen == {"id": public(agent), "status": "SUSPENDED", "type": "DISTRIBUTOR"}


SEEN = """
{ viewer { agent {
  commissionBalance { amount } commissions { nodes { orderNumber } }
  barredSales { nodes { orderNumber level reason } }
  downline { nodes { id commissionBalance { amount } commissions { nodes { orderNumber } }
    downline { nodes { id } } barredSales { nodes { level } } } }
  parent { id commissionBalance { amount } downline { nodes { id } } } } } }
"""


async def test_an_agent_sees_its_own_and_what_is_anothers_is_null_with_a_code() -> None:
    top, middle, leaf = await make.agent_chain()
    answer = await ask(shop, SEEN, as_agent(middle))
    own = answer.data["viewer"]["agent"]
    assert own["commissions"] == {"nodes": []}
    (below,) = own["downline"]["nodes"]
    assert below == {
        "id": public(leaf),
        "commissionBalance": None,
        "commissions": None,
        "downline": {"nodes": []},
        "barredSales": None,
    }
    assert own["parent"] == {"id": public(top), "commissionBalance": None, "downline": None}
    assert {error.extensions["code"] for error in answer.errors} == {"AGENT_OUT_OF_REACH"}
    assert len(answer.errors) == 5
    staff = await make.operator("agents:read")
    everything = (
        "{ agents { nodes { id commissionBalance { amount } downline { nodes { id } } } } }"
    )
    found = await data_of(admin, everything, staff)
    assert all(each["commissionBalance"] and each["downline"] for each in found["agents"]["nodes"])


async def test_a_page_of_agents_costs_as_many_statements_as_one_agent() -> None:
    staff = await make.operator("agents:read")
    shown = (
        "commissionBalance { amount } balances { owed { amount } } parent { code }"
        " deposit { short balance { amount } waiting { id } }"
    )
    query = f"{{ agents(first: 100) {{ nodes {{ {shown} }} }} }}"
    counted = []
    for _ in range(2):
        for _ in range(4):
            await make.agent(await make.agent())
        async with count_statements() as seen:
            await data_of(admin, query, staff)
        counted.append(len(seen))
    assert counted[0] == counted[1]


async def test_an_agent_that_was_suspended_sees_what_it_had_earned() -> None:
    agent = await make.agent()
    await make.rule(1, RuleKind.PERCENT, 10_000)
    buyer, variant = await make.buyer(referrer=agent.id), await make.variant(cards=1)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    await Agent.filter(id=agent.id).update(status=AgentStatus.SUSPENDED)
    himself = Actor(kind=ActorKind.USER, user_id=agent.user_id)
    query = "{ viewer { agent { commissionBalance { amount } } } }"
    seen = await data_of(shop, query, himself)
    assert seen["viewer"]["agent"] == {"commissionBalance": {"amount": "0.49"}}


RELATION = """
mutation Mark($input: AgentRelationSetInput!) {
  agentRelationSet(input: $input) { relation { userId related note } userErrors { code } } }
"""


async def test_staff_mark_an_account_and_the_agent_sees_why_it_earns_nothing() -> None:
    agent = await make.agent()
    await make.rule(1, RuleKind.PERCENT, 10_000)
    buyer, variant = await make.buyer(referrer=agent.id), await make.variant(cards=1)
    user = encode_id(Prefix.USER, buyer.require_user())
    staff = await make.operator("agents:read", "agents:write")
    wish = {"agentId": public(agent), "userId": user, "related": True, "note": "his wife"}
    marked = (await data_of(admin, RELATION, staff, input=wish))["agentRelationSet"]
    assert marked["relation"] == {"userId": user, "related": True, "note": "his wife"}
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    query = "{ viewer { agent { barredSales { nodes { orderNumber level reason } } } } }"
    seen = await data_of(shop, query, as_agent(agent))
    assert seen["viewer"]["agent"]["barredSales"]["nodes"] == [
        {"orderNumber": placed.order.number, "level": 1, "reason": "MARKED"}
    ]
    query = "query File($id: ID!) { agentFile(id: $id) { relations { note } } }"
    found = await data_of(admin, query, staff, id=public(agent))
    assert found["agentFile"] == {"relations": [{"note": "his wife"}]}


SIGN_IN = """
mutation In($input: SessionCreateInput!) {
  sessionCreate(input: $input) { viewer { id } userErrors { code } } }
"""


async def test_signing_in_as_an_agent_notes_the_device_of_the_guest_before() -> None:
    guest = await agents.sign_in_guest("device-0123456789")
    maker = await agents.sign_up(agents.SignUp("agent@example.com", "a long pass phrase"))
    await agents.create_agent(make.OPERATOR, maker.user.id, "Ann", Tier.GOLD, None)
    asker = Actor(kind=ActorKind.GUEST, user_id=guest.user.id, ip="203.0.113.7")
    login = {"login": "agent@example.com", "password": "a long pass phrase"}
    done = await data_of(shop, SIGN_IN, asker, input={"password": login})
    assert done["sessionCreate"]["userErrors"] == []
    async with connection() as conn:
        kinds = await conn.fetch("SELECT kind FROM agent_footprints ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["address", "device"]


FIND = """
query Find($search: String!, $status: AgentStatus, $tier: Tier) {
  agents(search: $search, status: $status, tier: $tier) { nodes { name } } }
"""


async def test_an_agent_is_found_by_name_code_or_login() -> None:
    staff = await make.operator("agents:read")
    gold, silver = [await make.agent(tier=tier) for tier in (Tier.GOLD, Tier.SILVER)]
    await Agent.filter(id=gold.id).update(name="West Lake 西湖门店")
    await Agent.filter(id=silver.id).update(name="North 海淀")
    login = (await User.get(id=silver.user_id)).login

    async def found(search: str, **also: str) -> list[str]:
        shown = await data_of(admin, FIND, staff, search=search, **also)
        return [each["name"].split()[0] for each in shown["agents"]["nodes"]]

    assert await found("西湖") == await found("west") == await found(gold.code.lower()) == ["West"]
    assert await found(login.upper()) == ["North"]
    assert await found(login[:-1]) == await found("%") == []
    assert await found("", tier="SILVER") == ["North"]
    assert await found("西湖", tier="SILVER") == await found("", status="CLOSED") == []
    assert await found(" ") == ["West", "North"]
