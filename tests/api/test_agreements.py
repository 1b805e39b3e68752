"""An agreement over the API: shown, accepted by its digest, and told when it is not."""

from typing import Any

import pytest

from domain.kernel import Actor, ActorKind
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")

PUBLISH = """
mutation Publish($input: AgreementPublishInput!) {
  agreementPublish(input: $input) { version { id version digest } userErrors { code field } } }
"""
ACCEPT = """
mutation Accept($input: AgreementAcceptInput!) {
  agreementAccept(input: $input) { acceptance { agreement version } userErrors { code message } } }
"""
SHOWN = """
{ agreements(type: DISTRIBUTOR) { id agreement version title text digest types blocks } }
"""
STANDING = "{ viewer { agent { agreements { version { version } acceptedVersion } } } }"
BUY = """
mutation Buy($input: OrderCreateInput!) {
  orderCreate(input: $input) { order { id }
    userErrors { code message ... on AgentBlockedError { because } } } }
"""
WISH: dict[str, Any] = {
    "agreement": "agent-terms",
    "titleZh": "代理协议",
    "titleEn": "Agent terms",
    "textZh": "不得传销。",
    "textEn": "No pyramids.",
    "types": ["DISTRIBUTOR"],
    "blocks": ["TRADE", "PAYOUT"],
}


async def test_an_agent_reads_and_accepts_and_only_then_buys() -> None:
    operator = await make.operator("agreements:write", "agreements:read")
    done = (await data_of(admin, PUBLISH, operator, input=WISH))["agreementPublish"]
    assert (done["version"]["version"], done["userErrors"]) == (1, [])
    agent = await make.agent()
    await make.top_up(agent.user_id, make.yuan(100))
    actor = Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    variant = await make.variant(cards=1)
    order = {"idempotencyKey": "k", "lines": [{"sku": variant.sku, "quantity": 1}]}
    refused = (await data_of(shop, BUY, actor, "zh", input=order))["orderCreate"]
    (told,) = refused["userErrors"]
    assert (told["code"], told["because"]) == ("AGENT_BLOCKED", "AGREEMENT")
    assert "协议" in refused["userErrors"][0]["message"]
    (shown,) = (await data_of(shop, SHOWN, actor))["agreements"]
    assert (shown["title"], shown["text"]) == ("Agent terms", "No pyramids.")
    assert shown["blocks"] == ["TRADE", "PAYOUT"]
    wrong = {"agreementVersionId": shown["id"], "digest": "ab" * 32}
    answer = (await data_of(shop, ACCEPT, actor, input=wrong))["agreementAccept"]
    assert [each["code"] for each in answer["userErrors"]] == ["AGREEMENT_TEXT_DIFFERS"]
    right = {**wrong, "digest": shown["digest"]}
    answer = (await data_of(shop, ACCEPT, actor, input=right))["agreementAccept"]
    assert answer["acceptance"] == {"agreement": "agent-terms", "version": 1}
    stood = (await data_of(shop, STANDING, actor))["viewer"]["agent"]["agreements"]
    assert stood == [{"version": {"version": 1}, "acceptedVersion": 1}]
    bought = (await data_of(shop, BUY, actor, input=order))["orderCreate"]
    assert bought["userErrors"] == []


async def test_nobody_accepts_without_a_session_or_publishes_without_the_scope() -> None:
    refused = await ask(admin, PUBLISH, await make.operator("agents:write"), input=WISH)
    assert refused.errors[0].extensions["code"] == "FORBIDDEN"
    anonymous = await ask(shop, ACCEPT, input={"agreementVersionId": "agv_x", "digest": ""})
    assert anonymous.errors[0].extensions["code"] == "UNAUTHENTICATED"
