"""A refund beside a delivery, another refund, or a look at the code: one lock order decides."""

import asyncio
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import pytest

from domain import checkout, orders, refunds
from domain.cards.models import Card, CardState
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.fulfilment import HandOver, claim_line, deliver_line, fail_line
from domain.kernel import Actor, Connection, Refused, connection
from domain.orders import LineStatus, Order, OrderLine, OrderStatus, giving_back, unpaid
from domain.orders import service as order_service
from domain.refunds import Refund, planning
from tests import make
from tests.domain.refunds.test_refunds import (
    all_is_well,
    bought,
    cards_of,
    give_back,
    wallet,
)

pytestmark = pytest.mark.usefixtures("db")
ROUNDS = 200
AT_ONCE = 20


async def in_hand(buyer: Actor, sku: str, number: int) -> tuple[Order, UUID]:
    """An order whose one line an operator is about to hand over, or to give up."""
    purchase = Purchase((LineWish(sku, 1),), f"key{number}")
    order = (await checkout.place_order(buyer, purchase)).order
    line = (await orders.lines_of([order.id]))[order.id][0]
    await claim_line(make.OPERATOR, line.id)
    return order, line.id


async def outcome(work: Awaitable[Any]) -> str:
    try:
        await work
    except Refused as refused:
        return refused.refusals[0].code
    return "done"


async def one_round(number: int, order: Order, line_id: UUID) -> str:
    """Every other line is handed over, the rest given up; a refund comes at the same moment."""
    if number % 2:
        end = deliver_line(make.OPERATOR, HandOver(line_id, "done", "", 1, f"end{number}"))
    else:
        end = fail_line(make.OPERATOR, line_id, "nobody can", f"end{number}")
    both = [outcome(end), outcome(give_back(order, f"refund{number}"))]
    if number % 3 == 0:
        both.reverse()
    done = await asyncio.gather(*both)
    ended = done[1] if number % 3 == 0 else done[0]
    assert ended == "done"
    return done[0] if number % 3 == 0 else done[1]


async def test_a_refund_and_a_delivery_200_times() -> None:
    buyer = await make.buyer(make.yuan(100_000))
    variant = await make.variant(price=make.yuan(10), delivery_kind=DeliveryKind.MANUAL)
    said: list[str] = []
    for start in range(0, ROUNDS, AT_ONCE):
        numbers = range(start, start + AT_ONCE)
        prepared = [await in_hand(buyer, variant.sku, number) for number in numbers]
        rounds = zip(numbers, prepared, strict=True)
        said += await asyncio.gather(*(one_round(number, *each) for number, each in rounds))
    refunded = said.count("done")
    assert set(said) <= {"done", "LINE_NOT_REFUNDABLE", "ORDER_NOT_REFUNDABLE"}
    assert await Refund.all().count() == refunded
    # Whatever came first: given up, or handed over and then refunded, is in the wallet once.
    back = await OrderLine.filter(status=LineStatus.REFUNDED).count() + refunded
    assert await wallet(buyer) == make.yuan(100_000) - make.yuan(10) * (ROUNDS - back)
    assert await Order.filter(status=OrderStatus.REFUNDED).count() == back
    await all_is_well()


async def test_without_the_order_s_lock_a_refund_and_a_delivery_both_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: a refund that did not wait believes what was, and tells it over what is."""
    ready = await make.variant(price=make.yuan(10), cards=1, unit_cost=1)
    manual = await make.variant(price=make.yuan(10), delivery_kind=DeliveryKind.MANUAL)
    buyer = await make.buyer()
    purchase = Purchase((LineWish(ready.sku, 1), LineWish(manual.sku, 1)), "key")
    order = (await checkout.place_order(buyer, purchase)).order
    line, by_hand = (await orders.lines_of([order.id]))[order.id]
    await claim_line(make.OPERATOR, by_hand.id)
    for module in (unpaid, giving_back, order_service):
        for name in ("_LOCK", "_LINES", "_LOCK_ORDER"):
            if hasattr(module, name):
                bare = getattr(module, name).replace("FOR UPDATE", "")
                monkeypatch.setattr(module, name, bare)
    real, read = planning.plan_refund, asyncio.Event()
    delivered = asyncio.Event()

    async def slowly(conn: Connection, wish: refunds.RefundWish) -> planning.Plan:
        plan = await real(conn, wish)
        read.set()
        await asyncio.wait_for(delivered.wait(), 10)
        return plan

    monkeypatch.setattr(refunds.service, "plan_refund", slowly)  # type: ignore[attr-defined]
    refund = asyncio.ensure_future(outcome_of(give_back(order, lines={line.id: None})))
    await read.wait()
    wish = HandOver(by_hand.id, "done", "", 1, "end")
    assert await outcome(deliver_line(make.OPERATOR, wish)) == "done"
    delivered.set()
    # Both went on; only the database's own guard stops what would send the order backwards.
    assert "order_move_listed" in await refund
    assert await Refund.all().count() == 0


async def outcome_of(work: Awaitable[Any]) -> str:
    try:
        await work
    except Exception as error:
        return str(getattr(error, "constraint_name", None) or error)
    return "done"


async def test_two_refunds_at_once_give_back_no_more_than_was_paid() -> None:
    buyer, order, line = await bought(2)
    cards = await cards_of(line)
    wishes: list[dict[str, object]] = [
        {},
        {"lines": {line.id: None}},
        {"lines": {line.id: make.yuan(60)}},
        {"card_ids": (cards[0].id,)},
        {"card_ids": (cards[0].id, cards[1].id)},
    ]
    done = await asyncio.gather(
        *(outcome(give_back(order, f"{n}{m}", **w)) for n in range(4) for m, w in enumerate(wishes))
    )
    assert "done" in done
    stored = await OrderLine.get(id=line.id)
    assert await wallet(buyer) == make.yuan(1_000 - 98) + stored.refunded_amount
    await all_is_well()


async def test_the_same_key_ten_times_at_once_is_one_refund() -> None:
    buyer, order, line = await bought(2)
    wish = {"lines": {line.id: make.yuan(5)}}
    found = await asyncio.gather(*(give_back(order, "key", **wish) for _ in range(10)))
    assert len({each.id for each in found}) == 1
    assert await wallet(buyer) == make.yuan(1_000 - 98 + 5)
    await all_is_well()


async def test_a_code_is_not_shown_once_its_card_went_back_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Opened, and refunded before it was marked as seen: the buyer is not shown it."""
    buyer, order, line = await bought(1)
    real = order_service.cards.open_codes

    async def opened_late(actor: Actor, sealed: Any) -> Any:
        found = await real(actor, sealed)
        await give_back(order)
        return found

    monkeypatch.setattr(order_service.cards, "open_codes", opened_late)
    with pytest.raises(Refused, match="CONFLICT"):
        await orders.reveal_cards(buyer, order.id, None)
    (part,) = await refunds.RefundPart.all()
    assert not part.seen
    assert (await Card.get(order_line_id=line.id)).first_revealed_at is None
    await all_is_well()


async def test_looks_and_refunds_at_once_200_cards() -> None:
    """Each code is either seen, and its refund says so, or never shown."""
    buyer, order, line = await bought(ROUNDS, price="1", cost="0.5", max_quantity=ROUNDS)
    cards = await cards_of(line)

    async def look(card: Card) -> bool:
        return await outcome(orders.reveal_cards(buyer, order.id, [card.id])) == "done"

    async def refund(card: Card) -> bool:
        return await outcome(give_back(order, str(card.id), card_ids=(card.id,))) == "done"

    for start in range(0, ROUNDS, AT_ONCE):
        some = cards[start : start + AT_ONCE]
        tasks = [task for card in some for task in (look(card), refund(card))]
        done = await asyncio.gather(*tasks)
        seen, back = done[::2], done[1::2]
        assert all(back)
        stored = {part.card_id: part.seen for part in await refunds.RefundPart.all()}
        assert [stored[card.id] for card in some] == seen
    assert await Card.filter(state=CardState.REFUNDED).count() == ROUNDS
    async with connection() as conn:
        shown = "SELECT count(*) FROM cards WHERE first_revealed_at IS NOT NULL"
        parts = "SELECT count(*) FROM refund_parts WHERE seen"
        assert await conn.fetchval(shown) == await conn.fetchval(parts)
    await all_is_well()
