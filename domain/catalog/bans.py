"""Banned words and categories, kept by operators (mission row A7).

How a word is looked for is said in one place, the SQL function `folded`: NFKC, small letters, and
nothing but letters and digits, so that 外 挂, ｗａｉ－ｇｕａ and WAI.GUA are all found.
"""

from uuid import UUID

from domain import audit
from domain.catalog.models import Category, ListingBan, ListingStatus
from domain.catalog.moves import MAX_REASON_LETTERS
from domain.catalog.review import LOCK_ALONE, move
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    IntegrityError,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Refused,
    clock,
    new_id,
    page_of,
    refuse_unless,
    transaction,
    wake_relay,
)

SCOPE = "listings:review"
MAX_WORD_LETTERS = 64
MIN_FOLDED_LETTERS = 2  # one letter would be found everywhere

_HIT = """
WITH hit AS MATERIALIZED (
    SELECT p.id, ban_of(p) AS ban FROM products p
    WHERE p.status = 'approved' AND EXISTS (SELECT 1 FROM listing_bans)
)
SELECT p.id, b.reason, coalesce(b.word, c.slug) AS banned
FROM hit JOIN products p ON p.id = hit.id JOIN listing_bans b ON b.id = hit.ban
LEFT JOIN categories c ON c.id = b.category_id
WHERE p.status = 'approved' ORDER BY p.id FOR UPDATE OF p
"""


async def ban(
    actor: Actor, reason: str, *, word: str | None = None, category_id: UUID | None = None
) -> ListingBan:
    """Ban a word, or a category with all below it, and suspend what it hits. Audited.

    Needs `listings:review`. Refuses a word shorter than two letters, none or both of the two, a
    missing reason, an unknown category, and what is banned already (CONFLICT).
    """
    actor.require_scope(SCOPE)
    reason = reason.strip()
    refuse_unless(
        0 < len(reason) <= MAX_REASON_LETTERS, Invalid(reason="review_reason", field=("reason",))
    )
    one = (word is None) != (category_id is None)
    refuse_unless(one, Invalid(reason="ban_of_one_thing", field=("word",)))
    try:
        async with transaction() as conn:
            await conn.execute(LOCK_ALONE)
            made = ListingBan(
                id=new_id(),
                word=word,
                folded=await _folded(conn, word),
                category_id=category_id,
                reason=reason,
                created_by=actor.user_id,
                created_at=clock.now(),
            )
            if category_id is not None and not await Category.exists(id=category_id):
                raise Refused(NotFound(what="category", field=("categoryId",)))
            await made.save(force_create=True)
            hit = await suspend_banned(conn, actor)
            details = {"word": word, "category": category_id and str(category_id), "hit": hit}
            await audit.record(conn, actor, "listing.ban", made.id, {**details, "reason": reason})
    except IntegrityError as error:
        raise Refused(Conflict(what="ban", field=("word",))) from error
    wake_relay()
    return made


async def lift_ban(actor: Actor, ban_id: UUID) -> UUID:
    """Take a ban back. What it suspended stays so until an operator submits it. Audited."""
    actor.require_scope(SCOPE)
    async with transaction() as conn:
        found = await ListingBan.filter(id=ban_id).first()
        if found is None:
            raise Refused(NotFound(what="ban", field=("id",)))
        await found.delete()
        details = {"word": found.word, "category": found.category_id and str(found.category_id)}
        await audit.record(conn, actor, "listing.ban_lifted", ban_id, details)
    return ban_id


async def banned_word(conn: Connection, *texts: str) -> str | None:
    """The oldest banned word in what somebody wrote, as it was banned; None when it is clean."""
    found: str | None = await conn.fetchval("SELECT ban_of_texts($1)", list(texts))
    return found


async def list_bans(page: PageRequest) -> Page[ListingBan]:
    """All bans, oldest first (back office)."""
    rows = ListingBan.all().order_by("id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__gt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def suspend_banned(conn: Connection, actor: Actor) -> int:
    """Suspend every approved product that a ban hits, telling which ban and why; how many."""
    by_reason: dict[str, list[UUID]] = {}
    for row in await conn.fetch(_HIT):
        reason = f"{row['banned']}: {row['reason']}"[:MAX_REASON_LETTERS]
        by_reason.setdefault(reason, []).append(row["id"])
    for reason, ids in by_reason.items():
        await move(conn, actor, ids, (ListingStatus.APPROVED, ListingStatus.SUSPENDED), reason)
    return sum(len(ids) for ids in by_reason.values())


async def _folded(conn: Connection, word: str | None) -> str | None:
    if word is None:
        return None
    folded: str = await conn.fetchval("SELECT folded($1)", word)
    right = len(word) <= MAX_WORD_LETTERS and len(folded) >= MIN_FOLDED_LETTERS
    refuse_unless(right, Invalid(reason="ban_word", field=("word",)))
    return folded
