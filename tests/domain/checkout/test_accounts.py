"""What a buyer fills in takes part in the purchase, and costs no statement more."""

from typing import Any

import pytest

from domain import catalog, checkout, orders, suppliers
from domain.catalog import AccountField, DeliveryKind, FieldKind, ProductTypeDraft
from domain.checkout import AccountInvalid, LineWish, NotForSale, Purchase, StockShort
from domain.kernel import Refused, Spoken, input_hash
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
AREA = AccountField(
    "area",
    FieldKind.SELECT,
    "大区",
    "Area",
    options=(catalog.FieldOption("cn", "国服", "China"),),
)
LEVEL = AccountField("level", FieldKind.NUMBER, "等级", "Level", required=False)


async def typed(kind: DeliveryKind, **more: Any) -> catalog.Variant:
    """A variant of a type of this kind that asks for an area, and a level if one likes."""
    draft = ProductTypeDraft(f"t-{kind.value.lower()[:4]}", "类型", "Type", kind, (AREA, LEVEL))
    made = await catalog.save_type(make.OPERATOR, draft)
    return await make.variant(delivery_kind=kind, type_id=made.id, **more)


def wish(sku: str, *account: tuple[str, str], key: str = "key") -> Purchase:
    return Purchase((LineWish(sku, 1, account=account),), key)


async def refused(purchase: Purchase) -> tuple[Any, ...]:
    with pytest.raises(Refused) as caught:
        await checkout.place_order(await make.buyer(), purchase)
    assert not await orders.Order.exists()
    return caught.value.refusals


async def test_cards_may_ask_too_and_what_was_filled_in_is_typed() -> None:
    variant = await typed(DeliveryKind.CARD_CODE, cards=2)
    placed = await checkout.place_order(
        await make.buyer(), wish(variant.sku, ("area", "cn"), ("level", "7"))
    )
    line = await orders.get_line(placed.lines[0].id)
    assert await orders.account_in(line) == {"area": "cn", "level": 7}
    assert line.account is None
    assert (line.type_id, line.type_version) == (variant.type_id, 1)
    assert line.status is orders.LineStatus.DELIVERED


async def test_a_purchase_with_an_account_costs_as_many_statements() -> None:
    asks, plain = await typed(DeliveryKind.CARD_CODE, cards=2), await make.variant(cards=2)
    counted = []
    for purchase in (wish(asks.sku, ("area", "cn"), key="one"), wish(plain.sku, key="two")):
        buyer = await make.buyer()
        async with count_statements() as statements:
            await checkout.place_order(buyer, purchase)
        counted.append(len(statements))
    assert counted == [2, 2]


async def test_each_kind_says_what_it_lacks() -> None:
    topup = await typed(DeliveryKind.DIRECT_TOPUP)
    (short,) = await refused(wish(topup.sku, ("area", "cn")))
    assert isinstance(short, StockShort)
    assert short.available == 0
    bundle = await make.variant(delivery_kind=DeliveryKind.BUNDLE, cards=0)
    (never,) = await refused(wish(bundle.sku))
    assert isinstance(never, NotForSale)


async def test_a_manual_line_needs_no_stock_and_no_supplier() -> None:
    variant = await typed(DeliveryKind.MANUAL)
    assert not await suppliers.SupplierOffer.exists()
    placed = await checkout.place_order(await make.buyer(), wish(variant.sku, ("area", "cn")))
    line = placed.lines[0]
    assert (line.status, line.delivery_kind) == (orders.LineStatus.QUEUED, DeliveryKind.MANUAL)
    assert line.due_at == placed.order.placed_at + orders.MANUAL_DUE


async def test_faults_of_all_lines_come_at_once() -> None:
    first, second = await typed(DeliveryKind.MANUAL), await make.variant(cards=1)
    lines = (LineWish(second.sku, 1, account=(("x", "1"),)), LineWish(first.sku, 1))
    faults = await refused(Purchase(lines, "key"))
    assert faults == (
        AccountInvalid(
            key="x",
            label=Spoken("x", "x"),
            reason="account_unknown",
            field=("lines", "0", "account", "x"),
        ),
        AccountInvalid(
            key="area",
            label=Spoken("Area", "大区"),
            reason="account_required",
            field=("lines", "1", "account", "area"),
        ),
    )


def test_keys_of_purchases_before_there_were_accounts_stay_good() -> None:
    before = input_hash([[["SKU", 1, None, None]], None, None])
    assert input_hash(wish("SKU").plain()) == before
    with_account = input_hash(wish("SKU", ("a", "1"), ("b", "2")).plain())
    assert with_account != before
    assert input_hash(wish("SKU", ("b", "2"), ("a", "1")).plain()) == with_account
    assert input_hash(wish("SKU", ("a", "2"), ("b", "1")).plain()) != with_account


def test_what_was_filled_in_shows_in_no_repr() -> None:
    assert "13800138000" not in repr(wish("SKU", ("phone", "13800138000")))
