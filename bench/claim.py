"""`kameng bench claim`: what one card costs to buy out of a small and out of a very large pool.

Both pools are in one database and are bought from in turns, so that a busy moment hits both. The
whole purchase is timed, and the claim alone: the statement that holds one card, taken back at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median, quantiles
from typing import Any
from uuid import UUID

from bench.filling import Pools, fill_pools
from bench.installation import filled, run_name, write_results
from domain import catalog
from domain.checkout import LineWish, Purchase, place_order, statements
from domain.kernel import MAIN_SITE_ID, clock, new_id, transaction
from server.settings import Settings
from server.wiring import connect, disconnect

SMALL, LARGE = 10_000, 10_000_000
WARM = 50


class TakeBack(Exception):
    """Ends a transaction that only measured."""


def measure(purchases: int, large: int) -> list[dict[str, Any]]:
    """One row for each pool: p50 and p99 in milliseconds, and the ratio of the p50 to the small."""
    sizes = [SMALL, large]
    with filled(lambda settings: fill_pools(settings, sizes)) as (settings, pools):
        rows = asyncio.run(_measure(settings, pools, sizes, purchases))
    write_results("claim", rows)
    return rows


async def _measure(
    settings: Settings, pools: Pools, sizes: list[int], purchases: int
) -> list[dict[str, Any]]:
    await connect(settings, "bench")
    try:
        variants = await catalog.variants_by_sku(pools.skus)
        run = run_name()

        async def buy(place: int, number: int) -> None:
            wish = LineWish(pools.skus[place], 1)
            await place_order(pools.buyer, Purchase((wish,), f"{run}-{place}-{number}"))

        async def claim(place: int, number: int) -> None:
            await _claim(variants[pools.skus[place]].id)

        return [
            *await _in_turns("purchase", sizes, purchases, buy),
            *await _in_turns("claim", sizes, purchases, claim),
        ]
    finally:
        await disconnect()


async def _claim(variant_id: UUID) -> None:
    moment = clock.now()
    values = [[new_id()], [variant_id], [1], moment, moment.date(), MAIN_SITE_ID]
    try:
        async with transaction() as conn:
            assert len(await conn.fetch(statements.CLAIM, *values)) == 1
            raise TakeBack
    except TakeBack:
        pass


async def _in_turns(
    name: str, sizes: list[int], times: int, work: Callable[[int, int], Awaitable[None]]
) -> list[dict[str, Any]]:
    taken: list[list[float]] = [[] for _ in sizes]
    for number in range(WARM + times):
        for place in range(len(sizes)):
            started = time.perf_counter()
            await work(place, number)
            if number >= WARM:
                taken[place].append((time.perf_counter() - started) * 1000)
    small = median(taken[0])
    return [
        {
            "name": f"{name}_of_{size}",
            "times": times,
            "p50_ms": round(median(each), 3),
            "p99_ms": round(quantiles(each, n=100)[98], 3),
            "ratio": round(median(each) / small, 3),
        }
        for size, each in zip(sizes, taken, strict=True)
    ]
