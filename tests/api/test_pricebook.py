"""The back office sets own prices of agents, and reads what became of them (rows E1, E2, E4)."""

from typing import Any

import pytest

from domain.agents import AgentType, Tier
from domain.kernel import Actor, ActorKind, Prefix, encode_id
from schema.admin import schema
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
SET = """mutation Set($input: AgentPriceSetInput!) { agentPriceSet(input: $input) {
    agentPrice { id agent { code } variantId categoryId price { amount } offRate validUntil setBy }
    userErrors { code message field ... on AgentPriceInvertedError {
        agent above sku price { amount } least { amount } } } } }"""
END = """mutation End($input: AgentPriceEndInput!) { agentPriceEnd(input: $input) {
    agentPrice { id validUntil endedBy } userErrors { code } } }"""
PRICES = """query Prices($agent: ID!) { agentPrices(agentId: $agent, first: 5) { nodes {
    id price { amount } offRate endedBy } } }"""
SHOWN = """{ products(first: 5) { nodes { variants { sku price { amount } } } } }"""


async def done(document: str, actor: Actor = make.OPERATOR, **wish: Any) -> dict[str, Any]:
    (answer,) = (await data_of(schema, document, actor, input=wish)).values()
    found: dict[str, Any] = answer
    return found


async def test_an_own_price_is_set_seen_by_its_agent_and_ended() -> None:
    variant = await make.variant(price=make.yuan(50))
    agent = await make.agent(tier=Tier.SILVER)
    public = encode_id(Prefix.AGENT, agent.id)
    wish = {
        "agentId": public,
        "variantId": encode_id(Prefix.VARIANT, variant.id),
        "price": {"amount": "45.1234", "currency": "CNY"},
    }
    saved = await done(SET, **wish)
    row = saved["agentPrice"]
    assert saved["userErrors"] == []
    assert (row["agent"]["code"], row["price"]["amount"]) == (agent.code, "45.1234")
    actor = Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    for viewer, price in ((actor, "45.1234"), (await make.buyer(), "50.00")):
        (product,) = (await data_of(shop, SHOWN, viewer))["products"]["nodes"]
        assert product["variants"] == [{"sku": variant.sku, "price": {"amount": price}}]
    assert (await done(SET, **wish))["agentPrice"]["id"] == row["id"]
    ended = (await done(END, id=row["id"]))["agentPrice"]
    assert ended["validUntil"] is not None
    assert ended["endedBy"] is not None
    nodes = (await data_of(schema, PRICES, make.OPERATOR, agent=public))["agentPrices"]["nodes"]
    assert [node["id"] for node in nodes] == [row["id"]]


async def test_a_refusal_names_agents_variant_and_prices() -> None:
    variant = await make.variant(price=make.yuan(50), tier_prices={Tier.GOLD: make.yuan(46)})
    top = await make.agent(tier=Tier.GOLD)
    below = await make.agent(top, Tier.SILVER)
    promoter = await make.agent(agent_type=AgentType.PROMOTER)
    wish = {
        "agentId": encode_id(Prefix.AGENT, below.id),
        "variantId": encode_id(Prefix.VARIANT, variant.id),
        "price": {"amount": "45", "currency": "CNY"},
    }
    (error,) = (await done(SET, **wish))["userErrors"]
    told = (error["code"], error["agent"], error["above"], error["sku"])
    assert told == ("AGENT_PRICE_INVERTED", below.code, top.code, variant.sku)
    assert (error["price"], error["least"]) == ({"amount": "45.00"}, {"amount": "46.00"})
    assert "46" in error["message"]
    (error,) = (await done(SET, **wish | {"agentId": encode_id(Prefix.AGENT, promoter.id)}))[
        "userErrors"
    ]
    assert (error["code"], error["field"]) == ("AGENT_PRICE_FIXED", ["agentId"])


async def test_who_lacks_the_scope_neither_sets_nor_reads() -> None:
    agent = await make.agent()
    public = encode_id(Prefix.AGENT, agent.id)
    reader = await make.operator("agents:read")
    result = await ask(schema, SET, reader, input={"agentId": public})
    assert [error.extensions["code"] for error in result.errors] == ["FORBIDDEN"]
    writer = await make.operator("prices:write")
    result = await ask(schema, PRICES, writer, agent=public)
    assert [error.extensions["code"] for error in result.errors] == ["FORBIDDEN"]
