"""Reads of prices: one statement for any number of variants.

Which price a buyer pays (mission row A9): of all lists in the site's currency that are the site's
own or of all sites, and that are in force, those that have a retail price of the variant; of these
the site's own come first, then the higher priority, then the code in order of the alphabet. On the
first one it is the price of the buyer's tier, or that of the next dearer tier that has one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain import catalog
from domain.kernel import (
    MAIN_SITE_ID,
    Actor,
    Connection,
    Money,
    Page,
    PageRequest,
    clock,
    connection,
    page_of,
)
from domain.pricing.models import PriceChange, PriceList
from domain.pricing.rules import SHOP_CURRENCY, TIERS, TierPrice
from domain.pricing.statements import ALL_PRICES, LEAST, PRICES, STANDING

READ_SCOPE = "products:read"


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """What one unit of a variant costs a buyer of a tier; `tier` is the one whose price it is."""

    variant_id: UUID
    tier: str
    price: Money
    compare_at: Money | None


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """A price as it stands on one list, for the back office."""

    list_code: str
    tier: str
    price: Money
    compare_at: Money | None


async def prices_of(
    variant_ids: Sequence[UUID],
    tier: str = "retail",
    currency: str = SHOP_CURRENCY,
    site_id: UUID = MAIN_SITE_ID,
) -> dict[UUID, UnitPrice]:
    """The unit price of each variant for a tier at a site, or for the next dearer one (E1).

    A variant without any price in the currency is missing in the answer: it cannot be sold.
    """
    async with connection() as conn:
        rows = await conn.fetch(PRICES, variant_ids, tier, currency, site_id, clock.now())
    return {row["variant_id"]: _unit_price(row, currency) for row in rows}


def least_prices(
    tier: str, currency: str = SHOP_CURRENCY, site_id: UUID = MAIN_SITE_ID
) -> catalog.PriceView:
    """How a list of products reads what the cheapest variant on sale costs a buyer of this tier."""
    moment: datetime = clock.now()
    values = ((tier, "text"), (currency, "text"), (site_id, "uuid"), (moment, "timestamptz"))
    return catalog.PriceView(LEAST, values)


async def tier_prices_of(
    variant_ids: Sequence[UUID], currency: str = SHOP_CURRENCY
) -> dict[UUID, list[TierPrice]]:
    """The prices of each variant on its currency's base list, dearest tier first (back office)."""
    async with connection() as conn:
        found = await standing_prices(conn, variant_ids, currency)
    return {
        variant_id: [prices[tier] for tier in TIERS if tier in prices]
        for variant_id, prices in found.items()
    }


async def listed_prices_of(variant_ids: Sequence[UUID]) -> dict[UUID, list[ListedPrice]]:
    """Every price of each variant on every list, by list and tier (back office)."""
    found: dict[UUID, list[ListedPrice]] = {variant_id: [] for variant_id in variant_ids}
    async with connection() as conn:
        rows = await conn.fetch(ALL_PRICES, list(variant_ids), list(TIERS))
    for variant_id, code, tier, currency, amount, compare_at in rows:
        before = None if compare_at is None else Money(compare_at, currency)
        found[variant_id].append(ListedPrice(code, tier, Money(amount, currency), before))
    return found


async def standing_prices(
    conn: Connection, variant_ids: Sequence[UUID], currency: str, list_id: UUID | None = None
) -> dict[UUID, dict[str, TierPrice]]:
    """The prices that stand on a list, or on the currency's base list, by variant and tier, as the
    caller's transaction sees them."""
    found: dict[UUID, dict[str, TierPrice]] = {}
    rows = await conn.fetch(STANDING, variant_ids, currency, list_id)
    for variant_id, tier, amount, compare_at in rows:
        price = TierPrice(tier, amount, compare_at, currency)
        found.setdefault(variant_id, {})[tier] = price
    return found


async def list_price_lists(actor: Actor, page: PageRequest) -> Page[PriceList]:
    """All price lists by their codes; needs `products:read`."""
    actor.require_scope(READ_SCOPE)
    rows = PriceList.all().order_by("code").limit(page.first + 1)
    if page.after:
        rows = rows.filter(code__gt=page.after[0])
    return page_of(page, await rows, lambda each: (each.code,))


async def price_lists_by_id(ids: Sequence[UUID]) -> dict[UUID, PriceList]:
    """Price lists by id, in one statement."""
    return {each.id: each for each in await PriceList.filter(id__in=list(ids))}


async def price_history(actor: Actor, variant_id: UUID, page: PageRequest) -> Page[PriceChange]:
    """What the prices of a variant were and became, newest first; needs `products:read`."""
    actor.require_scope(READ_SCOPE)
    rows = PriceChange.filter(variant_id=variant_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda change: (change.id,))


def _unit_price(row: Mapping[str, Any], currency: str) -> UnitPrice:
    compare_at = row["compare_at"]
    before = None if compare_at is None else Money(compare_at, currency)
    return UnitPrice(row["variant_id"], row["tier"], Money(row["amount"], currency), before)
