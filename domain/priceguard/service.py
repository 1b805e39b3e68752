"""Guards and terms of resale, as operators keep them (rows D7, E5)."""

from dataclasses import dataclass
from uuid import UUID

from domain import audit, catalog, sites
from domain.agents import Tier
from domain.kernel import (
    Actor,
    Invalid,
    NotFound,
    Refused,
    clock,
    new_id,
    refuse_unless,
    transaction,
)
from domain.priceguard.models import GuardAction, PriceGuard, ResaleTerms

WRITE_SCOPE = "prices:write"
READ_SCOPE = "products:read"
MOST_RATE, WHOLE = 100_000, 10_000


@dataclass(frozen=True, slots=True)
class GuardWish:
    """A guard as it shall be: for a site and a tier, or without for all of them."""

    action: GuardAction = GuardAction.REJECT
    min_margin_rate: int = 0
    min_margin: int = 0
    site_id: UUID | None = None
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class TermsWish:
    """Terms of resale as they shall be: of the SKU, else of the brand's goods, else of all."""

    sku: str | None = None
    brand: str | None = None  # its slug
    min_price: int | None = None
    min_face_rate: int | None = None
    max_discount_rate: int | None = None


async def save_guard(actor: Actor, wish: GuardWish) -> PriceGuard:
    """Create the guard of this site and tier, or change it. Needs `prices:write`; audited.

    Prices that it makes too low are found within minutes; no order is sold below it from now on.
    Refuses an unknown site, and numbers out of their limits.
    """
    actor.require_scope(WRITE_SCOPE)
    fits = 0 <= wish.min_margin_rate <= MOST_RATE
    refuse_unless(fits, Invalid(reason="guard_rate", field=("minMarginRate",)))
    refuse_unless(wish.min_margin >= 0, Invalid(reason="guard_margin", field=("minMargin",)))
    known = wish.site_id is None or await sites.Site.filter(id=wish.site_id).exists()
    refuse_unless(known, NotFound(what="site", field=("siteId",)))
    tier = wish.tier.value if wish.tier else None
    async with transaction() as conn:
        found = PriceGuard.filter(site_id=wish.site_id, tier=tier).select_for_update()
        guard = await found.first()
        guard = guard or PriceGuard(id=new_id(), site_id=wish.site_id, tier=tier, version=0)
        guard.min_margin_rate, guard.min_margin = wish.min_margin_rate, wish.min_margin
        guard.action, guard.version, guard.updated_at = wish.action, guard.version + 1, clock.now()
        await guard.save(force_create=guard.version == 1)
        details = {
            "siteId": str(wish.site_id) if wish.site_id else None,
            "tier": tier,
            "minMarginRate": wish.min_margin_rate,
            "minMargin": wish.min_margin,
            "action": wish.action.value,
        }
        await audit.record(conn, actor, "price_guard.save", guard.id, details)
    return guard


async def delete_guard(actor: Actor, guard_id: UUID) -> PriceGuard:
    """Take a guard away; the next wider one counts. Needs `prices:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        guard = await PriceGuard.filter(id=guard_id).select_for_update().first()
        if guard is None:
            raise Refused(NotFound(what="price guard", field=("id",)))
        await guard.delete()
        details = {"siteId": str(guard.site_id) if guard.site_id else None, "tier": guard.tier}
        await audit.record(conn, actor, "price_guard.delete", guard.id, details)
    return guard


async def list_guards(actor: Actor) -> list[PriceGuard]:
    """All guards, the widest first; needs `products:read`."""
    actor.require_scope(READ_SCOPE)
    rows = await PriceGuard.all()
    return sorted(rows, key=lambda each: (each.site_id is not None, each.tier or "", each.id))


async def save_terms(actor: Actor, wish: TermsWish) -> ResaleTerms:
    """Create the terms of this SKU, of this brand, or of all; or change them. Audited.

    Needs `prices:write`. Refuses an unknown SKU or brand, both at once, a least price without SKU,
    and rates outside 0 to 10000.
    """
    actor.require_scope(WRITE_SCOPE)
    _check(wish)
    variant_id, brand_id = await _scope_of(wish)
    async with transaction() as conn:
        scope = ResaleTerms.filter(variant_id=variant_id, brand_id=brand_id)
        terms = await scope.select_for_update().first()
        terms = terms or ResaleTerms(
            id=new_id(), variant_id=variant_id, brand_id=brand_id, version=0
        )
        terms.min_price, terms.min_face_rate = wish.min_price, wish.min_face_rate
        terms.max_discount_rate = wish.max_discount_rate
        terms.version, terms.updated_at = terms.version + 1, clock.now()
        await terms.save(force_create=terms.version == 1)
        details = {
            "of": wish.sku or wish.brand,
            "minPrice": wish.min_price,
            "minFaceRate": wish.min_face_rate,
            "maxDiscountRate": wish.max_discount_rate,
        }
        await audit.record(conn, actor, "resale_terms.save", terms.id, details)
    return terms


async def delete_terms(actor: Actor, terms_id: UUID) -> ResaleTerms:
    """Take terms away; the next wider ones count. Needs `prices:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        terms = await ResaleTerms.filter(id=terms_id).select_for_update().first()
        if terms is None:
            raise Refused(NotFound(what="resale terms", field=("id",)))
        await terms.delete()
        await audit.record(conn, actor, "resale_terms.delete", terms.id, {})
    return terms


async def list_terms(actor: Actor) -> list[ResaleTerms]:
    """All terms of resale, the widest first; needs `products:read`."""
    actor.require_scope(READ_SCOPE)
    rows = await ResaleTerms.all().order_by("id")
    narrow = [(each.variant_id is not None, each.brand_id is not None) for each in rows]
    return [rows[i] for i in sorted(range(len(rows)), key=lambda i: narrow[i])]


def _check(wish: TermsWish) -> None:
    one = wish.sku is None or wish.brand is None
    refuse_unless(one, Invalid(reason="resale_scope", field=("brandSlug",)))
    of_variant = wish.min_price is None or (wish.sku is not None and wish.min_price > 0)
    refuse_unless(of_variant, Invalid(reason="resale_price", field=("minPrice",)))
    rates = (("minFaceRate", wish.min_face_rate), ("maxDiscountRate", wish.max_discount_rate))
    for name, rate in rates:
        fits = rate is None or 0 <= rate <= WHOLE
        refuse_unless(fits, Invalid(reason="resale_rate", field=(name,)))


async def _scope_of(wish: TermsWish) -> tuple[UUID | None, UUID | None]:
    if wish.sku is not None:
        variant = (await catalog.variants_by_sku([wish.sku])).get(wish.sku)
        if variant is None:
            raise Refused(NotFound(what="variant", field=("sku",)))
        return variant.id, None
    if wish.brand is None:
        return None, None
    brand = (await catalog.brands_by_slug([wish.brand])).get(wish.brand)
    if brand is None:
        raise Refused(NotFound(what="brand", field=("brandSlug",)))
    return None, brand.id
