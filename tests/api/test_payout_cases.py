"""The queue of payouts that people look into, through the admin schema; its figures."""

from dataclasses import replace
from typing import Any

import pytest

from domain import payouts
from domain.kernel import Prefix, encode_id
from domain.payouts import PayoutStatus
from domain.payouts.ports import Uncertain
from schema.admin import schema as admin
from server import metrics
from tests import make, teller
from tests.api.asking import ask, data_of
from tests.domain.payouts.test_running import approved, run

pytestmark = pytest.mark.usefixtures("db")
CASES = """query Cases($closed: Boolean! = false) { payoutCases(closed: $closed) { nodes {
    id kind state verdict note askedBy decidedBy
    payout { id reference status destination { masked } } } } }"""
VERDICT = """mutation Verdict($input: PayoutCaseVerdictInput!) { payoutCaseVerdict(input: $input) {
    case { id state verdict } userErrors { code field message } } }"""
DECIDE = """mutation Decide($input: PayoutCaseDecideInput!) { payoutCaseDecide(input: $input) {
    case { state decidedBy payout { status why } } userErrors { code } } }"""


@pytest.fixture(autouse=True)
async def desk() -> teller.Teller:
    made = teller.Teller()
    payouts.register(teller.ADAPTER, made)
    return made


async def test_one_says_what_the_channel_said_and_another_agrees(desk: teller.Teller) -> None:
    _, _, payout = await approved()
    desk.faults = [teller.says(Uncertain())]
    await run(payout)
    with make.later(hours=2):
        await payouts.watch_stuck()
    assert 'kameng_backlog{kind="payout_cases"} 1.0' in (await metrics.render()).decode()
    one = await make.operator("payouts:read", "payouts:resolve", "payouts:approve")
    other = await make.operator("payouts:read", "payouts:approve")
    (case,) = (await data_of(admin, CASES, one))["payoutCases"]["nodes"]
    assert (case["kind"], case["state"], case["verdict"]) == ("UNKNOWN", "OPEN", None)
    assert case["payout"]["id"] == encode_id(Prefix.PAYOUT, payout.id)
    wish: dict[str, Any] = {"id": case["id"], "verdict": "NOT_PAID", "note": "their letter"}
    wrong = {**wish, "verdict": "SETTLED"}
    told = (await data_of(admin, VERDICT, one, input=wrong))["payoutCaseVerdict"]
    assert told["userErrors"][0]["code"] == "PAYOUT_VERDICT_UNUSABLE"
    told = (await data_of(admin, VERDICT, one, input=wish))["payoutCaseVerdict"]
    assert told["case"] == {"id": case["id"], "state": "ASKED", "verdict": "NOT_PAID"}
    decision = {"id": case["id"], "agree": True}
    own = (await data_of(admin, DECIDE, one, input=decision))["payoutCaseDecide"]
    assert own["userErrors"][0]["code"] == "FOUR_EYES"
    done = (await data_of(admin, DECIDE, other, input=decision))["payoutCaseDecide"]["case"]
    assert (done["state"], done["payout"]) == ("CLOSED", {"status": "FAILED", "why": "decided"})
    assert (await data_of(admin, CASES, one))["payoutCases"]["nodes"] == []
    (ended,) = (await data_of(admin, CASES, one, closed=True))["payoutCases"]["nodes"]
    assert (ended["note"], ended["decidedBy"]) == ("their letter", done["decidedBy"])
    assert (await payouts.Payout.get(id=payout.id)).status is PayoutStatus.FAILED
    assert 'kameng_backlog{kind="payout_cases"} 0.0' in (await metrics.render()).decode()


async def test_the_age_of_what_was_sent_is_a_figure(desk: teller.Teller) -> None:
    text = (await metrics.render()).decode()
    assert "kameng_open_payout_oldest_seconds 0.0" in text
    _, _, payout = await approved()
    desk.faults = [teller.says(Uncertain())]
    await run(payout)
    text = (await metrics.render()).decode()
    (line,) = (each for each in text.splitlines() if each.startswith("kameng_open_payout_oldest"))
    assert float(line.split()[1]) > 0


@pytest.mark.parametrize(
    ("query", "variables", "scopes"),
    [
        (CASES, {}, {"payouts:resolve", "payouts:approve"}),
        (VERDICT, {"input": {"id": "x", "verdict": "PAID", "note": "y"}}, {"payouts:approve"}),
        (DECIDE, {"input": {"id": "x", "agree": True}}, {"payouts:resolve"}),
    ],
)
async def test_who_may_not(query: str, variables: dict[str, Any], scopes: set[str]) -> None:
    stranger = replace(make.OPERATOR, scopes=frozenset(scopes))
    refused = await ask(admin, query, stranger, **variables)
    assert [error.extensions["code"] for error in refused.errors] == ["FORBIDDEN"]
