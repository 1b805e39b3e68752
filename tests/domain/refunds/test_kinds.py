"""Gift cards, bundles, top-ups by hand, shared codes: each goes back by what it is."""

from typing import Any

import asyncpg
import pytest

from domain import cards, checkout, giftcards, orders
from domain.cards.models import Card, CardState
from domain.catalog import DeliveryKind, PartDraft, WhenOut
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.fulfilment import HandOver, claim_line, deliver_line, fail_line
from domain.giftcards import GiftCardStatus, GiftCardValue
from domain.giftcards.models import GiftCard
from domain.kernel import Actor, Money, Refused, connection
from domain.ledger import AccountKind
from domain.orders import Order, OrderLine, OrderStatus
from domain.refunds import RefundPart
from tests import make
from tests.domain.giftcards.test_redeeming import bought as gift_bought
from tests.domain.refunds.test_refunds import (
    all_is_well,
    balance,
    bought,
    cards_of,
    give_back,
    refused,
    wallet,
)

pytestmark = pytest.mark.usefixtures("db")
COUNTED = {"value": GiftCardValue.COUNT, "face_units": None, "uses": 3}


async def order_of(card_id: Any) -> tuple[Order, OrderLine]:
    line = await OrderLine.get(id=(await Card.get(id=card_id)).order_line_id)
    return await Order.get(id=line.order_id), line  # type: ignore[attr-defined]


@pytest.mark.parametrize("price", ["100", "95", "108"])
async def test_an_unused_gift_card_goes_back_for_what_was_paid(price: str) -> None:
    program = await make.gift_program(price=make.yuan(price), cards=1)
    await below_face_value(program.variant_id)
    buyer, _, (row,) = await gift_bought(program)
    order, _ = await order_of(row.card_id)
    refund = await give_back(order)
    assert refund.amount == make.yuan(price)
    assert await wallet(buyer) == make.yuan(1_000)
    stored = await GiftCard.get(card_id=row.card_id)
    assert (stored.status, stored.balance_units) == (GiftCardStatus.VOID, 0)
    assert (await Card.get(id=row.card_id)).state is CardState.REFUNDED
    for kind in (AccountKind.GIFT_CARD, AccountKind.REVENUE, AccountKind.COST, AccountKind.LOSS):
        assert await balance(kind) == 0
    await all_is_well()


async def below_face_value(variant_id: Any) -> None:
    async with connection() as conn:
        await conn.execute("UPDATE variants SET sold_below_cost = true WHERE id = $1", variant_id)


async def test_of_a_used_gift_card_what_is_left_goes_back_at_what_was_paid_for_it() -> None:
    program = await make.gift_program(price=make.yuan(90), cards=2)
    await below_face_value(program.variant_id)
    buyer, codes, rows = await gift_bought(program, quantity=2)
    await giftcards.redeem(buyer, codes[0], Money(make.yuan(40), make.CNY), "redeem")
    order, line = await order_of(rows[0].card_id)
    assert await refused(order, lines={line.id: make.yuan(1)}) == "LINE_NOT_REFUNDABLE"
    one = await give_back(order, "a", card_ids=(rows[0].card_id,))
    assert one.amount == make.yuan(54)  # 60 of 100 are left, and 90 were paid
    await all_is_well()
    other = await give_back(order, "b", lines={line.id: None})
    assert other.amount == make.yuan(90)
    assert (await Order.get(id=order.id)).status is OrderStatus.DELIVERED  # 36 stay earned
    assert await balance(AccountKind.GIFT_CARD) == 0
    assert await refused(order, key="c") == "ORDER_NOT_REFUNDABLE"
    await all_is_well()


async def test_a_used_up_gift_card_does_not_go_back() -> None:
    program = await make.gift_program(cards=1)
    buyer, (code,), (row,) = await gift_bought(program)
    await giftcards.redeem(buyer, code, None, "redeem")
    order, _ = await order_of(row.card_id)
    assert await refused(order) == "LINE_NOT_REFUNDABLE"
    assert await wallet(buyer) == make.yuan(1_000)
    await all_is_well()


async def test_a_card_of_uses_goes_back_for_the_uses_that_are_left() -> None:
    program = await make.gift_program(price=make.yuan(100), cards=1, **COUNTED)
    _, (code,), (row,) = await gift_bought(program)
    await giftcards.use_once(make.OPERATOR, code, "use")
    order, _ = await order_of(row.card_id)
    refund = await give_back(order)
    assert refund.amount == make.yuan(100) - 333_333
    await all_is_well()


async def test_nobody_redeems_what_went_back() -> None:
    program = await make.gift_program(cards=1)
    buyer, (code,), (row,) = await gift_bought(program)
    order, _ = await order_of(row.card_id)
    await give_back(order)
    with pytest.raises(Refused, match="GIFT_CARD_UNUSABLE"):
        await giftcards.redeem(buyer, code, None, "redeem")
    await all_is_well()


async def bundle_bought() -> tuple[Actor, Order, list[OrderLine]]:
    """A bundle of two cards, a card, and an own gift card as a gift."""
    one, other = await make.variant(cards=4, unit_cost=1), await make.variant(cards=2, unit_cost=1)
    program = await make.gift_program(cards=2)
    gift = await Variant.get(id=program.variant_id)
    bundle = await make.bundle(
        PartDraft(one.sku, 2, 6_666),
        PartDraft(other.sku, 1, 3_334),
        PartDraft(gift.sku, 1, 0, 1, WhenOut.SKIP),
        price=make.yuan("10.01"),
        sold_below_cost=True,
    )
    buyer = await make.buyer()
    order = (
        await checkout.place_order(buyer, Purchase((LineWish(bundle.sku, 1),), "bundle"))
    ).order
    return buyer, order, (await orders.lines_of([order.id]))[order.id]


async def test_a_bundle_goes_back_by_its_parts_which_sum_to_its_price() -> None:
    buyer, order, lines = await bundle_bought()
    for number, line in enumerate(line for line in lines if not line.gift):
        await give_back(order, f"key{number}", lines={line.id: None})
        await all_is_well()
    assert await wallet(buyer) == make.yuan(1_000)
    assert (await Order.get(id=order.id)).status is OrderStatus.REFUNDED


async def test_a_whole_bundle_goes_back_with_its_gift() -> None:
    buyer, order, lines = await bundle_bought()
    await give_back(order)
    assert await wallet(buyer) == make.yuan(1_000)
    (gift,) = [line for line in lines if line.gift]
    (card,) = await cards_of(gift)
    assert card.state is CardState.REFUNDED
    assert await balance(AccountKind.GIFT_CARD) == 0
    await all_is_well()


async def by_hand() -> tuple[Actor, Order, OrderLine]:
    """A manual line of two pieces that an operator has begun to deliver."""
    variant = await make.variant(delivery_kind=DeliveryKind.MANUAL)
    buyer = await make.buyer()
    purchase = Purchase((LineWish(variant.sku, 2),), f"key-{variant.sku}")
    order = (await checkout.place_order(buyer, purchase)).order
    line = await OrderLine.get(order_id=order.id)
    await claim_line(make.OPERATOR, line.id)
    return buyer, order, line


async def test_a_line_on_its_way_is_delivered_or_given_up_first() -> None:
    buyer, order, line = await by_hand()
    assert await refused(order) == "LINE_NOT_REFUNDABLE"
    assert await refused(order, lines={line.id: 1}) == "LINE_NOT_REFUNDABLE"
    await deliver_line(make.OPERATOR, HandOver(line.id, "done", "", make.yuan(20), "hand"))
    await give_back(order)
    (part,) = await RefundPart.all()
    assert (part.quantity, part.lost_cost, part.card_id) == (2, make.yuan(20), None)
    assert await wallet(buyer) == make.yuan(1_000)
    await all_is_well()


async def test_a_refunded_line_beside_one_that_nobody_could_deliver_ends_the_order() -> None:
    ready = await make.variant(cards=1)
    manual = await make.variant(delivery_kind=DeliveryKind.MANUAL)
    buyer = await make.buyer()
    purchase = Purchase((LineWish(ready.sku, 1), LineWish(manual.sku, 1)), "two")
    order = (await checkout.place_order(buyer, purchase)).order
    line, open_line = (await orders.lines_of([order.id]))[order.id]
    await claim_line(make.OPERATOR, open_line.id)
    await give_back(order, lines={line.id: None})
    assert (await Order.get(id=order.id)).status is OrderStatus.DELIVERING
    await fail_line(make.OPERATOR, open_line.id, "nobody can", "fail")
    assert (await Order.get(id=order.id)).status is OrderStatus.REFUNDED
    assert await wallet(buyer) == make.yuan(1_000)
    await all_is_well()


async def test_a_shared_code_that_went_back_is_shown_no_more() -> None:
    variant = await make.variant(cards=1)
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(shared=True))
    buyer = await make.buyer()
    order = (await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 2),), "s"))).order
    line = await OrderLine.get(order_id=order.id)
    assert len(await orders.reveal_cards(buyer, order.id, None)) == 1
    await give_back(order, "a", lines={line.id: make.yuan(1)})
    assert len(await orders.reveal_cards(buyer, order.id, None)) == 1
    await give_back(order, "b")
    assert await orders.reveal_cards(buyer, order.id, None) == []
    await all_is_well()


ONE_MORE = """
INSERT INTO refunds (id, order_id, reason, note, destination, amount, currency, clawback,
    requested_at)
VALUES (gen_random_uuid(), $1, 'GOODWILL', '', 'WALLET', $2, 'CNY', true, now()) RETURNING id
"""
A_PART = """
INSERT INTO refund_parts (id, refund_id, line_id, card_id, quantity, amount, lost_cost, seen)
VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, 0, false)
"""


async def test_the_database_itself_refuses_too_much_twice_and_elsewhere() -> None:
    _, order, line = await bought(2)
    _, _, foreign = await bought(1)
    (card, second), (alien,) = await cards_of(line), await cards_of(foreign)
    await give_back(order, card_ids=(card.id,))
    wrong = [
        (line.id, None, 0, make.yuan(50), "line_refunded_within_paid"),
        (line.id, None, 2, make.yuan(1), "line_refunded_within_paid"),
        (line.id, card.id, 1, make.yuan(1), "refund_of_a_card_once"),
        (line.id, alien.id, 1, make.yuan(1), "refund_of_its_order"),
        (foreign.id, None, 0, make.yuan(1), "refund_of_its_order"),
        (line.id, second.id, 1, make.yuan(1), ""),
    ]
    async with connection() as conn:
        for line_id, card_id, quantity, amount, constraint in wrong:
            attempt = conn.transaction()
            await attempt.start()
            made, found = await conn.fetchval(ONE_MORE, order.id, amount), ""
            try:
                await conn.execute(A_PART, made, line_id, card_id, quantity, amount)
            except asyncpg.PostgresError as error:
                found = error.constraint_name
            await attempt.rollback()
            assert found == constraint


async def test_the_database_keeps_refunds_as_they_were_written() -> None:
    _, order, line = await bought(2)
    refund = await give_back(order, lines={line.id: make.yuan(1)})
    async with connection() as conn:
        for statement in (
            "UPDATE order_lines SET refunded_amount = 0 WHERE id = $1",
            "DELETE FROM refund_parts WHERE line_id = $1",
            "UPDATE refunds SET amount = 1 WHERE order_id IN"
            " (SELECT order_id FROM order_lines WHERE id = $1)",
        ):
            with pytest.raises(asyncpg.RestrictViolationError):
                await conn.execute(statement, line.id)
        with pytest.raises(asyncpg.CheckViolationError):  # its parts came at once
            await conn.execute(A_PART, refund.id, line.id, None, 0, 1)
    await all_is_well()
