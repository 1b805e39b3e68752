"""Bundles and gifts: each part its own line, delivered and refunded by itself (mission row A6)."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from domain import cards, catalog, checkout, fulfilment, ledger, orders, refunds, suppliers
from domain.cards.models import Card
from domain.catalog import DeliveryKind, ListingStatus, PartDraft, WhenOut
from domain.catalog.models import BundleComponent, Product, Variant
from domain.checkout import LineWish, Purchase, service, statements
from domain.checkout.reading import sight
from domain.commissions import RuleKind
from domain.fulfilment import HandOver
from domain.giftcards.models import GiftCard
from domain.kernel import Actor, Refusal, Refused, connection, new_id
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, OrderLine, OrderStatus
from domain.refunds import RefundDestination, RefundReason, RefundWish
from domain.suppliers import Category, Completed, Rejected
from tests import make
from tests.domain.fulfilment.test_fulfilment import Scripted, balance, no_violations
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
YUAN = make.SCALE
GIFT = {"gift_from": 1, "when_out": WhenOut.SKIP}
DELIVERED, QUEUED, REFUNDED = LineStatus.DELIVERED, LineStatus.QUEUED, LineStatus.REFUNDED


@pytest.fixture
def port() -> Scripted:
    made = Scripted()
    suppliers.register("scripted", made)
    return made


def buy(sku: str, quantity: int = 1, key: str = "key", **wish: Any) -> Purchase:
    return Purchase((LineWish(sku, quantity, **wish),), key)


async def offered(
    item: str, cost: int, kind: DeliveryKind = DeliveryKind.CARD_CODE, price: int = 100 * YUAN
) -> Variant:
    """A variant that one scripted supplier offers."""
    variant = await make.variant(price=price, delivery_kind=kind)
    wish = suppliers.SupplierWish(f"s-{item}", item, "scripted", "http://supplier.test", "secret")
    await suppliers.save_supplier(make.OPERATOR, wish)
    await suppliers.save_offer(
        make.OPERATOR, suppliers.OfferWish(variant.sku, f"s-{item}", item, cost)
    )
    return variant


async def lines_of(buyer: Actor) -> list[OrderLine]:
    order = await orders.Order.get(buyer_id=buyer.require_user())
    return (await orders.lines_of([order.id]))[order.id]


async def refusal_of(buyer: Actor, purchase: Purchase) -> Refusal:
    before = await balance(buyer)
    with pytest.raises(Refused) as refused:
        await checkout.place_order(buyer, purchase)
    assert await balance(buyer) == before
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM orders") == 0
    (refusal,) = refused.value.refusals
    return refusal


async def books(kind: AccountKind) -> int:
    return await ledger.balance_of(account_id(kind, None, make.CNY))


async def test_a_bundle_is_bought_by_two_statements_and_each_part_is_a_line() -> None:
    first, second = await make.variant(cards=4, unit_cost=10 * YUAN), await make.variant(cards=2)
    bundle = await make.bundle(
        PartDraft(first.sku, 2, 3_333), PartDraft(second.sku, 1, 6_667), price=100 * YUAN
    )
    buyer = await make.buyer()
    await checkout.quote_lines(buyer, [LineWish(bundle.sku, 2)])
    async with count_statements() as seen:
        placed = await checkout.place_order(buyer, buy(bundle.sku, 2))
    usual = statements.reading(sight.filled), statements.WRITES[False, False, False]
    assert seen == [each.text for each in usual]
    assert placed.order.status is OrderStatus.DELIVERED
    assert placed.order.total == 200 * YUAN
    shown = [(each.sku, each.quantity, each.unit_price, each.position) for each in placed.lines]
    assert shown == [(first.sku, 4, 166_650, 0), (second.sku, 2, 666_700, 1)]
    assert {(each.bundle_sku, each.gift) for each in placed.lines} == {(bundle.sku, False)}
    assert [each.bundle_position for each in placed.lines] == [1, 2]
    assert len(await orders.reveal_cards(buyer, placed.order.id, None)) == 6
    again = await checkout.place_order(buyer, buy(bundle.sku, 2))
    assert (again.replayed, again.order.id) == (True, placed.order.id)
    await no_violations()


async def test_a_share_that_does_not_divide_costs_the_buyer_and_the_shop_nothing() -> None:
    first, second = await make.variant(cards=3, unit_cost=1), await make.variant(cards=1)
    bundle = await make.bundle(
        PartDraft(first.sku, 3, 3_334), PartDraft(second.sku, 1, 6_666), price=100 * YUAN
    )
    buyer = await make.buyer()
    placed = await checkout.place_order(buyer, buy(bundle.sku))
    shown = [(each.bundle_position, each.quantity, each.unit_price) for each in placed.lines]
    assert shown == [(1, 2, 111_133), (1, 1, 111_134), (2, 1, 666_600)]
    assert sum(each.quantity * each.unit_price for each in placed.lines) == 100 * YUAN
    await no_violations()


async def test_a_part_that_fails_is_refunded_by_exactly_its_share(port: Scripted) -> None:
    """A6: buy a bundle of a card, a top-up and a course; the top-up fails; the rest stays."""
    card = await make.variant(cards=1, unit_cost=20 * YUAN)
    topup = await offered("topup", 25 * YUAN, DeliveryKind.DIRECT_TOPUP)
    course = await make.variant(delivery_kind=DeliveryKind.MANUAL)
    bundle = await make.bundle(
        PartDraft(card.sku, 1, 4_000),
        PartDraft(topup.sku, 1, 3_500),
        PartDraft(course.sku, 1, 2_500),
        price=99_9999,
    )
    buyer = await make.buyer(100 * YUAN)
    wish = buy(bundle.sku, account=(("account", "10001"),))
    placed = await checkout.place_order(buyer, wish)
    assert [each.status for each in placed.lines] == [DELIVERED, QUEUED, QUEUED]
    filled_in = [await orders.account_in(each) for each in placed.lines]
    assert filled_in == [{}, {"account": "10001"}, {}]
    assert await balance(buyer) == 100 * YUAN - 999_999
    port.submits = {"topup": [Rejected(Category.INVALID_ACCOUNT)]}
    await fulfilment.fulfil_line(placed.lines[1].id)
    operator = replace(make.OPERATOR, user_id=new_id())
    await fulfilment.claim_line(operator, placed.lines[2].id)
    hand_over = HandOver(placed.lines[2].id, "Welcome.", "", 0, "hand")
    await fulfilment.deliver_line(operator, hand_over)
    after = await lines_of(buyer)
    assert [each.status for each in after] == [DELIVERED, REFUNDED, DELIVERED]
    assert after[1].failure_code == "INVALID_ACCOUNT"
    share = 350_000  # 35 % of 99.9999, by largest remainder
    assert after[1].unit_price == share
    assert await balance(buyer) == 100 * YUAN - 999_999 + share
    order = await orders.Order.get(id=placed.order.id)
    assert order.status is OrderStatus.PARTIALLY_DELIVERED
    assert await books(AccountKind.REVENUE) == 999_999 - share
    assert await books(AccountKind.PREPAYMENT) == 0
    await no_violations()


async def test_a_part_upstream_may_cost_what_the_whole_leaves_and_no_more(port: Scripted) -> None:
    card = await make.variant(cards=1, unit_cost=20 * YUAN)
    dear = await offered("dear", 60 * YUAN)
    bundle = await make.bundle(PartDraft(card.sku, 1, 6_000), PartDraft(dear.sku, 1, 4_000))
    buyer = await make.buyer()
    placed = await checkout.place_order(buyer, buy(bundle.sku))
    assert [each.max_unit_cost for each in placed.lines] == [40 * YUAN, 60 * YUAN]
    port.submits = {"dear": [Completed("up", (suppliers.SuppliedCode("", "GOODS-1"),), 60 * YUAN)]}
    await fulfilment.fulfil_line(placed.lines[1].id)
    assert [each.status for each in await lines_of(buyer)] == [DELIVERED, DELIVERED]
    await no_violations()


async def test_a_bundle_below_its_cost_is_refused_as_a_whole_unless_allowed() -> None:
    first = await make.variant(cards=2, unit_cost=50 * YUAN)
    second = await make.variant(cards=2, unit_cost=51 * YUAN)
    parts = PartDraft(first.sku, 1, 9_000), PartDraft(second.sku, 1, 1_000)
    bundle = await make.bundle(*parts)
    buyer = await make.buyer()
    refusal = await refusal_of(buyer, buy(bundle.sku))
    assert refusal == checkout.PriceBelowCost(sku=bundle.sku, field=("lines", "0"))
    fair = await make.bundle(*parts, price=101 * YUAN)
    assert (await checkout.place_order(buyer, buy(fair.sku, key="fair"))).order.total
    allowed = await make.bundle(*parts, sold_below_cost=True)
    assert (await checkout.place_order(buyer, buy(allowed.sku, key="loss"))).order.total
    await no_violations()


async def test_agents_earn_by_shares_within_the_margin_of_the_whole() -> None:
    chain = await make.agent_chain()
    for level in (1, 2, 3):
        await make.rule(level, RuleKind.PERCENT, 500_000)  # half of the price: far above it
    first = await make.variant(cards=1, unit_cost=10 * YUAN)
    second = await make.variant(cards=1, unit_cost=60 * YUAN)
    bundle = await make.bundle(PartDraft(first.sku, 1, 6_000), PartDraft(second.sku, 1, 4_000))
    buyer = await make.buyer(referrer=chain[2].id)
    placed = await checkout.place_order(buyer, buy(bundle.sku))
    async with connection() as conn:
        earned = await conn.fetchval("SELECT sum(amount) FROM commissions")
        lines = await conn.fetch("SELECT DISTINCT order_line_id FROM commissions")
    assert [row["order_line_id"] for row in lines] == [placed.lines[0].id]
    assert earned == 30 * YUAN  # 100 - 10 - 60, though the first part alone brings 50
    await no_violations()


async def test_a_line_delivered_later_earns_no_more_than_the_whole_leaves(port: Scripted) -> None:
    chain = await make.agent_chain()
    await make.rule(1, RuleKind.PERCENT, 1_000_000)
    own = await make.variant(cards=1, unit_cost=60 * YUAN)
    later = await offered("later", 10 * YUAN)
    bundle = await make.bundle(PartDraft(own.sku, 1, 4_000), PartDraft(later.sku, 1, 6_000))
    buyer = await make.buyer(referrer=chain[2].id)
    placed = await checkout.place_order(buyer, buy(bundle.sku))
    port.submits = {"later": [Completed("up", (suppliers.SuppliedCode("", "GOODS-2"),), 10 * YUAN)]}
    await fulfilment.fulfil_line(placed.lines[1].id)
    async with connection() as conn:
        assert await conn.fetchval("SELECT sum(amount) FROM commissions") == 30 * YUAN
    await no_violations()


async def gift_bundle(when_out: WhenOut, stock: int, gift_from: int = 1) -> tuple[Variant, Variant]:
    card, gift = await make.variant(cards=9, unit_cost=YUAN), await make.variant(cards=stock)
    given = PartDraft(gift.sku, 1, 0, gift_from, when_out)
    return await make.bundle(PartDraft(card.sku, 1, 10_000), given), gift


async def test_a_gift_comes_with_its_purchase_and_costs_nothing() -> None:
    bundle, gift = await gift_bundle(WhenOut.SKIP, 2, gift_from=2)
    buyer = await make.buyer()
    one = await checkout.place_order(buyer, buy(bundle.sku, 1, "one"))
    assert [each.sku == gift.sku for each in one.lines] == [False]
    two = await checkout.place_order(buyer, buy(bundle.sku, 2, "two"))
    assert [(each.gift, each.unit_price) for each in two.lines] == [(False, 100 * YUAN), (True, 0)]
    assert two.order.total == 200 * YUAN
    assert len(await orders.reveal_cards(buyer, two.order.id, None)) == 4
    alone = RefundWish(
        two.order.id,
        RefundReason.GOODWILL,
        RefundDestination.CHANNEL,
        lines={each.id: None for each in two.lines if each.gift},
    )
    with pytest.raises(Refused) as refused:
        await refunds.refund_order(make.OPERATOR, alone, "gift")
    (nothing,) = refused.value.refusals
    assert (nothing.code, nothing.reason) == (
        "LINE_NOT_REFUNDABLE",
        "refund_nothing_left",
    )
    assert await books(AccountKind.REVENUE) == 300 * YUAN
    await no_violations()


async def test_without_its_gift_a_bundle_is_sold_or_refused_as_it_says() -> None:
    skip, _ = await gift_bundle(WhenOut.SKIP, 1)
    refuse, _ = await gift_bundle(WhenOut.REFUSE, 1)
    buyer = await make.buyer()
    refusal = await refusal_of(buyer, buy(refuse.sku, 2))
    assert refusal == checkout.StockShort(
        sku=refuse.sku, requested=2, available=1, field=("lines", "0", "quantity")
    )
    first = await checkout.place_order(buyer, buy(skip.sku, 1, "one"))
    second = await checkout.place_order(buyer, buy(skip.sku, 1, "two"))
    assert [len(placed.lines) for placed in (first, second)] == [2, 1]
    await no_violations()


async def test_a_gift_that_a_supplier_could_not_deliver_gives_nothing_back(port: Scripted) -> None:
    card = await make.variant(cards=1, unit_cost=YUAN)
    gift = await offered("gift", 9 * YUAN)
    bundle = await make.bundle(PartDraft(card.sku, 1, 10_000), PartDraft(gift.sku, 1, **GIFT))
    buyer = await make.buyer(100 * YUAN)
    placed = await checkout.place_order(buyer, buy(bundle.sku))
    assert placed.lines[1].max_unit_cost == 9 * YUAN
    port.submits = {"gift": [Rejected(Category.INVALID_ACCOUNT)]}
    await fulfilment.fulfil_line(placed.lines[1].id)
    assert [each.status for each in await lines_of(buyer)] == [DELIVERED, REFUNDED]
    assert await balance(buyer) == 0
    await no_violations()


async def test_three_of_one_and_a_fourth_of_it_for_nothing() -> None:
    card = await make.variant(cards=4, unit_cost=10 * YUAN)
    bundle = await make.bundle(PartDraft(card.sku, 3, 10_000), PartDraft(card.sku, 1, **GIFT))
    buyer = await make.buyer()
    placed = await checkout.place_order(buyer, buy(bundle.sku))
    assert [(each.quantity, each.gift) for each in placed.lines][-1] == (1, True)
    opened = await orders.reveal_cards(buyer, placed.order.id, None)
    assert len({card.card_id for card in opened}) == 4
    await no_violations()


async def test_a_crowd_buys_bundles_that_share_a_variant_and_no_card_twice() -> None:
    card = await make.variant(cards=12, unit_cost=10 * YUAN)
    bundle = await make.bundle(PartDraft(card.sku, 2, 10_000), PartDraft(card.sku, 1, **GIFT))
    buyers = [await make.buyer() for _ in range(8)]
    done = await asyncio.gather(
        *(checkout.place_order(buyer, buy(bundle.sku)) for buyer in buyers),
        return_exceptions=True,
    )
    assert all(isinstance(each, checkout.Placed | Refused) for each in done), done
    placed = [each for each in done if isinstance(each, checkout.Placed)]
    assert 4 <= len(placed) <= 6  # 12 cards: as threes with the gift, or as twos without
    async with connection() as conn:
        sold = await conn.fetchval("SELECT count(*) FROM cards WHERE state = 'sold'")
    assert sold == sum(line.quantity for each in placed for line in each.lines)
    await no_violations()


async def test_an_own_gift_card_as_a_gift_is_owed_and_given_away() -> None:
    card = await make.variant(cards=1, unit_cost=10 * YUAN)
    program = await make.gift_program(cards=1, face_units=20 * YUAN)
    gift = await Variant.get(id=program.variant_id)
    bundle = await make.bundle(PartDraft(card.sku, 1, 10_000), PartDraft(gift.sku, 1, **GIFT))
    buyer = await make.buyer()
    await checkout.place_order(buyer, buy(bundle.sku))
    held = await GiftCard.first()
    assert held is not None
    assert (held.balance_units, held.holder_id) == (20 * YUAN, buyer.user_id)
    assert await books(AccountKind.GIFT_CARD) == 20 * YUAN
    assert await books(AccountKind.REVENUE) == 100 * YUAN
    assert await books(AccountKind.COST) == -30 * YUAN
    await no_violations()


async def test_a_bundle_needs_all_its_parts() -> None:
    first, second = await make.variant(cards=5, unit_cost=YUAN), await make.variant(cards=1)
    bundle = await make.bundle(PartDraft(first.sku, 2, 5_000), PartDraft(second.sku, 1, 5_000))
    buyer = await make.buyer()
    refusal = await refusal_of(buyer, buy(bundle.sku, 2))
    assert isinstance(refusal, checkout.StockShort)
    assert (refusal.sku, refusal.available) == (bundle.sku, 1)
    await Product.filter(id=second.product_id).update(status=ListingStatus.SUSPENDED)
    refusal = await refusal_of(buyer, buy(bundle.sku))
    assert isinstance(refusal, checkout.NotForSale)
    assert (refusal.sku, refusal.reason) == (bundle.sku, "bundle_part_closed")


async def test_a_bundle_is_refused_by_its_price_its_quantity_and_its_emptiness() -> None:
    card = await make.variant(cards=5, unit_cost=1)
    bundle = await make.bundle(PartDraft(card.sku, 1, 10_000), max_quantity=2)
    buyer = await make.buyer()
    refusal = await refusal_of(buyer, buy(bundle.sku, 3))
    assert isinstance(refusal, checkout.QuantityOutOfRange)
    refusal = await refusal_of(buyer, buy(bundle.sku, expected_price=1))
    assert isinstance(refusal, checkout.PriceChanged)
    empty = await make.variant(delivery_kind=DeliveryKind.BUNDLE)
    refusal = await refusal_of(buyer, buy(empty.sku))
    assert isinstance(refusal, checkout.NotForSale)
    cheap = await make.bundle(PartDraft(card.sku, 3, 9_999), PartDraft(card.sku, 1, 1), price=2)
    refusal = await refusal_of(buyer, buy(cheap.sku))
    assert isinstance(refusal, checkout.NotForSale)
    assert refusal.reason == "bundle_price_low"


async def test_what_is_filled_in_goes_to_the_parts_that_ask_for_it(port: Scripted) -> None:
    first = await offered("one", YUAN, DeliveryKind.DIRECT_TOPUP)
    second = await offered("two", YUAN, DeliveryKind.DIRECT_TOPUP)
    bundle = await make.bundle(PartDraft(first.sku, 1, 5_000), PartDraft(second.sku, 1, 5_000))
    buyer = await make.buyer()
    given = (("account", "10001"), ("2.account", "20002"))
    placed = await checkout.place_order(buyer, buy(bundle.sku, account=given))
    filled_in = [await orders.account_in(each) for each in placed.lines]
    assert filled_in == [{"account": "10001"}, {"account": "20002"}]
    for wrong in ((), (("other", "1"),)):
        other = await make.buyer()
        with pytest.raises(Refused) as refused:
            await checkout.place_order(other, buy(bundle.sku, account=wrong))
        refusals = refused.value.refusals
        assert {type(each) for each in refusals} == {checkout.AccountInvalid}


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([], "bundle_parts"),
        ([{}] * 11, "bundle_parts"),
        ([{"share": 9_999}], "bundle_shares"),
        ([{"share": 10_001}], "bundle_share"),
        ([{"share": 0}], "bundle_share"),
        ([{"share": 10_000}, {"share": 1, **GIFT}], "bundle_share"),
        ([{"quantity": 0}], "bundle_quantity"),
        ([{"quantity": 101}], "bundle_quantity"),
        ([{"share": 10_000}, {"share": 0, "gift_from": 0, "when_out": WhenOut.SKIP}], "gift_from"),
        ([{"share": 10_000}, {"share": 0, "gift_from": 1}], "when_out"),
    ],
)
async def test_a_bundle_that_does_not_add_up_is_not_saved(
    parts: list[dict[str, Any]], reason: str
) -> None:
    card = await make.variant()
    bundle = await make.variant(delivery_kind=DeliveryKind.BUNDLE)
    drafts = [PartDraft(card.sku, **{"share": 10_000, **part}) for part in parts]
    with pytest.raises(Refused) as refused:
        await catalog.save_bundle(make.OPERATOR, bundle.sku, drafts)
    assert reason in str(refused.value.refusals[0])
    assert await BundleComponent.all().count() == 0


async def test_no_bundle_holds_a_bundle_also_by_plain_sql() -> None:
    card = await make.variant(cards=1)
    inner = await make.bundle(PartDraft(card.sku, 1, 10_000))
    outer = await make.variant(delivery_kind=DeliveryKind.BUNDLE)
    with pytest.raises(Refused) as refused:
        await catalog.save_bundle(make.OPERATOR, outer.sku, [PartDraft(inner.sku, 1, 10_000)])
    assert refused.value.refusals[0].field == ("parts", "0", "sku")
    with pytest.raises(Refused):
        await catalog.save_bundle(make.OPERATOR, card.sku, [PartDraft(card.sku, 1, 10_000)])
    insert = (
        "INSERT INTO bundle_components (id, bundle_id, position, variant_id, quantity, share)"
        " VALUES (gen_random_uuid(), $1, 2, $2, 1, 5000)"
    )
    async with connection() as conn:
        for bundle, variant in ((outer, inner), (card, card)):
            with pytest.raises(asyncpg.CheckViolationError) as broken:
                await conn.execute(insert, bundle.id, variant.id)
            assert broken.value.constraint_name == "bundle_of_no_bundles"
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute(insert, inner.id, card.id)
        assert broken.value.constraint_name == "bundle_shares_whole"
        with pytest.raises(asyncpg.CheckViolationError) as broken:
            await conn.execute("UPDATE bundle_components SET share = 1")
    assert broken.value.constraint_name == "bundle_shares_whole"


async def test_other_parts_are_reviewed_again_and_orders_keep_theirs() -> None:
    first, second = await make.variant(cards=1, unit_cost=YUAN), await make.variant(cards=1)
    bundle = await make.bundle(PartDraft(first.sku, 1, 10_000))
    buyer = await make.buyer()
    await checkout.place_order(buyer, buy(bundle.sku))
    same = await catalog.save_bundle(make.OPERATOR, bundle.sku, [PartDraft(first.sku, 1, 10_000)])
    assert (await Product.get(id=bundle.product_id)).status is ListingStatus.APPROVED
    saved = await catalog.save_bundle(
        make.OPERATOR,
        bundle.sku,
        [PartDraft(second.sku, 1, 10_000)],
        expected_version=same.version,
    )
    assert saved.version == same.version + 1
    assert (await Product.get(id=bundle.product_id)).status is ListingStatus.SUBMITTED
    with pytest.raises(Refused) as refused:
        await catalog.save_bundle(
            make.OPERATOR,
            bundle.sku,
            [PartDraft(first.sku, 1, 10_000)],
            expected_version=same.version,
        )
    assert refused.value.refusals[0].code == "CONFLICT"
    assert [each.sku for each in await lines_of(buyer)] == [first.sku]


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("unit_price = 0", "line_price_above_zero"),
        ("gift = true", "line_gift_of_a_bundle"),
        ("bundle_position = NULL", "line_bundle_whole"),
    ],
)
async def test_only_a_gift_has_no_price(change: str, constraint: str) -> None:
    card = await make.variant(cards=1, unit_cost=YUAN)
    bundle = await make.bundle(PartDraft(card.sku, 1, 10_000))
    await checkout.place_order(await make.buyer(), buy(bundle.sku))
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError):
            await conn.execute(f"UPDATE order_lines SET {change}")  # what was agreed stays
        await conn.execute("ALTER TABLE order_lines DISABLE TRIGGER order_lines_move")
        try:
            with pytest.raises(asyncpg.CheckViolationError) as broken:
                await conn.execute(f"UPDATE order_lines SET {change}")
        finally:
            await conn.execute("ALTER TABLE order_lines ENABLE TRIGGER order_lines_move")
    assert broken.value.constraint_name == constraint


async def test_a_purchase_that_holds_its_cards_first_never_holds_one_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "QUICK_TRIES", 0)
    card = await make.variant(cards=4, unit_cost=10 * YUAN)
    bundle = await make.bundle(PartDraft(card.sku, 3, 10_000), PartDraft(card.sku, 1, **GIFT))
    buyer = await make.buyer()
    placed = await checkout.place_order(buyer, buy(bundle.sku))
    opened = await orders.reveal_cards(buyer, placed.order.id, None)
    assert len({card.card_id for card in opened}) == 4
    await no_violations()


async def test_a_gift_that_goes_at_the_last_moment_is_left_out(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    """Between the look at the shelves and the hold on the cards, somebody else took the gift."""
    bundle, gift = await gift_bundle(WhenOut.SKIP, 1)
    monkeypatch.setattr(service, "QUICK_TRIES", 0)
    claim, other = service._claim, await asyncpg.connect(database_url)

    async def taken_before(*args: Any) -> Any:
        await other.execute("UPDATE cards SET state = 'void' WHERE variant_id = $1", gift.id)
        return await claim(*args)

    monkeypatch.setattr(service, "_claim", taken_before)
    try:
        placed = await checkout.place_order(await make.buyer(), buy(bundle.sku))
    finally:
        await other.close()
    assert [each.gift for each in placed.lines] == [False]


async def test_a_part_may_be_a_code_for_many_buyers() -> None:
    code = await make.variant()
    await cards.save_policy(make.OPERATOR, code.sku, cards.PolicyChange(shared=True, shared_uses=3))
    await make.stock(code, 1)
    bundle = await make.bundle(PartDraft(code.sku, 1, 9_999), PartDraft(code.sku, 1, 1))
    buyer = await make.buyer()
    placed = await checkout.place_order(buyer, buy(bundle.sku, key="one"))
    assert [each.status for each in placed.lines] == [DELIVERED, DELIVERED]
    async with connection() as conn:
        used = await conn.fetch("SELECT use_number FROM shared_deliveries ORDER BY 1")
    assert [row["use_number"] for row in used] == [1, 2]
    with pytest.raises(Refused):
        await checkout.place_order(buyer, buy(bundle.sku, key="two"))
    await no_violations()


@pytest.mark.parametrize("quick", [0, 3])
async def test_a_chosen_card_is_not_the_bundles_too(
    monkeypatch: pytest.MonkeyPatch, quick: int
) -> None:
    monkeypatch.setattr(service, "QUICK_TRIES", quick)
    card = await make.variant(cards=5, unit_cost=YUAN)
    await cards.save_policy(make.OPERATOR, card.sku, cards.PolicyChange(choosable=True))
    bundle = await make.bundle(PartDraft(card.sku, 2, 10_000))
    chosen = await Card.filter(variant_id=card.id).order_by("id").first()
    assert chosen is not None
    buyer = await make.buyer()
    wishes = (LineWish(bundle.sku, 1), LineWish(card.sku, 1, card_id=chosen.id))
    placed = await checkout.place_order(buyer, Purchase(wishes, "key"))
    assert placed.cards is not None
    assert [each.id for each in placed.cards[placed.lines[1].id]] == [chosen.id]
    opened = await orders.reveal_cards(buyer, placed.order.id, None)
    assert len({each.card_id for each in opened}) == 3
    wish = LineWish(bundle.sku, 1, card_id=chosen.id)
    with pytest.raises(Refused) as refused:
        await checkout.place_order(buyer, Purchase((wish,), "other"))
    assert refused.value.refusals[0].code == "CARD_NOT_FREE"
    await no_violations()
