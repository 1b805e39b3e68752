"""Brands, and the documents by which they let us sell (mission row A8).

A product names its brand; the database finds or makes it. Where a brand needs an authorisation and
none is in force, its products are suspended with the reason, and until that is done the shelf and
the purchase look for themselves, so that nothing is sold in the minutes between.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain import audit
from domain.catalog.models import Brand, BrandAuthorisation, ListingStatus
from domain.catalog.moves import MAX_REASON_LETTERS
from domain.catalog.review import LOCK_SHARED, move, send_back
from domain.catalog.rules import is_region, is_slug, is_url
from domain.kernel import (
    SYSTEM,
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
    encode_id,
    new_id,
    page_of,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

WRITE_SCOPE = "brands:write"
TELL_BEFORE = timedelta(days=30)
_DIGEST = re.compile(r"[0-9a-f]{64}")

_NAMES = """
SELECT given, name FROM unnest($1::text[]) AS g (given)
JOIN brands ON brand_key(name) = brand_key(given)
"""
_OF_BRAND = "SELECT id FROM products WHERE brand_id = $1 ORDER BY id FOR UPDATE"
_TOUCH = "UPDATE brands SET version = version + 1, updated_at = $2 WHERE id = $1 RETURNING version"
# Approved products of brands that need a document and have none in force anywhere; with the one
# that ended last, to be told.
_UNAUTHORISED = """
SELECT p.id, b.name, last.reference, least(last.valid_until, last.revoked_at) AS ended
FROM products p JOIN brands b ON b.id = p.brand_id
LEFT JOIN LATERAL (
    SELECT reference, valid_until, revoked_at FROM brand_authorisations a
    WHERE a.brand_id = b.id AND a.valid_from <= $1
    ORDER BY least(a.valid_until, a.revoked_at) DESC LIMIT 1
) last ON true
WHERE p.status = 'approved' AND b.needs_authorisation AND NOT EXISTS (
    SELECT 1 FROM brand_authorisations a WHERE a.brand_id = b.id AND a.revoked_at IS NULL
        AND a.valid_from <= $1 AND a.valid_until > $1)
ORDER BY p.id FOR UPDATE OF p
"""
_EXPIRING = """
UPDATE brand_authorisations SET expiry_told_at = $1
WHERE revoked_at IS NULL AND expiry_told_at IS NULL AND valid_until > $1 AND valid_until <= $2
RETURNING id, brand_id, reference, region, valid_until
"""


@dataclass(frozen=True, slots=True)
class BrandDraft:
    """The editable part of a brand. `name` stands on its products; the others beside it."""

    slug: str
    name: str
    name_zh: str = ""
    name_en: str = ""
    logo_url: str = ""
    needs_authorisation: bool = False


@dataclass(frozen=True, slots=True)
class AuthorisationWish:
    """A document by which a brand lets us sell: everywhere or in one region, from any supplier or
    from one."""

    brand_id: UUID
    reference: str
    valid_from: datetime
    valid_until: datetime
    region: str = ""
    supplier_id: UUID | None = None
    document_url: str = ""
    document_digest: str = ""


async def save_brand(
    actor: Actor,
    draft: BrandDraft,
    *,
    brand_id: UUID | None = None,
    expected_version: int | None = None,
) -> Brand:
    """Create a brand, or change the one of this id. Audited, with its event.

    Its approved products go back to review when buyers would see another name, and are suspended
    when it needs an authorisation that it has not. Needs `brands:write`. Refuses wrong values, an
    unknown brand, a name or short name that is taken, and another version (CONFLICT).
    """
    actor.require_scope(WRITE_SCOPE)
    _refuse(brand_faults(draft))
    try:
        async with transaction() as conn:
            await conn.execute(LOCK_SHARED)
            # Products first, as everywhere: whoever saves one reads its brand.
            ids = await _products_of(conn, brand_id)
            brand = await _brand_to_save(brand_id, expected_version)
            names = ("name", "name_zh", "name_en")
            if any(getattr(brand, name) != getattr(draft, name) for name in names):
                await send_back(conn, actor, ids)
            brand.update_from_dict(asdict(draft))
            brand.updated_at = clock.now()
            await brand.save(force_create=brand_id is None, force_update=brand_id is not None)
            await suspend_unauthorised(conn, actor)
            await audit.record(conn, actor, "brand.save", brand.id, asdict(draft))
            await record_events(conn, [_told("brand.saved", brand.id, brand.version, brand.name)])
    except IntegrityError as error:
        field = "slug" if "slug" in str(error) else "name"
        raise Refused(Conflict(what="brand", field=(field,))) from error
    wake_relay()
    return brand


async def authorise_brand(actor: Actor, wish: AuthorisationWish) -> BrandAuthorisation:
    """Keep a document of a brand (row A8). Audited, with its event; it is never changed later.

    What was suspended for want of it can be submitted again. Needs `brands:write`. Refuses wrong
    values, one that has ended already, and an unknown brand or supplier.
    """
    actor.require_scope(WRITE_SCOPE)
    _refuse(authorisation_faults(wish, clock.now()))
    made = BrandAuthorisation(
        id=new_id(), granted_by=actor.user_id, created_at=clock.now(), **asdict(wish)
    )
    try:
        async with transaction() as conn:
            version = await conn.fetchval(_TOUCH, wish.brand_id, clock.now())
            if version is None:
                raise Refused(NotFound(what="brand", field=("brandId",)))
            await made.save(force_create=True)
            await audit.record(conn, actor, "brand.authorise", wish.brand_id, _audited(wish))
            details = _shown(made.id, wish.reference, wish.region, wish.valid_until)
            event = _told("brand.authorised", wish.brand_id, version, **details)
            await record_events(conn, [event])
    except IntegrityError as error:
        raise Refused(NotFound(what="supplier", field=("supplierId",))) from error
    wake_relay()
    return made


async def revoke_authorisation(
    actor: Actor, authorisation_id: UUID, reason: str
) -> BrandAuthorisation:
    """End a document now; what is left without one is suspended. Audited, with its event.

    Needs `brands:write`. Refuses an unknown one, one that is revoked already, a missing reason.
    """
    actor.require_scope(WRITE_SCOPE)
    reason = reason.strip()
    right = 0 < len(reason) <= MAX_REASON_LETTERS
    refuse_unless(right, Invalid(reason="review_reason", field=("reason",)))
    async with transaction() as conn:
        await conn.execute(LOCK_SHARED)
        found = await BrandAuthorisation.filter(id=authorisation_id).first()
        if found is None:
            raise Refused(NotFound(what="authorisation", field=("id",)))
        await _products_of(conn, found.brand_id)
        version = await conn.fetchval(_TOUCH, found.brand_id, clock.now())
        await found.refresh_from_db()  # revokers queue for the brand
        if found.revoked_at is not None:
            raise Refused(Conflict(what="authorisation", field=("id",)))
        found.revoked_at, found.revoked_by = clock.now(), actor.user_id
        found.revoke_reason = reason
        await found.save(force_update=True)
        await suspend_unauthorised(conn, actor)
        details = {"authorisation": str(found.id), "reason": reason}
        await audit.record(conn, actor, "brand.revoke", found.brand_id, details)
        shown = _shown(found.id, found.reference, found.region, found.valid_until)
        event = _told("brand.authorisation_revoked", found.brand_id, version, **shown)
        await record_events(conn, [event])
    wake_relay()
    return found


async def watch_authorisations() -> int:
    """Suspend what lost its authorisation, and tell once of each that ends within thirty days.

    The scheduler calls it; how many products were suspended.
    """
    async with transaction() as conn:
        await conn.execute(LOCK_SHARED)
        suspended = await suspend_unauthorised(conn, SYSTEM)
        moment = clock.now()
        events: list[Event] = []
        for row in await conn.fetch(_EXPIRING, moment, moment + TELL_BEFORE):
            version = await conn.fetchval(_TOUCH, row["brand_id"], moment)
            shown = _shown(row["id"], row["reference"], row["region"], row["valid_until"])
            events.append(_told("brand.authorisation_expiring", row["brand_id"], version, **shown))
        await record_events(conn, events)
    wake_relay()
    return suspended


async def suspend_unauthorised(conn: Connection, actor: Actor) -> int:
    """Suspend every approved product whose brand's authorisation is missing; how many.

    Runs in the caller's transaction, which holds `LOCK_SHARED`. The reason tells which one ended.
    """
    by_reason: dict[str, list[UUID]] = {}
    for row in await conn.fetch(_UNAUTHORISED, clock.now()):
        by_reason.setdefault(_reason(row), []).append(row["id"])
    for reason, ids in by_reason.items():
        await move(conn, actor, ids, (ListingStatus.APPROVED, ListingStatus.SUSPENDED), reason)
    return sum(len(ids) for ids in by_reason.values())


async def brand_names(conn: Connection, names: Sequence[str]) -> dict[str, str]:
    """How brands are written that are known already, by how they were given."""
    return {row["given"]: row["name"] for row in await conn.fetch(_NAMES, list(names))}


async def list_brands(actor: Actor, page: PageRequest) -> Page[Brand]:
    """All brands by name; needs `brands:read`."""
    actor.require_scope("brands:read")
    rows = Brand.all().order_by("name").limit(page.first + 1)
    if page.after:
        rows = rows.filter(name__gt=page.after[0])
    return page_of(page, await rows, lambda brand: (brand.name,))


async def brands_by_id(ids: Sequence[UUID]) -> dict[UUID, Brand]:
    """Brands by id, in one statement."""
    return {brand.id: brand for brand in await Brand.filter(id__in=list(ids))}


async def brands_by_slug(slugs: Sequence[str]) -> dict[str, Brand]:
    """Brands by their short names, in one statement."""
    return {brand.slug: brand for brand in await Brand.filter(slug__in=list(slugs))}


async def authorisations_of(
    brand_ids: Sequence[UUID],
) -> dict[UUID, list[BrandAuthorisation]]:
    """The documents of each brand, the one that ends last first; in one statement."""
    found: dict[UUID, list[BrandAuthorisation]] = {brand_id: [] for brand_id in brand_ids}
    rows = BrandAuthorisation.filter(brand_id__in=list(brand_ids)).order_by("-valid_until", "id")
    for row in await rows:
        found[row.brand_id].append(row)
    return found


def in_force(document: BrandAuthorisation, moment: datetime) -> bool:
    """Whether a document holds at a moment."""
    begun = document.revoked_at is None and document.valid_from <= moment
    return begun and moment < document.valid_until


def brand_faults(draft: BrandDraft) -> list[Invalid]:
    """What is wrong with a brand, one refusal a field; empty when nothing is."""
    checks = (
        ("slug", "slug", is_slug(draft.slug, 96)),
        ("name", "brand_name", 0 < len(draft.name) <= 64 and _is_text(draft.name)),
        ("nameZh", "name", len(draft.name_zh) <= 64 and _is_text(draft.name_zh)),
        ("nameEn", "name", len(draft.name_en) <= 64 and _is_text(draft.name_en)),
        ("logoUrl", "https_url", not draft.logo_url or is_url(draft.logo_url)),
    )
    return [Invalid(reason=reason, field=(name,)) for name, reason, right in checks if not right]


def authorisation_faults(wish: AuthorisationWish, moment: datetime) -> list[Invalid]:
    """What is wrong with a document, one refusal a field; empty when nothing is."""
    digest = wish.document_digest
    checks = (
        ("reference", "name", 0 < len(wish.reference) <= 128 and _is_text(wish.reference)),
        ("documentUrl", "https_url", not wish.document_url or is_url(wish.document_url)),
        ("documentDigest", "sha256", not digest or bool(_DIGEST.fullmatch(digest))),
        ("region", "region_code", is_region(wish.region)),
        ("validUntil", "window", wish.valid_until > max(wish.valid_from, moment)),
    )
    return [Invalid(reason=reason, field=(name,)) for name, reason, right in checks if not right]


def _refuse(faults: list[Invalid]) -> None:
    if faults:
        raise Refused(*faults)


def _is_text(text: str) -> bool:
    return text == text.strip() and text.isprintable()


async def _products_of(conn: Connection, brand_id: UUID | None) -> list[UUID]:
    """The brand's products, locked."""
    return [row["id"] for row in await conn.fetch(_OF_BRAND, brand_id)] if brand_id else []


async def _brand_to_save(brand_id: UUID | None, expected_version: int | None) -> Brand:
    if brand_id is None:
        return Brand(id=new_id(), version=1, created_at=clock.now())
    brand = await Brand.filter(id=brand_id).select_for_update().first()
    if brand is None:
        raise Refused(NotFound(what="brand", field=("id",)))
    if expected_version not in (None, brand.version):
        raise Refused(Conflict(what="brand", field=("expectedVersion",)))
    brand.version += 1
    return brand


def _reason(row: Mapping[str, Any]) -> str:
    """Why a product is suspended, for operators."""
    if row["reference"] is None:
        told = "it needs an authorisation and has none"
    else:
        told = f"its authorisation {row['reference']} ended on {row['ended']:%Y-%m-%d}"
    return f"brand {row['name']}: {told}"[:MAX_REASON_LETTERS]


def _shown(
    authorisation_id: UUID, reference: str, region: str, valid_until: datetime
) -> dict[str, str]:
    return {
        "authorisationId": encode_id(Prefix.BRAND_AUTHORISATION, authorisation_id),
        "reference": reference,
        "region": region,
        "validUntil": valid_until.isoformat(),
    }


def _told(kind: str, brand_id: UUID, version: int, name: str = "", **more: str) -> Event:
    """An event of a brand; its sequence is the brand's version."""
    payload: dict[str, Any] = {"brandId": encode_id(Prefix.BRAND, brand_id), "version": version}
    return Event(kind, brand_id, version, {**payload, **({"name": name} if name else {}), **more})


def _audited(wish: AuthorisationWish) -> dict[str, object]:
    return {name: value if value is None else str(value) for name, value in asdict(wish).items()}
