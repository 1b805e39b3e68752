"""The back office keeps price guards and terms of resale, and sees which losses were prevented."""

from datetime import timedelta
from typing import Any

import pytest

from domain.kernel import Prefix, clock, encode_id
from schema.admin import schema
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
GUARD = """mutation Save($input: PriceGuardSaveInput!) { priceGuardSave(input: $input) {
    guard { id tier siteId minMarginRate minMargin { amount } action }
    userErrors { code field } } }"""
DROP = """mutation Drop($input: PriceGuardDeleteInput!) { priceGuardDelete(input: $input) {
    guard { id } userErrors { code } } }"""
TERMS = """mutation Terms($input: ResaleTermsSaveInput!) { resaleTermsSave(input: $input) {
    terms { id variantId brandId minPrice { amount } maxDiscountRate }
    userErrors { code field } } }"""
PRICES = """mutation Prices($input: PricesSetInput!) { pricesSet(input: $input) {
    userErrors { code message field ... on PriceBelowFloorError { tier floor { amount } } } } }"""
SEEN = """query Seen($since: DateTime!, $until: DateTime!) {
    priceGuards { id } resaleTerms { id }
    priceInversions(first: 5) { nodes { cause action sku tier refused price { amount }
        floor { amount } prevented { amount } closedAt } }
    priceInversionReport(since: $since, until: $until) { cause refused prevented { amount } } }"""


async def done(document: str, **wish: Any) -> dict[str, Any]:
    (answer,) = (await data_of(schema, document, make.OPERATOR, input=wish)).values()
    found: dict[str, Any] = answer
    return found


async def test_a_guard_is_kept_and_what_it_refused_is_shown() -> None:
    variant = await make.variant(price=make.yuan(90))
    await make.offer(variant, make.yuan(80))
    saved = await done(GUARD, action="REJECT", minMarginRate=500, tier="GOLD")
    assert saved["guard"]["minMargin"] == {"amount": "0.00"}
    assert saved["guard"]["tier"] == "GOLD"
    again = await done(GUARD, action="HIDE_VARIANT", minMarginRate=1_000, tier="GOLD")
    assert again["guard"]["id"] == saved["guard"]["id"]
    price = {"tier": "GOLD", "amount": "85"}
    public = encode_id(Prefix.VARIANT, variant.id)
    (error,) = (await done(PRICES, variantId=public, prices=[price]))["userErrors"]
    assert (error["code"], error["tier"]) == ("PRICE_BELOW_FLOOR", "gold")
    assert error["floor"] == {"amount": "88.00"}
    assert "88" in error["message"]
    assert variant.sku in error["message"]
    moment = clock.now()
    times = {"since": (moment - timedelta(hours=1)).isoformat(), "until": moment.isoformat()}
    seen = await data_of(schema, SEEN, make.OPERATOR, **times)
    assert len(seen["priceGuards"]) == 1
    (row,) = seen["priceInversions"]["nodes"]
    assert row["sku"] == variant.sku
    assert (row["cause"], row["action"], row["refused"]) == ("SAVE", "REJECT", 1)
    assert row["prevented"] == {"amount": "0.00"}
    assert [each["cause"] for each in seen["priceInversionReport"]] == ["SAVE"]
    assert (await done(DROP, id=saved["guard"]["id"]))["userErrors"] == []
    assert (await done(DROP, id=saved["guard"]["id"]))["userErrors"] == [{"code": "NOT_FOUND"}]
    assert (await done(PRICES, variantId=public, prices=[price]))["userErrors"] == []


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        pytest.param({"action": "REJECT", "minMarginRate": 100_001}, ["minMarginRate"], id="rate"),
        pytest.param(
            {"action": "REJECT", "minMargin": {"amount": "-1", "currency": "CNY"}},
            ["minMargin"],
            id="margin",
        ),
        pytest.param(
            {"action": "REJECT", "siteId": encode_id(Prefix.SITE, make.new_id())},
            ["siteId"],
            id="site",
        ),
    ],
)
async def test_a_guard_out_of_its_limits_is_refused(wish: dict[str, Any], field: list[str]) -> None:
    (error,) = (await done(GUARD, **wish))["userErrors"]
    assert error["field"] == field


async def test_terms_of_resale_are_of_a_sku_or_of_a_brand() -> None:
    variant = await make.variant()
    least = {"amount": "9", "currency": "CNY"}
    saved = await done(TERMS, sku=variant.sku, minPrice=least, maxDiscountRate=500)
    assert saved["terms"]["variantId"] == encode_id(Prefix.VARIANT, variant.id)
    assert saved["terms"]["minPrice"] == {"amount": "9.00"}
    for wish, place in (
        ({"minPrice": least}, ["minPrice"]),
        ({"sku": variant.sku, "brandSlug": "b"}, ["brandSlug"]),
        ({"brandSlug": "nobody"}, ["brandSlug"]),
        ({"maxDiscountRate": 10_001}, ["maxDiscountRate"]),
    ):
        (error,) = (await done(TERMS, **wish))["userErrors"]
        assert error["field"] == place


async def test_costs_are_shown_to_those_who_may_see_suppliers_only() -> None:
    clerk = await make.operator("products:read", "prices:write")
    moment = clock.now().isoformat()
    answer = await ask(schema, SEEN, clerk, since=moment, until=moment)
    codes = {tuple(each.path): each.extensions["code"] for each in answer.errors}
    assert codes[("priceInversions",)] == "FORBIDDEN"
