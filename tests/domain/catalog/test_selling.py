"""Where, when and at which site something is sold, and for how long it is good (rows A2, A11)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from domain import catalog, orders, sites
from domain.catalog import ListingStatus, ProductTerms, SelectionRule, VariantTerms
from domain.catalog.models import AssortmentRule, Category, Product, Variant
from domain.checkout import LineWish, NotForSale, Purchase, place_order
from domain.kernel import Actor, ActorKind, Refused, clock, connection, page_request
from domain.sites import Assortment
from tests import make

pytestmark = pytest.mark.usefixtures("db")
DAY = timedelta(days=1)


async def site(slug: str, **changes: Any) -> sites.Site:
    values: dict[str, Any] = {"name_zh": "站", "name_en": "Site", "currency": "CNY", **changes}
    return await sites.save_site(make.OPERATOR, sites.SiteDraft(slug=slug, **values))


async def select(at: sites.Site, default: Assortment, *rules: SelectionRule) -> sites.Site:
    return await catalog.select_assortment(make.OPERATOR, at.id, default, rules)


async def listed(at: sites.Site | None = None, **changes: Any) -> set[Any]:
    """The products that a site's list, its single pages and its partners' list show; all agree."""
    place = catalog.MAIN if at is None else catalog.place_of(at)
    page = await catalog.list_products(page_request("p", 100, None), place=place, **changes)
    shown = {row.id for row in page.rows}
    if not changes:
        everything = [row.id for row in await Product.all()]
        single = {
            each
            for each in everything
            if await catalog.find_product(product_id=each, place=place) is not None
        }
        partner = await catalog.list_variants(page_request("c", 100, None), place=place)
        assert single == shown
        assert {row.product_id for row in partner.rows} == shown
    return shown


async def bought(variant: Variant, buyer: Actor, at: sites.Site | None = None) -> str:
    there = buyer if at is None else replace(buyer, site_id=at.id)
    key = f"{variant.sku}{at and at.slug}{clock.now()}"
    try:
        await place_order(there, Purchase((LineWish(variant.sku, 1),), key))
    except Refused as refused:
        refusal = refused.refusals[0]
        assert isinstance(refusal, NotForSale), refusal
        return refusal.reason
    return "bought"


async def refused(what: Any) -> list[str]:
    with pytest.raises(Refused) as caught:
        await what
    return [".".join((refusal.code, *refusal.field)) for refusal in caught.value.refusals]


async def test_two_sites_show_and_sell_different_lists() -> None:
    games, music, both = [await make.variant(cards=5) for _ in range(3)]
    buyer, north, south = await make.buyer(), await site("north"), await site("south")
    north = await select(
        north,
        Assortment.ONLY,
        SelectionRule(True, product_id=games.product_id),
        SelectionRule(True, product_id=both.product_id),
    )
    south = await select(
        south, Assortment.EXCEPT, SelectionRule(False, product_id=games.product_id)
    )
    of = {row: row.product_id for row in (games, music, both)}
    assert await listed(north) == {of[games], of[both]}
    assert await listed(south) == {of[music], of[both]}
    assert await listed() == set(of.values())
    assert await bought(games, buyer, north) == "bought"
    assert await bought(games, buyer, south) == "not_sold_here"
    assert await bought(music, buyer, north) == "not_sold_here"
    assert await bought(music, buyer, south) == "bought"
    assert await bought(music, buyer) == "bought"


async def test_a_products_own_rule_comes_before_its_shelf_and_that_before_the_one_above() -> None:
    inner, other = await make.variant(cards=1), await make.variant(cards=1)
    product = await Product.get(id=inner.product_id)
    above = (await Product.get(id=other.product_id)).category_id
    await Category.filter(id=product.category_id).update(parent_id=above)
    north, buyer = await site("north"), await make.buyer()
    of_above = SelectionRule(False, category_id=above)
    of_shelf = SelectionRule(True, category_id=product.category_id)
    of_product = SelectionRule(False, product_id=product.id)
    cases: list[tuple[tuple[SelectionRule, ...], set[Any]]] = [
        ((), {product.id, other.product_id}),
        ((of_above,), set()),
        ((of_above, of_shelf), {product.id}),
        ((of_above, of_shelf, of_product), set()),
        ((of_product,), {other.product_id}),
    ]
    for rules, shown in cases:
        north = await select(north, Assortment.EXCEPT, *rules)
        assert await listed(north) == shown, rules
        expected = "bought" if product.id in shown else "not_sold_here"
        await make.stock(inner, 1)
        assert await bought(inner, buyer, north) == expected, rules
    assert await AssortmentRule.all().count() == 1
    assert (await sites.get_site(north.id)).version == 6


async def test_rules_wait_while_a_site_sells_everything() -> None:
    variant, north = await make.variant(cards=1), await site("north")
    rule = SelectionRule(False, product_id=variant.product_id)
    north = await select(north, Assortment.EVERYTHING, rule)
    assert await listed(north) == {variant.product_id}
    assert await bought(variant, await make.buyer(), north) == "bought"


async def test_a_wrong_selection_changes_nothing() -> None:
    variant, north = await make.variant(), await site("north")
    rule = SelectionRule(True, product_id=variant.product_id)
    wrong = {
        "INVALID.rules": [rule] * 2_001,
        "INVALID.rules.0": [SelectionRule(True)],
        "INVALID.rules.1": [rule, replace(rule, included=False)],
        "NOT_FOUND.rules": [SelectionRule(True, product_id=north.id)],
    }
    for code, rules in wrong.items():
        asked = catalog.select_assortment(make.OPERATOR, north.id, Assortment.ONLY, rules)
        assert await refused(asked) == [code]
    stale = catalog.select_assortment(make.OPERATOR, north.id, Assortment.ONLY, [rule], 7)
    assert await refused(stale) == ["CONFLICT.expectedVersion"]
    nowhere = catalog.select_assortment(make.OPERATOR, variant.id, Assortment.ONLY, [rule])
    assert await refused(nowhere) == ["NOT_FOUND.siteId"]
    reader = Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"sites:read"}))
    asked = catalog.select_assortment(reader, north.id, Assortment.ONLY, [rule])
    assert await refused(asked) == ["FORBIDDEN"]
    assert await AssortmentRule.all().count() == 0
    assert (await sites.get_site(north.id)).assortment is Assortment.EVERYTHING
    async with connection() as conn:
        for values in ("NULL, NULL", "gen_random_uuid(), gen_random_uuid()"):
            with pytest.raises(asyncpg.CheckViolationError) as broken:
                await conn.execute(
                    "INSERT INTO assortment_rules (id, site_id, included, product_id, category_id)"
                    f" VALUES (gen_random_uuid(), $1, true, {values})",
                    north.id,
                )
            assert broken.value.constraint_name == "rule_of_one_thing"


@pytest.mark.parametrize(
    ("terms", "sold"),
    [
        (ProductTerms(), {"main", "cn", "us"}),
        (ProductTerms(only_regions=("CN", "HK")), {"cn"}),
        (ProductTerms(except_regions=("CN",)), {"main", "us"}),
        (ProductTerms(only_regions=("CN", "US"), except_regions=("US",)), {"cn"}),
    ],
)
async def test_a_product_is_sold_in_its_regions_only(terms: ProductTerms, sold: set[str]) -> None:
    variant, buyer = await make.variant(cards=5), await make.buyer()
    at: dict[str, sites.Site | None] = {
        "main": None,
        "cn": await site("cn", region="CN"),
        "us": await site("us", region="US"),
    }
    saved = await catalog.set_product_terms(make.OPERATOR, variant.product_id, terms)
    assert saved.status is ListingStatus.APPROVED
    for name, place in at.items():
        here = name in sold
        assert await listed(place) == ({variant.product_id} if here else set())
        assert await bought(variant, buyer, place) == ("bought" if here else "not_sold_here")


async def test_a_closed_site_sells_nothing_whatever_is_remembered_of_it() -> None:
    variant, north = await make.variant(cards=1), await site("north")
    async with connection() as conn:
        await conn.execute("UPDATE sites SET status = 'closed' WHERE id = $1", north.id)
    assert await bought(variant, await make.buyer(), north) == "site_closed"


@pytest.mark.parametrize("of", ["product", "variant"])
async def test_nothing_is_sold_before_its_window_opens_or_after_it_closes(of: str) -> None:
    variant, buyer = await make.variant(cards=5), await make.buyer()
    start = clock.now()
    window = {"on_sale_from": start + DAY, "on_sale_until": start + 3 * DAY}
    if of == "product":
        await catalog.set_product_terms(make.OPERATOR, variant.product_id, ProductTerms(**window))
    else:
        await catalog.set_variant_terms(make.OPERATOR, variant.id, VariantTerms(**window))
    told = {0: "not_on_sale_yet", 1: "bought", 2: "bought", 3: "sale_ended"}
    for days, expected in told.items():
        moment = start + days * DAY
        with clock.fixed(lambda moment=moment: moment):
            assert await bought(variant, buyer) == expected
            variants = (await catalog.variants_of([variant.product_id]))[variant.product_id]
            shown = await catalog.list_products(page_request("p", 9, None))
            over = days == 3
            assert len(shown.rows) == (0 if over and of == "product" else 1)
            assert len(variants) == (0 if over and of == "variant" else 1)
            if variants and of == "variant":
                assert variants[0].on_sale_from == window["on_sale_from"]


async def test_a_window_that_never_opens_is_refused() -> None:
    variant, start = await make.variant(), clock.now()
    backwards = {"on_sale_from": start, "on_sale_until": start}
    for asked in (
        catalog.set_product_terms(make.OPERATOR, variant.product_id, ProductTerms(**backwards)),
        catalog.set_variant_terms(make.OPERATOR, variant.id, VariantTerms(**backwards)),
    ):
        assert await refused(asked) == ["INVALID.onSaleUntil"]
    for days in (0, 3_651):
        terms = VariantTerms(valid_days_after_sale=days)
        asked = catalog.set_variant_terms(make.OPERATOR, variant.id, terms)
        assert await refused(asked) == ["INVALID.validDaysAfterSale"]
    wrong = ProductTerms(only_regions=("",))
    asked = catalog.set_product_terms(make.OPERATOR, variant.product_id, wrong)
    assert await refused(asked) == ["INVALID.onlyRegions"]
    assert (await Variant.get(id=variant.id)).version == 1
    assert (await Product.get(id=variant.product_id)).version == 1
    async with connection() as conn:
        for statement, name in (
            (
                "UPDATE products SET on_sale_from = now(), on_sale_until = now()",
                "product_window_open",
            ),
            (
                "UPDATE variants SET on_sale_from = now(), on_sale_until = now()",
                "variant_window_open",
            ),
            ("UPDATE variants SET valid_days_after_sale = 0", "variant_valid_days"),
        ):
            with pytest.raises(asyncpg.CheckViolationError) as broken:
                await conn.execute(statement)
            assert broken.value.constraint_name == name


async def test_a_card_is_good_for_so_many_days_from_its_sale_on() -> None:
    variant, buyer = await make.variant(cards=3), await make.buyer()
    terms = VariantTerms(valid_days_after_sale=30)
    await catalog.set_variant_terms(make.OPERATOR, variant.id, terms)
    assert (await Product.get(id=variant.product_id)).status is ListingStatus.SUBMITTED
    await Product.filter(id=variant.product_id).update(status=ListingStatus.APPROVED)
    moment = datetime(2030, 1, 31, 23, 30, tzinfo=UTC)
    with clock.fixed(lambda: moment):
        placed = await place_order(buyer, Purchase((LineWish(variant.sku, 2),), "key"))
    assert placed.cards is not None
    ((cards),) = placed.cards.values()
    assert {f"{card.expires_on}" for card in cards} == {"2030-03-02"}
    async with connection() as conn:
        stored = await conn.fetch("SELECT expires_on, state FROM cards ORDER BY state")
        assert [(str(row["expires_on"]), row["state"]) for row in stored] == [
            ("None", "available"), ("2030-03-02", "sold"), ("2030-03-02", "sold"),
        ]  # fmt: skip
    # What was promised then stands, whatever is promised later.
    await catalog.set_variant_terms(make.OPERATOR, variant.id, VariantTerms())
    opened = await orders.reveal_cards(buyer, placed.order.id, None)
    assert {f"{card.expires_on}" for card in opened} == {"2030-03-02"}


async def test_a_cards_own_last_day_is_kept_when_it_comes_first() -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    async with connection() as conn:
        await conn.execute("UPDATE cards SET expires_on = '2030-02-10'")
    await Variant.filter(id=variant.id).update(valid_days_after_sale=30)
    moment = datetime(2030, 1, 31, tzinfo=UTC)
    with clock.fixed(lambda: moment):
        placed = await place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    assert placed.cards is not None
    assert [f"{card.expires_on}" for each in placed.cards.values() for card in each] == [
        "2030-02-10"
    ]
