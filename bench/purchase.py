"""`kameng bench purchase`: whole purchases a second over HTTP, beside bare SQL functions.

Everything is on: session, tier price, claim, delivery, commissions over three levels, ledger,
outbox, relay, worker and sealer. The buyers have a wallet each; the variants are many, as in a
real shop.
"""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

from bench.filling import Shop, fill_for_purchases
from bench.installation import (
    Installation,
    compared,
    copied,
    installed,
    load,
    pgbench,
    run_name,
    write_results,
)
from bench.load import Plan
from bench.watching import worked
from server.settings import Settings

PROGRAMS = ("serve", "worker", "scheduler")
VARIANTS, BUYERS = 200, 200
WARM_SECONDS = 2
FLOOR_CARDS = 500_000  # the floor sells several times as fast
LIMITS = Path("bench/limits.sql")
LIMITS_DATABASE = "bench_limits"
BUY = (
    "mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {"
    " order { id number status total { amount currency } cards { id masked } }"
    " replayed userErrors { code message field retryable } } }"
)
LIMIT = rf"""
\set buyer random(1, {BUYERS})
\set variant random(0, {VARIANTS - 1})
SELECT purchase(:buyer::int, 'BENCH-' || :variant, gen_random_uuid()::text);
"""
FLOOR = r"""
\set buyer random(1, 200)
\set variant random(1, 200)
SELECT floor.purchase(md5('buyer' || :buyer)::uuid, md5('variant' || :variant)::uuid,
    gen_random_uuid()::text);
"""


def measure(clients: list[int], seconds: int, cards: int, rounds: int) -> list[dict[str, Any]]:
    """One row for each number of clients: rate, limit, ratio, p50 and p99 in milliseconds."""
    script = LIMITS.read_text().replace(":floor_cards", str(FLOOR_CARDS))
    with installed(PROGRAMS, partial(_prepare, cards, script)) as (installation, shop):
        database = installation.database(LIMITS_DATABASE)
        rows = [
            compared(
                f"purchase_{number}_clients",
                rounds,
                partial(_load, installation, shop, number, seconds),
                {
                    "limit": partial(pgbench, database, LIMIT, number, seconds),
                    "floor": partial(pgbench, database, FLOOR, number, seconds),
                },
            )
            for number in clients
        ]
    write_results("purchase", rows)
    return rows


async def _prepare(cards: int, script: str, settings: Settings) -> Shop:
    shop = await fill_for_purchases(settings, BUYERS, VARIANTS, cards)
    await copied(settings, LIMITS_DATABASE, script)
    return shop


def _load(installation: Installation, shop: Any, clients: int, seconds: int) -> dict[str, Any]:
    before = asyncio.run(worked(installation.settings, PROGRAMS))
    told = load(_plan(installation, shop, clients, seconds))
    after = asyncio.run(worked(installation.settings, PROGRAMS))
    sold = told["rate"] * (seconds + WARM_SECONDS)
    spent = {f"{of}_cpu_ms": round((after[of] - before[of]) * 1000 / sold, 2) for of in before}
    return {**told, **spent}


def _plan(installation: Installation, shop: Any, clients: int, seconds: int) -> Plan:
    line = {"sku": "{{sku}}", "quantity": 1}
    wish = {"idempotencyKey": "{{n}}", "lines": [line]}
    return Plan(
        url=f"{installation.origin}/graphql/shop",
        body=json.dumps({"query": BUY, "variables": {"input": wish}}),
        tokens=shop.tokens,
        skus=shop.skus,
        clients=clients,
        seconds=seconds,
        warm_seconds=WARM_SECONDS,
        run=run_name(),
        good='"status":"DELIVERED"',
    )
