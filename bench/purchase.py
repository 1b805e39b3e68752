"""`kameng bench purchase`: whole purchases a second over HTTP, beside the bare SQL function.

Everything is on: session, tier price, claim, delivery, commissions over three levels, ledger,
outbox, relay, worker and sealer. The buyers have a wallet each; the variants are many, as in a
real shop.
"""

import json
from functools import partial
from typing import Any

from bench.filling import fill_for_purchases
from bench.installation import (
    Installation,
    compared,
    fresh_limits,
    installed,
    load,
    pgbench,
    run_name,
    write_results,
)
from bench.load import Plan

PROGRAMS = ("serve", "worker", "scheduler")
VARIANTS, BUYERS = 200, 200
LIMIT_CARDS = 500_000  # the bare function sells several times as fast
BUY = (
    "mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {"
    " order { id number status total { amount currency } cards { id masked } }"
    " replayed userErrors { code message field retryable } } }"
)
LIMIT = r"""
\set buyer random(1, 200)
\set variant random(1, 200)
SELECT purchase(md5('buyer' || :buyer)::uuid, md5('variant' || :variant)::uuid,
    gen_random_uuid()::text);
"""


def measure(clients: list[int], seconds: int, cards: int, rounds: int) -> list[dict[str, Any]]:
    """One row for each number of clients: rate, limit, ratio, p50 and p99 in milliseconds."""
    prepare = lambda settings: fill_for_purchases(settings, BUYERS, VARIANTS, cards)  # noqa: E731
    with installed(PROGRAMS, prepare) as (installation, shop):
        limits = fresh_limits(installation, LIMIT_CARDS)
        rows = [
            compared(
                f"purchase_{number}_clients",
                rounds,
                partial(_load, installation, shop, number, seconds),
                partial(pgbench, limits, LIMIT, number, seconds),
            )
            for number in clients
        ]
    write_results("purchase", rows)
    return rows


def _load(installation: Installation, shop: Any, clients: int, seconds: int) -> dict[str, Any]:
    return load(_plan(installation, shop, clients, seconds))


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
        warm_seconds=2,
        run=run_name(),
        good='"status":"DELIVERED"',
    )
