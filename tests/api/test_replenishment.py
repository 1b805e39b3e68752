"""The back office keeps budgets and policies, approves purchases and reads how stock stands."""

from datetime import timedelta
from typing import Any

import pytest

from domain import cards, replenishment
from domain.kernel import Prefix, clock, encode_id, new_id
from schema.admin import schema
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
POLICY = """mutation P($input: ReplenishPolicySaveInput!) { replenishPolicySave(input: $input) {
    policy { variantId mode leadDays coverDays autoLimit { amount } twoApprovalsFrom { amount } }
    userErrors { code field } } }"""
BUDGET = """mutation Budget($input: PurchaseBudgetSaveInput!) { purchaseBudgetSave(input: $input) {
    budget { id supplierId period amount { amount } spent { amount } }
    userErrors { code field } } }"""
DROP = """mutation Drop($input: PurchaseBudgetDeleteInput!) { purchaseBudgetDelete(input: $input) {
    budget { id } userErrors { code } } }"""
PROPOSE = """mutation Propose($input: PurchaseProposeInput!) { purchasePropose(input: $input) {
    proposal { id state quantity amount { amount } approvalsNeeded proposedBy
        reason { available target abc offers { supplierCode quantity limitedBy cost { amount } } }
        purchases { id } } userErrors { code field message } } }"""
APPROVE = """mutation Approve($input: PurchaseApproveInput!) { purchaseApprove(input: $input) {
    proposal { state firstBy } userErrors { code } } }"""
DECLINE = """mutation Decline($input: PurchaseDeclineInput!) { purchaseDecline(input: $input) {
    proposal { state note } userErrors { code field } } }"""
GIVE_UP = """mutation Up($input: PurchaseGiveUpInput!) { purchaseGiveUp(input: $input) {
    purchase { id status } userErrors { code field } } }"""
SEEN = """query Seen($since: DateTime!, $until: DateTime!) {
    purchaseProposals(first: 5, states: [OPEN]) { nodes { id state sku } }
    purchaseBudgets { period spent { amount } } replenishPolicies { mode variantId }
    stockFigures(first: 5) { nodes { sku available ages turnover need { quantity } } }
    supplyShares(since: $since, until: $until) { direct total { amount } tiers { tier share } } }"""


async def done(document: str, actor: make.Actor = make.OPERATOR, **wish: Any) -> dict[str, Any]:
    (answer,) = (await data_of(schema, document, actor, input=wish)).values()
    found: dict[str, Any] = answer
    return found


def yuan(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


async def test_a_purchase_is_proposed_explained_approved_and_declined() -> None:
    variant = await make.variant(price=make.yuan(100))
    await make.offer(variant, make.yuan(80), "seller")
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(safety_stock=3))
    (error,) = (await done(PROPOSE, sku=variant.sku))["userErrors"]
    assert (error["code"], "policy" in error["message"]) == ("NOTHING_TO_BUY", True)
    saved = await done(POLICY, mode="PROPOSE", coverDays=5, autoLimit=yuan("10"))
    assert saved["policy"]["autoLimit"] == {"amount": "10.00"}
    assert saved["policy"]["twoApprovalsFrom"] == {"amount": "10000.00"}
    (error,) = (await done(PROPOSE, sku=variant.sku))["userErrors"]
    assert "budget" in error["message"]
    kept = (await done(BUDGET, period="MONTH", amount=yuan("1000")))["budget"]
    assert (kept["supplierId"], kept["spent"]) == (None, {"amount": "0.00"})
    keeper = await make.operator("purchases:write", "purchases:approve", "purchases:read")
    made = (await done(PROPOSE, keeper, sku=variant.sku))["proposal"]
    assert (made["state"], made["quantity"], made["amount"]) == ("OPEN", 3, {"amount": "240.00"})
    assert made["reason"]["offers"] == [
        {
            "supplierCode": "seller",
            "quantity": 3,
            "limitedBy": None,
            "cost": {"amount": "80.00"},
        }
    ]
    refused = await done(APPROVE, keeper, proposalId=made["id"])
    assert refused["userErrors"] == [{"code": "OTHER_EYES_NEEDED"}]
    moment = clock.now()
    times = {"since": (moment - timedelta(days=1)).isoformat(), "until": moment.isoformat()}
    seen = await data_of(schema, SEEN, make.OPERATOR, **times)
    (node,) = seen["purchaseProposals"]["nodes"]
    assert (node["id"], node["sku"]) == (made["id"], variant.sku)
    assert seen["supplyShares"]["direct"] is None
    approver = await make.operator("purchases:approve")
    approved = await done(APPROVE, approver, proposalId=made["id"])
    assert approved["proposal"]["state"] == "APPROVED"
    late = await done(DECLINE, approver, proposalId=made["id"], reason="late")
    assert [each["code"] for each in late["userErrors"]] == ["PROPOSAL_OVER"]
    assert (await done(DROP, id=kept["id"]))["userErrors"] == []


@pytest.mark.parametrize(
    ("document", "wish", "field"),
    [
        (POLICY, {"mode": "AUTO", "leadDays": 366}, ["leadDays"]),
        (POLICY, {"mode": "AUTO", "sku": "none"}, ["sku"]),
        (BUDGET, {"period": "DAY", "amount": yuan("-1")}, ["amount"]),
        (BUDGET, {"period": "DAY", "amount": yuan("1"), "supplierCode": "none"}, ["supplierCode"]),
        (PROPOSE, {"sku": "none"}, ["sku"]),
        (PROPOSE, {"sku": "none", "quantity": 0}, ["quantity"]),
    ],
)
async def test_what_is_out_of_its_limits_is_refused(
    document: str, wish: dict[str, Any], field: list[str]
) -> None:
    (error,) = (await done(document, **wish))["userErrors"]
    assert error["field"] == field


async def test_each_scope_opens_its_own_part() -> None:
    reader = await make.operator("purchases:read")
    result = await ask(schema, BUDGET, reader, input={"period": "DAY", "amount": yuan("1")})
    assert [each.extensions["code"] for each in result.errors] == ["FORBIDDEN"]
    writer = await make.operator("purchases:write")
    result = await ask(schema, "{ purchaseBudgets { id } }", writer)
    assert [each.extensions["code"] for each in result.errors] == ["FORBIDDEN"]
    assert await replenishment.list_budgets(reader) == []


async def test_only_a_purchase_that_is_there_is_given_up() -> None:
    unknown = encode_id(Prefix.STOCK_PURCHASE, new_id())
    answer = await done(GIVE_UP, purchaseId=unknown, reason="they have no such order")
    assert answer["purchase"] is None
    assert [error["code"] for error in answer["userErrors"]] == ["NOT_FOUND"]
    told = await ask(
        schema,
        GIVE_UP,
        await make.operator("purchases:write"),
        input={"purchaseId": unknown, "reason": "no"},
    )
    assert told.errors
