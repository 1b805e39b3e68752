"""Where and when a product is sold, and how long what was sold is good (rows A2, A11).

These are terms of trade, like a price: they need no review. Only the promise "valid for N days" is
something that buyers see, so a change of it is reviewed again.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from domain import audit
from domain.catalog.models import Product, Variant
from domain.catalog.review import LOCK_SHARED, send_back
from domain.catalog.rules import is_region
from domain.catalog.service import WRITE_SCOPE, product_saved, variant_saved
from domain.kernel import (
    Actor,
    Conflict,
    Invalid,
    NotFound,
    Refused,
    clock,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

MAX_REGIONS = 50
MAX_VALID_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class ProductTerms:
    """Where and when a product is sold. Regions by their codes; none means everywhere."""

    only_regions: tuple[str, ...] = ()
    except_regions: tuple[str, ...] = ()
    on_sale_from: datetime | None = None
    on_sale_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class VariantTerms:
    """When a variant is sold, and for how many days a card is good from its sale on."""

    on_sale_from: datetime | None = None
    on_sale_until: datetime | None = None
    valid_days_after_sale: int | None = None


async def set_product_terms(
    actor: Actor, product_id: UUID, terms: ProductTerms, expected_version: int | None = None
) -> Product:
    """Set where and when a product is sold. Audited, with its event; the shelf stays as it is.

    Needs `products:write`. Refuses wrong regions, a window that ends before it begins, an unknown
    product, and a version other than the expected (CONFLICT).
    """
    actor.require_scope(WRITE_SCOPE)
    for name, regions in (
        ("onlyRegions", terms.only_regions),
        ("exceptRegions", terms.except_regions),
    ):
        right = len(regions) <= MAX_REGIONS and all(map(_is_named_region, regions))
        refuse_unless(right, Invalid(reason="region_code", field=(name,)))
    _check_window(terms.on_sale_from, terms.on_sale_until)
    async with transaction() as conn:
        product = await Product.filter(id=product_id).select_for_update().first()
        if product is None:
            raise Refused(NotFound(what="product", field=("productId",)))
        if expected_version not in (None, product.version):
            raise Refused(Conflict(what="product", field=("expectedVersion",)))
        values = asdict(terms)
        product.update_from_dict(
            {
                **values,
                "only_regions": sorted(set(terms.only_regions)),
                "except_regions": sorted(set(terms.except_regions)),
            }
        )
        product.version += 1
        product.updated_at = clock.now()
        await product.save(update_fields=[*values, "version", "updated_at"])
        await audit.record(conn, actor, "product.terms", product.id, values)
        await record_events(conn, [product_saved(product.id, product.slug, product.version)])
    wake_relay()
    return product


async def set_variant_terms(
    actor: Actor, variant_id: UUID, terms: VariantTerms, expected_version: int | None = None
) -> Variant:
    """Set when a variant is sold and for how long its cards are good (row A2). Audited.

    Another number of days sends an approved product back to review. Needs `products:write`.
    Refuses days outside 1 to 3650, a window that ends before it begins, an unknown variant, and a
    version other than the expected (CONFLICT). Cards sold before keep what was promised then.
    """
    actor.require_scope(WRITE_SCOPE)
    days = terms.valid_days_after_sale
    right = days is None or 1 <= days <= MAX_VALID_DAYS
    refuse_unless(right, Invalid(reason="valid_days", field=("validDaysAfterSale",)))
    _check_window(terms.on_sale_from, terms.on_sale_until)
    async with transaction() as conn:
        await conn.execute(LOCK_SHARED)
        variant = await Variant.filter(id=variant_id).first()
        if variant is None:
            raise Refused(NotFound(what="variant", field=("variantId",)))
        await Product.filter(id=variant.product_id).select_for_update().first()
        variant = await Variant.filter(id=variant_id).select_for_update().get()
        if expected_version not in (None, variant.version):
            raise Refused(Conflict(what="variant", field=("expectedVersion",)))
        if variant.valid_days_after_sale != days:
            await send_back(conn, actor, [variant.product_id])
        values = asdict(terms)
        variant.update_from_dict(values)
        variant.version += 1
        variant.updated_at = clock.now()
        await variant.save(update_fields=[*values, "version", "updated_at"])
        await audit.record(conn, actor, "variant.terms", variant.id, values)
        await record_events(conn, [variant_saved(variant.id, variant.sku, variant.version)])
    wake_relay()
    return variant


def _is_named_region(region: str) -> bool:
    return region != "" and is_region(region)


def _check_window(begins: datetime | None, ends: datetime | None) -> None:
    right = begins is None or ends is None or begins < ends
    refuse_unless(right, Invalid(reason="window", field=("onSaleUntil",)))
