"""Tiers over the API: what they take, how far an agent is, and what nobody can ask for."""

from datetime import timedelta
from typing import Any

import pytest

from domain.agents import Tier
from domain.kernel import Prefix, clock, encode_id
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import court, make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")

SET = """
mutation Set($input: TierTermsSetInput!) {
  tierTermsSet(input: $input) { terms { tier months sales { amount } } userErrors { code field } } }
"""
TERMS = "{ tierTerms { tier months sales { amount } customers payoutDailyCap { amount } } }"
PROGRESS = """
{ viewer { agent { progress { tier misses pinnedUntil keep { tier } rise { tier met points {
  criterion needed have missing met message } } } tierReviews { nodes { outcome } } } } }
"""
PIN = """
mutation Pin($input: AgentTierPinInput!) {
  agentTierPin(input: $input) { agent { tier progress { pinnedUntil } } userErrors { code } } }
"""
BELOW = "{ viewer { agent { downline { nodes { progress { tier } } } } } }"
FORBIDDEN = ("recruits", "deposit", "ownPurchases", "price", "fee", "downlineSales")


def wish(**changes: Any) -> dict[str, Any]:
    amount = {"amount": "1000", "currency": "CNY"}
    return {"tier": "SILVER", "months": 1, "sales": amount, "customers": 2, **changes}


async def test_an_agent_reads_what_is_missing_in_its_language() -> None:
    staff = await make.operator("tiers:write", "tiers:read", "agents:read")
    done = (await data_of(admin, SET, staff, input=wish()))["tierTermsSet"]
    assert done["terms"] == {"tier": "SILVER", "months": 1, "sales": {"amount": "1000.00"}}
    (shown,) = (await data_of(shop, TERMS))["tierTerms"]
    assert (shown["tier"], shown["customers"], shown["payoutDailyCap"]) == ("SILVER", 2, None)
    agent = await make.agent(tier=Tier.BRONZE)
    himself = court.actor_of(agent)
    seen = (await data_of(shop, PROGRESS, himself))["viewer"]["agent"]
    assert (seen["progress"]["keep"], seen["tierReviews"]["nodes"]) == (None, [])
    rise = seen["progress"]["rise"]
    assert (rise["tier"], rise["met"]) == ("SILVER", False)
    sales, customers, compliance = rise["points"]
    assert sales == {
        "criterion": "SALES",
        "needed": "1000.00 CNY",
        "have": "0.00 CNY",
        "missing": "1000.00 CNY",
        "met": False,
        "message": "Sales: 0.00 CNY of 1000.00 CNY. 1000.00 CNY are missing; only sales to your own"
        " customers count, less what was refunded.",
    }
    assert (customers["missing"], compliance["met"]) == ("2", True)
    chinese = (await data_of(shop, PROGRESS, himself, "zh"))["viewer"]["agent"]["progress"]
    assert chinese["rise"]["points"][1]["message"].startswith("活跃客户：0，目标 2，还差 2")


@pytest.mark.parametrize("criterion", FORBIDDEN)
async def test_what_must_not_be_asked_for_has_no_field(criterion: str) -> None:
    """`money.md` part 7: the API has no place for it."""
    staff = await make.operator("tiers:write")
    answer = await ask(admin, SET, staff, input=wish(**{criterion: 5}))
    assert answer.data is None
    assert answer.errors
    assert (await data_of(shop, TERMS))["tierTerms"] == []


async def test_terms_need_their_scope_and_say_what_is_wrong() -> None:
    refused = await ask(admin, SET, await make.operator("agents:write"), input=wish())
    assert refused.errors[0].extensions["code"] == "FORBIDDEN"
    staff = await make.operator("tiers:write")
    bronze = (await data_of(admin, SET, staff, "zh", input=wish(tier="BRONZE")))["tierTermsSet"]
    assert bronze == {"terms": None, "userErrors": [{"code": "INVALID", "field": ["tier"]}]}


async def test_staff_pin_a_tier_and_whoever_stands_above_sees_no_progress() -> None:
    top = await make.agent(tier=Tier.GOLD)
    agent = await make.agent(top, Tier.BRONZE)
    staff = await make.operator("tiers:write", "agents:read")
    until = (clock.now() + timedelta(days=30)).isoformat()
    given = {"agentId": encode_id(Prefix.AGENT, agent.id), "tier": "SILVER", "until": until}
    pinned = (await data_of(admin, PIN, staff, input={**given, "note": "a trial"}))["agentTierPin"]
    assert pinned["agent"]["tier"] == "SILVER"
    assert pinned["agent"]["progress"]["pinnedUntil"] is not None
    answer = await ask(shop, BELOW, court.actor_of(top))
    assert answer.data["viewer"]["agent"]["downline"]["nodes"] == [{"progress": None}]
    assert answer.errors[0].extensions["code"] == "AGENT_OUT_OF_REACH"
