"""How price guards, terms of resale and inversions are answered (back office)."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import priceguard
from domain.agents import Tier
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request
from domain.priceguard import (
    GuardAction,
    InversionSum,
    PriceGuard,
    PriceInversion,
    ResaleTerms,
)
from domain.suppliers import CURRENCY
from resolvers.batches import there
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


async def price_guards(info: Info) -> list[PriceGuard]:
    """All guards, the widest first."""
    return await priceguard.list_guards(info.context.actor)


async def resale_terms(info: Info) -> list[ResaleTerms]:
    """All terms of resale, the widest first."""
    return await priceguard.list_terms(info.context.actor)


async def price_inversions(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    open_only: bool = False,
    variant_id: strawberry.ID | None = None,
) -> Page[PriceInversion]:
    """Prices that did not cover their cost, newest first."""
    asked = page_request(f"priceInversions {open_only} {variant_id}", first, after)
    variant = decode_id(Prefix.VARIANT, variant_id, field=("variantId",)) if variant_id else None
    return await priceguard.list_inversions(
        info.context.actor, asked, open_only=open_only, variant_id=variant
    )


async def price_inversion_report(
    info: Info, since: datetime, until: datetime
) -> list[InversionSum]:
    """What began in a time, by cause and action."""
    return await priceguard.inversion_report(info.context.actor, since, until)


async def price_guard_save(
    info: Info,
    action: GuardAction,
    min_margin_rate: int = 0,
    min_margin: MoneyInput | None = None,
    site_id: strawberry.ID | None = None,
    tier: Tier | None = None,
) -> PriceGuard:
    """Create the guard of a site and a tier, or change it."""
    wish = priceguard.GuardWish(
        action=action,
        min_margin_rate=min_margin_rate,
        min_margin=_units(min_margin, "minMargin") or 0,
        site_id=decode_id(Prefix.SITE, site_id, field=("siteId",)) if site_id else None,
        tier=tier,
    )
    return await priceguard.save_guard(info.context.actor, wish)


async def price_guard_delete(info: Info, id: strawberry.ID) -> PriceGuard:
    """Take a guard away."""
    return await priceguard.delete_guard(info.context.actor, decode_id(Prefix.PRICE_GUARD, id))


async def resale_terms_save(
    info: Info,
    sku: str | None = None,
    brand_slug: str | None = None,
    min_price: MoneyInput | None = None,
    min_face_rate: int | None = None,
    max_discount_rate: int | None = None,
) -> ResaleTerms:
    """Create the terms of a SKU, a brand or all the rest, or change them."""
    least = _units(min_price, "minPrice")
    wish = priceguard.TermsWish(sku, brand_slug, least, min_face_rate, max_discount_rate)
    return await priceguard.save_terms(info.context.actor, wish)


async def resale_terms_delete(info: Info, id: strawberry.ID) -> ResaleTerms:
    """Take terms away."""
    return await priceguard.delete_terms(info.context.actor, decode_id(Prefix.RESALE_TERMS, id))


def site_of(row: Parent[PriceGuard | PriceInversion]) -> strawberry.ID | None:
    """The site that it is for."""
    return strawberry.ID(encode_id(Prefix.SITE, row.site_id)) if row.site_id else None


def tier_of(guard: Parent[PriceGuard]) -> Tier | None:
    """The tier that it is for."""
    return Tier(guard.tier) if guard.tier else None


def tier_of_inversion(inversion: Parent[PriceInversion]) -> Tier:
    """Whose price it is."""
    return Tier(inversion.tier)


def min_margin(guard: Parent[PriceGuard]) -> Money:
    """What a piece must bring in."""
    return Money(guard.min_margin, CURRENCY)


def variant_of(terms: Parent[ResaleTerms]) -> strawberry.ID | None:
    """The variant that they are for."""
    return strawberry.ID(encode_id(Prefix.VARIANT, terms.variant_id)) if terms.variant_id else None


def brand_of(terms: Parent[ResaleTerms]) -> strawberry.ID | None:
    """The brand that they are for."""
    return strawberry.ID(encode_id(Prefix.BRAND, terms.brand_id)) if terms.brand_id else None


def min_price(terms: Parent[ResaleTerms]) -> Money | None:
    """The least price of resale."""
    return None if terms.min_price is None else Money(terms.min_price, CURRENCY)


def price(inversion: Parent[PriceInversion]) -> Money:
    """What it was sold at, or should have been."""
    return Money(inversion.price, CURRENCY)


def cost(inversion: Parent[PriceInversion]) -> Money:
    """What one piece cost."""
    return Money(inversion.cost, CURRENCY)


def floor(inversion: Parent[PriceInversion]) -> Money:
    """The least that it must have cost its buyer."""
    return Money(inversion.floor, CURRENCY)


def raised_to(inversion: Parent[PriceInversion]) -> Money | None:
    """What it was raised to."""
    return None if inversion.raised_to is None else Money(inversion.raised_to, CURRENCY)


def prevented(inversion: Parent[PriceInversion]) -> Money:
    """What the refused pieces would have lost."""
    return Money(inversion.prevented, CURRENCY)


def sum_prevented(each: Parent[InversionSum]) -> Money:
    """What all of them would have lost."""
    return Money(each.prevented, CURRENCY)


def _units(given: MoneyInput | None, field: str) -> int | None:
    return money_of(given, field, currency=CURRENCY).units if given else None


async def sku_of(row: Parent[PriceInversion], info: Info) -> str:
    """Which variant it is about, as operators call it."""
    return there(await info.context.loaders.variants.load(row.variant_id)).sku
