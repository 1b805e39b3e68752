"""Reads of the catalogue: plain statements and light rows, because a page is read most of all.

Shoppers see the active variants of approved products. `variants_by_id` and `variants_by_sku` show
any variant, because an order keeps naming what it bought after the shelf was cleared.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import UUID

from domain.catalog.models import DeliveryKind, ListingStatus, Product, Variant, VariantStatus
from domain.catalog.rules import query_terms
from domain.kernel import Money, Page, PageRequest, connection, page_of

LANGUAGES = {"en": "en", "zh": "zh"}  # a language, and what its columns end in
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
    region: str
    tags: list[str]
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


async def category_tree(language: str = DEFAULT_LANGUAGE) -> list[ShownCategory]:
    """All categories, roots first, each with its children, in the order of the shelves."""
    async with connection() as conn:
        rows = await conn.fetch(_categories(language))
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
) -> Page[ShownProduct]:
    """Approved products in the order of the shelves, of a category and all below it (row A1).

    `query` finds Chinese by characters, and names by their beginnings and by pinyin: 话费, `huafei`
    and `hf` find the same. Refuses a query above 64 letters.
    """
    terms = query_terms(query) if query.strip() else None
    if terms == []:
        return page_of(page, [], _place)
    values: list[Any] = [page.first + 1]
    values += [] if terms is None else [terms]
    values += [] if category_id is None else [category_id]
    values += [] if page.after is None else [page.after[0], UUID(page.after[1])]
    shape = (terms is not None, category_id is not None, page.after is not None)
    async with connection() as conn:
        rows = await conn.fetch(_products(language, *shape), *values)
    return page_of(page, [ShownProduct(*row) for row in rows], _place)


async def find_product(
    *,
    product_id: UUID | None = None,
    slug: str | None = None,
    language: str = DEFAULT_LANGUAGE,
) -> ShownProduct | None:
    """One approved product, by its id or else by its slug."""
    column, value = ("id", product_id) if product_id is not None else ("slug", slug)
    statement = f"{_product_columns(language)} WHERE {column} = $1 AND status = 'approved'"
    async with connection() as conn:
        row = await conn.fetchrow(statement, value)
    return ShownProduct(*row) if row else None


async def products_by_id(
    ids: Sequence[UUID], language: str = DEFAULT_LANGUAGE
) -> dict[UUID, ShownProduct]:
    """Products by id, whatever their status, in one statement."""
    statement = f"{_product_columns(language)} WHERE id = ANY($1)"
    async with connection() as conn:
        rows = await conn.fetch(statement, ids)
    return {row["id"]: ShownProduct(*row) for row in rows}


async def variants_of(
    product_ids: Sequence[UUID], language: str = DEFAULT_LANGUAGE
) -> dict[UUID, list[ShownVariant]]:
    """The active variants of each product, in shelf order, in one statement."""
    where = "WHERE product_id = ANY($1) AND status = 'active' ORDER BY position, id"
    found: dict[UUID, list[ShownVariant]] = {product_id: [] for product_id in product_ids}
    for variant in await _fetch_variants(where, product_ids, language):
        found[variant.product_id].append(variant)
    return found


async def variants_by_id(
    ids: Sequence[UUID], language: str = DEFAULT_LANGUAGE
) -> dict[UUID, ShownVariant]:
    """Variants by id, whatever their status, in one statement."""
    rows = await _fetch_variants("WHERE id = ANY($1)", ids, language)
    return {variant.id: variant for variant in rows}


async def variants_by_sku(
    skus: Sequence[str], language: str = DEFAULT_LANGUAGE
) -> dict[str, ShownVariant]:
    """Variants by their code, whatever their status, in one statement."""
    rows = await _fetch_variants("WHERE sku = ANY($1)", skus, language)
    return {variant.sku: variant for variant in rows}


async def list_variants(page: PageRequest, language: str = DEFAULT_LANGUAGE) -> Page[ShownVariant]:
    """Every active variant of an approved product by sku: what a partner reads from end to end."""
    after = "" if page.after is None else page.after[0]
    where = """WHERE status = 'active' AND sku > $1 AND EXISTS (
        SELECT 1 FROM products p WHERE p.id = product_id AND p.status = 'approved')
        ORDER BY sku LIMIT $2"""
    rows = await _fetch_variants(where, after, language, page.first + 1)
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
        rows = await conn.fetch(f"{_variant_columns(language)} {where}", value, *more)
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
) -> ShownVariant:
    face = None if face_units is None else Money(face_units, face_currency)
    switch = VariantStatus(status)
    delivery = DeliveryKind(kind)
    return ShownVariant(id_, product_id, sku, name, delivery, type_id, face, least, most, switch)


# The statements below are put together from words of this file only; values always travel as $n.


@cache
def _categories(language: str) -> str:
    return (
        f"SELECT id, slug, name_{LANGUAGES[language]}, parent_id"  # noqa: S608
        " FROM categories ORDER BY position, slug"
    )


@cache
def _product_columns(language: str) -> str:
    return (
        f"SELECT id, slug, category_id, name_{LANGUAGES[language]},"  # noqa: S608
        f" description_{LANGUAGES[language]}, brand, region, tags, position FROM products"
    )


@cache
def _variant_columns(language: str) -> str:
    return (
        f"SELECT id, product_id, sku, name_{LANGUAGES[language]},"  # noqa: S608
        " delivery_kind, type_id, face_units, face_currency, min_quantity, max_quantity, status"
        " FROM variants"
    )


@cache
def _products(language: str, by_terms: bool, by_category: bool, after: bool) -> str:
    """One statement a shape, so that PostgreSQL plans each for its own index."""
    number = iter(range(2, 7))
    conditions = ["status = 'approved'"]
    if by_terms:
        conditions.append(f"search_terms @> ${next(number)}::text[]")
    if by_category:
        conditions.append(f"category_id IN ({_BELOW.format(next(number))})")
    if after:
        conditions.append(f"(position, id) > (${next(number)}::int, ${next(number)}::uuid)")
    where = " AND ".join(conditions)
    return f"{_product_columns(language)} WHERE {where} ORDER BY position, id LIMIT $1"


_BELOW = """
WITH RECURSIVE below AS (
    SELECT id FROM categories WHERE id = ${}
    UNION SELECT c.id FROM categories c JOIN below b ON c.parent_id = b.id
) SELECT id FROM below
"""
