"""Price lists over GraphQL: kept by operators, seen by shoppers at their site."""

from dataclasses import replace
from typing import Any

import pytest

from domain import sites
from domain.kernel import ANONYMOUS, Actor, ActorKind, Prefix, encode_id
from schema.admin import schema
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
SAVE = """mutation Save($input: PriceListSaveInput!) { priceListSave(input: $input) {
    priceList { id code currency priority version site { slug } }
    userErrors { code field message } } }"""
SET = """mutation Set($input: PricesSetInput!) { pricesSet(input: $input) {
    prices { tier amount { amount currency } } userErrors { code field } } }"""
SHOWN = "{ products { nodes { variants { price { amount currency } } } } }"
BUY = """mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
    order { number } userErrors { code message field } } }"""


async def say(query: str, **wish: Any) -> dict[str, Any]:
    (payload,) = (await data_of(schema, query, make.OPERATOR, input=wish)).values()
    found: dict[str, Any] = payload
    return found


async def test_a_site_shows_its_own_prices_in_its_own_currency() -> None:
    variant, buyer = await make.variant(price=make.yuan(49), cards=1), await make.buyer()
    draft = sites.SiteDraft("abroad", "海外", "Abroad", "USD")
    abroad = await sites.save_site(make.OPERATOR, draft)
    public = encode_id(Prefix.VARIANT, variant.id)
    made = await say(
        SAVE, code="abroad", nameZh="海外", nameEn="Abroad", currency="USD",
        siteId=encode_id(Prefix.SITE, abroad.id),
    )  # fmt: skip
    assert made["priceList"]["site"] == {"slug": "abroad"}
    prices = [{"tier": "RETAIL", "amount": "6.99"}]
    done = await say(SET, variantId=public, prices=prices, listCode="abroad")
    assert done["prices"] == [{"tier": "RETAIL", "amount": {"amount": "6.99", "currency": "USD"}}]
    there = replace(ANONYMOUS, site_id=abroad.id)
    for actor, amount, currency in ((ANONYMOUS, "49.00", "CNY"), (there, "6.99", "USD")):
        (node,) = (await data_of(shop, SHOWN, actor))["products"]["nodes"]
        assert node["variants"] == [{"price": {"amount": amount, "currency": currency}}]
    wish = {"idempotencyKey": "k", "lines": [{"sku": variant.sku, "quantity": 1}]}
    bought = await data_of(shop, BUY, replace(buyer, site_id=abroad.id), input=wish)
    (error,) = bought["orderCreate"]["userErrors"]
    assert error["code"] == "NOT_FOR_SALE"
    assert "another currency" in error["message"]
    query = """query History($id: ID!) { priceHistory(variantId: $id) { nodes {
        listCode tier oldAmount { amount } newAmount { amount currency } changedBy } } }"""
    history = (await data_of(schema, query, make.OPERATOR, id=public))["priceHistory"]["nodes"]
    assert history[0] == {
        "listCode": "abroad", "tier": "RETAIL", "oldAmount": None,
        "newAmount": {"amount": "6.99", "currency": "USD"},
        "changedBy": encode_id(Prefix.USER, make.OPERATOR.require_user()),
    }  # fmt: skip
    files = """{ productFiles { nodes { variants { prices { amount { amount } }
        listedPrices { listCode tier price { amount currency } } } } }
        priceListFiles { nodes { code } } }"""
    found = await data_of(schema, files, make.OPERATOR)
    assert [each["code"] for each in found["priceListFiles"]["nodes"]] == ["abroad", "base-cny"]
    (shown,) = found["productFiles"]["nodes"][0]["variants"]
    assert shown["prices"] == [{"amount": {"amount": "49.00"}}]
    assert [(e["listCode"], e["price"]["currency"]) for e in shown["listedPrices"]] == [
        ("abroad", "USD"), ("base-cny", "CNY"),
    ]  # fmt: skip


async def test_a_price_in_another_currency_is_not_taken_for_the_expected_one() -> None:
    variant, buyer = await make.variant(price=make.yuan(49), cards=1), await make.buyer()
    wish = {
        "idempotencyKey": "k",
        "lines": [
            {
                "sku": variant.sku,
                "quantity": 1,
                "expectedUnitPrice": {"amount": "49", "currency": "USD"},
            }
        ],
    }
    (error,) = (await data_of(shop, BUY, buyer, input=wish))["orderCreate"]["userErrors"]
    assert (error["code"], error["field"]) == (
        "INVALID", ["lines", "0", "expectedUnitPrice", "currency"],
    )  # fmt: skip


async def test_who_may_not_set_prices_makes_no_list() -> None:
    reader = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"products:read"}))
    wish = {"code": "x", "nameZh": "x", "nameEn": "x", "currency": "CNY"}
    result = await ask(schema, SAVE, reader, input=wish)
    assert result.errors[0].extensions["code"] == "FORBIDDEN"
    nobody = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"orders:read"}))
    for query in (
        "{ priceListFiles { nodes { code } } }",
        '{ priceHistory(variantId: "var_x") { nodes { at } } }',
    ):
        result = await ask(schema, query, nobody)
        assert result.errors[0].extensions["code"] == "FORBIDDEN"
