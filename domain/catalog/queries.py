"""Reads of the catalogue: plain statements and light rows, because a page is read most of all.

Shoppers see the active variants of approved products. `variants_by_id` and `variants_by_sku` show
any variant, because an order keeps naming what it bought after the shelf was cleared.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.catalog.models import DeliveryKind, ListingStatus, Product, Variant, VariantStatus
from domain.catalog.rules import query_terms
from domain.catalog.statements import (
    BELOW,
    MAIN,
    Bound,
    Place,
    categories,
    on_the_shelf,
    page_of_products,
    product_columns,
    variant_columns,
)
from domain.kernel import Money, Page, PageRequest, clock, connection, page_of

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
    position: int


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


async def category_tree(language: str = DEFAULT_LANGUAGE) -> list[ShownCategory]:
    """All categories, roots first, each with its children, in the order of the shelves."""
    async with connection() as conn:
        rows = await conn.fetch(categories(language))
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


async def list_products(
    page: PageRequest,
    *,
    query: str = "",
    category_id: UUID | None = None,
    language: str = DEFAULT_LANGUAGE,
    place: Place = MAIN,
) -> Page[ShownProduct]:
    """What a place shows, in the order of the shelves, of a category and all below it (A1, A11).

    `query` finds Chinese by characters, and names by their beginnings and by pinyin: 话费, `huafei`
    and `hf` find the same. Refuses a query above 64 letters.
    """
    terms = query_terms(query) if query.strip() else None
    if terms == []:
        return page_of(page, [], _place)
    bound = Bound()
    limit = bound(page.first + 1, "int")
    parts = on_the_shelf(place, clock.now(), bound)
    if terms is not None:
        parts.conditions.append(f"p.search_terms @> {bound(terms, 'text[]')}")
    if category_id is not None:
        parts.conditions.append(BELOW.format(category=bound(category_id, "uuid")))
    if page.after is not None:
        after = (bound(page.after[0], "int"), bound(UUID(page.after[1]), "uuid"))
        parts.conditions.append(f"(p.position, p.id) > ({after[0]}, {after[1]})")
    statement = page_of_products(language, parts, ("p.position", "p.id"), limit)
    async with connection() as conn:
        rows = await conn.fetch(statement, *bound.values)
    return page_of(page, [ShownProduct(*row) for row in rows], _place)


async def find_product(
    *,
    product_id: UUID | None = None,
    slug: str | None = None,
    language: str = DEFAULT_LANGUAGE,
    place: Place = MAIN,
) -> ShownProduct | None:
    """One product that a place shows, by its id or else by its slug."""
    bound = Bound()
    limit = bound(1, "int")
    parts = on_the_shelf(place, clock.now(), bound)
    if product_id is not None:
        parts.conditions.append(f"p.id = {bound(product_id, 'uuid')}")
    else:
        parts.conditions.append(f"p.slug = {bound(slug, 'text')}")
    async with connection() as conn:
        row = await conn.fetchrow(
            page_of_products(language, parts, ("p.id",), limit), *bound.values
        )
    return ShownProduct(*row) if row else None


async def products_by_id(
    ids: Sequence[UUID], language: str = DEFAULT_LANGUAGE
) -> dict[UUID, ShownProduct]:
    """Products by id, whatever their status, in one statement."""
    statement = f"SELECT {product_columns(language)} FROM products p WHERE p.id = ANY($1)"  # noqa: S608
    async with connection() as conn:
        rows = await conn.fetch(statement, ids)
    return {row["id"]: ShownProduct(*row) for row in rows}


async def variants_of(
    product_ids: Sequence[UUID], language: str = DEFAULT_LANGUAGE
) -> dict[UUID, list[ShownVariant]]:
    """The active variants of each product whose sale is not over, in shelf order; one statement."""
    where = """WHERE v.product_id = ANY($1) AND v.status = 'active'
        AND (v.on_sale_until IS NULL OR v.on_sale_until > $2) ORDER BY v.position, v.id"""
    found: dict[UUID, list[ShownVariant]] = {product_id: [] for product_id in product_ids}
    for variant in await _fetch_variants(where, product_ids, language, clock.now()):
        found[variant.product_id].append(variant)
    return found


async def variants_by_id(
    ids: Sequence[UUID], language: str = DEFAULT_LANGUAGE
) -> dict[UUID, ShownVariant]:
    """Variants by id, whatever their status, in one statement."""
    rows = await _fetch_variants("WHERE v.id = ANY($1)", ids, language)
    return {variant.id: variant for variant in rows}


async def variants_by_sku(
    skus: Sequence[str], language: str = DEFAULT_LANGUAGE
) -> dict[str, ShownVariant]:
    """Variants by their code, whatever their status, in one statement."""
    rows = await _fetch_variants("WHERE v.sku = ANY($1)", skus, language)
    return {variant.sku: variant for variant in rows}


async def list_variants(
    page: PageRequest, language: str = DEFAULT_LANGUAGE, place: Place = MAIN
) -> Page[ShownVariant]:
    """Every active variant that a place shows, by sku: what a partner reads from end to end."""
    bound, moment = Bound(), clock.now()
    after = bound("" if page.after is None else page.after[0], "text")
    parts = on_the_shelf(place, moment, bound)
    now, limit = bound(moment, "timestamptz"), bound(page.first + 1, "int")
    parts.joins.append("JOIN variants v ON v.product_id = p.id")
    parts.conditions += [
        "v.status = 'active'",
        f"v.sku > {after}",
        f"(v.on_sale_until IS NULL OR v.on_sale_until > {now})",
    ]
    statement = (
        f"{parts.before}SELECT {variant_columns(language)} {parts.from_products()}"
        f" ORDER BY v.sku LIMIT {limit}"
    )
    async with connection() as conn:
        rows = [_variant(*row) for row in await conn.fetch(statement, *bound.values)]
    return page_of(page, rows, lambda variant: (variant.sku,))


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


def _place(product: ShownProduct) -> tuple[int, UUID]:
    return product.position, product.id


async def _fetch_variants(
    where: str, value: object, language: str, *more: object
) -> list[ShownVariant]:
    async with connection() as conn:
        rows = await conn.fetch(
            f"SELECT {variant_columns(language)} FROM variants v {where}",  # noqa: S608
            value,
            *more,
        )
    return [_variant(*row) for row in rows]


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
