"""The way of a listing to the shelf and from it (mission row A7).

`move` is the one place that changes where a product stands. It runs in the caller's transaction,
which holds `LOCK_SHARED` from its start: whoever bans waits for whoever publishes, or the other
way round. The database refuses a banned listing whatever path it comes by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import audit
from domain.catalog.models import ListingReview, ListingStatus, Product
from domain.catalog.moves import DECISIONS, MAX_REASON_LETTERS, MOVES, NEED_REASON
from domain.catalog.refusals import BrandNotAuthorised, ListingBanned, ListingMoveNotAllowed
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

LOCK_SHARED = "SELECT pg_advisory_xact_lock_shared(hashtext('catalog.bans'))"
LOCK_ALONE = "SELECT pg_advisory_xact_lock(hashtext('catalog.bans'))"
EDITED = "edited"

_LOCK_APPROVED = """
SELECT id FROM products WHERE id = ANY($1) AND status = 'approved' ORDER BY id FOR UPDATE
"""
_LOCK_SUBMITTED = """
SELECT id, slug, (SELECT coalesce(b.word, c.slug) FROM listing_bans b
    LEFT JOIN categories c ON c.id = b.category_id WHERE b.id = ban_of(p)) AS banned,
    (SELECT b.name FROM brands b WHERE b.id = p.brand_id AND b.needs_authorisation AND NOT EXISTS (
        SELECT 1 FROM brand_authorisations a WHERE a.brand_id = b.id AND a.revoked_at IS NULL
            AND a.valid_from <= $2 AND a.valid_until > $2)) AS unauthorised
FROM products p WHERE id = ANY($1) AND status = 'submitted' ORDER BY id FOR UPDATE
"""
_MOVE = """
UPDATE products SET status = $2, version = version + 1, updated_at = $3,
    reviewed_at = CASE WHEN $4 THEN $3 ELSE reviewed_at END,
    reviewed_by = CASE WHEN $4 THEN $5 ELSE reviewed_by END,
    review_reason = CASE WHEN $4 THEN $6 ELSE review_reason END
WHERE id = ANY($1) RETURNING id, slug, version
"""
_REVIEWS = """
INSERT INTO listing_reviews
    (id, product_id, product_version, from_status, to_status, reviewer_id, reason, at)
SELECT id, product_id, version, $4, $5, $6, $7, $8
FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS r (id, product_id, version)
"""


@dataclass(frozen=True, slots=True)
class ListingMove:
    """A wish to move one product, and why."""

    product_id: UUID
    to: ListingStatus
    reason: str = ""
    expected_version: int | None = None


async def move_listing(actor: Actor, wish: ListingMove) -> Product:
    """Submit, approve, reject, suspend or withdraw a product. Audited, with its event.

    Needs `products:read` and the scope that the table of moves names. Refuses a move that is not
    listed (LISTING_MOVE_NOT_ALLOWED), a rejection or suspension without reason, an approval of
    what a ban hits (LISTING_BANNED) or what lacks its brand's authorisation
    (BRAND_NOT_AUTHORISED, row A8), and a version other than the expected (CONFLICT).
    """
    actor.require_scope("products:read")
    reason = wish.reason.strip()
    too_long = len(reason) > MAX_REASON_LETTERS
    missing = wish.to in NEED_REASON and not reason
    refuse_unless(not (too_long or missing), Invalid(reason="review_reason", field=("reason",)))
    async with transaction() as conn:
        await conn.execute(LOCK_SHARED)
        product = await Product.filter(id=wish.product_id).select_for_update().first()
        if product is None:
            raise Refused(NotFound(what="product", field=("productId",)))
        await _allow(conn, actor, product, wish)
        await move(conn, actor, [product.id], (product.status, wish.to), reason)
        await audit.record(
            conn,
            actor,
            "listing.move",
            product.id,
            {"from": product.status.value, "to": wish.to.value, "reason": reason},
        )
        await product.refresh_from_db()
    wake_relay()
    return product


async def move(
    conn: Connection,
    actor: Actor,
    product_ids: Sequence[UUID],
    from_to: tuple[ListingStatus, ListingStatus],
    reason: str,
) -> None:
    """Move products that the caller has locked and that all stand at `from`: rows and events."""
    if not product_ids:
        return
    before, after = from_to
    moment = clock.now()
    decided = after in DECISIONS
    rows = await conn.fetch(
        _MOVE, list(product_ids), after.value, moment, decided, actor.user_id, reason
    )
    await conn.execute(
        _REVIEWS,
        [new_id() for _ in rows],
        [row["id"] for row in rows],
        [row["version"] for row in rows],
        before.value,
        after.value,
        actor.user_id,
        reason,
        moment,
    )
    await record_events(conn, [_moved(row, before, after, reason) for row in rows])


async def send_back(conn: Connection, actor: Actor, product_ids: Sequence[UUID]) -> list[UUID]:
    """Let the approved ones of these products be reviewed again, because buyers see a change."""
    rows = await conn.fetch(_LOCK_APPROVED, list(product_ids))
    ids = [row["id"] for row in rows]
    await move(conn, actor, ids, (ListingStatus.APPROVED, ListingStatus.SUBMITTED), EDITED)
    return ids


async def approve_all(
    conn: Connection, actor: Actor, product_ids: Sequence[UUID], reason: str
) -> dict[str, tuple[str, str]]:
    """Approve the submitted ones of these products.

    Those that a ban hits, or whose brand lacks its authorisation, stay; the answer tells by slug
    why, as a key of the texts, and which ban or brand it is.
    """
    actor.require_scope(MOVES[ListingStatus.SUBMITTED, ListingStatus.APPROVED])
    rows = await conn.fetch(_LOCK_SUBMITTED, list(product_ids), clock.now())
    held: dict[str, tuple[str, str]] = {}
    for row in rows:
        if row["banned"] is not None:
            held[row["slug"]] = ("listing_banned", row["banned"])
        elif row["unauthorised"] is not None:
            held[row["slug"]] = ("brand_not_authorised", row["unauthorised"])
    free = [row["id"] for row in rows if row["slug"] not in held]
    await move(conn, actor, free, (ListingStatus.SUBMITTED, ListingStatus.APPROVED), reason)
    return held


async def reviews_of(product_ids: Sequence[UUID]) -> dict[UUID, list[ListingReview]]:
    """Every move of each product, newest first."""
    found: dict[UUID, list[ListingReview]] = {product_id: [] for product_id in product_ids}
    rows = ListingReview.filter(product_id__in=list(product_ids)).order_by("-product_version")
    for review in await rows:
        found[review.product_id].append(review)
    return found


async def _allow(conn: Connection, actor: Actor, product: Product, wish: ListingMove) -> None:
    scope = MOVES.get((product.status, wish.to))
    if scope is not None:
        actor.require_scope(scope)
    if wish.expected_version not in (None, product.version):
        raise Refused(Conflict(what="product", field=("expectedVersion",)))
    if scope is None:
        raise Refused(ListingMoveNotAllowed(source=product.status, target=wish.to, field=("to",)))
    if wish.to is ListingStatus.APPROVED:
        (row,) = await conn.fetch(_LOCK_SUBMITTED, [product.id], clock.now())
        if row["banned"] is not None:
            raise Refused(ListingBanned(banned=row["banned"], field=("to",)))
        if row["unauthorised"] is not None:
            raise Refused(BrandNotAuthorised(brand=row["unauthorised"], field=("to",)))


def _moved(
    row: Mapping[str, Any], before: ListingStatus, after: ListingStatus, reason: str
) -> Event:
    """The event `listing.moved`; its sequence is the product's version."""
    payload = {
        "productId": encode_id(Prefix.PRODUCT, row["id"]),
        "slug": row["slug"],
        "version": row["version"],
        "from": before.value,
        "to": after.value,
        "reason": reason,
    }
    return Event("listing.moved", row["id"], row["version"], payload)
