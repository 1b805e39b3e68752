"""Refunds over the API: what an operator sees and does, what its buyer is shown, who may."""

from typing import Any

import pytest

from domain.commissions import RuleKind
from domain.kernel import Actor, Prefix, clock, connection, encode_id
from domain.orders import Order, OrderLine
from schema.admin import schema as admin_schema
from schema.shop import schema as shop_schema
from tests import make
from tests.api.asking import ask, data_of
from tests.domain.refunds.test_refunds import all_is_well, bought, cards_of, wallet

pytestmark = pytest.mark.usefixtures("db")
REFUND = """
mutation Refund($input: OrderRefundInput!) { orderRefund(input: $input) {
  refund { refund { id amount { amount } destination status reason } note lostCost { amount }
    parts { lineId cardId quantity amount { amount } seen }
    clawbacks { agentId amount { amount } } }
  replayed
  userErrors { code message field ... on RefundTooLargeError { left { amount } } } } }
"""
QUOTE = """
mutation Quote($input: OrderRefundQuoteInput!) { orderRefundQuote(input: $input) {
  quote { amount { amount } destination lostCost { amount }
    parts { lineId cardId quantity amount { amount } lostCost { amount } seen }
    clawbacks { agentId amount { amount } } }
  userErrors { code } } }
"""
LOOK = """
query Look($id: ID!) { order(id: $id) { status refundedTotal { amount }
  refunds { amount { amount } destination status reason }
  lines { status refundedTotal { amount } refundedQuantity } } }
"""
FILES = "query Files($id: ID!) { orderRefunds(orderId: $id) { note refund { id } requestedBy } }"


def order_id(order: Order) -> str:
    return encode_id(Prefix.ORDER, order.id)


async def refund(actor: Actor, order: Order, language: str = "en", **wish: Any) -> dict[str, Any]:
    values = {"orderId": order_id(order), "idempotencyKey": "key", "reason": "GOODWILL"}
    data = await data_of(admin_schema, REFUND, actor, language, input={**values, **wish})
    found: dict[str, Any] = data["orderRefund"]
    return found


async def test_a_quote_says_to_the_last_unit_what_the_refund_then_does() -> None:
    agent = await make.agent()
    await make.rule(1, RuleKind.PERCENT, 30_000)
    buyer, order, line = await bought(3, buyer=await make.buyer(referrer=agent.id))
    first, _, third = await cards_of(line)
    operator = await make.operator("orders:refund", "orders:read")
    chosen = {"cardIds": [encode_id(Prefix.CARD, each.id) for each in (third, first)]}
    before = await wallet(buyer)
    answer = await data_of(
        admin_schema, QUOTE, operator, input={"orderId": order_id(order), **chosen}
    )
    quote = answer["orderRefundQuote"]["quote"]
    assert quote["amount"] == {"amount": "98.00"}
    assert quote["destination"] == "WALLET"  # it was paid by wallet
    assert quote["lostCost"] == {"amount": "80.00"}
    assert quote["clawbacks"] == [
        {"agentId": encode_id(Prefix.AGENT, agent.id), "amount": {"amount": "2.94"}}
    ]
    assert await wallet(buyer) == before
    done = await refund(operator, order, **chosen)
    assert done["userErrors"] == []
    file = done["refund"]
    assert file["refund"]["amount"] == quote["amount"]
    assert file["clawbacks"] == quote["clawbacks"]
    assert file["lostCost"] == quote["lostCost"]
    shown = [{name: each[name] for name in file["parts"][0]} for each in quote["parts"]]
    assert file["parts"] == shown
    assert await wallet(buyer) == before + make.yuan(98)
    await all_is_well()


async def test_the_same_key_answers_the_same_refund_and_no_other_input() -> None:
    buyer, order, line = await bought(2)
    operator = await make.operator("orders:refund")
    wish = {"lines": [{"lineId": encode_id(Prefix.ORDER_LINE, line.id), "amount": yuan("5")}]}
    one, again = await refund(operator, order, **wish), await refund(operator, order, **wish)
    assert (one["replayed"], again["replayed"]) == (False, True)
    assert one["refund"] == again["refund"]
    other = await refund(operator, order)
    assert [each["code"] for each in other["userErrors"]] == ["IDEMPOTENCY_KEY_REUSED"]
    assert await wallet(buyer) == make.yuan(1_000 - 98 + 5)
    async with connection() as conn:
        audited = "SELECT count(*) FROM audit_entries WHERE action = 'order.refund'"
        told = "SELECT payload FROM outbox_events WHERE type = 'order.refunded'"
        assert await conn.fetchval(audited) == 1
        assert '"amount": "5.00"' in await conn.fetchval(told)
    await all_is_well()


def yuan(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


async def test_its_buyer_sees_what_went_back_and_not_the_operators_words() -> None:
    buyer, order, line = await bought(2)
    operator = await make.operator("orders:refund", "orders:read")
    (card, _) = await cards_of(line)
    wish = {"cardIds": [encode_id(Prefix.CARD, card.id)], "note": "a friend of the boss"}
    await refund(operator, order, **wish, reason="CODE_INVALID")
    seen = (await data_of(shop_schema, LOOK, buyer, id=order_id(order)))["order"]
    assert seen["status"] == "DELIVERED"
    assert seen["refundedTotal"] == {"amount": "49.00"}
    assert seen["refunds"] == [
        {
            "amount": {"amount": "49.00"},
            "destination": "WALLET",
            "status": "COMPLETED",
            "reason": "CODE_INVALID",
        }
    ]
    assert seen["lines"] == [
        {"status": "DELIVERED", "refundedTotal": {"amount": "49.00"}, "refundedQuantity": 1}
    ]
    await refund(operator, order, idempotencyKey="rest")
    seen = (await data_of(shop_schema, LOOK, buyer, id=order_id(order)))["order"]
    assert (seen["status"], seen["refundedTotal"]) == ("REFUNDED", {"amount": "98.00"})
    files = await data_of(admin_schema, FILES, operator, id=order_id(order))
    assert [each["note"] for each in files["orderRefunds"]] == ["a friend of the boss", ""]
    assert {each["requestedBy"] for each in files["orderRefunds"]} == {
        encode_id(Prefix.USER, operator.require_user())
    }
    hidden = await ask(shop_schema, "query Q($id: ID!) { order(id: $id) { refunds { note } } }")
    assert hidden.errors


async def test_what_is_refused_says_why_in_both_languages() -> None:
    _, order, line = await bought(1)
    operator = await make.operator("orders:refund")
    line_id = encode_id(Prefix.ORDER_LINE, line.id)
    wish: dict[str, Any] = {"lines": [{"lineId": line_id, "amount": yuan("49.0001")}]}
    for language, word in (("en", "Lower the amount"), ("zh", "请降低金额")):
        (error,) = (await refund(operator, order, language, **wish))["userErrors"]
        assert (error["code"], error["left"]) == ("REFUND_TOO_LARGE", {"amount": "49.00"})
        assert word in error["message"]
    wish = {"cardIds": [encode_id(Prefix.CARD, line.id)]}
    (error,) = (await refund(operator, order, **wish))["userErrors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", ["cardIds"])
    wish = {"reason": "OTHER"}
    (error,) = (await refund(operator, order, **wish))["userErrors"]
    assert (error["code"], error["field"]) == ("INVALID", ["note"])
    wish = {"lines": [{"lineId": line_id, "amount": {"amount": "1", "currency": "USD"}}]}
    (error,) = (await refund(operator, order, **wish))["userErrors"]
    assert error["code"] == "INVALID"
    assert await OrderLine.filter(refunded_amount=0).count() == 1


async def test_only_who_may_gives_money_back() -> None:
    buyer, order, _ = await bought(1)
    reader = await make.operator("orders:read", "orders:write", "payments:write")
    wish = {"orderId": order_id(order), "idempotencyKey": "key", "reason": "GOODWILL"}
    for who in (reader, buyer):
        for query in (REFUND, QUOTE):
            values = wish if query is REFUND else {"orderId": order_id(order)}
            result = await ask(admin_schema, query, who, input=values)
            assert result.errors[0].extensions["code"] == "FORBIDDEN"
    assert await wallet(buyer) == make.yuan(1_000 - 49)
    assert clock.now() > order.placed_at
