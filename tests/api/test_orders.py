"""The purchase as a client of the shop sees it: payloads, refusals as data, both languages."""

import re
from typing import Any

import pytest

from domain import sites
from domain.kernel import Actor, connection
from schema.shop import schema
from tests import make
from tests.api.asking import ask, data_of
from tests.shop_client import ERRORS, ORDER
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
BUY = f"""
mutation Buy($input: OrderCreateInput!) {{ orderCreate(input: $input) {{
  order {{ {ORDER} }} replayed {ERRORS}
}} }}
"""
STATEMENTS_OF_A_PURCHASE = 2  # READ and WRITE: nothing is read for the answer


def wish(sku: str, quantity: int = 1, key: str = "key", **more: Any) -> dict[str, Any]:
    return {"idempotencyKey": key, "lines": [{"sku": sku, "quantity": quantity, **more}]}


async def buy(actor: Actor, language: str = "en", **wanted: Any) -> dict[str, Any]:
    payload: dict[str, Any] = (await data_of(schema, BUY, actor, language, input=wish(**wanted)))[
        "orderCreate"
    ]
    return payload


async def rows() -> tuple[int, int]:
    async with connection() as conn:
        return (
            await conn.fetchval("SELECT count(*) FROM orders"),
            await conn.fetchval(
                "SELECT count(*) FROM idempotency_keys WHERE operation = 'orderCreate'"
            ),
        )


async def test_the_answer_of_a_purchase_costs_no_further_statement() -> None:
    variant = await make.variant(cards=3)
    buyer = await make.buyer()
    await sites.get_site(sites.MAIN_ID)  # each request has found its site before it is answered
    async with count_statements() as seen:
        payload = await buy(buyer, sku=variant.sku, quantity=2)
    assert payload["userErrors"] == []
    assert payload["order"]["status"] == "DELIVERED"
    assert payload["order"]["nextPollAfterMs"] is None
    assert len(payload["order"]["cards"]) == 2
    assert len(payload["order"]["lines"][0]["cards"]) == 2
    assert len(seen) == STATEMENTS_OF_A_PURCHASE, seen


async def test_a_replay_shows_the_same_order_with_its_cards() -> None:
    variant = await make.variant(cards=3)
    buyer = await make.buyer()
    first, again = [await buy(buyer, sku=variant.sku) for _ in range(2)]
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["order"] == first["order"]


@pytest.mark.parametrize(
    ("wanted", "kind", "code", "field"),
    [
        ({"sku": "NO-SUCH"}, "FieldError", "NOT_FOR_SALE", ["lines", "0", "sku"]),
        ({"quantity": 4}, "StockShortError", "OUT_OF_STOCK", ["lines", "0", "quantity"]),
        ({"quantity": 0}, "FieldError", "QUANTITY_OUT_OF_RANGE", ["lines", "0", "quantity"]),
        ({"key": " "}, "FieldError", "INVALID", ["idempotencyKey"]),
        (
            {"expectedUnitPrice": {"amount": "48", "currency": "CNY"}},
            "PriceChangedError",
            "PRICE_CHANGED",
            ["lines", "0", "expectedUnitPrice"],
        ),
    ],
)
async def test_a_refusal_is_data_and_changes_nothing(
    wanted: dict[str, Any], kind: str, code: str, field: list[str]
) -> None:
    variant = await make.variant(cards=3)
    buyer = await make.buyer()
    for language, chinese in (("en", False), ("zh", True)):
        payload = await buy(buyer, language, **{"sku": variant.sku, **wanted})
        assert payload["order"] is None
        (error,) = payload["userErrors"]
        assert (error["__typename"], error["code"], error["field"]) == (kind, code, field)
        assert bool(re.search("[一-鿿]", error["message"])) is chinese
        assert await rows() == (0, 0)


async def test_a_short_balance_says_what_is_missing() -> None:
    variant = await make.variant(cards=1)
    query = BUY.replace("retryable", "... on BalanceShortError { required { amount } }")
    result = await data_of(schema, query, await make.buyer(0), input=wish(variant.sku))
    (error,) = result["orderCreate"]["userErrors"]
    assert error["code"] == "BALANCE_INSUFFICIENT"
    assert error["required"] == {"amount": "49.00"}
    assert await rows() == (0, 0)


async def test_a_reused_key_is_refused_and_the_first_order_stands() -> None:
    variant = await make.variant(cards=3)
    buyer = await make.buyer()
    await buy(buyer, sku=variant.sku)
    payload = await buy(buyer, sku=variant.sku, quantity=2)
    assert payload["userErrors"][0]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await rows() == (1, 1)


async def test_nobody_buys_or_looks_without_signing_in() -> None:
    variant = await make.variant(cards=1)
    result = await ask(schema, BUY, input=wish(variant.sku))
    assert [error.extensions["code"] for error in result.errors] == ["UNAUTHENTICATED"]
    assert await rows() == (0, 0)


async def test_the_order_of_another_buyer_is_like_none() -> None:
    variant = await make.variant(cards=1)
    order = (await buy(await make.buyer(), sku=variant.sku))["order"]
    stranger = await make.buyer()
    look = f"query One($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}"
    assert await data_of(schema, look, stranger, id=order["id"]) == {"order": None}
    reveal = f"""
    mutation Look($input: OrderCardsRevealInput!) {{ orderCardsReveal(input: $input) {{
      secrets {{ secret }} {ERRORS} }} }}
    """
    payload = await data_of(schema, reveal, stranger, input={"orderId": order["id"]})
    assert payload["orderCardsReveal"]["secrets"] == []
    assert payload["orderCardsReveal"]["userErrors"][0]["code"] == "NOT_FOUND"
    async with connection() as conn:
        looks = "SELECT count(*) FROM audit_entries WHERE action = 'card.reveal'"
        assert await conn.fetchval(looks) == 0
