"""Prices as a table, in the columns that an import reads: out and in again changes nothing."""

from collections.abc import AsyncIterator

from domain import audit, bulk
from domain.kernel import Actor, connection, plain, transaction
from domain.pricing.importing import COLUMNS, LIST_COLUMN

READ_SCOPE = "products:read"
SLICE = 1_000
EXPORTED = "price.export"

# A base list is named by its currency alone, so that the table fits any installation.
_PRICES = """
SELECT v.sku, p.tier, p.currency, p.amount, p.compare_at, l.code,
    CASE WHEN l.code = 'base-' || lower(l.currency) THEN '' ELSE l.code END AS list
FROM prices p JOIN variants v ON v.id = p.variant_id JOIN price_lists l ON l.id = p.list_id
WHERE (v.sku, p.tier, l.code) > ($1, $2, $3) ORDER BY v.sku, p.tier, l.code LIMIT $4
"""


async def export_prices(actor: Actor) -> bulk.Table:
    """The prices of all tiers on all lists. Needs `products:read`; audited."""
    actor.require_scope(READ_SCOPE)
    async with transaction() as conn:
        await audit.record(conn, actor, EXPORTED, None, {})
    return bulk.Table("prices", (*COLUMNS, LIST_COLUMN), _rows())


async def _rows() -> AsyncIterator[bulk.OutRow]:
    last = ("", "", "")
    while True:
        async with connection() as conn:
            rows = await conn.fetch(_PRICES, *last, SLICE)
        for row in rows:
            compare = plain(row["compare_at"]) if row["compare_at"] is not None else None
            amount = plain(row["amount"])
            yield [row["sku"], row["tier"], row["currency"], amount, compare, row["list"]]
        if len(rows) < SLICE:
            return
        last = (rows[-1]["sku"], rows[-1]["tier"], rows[-1]["code"])
