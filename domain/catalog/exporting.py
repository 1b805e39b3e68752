"""The catalogue as tables, in the columns of an import: out and in again changes nothing."""

from collections.abc import AsyncIterator
from typing import Any

from domain import audit, bulk
from domain.catalog.importing import CATEGORY_COLUMNS, PRODUCT_COLUMNS, VARIANT_COLUMNS
from domain.kernel import Actor, connection, plain, transaction

READ_SCOPE = "products:read"
SLICE = 1_000
EXPORTED = "catalog.export"

_CATEGORIES = """
SELECT c.slug, coalesce(p.slug, '') AS parent_slug, c.name_zh, c.name_en, c.position
FROM categories c LEFT JOIN categories p ON p.id = c.parent_id
WHERE c.slug > $1 ORDER BY c.slug LIMIT $2
"""
_PRODUCTS = """
SELECT p.slug, c.slug AS category_slug, p.brand, p.region, p.name_zh, p.name_en, p.description_zh,
    p.description_en, array_to_string(p.tags, '|') AS tags, p.position
FROM products p JOIN categories c ON c.id = p.category_id
WHERE p.slug > $1 ORDER BY p.slug LIMIT $2
"""
_VARIANTS = """
SELECT v.sku, p.slug AS product_slug, v.name_zh, v.name_en, v.delivery_kind, v.face_units,
    coalesce(v.face_currency, '') AS face_currency, v.min_quantity, v.max_quantity, v.position,
    v.status, t.code AS type_code
FROM variants v JOIN products p ON p.id = v.product_id JOIN product_types t ON t.id = v.type_id
WHERE v.sku > $1 ORDER BY v.sku LIMIT $2
"""


async def export_catalog(actor: Actor) -> list[bulk.Table]:
    """Categories, products and variants. Needs `products:read`; audited.

    Rows are read as they are written, so that a large catalogue takes little memory.
    """
    actor.require_scope(READ_SCOPE)
    async with transaction() as conn:
        await audit.record(conn, actor, EXPORTED, None, {})
    return [
        bulk.Table("categories", CATEGORY_COLUMNS, _rows(_CATEGORIES, CATEGORY_COLUMNS)),
        bulk.Table("products", PRODUCT_COLUMNS, _rows(_PRODUCTS, PRODUCT_COLUMNS)),
        bulk.Table(
            "variants",
            (*VARIANT_COLUMNS, "type_code"),
            _rows(_VARIANTS, (*VARIANT_COLUMNS, "type_code")),
        ),
    ]


async def _rows(statement: str, columns: tuple[str, ...]) -> AsyncIterator[bulk.OutRow]:
    last = ""
    while True:
        async with connection() as conn:
            rows = await conn.fetch(statement, last, SLICE)
        for row in rows:
            yield [_value(row, column) for column in columns]
        if len(rows) < SLICE:
            return
        last = rows[-1][columns[0]]


def _value(row: Any, column: str) -> bulk.Value:
    if column == "face_value":
        return plain(row["face_units"]) if row["face_units"] is not None else None
    value: bulk.Value = row[column]
    return value
