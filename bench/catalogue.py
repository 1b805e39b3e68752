"""`kameng bench catalogue`: first pages of 20 products with variants, price and stock a second."""

import json
from functools import partial
from typing import Any

from bench.filling import fill_for_browsing
from bench.installation import (
    Installation,
    compared,
    installed,
    load,
    pgbench,
    run_name,
    write_results,
)
from bench.load import Plan

PRODUCTS = 200
PAGE = (
    "{ products(first: 20) { nodes { id slug name variants {"
    " id sku name stockLevel price { amount currency } } } pageInfo { hasNextPage endCursor } } }"
)
LIMIT = """
SELECT jsonb_agg(page) FROM (
    SELECT p.id, p.slug, p.name_en, (
        SELECT jsonb_agg(jsonb_build_object('id', v.id, 'sku', v.sku, 'name', v.name_en,
            'price', (SELECT amount FROM prices WHERE variant_id = v.id AND tier = 'retail'),
            'stock', (SELECT count(*) FROM (SELECT 1 FROM cards
                WHERE variant_id = v.id AND state = 'available' LIMIT 11) AS shown)))
        FROM variants v WHERE v.product_id = p.id) AS variants
    FROM products p WHERE p.status = 'approved' ORDER BY p.position, p.id LIMIT 20
) page;
"""


def measure(clients: list[int], seconds: int, rounds: int) -> list[dict[str, Any]]:
    """One row for each number of clients; the limit is the same page as one SQL statement."""
    prepare = lambda settings: fill_for_browsing(settings, PRODUCTS)  # noqa: E731
    with installed(("serve",), prepare) as (installation, _):
        database = installation.settings.database_url
        rows = [
            compared(
                f"catalogue_{number}_clients",
                rounds,
                partial(load, _plan(installation, number, seconds)),
                {"limit": partial(pgbench, database, LIMIT, number, seconds)},
            )
            for number in clients
        ]
    write_results("catalogue", rows)
    return rows


def _plan(installation: Installation, clients: int, seconds: int) -> Plan:
    return Plan(
        url=f"{installation.origin}/graphql/shop",
        body=json.dumps({"query": PAGE}),
        tokens=[],
        skus=[],
        clients=clients,
        seconds=seconds,
        warm_seconds=2,
        run=run_name(),
        good='"hasNextPage":true',
    )
