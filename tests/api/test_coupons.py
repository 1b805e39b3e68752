"""The back office keeps campaigns and codes; buyers claim, quote and order with coupons."""

from typing import Any

import pytest

from domain import coupons
from domain.kernel import clock
from schema.admin import schema
from schema.shop import schema as shop
from tests import make
from tests.api.asking import data_of

pytestmark = pytest.mark.usefixtures("db")
SAVE = """mutation Save($input: CampaignSaveInput!) { campaignSave(input: $input) {
    campaign { id kind state version off { amount } rate cap { amount } minimum { amount }
        steps { least { amount } off { amount } } shares { platform agent supplier }
        variantIds tiers publicCode }
    userErrors { code field message } } }"""
START = """mutation Start($input: CampaignStartInput!) { campaignStart(input: $input) {
    campaign { state } userErrors { code } } }"""
PAUSE = """mutation Pause($input: CampaignPauseInput!) { campaignPause(input: $input) {
    campaign { state } userErrors { code } } }"""
END = """mutation End($input: CampaignEndInput!) { campaignEnd(input: $input) {
    campaign { state } userErrors { code } } }"""
SEEN = """{ campaigns(first: 5, states: [ENDED]) {
    nodes { id nameEn versions { version savedAt } } } }"""


async def done(document: str, actor: make.Actor = make.OPERATOR, **wish: Any) -> dict[str, Any]:
    (answer,) = (await data_of(schema, document, actor, input=wish)).values()
    found: dict[str, Any] = answer
    return found


def yuan(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


def campaign(**changes: Any) -> dict[str, Any]:
    values = {"nameZh": "满减", "nameEn": "Summer", "startsAt": clock.now().isoformat()}
    return {**values, **changes}


async def test_a_campaign_is_kept_started_paused_and_ended() -> None:
    keeper = await make.operator("coupons:read", "coupons:write")
    variant = await make.variant()
    steps = [{"least": yuan("100"), "off": yuan("10")}]
    said = campaign(
        kind="THRESHOLD", steps=steps, skus=[variant.sku], tiers=["RETAIL"], publicCode="Summer"
    )
    made = (await done(SAVE, keeper, campaign=said))["campaign"]
    assert (made["state"], made["version"], made["publicCode"]) == ("DRAFT", 1, "SUMMER")
    assert made["steps"] == [{"least": {"amount": "100.00"}, "off": {"amount": "10.00"}}]
    assert made["shares"] == {"platform": 10_000, "agent": 0, "supplier": 0}
    one = made["id"]
    assert (await done(START, keeper, id=one))["campaign"] == {"state": "RUNNING"}
    assert (await done(PAUSE, keeper, id=one))["campaign"] == {"state": "PAUSED"}
    assert (await done(END, keeper, id=one))["campaign"] == {"state": "ENDED"}
    (error,) = (await done(START, keeper, id=one))["userErrors"]
    assert error["code"] == "CAMPAIGN_STATE_WRONG"
    (seen,) = (await data_of(schema, SEEN, keeper))["campaigns"]["nodes"]
    assert (seen["id"], [each["version"] for each in seen["versions"]]) == (one, [1])


async def test_what_comes_off_is_said_by_its_kind_alone() -> None:
    made = (await done(SAVE, campaign=campaign(kind="FIXED", off=yuan("5"))))["campaign"]
    assert (made["off"], made["rate"]) == ({"amount": "5.00"}, None)
    made = (await done(SAVE, campaign=campaign(kind="PERCENT", rate=150_000)))["campaign"]
    assert (made["off"], made["rate"]) == (None, 150_000)
    for said, place in (
        (campaign(kind="FIXED", rate=1), "off"),
        (campaign(kind="FIXED", off=yuan("5"), rate=1), "rate"),
        (campaign(kind="FIXED", off={"amount": "5", "currency": "USD"}), "off"),
    ):
        (error,) = (await done(SAVE, campaign=said))["userErrors"]
        assert (error["code"], error["field"][1]) == ("INVALID", place)


BATCH = """mutation Batch($input: CouponBatchCreateInput!) { couponBatchCreate(input: $input) {
    batch { id count made taken } replayed userErrors { code field } } }"""
TAKE = """mutation Take($input: CouponCodesTakeInput!) { couponCodesTake(input: $input) {
    batch { taken } codes sealed replayed userErrors { code } } }"""
CLAIM = """mutation Claim($input: CouponClaimInput!) { couponClaim(input: $input) {
    coupon { id name state } userErrors { code message field } } }"""
QUOTE = """query Quote($input: QuoteInput!) { quote(input: $input) { quote {
    subtotal { amount } discountTotal { amount } total { amount }
    lines { unitPrice { amount } discount { amount } total { amount } }
    coupons { codeAt idAt name amount { amount } reason message missing { amount } } }
    userErrors { code } } }"""
ORDER = """mutation Order($input: OrderCreateInput!) { orderCreate(input: $input) { order {
    id subtotal { amount } discountTotal { amount } total { amount }
    coupons { name amount { amount } state } lines { unitPrice { amount } discount { amount } } }
    userErrors { code message field ... on CouponIneligibleError { reason missing { amount } } } } }
"""
OWN = "{ viewer { coupons(first: 5) { nodes { id name state } } } }"
FIGURES = """query Of($id: ID!) { campaign(id: $id) { batches { made taken }
    figures { issued claimed locked used saved { amount } cost { bearer amount { amount } } } } }"""
COSTS = """query Costs($id: ID!) { orderFile(id: $id) { costBreakdown { total { amount }
    coupons { bearer amount { amount } } } } }"""


async def shopped(document: str, actor: make.Actor, **wish: Any) -> dict[str, Any]:
    (answer,) = (await data_of(shop, document, actor, input=wish)).values()
    found: dict[str, Any] = answer
    return found


async def test_codes_are_made_taken_claimed_quoted_and_used() -> None:
    keeper = await make.operator("coupons:read", "coupons:write", "orders:read", "costs:read")
    said = campaign(kind="FIXED", off=yuan("5"), minimum=yuan("60"))
    one = (await done(SAVE, keeper, campaign=said))["campaign"]["id"]
    await done(START, keeper, id=one)
    order = {"idempotencyKey": "batch", "campaignId": one, "count": 3}
    batch = (await done(BATCH, keeper, **order))["batch"]
    assert (batch["made"], batch["count"]) == (0, 3)
    assert (await done(BATCH, keeper, **order))["replayed"]
    await coupons.make_batch((await coupons.due_batches(1))[0])
    taking = {"idempotencyKey": "take", "batchId": batch["id"], "first": 2}
    taken = await done(TAKE, keeper, **taking)
    assert (len(taken["codes"]), taken["batch"]["taken"]) == (2, 2)
    assert await done(TAKE, keeper, **taking) == {**taken, "replayed": True}
    code = taken["codes"][0]
    variant, buyer = await make.variant(cards=3, unit_cost=1), await make.buyer()
    coupon = (await shopped(CLAIM, buyer, code=code))["coupon"]
    assert (coupon["name"], coupon["state"]) == ("Summer", "USABLE")
    (error,) = (await shopped(CLAIM, await make.buyer(), code=code))["userErrors"]
    assert (error["code"], code in error["message"]) == ("COUPON_NOT_ACCEPTED", False)
    wish = {"lines": [{"sku": variant.sku, "quantity": 1}], "couponIds": [coupon["id"]]}
    quoted = (await shopped(QUOTE, buyer, **wish, couponCodes=["NONE"]))["quote"]
    low, none = quoted["coupons"]
    assert (low["idAt"], low["reason"], low["missing"]) == (0, "BELOW_MINIMUM", {"amount": "11.00"})
    assert (none["codeAt"], none["reason"], none["name"]) == (0, "NOT_ACCEPTED", None)
    refused = await shopped(ORDER, buyer, idempotencyKey="a", **wish)
    (error,) = refused["userErrors"]
    assert (error["code"], error["reason"]) == ("COUPON_INELIGIBLE", "coupon_below_minimum")
    assert error["field"] == ["couponIds", "0"]
    wish["lines"] = [{"sku": variant.sku, "quantity": 2}]
    quoted = (await shopped(QUOTE, buyer, **wish))["quote"]
    assert (quoted["subtotal"], quoted["total"]) == ({"amount": "98.00"}, {"amount": "93.00"})
    assert quoted["lines"][0]["discount"] == {"amount": "5.00"}
    bought = (await shopped(ORDER, buyer, idempotencyKey="b", **wish))["order"]
    assert (bought["subtotal"], bought["discountTotal"], bought["total"]) == (
        {"amount": "98.00"},
        {"amount": "5.00"},
        {"amount": "93.00"},
    )
    assert bought["coupons"] == [{"name": "Summer", "amount": {"amount": "5.00"}, "state": "USED"}]
    (own,) = (await data_of(shop, OWN, buyer))["viewer"]["coupons"]["nodes"]
    assert own["state"] == "USED"
    seen = (await data_of(schema, FIGURES, keeper, id=one))["campaign"]
    assert seen["batches"] == [{"made": 3, "taken": 2}]
    assert (seen["figures"]["used"], seen["figures"]["saved"]) == (1, {"amount": "5.00"})
    cost = await data_of(schema, COSTS, keeper, id=bought["id"])
    borne = cost["orderFile"]["costBreakdown"]["coupons"]
    assert {each["bearer"]: each["amount"]["amount"] for each in borne} == {
        "PLATFORM": "5.00",
        "AGENT": "0.00",
        "SUPPLIER": "0.00",
    }


async def test_codes_are_taken_with_a_second_factor_or_sealed() -> None:
    hasty = await make.operator("coupons:read", "coupons:write", stepped_up=False)
    one = (await done(SAVE, hasty, campaign=campaign(kind="FIXED", off=yuan("5"))))["campaign"]
    order = {"idempotencyKey": "batch", "campaignId": one["id"], "count": 1}
    batch = (await done(BATCH, hasty, **order))["batch"]
    (error,) = (await done(TAKE, hasty, idempotencyKey="take1", batchId=batch["id"]))["userErrors"]
    assert error["code"] == "STEP_UP_REQUIRED"
