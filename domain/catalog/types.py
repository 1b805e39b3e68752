"""Use cases of product types: kinds of goods made and changed as data (mission rows A3, A4).

Buyers see the fields of a type at each of its variants, so a type never shows a banned word, and a
change of what they see is reviewed (row A7): whoever may approve listings has decided by saving;
for anybody else the approved products of the type go back to review.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain import audit
from domain.catalog.fields import AccountField, as_rows, schema_faults
from domain.catalog.models import DeliveryKind, ProductType, ProductTypeVersion
from domain.catalog.plain import plain_type_id
from domain.catalog.refusals import ListingBanned
from domain.catalog.review import LOCK_ALONE, LOCK_SHARED, send_back
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    Event,
    IntegrityError,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Prefix,
    Refused,
    clock,
    connection,
    encode_id,
    new_id,
    page_of,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

WRITE_SCOPE = "products:write"
REVIEW_SCOPE = "listings:review"

_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSIONS = """
SELECT type_id, version, account_fields FROM product_type_versions
WHERE (type_id, version) IN (SELECT * FROM unnest($1::uuid[], $2::int[]))
"""
_APPROVED = """
SELECT DISTINCT p.id FROM products p JOIN variants v ON v.product_id = p.id
WHERE v.type_id = $1 AND p.status = 'approved'
"""


@dataclass(frozen=True, slots=True)
class ProductTypeDraft:
    """The editable part of a product type; code and delivery kind stay as they were first saved."""

    code: str
    name_zh: str
    name_en: str
    delivery_kind: DeliveryKind
    account_fields: tuple[AccountField, ...] = ()
    category_slug: str = ""
    archived: bool = False


def type_faults(draft: ProductTypeDraft) -> list[Invalid]:
    """What is wrong with a type, one refusal a field; empty when nothing is.

    A direct top-up without a required field would have no account to top up.
    """
    fits = _CODE.fullmatch(draft.code) is not None and len(draft.code) <= 48
    needs = draft.delivery_kind is DeliveryKind.DIRECT_TOPUP
    checks = (
        ("code", "slug", fits),
        ("nameZh", "name", 0 < len(draft.name_zh.strip()) <= 64 and draft.name_zh.isprintable()),
        ("nameEn", "name", 0 < len(draft.name_en.strip()) <= 64 and draft.name_en.isprintable()),
        ("categorySlug", "text_too_long", len(draft.category_slug) <= 64),
        (
            "accountFields",
            "type_needs_account",
            not needs or any(each.required for each in draft.account_fields),
        ),
    )
    faults = [Invalid(reason=why, field=(name,)) for name, why, right in checks if not right]
    return faults + schema_faults(draft.account_fields)


async def save_type(
    actor: Actor,
    draft: ProductTypeDraft,
    *,
    type_id: UUID | None = None,
    expected_version: int | None = None,
    preset: bool = False,
) -> ProductType:
    """Create a product type, or change the one of this id (mission row A3). Audited.

    Each change is a version; order lines keep the one that they were checked with. Needs
    `products:write`. Refuses each part with a wrong value (INVALID), a changed code or delivery
    kind, an unknown type (NOT_FOUND), a code that is taken and a version other than the expected
    (CONFLICT), and a text with a banned word (LISTING_BANNED).
    """
    actor.require_scope(WRITE_SCOPE)
    faults = type_faults(draft)
    if faults:
        raise Refused(*faults)
    try:
        async with transaction() as conn:
            # Whoever may not approve waits for who does so just now: it would approve the old text.
            await conn.execute(LOCK_SHARED if _may_review(actor) else LOCK_ALONE)
            saved = await put_type(conn, actor, draft, type_id, expected_version, preset)
    except IntegrityError as error:
        raise Refused(Conflict(what="product type", field=("code",))) from error
    wake_relay()
    return saved


async def put_type(
    conn: Connection,
    actor: Actor,
    draft: ProductTypeDraft,
    type_id: UUID | None = None,
    expected_version: int | None = None,
    preset: bool = False,
) -> ProductType:
    """`save_type` of a sound draft in the caller's transaction, which holds `LOCK_SHARED`."""
    row = await _type_to_save(type_id, expected_version)
    fixed = type_id is None or (row.code, row.delivery_kind) == (draft.code, draft.delivery_kind)
    refuse_unless(fixed, Invalid(reason="type_fixed", field=("deliveryKind",)))
    await _refuse_banned(conn, draft)
    rows, moment = as_rows(draft.account_fields), clock.now()
    shown = (row.name_zh, row.name_en, row.account_fields)
    if type_id is not None and shown != (draft.name_zh, draft.name_en, rows):
        await _review_again(conn, actor, row.id)
    row.update_from_dict(
        {
            "code": draft.code,
            "name_zh": draft.name_zh,
            "name_en": draft.name_en,
            "delivery_kind": draft.delivery_kind,
            "account_fields": rows,
            "category_slug": draft.category_slug,
            "archived_at": (row.archived_at or moment) if draft.archived else None,
            "preset": preset or row.preset,
            "updated_at": moment,
        }
    )
    await row.save(force_create=type_id is None, force_update=type_id is not None)
    await ProductTypeVersion.create(
        type=row, version=row.version, account_fields=rows, saved_by=actor.user_id, saved_at=moment
    )
    details = {"code": row.code, "version": row.version, "archived": draft.archived}
    await audit.record(conn, actor, "product_type.save", row.id, {**details, "fields": rows})
    await record_events(conn, [_saved(row)])
    return row


async def list_types(page: PageRequest, *, archived: bool = False) -> Page[ProductType]:
    """The product types by code, without the archived ones unless asked for (back office)."""
    rows = ProductType.all() if archived else ProductType.filter(archived_at__isnull=True)
    if page.after:
        rows = rows.filter(code__gt=page.after[0])
    return page_of(page, await rows.order_by("code").limit(page.first + 1), lambda t: (t.code,))


async def types_by_id(ids: Sequence[UUID]) -> dict[UUID, ProductType]:
    """Product types by id, archived or not, in one statement."""
    return {row.id: row for row in await ProductType.filter(id__in=list(ids))}


async def fields_of_versions(
    versions: Sequence[tuple[UUID, int]],
) -> dict[tuple[UUID, int], list[dict[str, Any]]]:
    """The rows of the fields that some versions of types asked for, in one statement."""
    async with connection() as conn:
        rows = await conn.fetch(_VERSIONS, [id_ for id_, _ in versions], [v for _, v in versions])
    return {(row["type_id"], row["version"]): orjson.loads(row["account_fields"]) for row in rows}


async def type_for(code: str, kind: str | None) -> ProductType:
    """The type that a variant names by its code, or the plain one of a delivery kind.

    Refuses an unknown code, neither of the two, and a kind that is not the type's.
    """
    if code:
        found = await ProductType.filter(code=code).first()
    elif kind is not None:
        found = await ProductType.filter(id=plain_type_id(DeliveryKind(kind))).first()
    else:
        raise Refused(Invalid(reason="variant_type", field=("typeCode",)))
    if found is None:
        raise Refused(NotFound(what="product type", field=("typeCode",)))
    fits = kind is None or found.delivery_kind == kind
    refuse_unless(fits, Invalid(reason="variant_type", field=("deliveryKind",)))
    return found


async def _type_to_save(type_id: UUID | None, expected_version: int | None) -> ProductType:
    if type_id is None:
        return ProductType(id=new_id(), version=1, created_at=clock.now())
    row = await ProductType.filter(id=type_id).select_for_update(no_key=True).first()
    if row is None:
        raise Refused(NotFound(what="product type", field=("id",)))
    if expected_version not in (None, row.version):
        raise Refused(Conflict(what="product type", field=("expectedVersion",)))
    row.version += 1
    return row


async def _refuse_banned(conn: Connection, draft: ProductTypeDraft) -> None:
    """The database refuses it too; this tells which word it is."""
    texts = [draft.name_zh, draft.name_en]
    for row in as_rows(draft.account_fields):
        texts += _texts_in({k: v for k, v in row.items() if k not in ("kind", "region")})
    banned = await conn.fetchval("SELECT ban_of_texts($1)", texts)
    if banned is not None:
        raise Refused(ListingBanned(banned=banned, field=("accountFields",)))


def _texts_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inside for text in _texts_in(each)]


async def _review_again(conn: Connection, actor: Actor, type_id: UUID) -> None:
    if _may_review(actor):
        return
    rows = await conn.fetch(_APPROVED, type_id)
    await send_back(conn, actor, [row["id"] for row in rows])


def _may_review(actor: Actor) -> bool:
    return REVIEW_SCOPE in actor.scopes or "*" in actor.scopes


def _saved(row: ProductType) -> Event:
    """The event `product_type.saved`; its sequence is the type's version."""
    payload = {
        "productTypeId": encode_id(Prefix.PRODUCT_TYPE, row.id),
        "code": row.code,
        "version": row.version,
        "archived": row.archived_at is not None,
    }
    return Event("product_type.saved", row.id, row.version, payload)
