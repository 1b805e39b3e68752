"""Reads of the catalogue: plain statements and light rows, because a page is read most of all.

Shoppers see the active variants of approved products. `variants_by_id` and `variants_by_sku` show
any variant, because an order keeps naming what it bought after the shelf was cleared.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain.catalog.assets import Media, read_media
from domain.catalog.models import DeliveryKind, ListingStatus, Product, Variant, VariantStatus
from domain.catalog.statements import (
    HELD_BACK,
    MAIN,
    Bound,
    Place,
    categories,
    on_the_shelf,
    product_columns,
    variant_columns,
)
from domain.kernel import (
    MAIN_SITE_ID,
    Money,
    Page,
    PageRequest,
    clock,
    connection,
    page_of,
)

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class ShownCategory:
    """A shelf in one language, with the shelves on it."""

    id: UUID
    slug: str
    name: str
    parent_id: UUID | None = None
    children: list["ShownCategory"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ShownProduct:
    """An approved product in one language."""

    id: UUID
    slug: str
    category_id: UUID
    name: str
    description: str
    brand: str
    brand_id: UUID | None
    region: str
    tags: list[str]
    on_sale_from: datetime | None
    on_sale_until: datetime | None
    stored_media: str  # JSON as it is stored, read only when it is asked for
    stored_attributes: str
    position: int

    @property
    def media(self) -> list[Media]:
        """Its pictures and other assets, in their order."""
        return read_media(orjson.loads(self.stored_media))


@dataclass(frozen=True, slots=True)
class ShownVariant:
    """A variant in one language."""

    id: UUID
    product_id: UUID
    sku: str
    name: str
    delivery_kind: DeliveryKind
    type_id: UUID
    face_value: Money | None
    min_quantity: int
    max_quantity: int
    status: VariantStatus
    on_sale_from: datetime | None = None
    on_sale_until: datetime | None = None
    valid_days_after_sale: int | None = None
    stored_attributes: str = "{}"


async def category_tree(language: str = DEFAULT_LANGUAGE) -> list[ShownCategory]:
    """All categories, roots first, each with its children, in the order of the shelves."""
    bound = Bound()
    async with connection() as conn:
        rows = await conn.fetch(categories(language, bound), *bound.values)
    by_id = {row["id"]: ShownCategory(*row) for row in rows}
    for category in by_id.values():
        if category.parent_id is not None:
            by_id[category.parent_id].children.append(category)
    return [category for category in by_id.values() if category.parent_id is None]


def flatten(tree: Iterable[ShownCategory]) -> dict[UUID, ShownCategory]:
    """The categories of a tree by id."""
    found: dict[UUID, ShownCategory] = {}
    for category in tree:
        found[category.id] = category
        found.update(flatten(category.children))
    return found


async def find_product(
    *,
    product_id: UUID | None = None,
    slug: str | None = None,
    language: str = DEFAULT_LANGUAGE,
    place: Place = MAIN,
) -> ShownProduct | None:
    """One product that a place shows, by its id or else by its slug."""
    bound = Bound()
    parts = on_the_shelf(place, clock.now(), bound)
    if product_id is not None:
        parts.conditions.append(f"p.id = {bound(product_id, 'uuid')}")
    else:
        parts.conditions.append(f"p.slug = {bound(slug, 'text')}")
    statement = f"{parts.before}SELECT {product_columns(language, bound)} {parts.from_products()}"
    async with connection() as conn:
        row = await conn.fetchrow(statement, *bound.values)
    return ShownProduct(*row) if row else None


async def products_by_id(
    ids: Sequence[UUID], language: str = DEFAULT_LANGUAGE
) -> dict[UUID, ShownProduct]:
    """Products by id, whatever their status, in one statement."""
    bound = Bound()
    wanted = bound(list(ids), "uuid[]")
    statement = (
        f"SELECT {product_columns(language, bound)} FROM products p WHERE p.id = ANY ({wanted})"  # noqa: S608
    )
    async with connection() as conn:
        rows = await conn.fetch(statement, *bound.values)
    return {row["id"]: ShownProduct(*row) for row in rows}


async def variants_of(
    product_ids: Sequence[UUID], language: str = DEFAULT_LANGUAGE, site_id: UUID = MAIN_SITE_ID
) -> dict[UUID, list[ShownVariant]]:
    """The active variants of each product that a site sells and whose sale is not over, in shelf
    order; one statement."""
    bound = Bound()
    ids, now = bound(list(product_ids), "uuid[]"), bound(clock.now(), "timestamptz")
    held = HELD_BACK.format(variant="v.id", site=bound(site_id, "uuid"))
    where = (
        f"v.product_id = ANY ({ids}) AND v.status = 'active' AND NOT {held}"
        f" AND (v.on_sale_until IS NULL OR v.on_sale_until > {now}) ORDER BY v.position, v.id"
    )
    found: dict[UUID, list[ShownVariant]] = {product_id: [] for product_id in product_ids}
    for variant in await _fetch_variants(where, language, bound):
        found[variant.product_id].append(variant)
    return found


async def variants_by_id(
    ids: Sequence[UUID], language: str = DEFAULT_LANGUAGE
) -> dict[UUID, ShownVariant]:
    """Variants by id, whatever their status, in one statement."""
    bound = Bound()
    rows = await _fetch_variants(f"v.id = ANY ({bound(list(ids), 'uuid[]')})", language, bound)
    return {variant.id: variant for variant in rows}


async def variants_by_sku(
    skus: Sequence[str], language: str = DEFAULT_LANGUAGE
) -> dict[str, ShownVariant]:
    """Variants by their code, whatever their status, in one statement."""
    bound = Bound()
    rows = await _fetch_variants(f"v.sku = ANY ({bound(list(skus), 'text[]')})", language, bound)
    return {variant.sku: variant for variant in rows}


async def list_variants(
    page: PageRequest,
    language: str = DEFAULT_LANGUAGE,
    place: Place = MAIN,
    skus: Sequence[str] | None = None,
) -> Page[ShownVariant]:
    """Every active variant that a place shows, or those of some SKUs, by sku: what a partner reads
    from end to end."""
    bound = Bound()
    which = f"v.sku > {bound('' if page.after is None else page.after[0], 'text')}"
    if skus is not None:
        which += f" AND v.sku = ANY ({bound(list(skus), 'text[]')})"
    rows = await _listed(which, page.first + 1, language, place, bound)
    return page_of(page, rows, lambda variant: (variant.sku,))


async def find_listed_variant(
    sku: str, language: str = DEFAULT_LANGUAGE, place: Place = MAIN
) -> ShownVariant | None:
    """The active variant of this sku that a place shows."""
    bound = Bound()
    rows = await _listed(f"v.sku = {bound(sku, 'text')}", 1, language, place, bound)
    return rows[0] if rows else None


async def _listed(
    which: str, most: int, language: str, place: Place, bound: Bound
) -> list[ShownVariant]:
    moment = clock.now()
    parts = on_the_shelf(place, moment, bound)
    now, limit = bound(moment, "timestamptz"), bound(most, "int")
    parts.joins.append("JOIN variants v ON v.product_id = p.id")
    parts.conditions += [
        "v.status = 'active'",
        f"NOT {HELD_BACK.format(variant='v.id', site=bound(place.site_id, 'uuid'))}",
        which,
        f"(v.on_sale_until IS NULL OR v.on_sale_until > {now})",
    ]
    statement = (
        f"{parts.before}SELECT {variant_columns(language, bound)} {parts.from_products()}"
        f" ORDER BY v.sku LIMIT {limit}"
    )
    async with connection() as conn:
        return [_variant(*row) for row in await conn.fetch(statement, *bound.values)]


async def list_product_files(
    page: PageRequest, status: ListingStatus | None = None
) -> Page[Product]:
    """All products, or those that stand at `status`, as an operator edits them, oldest first."""
    rows = (
        (Product.all() if status is None else Product.filter(status=status))
        .order_by("id")
        .limit(page.first + 1)
    )
    if page.after:
        rows = rows.filter(id__gt=UUID(page.after[0]))
    return page_of(page, await rows, lambda product: (product.id,))


async def variant_files_of(product_ids: Sequence[UUID]) -> dict[UUID, list[Variant]]:
    """All variants of each product whatever their status, in shelf order."""
    found: dict[UUID, list[Variant]] = {product_id: [] for product_id in product_ids}
    rows = Variant.filter(product_id__in=list(product_ids)).order_by("position", "id")
    for variant in await rows:
        found[variant.product_id].append(variant)
    return found


async def _fetch_variants(where: str, language: str, bound: Bound) -> list[ShownVariant]:
    statement = f"SELECT {variant_columns(language, bound)} FROM variants v WHERE {where}"  # noqa: S608
    async with connection() as conn:
        return [_variant(*row) for row in await conn.fetch(statement, *bound.values)]


def _variant(
    id_: UUID,
    product_id: UUID,
    sku: str,
    name: str,
    kind: str,
    type_id: UUID,
    face_units: int | None,
    face_currency: str,
    least: int,
    most: int,
    status: str,
    *terms: Any,
) -> ShownVariant:
    face = None if face_units is None else Money(face_units, face_currency)
    switch, way = VariantStatus(status), DeliveryKind(kind)
    return ShownVariant(id_, product_id, sku, name, way, type_id, face, least, most, switch, *terms)


async def skus_of_variants() -> dict[UUID, str]:
    """The code of every variant, whatever its status; for work on the machine itself."""
    return dict(await Variant.all().values_list("id", "sku"))
