"""What agents pay for goods: each of so many for each of so many variants, none of it stored.

Part of `kameng bench growth`, and all of it with `--only prices`.
"""

from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from bench.books import fill_goods, fill_own_prices, settle_statistics
from bench.filling import OPERATOR, PRICE
from bench.plans import told
from bench.steps import Steps
from domain import catalog, pricebook
from domain.agents import Agent
from domain.catalog import Category, ProductSort, Search
from domain.checkout import CURRENCY
from domain.kernel import SCALE, Money, PageRequest
from domain.pricebook import AgentPriceWish

MOST_AGENTS, OWN_PRICES = 1_800, 20
PAGE = 100
OFF = 10  # in 1/10000


async def book_of_prices(
    conn: asyncpg.Connection, steps: Steps, goods: int
) -> list[dict[str, Any]]:
    """Reads of the price book; what sets prices is added to the steps."""
    variants = await fill_goods(goods)
    ids = [each.id for each in await Agent.all().order_by("-id").limit(MOST_AGENTS)]
    await fill_own_prices(ids, variants, OWN_PRICES)
    await settle_statistics(conn)
    rows = await _read(ids, variants)
    await _set(steps, variants)
    return rows


async def _read(ids: list[UUID], variants: list[UUID]) -> list[dict[str, Any]]:
    some = variants[:: max(1, len(variants) // PAGE)][:PAGE]
    asked = (
        ("1_agent_100_variants", ids[:1], some),
        ("100_agents_1_variant", ids[:PAGE], some[:1]),
        ("20_agents_20_variants", ids[:20], some[:20]),
        ("100_agents_100_variants", ids[:PAGE], some),
        ("1_agent_all_variants", ids[:1], variants),
        ("all_agents_1_variant", ids, some[:1]),
    )
    rows = [
        await told(f"prices_{name}", partial(pricebook.agent_prices_of, agents, goods))
        for name, agents, goods in asked
    ]
    prices = pricebook.least_agent_prices(ids[0])
    search = Search(sort=ProductSort.PRICE_ASC, prices=prices)
    page = PageRequest(PAGE, None, "bench")
    shelf = partial(catalog.list_products, page, search=search)
    return [*rows, await told("shelf_by_price_of_an_agent", shelf)]


async def _set(steps: Steps, variants: list[UUID]) -> None:
    """Somebody who has others below gets a price, and a rate off all there is."""
    top = await Agent.filter(depth=1).order_by("-id").first()
    shelf = await Category.get(slug="bench")
    assert top is not None
    price = Money(PRICE - 4 * SCALE, CURRENCY)
    one = AgentPriceWish(top.id, variant_id=variants[0], price=price)
    all_of_them = AgentPriceWish(top.id, category_id=shelf.id, off_rate=OFF)
    for name, number, wish in (
        ("own_price_set", 1, one),
        ("rate_of_a_shelf_set", len(variants), all_of_them),
    ):
        await steps.timed(name, number, partial(pricebook.set_agent_price, OPERATOR, wish))
