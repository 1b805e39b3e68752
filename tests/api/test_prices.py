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
    assert error["code"] == "BALANCE_INSUFFICIENT"  # there are yuan in the wallet, and no dollars
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


RATE = """mutation Rate($input: ExchangeRateSetInput!) { exchangeRateSet(input: $input) {
    rate { currency rate validUntil setBy } userErrors { code message field } } }"""
TOP_UP = """mutation Up($input: WalletTopupInput!) { walletTopup(input: $input) {
    wallet { available { amount currency } } userErrors { code field } } }"""
MONEY = "{ amount currency }"
ORDER = f"""id total {MONEY} houseTotal {MONEY} exchange {{ total {MONEY} rate }}
    refundedTotal {MONEY} refunds {{ amount {MONEY} }}
    lines {{ id unitPrice {MONEY} total {MONEY} refundedTotal {MONEY} }}"""
BUY_ALL = f"""mutation Buy($input: OrderCreateInput!) {{ orderCreate(input: $input) {{
    order {{ {ORDER} }} userErrors {{ code message field }} }} }}"""
LOOK = f"query Look($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}"
REFUND = """mutation Back($input: OrderRefundInput!) { orderRefund(input: $input) {
    refund { refund { amount { amount currency } } } userErrors { code } } }"""


def dollars(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def yuan(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


async def test_a_site_of_another_currency_sells_and_shows_each_amount_in_its_own() -> None:
    variant, buyer = await make.variant(price=make.yuan(49), cards=3), await make.buyer(0)
    draft = sites.SiteDraft("abroad", "海外", "Abroad", "USD")
    abroad = await sites.save_site(make.OPERATOR, draft)
    there = replace(buyer, site_id=abroad.id)
    public = encode_id(Prefix.VARIANT, variant.id)
    await say(SAVE, code="abroad", nameZh="海外", nameEn="Abroad", currency="USD")
    await say(
        SET, variantId=public, prices=[{"tier": "RETAIL", "amount": "9.99"}], listCode="abroad"
    )
    login = (await data_of(shop, "{ viewer { login } }", there))["viewer"]["login"]
    topped = await say(TOP_UP, login=login, amount=dollars("50.00"), idempotencyKey="up")
    assert topped["wallet"]["available"] == dollars("50.00")
    line = {"sku": variant.sku, "quantity": 2, "expectedUnitPrice": dollars("9.99")}
    wish = {"idempotencyKey": "k", "lines": [line]}
    for language, word in (("en", "exchange rate"), ("zh", "汇率")):
        refused = (await data_of(shop, BUY_ALL, there, language, input=wish))["orderCreate"]
        (error,) = refused["userErrors"]
        assert (error["code"], word in error["message"]) == ("EXCHANGE_RATE_MISSING", True)
    made = await say(RATE, currency="USD", rate="7.1234", days=7)
    assert made["rate"]["rate"] == "7.1234"
    assert made["rate"]["setBy"] == encode_id(Prefix.USER, make.OPERATOR.require_user())
    wrong = await say(RATE, currency="CNY", rate="1", days=7)
    assert wrong["userErrors"][0]["field"] == ["currency"]
    in_yuan = {**wish, "lines": [{**line, "expectedUnitPrice": yuan("9.99")}]}
    (error,) = (await data_of(shop, BUY_ALL, there, input=in_yuan))["orderCreate"]["userErrors"]
    assert error["field"] == ["lines", "0", "expectedUnitPrice", "currency"]
    order = (await data_of(shop, BUY_ALL, there, input=wish))["orderCreate"]["order"]
    seen = (await data_of(shop, LOOK, there, id=order["id"]))["order"]
    assert order == seen
    assert (order["total"], order["houseTotal"]) == (dollars("19.98"), yuan("142.3256"))
    assert order["exchange"] == {"total": dollars("19.98"), "rate": "7.1234"}
    assert order["lines"][0]["unitPrice"] == dollars("9.99")
    wallet = "{ viewer { wallet { available { amount currency } } } }"
    for where, left in ((there, dollars("30.02")), (buyer, yuan("0.00"))):
        found = await data_of(shop, wallet, where)
        assert found["viewer"]["wallet"]["available"] == left
    back = {"orderId": order["id"], "reason": "GOODWILL", "idempotencyKey": "b"}
    part = [{"lineId": order["lines"][0]["id"], "amount": yuan("71.1628")}]
    refunded = await say(REFUND, **back, destination="WALLET", lines=part)
    assert refunded["refund"]["refund"]["amount"] == dollars("9.99")
    seen = (await data_of(schema, LOOK, make.OPERATOR, id=order["id"]))["order"]
    assert seen["refunds"] == [{"amount": dollars("9.99")}]
    assert seen["refundedTotal"] == seen["lines"][0]["refundedTotal"] == dollars("9.99")
    rates = "{ exchangeRates(first: 5) { nodes { currency rate } } }"
    listed = (await data_of(schema, rates, make.OPERATOR))["exchangeRates"]["nodes"]
    assert listed == [{"currency": "USD", "rate": "7.1234"}]


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


@pytest.mark.parametrize("amount", [{"amount": "85"}, "8 5", 1.5, True, "NaN"])
async def test_an_amount_that_is_none_is_the_clients_fault_and_is_not_said_back(
    amount: object,
) -> None:
    wish = {"variantId": "var_x", "prices": [{"tier": "GOLD", "amount": amount}]}
    result = await ask(schema, SET, make.OPERATOR, input=wish)
    (error,) = result.errors
    assert error.extensions["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert error.message == (
        "Variable '$input' has invalid value at .prices[0].amount:"
        ' A Decimal is a text such as "12.34".'
    )


async def test_a_date_that_is_none_is_not_said_back() -> None:
    document = """mutation Import($input: CardImportInput!) {
        cardImport(input: $input) { userErrors { code } } }"""
    for wrong in ("CODE-1234: it\n'1'", {"code": "CODE-1234"}):
        wish = {"sku": "s", "codes": [], "expiresOn": wrong}
        result = await ask(schema, document, make.OPERATOR, input=wish)
        told = [error.message for error in result.errors]
        assert told.count(
            "Variable '$input' has invalid value at .expiresOn: Value cannot represent a Date"
        )
        assert any(message.endswith("not to include unknown field 'codes'") for message in told)
        assert "CODE-1234" not in str(result.errors)
