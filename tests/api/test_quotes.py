"""Quotes over GraphQL: what is shown, what is refused, and who may ask."""

from typing import Any

import pytest

from domain.kernel import Actor, ActorKind, new_id
from domain.pricing.models import Price
from schema.partner import schema as partner
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of
from tests.shop_client import ERRORS

pytestmark = pytest.mark.usefixtures("db")
SHOWN = f"""
  quote {{ id validUntil total {{ amount }}
    lines {{ sku quantity unitPrice {{ amount }} total {{ amount }} }} }} {ERRORS}
"""
QUOTE = f"query Q($input: QuoteInput!) {{ quote(input: $input) {{ {SHOWN} }} }}"
KEEP = f"mutation K($input: QuoteCreateInput!) {{ quoteCreate(input: $input) {{ {SHOWN} }} }}"
BUY = """
mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
  order { total { amount } lines { unitPrice { amount } } }
  userErrors { __typename code message field
    ... on PriceChangedError { expected { amount } actual { amount } } } } }
"""
PLACE = """
mutation Place($input: OrderPlaceInput!) { orderPlace(input: $input) {
  order { total { amount } } userErrors { code } } }
"""


def lines(sku: str, quantity: int = 1) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity}]


async def keep(actor: Actor, sku: str, quantity: int = 1) -> dict[str, Any]:
    found = await data_of(shop, KEEP, actor, input={"lines": lines(sku, quantity)})
    assert found["quoteCreate"]["userErrors"] == []
    quote: dict[str, Any] = found["quoteCreate"]["quote"]
    return quote


async def buy(actor: Actor, language: str = "en", **wish: Any) -> dict[str, Any]:
    answer = await data_of(shop, BUY, actor, language, input={"idempotencyKey": "key", **wish})
    payload: dict[str, Any] = answer["orderCreate"]
    return payload


async def test_a_quote_shows_each_line_and_all_that_is_charged() -> None:
    variant = await make.variant(price=make.yuan(49), cards=2)
    answer = await data_of(shop, QUOTE, await make.buyer(0), input={"lines": lines(variant.sku, 2)})
    assert answer["quote"] == {
        "quote": {
            "id": None,
            "validUntil": None,
            "total": {"amount": "98.00"},
            "lines": [
                {
                    "sku": variant.sku,
                    "quantity": 2,
                    "unitPrice": {"amount": "49.00"},
                    "total": {"amount": "98.00"},
                }
            ],
        },
        "userErrors": [],
    }


async def test_what_was_locked_is_charged_after_the_price_rose() -> None:
    variant = await make.variant(price=make.yuan(49), cards=2)
    buyer = await make.buyer()
    quote = await keep(buyer, variant.sku)
    assert quote["id"].startswith("quo_")
    assert quote["validUntil"].endswith("Z")
    await Price.filter(variant_id=variant.id).update(amount=make.yuan(60))
    payload = await buy(buyer, lines=lines(variant.sku), quoteId=quote["id"])
    assert payload["userErrors"] == []
    assert payload["order"] == {
        "total": quote["total"],
        "lines": [{"unitPrice": {"amount": "49.00"}}],
    }


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "The price of your order is now ¥49.00 instead of ¥48.00."),
        ("zh", "您的订单 的价格已由 ¥48.00 变为 ¥49.00。"),
    ],
)
async def test_another_total_is_refused_with_old_and_new_amount(
    language: str, message: str
) -> None:
    variant = await make.variant(price=make.yuan(49), cards=2)
    expected = {"amount": "48", "currency": "CNY"}
    buyer = await make.buyer()
    payload = await buy(buyer, language, lines=lines(variant.sku), expectedTotal=expected)
    assert payload["order"] is None
    (error,) = payload["userErrors"]
    assert error["message"].startswith(message)
    assert (error["__typename"], error["code"]) == ("PriceChangedError", "PRICE_CHANGED")
    assert error["field"] == ["expectedTotal"]
    assert (error["expected"], error["actual"]) == ({"amount": "48.00"}, {"amount": "49.00"})


async def test_a_quote_of_what_cannot_be_bought_is_refused_as_data() -> None:
    variant = await make.variant(cards=1)
    buyer = await make.buyer()
    for query, root in ((QUOTE, "quote"), (KEEP, "quoteCreate")):
        answer = await data_of(shop, query, buyer, input={"lines": lines(variant.sku, 2)})
        assert answer[root]["quote"] is None
        assert [each["code"] for each in answer[root]["userErrors"]] == ["OUT_OF_STOCK"]


async def test_strangers_ids_and_wrong_ids_sound_the_same() -> None:
    variant = await make.variant(cards=2)
    quote = await keep(await make.buyer(), variant.sku)
    payload = await buy(await make.buyer(), lines=lines(variant.sku), quoteId=quote["id"])
    (error,) = payload["userErrors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", ["quoteId"])


async def test_nobody_is_quoted_without_signing_in_and_keys_need_their_scopes() -> None:
    variant = await make.variant(price=make.yuan(49), cards=2)
    result = await ask(shop, KEEP, input={"lines": lines(variant.sku)})
    assert [each.extensions["code"] for each in result.errors] == ["UNAUTHENTICATED"]
    owner = await make.buyer()
    scopes = frozenset({"orders:read"})
    reader = Actor(kind=ActorKind.KEY, user_id=owner.user_id, key_id=new_id(), scopes=scopes)
    answer = await data_of(partner, QUOTE, reader, input={"lines": lines(variant.sku)})
    assert answer["quote"]["quote"]["total"] == {"amount": "49.00"}
    result = await ask(partner, KEEP, reader, input={"lines": lines(variant.sku)})
    assert [each.extensions["code"] for each in result.errors] == ["FORBIDDEN"]


async def test_a_partner_buys_at_the_price_that_it_locked() -> None:
    variant = await make.variant(price=make.yuan(49), cards=2)
    owner = await make.buyer()
    scopes = frozenset({"orders:write"})
    key = Actor(kind=ActorKind.KEY, user_id=owner.user_id, key_id=new_id(), scopes=scopes)
    answer = await data_of(partner, KEEP, key, input={"lines": lines(variant.sku)})
    quote = answer["quoteCreate"]["quote"]
    await Price.filter(variant_id=variant.id).update(amount=make.yuan(60))
    wish = {"externalId": "a", "sku": variant.sku, "quantity": 1, "quoteId": quote["id"]}
    limit = {"amount": "49", "currency": "CNY"}
    answer = await data_of(partner, PLACE, key, input={**wish, "maxUnitCost": limit})
    assert answer["orderPlace"]["order"] == {"total": {"amount": "49.00"}}
