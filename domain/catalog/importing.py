"""Categories, products and variants from CSV files, as an operator imports them.

The three files are read before anything is written, and written in one transaction. A row that
cannot stand is left out and reported with its line; a row that stands already is left alone, so a
second run changes nothing.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, BinaryIO
from uuid import UUID

import orjson

from domain import audit
from domain.catalog.bans import suspend_banned
from domain.catalog.brands import brand_names
from domain.catalog.csvfile import CsvRow, ImportReport, RowError, read_csv
from domain.catalog.models import DeliveryKind, ProductType, VariantStatus
from domain.catalog.moves import SHOWN_OF_PRODUCT, SHOWN_OF_VARIANT, differs
from domain.catalog.plain import plain_code
from domain.catalog.presets import make_presets
from domain.catalog.review import LOCK_SHARED, approve_all, send_back
from domain.catalog.rules import (
    CategoryDraft,
    ProductDraft,
    VariantDraft,
    category_faults,
    cyclic,
    kind_stays,
    product_faults,
    variant_faults,
)
from domain.catalog.service import WRITE_SCOPE, product_saved, terms_of, variant_saved
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    Refusal,
    Refused,
    clock,
    new_id,
    record_events,
    transaction,
    wake_relay,
)

BATCH_ROWS = 1_000
REVIEW_SCOPE = "listings:review"
CATEGORY_COLUMNS = ("slug", "parent_slug", "name_zh", "name_en", "position")
PRODUCT_COLUMNS = (
    "slug", "category_slug", "brand", "region", "name_zh", "name_en",
    "description_zh", "description_en", "tags", "position",
)  # fmt: skip
VARIANT_COLUMNS = (
    "sku", "product_slug", "name_zh", "name_en", "delivery_kind", "face_value", "face_currency",
    "min_quantity", "max_quantity", "position", "status",
)  # fmt: skip

# Imports run one after another: two at once would each see the other's rows as new.
LOCK_IMPORT = "SELECT pg_advisory_xact_lock(hashtext('catalog.import'))"

_FIND_CATEGORIES = "SELECT id, slug, parent_id, name_zh, name_en, position FROM categories"
_FIND_PRODUCTS = """
SELECT id, slug, category_id, brand, region, name_zh, name_en, description_zh, description_en, tags,
    position, search_terms
FROM products WHERE slug = ANY($1)
"""
_FIND_VARIANTS = """
SELECT id, sku, product_id, name_zh, name_en, type_id, delivery_kind, face_units, face_currency,
    min_quantity, max_quantity, position, status
FROM variants WHERE sku = ANY($1)
"""
_SAVE_CATEGORIES = """
INSERT INTO categories (id, slug, parent_id, name_zh, name_en, position)
SELECT id, slug, parent_id, name_zh, name_en, position FROM jsonb_to_recordset($1::jsonb)
    AS r(id uuid, slug text, parent_id uuid, name_zh text, name_en text, position int)
ON CONFLICT (slug) DO UPDATE SET parent_id = excluded.parent_id, name_zh = excluded.name_zh,
    name_en = excluded.name_en, position = excluded.position
"""
_SAVE_PRODUCTS = """
INSERT INTO products (id, slug, category_id, brand, region, name_zh, name_en, description_zh,
    description_en, tags, position, search_terms, status, review_reason, version, created_at,
    updated_at)
SELECT id, slug, category_id, brand, region, name_zh, name_en, description_zh, description_en, tags,
    position, search_terms, 'submitted', '', 1, $2, $2
FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, slug text, category_id uuid, brand text,
    region text, name_zh text, name_en text, description_zh text, description_en text, tags text[],
    position int, search_terms text[])
ON CONFLICT (slug) DO UPDATE SET category_id = excluded.category_id, brand = excluded.brand,
    region = excluded.region, name_zh = excluded.name_zh, name_en = excluded.name_en,
    description_zh = excluded.description_zh, description_en = excluded.description_en,
    tags = excluded.tags, position = excluded.position, search_terms = excluded.search_terms,
    version = products.version + 1, updated_at = excluded.updated_at
RETURNING id, slug, version
"""
_SAVE_VARIANTS = """
INSERT INTO variants (id, sku, product_id, name_zh, name_en, type_id, delivery_kind, face_units,
    face_currency, min_quantity, max_quantity, position, status, sold_below_cost, version,
    updated_at)
SELECT id, sku, product_id, name_zh, name_en, type_id, delivery_kind, face_units, face_currency,
    min_quantity, max_quantity, position, status, false, 1, $2
FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, sku text, product_id uuid, name_zh text,
    name_en text, type_id uuid, delivery_kind text, face_units bigint, face_currency text,
    min_quantity int, max_quantity int, position int, status text)
ON CONFLICT (sku) DO UPDATE SET product_id = excluded.product_id, name_zh = excluded.name_zh,
    name_en = excluded.name_en, type_id = excluded.type_id,
    delivery_kind = excluded.delivery_kind,
    face_units = excluded.face_units, face_currency = excluded.face_currency,
    min_quantity = excluded.min_quantity, max_quantity = excluded.max_quantity,
    position = excluded.position, status = excluded.status,
    version = variants.version + 1, updated_at = excluded.updated_at
RETURNING id, sku, version
"""

Values = dict[str, Any]


@dataclass(slots=True)
class _Part:
    """One file on its way in: its sound rows by their key, and what is to be told of it."""

    rows: dict[str, CsvRow]
    report: ImportReport

    def drop(self, key: str, refusal: Refusal) -> None:
        self.report.errors.append(self.rows.pop(key).error(refusal))


async def import_catalog(
    actor: Actor,
    categories: BinaryIO | None,
    products: BinaryIO | None,
    variants: BinaryIO | None,
    *,
    approve: bool = False,
    dry_run: bool = False,
    all_or_nothing: bool = False,
) -> dict[str, ImportReport]:
    """Create or update what these files (CSV in UTF-8, or workbooks) describe; a report for each.

    Needs `products:write`. New products are submitted for review, and approved ones of which buyers
    would see a change go back to it; with `approve`, which needs `listings:review`, the submitted
    products of the file are approved at once, but for those that a ban hits. Rows that are wrong
    are left out and reported. Refuses, before anything is written, a file that cannot be read as a
    whole (IMPORT_FILE_INVALID). Audited once. `dry_run` does all of that and takes it back, and so
    does `all_or_nothing` when a row is left out.
    """
    actor.require_scope(WRITE_SCOPE)
    if approve:
        actor.require_scope(REVIEW_SCOPE)
    shelves = _read(categories, "categories.csv", CATEGORY_COLUMNS, "slug")
    goods = _read(products, "products.csv", PRODUCT_COLUMNS, "slug")
    kinds = _read(variants, "variants.csv", VARIANT_COLUMNS, "sku", ("type_code",))
    reports = {
        "categories.csv": shelves.report,
        "products.csv": goods.report,
        "variants.csv": kinds.report,
    }
    with suppress(TakenBack):
        async with transaction() as conn:
            await conn.execute(LOCK_IMPORT)
            await conn.execute(LOCK_SHARED)
            await _import_categories(conn, shelves)
            await suspend_banned(conn, actor)  # a shelf may have come below a banned one
            await _import_products(conn, actor, goods)
            await _import_variants(conn, actor, kinds)
            if approve:
                await _approve(conn, actor, goods)
            await audit.record(conn, actor, "catalog.import", None, counts_of(reports))
            take_back_if(dry_run or (all_or_nothing and any_left_out(reports)))
    for report in reports.values():
        report.errors.sort(key=lambda error: error.line)
    wake_relay()
    return reports


class TakenBack(Exception):
    """Ends the transaction of an import that is not to be stored."""


def take_back_if(so: bool) -> None:
    """Raise `TakenBack` if so."""
    if so:
        raise TakenBack


def any_left_out(reports: dict[str, ImportReport]) -> bool:
    """Whether a row of any file was left out."""
    return any(report.errors for report in reports.values())


def counts_of(reports: dict[str, ImportReport]) -> Values:
    """What an import did, as its audit row keeps it."""
    return {
        name: {
            "created": report.created,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "refused": len(report.errors),
        }
        for name, report in reports.items()
    }


def batches(rows: Iterable[Values], size: int = BATCH_ROWS) -> Iterator[list[Values]]:
    """The rows in lists of at most `size`, so that no statement grows without bound."""
    waiting = iter(rows)
    while batch := list(islice(waiting, size)):
        yield batch


def as_json(rows: list[Values]) -> str:
    """Rows as the one JSON parameter of a set-based statement."""
    return orjson.dumps(rows, default=str).decode()  # asyncpg has a UUID of its own


def _read(
    file: BinaryIO | None, name: str, columns: tuple[str, ...], key: str, more: tuple[str, ...] = ()
) -> _Part:
    rows, errors = read_csv(file, name, columns, more) if file is not None else ([], [])
    part = _Part({}, ImportReport(errors=errors))
    for row in rows:
        if row[key] in part.rows:
            part.report.errors.append(RowError(name, row.line, "twice_in_file", row[key][:60]))
        else:
            part.rows[row[key]] = row
    return part


def _parse(part: _Part, parse: Callable[[CsvRow], Values]) -> dict[str, Values]:
    """Each sound row's values by its key; the others are dropped with their first fault."""
    found: dict[str, Values] = {}
    for key, row in list(part.rows.items()):
        try:
            found[key] = parse(row)
        except Refused as refused:
            part.drop(key, refused.refusals[0])
    return found


def _sound(faults: list[Invalid], columns: dict[str, str]) -> None:
    """Raise the faults, each with the file's column for the draft's field."""
    if faults:
        field = faults[0].field[0]
        raise Refused(Invalid(reason=faults[0].reason, field=(columns.get(field, field),)))


async def _import_categories(conn: Connection, part: _Part) -> None:
    standing = {row["slug"]: dict(row) for row in await conn.fetch(_FIND_CATEGORIES)}
    slugs = {row["id"]: slug for slug, row in standing.items()}
    parents = {slug: slugs.get(row["parent_id"], "") for slug, row in standing.items()}
    drafts = _parse(part, lambda row: asdict(_category(row)))
    while lost := [s for s, d in drafts.items() if not _known(d["parent_slug"], drafts, standing)]:
        for slug in lost:  # a shelf below one that was left out is left out, too
            del drafts[slug]
            part.drop(slug, Invalid(reason="category_unknown", field=("parent_slug",)))
    parents |= {slug: draft["parent_slug"] for slug, draft in drafts.items()}
    for slug in cyclic(parents) & drafts.keys():
        del drafts[slug]
        part.drop(slug, Invalid(reason="category_circle", field=("parent_slug",)))
    ids = {slug: standing[slug]["id"] if slug in standing else new_id() for slug in drafts}
    ids |= {slug: row["id"] for slug, row in standing.items()}
    for slug, draft in drafts.items():
        draft["parent_id"] = ids.get(draft.pop("parent_slug"))
        draft["id"] = ids[slug]

    async def save(batch: list[Values]) -> list[Event]:
        await conn.execute(_SAVE_CATEGORIES, as_json(batch))
        return []

    # One statement for all: a parent may stand in a later line than its child.
    await _save(conn, part.report, drafts, standing, save, size=len(drafts) or 1)


async def _import_products(conn: Connection, actor: Actor, part: _Part) -> None:
    shelves = {row["slug"]: row["id"] for row in await conn.fetch(_FIND_CATEGORIES)}
    drafts = _parse(part, lambda row: _product(row, shelves))
    names = await brand_names(conn, list({draft["brand"] for draft in drafts.values()}))
    for draft in drafts.values():
        draft["brand"] = names.get(draft["brand"], draft["brand"])
    standing = {row["slug"]: dict(row) for row in await conn.fetch(_FIND_PRODUCTS, list(drafts))}

    async def save(batch: list[Values]) -> list[Event]:
        await send_back(conn, actor, _edited(batch, standing, "slug", SHOWN_OF_PRODUCT, "id"))
        rows = await conn.fetch(_SAVE_PRODUCTS, as_json(batch), clock.now())
        return [product_saved(*row) for row in rows]

    await _save(conn, part.report, drafts, standing, save)


async def _import_variants(conn: Connection, actor: Actor, part: _Part) -> None:
    wanted = list({row["product_slug"] for row in part.rows.values()})
    found = await conn.fetch("SELECT slug, id FROM products WHERE slug = ANY($1)", wanted)
    products = {row["slug"]: row["id"] for row in found}
    named = {row.values.get("type_code", "") for row in part.rows.values()}
    await make_presets(conn, actor, named)
    types = {row.code: row for row in await ProductType.filter(archived_at__isnull=True)}
    drafts = _parse(part, lambda row: _variant(row, products, types))
    standing = {row["sku"]: dict(row) for row in await conn.fetch(_FIND_VARIANTS, list(drafts))}
    for sku, row in standing.items():
        if kind_stays(row["delivery_kind"], drafts[sku]["delivery_kind"]):
            del drafts[sku]
            part.drop(sku, Invalid(reason="variant_kind_stays", field=("delivery_kind",)))

    async def save(batch: list[Values]) -> list[Event]:
        edited = _edited(batch, standing, "sku", SHOWN_OF_VARIANT, "product_id")
        await send_back(conn, actor, edited)
        rows = await conn.fetch(_SAVE_VARIANTS, as_json(batch), clock.now())
        return [variant_saved(*row) for row in rows]

    await _save(conn, part.report, drafts, standing, save)


async def _save(
    conn: Connection,
    report: ImportReport,
    drafts: dict[str, Values],
    standing: dict[str, Values],
    save: Callable[[list[Values]], Awaitable[list[Event]]],
    size: int = BATCH_ROWS,
) -> None:
    """Write what is new or differs, in order of the keys, and one event for each row written."""
    changed: list[Values] = []
    for key, draft in sorted(drafts.items()):
        before = standing.get(key)
        draft["id"] = before["id"] if before else draft.get("id", None) or new_id()
        if before is None:
            report.created += 1
        elif draft == before:
            report.unchanged += 1
            continue
        else:
            report.updated += 1
        changed.append(draft)
    for batch in batches(changed, size):
        events = await save(batch)
        if events:
            await record_events(conn, events)


def _edited(
    batch: list[Values], standing: dict[str, Values], key: str, shown: tuple[str, ...], product: str
) -> list[UUID]:
    """The products of which these rows, being new or different, change what buyers see."""
    return [
        row[product]
        for row in batch
        if row[key] not in standing or differs(standing[row[key]], row, shown)
    ]


async def _approve(conn: Connection, actor: Actor, part: _Part) -> None:
    rows = await conn.fetch("SELECT id FROM products WHERE slug = ANY($1)", list(part.rows))
    held = await approve_all(conn, actor, [row["id"] for row in rows], "import")
    for slug, (reason, what) in held.items():
        row = part.rows[slug]
        part.report.errors.append(RowError(row.file, row.line, reason, what))


def _known(parent: str, drafts: dict[str, Values], standing: dict[str, Values]) -> bool:
    return not parent or parent in drafts or parent in standing


def _category(row: CsvRow) -> CategoryDraft:
    draft = CategoryDraft(
        slug=row["slug"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        parent_slug=row["parent_slug"],
        position=row.number("position", 0),
    )
    _sound(category_faults(draft), {"nameZh": "name_zh", "nameEn": "name_en"})
    return draft


def _product(row: CsvRow, shelves: dict[str, UUID]) -> Values:
    category_id = shelves.get(row["category_slug"])
    if category_id is None:
        raise Refused(Invalid(reason="category_unknown", field=("category_slug",)))
    draft = ProductDraft(
        slug=row["slug"],
        category_id=category_id,
        brand=row["brand"],
        region=row["region"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        description_zh=row["description_zh"],
        description_en=row["description_en"],
        tags=tuple(tag for tag in (part.strip() for part in row["tags"].split("|")) if tag),
        position=row.number("position", 0),
    )
    columns = {"nameZh": "name_zh", "nameEn": "name_en"}
    columns |= {"descriptionZh": "description_zh", "descriptionEn": "description_en"}
    _sound(product_faults(draft), columns)
    return {**asdict(draft), "tags": list(draft.tags), "search_terms": terms_of(draft)}


def _variant(row: CsvRow, products: dict[str, UUID], types: dict[str, ProductType]) -> Values:
    product_id = products.get(row["product_slug"])
    if product_id is None:
        raise Refused(Invalid(reason="product_unknown", field=("product_slug",)))
    draft = VariantDraft(
        sku=row["sku"],
        product_id=product_id,
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        face_units=row.units("face_value"),
        face_currency=row["face_currency"] or None,
        min_quantity=row.number("min_quantity", 1),
        max_quantity=row.number("max_quantity", 100),
        position=row.number("position", 0),
        status=_choice(VariantStatus, row, "status", "active"),
    )
    columns = {"nameZh": "name_zh", "nameEn": "name_en", "faceValue": "face_value"}
    columns |= {"minQuantity": "min_quantity", "maxQuantity": "max_quantity"}
    _sound(variant_faults(draft), columns)
    values = asdict(draft)
    del values["type_code"]
    found = _type_of(row, types)
    return {**values, "type_id": found.id, "delivery_kind": found.delivery_kind.value}


def _type_of(row: CsvRow, types: dict[str, ProductType]) -> ProductType:
    """The type that the column `type_code` names, or the plain one of `delivery_kind`."""
    kind = _choice(DeliveryKind, row, "delivery_kind") if row["delivery_kind"] else ""
    code = row.values.get("type_code", "")
    found = types.get(code or plain_code(DeliveryKind(kind)) if code or kind else "")
    if found is None or (kind and found.delivery_kind != kind):
        column = "type_code" if code else "delivery_kind"
        raise Refused(Invalid(reason="variant_type", field=(column,)))
    return found


def _choice(
    kind: type[DeliveryKind] | type[VariantStatus], row: CsvRow, column: str, default: str = ""
) -> str:
    try:
        return kind(row[column] or default).value
    except ValueError:
        raise Refused(Invalid(reason=column, field=(column,))) from None
