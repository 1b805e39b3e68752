"""Where an order's money goes, and what a buyer is charged for (mission row E7)."""

from decimal import Decimal
from typing import Any

import pytest

from domain import aftersale, checkout, payments, refunds, statements
from domain.aftersale import Decision, DecisionWish, DisputeReason, DisputeWish
from domain.cards.models import Card
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind
from domain.kernel import Actor, Prefix, connection, encode_id
from domain.orders import Order, OrderLine
from domain.payments import Payment
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make, vendor
from tests.api.asking import ask, data_of
from tests.statement_files import pay, row_of, take
from tests.statements import count_statements
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
FILE = """
query File($id: ID!) { orderFile(id: $id) { order { number } costBreakdown { feeTold final
  total { amount } parts { kind estimated amount { amount } }
  lines { sku total { amount } parts { kind amount { amount } } } } } }
"""
CHARGES = """query Charges($id: ID!) { order(id: $id) {
  total { amount } charges { kind bearer amount { amount } } } }"""


async def breakdown(order_id: Any, by: Actor | None = None) -> dict[str, Any]:
    reader = by or await make.operator("orders:read", "costs:read")
    public = encode_id(Prefix.ORDER, order_id)
    found: dict[str, Any] = (await data_of(admin, FILE, reader, id=public))["orderFile"]
    shown: dict[str, Any] = found["costBreakdown"]
    total = Decimal(shown["total"]["amount"])
    assert sum(Decimal(each["amount"]["amount"]) for each in shown["parts"]) == total
    for line in shown["lines"]:
        parts = [Decimal(each["amount"]["amount"]) for each in line["parts"]]
        assert sum(parts) == Decimal(line["total"]["amount"])
    return shown


def parts(shown: dict[str, Any]) -> dict[str, str]:
    """What is not nothing."""
    amounts = {each["kind"]: each["amount"]["amount"] for each in shown["parts"]}
    return {kind: amount for kind, amount in amounts.items() if Decimal(amount)}


async def test_a_wallet_order_s_parts_sum_to_its_total() -> None:
    top, *_, seller = await make.agent_chain()
    await make.rule(1, RuleKind.FIXED, make.yuan(2))
    await make.rule(3, RuleKind.FIXED, make.yuan("0.5"))
    one, other = (
        await make.variant(cards=2),
        await make.variant(price=make.yuan(10), cards=1, unit_cost=make.yuan(7)),
    )
    buyer = await make.buyer(referrer=seller.id)
    wishes = (LineWish(one.sku, 2), LineWish(other.sku, 1))
    placed = await checkout.place_order(buyer, Purchase(wishes, "key"))
    shown = await breakdown(placed.order.id)
    assert (shown["final"], shown["feeTold"]) == (True, True)
    assert parts(shown) == {"GOODS": "87.00", "COMMISSION": "7.50", "MARGIN": "13.50"}
    assert [line["total"]["amount"] for line in shown["lines"]] == ["98.00", "10.00"]
    assert top.depth == 1


async def test_a_channel_s_fee_is_estimated_until_its_statement_tells_it() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    await payments.PaymentChannel.filter(id=channel.id).update(fee_rate=6_000, fee_fixed=1_000)
    payment = await pay(bank, channel)
    assert payment.fee_estimate == make.yuan("0.39")  # 0.294, to the cent, and 0.10
    shown = await breakdown(payment.order_id)
    assert (shown["final"], shown["feeTold"]) == (False, False)
    assert parts(shown) == {"GOODS": "40.00", "CHANNEL_FEE": "0.39", "MARGIN": "8.61"}
    unsure = {each["kind"] for each in shown["parts"] if each["estimated"]}
    assert {"CHANNEL_FEE", "MARGIN"} <= unsure
    source = await statements.source_of_channel(channel.code)
    await take(source, row_of(payment, fee=make.yuan("0.33")))
    told = await breakdown(payment.order_id)
    assert (told["final"], told["feeTold"]) == (True, True)
    assert parts(told) == {"GOODS": "40.00", "CHANNEL_FEE": "0.33", "MARGIN": "8.67"}
    assert not any(each["estimated"] for each in told["parts"])


async def test_what_went_back_and_what_was_replaced_is_part_of_it() -> None:
    variant, buyer = await make.variant(cards=3), await make.buyer()
    purchase = Purchase((LineWish(variant.sku, 2),), "key")
    placed = await checkout.place_order(buyer, purchase)
    card = await Card.filter(order_line_id=placed.lines[0].id).order_by("id").first()
    assert card is not None
    opened = DisputeWish(
        card_ids=(card.id,), reason=DisputeReason.CODE_INVALID, text="used", idempotency_key="open"
    )
    (dispute,) = await aftersale.open_disputes(buyer, placed.order.id, opened)
    wish = DecisionWish(dispute.id, Decision.REPLACE, "it was used", "decide")
    await aftersale.decide(make.OPERATOR, wish)
    shown = await breakdown(placed.order.id)
    assert parts(shown) == {"GOODS": "80.00", "AFTER_SALE": "40.00", "MARGIN": "-22.00"}
    back = refunds.RefundWish(
        placed.order.id,
        refunds.RefundReason.OTHER,
        refunds.RefundDestination.WALLET,
        "goodwill",
        {placed.lines[0].id: make.yuan(9)},
    )
    await refunds.refund_order(make.OPERATOR, back, "back")
    shown = await breakdown(placed.order.id)
    assert parts(shown)["REFUNDED"] == "9.00"
    assert parts(shown)["MARGIN"] == "-31.00"


async def test_only_who_may_sees_costs_and_a_buyer_sees_no_hidden_fee() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    buyer = await make.buyer(0)
    payment = await pay(bank, channel, buyer)
    public = encode_id(Prefix.ORDER, payment.order_id)
    denied = await ask(admin, FILE, await make.operator("orders:read"), id=public)
    assert [error.extensions["code"] for error in denied.errors] == ["FORBIDDEN"]
    seen = (await data_of(shop, CHARGES, buyer, id=public))["order"]
    assert seen == {
        "total": {"amount": "49.00"},
        "charges": [
            {"kind": "GOODS", "bearer": "BUYER", "amount": {"amount": "49.00"}},
            {"kind": "PAYMENT_FEE", "bearer": "SHOP", "amount": {"amount": "0.00"}},
        ],
    }


async def test_ten_orders_ask_as_few_questions_as_one() -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    many = "{ orderFiles(first: %d) { nodes { costBreakdown { parts { amount { amount } } } } } }"
    reader = await make.operator("orders:read", "costs:read")
    counts = []
    for number in (1, 10):
        while await Order.all().count() < number:
            await pay(bank, channel)
        async with count_statements() as seen:
            shown = await data_of(admin, many % number, reader)
        assert len(shown["orderFiles"]["nodes"]) == number
        counts.append(len(seen))
    assert counts[0] == counts[1]
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM payments WHERE status = 'PAID'") == 10
    assert await OrderLine.all().count() == await Payment.all().count() == 10
