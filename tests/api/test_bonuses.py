"""Bonus plans over the API: two persons, and an agent that reads what it got and why."""

from datetime import timedelta
from typing import Any

import pytest

from domain import agents, bonuses, ledger, teams
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import court, make
from tests.api.asking import ask, data_of
from tests.bonus_benches import month, on, sell

pytestmark = pytest.mark.usefixtures("db")

PROPOSE = """
mutation Propose($input: BonusPlanProposeInput!) { bonusPlanPropose(input: $input) {
  file { note decidedBy plan { id state depth steps { fromSales { amount } percent }
    capMarginPercent capSalesPercent } } userErrors { code field message } } }
"""
DECIDE = """
mutation Decide($input: BonusPlanDecideInput!) { bonusPlanDecide(input: $input) {
  file { decidedBy plan { state } } userErrors { code ... on BonusCapsError { taken } } } }
"""
AWARDS = """
{ bonusPlans { nodes { plan { name } proposedBy } }
  bonusAwards { nodes { agentName award { amount { amount } } } } }
"""
REFUSALS = """
{ bonusAwards { nodes { agentName } }
  bonusReferralRefusals { nodes { agentId subject month reason } } }
"""
PREVIEW = """
query Preview($id: ID!, $month: Date!) { bonusPlanPreview(id: $id, month: $month) {
  month awards complete amount { amount } sales { amount }
  largest { agentName lines amount { amount } explanation } } }
"""
OWN = """
{ viewer { agent { bonusPlans { name kind } bonuses { nodes { kind month lines amount { amount }
  clawedBack { amount } state explanation } } } } }
"""
BELOW = (
    "{ viewer { agent { downline { nodes { bonuses { nodes { id } } bonusPlans { name } } } } } }"
)


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


def wish(back: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "PERFORMANCE",
        "name": "Autumn",
        "basis": "OWN_SALES",
        "steps": [{"fromSales": money("100"), "percent": "2.5"}],
        "capMarginPercent": "30",
        "firstMonth": month(back).isoformat(),
        "lastMonth": month(back).isoformat(),
        "note": "for the quarter",
        **changes,
    }


async def test_a_plan_by_two_persons_pays_an_agent_that_reads_why() -> None:
    first_wish = wish()
    wide = [wish(name=name, capMarginPercent="50") for name in ("a", "b")]
    with on(1, 2):
        clerk, boss = await make.operator("bonuses:write"), await make.operator("bonuses:approve")
        done = (await data_of(admin, PROPOSE, clerk, input=first_wish))["bonusPlanPropose"]
        plan = done["file"]["plan"]
        assert (plan["state"], plan["steps"]) == (
            "PROPOSED",
            [{"fromSales": {"amount": "100.00"}, "percent": "2.5"}],
        )
        decided = {"id": plan["id"], "approve": True}
        refused = await ask(admin, DECIDE, clerk, input=decided)
        assert refused.errors or refused.data["bonusPlanDecide"]["userErrors"]
        file = (await data_of(admin, DECIDE, boss, input=decided))["bonusPlanDecide"]["file"]
        assert (file["plan"]["state"], bool(file["decidedBy"])) == ("APPROVED", True)
        for number, each in enumerate(wide):
            made = (await data_of(admin, PROPOSE, clerk, input=each))["bonusPlanPropose"]["file"]
            say = {"id": made["plan"]["id"], "approve": True}
            told = (await data_of(admin, DECIDE, boss, input=say))["bonusPlanDecide"]
            if number:
                assert told["userErrors"] == [{"code": "BONUS_CAPS_EXCEEDED", "taken": 8000}]
    top = await make.agent()
    agent = await make.agent(top)
    await sell(agent, 200)
    told_month = month(1).strftime("%Y-%m")
    with on(0, 9):
        await bonuses.award_due()
        seen = (await data_of(shop, OWN, court.actor_of(agent), "zh"))["viewer"]["agent"]
        first, second = seen["bonuses"]["nodes"]  # of two plans
        assert first["amount"] == second["amount"] == {"amount": "5.00"}
        assert (first["kind"], first["lines"], first["state"]) == ("PERFORMANCE", 1, "PENDING")
        assert first["explanation"].startswith(f"{told_month} 月度绩效奖")
        above = await ask(shop, BELOW, court.actor_of(top))
        assert {each.extensions["code"] for each in above.errors} == {"AGENT_OUT_OF_REACH"}
        staff = await make.operator("bonuses:read")
        shown = await data_of(admin, AWARDS, staff)
        assert len(shown["bonusPlans"]["nodes"]) == 3
        assert {each["agentName"] for each in shown["bonusAwards"]["nodes"]} == {agent.name}


async def test_what_is_no_percent_and_who_may_not_is_refused() -> None:
    clerk = await make.operator("bonuses:write")
    for changes in ({"capMarginPercent": "30.001"}, {"capMarginPercent": "-1"}, {"depth": 4}):
        asked = wish(0, **changes)
        done = (await data_of(admin, PROPOSE, clerk, input=asked))["bonusPlanPropose"]
        assert {each["code"] for each in done["userErrors"]} == {"INVALID"}
    team = wish(0, kind="TEAM", basis="TEAM_SALES", depth=2, minOwnSales=money("1"))
    done = (await data_of(admin, PROPOSE, clerk, input=team))["bonusPlanPropose"]
    assert [each["code"] for each in done["userErrors"]] == ["BONUS_TEAM_OFF"]
    assert "KAMENG_TEAM_AWARDS" in done["userErrors"][0]["message"]
    refused = await ask(admin, AWARDS, await make.operator("agents:read"))
    assert {each.extensions["code"] for each in refused.errors} == {"FORBIDDEN"}


async def test_a_referral_of_one_hand_is_told_to_staff() -> None:
    clerk, boss = await make.operator("bonuses:write"), await make.operator("bonuses:approve")
    mosts = {"capEach": money("30"), "capMonth": money("50")}
    asked = wish(kind="REFERRAL", basis="REFERRED_BUYER_PURCHASES", **mosts)
    with on(1, 2):
        made = (await data_of(admin, PROPOSE, clerk, input=asked))["bonusPlanPropose"]["file"]
        say = {"id": made["plan"]["id"], "approve": True}
        assert not (await data_of(admin, DECIDE, boss, input=say))["bonusPlanDecide"]["userErrors"]
        agent = await make.agent()
        buyer = await make.buyer(referrer=agent.id)
    staff = await make.operator("agents:write")
    himself = buyer.require_user()
    await agents.mark_relation(staff, agent.id, himself, related=True, note="a second login")
    await sell(agent, 200, buyer=buyer)
    with on(0, 9):
        await bonuses.award_due()
    shown = await data_of(admin, REFUSALS, await make.operator("bonuses:read"))
    assert shown["bonusAwards"]["nodes"] == []
    (refused,) = shown["bonusReferralRefusals"]["nodes"]
    assert (refused["reason"], refused["subject"]) == ("MARKED", str(himself))


async def test_whoever_decides_reads_first_what_the_plan_would_have_paid() -> None:
    clerk, boss = await make.operator("bonuses:write"), await make.operator("bonuses:read")
    asked = wish(0)
    made = (await data_of(admin, PROPOSE, clerk, input=asked))["bonusPlanPropose"]["file"]["plan"]
    agent = await make.agent()
    await sell(agent, 200)
    while await ledger.seal_committed() or await teams.count_next():
        pass
    last = {"id": made["id"], "month": month(1).isoformat()}
    shown = (await data_of(admin, PREVIEW, boss, **last))["bonusPlanPreview"]
    assert (shown["awards"], shown["amount"], shown["complete"]) == (1, {"amount": "5.00"}, True)
    (first,) = shown["largest"]
    assert (first["agentName"], first["lines"]) == (agent.name, 1)
    assert first["explanation"].startswith("Performance award")
    soon = {"id": made["id"], "month": (month(0) + timedelta(days=40)).replace(day=1).isoformat()}
    refused = await ask(admin, PREVIEW, boss, **soon)
    assert {each.extensions["code"] for each in refused.errors} == {"INVALID"}
    forbidden = await ask(admin, PREVIEW, clerk, **last)
    assert {each.extensions["code"] for each in forbidden.errors} == {"FORBIDDEN"}
