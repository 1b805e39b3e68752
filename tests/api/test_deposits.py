"""A deposit over the API: asked for, paid, asked back, and nobody else's to see."""

from datetime import timedelta

import pytest

from domain.kernel import ANONYMOUS, Actor, ActorKind, clock
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")

TERMS = """
mutation Terms($input: DepositTermsSetInput!) {
  depositTermsSet(input: $input) { terms { type amount { amount } } userErrors { code message } } }
"""
PAY = """
mutation Pay($input: AgentDepositPayInput!) {
  agentDepositPay(input: $input) { replayed userErrors { code message }
    deposit { short required { amount } balance { amount }
      movements { nodes { kind amount { amount } } } } } }
"""
BACK = """
mutation { agentDepositAskBack(input: {}) {
  depositReturn { state amount { amount } returned { amount } } userErrors { code } } }
"""
SEEN = "{ viewer { agent { deposit { short waiting { amount { amount } } } } } }"
BELOW = "{ viewer { agent { downline { nodes { deposit { short } } } } } }"


async def test_an_agent_pays_what_is_asked_and_asks_it_back() -> None:
    staff = await make.operator("deposits:write", "deposits:read")
    wish = {"type": "DISTRIBUTOR", "amount": {"amount": "300", "currency": "CNY"}}
    done = (await data_of(admin, TERMS, staff, input=wish))["depositTermsSet"]
    assert done["terms"] == {"type": "DISTRIBUTOR", "amount": {"amount": "300.00"}}
    agent = await make.agent()
    await make.top_up(agent.user_id, make.yuan(300))
    actor = Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    assert (await data_of(shop, SEEN, actor))["viewer"]["agent"]["deposit"]["short"] is True
    pay = {"idempotencyKey": "k", "amount": {"amount": "300", "currency": "CNY"}}
    paid = (await data_of(shop, PAY, actor, input=pay))["agentDepositPay"]
    assert paid["deposit"] == {
        "short": False,
        "required": {"amount": "300.00"},
        "balance": {"amount": "300.00"},
        "movements": {"nodes": [{"kind": "PAID", "amount": {"amount": "300.00"}}]},
    }
    again = (await data_of(shop, PAY, actor, input=pay))["agentDepositPay"]
    assert (again["replayed"], again["userErrors"]) == (True, [])
    more = {**pay, "idempotencyKey": "l"}
    short = (await data_of(shop, PAY, actor, "zh", input=more))["agentDepositPay"]
    assert [each["code"] for each in short["userErrors"]] == ["BALANCE_INSUFFICIENT"]
    back = (await data_of(shop, BACK, actor))["agentDepositAskBack"]
    assert back["depositReturn"] == {
        "state": "WAITING",
        "amount": {"amount": "300.00"},
        "returned": None,
    }
    twice = (await data_of(shop, BACK, actor))["agentDepositAskBack"]
    assert [each["code"] for each in twice["userErrors"]] == ["DEPOSIT_RETURN_CLOSED"]


async def test_whoever_stands_above_does_not_see_it() -> None:
    top = await make.agent()
    await make.agent(top)
    actor = Actor(kind=ActorKind.USER, user_id=top.user_id, agent_id=top.id)
    answer = await ask(shop, BELOW, actor)
    assert answer.data["viewer"]["agent"]["downline"]["nodes"] == [{"deposit": None}]
    assert answer.errors[0].extensions["code"] == "AGENT_OUT_OF_REACH"


async def test_whoever_thinks_of_joining_reads_what_is_asked_now() -> None:
    staff = await make.operator("deposits:write")
    for kind, amount in (("CORPORATE", "900"), ("CORPORATE", "200"), ("PROMOTER", "0")):
        wish = {"type": kind, "amount": {"amount": amount, "currency": "CNY"}}
        await data_of(admin, TERMS, staff, input=wish)
    later = {"type": "CORPORATE", "effectiveAt": (clock.now() + timedelta(days=1)).isoformat()}
    await data_of(admin, TERMS, staff, input=wish | later)
    read = await data_of(shop, "{ depositTerms { type amount { amount } } }", ANONYMOUS)
    assert read["depositTerms"] == [{"type": "CORPORATE", "amount": {"amount": "200.00"}}]


async def test_terms_need_their_scope_and_say_what_is_wrong() -> None:
    wish = {"type": "PROMOTER", "amount": {"amount": "10001", "currency": "CNY"}}
    refused = await ask(admin, TERMS, await make.operator("agents:write"), input=wish)
    assert refused.errors[0].extensions["code"] == "FORBIDDEN"
    staff = await make.operator("deposits:write")
    done = (await data_of(admin, TERMS, staff, "zh", input=wish))["depositTermsSet"]
    assert (done["terms"], done["userErrors"][0]["code"]) == (None, "INVALID")
    assert "10,000" in done["userErrors"][0]["message"]
