"""What a history of sales makes of plans, classes, turnover and age (rows D8, D10)."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import cards, replenishment, suppliers
from domain.cards.models import Card
from domain.checkout import LineWish, Purchase, place_order
from domain.kernel import clock, connection, new_id, page_request
from domain.replenishment import (
    BudgetPeriod,
    BudgetWish,
    PolicyWish,
    PurchaseProposal,
    ReplenishMode,
    SalesDay,
)
from domain.suppliers import SupplierTier
from domain.suppliers.models import Supplier
from tests import make

pytestmark = pytest.mark.usefixtures("db")
PAGE = page_request("test", None, None)
MONTH = 28


async def sold(variant: make.Variant, daily: list[int], price: int = 100) -> None:
    """A history: pieces on each of the last days before today, oldest first."""
    today = clock.now().date()
    for place, pieces in enumerate(daily):
        if pieces:
            await SalesDay.create(
                variant_id=variant.id,
                day=today - timedelta(days=len(daily) - place),
                pieces=pieces,
                revenue=pieces * make.yuan(price),
                cost=pieces * make.yuan(80),
            )


async def planned(mode: ReplenishMode = ReplenishMode.PROPOSE, **policy: Any) -> None:
    await replenishment.save_policy(make.OPERATOR, PolicyWish(mode, **policy))
    await replenishment.save_budget(
        make.OPERATOR, BudgetWish(BudgetPeriod.MONTH, make.yuan(1_000_000))
    )
    await replenishment.plan_all()


async def proposals() -> dict[UUID, PurchaseProposal]:
    return {each.variant_id: each for each in await PurchaseProposal.all()}


async def offered(cards: int = 0, price: int = 100, **more: Any) -> make.Variant:
    variant = await make.variant(
        price=make.yuan(price), cards=cards, unit_cost=make.yuan(80), **more
    )
    await make.offer(variant, make.yuan(80))
    return variant


async def test_a_history_yields_the_plan_that_it_should() -> None:
    """D10's own proof: what sells is bought for two weeks, what does not for days or not at all."""
    hot, fair = await offered(cards=9), await offered(cards=2)
    tail, idle, plenty = await offered(), await offered(), await offered(cards=200)
    await sold(hot, [10] * MONTH)
    await sold(fair, [2] * MONTH)
    await sold(tail, [0] * 27 + [1])
    await sold(plenty, [3] * MONTH)
    await planned(lead_days=1)
    found = await proposals()
    assert set(found) == {hot.id, fair.id, tail.id}
    plan = {each.variant_id: (each.reason["abc"], each.quantity) for each in found.values()}
    assert plan[hot.id] == ("a", 10 * (1 + 14) - 9)
    assert plan[fair.id] == ("b", 2 * (1 + 7) - 2)
    assert plan[tail.id] == ("c", 2)  # a piece a month: four days' sales and some against bad luck
    assert idle.id not in found
    told = found[hot.id].reason
    assert (told["per_day"], told["reorder_point"], told["available"]) == (100_000, 10, 9)
    assert told["offers"][0]["limited_by"] is None


async def test_what_lies_enough_is_not_bought_and_what_is_shared_neither() -> None:
    enough, shared = await offered(cards=11), await offered()
    await sold(enough, [10] * MONTH)
    await sold(shared, [10] * MONTH)
    await cards.save_policy(make.OPERATOR, shared.sku, cards.PolicyChange(shared=True))
    await planned(lead_days=1)
    assert await proposals() == {}
    await Card.filter(variant_id=enough.id).limit(1).update(state="frozen")
    await replenishment.plan_all()
    assert set(await proposals()) == {enough.id}


async def test_a_policy_of_its_own_counts_before_that_of_all() -> None:
    one, other = await offered(), await offered()
    await sold(one, [10] * MONTH)
    await sold(other, [10] * MONTH)
    await replenishment.save_policy(
        make.OPERATOR,
        PolicyWish(ReplenishMode.PROPOSE, one.sku, lead_days=0, cover_days=2, max_quantity=15),
    )
    await planned(ReplenishMode.OFF)
    (proposal,) = (await proposals()).values()
    assert (proposal.variant_id, proposal.quantity) == (one.id, 15)
    assert proposal.reason["needed"] == 20
    assert proposal.reason["offers"][0]["limited_by"] == "max_quantity"


async def test_sales_are_counted_by_the_day_and_counted_anew_while_they_are_young() -> None:
    variant = await make.variant(price=make.yuan(49), cards=9, unit_cost=make.yuan(40))
    buyer = await make.buyer()
    for number in range(2):
        await place_order(buyer, Purchase((LineWish(variant.sku, 2),), f"key{number}"))
    await replenishment.count_days()
    (row,) = await SalesDay.all()
    assert (row.day, row.pieces) == (clock.now().date(), 4)
    assert (row.revenue, row.cost) == (4 * make.yuan(49), 4 * make.yuan(40))
    await place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key3"))
    assert await replenishment.count_days() == 4  # today, and the young days before
    (row,) = await SalesDay.all()
    assert row.pieces == 5


async def test_figures_tell_how_stock_turns_and_ages() -> None:
    variant = await offered(cards=10)
    await sold(variant, [5] * 4)
    noon = datetime.combine(clock.now().date(), time(12), tzinfo=UTC)
    ages = (3, 10, 60, 120)
    for card, days in zip(
        await Card.filter(variant_id=variant.id).order_by("id"), ages, strict=False
    ):
        async with connection() as conn:
            await conn.execute(
                "UPDATE cards SET created_at = $2 WHERE id = $1",
                card.id,
                noon - timedelta(days=days),
            )
    await planned(ReplenishMode.OFF)
    (row,) = (await replenishment.stock_figures(make.OPERATOR, PAGE)).rows
    assert row.ages == (7, 1, 1, 1)
    assert (row.available, row.worth, row.sold) == (10, make.yuan(800), 20)
    # What lay there at first: what is left and was sold, without what came in since.
    opening, closing = make.yuan(800 + 1_600 - 800), make.yuan(800)
    assert row.turnover == make.yuan(1_600) * 10_000 // ((opening + closing) // 2)
    assert row.need is not None
    assert row.abc is not None
    assert row.abc.value == "a"


async def test_shares_tell_from_how_near_the_maker_goods_came() -> None:
    first = await make.offer(await make.variant(), make.yuan(80), "maker")
    second = await make.offer(await make.variant(), make.yuan(80), "agent")
    tiers = {"maker": SupplierTier.MAKER, "agent": SupplierTier.FIRST_AGENT}
    for code, tier in tiers.items():
        await Supplier.filter(code=code).update(tier=tier)
    moment = clock.now()
    since, until = moment - timedelta(days=1), moment + timedelta(days=1)
    nothing = await replenishment.supply_shares(make.OPERATOR, since, until)
    assert (nothing.total, nothing.direct) == (0, None)
    for offer, code, number in ((first, "maker", 3), (second, "agent", 1)):
        variant = await make.Variant.get(id=offer.variant_id)
        origin = cards.BatchOrigin(supplier_code=code, reference=f"R{number}")
        file = cards.card_file("", "CODE-????-####-####", count=number, seed=new_id().hex)
        wish = cards.ImportWish(variant.sku, make.yuan(100), "test", origin=origin)
        await cards.import_cards(make.OPERATOR, wish, file)
    shares = await replenishment.supply_shares(make.OPERATOR, since, until)
    assert (shares.total, shares.direct) == (make.yuan(400), 7_500)
    assert {each.tier.value: each.share for each in shares.tiers} == {
        "maker": 7_500,
        "first_agent": 2_500,
        "reseller": 0,
    }


async def test_a_supplier_keeps_its_tier_when_it_is_saved_without_one() -> None:
    wish = suppliers.SupplierWish(
        "one", "One", "generic_http", "http://one.test", "s", tier=SupplierTier.MAKER
    )
    await suppliers.save_supplier(make.OPERATOR, wish)
    saved = await suppliers.save_supplier(
        make.OPERATOR, suppliers.SupplierWish("one", "Two", "generic_http", "http://one.test")
    )
    assert saved.tier is SupplierTier.MAKER
