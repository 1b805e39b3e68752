"""Rules of risk and held orders through the schemas (mission row C9)."""

from dataclasses import replace

import pytest

from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
REVIEWER = replace(make.OPERATOR, scopes=frozenset({"risk:read", "risk:write"}))
SAVE = """
mutation Save($input: RiskRuleSaveInput!) { riskRuleSave(input: $input) {
  rule { id version name decision shadow enabled hits
    conditions { kind limit subject minutes categoryId denied } }
  userErrors { code message field } } }
"""
BUY = """
mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
  order { id status lines { status delivery { __typename } } }
  userErrors { code message retryable } } }
"""
CASES = """
{ riskCases(states: [OPEN]) { nodes {
  id orderId state note signals { name version decision found } } } }
"""
CLAIM = """
mutation Claim($input: RiskCaseClaimInput!) { riskCaseClaim(input: $input) {
  riskCase { claimedBy claimedUntil } userErrors { code } } }
"""
DECIDE = """
mutation Decide($input: RiskCaseDecideInput!) { riskCaseDecide(input: $input) {
  riskCase { state note decidedBy } userErrors { code message } } }
"""
DEAR = {"kind": "AMOUNT", "amount": {"amount": "40", "currency": "CNY"}}


async def saved(**wish: object) -> dict:
    given = {"name": "dear", "conditions": [DEAR], "decision": "REVIEW", **wish}
    return (await data_of(admin, SAVE, REVIEWER, input=given))["riskRuleSave"]


async def bought(sku: str, actor: object, key: str = "key") -> dict:
    wish = {"idempotencyKey": key, "lines": [{"sku": sku, "quantity": 1}]}
    return (await data_of(shop, BUY, actor, input=wish))["orderCreate"]


async def test_an_order_is_held_claimed_and_released() -> None:
    variant, buyer = await make.variant(price=make.yuan(49), cards=1), await make.buyer()
    rule = (await saved())["rule"]
    assert (rule["version"], rule["conditions"][0]["limit"]) == (1, 400_000)
    placed = await bought(variant.sku, buyer)
    assert placed["userErrors"] == []
    assert placed["order"]["status"] == "RISK_REVIEW"
    (case,) = (await data_of(admin, CASES, REVIEWER))["riskCases"]["nodes"]
    assert case["orderId"] == placed["order"]["id"]
    assert case["signals"][0]["found"] == ["AMOUNT 490000 > 400000"]
    claimed = await data_of(admin, CLAIM, REVIEWER, input={"id": case["id"]})
    assert claimed["riskCaseClaim"]["riskCase"]["claimedUntil"]
    wish = {"id": case["id"], "decision": "RELEASE", "note": "known buyer"}
    for _ in range(2):  # the same answer to the same reviewer
        done = (await data_of(admin, DECIDE, REVIEWER, input=wish))["riskCaseDecide"]
        assert (done["riskCase"]["state"], done["userErrors"]) == ("RELEASED", [])
    other = {**wish, "decision": "REJECT"}
    done = (await data_of(admin, DECIDE, REVIEWER, input=other))["riskCaseDecide"]
    assert done["userErrors"][0]["code"] == "RISK_CASE_DECIDED"
    assert (await data_of(admin, CASES, REVIEWER))["riskCases"]["nodes"] == []


async def test_a_deny_list_shows_masked_values_and_a_blocked_buyer_no_reason() -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    denied = {"kind": "DENIED", "by": "ADDRESS", "values": ["203.0.113.77"]}
    payload = await saved(conditions=[denied], decision="BLOCK", name="bad address")
    assert payload["rule"]["conditions"][0]["denied"] == ["20****77"]
    refused = (await bought(variant.sku, replace(buyer, ip="203.0.113.77")))["userErrors"]
    assert [(each["code"], each["retryable"]) for each in refused] == [("ORDER_BLOCKED", False)]
    assert "address" not in refused[0]["message"]
    listed = await data_of(admin, "{ riskRules { name hits } }", REVIEWER)
    assert listed["riskRules"] == [{"name": "bad address", "hits": 1}]


@pytest.mark.parametrize(
    "condition",
    [
        {"kind": "ORDERS", "moreThan": 3},
        {"kind": "CATEGORY_QUANTITY", "moreThan": 3},
        {"kind": "DENIED", "by": "ADDRESS", "values": []},
        {"kind": "AMOUNT", "minutes": 5},
        {"kind": "AMOUNT", "amount": {"amount": "5", "currency": "USD"}},
    ],
)
async def test_half_a_condition_is_refused(condition: dict) -> None:
    payload = await saved(conditions=[condition])
    assert payload["rule"] is None
    assert payload["userErrors"][0]["code"] == "INVALID"


async def test_other_scopes_neither_read_nor_write() -> None:
    nobody = replace(make.OPERATOR, scopes=frozenset({"orders:read"}))
    for query in (CASES, "{ riskRules { id } }"):
        assert (await ask(admin, query, nobody)).errors[0].extensions["code"] == "FORBIDDEN"
