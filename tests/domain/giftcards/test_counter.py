"""Printed cards over a counter: what is booked, what is refused, and two at once."""

import asyncio
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from domain import cards, checkout, giftcards, orders, refunds
from domain.cards.models import Card, CardBatch, CardState
from domain.catalog.models import ListingStatus, Product, Variant
from domain.checkout import AtCounter, LineWish, Purchase, place_order, sell_at_counter
from domain.giftcards import (
    Activation,
    CounterFault,
    CounterPayment,
    CounterSale,
    CounterWish,
    GiftCardProgram,
    GiftCardStatus,
    counter,
)
from domain.giftcards.models import GiftCard
from domain.identity.models import User, UserRole
from domain.kernel import Money, Refused, connection, new_id
from domain.ledger import AccountKind
from domain.refunds import RefundDestination, RefundReason, RefundWish
from tests import make
from tests.domain.giftcards.test_redeeming import (
    ACTIVE,
    COUNTED,
    HUNDRED,
    VOID,
    balance,
    books_hold,
    code_of,
    refusal_of,
    wallet,
)

pytestmark = pytest.mark.usefixtures("db")
CNY = "CNY"


async def printed(cards_: int = 3, **changes: object) -> tuple[GiftCardProgram, list[GiftCard]]:
    """A program of printed cards, and its cards."""
    program = await make.gift_program(cards=cards_, activation=Activation.BY_HAND, **changes)
    return program, await GiftCard.filter(program_id=program.id).order_by("card_id")


def sale(*numbers: str, price: int = HUNDRED, **changes: object) -> AtCounter:
    made = AtCounter(CounterWish(numbers), Money(price, CNY), CounterPayment.CASH)
    return replace(made, **changes)


async def code_behind(card_id: UUID) -> str:
    async with connection() as conn:
        sealed = await cards.find_sealed(conn, [card_id])
    (opened,) = await cards.open_codes(make.OPERATOR, sealed)
    return opened.secret


async def test_cards_go_over_a_counter_and_are_good_at_once() -> None:
    _, (first, second, third) = await printed(valid_days=1_095)
    wish = sale(first.number.lower(), second.number, price=105 * make.SCALE, note="till 3")
    sold = await sell_at_counter(make.OPERATOR, wish, "one")
    assert (sold.quantity, sold.order.total, sold.replayed) == (2, 210 * make.SCALE, False)
    assert sold.order.status is orders.OrderStatus.DELIVERED
    assert await balance(AccountKind.BANK) == -210 * make.SCALE
    assert await balance(AccountKind.GIFT_CARD) == 2 * HUNDRED
    assert await balance(AccountKind.REVENUE) == 10 * make.SCALE
    assert await balance(AccountKind.PREPAYMENT) == 0
    card = await GiftCard.get(card_id=first.card_id)
    assert (card.status, card.balance_units) == (ACTIVE, HUNDRED)
    assert card.expires_at is not None
    assert (await GiftCard.get(card_id=third.card_id)).sold_at is None
    friend = await make.buyer(balance=0)
    await giftcards.redeem(friend, await code_behind(first.card_id), None, "mine")
    assert await wallet(friend) == HUNDRED
    again = await sell_at_counter(make.OPERATOR, wish, "one")
    assert (again.replayed, again.order.id) == (True, sold.order.id)
    assert await code_of(sell_at_counter(make.OPERATOR, sale(third.number), "one")) == (
        "IDEMPOTENCY_KEY_REUSED"
    )
    async with connection() as conn:
        audited = await conn.fetch(
            "SELECT action, count(*) AS n FROM audit_entries WHERE action LIKE 'gift_card.%'"
            " GROUP BY 1"
        )
        told = await conn.fetchval(
            "SELECT count(*) FROM outbox_events WHERE type = 'gift_card.moved'"
        )
    counts = {row["action"]: row["n"] for row in audited}
    assert (counts["gift_card.counter_sale"], counts["gift_card.move"]) == (1, 2)
    assert told == 2
    await books_hold()


async def test_who_walks_in_is_nobody_who_signs_in_and_gets_the_money_over_the_counter() -> None:
    _, (card, _, _) = await printed()
    sold = await sell_at_counter(make.OPERATOR, sale(card.number), "one")
    buyer = await User.get(id=sold.order.buyer_id)
    assert buyer.role is UserRole.GUEST
    wish = RefundWish(sold.order.id, RefundReason.GOODWILL, RefundDestination.WALLET)
    assert await code_of(refunds.refund_order(make.OPERATOR, wish, "r")) == "INVALID"
    await giftcards.move_cards(make.OPERATOR, [card.card_id], VOID, "brought back")
    assert await balance(AccountKind.BANK) == 0
    assert await balance(AccountKind.GIFT_CARD) == 0
    await books_hold()


async def test_a_named_buyer_owns_the_cards_and_their_rest() -> None:
    buyer = await make.buyer(balance=0)
    login = (await User.get(id=buyer.user_id)).login
    _, (card, _, _) = await printed(transferable=False)
    await sell_at_counter(make.OPERATOR, sale(card.number, login=login), "one")
    assert (await GiftCard.get(card_id=card.card_id)).holder_id == buyer.user_id
    await giftcards.move_cards(make.OPERATOR, [card.card_id], VOID, "brought back")
    assert await wallet(buyer) == HUNDRED
    await books_hold()


async def test_a_whole_batch_and_cards_of_uses() -> None:
    _, (first, *_) = await printed(cards_=5, **COUNTED)
    wish = sale(price=30 * make.SCALE, cards=CounterWish(batch_id=first.batch_id))
    sold = await sell_at_counter(make.OPERATOR, replace(wish, paid_by=CounterPayment.BANK), "one")
    assert sold.quantity == 5
    assert await balance(AccountKind.GIFT_CARD) == 150 * make.SCALE
    row = await CounterSale.get(order_id=sold.order.id)
    assert (row.paid_by, row.walk_in, row.seller_id) == ("bank", True, make.OPERATOR.user_id)
    done = await giftcards.use_once(make.OPERATOR, await code_behind(first.card_id), "use")
    assert (done.redemption.uses_after, done.number) == (2, first.number)
    await books_hold()


async def refused_for(case: str) -> tuple[GiftCard, CounterFault]:
    """A card that no counter sells."""
    program, (card, *_) = await printed(cards_=1)
    if case == "not_printed":
        await make.gift_program(cards=1)
        card = await GiftCard.filter(program_id__not=program.id).get()
    elif case == "sold":
        sku = (await Variant.get(id=program.variant_id)).sku
        await place_order(await make.buyer(), Purchase((LineWish(sku, 1),), "buy"))
    elif case == "held":
        await make.hold(await Variant.get(id=program.variant_id))
    elif case == "frozen":
        await cards.freeze_batch(make.OPERATOR, card.batch_id, "stolen drawer")
    elif case == "void":
        await giftcards.move_cards(make.OPERATOR, [card.card_id], VOID, "misprint")
    return card, CounterFault(case)


@pytest.mark.parametrize("case", ["not_printed", "sold", "held", "frozen", "void"])
async def test_a_card_that_no_counter_sells_stops_the_whole_sale(case: str) -> None:
    card, fault = await refused_for(case)
    _, (good, *_) = await printed(cards_=1)
    wish = sale(good.number, card.number)
    refusal = await refusal_of(sell_at_counter(make.OPERATOR, wish, "one"))
    assert isinstance(refusal, giftcards.GiftCardNotForCounter)
    assert (refusal.number, refusal.why) == (card.number, fault)
    assert (await GiftCard.get(card_id=good.card_id)).sold_at is None
    assert await CounterSale.all().count() == 0
    await books_hold()


async def test_wishes_that_cannot_stand() -> None:
    program, (card, other, _) = await printed()
    _, (foreign, *_) = await printed(cards_=1)
    batch = CounterWish((card.number,), card.batch_id)
    for wish, code in (
        (sale(), "INVALID"),
        (sale(cards=batch), "INVALID"),
        (sale(card.number, "GC000000000000"), "NOT_FOUND"),
        (sale(cards=CounterWish(batch_id=new_id())), "NOT_FOUND"),
        (sale(card.number, foreign.number), "INVALID"),
        (sale(card.number, price=0), "INVALID"),
        (sale(card.number, price=1), "INVALID"),
        (sale(card.number, unit_price=Money(HUNDRED, "USD")), "INVALID"),
        (sale(card.number, price=HUNDRED - 100), "PRICE_BELOW_COST"),
        (sale(card.number, note="a\nb"), "INVALID"),
        (sale(card.number, login="nobody"), "NOT_FOUND"),
    ):
        assert await code_of(sell_at_counter(make.OPERATOR, wish, "key")) == code
    clerk = replace(make.OPERATOR, scopes=frozenset({"giftcards:write"}))
    assert await code_of(sell_at_counter(clerk, sale(card.number), "key")) == "FORBIDDEN"
    await Variant.filter(id=program.variant_id).update(sold_below_cost=True)
    cheap = sale(card.number, price=HUNDRED - 100)
    assert (await sell_at_counter(make.OPERATOR, cheap, "key")).quantity == 1
    product_id = (await Variant.get(id=program.variant_id)).product_id
    await Product.filter(id=product_id).update(status=ListingStatus.SUSPENDED)
    late = sell_at_counter(make.OPERATOR, sale(other.number), "late")
    assert await code_of(late) == "NOT_FOR_SALE"
    await books_hold()


async def test_a_counter_and_the_shop_sell_a_card_once() -> None:
    program, (card, *_) = await printed(cards_=1)
    sku = (await Variant.get(id=program.variant_id)).sku
    buyers = [await make.buyer() for _ in range(3)]
    done = await asyncio.gather(
        *(sell_at_counter(make.OPERATOR, sale(card.number), f"k{i}") for i in range(3)),
        *(place_order(each, Purchase((LineWish(sku, 1),), "buy")) for each in buyers),
        return_exceptions=True,
    )
    assert all(
        isinstance(each, checkout.SoldAtCounter | checkout.Placed | Refused) for each in done
    )
    assert sum(not isinstance(each, Refused) for each in done) == 1
    assert await balance(AccountKind.GIFT_CARD) == HUNDRED
    await books_hold()


async def test_the_same_key_at_once_sells_once() -> None:
    _, (card, *_) = await printed()
    done = await asyncio.gather(
        *(sell_at_counter(make.OPERATOR, sale(card.number), "one") for _ in range(4))
    )
    assert sorted(each.replayed for each in done) == [False, True, True, True]
    assert await balance(AccountKind.BANK) == -HUNDRED
    await books_hold()


async def test_the_lock_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without it two counters find the card free, and the database stops the second."""
    monkeypatch.setattr(counter, "_HOLD_CARDS", "SELECT $1::uuid[]")
    standing = giftcards.counter.lock_for_counter

    async def slow(*args):
        found = await standing(*args)
        await asyncio.sleep(0.2)
        return found

    monkeypatch.setattr(giftcards, "lock_for_counter", slow)
    _, (card, *_) = await printed()
    done = await asyncio.gather(
        *(sell_at_counter(make.OPERATOR, sale(card.number), f"k{i}") for i in range(2)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, asyncpg.RestrictViolationError) for each in done) == 1
    assert await balance(AccountKind.BANK) == -HUNDRED
    await books_hold()


async def test_what_a_counter_sold_stays_told() -> None:
    _, (card, *_) = await printed()
    await sell_at_counter(make.OPERATOR, sale(card.number), "one")
    async with connection() as conn:
        with pytest.raises(asyncpg.RestrictViolationError):
            await conn.execute("UPDATE counter_sales SET paid_by = 'bank'")
    assert (await Card.get(id=card.card_id)).state is CardState.SOLD
    assert (await CardBatch.get(id=card.batch_id)).accepted == 3
    assert (await GiftCard.get(card_id=card.card_id)).status == GiftCardStatus.ACTIVE
