"""Commissions through the schemas: an agent sees its own, the back office makes the rules."""

from dataclasses import replace
from typing import Any

import pytest

from domain import checkout
from domain.checkout import LineWish, Purchase
from domain.commissions import release_due
from domain.identity.models import User
from domain.kernel import Actor, Prefix, encode_id
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
RULER = replace(make.OPERATOR, scopes=frozenset({"commissions:read", "commissions:write"}))
MINE = """{ viewer { agent { commissionBalance { amount }
    balances { pending { amount } available { amount } owed { amount } }
    commissions(first: 5) { nodes { orderNumber state availableAt explanation
        amount { amount } } } } } }"""
MOVE = """mutation Move($input: CommissionToWalletInput!) { commissionToWallet(input: $input) {
    agent { balances { available { amount } } } wallet { available { amount } } replayed
    userErrors { code message field ... on CommissionShortError { available { amount } } } } }"""
SAVE = """mutation Save($input: CommissionRuleSaveInput!) { commissionRuleSave(input: $input) {
    rule { id version scope scopeId level agentId kind percent amount { amount } holdDays
        validUntil }
    userErrors { code field message } } }"""
END = """mutation End($input: CommissionRuleEndInput!) { commissionRuleEnd(input: $input) {
    rule { id validUntil } userErrors { code } } }"""
RULES = "{ commissionRules { nodes { id version kind } } }"
SIMULATE = """query Simulate($input: CommissionSimulateInput!) {
    commissionSimulate(input: $input) { simulation { price { amount } margin { amount }
        house { amount } shares { agentId agentName level amount { amount } explanation } }
    userErrors { code field } } }"""


async def save(**wish: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await data_of(admin, SAVE, RULER, input=wish))["commissionRuleSave"]
    return found


async def an_agent() -> tuple[Any, Actor]:
    agent = await make.agent()
    owner = make.actor_of(await User.get(id=agent.user_id))
    return agent, replace(owner, agent_id=agent.id)


async def test_an_agent_sees_what_it_has_and_moves_it() -> None:
    agent, owner = await an_agent()
    assert (await save(kind="PERCENT", percent="10", level=1, holdDays=1))["userErrors"] == []
    variant = await make.variant(price=make.yuan(100), cards=1, unit_cost=1)
    buyer = await make.buyer(referrer=agent.id)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    mine = (await data_of(shop, MINE, owner))["viewer"]["agent"]
    assert mine["balances"] == {
        "pending": {"amount": "10.00"},
        "available": {"amount": "0.00"},
        "owed": {"amount": "0.00"},
    }
    (earned,) = mine["commissions"]["nodes"]
    assert earned["state"] == "PENDING"
    why = "10 % of the price of 100.00 CNY, by the general rule: 10.00 CNY"
    assert earned["explanation"] == why
    with make.later(days=2):
        await release_due()
    (earned,) = (await data_of(shop, MINE, owner, "zh"))["viewer"]["agent"]["commissions"]["nodes"]
    assert earned["state"] == "AVAILABLE"
    assert earned["explanation"] == "售价 100.00 CNY 的 10%（通用规则），共 10.00 CNY"
    wish = {"idempotencyKey": "a", "amount": {"amount": "4", "currency": "CNY"}}
    moved = (await data_of(shop, MOVE, owner, input=wish))["commissionToWallet"]
    assert moved["agent"]["balances"]["available"]["amount"] == "6.00"
    assert moved["wallet"]["available"]["amount"] == "4.00"
    again = (await data_of(shop, MOVE, owner, input=wish))["commissionToWallet"]
    assert again["replayed"]
    more = {"idempotencyKey": "b", "amount": {"amount": "7", "currency": "CNY"}}
    refused = (await data_of(shop, MOVE, owner, input=more))["commissionToWallet"]
    assert refused["agent"] is None
    assert refused["userErrors"][0]["code"] == "COMMISSION_SHORT"
    assert refused["userErrors"][0]["available"]["amount"] == "6.00"
    assert "¥6.00 of" in refused["userErrors"][0]["message"]


async def test_nobody_sees_what_another_agent_has() -> None:
    top, owner = await an_agent()
    child = await make.agent(top)
    query = "{ viewer { agent { downline { nodes { code balances { pending { amount } } } } } } }"
    told = await ask(shop, query, owner)
    (seen,) = told.data["viewer"]["agent"]["downline"]["nodes"]
    assert seen == {"code": child.code, "balances": None}
    assert [error.extensions["code"] for error in told.errors] == ["AGENT_OUT_OF_REACH"]


async def test_rules_are_saved_listed_and_ended() -> None:
    variant = await make.variant()
    agent = await make.agent()
    agent_id = encode_id(Prefix.AGENT, agent.id)
    saved = await save(kind="MARGIN_PERCENT", percent="12.5", agentId=agent_id, sku=variant.sku)
    rule = saved["rule"]
    assert (rule["percent"], rule["level"], rule["agentId"]) == ("12.50", None, agent_id)
    assert rule["scopeId"] == encode_id(Prefix.VARIANT, variant.id)
    fixed = (await save(kind="FIXED", amount={"amount": "0.2", "currency": "CNY"}, level=1))["rule"]
    assert (fixed["amount"]["amount"], fixed["percent"], fixed["holdDays"]) == ("0.20", None, 3)
    nodes = (await data_of(admin, RULES, RULER))["commissionRules"]["nodes"]
    assert [each["id"] for each in nodes] == [fixed["id"], rule["id"]]
    ended = await data_of(admin, END, RULER, input={"ruleId": rule["id"]})
    assert ended["commissionRuleEnd"]["rule"]["validUntil"] is not None
    nodes = (await data_of(admin, RULES, RULER))["commissionRules"]["nodes"]
    assert [each["id"] for each in nodes] == [fixed["id"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "PERCENT", "level": 1},
        {
            "kind": "PERCENT",
            "percent": "1",
            "amount": {"amount": "1", "currency": "CNY"},
            "level": 1,
        },
        {"kind": "FIXED", "percent": "1", "level": 1},
        {"kind": "PRICE_DIFFERENCE", "percent": "1", "level": 1},
        {"kind": "PERCENT", "percent": "1", "level": 4},
        {"kind": "PERCENT", "percent": "1"},
        {"kind": "PERCENT", "percent": "100.0001", "level": 1},
        {"kind": "PERCENT", "percent": "1", "level": 1, "sku": "A", "categorySlug": "b"},
    ],
)
async def test_a_rule_that_cannot_be_says_why(wrong: dict[str, Any]) -> None:
    told = await save(**wrong)
    assert told["rule"] is None
    assert told["userErrors"][0]["code"] == "INVALID"
    assert told["userErrors"][0]["message"]


async def test_the_back_office_works_a_sale_out() -> None:
    agent, variant = await make.agent(), await make.variant(price=make.yuan(100), cards=1)
    await save(kind="PERCENT", percent="5", level=1)
    wish = {"sku": variant.sku, "promoterCode": agent.code, "quantity": 2}
    told = (await data_of(admin, SIMULATE, RULER, input=wish))["commissionSimulate"]["simulation"]
    assert (told["price"]["amount"], told["margin"]["amount"]) == ("200.00", "120.00")
    assert told["house"]["amount"] == "110.00"
    (share,) = told["shares"]
    assert (share["agentName"], share["amount"]["amount"]) == (agent.name, "10.00")


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (RULES, {}),
        (SAVE, {"input": {"kind": "PERCENT", "percent": "1", "level": 1}}),
        (END, {"input": {"ruleId": "crl_00000000000000000000000000"}}),
        (SIMULATE, {"input": {"sku": "A", "promoterCode": "B"}}),
    ],
)
async def test_who_may_not(query: str, variables: dict[str, Any]) -> None:
    stranger = replace(make.OPERATOR, scopes=frozenset({"agents:write"}))
    refused = await ask(admin, query, stranger, **variables)
    assert [error.extensions["code"] for error in refused.errors] == ["FORBIDDEN"]
    buyer = await ask(admin, query, await make.buyer(), **variables)
    assert [error.extensions["code"] for error in buyer.errors] == ["FORBIDDEN"]
