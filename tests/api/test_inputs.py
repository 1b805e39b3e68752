"""Nobody sets what is not theirs to set: no price, no owner, no state by the back door (bug 22)."""

import json

import pytest

from domain import checkout
from domain.identity import User, UserRole
from domain.kernel import Actor, ActorKind, Prefix, encode_id
from domain.ledger import wallet_of
from domain.orders import Order, OrderLine
from schema.partner import schema as partner
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("unitPrice", '{amount: "0.01", currency: "CNY"}'),
        ("buyerId", '"usr_1"'),
        ("status", "DELIVERED"),
        ("__proto__", "{}"),
    ],
)
async def test_a_field_that_no_input_has_refuses_the_request(field: str, value: str) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    inline = (
        f'mutation {{ orderCreate(input: {{idempotencyKey: "k", {field}: {value},'
        f' lines: [{{sku: "{variant.sku}", quantity: 1}}]}}) {{ order {{ id }} }} }}'
    )
    refused = await ask(shop, inline, buyer)
    assert refused.data is None
    query = "mutation M($input: OrderCreateInput!) { orderCreate(input: $input) { order { id } } }"
    line = {"sku": variant.sku, "quantity": 1}
    told = json.loads(json.dumps({"idempotencyKey": "k", "lines": [line], field: "x"}))
    refused = await ask(shop, query, buyer, input=told)
    assert refused.data is None
    assert await Order.all().count() == 0


async def test_what_a_buyer_expects_to_pay_never_becomes_the_price() -> None:
    variant, buyer = await make.variant(price=make.yuan(49), cards=3), await make.buyer()
    query = """mutation M($input: OrderCreateInput!) { orderCreate(input: $input) {
      order { id } userErrors { code } } }"""
    cheap = {"amount": "0.01", "currency": "CNY"}
    for limit in (
        {"lines": [{"sku": variant.sku, "quantity": 1, "expectedUnitPrice": cheap}]},
        {"lines": [{"sku": variant.sku, "quantity": 1}], "expectedTotal": cheap},
    ):
        told = await ask(shop, query, buyer, input={"idempotencyKey": "k", **limit})
        assert [each["code"] for each in told.data["orderCreate"]["userErrors"]] == [
            "PRICE_CHANGED"
        ]
    key = Actor(
        kind=ActorKind.KEY,
        user_id=buyer.user_id,
        key_id=buyer.user_id,
        scopes=frozenset({"orders:write"}),
    )
    query = """mutation M($input: OrderPlaceInput!) { orderPlace(input: $input) {
      order { id } userErrors { code } } }"""
    high = {"amount": "99999", "currency": "CNY"}
    wish = {"externalId": "e", "sku": variant.sku, "quantity": 1, "maxUnitCost": high}
    told = await ask(partner, query, key, input=wish)
    assert told.data["orderPlace"]["userErrors"] == []
    assert (await OrderLine.get()).unit_price == make.yuan(49)
    wallet = await wallet_of(buyer.require_user(), make.CNY)
    assert wallet.available.units == make.yuan(1_000 - 49)


async def test_who_signs_up_is_a_buyer_and_nothing_else() -> None:
    query = """mutation M($input: UserCreateInput!) { userCreate(input: $input) {
      accessToken userErrors { code } } }"""
    wish = {"login": "lan@example.com", "password": "a long enough phrase"}
    for field, value in (("role", "operator"), ("scopes", ["*"]), ("referrerAgentId", "agt_1")):
        refused = await ask(shop, query, input={**wish, field: value})
        assert refused.data is None
    made = await ask(shop, query, input=wish)
    assert made.data["userCreate"]["userErrors"] == []
    user = await User.get(login="lan@example.com")
    assert (user.role, user.scopes, user.referrer_agent_id) == (UserRole.BUYER, [], None)


async def test_an_order_is_ended_refunded_and_read_by_its_own_buyer_only() -> None:
    variant, buyer, other = await make.variant(cards=1), await make.buyer(), await make.buyer()
    wish = checkout.Purchase((checkout.LineWish(variant.sku, 1),), "k", by_channel=True)
    order = (await checkout.place_order(buyer, wish)).order
    public = encode_id(Prefix.ORDER, order.id)
    query = """mutation M($input: OrderCancelInput!) { orderCancel(input: $input) {
      userErrors { code } } }"""
    told = await ask(shop, query, other, input={"orderId": public})
    assert [each["code"] for each in told.data["orderCancel"]["userErrors"]] == ["NOT_FOUND"]
    read = await ask(shop, "query Q($id: ID!) { order(id: $id) { id } }", other, id=public)
    assert read.data == {"order": None}
    assert (await Order.get()).status == order.status
