"""Use cases of the catalogue: an operator saves a product or a variant."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from uuid import UUID

from domain import audit
from domain.catalog.brands import brand_names
from domain.catalog.models import (
    Category,
    ListingStatus,
    Product,
    Variant,
    VariantStatus,
)
from domain.catalog.moves import SHOWN_OF_PRODUCT, SHOWN_OF_VARIANT, differs
from domain.catalog.review import LOCK_SHARED, send_back
from domain.catalog.rules import (
    ProductDraft,
    VariantDraft,
    kind_stays,
    product_faults,
    search_terms,
    variant_faults,
)
from domain.catalog.types import type_for
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    Event,
    IntegrityError,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    transaction,
    wake_relay,
)

WRITE_SCOPE = "products:write"

# Locked in the order of their ids, as everywhere; who reads the shelf is not waited for.
_SOLD = """
WITH sold AS (
    SELECT v.product_id, least(sum(c.pieces), 2000000000)::int AS pieces
    FROM unnest($1::uuid[], $2::bigint[]) AS c (variant_id, pieces)
    JOIN variants v ON v.id = c.variant_id GROUP BY v.product_id
), wrong AS (
    SELECT p.id, coalesce(s.pieces, 0) AS pieces
    FROM products p LEFT JOIN sold s ON s.product_id = p.id
    WHERE p.sold_lately <> coalesce(s.pieces, 0) ORDER BY p.id FOR UPDATE OF p
), told AS (
    UPDATE products p SET sold_lately = w.pieces FROM wrong w WHERE p.id = w.id RETURNING 1
)
SELECT count(*) FROM told
"""

_TOUCH = """
UPDATE variants SET version = version + 1, updated_at = $2 WHERE id = ANY($1) RETURNING id, version
"""


async def save_product(
    actor: Actor,
    draft: ProductDraft,
    *,
    product_id: UUID | None = None,
    expected_version: int | None = None,
) -> Product:
    """Create a product as a draft, or change the one of this id (mission rows A1, A7). Audited.

    An approved one of which buyers would see the change goes back to review. Needs
    `products:write`. Refuses each field with a wrong value (INVALID), an unknown product or
    category (NOT_FOUND), a slug that is taken, and a version other than the expected (CONFLICT).
    """
    actor.require_scope(WRITE_SCOPE)
    _refuse(product_faults(draft))
    values = {**asdict(draft), "tags": list(draft.tags)}
    values["search_terms"] = terms_of(draft)
    try:
        async with transaction() as conn:
            await conn.execute(LOCK_SHARED)
            names = await brand_names(conn, [draft.brand])
            values["brand"] = names.get(draft.brand, draft.brand)
            product = await _product_to_save(product_id, expected_version)
            if not await Category.exists(id=draft.category_id):
                raise Refused(NotFound(what="category", field=("categoryId",)))
            if product_id is not None and _differs(product, values, SHOWN_OF_PRODUCT):
                await _review_again(conn, actor, product)
            product.update_from_dict(values)
            product.updated_at = clock.now()
            await product.save(force_create=product_id is None, force_update=product_id is not None)
            await product.refresh_from_db(fields=["brand", "brand_id"])  # the database found it
            await audit.record(conn, actor, "product.save", product.id, _audited(asdict(draft)))
            await record_events(conn, [product_saved(product.id, draft.slug, product.version)])
    except IntegrityError as error:
        raise Refused(Conflict(what="product", field=("slug",))) from error
    wake_relay()
    return product


async def save_variant(
    actor: Actor,
    draft: VariantDraft,
    *,
    variant_id: UUID | None = None,
    expected_version: int | None = None,
) -> Variant:
    """Create a variant of a product, or change the one of this id (rows A1, A7). Audited.

    An approved product of which buyers would see the change goes back to review. Needs
    `products:write`. Refuses as `save_product` does; the code (sku) is unique in the shop.
    """
    actor.require_scope(WRITE_SCOPE)
    _refuse(variant_faults(draft))
    values = asdict(draft)
    del values["type_code"]
    values["status"] = VariantStatus(draft.status)
    try:
        async with transaction() as conn:
            await conn.execute(LOCK_SHARED)
            kind = await type_for(draft.type_code, draft.delivery_kind)
            values |= {"type_id": kind.id, "delivery_kind": kind.delivery_kind}
            # The product first, as everywhere: it may have to go back to review.
            if await Product.filter(id=draft.product_id).select_for_update().first() is None:
                raise Refused(NotFound(what="product", field=("productId",)))
            variant = await _variant_to_save(variant_id, expected_version)
            before = variant.delivery_kind if variant_id else kind.delivery_kind
            if kind_stays(before, kind.delivery_kind):
                raise Refused(Invalid(reason="variant_kind_stays", field=("deliveryKind",)))
            if kind.archived_at is not None and variant.type_id != kind.id:
                raise Refused(Invalid(reason="type_archived", field=("typeCode",)))
            if variant_id is None or _differs(variant, values, SHOWN_OF_VARIANT):
                await send_back(conn, actor, [draft.product_id])
            variant.update_from_dict(values)
            variant.updated_at = clock.now()
            await variant.save(force_create=variant_id is None, force_update=variant_id is not None)
            await audit.record(conn, actor, "variant.save", variant.id, _audited(asdict(draft)))
            await record_events(conn, [variant_saved(variant.id, draft.sku, variant.version)])
    except IntegrityError as error:
        raise Refused(Conflict(what="variant", field=("sku",))) from error
    wake_relay()
    return variant


async def touch_variants(conn: Connection, variant_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Count a change of something that belongs to these variants, such as their prices.

    Runs in the caller's transaction; gives each variant's new version, which is also the sequence
    of the event that the caller writes. An unknown id is missing in the answer.
    """
    rows = await conn.fetch(_TOUCH, sorted(variant_ids), clock.now())
    return {row["id"]: row["version"] for row in rows}


async def remember_sales(pieces: Mapping[UUID, int]) -> int:
    """Keep how many pieces of each variant were sold lately, for lists sorted by it.

    Products of which nothing was sold have zero from then on. How many products changed.
    """
    async with transaction() as conn:
        counted = [list(pieces), list(pieces.values())]
        changed: int = await conn.fetchval(_SOLD, *counted)
    return changed


async def sold_lately_of(product_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many pieces of each product were sold lately, as it was counted last."""
    rows = Product.filter(id__in=list(product_ids)).values_list("id", "sold_lately")
    return dict(await rows)


def terms_of(draft: ProductDraft) -> list[str]:
    """Under which terms a product is found: its names, brand and tags."""
    return search_terms([draft.name_zh, draft.name_en, draft.brand, *draft.tags])


def product_saved(product_id: UUID, slug: str, version: int) -> Event:
    """The event `product.saved`; its sequence is the product's version."""
    payload = {"productId": encode_id(Prefix.PRODUCT, product_id), "slug": slug, "version": version}
    return Event("product.saved", product_id, version, payload)


def variant_saved(variant_id: UUID, sku: str, version: int) -> Event:
    """The event `variant.saved`; its sequence is the variant's version."""
    payload = {"variantId": encode_id(Prefix.VARIANT, variant_id), "sku": sku, "version": version}
    return Event("variant.saved", variant_id, version, payload)


def _refuse(faults: list[Invalid]) -> None:
    if faults:
        raise Refused(*faults)


def _differs(row: Product | Variant, values: dict[str, object], shown: tuple[str, ...]) -> bool:
    return differs({name: getattr(row, name) for name in shown}, values, shown)


async def _review_again(conn: Connection, actor: Actor, product: Product) -> None:
    """The approved product goes back to review, which counts as a version of its own."""
    if await send_back(conn, actor, [product.id]):
        product.status = ListingStatus.SUBMITTED
        product.version += 1


async def _product_to_save(product_id: UUID | None, expected_version: int | None) -> Product:
    if product_id is None:
        status = ListingStatus.DRAFT
        return Product(id=new_id(), version=1, status=status, created_at=clock.now())
    product = await Product.filter(id=product_id).select_for_update().first()
    if product is None:
        raise Refused(NotFound(what="product", field=("id",)))
    _check_version("product", product.version, expected_version)
    product.version += 1
    return product


async def _variant_to_save(variant_id: UUID | None, expected_version: int | None) -> Variant:
    if variant_id is None:
        return Variant(id=new_id(), version=1)
    variant = await Variant.filter(id=variant_id).select_for_update().first()
    if variant is None:
        raise Refused(NotFound(what="variant", field=("id",)))
    _check_version("variant", variant.version, expected_version)
    variant.version += 1
    return variant


def _check_version(what: str, version: int, expected: int | None) -> None:
    if expected is not None and expected != version:
        raise Refused(Conflict(what=what, field=("expectedVersion",)))


def _audited(values: dict[str, object]) -> dict[str, object]:
    """A draft as the audit row keeps it: plain values, without the long texts."""
    kept = {name: value for name, value in values.items() if not name.startswith("description")}
    return {name: str(v) if isinstance(v, UUID) else v for name, v in kept.items()}
