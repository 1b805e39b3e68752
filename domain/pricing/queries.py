"""Reads of prices: one statement for any number of variants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import catalog
from domain.kernel import Connection, Money, connection
from domain.pricing.rules import SHOP_CURRENCY, TIERS, TierPrice

# The tier's own price comes first, retail where the tier has none.
_PRICES = """
SELECT DISTINCT ON (variant_id) variant_id, tier, amount, compare_at FROM prices
WHERE variant_id = ANY($1) AND tier IN ($2, 'retail') AND currency = $3
ORDER BY variant_id, tier = 'retail'
"""
# For lists sorted or filtered by price: of the product `p`, the least that a variant on sale costs.
_LEAST = """
SELECT min(coalesce(own.amount, retail.amount)) FROM variants f
LEFT JOIN prices own ON own.variant_id = f.id AND own.tier = {0} AND own.currency = {1}
LEFT JOIN prices retail
    ON retail.variant_id = f.id AND retail.tier = 'retail' AND retail.currency = {1}
WHERE f.product_id = p.id AND f.status = 'active'
"""
_ALL_TIERS = """
SELECT variant_id, tier, amount, compare_at FROM prices WHERE variant_id = ANY($1) AND currency = $2
"""


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """What one unit of a variant costs a buyer of a tier; `tier` is the one whose price it is."""

    variant_id: UUID
    tier: str
    price: Money
    compare_at: Money | None


async def prices_of(
    variant_ids: Sequence[UUID], tier: str = "retail", currency: str = SHOP_CURRENCY
) -> dict[UUID, UnitPrice]:
    """The unit price of each variant for a tier, or retail where the tier has none (row E1).

    A variant without any price is missing in the answer: it cannot be sold.
    """
    async with connection() as conn:
        rows = await conn.fetch(_PRICES, variant_ids, tier, currency)
    return {row["variant_id"]: _unit_price(row, currency) for row in rows}


def least_prices(tier: str, currency: str = SHOP_CURRENCY) -> catalog.PriceView:
    """How a list of products reads what the cheapest variant on sale costs a buyer of this tier."""
    return catalog.PriceView(_LEAST, ((tier, "text"), (currency, "text")))


async def tier_prices_of(
    variant_ids: Sequence[UUID], currency: str = SHOP_CURRENCY
) -> dict[UUID, list[TierPrice]]:
    """All own prices of each variant, dearest tier first; for the back office."""
    async with connection() as conn:
        found = await standing_prices(conn, variant_ids, currency)
    return {
        variant_id: [prices[tier] for tier in TIERS if tier in prices]
        for variant_id, prices in found.items()
    }


async def standing_prices(
    conn: Connection, variant_ids: Sequence[UUID], currency: str
) -> dict[UUID, dict[str, TierPrice]]:
    """The prices that stand, by variant and tier, as the caller's transaction sees them."""
    found: dict[UUID, dict[str, TierPrice]] = {}
    for variant_id, *price in await conn.fetch(_ALL_TIERS, variant_ids, currency):
        found.setdefault(variant_id, {})[price[0]] = TierPrice(*price)
    return found


def _unit_price(row: Mapping[str, Any], currency: str) -> UnitPrice:
    compare_at = row["compare_at"]
    before = None if compare_at is None else Money(compare_at, currency)
    return UnitPrice(row["variant_id"], row["tier"], Money(row["amount"], currency), before)
