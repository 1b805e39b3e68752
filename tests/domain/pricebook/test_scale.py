"""What prices of agents cost the database does not grow faster than what is asked for (row E1)."""

from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID

import pytest

from bench.plans import heard, taken_by
from domain import catalog, pricebook
from domain.agents import Tier
from domain.catalog import ProductSort, Search
from domain.kernel import PageRequest, connection
from tests import make

pytestmark = pytest.mark.usefixtures("db")
SOME = 25


async def rows_read(work: Callable[[], Awaitable[object]]) -> int:
    """Out of tables and indexes, by the one statement that it takes."""
    async with heard() as seen:
        await work()
    (statement,) = seen
    async with connection() as conn:
        return (await taken_by(conn, statement)).rows


async def goods() -> list[UUID]:
    made = [await make.variant(tier_prices={Tier.SILVER: make.yuan(48)}) for _ in range(SOME)]
    async with connection() as conn:
        await conn.execute("ANALYZE variants; ANALYZE products; ANALYZE prices")
    return [variant.id for variant in made]


async def test_a_shelf_by_price_reads_as_much_for_each_product() -> None:
    agent = await make.agent(await make.agent(), Tier.SILVER)
    prices = pricebook.least_agent_prices(agent.id)
    search = Search(sort=ProductSort.PRICE_ASC, prices=prices)
    shelf = partial(catalog.list_products, PageRequest(100, None, "shelf"), search=search)
    await goods()
    few = await rows_read(shelf)
    await goods()
    assert await rows_read(shelf) < 2.5 * few


async def test_prices_of_agents_read_as_much_for_each_pair() -> None:
    agents = [(await make.agent(tier=Tier.SILVER)).id for _ in range(4)]
    variants = await goods()
    some = await rows_read(partial(pricebook.agent_prices_of, agents[:2], variants[:10]))
    more = await rows_read(partial(pricebook.agent_prices_of, agents, variants[:20]))
    assert more < 6 * some  # of four times as many pairs; what read all agents for each would be 8
