"""No sale below cost and minimum margin: at save, at cost change, at order (rows D6, D7, E5)."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain import catalog, checkout, fulfilment, priceguard, pricing, sites
from domain.agents import Tier
from domain.checkout import LineWish, NotForSale, PriceBelowCost, Purchase
from domain.invariants import find_violations
from domain.kernel import Actor, Refusal, Refused, clock, connection, page_request
from domain.priceguard import (
    DiscountTooLarge,
    GuardAction,
    GuardWish,
    InversionCause,
    PriceBelowFloor,
    PriceInversion,
    TermsWish,
)
from domain.pricing import TierPrice
from domain.pricing.models import Price
from domain.suppliers.models import SupplierOffer
from tests import make

pytestmark = pytest.mark.usefixtures("db")
PAGE = page_request("test", None, None)


async def guard(action: GuardAction = GuardAction.REJECT, **wish: Any) -> priceguard.PriceGuard:
    return await priceguard.save_guard(make.OPERATOR, GuardWish(action, **wish))


async def put(variant: catalog.Variant, *prices: TierPrice) -> None:
    await pricing.set_prices(make.OPERATOR, variant.id, prices)


async def refused(what: Any) -> Refusal:
    with pytest.raises(Refused) as caught:
        await what
    return caught.value.refusals[0]


async def costs(offer: SupplierOffer, cost: int) -> None:
    await SupplierOffer.filter(id=offer.id).update(cost=cost)


async def prices_of(variant: catalog.Variant) -> dict[str, int]:
    return {row.tier: row.amount for row in await Price.filter(variant_id=variant.id)}


async def noted(cause: InversionCause) -> list[PriceInversion]:
    return await PriceInversion.filter(cause=cause).order_by("id")


async def told(name: str) -> int:
    async with connection() as conn:
        found: int = await conn.fetchval("SELECT count(*) FROM outbox_events WHERE type = $1", name)
    return found


async def buy(buyer: Actor, variant: catalog.Variant, key: str, **more: Any) -> checkout.Placed:
    wish = Purchase((LineWish(variant.sku, more.pop("quantity", 1)),), key, **more)
    return await checkout.place_order(buyer, wish)


# --- at save --------------------------------------------------------------------------------------


async def test_a_price_below_cost_and_margin_is_not_saved_and_noted() -> None:
    variant = await make.variant(price=make.yuan(90))
    await make.offer(variant, make.yuan(80))
    await put(variant, TierPrice("retail", make.yuan(80)))
    await guard(min_margin_rate=500)
    refusal = await refused(put(variant, TierPrice("retail", make.yuan(83))))
    assert isinstance(refusal, PriceBelowFloor)
    assert refusal.floor.units == make.yuan(84)
    assert refusal.field == ("prices", "0", "amount")
    await refused(put(variant, TierPrice("retail", make.yuan(70))))
    assert await prices_of(variant) == {"retail": make.yuan(80)}
    (row,) = await noted(InversionCause.SAVE)
    assert (row.refused, row.price, row.floor) == (2, make.yuan(70), make.yuan(84))
    assert row.prevented == make.yuan(10)
    assert await told("price.inverted") == 1
    await put(variant, TierPrice("retail", make.yuan(84)))


async def test_the_narrowest_guard_counts_and_stock_has_a_cost_too() -> None:
    variant = await make.variant(price=make.yuan(90), cards=2, unit_cost=make.yuan(70))
    await make.offer(variant, make.yuan(60))
    await guard(min_margin=make.yuan(1))
    await guard(min_margin=make.yuan(5), tier=Tier.GOLD)
    await put(variant, TierPrice("gold", make.yuan(75)), TierPrice("silver", make.yuan(75)))
    refusal = await refused(put(variant, TierPrice("gold", make.yuan("74.9999"))))
    assert isinstance(refusal, PriceBelowFloor)
    assert refusal.floor.units == make.yuan(75)
    await put(variant, TierPrice("silver", make.yuan(75)))


async def test_what_an_operator_allowed_to_sell_at_a_loss_is_saved() -> None:
    variant = await make.variant(price=make.yuan(90), sold_below_cost=True)
    await make.offer(variant, make.yuan(80))
    await put(variant, TierPrice("retail", make.yuan(10)))


async def test_terms_of_resale_bind_the_retail_price_and_what_is_advertised() -> None:
    face = {"face_units": make.yuan(100), "face_currency": "CNY"}
    variant = await make.variant(price=make.yuan(98), **face)
    await priceguard.save_terms(
        make.OPERATOR, TermsWish(min_face_rate=9_500, max_discount_rate=1_000)
    )
    refusal = await refused(put(variant, TierPrice("retail", make.yuan(94))))
    assert isinstance(refusal, PriceBelowFloor)
    assert refusal.floor.units == make.yuan(95)
    refusal = await refused(put(variant, TierPrice("gold", make.yuan(85))))
    assert isinstance(refusal, DiscountTooLarge)
    assert (refusal.most, refusal.field) == ("10", ("prices", "0", "amount"))
    refusal = await refused(put(variant, TierPrice("retail", make.yuan(98), make.yuan(120))))
    assert isinstance(refusal, DiscountTooLarge)
    await put(variant, TierPrice("retail", make.yuan(95), make.yuan(100)))
    await priceguard.save_terms(make.OPERATOR, TermsWish(sku=variant.sku, min_price=make.yuan(97)))
    refusal = await refused(put(variant, TierPrice("retail", make.yuan(96))))
    assert isinstance(refusal, PriceBelowFloor)
    low = await refused(buy(await make.buyer(), variant, "low"))  # 95 stands, and is not sold
    assert isinstance(low, PriceBelowCost | checkout.StockShort)


# --- at order -------------------------------------------------------------------------------------


async def test_a_cost_that_rises_between_quote_and_purchase_makes_no_loss() -> None:
    """D7's own proof, with the floor in the purchase and the guard that goes upstream."""
    variant = await make.variant(price=make.yuan(90))
    offer = await make.offer(variant, make.yuan(80))
    await guard(min_margin_rate=500)
    buyer = await make.buyer()
    quote = await checkout.keep_quote(buyer, [LineWish(variant.sku, 2)])
    await costs(offer, make.yuan(88))
    for key, by_quote in (("quoted", quote.id), ("plain", None), ("plainer", None)):
        refusal = await refused(buy(buyer, variant, key, quantity=2, quote_id=by_quote))
        assert isinstance(refusal, PriceBelowCost)
    refusal = await refused(buy(buyer, variant, "later", quantity=2, by_channel=True))
    assert isinstance(refusal, PriceBelowCost)
    (row,) = await noted(InversionCause.ORDER)
    assert (row.refused, row.pieces, row.prevented) == (4, 8, 0)  # it covered the cost itself
    await costs(offer, make.yuan(95))
    await refused(buy(buyer, variant, "dear", quantity=3))
    (row,) = await noted(InversionCause.ORDER)
    assert (row.pieces, row.prevented, row.cost) == (11, make.yuan(15), make.yuan(95))
    assert await told("price.inverted") == 1
    assert [found for found in await find_violations() if found.violations] == []


async def test_what_may_be_paid_upstream_leaves_the_minimum_margin() -> None:
    variant = await make.variant(price=make.yuan(84))
    offer = await make.offer(variant, make.yuan(80))
    await guard(min_margin_rate=500)
    placed = await buy(await make.buyer(), variant, "key")
    assert placed.lines[0].max_unit_cost == make.yuan(80)
    await costs(offer, make.yuan(80) + 1)  # after the order: nobody is asked, the price goes back
    await fulfilment.fulfil_line(placed.lines[0].id)
    (line,) = (await checkout.service.orders.lines_of([placed.order.id]))[placed.order.id]
    assert line.failure_code == "NO_SUPPLIER"
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM fulfilment_attempts") == 0


async def test_a_fee_counts_into_the_cost() -> None:
    variant = await make.variant(price=make.yuan(84))
    offer = await make.offer(variant, make.yuan(80))
    await SupplierOffer.filter(id=offer.id).update(fee=make.yuan(5))
    assert isinstance(await refused(buy(await make.buyer(), variant, "key")), PriceBelowCost)


async def test_a_guard_of_a_site_counts_there() -> None:
    variant = await make.variant(price=make.yuan(84), cards=2, unit_cost=make.yuan(80))
    there = await sites.save_site(make.OPERATOR, sites.SiteDraft("strict", "站", "Site", "CNY"))
    await guard(min_margin=make.yuan(10), site_id=there.id)
    buyer = await make.buyer()
    assert isinstance(
        await refused(buy(replace(buyer, site_id=there.id), variant, "there")), PriceBelowCost
    )
    await buy(buyer, variant, "here")


async def test_a_crowd_at_a_wrong_price_is_one_story() -> None:
    variant = await make.variant(price=make.yuan(70))
    await make.offer(variant, make.yuan(80))
    buyers = [await make.buyer() for _ in range(8)]
    tries = (refused(buy(each, variant, "key")) for each in buyers)
    assert all(isinstance(each, PriceBelowCost) for each in await asyncio.gather(*tries))
    (row,) = await noted(InversionCause.ORDER)
    assert (row.refused, row.prevented) == (8, make.yuan(80))
    report = await priceguard.inversion_report(make.OPERATOR, row.opened_at, clock.now())
    assert [(each.cause, each.refused) for each in report] == [(InversionCause.ORDER, 8)]


# --- when a cost changes --------------------------------------------------------------------------


async def test_a_price_that_a_cost_overtakes_is_raised_and_lowered_again() -> None:
    variant = await make.variant(
        price=make.yuan(90), tier_prices={Tier.SILVER: make.yuan(86), Tier.GOLD: make.yuan(85)}
    )
    await Price.filter(variant_id=variant.id, tier="retail").update(compare_at=make.yuan(100))
    offer = await make.offer(variant, make.yuan(80))
    await guard(GuardAction.RAISE_TO_FLOOR, min_margin_rate=100)
    assert await pricing.watch_prices() == 0
    await costs(offer, make.yuan("88.0099"))
    assert await pricing.watch_prices() == 1
    floor = make.yuan("88.89")
    raised_to = {"retail": make.yuan(90), "silver": floor, "gold": floor}
    assert await prices_of(variant) == raised_to
    rows = await noted(InversionCause.COST)
    assert {(row.tier, row.price, row.raised_to) for row in rows} == {
        ("gold", make.yuan(85), floor),
        ("silver", make.yuan(86), floor),
    }
    assert await pricing.watch_prices() == 0
    await costs(offer, make.yuan("99.005"))
    assert await pricing.watch_prices([variant.id]) == 1
    assert (await prices_of(variant))["retail"] == make.yuan(100)  # of 99.99505, as it can be paid
    listed = await Price.get(variant_id=variant.id, tier="retail")
    assert listed.compare_at is None
    await costs(offer, make.yuan(80))
    assert await pricing.watch_prices() == 1
    after = {"retail": make.yuan(90), "silver": make.yuan(86), "gold": make.yuan(85)}
    assert await prices_of(variant) == after
    assert all(row.closed_at for row in await noted(InversionCause.COST))
    assert (await told("price.inverted"), await told("price.recovered")) == (3, 3)


async def test_a_raised_price_that_somebody_changes_stays_as_it_is() -> None:
    variant = await make.variant(price=make.yuan(90))
    offer = await make.offer(variant, make.yuan(95))
    await guard(GuardAction.RAISE_TO_FLOOR)
    await pricing.watch_prices()
    await put(variant, TierPrice("retail", make.yuan(97)))
    await costs(offer, make.yuan(80))
    assert await pricing.watch_prices() == 1  # only its inversion is over
    assert await prices_of(variant) == {"retail": make.yuan(97)}
    assert await pricing.watch_prices() == 0


async def test_a_variant_is_off_the_shelf_until_its_price_covers_the_cost_again() -> None:
    variant = await make.variant(price=make.yuan(90))
    offer = await make.offer(variant, make.yuan(95))
    await guard(GuardAction.HIDE_VARIANT)
    assert await pricing.watch_prices() == 1
    refusal = await refused(buy(await make.buyer(), variant, "key"))
    assert isinstance(refusal, NotForSale)
    assert refusal.reason == "price_inverted"
    shown = await catalog.variants_of([variant.product_id])
    assert shown[variant.product_id] == []
    assert (await catalog.list_variants(PAGE)).rows == []
    assert (await catalog.Variant.get(id=variant.id)).status == "active"
    await costs(offer, make.yuan(90))
    assert await pricing.watch_prices() == 1
    assert len((await catalog.variants_of([variant.product_id]))[variant.product_id]) == 1
    assert [row.closed_at is None for row in await noted(InversionCause.COST)] == [False]


async def test_a_price_that_is_only_refused_stands_and_is_told_once() -> None:
    variant = await make.variant(price=make.yuan(90))
    await make.offer(variant, make.yuan(95))
    assert await pricing.watch_prices() == 1
    assert await pricing.watch_prices() == 0
    assert await prices_of(variant) == {"retail": make.yuan(90)}
    page = await priceguard.list_inversions(make.OPERATOR, PAGE, open_only=True)
    assert [row.action for row in page.rows] == [GuardAction.REJECT]
    await put(variant, TierPrice("retail", make.yuan(95)))
    assert await pricing.watch_prices() == 1
    assert (await priceguard.list_inversions(make.OPERATOR, PAGE, open_only=True)).rows == []


async def test_two_that_look_at_once_act_once() -> None:
    variant = await make.variant(price=make.yuan(90))
    await make.offer(variant, make.yuan(95))
    await guard(GuardAction.RAISE_TO_FLOOR)
    found = await asyncio.gather(*(pricing.watch_prices() for _ in range(6)))
    assert sum(found) == 1
    assert len(await noted(InversionCause.COST)) == 1
