"""Filters, orders and facets over GraphQL: what they find, how they page, what they refuse."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import catalog, orders
from domain.agents import Tier
from domain.catalog import DeliveryKind, ListingStatus
from domain.catalog.filters import MAX_DEPTH, ProductFilter, check_filter
from domain.catalog.models import Category, Product
from domain.checkout import LineWish, Purchase, place_order
from domain.kernel import (
    ANONYMOUS,
    Actor,
    ActorKind,
    Prefix,
    Refused,
    clock,
    connection,
    encode_id,
    page_request,
)
from jobs import schedule
from schema.shop import schema
from tests import make
from tests.api.asking import ask, data_of
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
LIST = """query List($first: Int, $after: String, $text: String, $filter: ProductFilter,
    $sort: ProductSort!) {
  products(first: $first, after: $after, query: $text, filter: $filter, sort: $sort) {
    nodes { slug } pageInfo { hasNextPage endCursor } } }"""
FACETS = """query Facets($text: String, $filter: ProductFilter) {
  productFacets(query: $text, filter: $filter) { total exact
    categories { value label count } brands { value label count } deliveryKinds { value count }
    regions { value count } tags { value count }
    attributes { key label kind unit values { value label count } } } }"""


async def listed(actor: Actor = ANONYMOUS, **asked: Any) -> list[str]:
    """Slugs of all pages, two products a page."""
    found: list[str] = []
    after = None
    while True:
        variables = {"sort": "SHELF", **asked, "first": 2, "after": after}
        page = (await data_of(schema, LIST, actor, **variables))["products"]
        found += [node["slug"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(found) == len(set(found))
            return found
        after = page["pageInfo"]["endCursor"]


async def put(slug: str, price: int = 10, **changes: Any) -> Product:
    """A product of this short name with one variant at this price in yuan."""
    product = await make.product(ListingStatus.SUBMITTED)
    attributes = changes.pop("attributes", {})
    variant = {
        name: changes.pop(name) for name in ("delivery_kind", "tier_prices") if name in changes
    }
    await Product.filter(id=product.id).update(slug=slug, attributes=attributes, **changes)
    await Product.filter(id=product.id).update(status=ListingStatus.APPROVED)
    await make.variant(of=product, price=make.yuan(price), **variant)
    return await Product.get(id=product.id)


async def attribute(key: str, kind: str, **changes: Any) -> catalog.Attribute:
    draft = catalog.AttributeDraft(key, kind, f"{key}中", key.title(), facetable=True, **changes)
    return await catalog.save_attribute(make.OPERATOR, draft)


async def shop() -> dict[str, Product]:
    """Four products that differ in everything a filter asks for."""
    await attribute("platform", "text")
    await attribute("days", "number", unit="d")
    return {
        "steam": await put(
            "steam", 50, brand="Valve", region="CN", tags=["hot", "game"], position=1,
            attributes={"platform": ["Steam"]},
        ),
        "xbox": await put(
            "xbox", 30, brand="Microsoft", region="US", tags=["game"], position=2,
            attributes={"platform": ["Xbox", "PC"]},
        ),
        "office": await put(
            "office", 90, brand="Microsoft", region="GLOBAL", position=3,
            attributes={"days": [365]},
        ),
        "phone": await put(
            "phone", 10, region="CN", position=4,
            delivery_kind=DeliveryKind.DIRECT_TOPUP, attributes={"days": [30]},
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "steam xbox office phone"),
        ({"brand": ["microsoft"]}, "xbox office"),
        ({"brand": ["microsoft", "valve"]}, "steam xbox office"),
        ({"brand": []}, ""),
        ({"region": ["CN"]}, "steam phone"),
        ({"tag": ["game"]}, "steam xbox"),
        ({"tag": ["hot", "new"]}, "steam"),
        ({"deliveryKind": ["DIRECT_TOPUP"]}, "phone"),
        ({"priceFrom": "30"}, "steam xbox office"),
        ({"priceFrom": "30", "priceTo": "50.00"}, "steam xbox"),
        ({"priceTo": "9.99"}, ""),
        ({"attributes": [{"key": "platform", "anyOf": ["PC"]}]}, "xbox"),
        ({"attributes": [{"key": "platform"}]}, "steam xbox"),
        ({"attributes": [{"key": "days", "atLeast": 31}]}, "office"),
        ({"attributes": [{"key": "days", "atLeast": 30, "atMost": 30}]}, "phone"),
        ({"attributes": [{"key": "days", "anyOf": ["30"]}]}, "phone"),
        ({"attributes": [{"key": "platform", "atLeast": 1}]}, ""),
        ({"and": [{"brand": ["microsoft"]}, {"tag": ["game"]}]}, "xbox"),
        ({"or": [{"brand": ["valve"]}, {"region": ["GLOBAL"]}]}, "steam office"),
        ({"or": []}, ""),
        ({"and": []}, "steam xbox office phone"),
        ({"not": {"brand": ["microsoft"]}}, "steam phone"),
        ({"not": {"not": {"brand": ["microsoft"]}}}, "xbox office"),
        ({"region": ["CN"], "not": {"priceTo": "20"}}, "steam"),
    ],
)
async def test_a_filter_finds_what_holds(wanted: dict[str, Any], found: str) -> None:
    await shop()
    assert await listed(filter=wanted) == found.split()


async def test_a_category_means_all_below_it() -> None:
    goods = await shop()
    above = goods["steam"].category_id
    await Category.filter(id=goods["phone"].category_id).update(parent_id=above)
    public = encode_id(Prefix.CATEGORY, above)
    assert await listed(filter={"category": [public]}) == ["steam", "phone"]
    other = encode_id(Prefix.CATEGORY, goods["office"].category_id)
    assert await listed(filter={"category": [other, public]}) == ["steam", "office", "phone"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("SHELF", "steam xbox office phone"),
        ("RELEVANCE", "steam xbox office phone"),
        ("NEWEST", "phone office xbox steam"),
        ("PRICE_ASC", "phone xbox steam office free"),
        ("PRICE_DESC", "office steam xbox phone free"),
    ],
)
async def test_each_order_pages_without_gap_or_repeat(sort: str, order: str) -> None:
    await shop()
    if sort.startswith("PRICE"):
        product = await put("free")
        async with connection() as conn:
            await conn.execute(
                "DELETE FROM prices WHERE variant_id IN"
                " (SELECT id FROM variants WHERE product_id = $1)",
                product.id,
            )
    assert await listed(sort=sort) == order.split()


async def test_an_agent_sorts_and_filters_by_its_own_prices() -> None:
    await put("a", 50, tier_prices={Tier.GOLD: make.yuan(20)})
    await put("b", 40)
    agent = await make.agent(tier=Tier.GOLD)
    actor = Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    assert await listed(sort="PRICE_ASC") == ["b", "a"]
    assert await listed(actor, sort="PRICE_ASC") == ["a", "b"]
    assert await listed(actor, filter={"priceTo": "30"}) == ["a"]
    assert await listed(filter={"priceTo": "30"}) == []


async def test_what_was_sold_most_comes_first_once_it_is_counted() -> None:
    goods = {slug: await put(slug, 90) for slug in ("few", "many", "none")}
    buyer = await make.buyer()
    for slug, pieces in (("few", 1), ("many", 3)):
        (variant,) = (await catalog.variants_of([goods[slug].id]))[goods[slug].id]
        row = await catalog.Variant.get(id=variant.id)
        await make.stock(row, pieces)
        await place_order(buyer, Purchase((LineWish(variant.sku, pieces),), slug))
    assert await listed(sort="SALES_DESC") == ["none", "many", "few"]  # by id: nothing is counted
    assert await schedule.count_sales() == 2
    assert await schedule.count_sales() == 0
    assert await listed(sort="SALES_DESC") == ["many", "few", "none"]
    assert await orders.sold_since(clock.now()) == {}
    assert await catalog.remember_sales({}) == 2
    assert {row.sold_lately for row in await Product.all()} == {0}


async def test_the_better_match_comes_first() -> None:
    for slug, name, terms in (
        ("inside", "My Steam card", {}),
        ("begins", "Steam wallet", {}),
        ("equal", "STEAM", {}),
        ("tagged", "Wallet", {"tags": ["steam"]}),
    ):
        await put(slug, name_en=name, search_terms=["steam"], **terms)
    assert await listed(text="steam") == ["inside", "begins", "equal", "tagged"]
    assert await listed(text="Steam", sort="RELEVANCE") == [
        "equal", "begins", "inside", "tagged",
    ]  # fmt: skip
    assert await listed(text="!!", sort="RELEVANCE") == []


async def test_a_cursor_of_another_order_is_refused() -> None:
    await shop()
    page = (await data_of(schema, LIST, first=1, sort="PRICE_ASC"))["products"]
    after = page["pageInfo"]["endCursor"]
    result = await ask(schema, LIST, first=1, after=after, sort="SHELF")
    assert result.errors[0].extensions["code"] == "INVALID"


async def test_facets_count_what_was_found() -> None:
    goods = await shop()
    found = (await data_of(schema, FACETS, language="zh"))["productFacets"]
    assert (found["total"], found["exact"]) == (4, True)
    assert found["brands"] == [
        {"value": "microsoft", "label": "Microsoft", "count": 2},
        {"value": "valve", "label": "Valve", "count": 1},
    ]
    assert found["deliveryKinds"] == [
        {"value": "CARD_CODE", "count": 3}, {"value": "DIRECT_TOPUP", "count": 1},
    ]  # fmt: skip
    assert found["regions"] == [
        {"value": "CN", "count": 2}, {"value": "GLOBAL", "count": 1}, {"value": "US", "count": 1},
    ]  # fmt: skip
    assert found["tags"] == [{"value": "game", "count": 2}, {"value": "hot", "count": 1}]
    assert found["attributes"] == [
        {
            "key": "days", "label": "days中", "kind": "NUMBER", "unit": "d",
            "values": [
                {"value": "30", "label": "30", "count": 1},
                {"value": "365", "label": "365", "count": 1},
            ],
        },
        {
            "key": "platform", "label": "platform中", "kind": "TEXT", "unit": "",
            "values": [
                {"value": "PC", "label": "PC", "count": 1},
                {"value": "Steam", "label": "Steam", "count": 1},
                {"value": "Xbox", "label": "Xbox", "count": 1},
            ],
        },
    ]  # fmt: skip
    assert {(each["value"], each["count"]) for each in found["categories"]} == {
        (encode_id(Prefix.CATEGORY, each.category_id), 1) for each in goods.values()
    }
    # Each value of a facet is what a filter takes, and finds as many as were counted.
    for each in found["brands"]:
        assert len(await listed(filter={"brand": [each["value"]]})) == each["count"]
    for each in found["categories"]:
        assert len(await listed(filter={"category": [each["value"]]})) == each["count"]
    for facet in found["attributes"]:
        for each in facet["values"]:
            wanted = {"attributes": [{"key": facet["key"], "anyOf": [each["value"]]}]}
            assert len(await listed(filter=wanted)) == each["count"]
    narrow = await data_of(schema, FACETS, filter={"brand": ["valve"], "priceTo": "60"})
    assert narrow["productFacets"]["total"] == 1
    assert narrow["productFacets"]["tags"] == [
        {"value": "game", "count": 1}, {"value": "hot", "count": 1},
    ]  # fmt: skip
    nothing = (await data_of(schema, FACETS, text="!!"))["productFacets"]
    assert (nothing["total"], nothing["tags"]) == (0, [])


async def test_facets_and_lists_keep_to_the_place() -> None:
    await shop()
    await Product.filter(slug="steam").update(only_regions=["CN"])
    found = (await data_of(schema, FACETS))["productFacets"]
    assert found["total"] == 3
    assert {each["value"] for each in found["brands"]} == {"microsoft"}


def nested(depth: int, key: str = "not") -> dict[str, Any]:
    wanted: dict[str, Any] = {"tag": ["x"]}
    for _ in range(depth):
        wanted = {key: wanted if key == "not" else [wanted]}
    return wanted


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(nested(MAX_DEPTH), id="one level too deep"),
        pytest.param({"or": [{"tag": ["x"]}] * 51}, id="long list of parts"),
        pytest.param({"tag": ["x"] * 51}, id="long list of values"),
        pytest.param({"tag": ["x" * 97]}, id="long value"),
        pytest.param({"tag": ["x\0"]}, id="what no text may hold"),
        pytest.param(
            {"and": [{"or": [{"tag": ["x"], "region": ["x"]}] * 30}] * 4}, id="many conditions"
        ),
        pytest.param({"attributes": [{"key": "k"}] * 51}, id="many attributes"),
        pytest.param({"attributes": [{"key": "k", "anyOf": ["x"] * 51}]}, id="many values"),
        pytest.param({"attributes": [{"key": "k" * 97}]}, id="long key"),
    ],
)
async def test_a_filter_that_is_too_large_is_refused(wanted: dict[str, Any]) -> None:
    for query in (LIST, FACETS):
        result = await ask(
            schema, query, filter=wanted, **({"sort": "SHELF"} if query is LIST else {})
        )
        assert [error.extensions["code"] for error in result.errors] == ["INVALID"], result.errors
        assert "filter is too large" in result.errors[0].message


async def test_an_abyss_of_a_filter_is_refused_before_it_is_read() -> None:
    result = await ask(schema, LIST, sort="SHELF", filter=nested(900, "and"))
    assert result.errors[0].extensions["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_a_filter_at_the_limit_is_answered() -> None:
    await put("x", tags=["x"])
    assert await listed(filter=nested(MAX_DEPTH - 1, "and")) == ["x"]
    wide = {"or": [{"tag": ["x"]}] * 50}
    assert await listed(filter=wide) == ["x"]


def test_no_more_of_a_filter_is_looked_at_than_is_allowed() -> None:
    """The limit is met before the tree is walked: a billion leaves take no time."""
    wanted = ProductFilter(tag=["x"])
    for _ in range(40):
        wanted = ProductFilter(all_of=[wanted] * 50)
    with pytest.raises(Refused):
        check_filter(wanted)


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\0"), max_size=30
)
hostile = st.sampled_from(
    ["' OR 1=1 --", "$1", "{0}", "{}", "%s", "\\", '"', "';DROP TABLE products;--", "{moment}", "]"]
)
words = st.lists(texts | hostile, max_size=3)
numbers = st.integers(-(2**31), 2**31 - 1)
leaf = st.fixed_dictionaries(
    {},
    optional={
        "brand": words,
        "region": words,
        "tag": words,
        "deliveryKind": st.lists(st.sampled_from(["CARD_CODE", "LINK"]), max_size=2),
        "priceFrom": st.integers(-(10**9), 10**9).map(str),
        "priceTo": st.integers(-(10**9), 10**9).map(str),
        "attributes": st.lists(
            st.fixed_dictionaries(
                {"key": texts | hostile},
                optional={"anyOf": words, "atLeast": numbers, "atMost": numbers},
            ),
            max_size=2,
        ),
    },
)
filters = st.recursive(
    leaf,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "and": st.lists(inner, max_size=2), "or": st.lists(inner, max_size=2), "not": inner,
        },
    ),
    max_leaves=6,
)  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    wanted=filters,
    query=texts | hostile,
    sort=st.sampled_from(["SHELF", "RELEVANCE", "NEWEST", "PRICE_ASC", "PRICE_DESC", "SALES_DESC"]),
)
async def test_no_text_becomes_part_of_a_statement(
    wanted: dict[str, Any], query: str, sort: str
) -> None:
    """Whatever is sent is answered or refused with a code; nothing is a fault of the database."""
    asked = {"text": query, "filter": wanted}
    for document, more in ((LIST, {"sort": sort, "first": 2}), (FACETS, {})):
        result = await ask(schema, document, **asked, **more)
        for error in result.errors or ():
            assert error.extensions["code"] == "INVALID", error
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM sites") == 1


async def test_a_plain_page_is_asked_for_as_before() -> None:
    """The list without filter costs no more statements than its own one."""
    await shop()
    await catalog.list_products(page_request("p", 20, None))
    async with count_statements() as seen:
        page = await catalog.list_products(page_request("p", 20, None))
    assert len(page.rows) == 4
    assert len(seen) == 1
    assert "price" not in seen[0]
    assert "translations" not in seen[0]


async def test_the_name_of_a_shelf_finds_what_stands_on_it() -> None:
    """游戏 finds what stands on 游戏点卡, below it too, whatever the products are called."""
    games = await catalog.save_category(
        make.OPERATOR, catalog.CategoryDraft("games", "游戏点卡", "Game cards", "")
    )
    below = await catalog.save_category(
        make.OPERATOR, catalog.CategoryDraft("platform", "蒸汽平台", "Platform", "games")
    )
    await put("wallet-code", category_id=games.id)
    await put("points", category_id=below.id)
    await put("elsewhere")
    for text in ("游戏", "点卡", "youxi", "yx", "game", "Game cards"):
        assert sorted(await listed(text=text)) == ["points", "wallet-code"], text
    assert await listed(text="蒸汽") == ["points"]
    assert await listed(text="游戏 蒸汽") == []
    found = (await data_of(schema, FACETS, text="游戏"))["productFacets"]
    assert found["total"] == 2
