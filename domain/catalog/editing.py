"""Changing what buyers see of a product beside its names: it is reviewed again (mission row A7)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from domain import audit
from domain.catalog.models import Product, Variant
from domain.catalog.review import LOCK_SHARED, send_back
from domain.catalog.service import product_saved, variant_saved
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    NotFound,
    Refused,
    clock,
    record_events,
)


async def locked_product(
    conn: Connection, product_id: UUID, expected_version: int | None
) -> Product:
    """The product to edit, in the caller's transaction; refuses an unknown one, another version."""
    await conn.execute(LOCK_SHARED)
    product = await Product.filter(id=product_id).select_for_update().first()
    if product is None:
        raise Refused(NotFound(what="product", field=("productId",)))
    if expected_version not in (None, product.version):
        raise Refused(Conflict(what="product", field=("expectedVersion",)))
    return product


async def locked_variant(
    conn: Connection, variant_id: UUID, expected_version: int | None
) -> Variant:
    """The variant to edit, its product locked before it; refuses as `locked_product` does."""
    await conn.execute(LOCK_SHARED)
    found = await Variant.filter(id=variant_id).first()
    if found is None:
        raise Refused(NotFound(what="variant", field=("variantId",)))
    await Product.filter(id=found.product_id).select_for_update().first()
    variant = await Variant.filter(id=variant_id).select_for_update().get()
    if expected_version not in (None, variant.version):
        raise Refused(Conflict(what="variant", field=("expectedVersion",)))
    return variant


async def edit_product(
    conn: Connection, actor: Actor, product: Product, values: Mapping[str, Any], action: str
) -> None:
    """Write what differs of a locked product, which goes back to review; else do nothing."""
    if all(getattr(product, name) == value for name, value in values.items()):
        return
    await send_back(conn, actor, [product.id])
    await product.refresh_from_db()
    product.update_from_dict(dict(values))
    product.version += 1
    product.updated_at = clock.now()
    await product.save(update_fields=[*values, "version", "updated_at"])
    await audit.record(conn, actor, action, product.id, dict(values))
    await record_events(conn, [product_saved(product.id, product.slug, product.version)])


async def edit_variant(
    conn: Connection, actor: Actor, variant: Variant, values: Mapping[str, Any], action: str
) -> None:
    """The same for a locked variant: its product goes back to review."""
    if all(getattr(variant, name) == value for name, value in values.items()):
        return
    await send_back(conn, actor, [variant.product_id])
    variant.update_from_dict(dict(values))
    variant.version += 1
    variant.updated_at = clock.now()
    await variant.save(update_fields=[*values, "version", "updated_at"])
    await audit.record(conn, actor, action, variant.id, dict(values))
    await record_events(conn, [variant_saved(variant.id, variant.sku, variant.version)])
