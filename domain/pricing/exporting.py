"""Prices as a table, in the columns that an import reads: out and in again changes nothing."""

from collections.abc import AsyncIterator

from domain import audit, bulk
from domain.kernel import Actor, connection, plain, transaction
from domain.pricing.importing import COLUMNS

READ_SCOPE = "products:read"
SLICE = 1_000
EXPORTED = "price.export"

_PRICES = """
SELECT v.sku, p.tier, p.currency, p.amount, p.compare_at
FROM prices p JOIN variants v ON v.id = p.variant_id
WHERE (v.sku, p.tier, p.currency) > ($1, $2, $3) ORDER BY v.sku, p.tier, p.currency LIMIT $4
"""


async def export_prices(actor: Actor) -> bulk.Table:
    """The prices of all tiers. Needs `products:read`; audited."""
    actor.require_scope(READ_SCOPE)
    async with transaction() as conn:
        await audit.record(conn, actor, EXPORTED, None, {})
    return bulk.Table("prices", COLUMNS, _rows())


async def _rows() -> AsyncIterator[bulk.OutRow]:
    last = ("", "", "")
    while True:
        async with connection() as conn:
            rows = await conn.fetch(_PRICES, *last, SLICE)
        for row in rows:
            compare = plain(row["compare_at"]) if row["compare_at"] is not None else None
            yield [row["sku"], row["tier"], row["currency"], plain(row["amount"]), compare]
        if len(rows) < SLICE:
            return
        last = (rows[-1]["sku"], rows[-1]["tier"], rows[-1]["currency"])
