"""Price lists: which price a buyer sees and pays, and what became of each price (row A9)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import catalog, pricing, sites
from domain.agents import Tier
from domain.checkout import LineWish, NotForSale, Purchase, place_order
from domain.kernel import Actor, ActorKind, Refused, clock, connection, page_request
from domain.pricing import PriceList, PriceListDraft, TierPrice
from domain.pricing.models import Price, PriceChange
from tests import make

pytestmark = pytest.mark.usefixtures("db")
DAY = timedelta(days=1)


async def price_list(code: str, **changes: Any) -> PriceList:
    draft = replace(PriceListDraft(code, "表", "List", "CNY"), **changes)
    return await pricing.save_price_list(make.OPERATOR, draft)


async def put(variant: catalog.Variant, listed: PriceList | None, **prices: int) -> None:
    given = [TierPrice(tier, make.yuan(amount)) for tier, amount in prices.items()]
    code = None if listed is None else listed.code
    await pricing.set_prices(make.OPERATOR, variant.id, given, list_code=code)


async def site(slug: str, **changes: Any) -> sites.Site:
    draft = replace(sites.SiteDraft(slug, "站", "Site", "CNY"), **changes)
    return await sites.save_site(make.OPERATOR, draft)


async def seen(
    variant: catalog.Variant, tier: str = "retail", at: UUID = sites.MAIN_ID, currency: str = "CNY"
) -> int | None:
    found = (await pricing.prices_of([variant.id], tier, currency, at)).get(variant.id)
    return found.price.units // 10_000 if found else None


async def paid(variant: catalog.Variant, buyer: Actor, at: UUID = sites.MAIN_ID) -> int | str:
    there = replace(buyer, site_id=at)
    key = f"{at}{clock.now()}"
    try:
        placed = await place_order(there, Purchase((LineWish(variant.sku, 1),), key))
    except Refused as refused:
        refusal = refused.refusals[0]
        assert isinstance(refusal, NotForSale), refusal
        return refusal.reason
    return placed.order.total // 10_000


async def refused(what: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        await what
    return [".".join((refusal.code, *refusal.field)) for refusal in caught.value.refusals]


async def test_a_price_without_a_list_stands_on_its_currencys_base_list() -> None:
    variant = await make.variant(price=make.yuan(49))
    usd = [TierPrice("retail", make.yuan(7))]
    await pricing.set_prices(make.OPERATOR, variant.id, usd, "USD")
    lists = {row.code: row for row in await PriceList.all()}
    assert {code: row.currency for code, row in lists.items()} == {
        "base-cny": "CNY", "base-usd": "USD",
    }  # fmt: skip
    placed = {row.list_id: row.amount for row in await Price.all()}
    assert placed == {lists["base-cny"].id: make.yuan(49), lists["base-usd"].id: make.yuan(7)}


async def test_the_order_of_the_lists_is_the_one_that_is_written_down() -> None:
    variant, buyer = await make.variant(price=make.yuan(60), cards=9), await make.buyer()
    north, south = await site("north"), await site("south")
    promo = await price_list("promo", priority=10)
    also = await price_list("also-promo", priority=10)
    weak = await price_list("weak", priority=5)
    of_site = await price_list("north-list", site_id=north.id)
    expected: dict[str, tuple[int, int]] = {}
    for name, listed, price, shown in (
        ("base alone", None, 60, (60, 60)),
        ("a list of all sites comes before it", weak, 58, (58, 58)),
        ("a higher priority comes first", promo, 57, (57, 57)),
        ("of two equal ones the alphabet tells", also, 59, (59, 59)),
        ("a site's own comes first there, whatever its priority", of_site, 61, (61, 59)),
    ):
        await put(variant, listed, retail=price)
        expected[name] = shown
        at = (await seen(variant, at=north.id), await seen(variant, at=south.id))
        assert at == shown, name
        assert (await paid(variant, buyer, north.id)) == shown[0], name
    assert await paid(variant, buyer, south.id) == 59


async def test_a_tier_has_its_price_on_the_chosen_list_or_retail_there() -> None:
    variant = await make.variant(
        price=make.yuan(60), tier_prices={Tier.GOLD: make.yuan(50)}, cards=3
    )
    agent = await make.agent(tier=Tier.GOLD)
    await make.top_up(agent.user_id, make.yuan(500))
    actor = Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    assert (await seen(variant, "gold"), await paid(variant, actor)) == (50, 50)
    promo = await price_list("promo", priority=1)
    await put(variant, promo, retail=55)
    assert (await seen(variant, "gold"), await paid(variant, actor)) == (55, 55)
    await put(variant, promo, gold=48)
    assert (await seen(variant, "gold"), await paid(variant, actor)) == (48, 48)
    assert await seen(variant) == 55


async def test_a_list_is_in_force_in_its_time_only() -> None:
    variant, buyer = await make.variant(price=make.yuan(60), cards=3), await make.buyer()
    start = clock.now()
    sale = await price_list("sale", valid_from=start + DAY, valid_until=start + 2 * DAY, priority=1)
    await put(variant, sale, retail=50)
    for days, price in ((0, 60), (1, 50), (2, 60)):
        moment = start + days * DAY
        with clock.fixed(lambda moment=moment: moment):
            assert (await seen(variant), await paid(variant, buyer)) == (price, price)


async def test_lists_are_sorted_and_filtered_by_the_price_that_is_shown() -> None:
    first, second = await make.variant(price=make.yuan(20)), await make.variant(price=make.yuan(30))
    north = await site("north")
    listed = await price_list("north-list", site_id=north.id)
    await put(second, listed, retail=10)
    for at, order in ((sites.MAIN_ID, [first, second]), (north.id, [second, first])):
        search = catalog.Search(
            sort=catalog.ProductSort.PRICE_ASC,
            prices=pricing.least_prices("retail", "CNY", at),
        )
        page = await catalog.list_products(page_request("p", 9, None), search=search)
        assert [row.id for row in page.rows] == [each.product_id for each in order]
        cheap = replace(search, wanted=catalog.ProductFilter(price_to=make.yuan(15)))
        found = await catalog.list_products(page_request("p", 9, None), search=cheap)
        assert [row.id for row in found.rows] == ([second.product_id] if at == north.id else [])


async def test_a_site_of_another_currency_shows_its_prices_and_takes_no_other_money() -> None:
    variant, buyer = await make.variant(price=make.yuan(49), cards=1), await make.buyer()
    usd = [TierPrice("retail", make.yuan(7))]
    await pricing.set_prices(make.OPERATOR, variant.id, usd, "USD")
    abroad = await site("abroad", currency="USD")
    assert await seen(variant, at=abroad.id, currency="USD") == 7
    assert await paid(variant, buyer, abroad.id) == "currency_not_payable"
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM orders") == 0
    assert await paid(variant, buyer) == 49


async def test_a_list_keeps_what_it_is() -> None:
    north = await site("north")
    made = await price_list("promo")
    draft = PriceListDraft("promo", "促销", "Promotion", "CNY", priority=3)
    saved = await pricing.save_price_list(make.OPERATOR, draft, list_id=made.id, expected_version=1)
    assert (saved.version, saved.priority, saved.name_zh) == (2, 3, "促销")
    for change, field in (
        ({"code": "other"}, "code"),
        ({"currency": "USD"}, "currency"),
        ({"site_id": north.id}, "siteId"),
    ):
        asked = pricing.save_price_list(make.OPERATOR, replace(draft, **change), list_id=made.id)
        assert await refused(asked) == [f"INVALID.{field}"]
    for statement in (
        "UPDATE price_lists SET currency = 'USD'",
        "UPDATE price_lists SET site_id = '00000000-0000-7000-8000-000000000001'",
        "DELETE FROM price_lists",
    ):
        async with connection() as conn:
            with pytest.raises(asyncpg.PostgresError) as broken:
                await conn.execute(statement)
            assert broken.value.constraint_name == "price_list_kept"
    assert (await PriceList.get(id=made.id)).version == 2


async def test_a_wrong_list_is_refused() -> None:
    moment = clock.now()
    await make.variant()
    base = await PriceList.get(code="base-cny")
    draft = PriceListDraft("promo", "表", "List", "CNY")
    wrong: dict[str, PriceListDraft] = {
        "INVALID.code": replace(draft, code="base-eur"),
        "INVALID.nameZh": replace(draft, name_zh=""),
        "INVALID.currency": replace(draft, currency="XXX"),
        "INVALID.validUntil": replace(draft, valid_from=moment, valid_until=moment),
        "INVALID.priority": replace(draft, priority=-1),
        "NOT_FOUND.siteId": replace(draft, site_id=UUID(int=7)),
    }
    for code, each in wrong.items():
        assert await refused(pricing.save_price_list(make.OPERATOR, each)) == [code]
    limited = replace(draft, code="base-cny", priority=5)
    asked = pricing.save_price_list(make.OPERATOR, limited, list_id=base.id)
    assert await refused(asked) == ["INVALID.priority"]
    reader = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"products:read"}))
    assert await refused(pricing.save_price_list(reader, draft)) == ["FORBIDDEN"]
    await price_list("promo")
    assert await refused(pricing.save_price_list(make.OPERATOR, draft)) == ["CONFLICT.code"]
    assert await PriceList.all().count() == 2


async def test_a_price_on_a_list_is_judged_as_any() -> None:
    variant = await make.variant(price=make.yuan(60))
    await price_list("promo")
    for prices, places in (
        ([TierPrice("gold", 10)], ["INVALID.prices"]),
        ([TierPrice("retail", 10_000), TierPrice("gold", 20_000)], ["INVALID.prices.1.amount"]),
    ):
        asked = pricing.set_prices(make.OPERATOR, variant.id, prices, list_code="promo")
        assert await refused(asked) == places
    asked = pricing.set_prices(
        make.OPERATOR, variant.id, [TierPrice("retail", 10_000)], list_code="none"
    )
    assert await refused(asked) == ["NOT_FOUND.listCode"]
    assert await Price.all().count() == 1


async def test_what_is_wrong_with_prices_is_said_once_and_of_the_price_that_causes_it() -> None:
    tiers = {Tier.BRONZE: make.yuan(48), Tier.SILVER: make.yuan(47), Tier.GOLD: make.yuan(46)}
    variant = await make.variant(price=make.yuan(50), tier_prices=tiers)
    await price_list("promo")
    all_but_retail = [TierPrice(tier.value, units) for tier, units in tiers.items()]
    for prices, listed, places in (
        # None of these is wrong: the retail price is missing, and that is one thing.
        (all_but_retail, "promo", ["INVALID.prices"]),
        # A retail price below all three that stand already is one fault, of that price.
        ([TierPrice("retail", make.yuan(40))], None, ["INVALID.prices.0.amount"]),
        (
            [TierPrice("gold", make.yuan(45)), TierPrice("bronze", make.yuan(46))],
            None,
            ["INVALID.prices.1.amount"],  # below silver's 47
        ),
        (
            [TierPrice("gold", make.yuan(49)), TierPrice("silver", 0)],
            None,
            ["INVALID.prices.1.amount", "INVALID.prices.0.amount"],
        ),
    ):
        asked = pricing.set_prices(make.OPERATOR, variant.id, prices, list_code=listed)
        assert await refused(asked) == places
    assert await Price.all().count() == 4


async def test_every_change_of_a_price_is_kept_with_who_and_when() -> None:
    variant = await make.variant(price=make.yuan(60))
    promo = await price_list("promo")
    await put(variant, None, retail=55)
    await put(variant, None, retail=55)  # changes nothing
    await put(variant, promo, retail=50)
    async with connection() as conn:
        await conn.execute("DELETE FROM prices WHERE list_id = $1", promo.id)
    page = await pricing.price_history(make.OPERATOR, variant.id, page_request("h", 9, None))
    lists = await pricing.price_lists_by_id([row.list_id for row in page.rows])
    told = [
        (lists[row.list_id].code, row.old_amount, row.new_amount, row.changed_by)
        for row in page.rows
    ]
    by = make.OPERATOR.user_id
    assert told == [
        ("promo", make.yuan(50), None, None),
        ("promo", None, make.yuan(50), by),
        ("base-cny", make.yuan(60), make.yuan(55), by),
        ("base-cny", None, make.yuan(60), None),
    ]
    async with connection() as conn:
        for statement in ("UPDATE price_changes SET new_amount = 1", "DELETE FROM price_changes"):
            with pytest.raises(asyncpg.PostgresError):
                await conn.execute(statement)
    assert await PriceChange.all().count() == 4


async def test_a_price_stays_in_the_currency_of_its_list() -> None:
    variant = await make.variant()
    async with connection() as conn:
        with pytest.raises(asyncpg.ForeignKeyViolationError) as broken:
            await conn.execute(
                "UPDATE prices SET currency = 'USD' WHERE variant_id = $1", variant.id
            )
    assert broken.value.constraint_name == "price_of_a_list"
