"""The catalogue over GraphQL: pages, search, own prices, and a fixed number of statements."""

from typing import Any

import pytest

from domain.agents import Tier
from domain.catalog import ListingStatus
from domain.kernel import ANONYMOUS, Actor
from schema.shop import schema
from tests import make
from tests.api.asking import ask, data_of
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
PAGE = """
query Page($first: Int, $after: String) { products(first: $first, after: $after) {
  edges { cursor } nodes { slug name category { slug }
    variants { sku price { amount } compareAtPrice { amount } stockLevel product { slug } } }
  pageInfo { hasNextPage endCursor } } }
"""


async def page(actor: Actor = ANONYMOUS, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await data_of(schema, PAGE, actor, **variables))["products"]
    return found


async def test_a_page_costs_as_many_statements_for_two_products_as_for_twenty() -> None:
    for _ in range(22):
        shelf = await make.product()
        for _ in range(2):
            await make.variant(of=shelf, cards=1)
    counted = {}
    for first in (2, 20):
        async with count_statements() as seen:
            found = await page(first=first)
        assert len(found["nodes"]) == first
        # All sites are read once in two seconds, not once a page.
        counted[first] = len([each for each in seen if 'FROM "sites"' not in each])
    assert counted[2] == counted[20] <= 8, counted


async def test_pages_follow_each_other_without_gap_or_repeat() -> None:
    slugs = [(await make.variant()).product_id for _ in range(7)]
    seen: list[str] = []
    after = None
    while True:
        found = await page(first=3, after=after)
        seen += [node["slug"] for node in found["nodes"]]
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
    assert len(seen) == len(set(seen)) == len(slugs)


@pytest.mark.parametrize("cursor", ["nonsense", "AAAA.BBBB"])
async def test_a_made_up_cursor_and_a_huge_page_are_refused(cursor: str) -> None:
    result = await ask(schema, PAGE, first=3, after=cursor)
    assert result.errors[0].extensions["code"] == "INVALID"
    result = await ask(schema, PAGE, first=100_000)
    assert result.errors


async def test_an_agent_sees_its_own_price_and_others_the_retail_price() -> None:
    await make.variant(price=make.yuan(49), tier_prices={Tier.GOLD: make.yuan(45)})
    agent = await make.agent(tier=Tier.GOLD)
    as_agent = Actor(kind=make.ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    for actor, amount in ((ANONYMOUS, "49.00"), (await make.buyer(), "49.00"), (as_agent, "45.00")):
        (node,) = (await page(actor))["nodes"]
        assert node["variants"][0]["price"]["amount"] == amount


async def test_stock_is_a_level_and_an_offer_counts() -> None:
    for cards, offered, level in ((0, False, "OUT"), (0, True, "IN_STOCK"), (2, False, "LOW")):
        variant = await make.variant(cards=cards)
        if offered:
            await make.offer(variant, make.yuan(40))
        query = "query One($slug: String) { product(slug: $slug) { variants { stockLevel } } }"
        shelf = await variant.product
        found = await data_of(schema, query, slug=shelf.slug)
        assert found["product"]["variants"] == [{"stockLevel": level}]


async def test_what_is_not_on_sale_is_not_shown() -> None:
    await make.variant(of=await make.product(ListingStatus.DRAFT))
    assert (await page())["nodes"] == []


async def test_names_come_in_the_language_asked_for() -> None:
    await make.variant()
    english, chinese = [
        (await data_of(schema, PAGE, ANONYMOUS, language))["products"]["nodes"][0]["name"]
        for language in ("en", "zh")
    ]
    assert english.startswith("Product")
    assert chinese.startswith("商品")
