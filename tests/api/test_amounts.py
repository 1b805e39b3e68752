"""No quantity and no amount below what makes sense moves money, through any door (field bug 16)."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from domain import checkout
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.fulfilment import claim_line
from domain.identity import User
from domain.kernel import Actor, ActorKind, Prefix, connection, encode_id, transaction
from domain.orders import OrderLine
from schema.admin import schema as admin
from schema.documents import RootSchema
from schema.partner import schema as partner
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask

pytestmark = pytest.mark.usefixtures("db")
BELOW = ("-1", "-0.0001", "-999999999")


class Shop:
    """A buyer with a delivered order, one that waits for handwork, and an agent's balance."""

    buyer: Actor
    sku: str
    variant_id: str
    order_id: str
    line_id: str
    by_hand: str
    login: str

    async def begin(self) -> "Shop":
        variant = await make.variant(cards=9)
        hand = await make.variant(delivery_kind=DeliveryKind.MANUAL)
        await make.offer(variant, make.yuan(40), "up")
        self.buyer = await make.buyer()
        wishes = (LineWish(variant.sku, 1), LineWish(hand.sku, 1))
        placed = await checkout.place_order(self.buyer, Purchase(wishes, "key"))
        await claim_line(make.OPERATOR, placed.lines[1].id)
        self.login = (await User.get(id=self.buyer.user_id)).login
        self.sku, self.variant_id = variant.sku, encode_id(Prefix.VARIANT, variant.id)
        self.order_id = encode_id(Prefix.ORDER, placed.order.id)
        self.line_id, self.by_hand = (
            encode_id(Prefix.ORDER_LINE, line.id) for line in placed.lines
        )
        return self

    def partner(self) -> Actor:
        """A key of the buyer's."""
        user, scopes = self.buyer.user_id, frozenset({"orders:write", "orders:read"})
        return Actor(kind=ActorKind.KEY, user_id=user, key_id=user, scopes=scopes)


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


async def refusals(
    schema: RootSchema, field: str, actor: Actor, wish: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """The codes of the refusals, and the fields they are about."""
    name = f"{field[0].upper()}{field[1:]}Input"
    query = (
        f"mutation M($input: {name}!) {{ {field}(input: $input)"
        " { userErrors { code field } } }"
    )
    result = await ask(schema, query, actor, input=dict(wish))
    assert not result.errors, result.errors
    found = result.data[field]["userErrors"]
    return [(each["code"], ".".join(each["field"] or [])) for each in found]


async def books() -> tuple[Any, ...]:
    """All that could have moved."""
    counted = ("transfers", "orders", "prices", "supplier_offers", "refunds", "card_batches")
    async with connection() as conn:
        return tuple([await conn.fetchval(f"SELECT count(*) FROM {each}") for each in counted])


@pytest.mark.parametrize("quantity", [0, -1, -(2**31), 2**31 - 1])
async def test_nothing_is_bought_in_a_quantity_that_is_none(quantity: int) -> None:
    open_shop = await Shop().begin()
    before = await books()
    line = {"sku": open_shop.sku, "quantity": quantity}
    out_of_range = [("QUANTITY_OUT_OF_RANGE", "lines.0.quantity")]
    for by_channel in (False, True):
        wish = {"idempotencyKey": "k", "lines": [line], "payByChannel": by_channel}
        assert await refusals(shop, "orderCreate", open_shop.buyer, wish) == out_of_range
    assert await refusals(shop, "quoteCreate", open_shop.buyer, {"lines": [line]}) == out_of_range
    placed = {"externalId": "e", "maxUnitCost": money("100"), **line}
    assert await refusals(partner, "orderPlace", open_shop.partner(), placed) == out_of_range
    assert await books() == before


@pytest.mark.parametrize("amount", BELOW)
async def test_nothing_costs_pays_or_gives_back_an_amount_below_zero(amount: str) -> None:
    at = await Shop().begin()
    before, key = await books(), {"idempotencyKey": "k"}
    given = money(amount)
    line = {"sku": at.sku, "quantity": 1, "expectedUnitPrice": given}
    told = await refusals(shop, "orderCreate", at.buyer, {**key, "lines": [line]})
    assert told == [("PRICE_CHANGED", "lines.0.expectedUnitPrice")]
    wish = {"externalId": "e", "sku": at.sku, "quantity": 1, "maxUnitCost": given}
    (told_partner,) = await refusals(partner, "orderPlace", at.partner(), wish)
    assert told_partner[0] == "PRICE_CHANGED"
    for field, rest, where in (
        ("walletTopup", {**key, "login": at.login, "amount": given}, "amount"),
        ("pricesSet", {"variantId": at.variant_id, "prices": [price(amount)]}, "prices"),
        ("offerSave", {"sku": at.sku, "supplierCode": "up", "item": "i", "cost": given}, "cost"),
        ("offerSave", {**offer(at), "cost": money("1"), "fee": given}, "fee"),
        ("lineDeliver", {**key, "lineId": at.by_hand, "note": "n", "cost": given}, "cost"),
        ("orderRefund", {**key, **refund(at), "lines": [back(at, given)]}, "lines"),
    ):
        (refusal,) = await refusals(admin, field, make.OPERATOR, rest)
        assert refusal[0] == "INVALID", (field, refusal)
        assert where in refusal[1], (field, refusal)
    assert await books() == before


def price(amount: str) -> dict[str, str]:
    return {"tier": "RETAIL", "amount": amount}


def offer(at: Shop) -> dict[str, str]:
    return {"sku": at.sku, "supplierCode": "up", "item": "i"}


def refund(at: Shop) -> dict[str, str]:
    return {"orderId": at.order_id, "reason": "GOODWILL", "destination": "WALLET"}


def back(at: Shop, amount: dict[str, str]) -> dict[str, Any]:
    return {"lineId": at.line_id, "amount": amount}


async def test_zero_is_no_amount_where_money_moves() -> None:
    at = await Shop().begin()
    before, key = await books(), {"idempotencyKey": "k"}
    top_up = {**key, "login": at.login, "amount": money("0")}
    assert [code for code, _ in await refusals(admin, "walletTopup", make.OPERATOR, top_up)] == [
        "INVALID"
    ]
    nothing = {**key, **refund(at), "lines": [back(at, money("0"))]}
    assert [code for code, _ in await refusals(admin, "orderRefund", make.OPERATOR, nothing)] == [
        "INVALID"
    ]
    assert await books() == before


@pytest.mark.parametrize(
    "change",
    ["quantity = -1", "quantity = 0", "unit_price = -1", "refunded_amount = -1"],
)
async def test_the_database_refuses_a_line_below_zero(change: str) -> None:
    await Shop().begin()
    line = await OrderLine.all().first()
    assert line is not None
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with transaction() as conn:
            await conn.execute(f"UPDATE order_lines SET {change} WHERE id = $1", line.id)
