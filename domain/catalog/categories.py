"""Shelves over the API: made, renamed, put elsewhere (mission row A5)."""

from uuid import UUID

import asyncpg

from domain import audit
from domain.catalog.bans import suspend_banned
from domain.catalog.models import Category
from domain.catalog.review import LOCK_SHARED
from domain.catalog.rules import CategoryDraft, category_faults
from domain.kernel import (
    Actor,
    Conflict,
    IntegrityError,
    Invalid,
    NotFound,
    Refused,
    new_id,
    transaction,
    wake_relay,
)

WRITE_SCOPE = "products:write"
# The same as the catalogue import's: two moves at once could close a circle that neither sees.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('catalog.import'))"


async def save_category(
    actor: Actor, draft: CategoryDraft, *, category_id: UUID | None = None
) -> Category:
    """Make a shelf, or change the one of this id. Audited.

    What comes below a banned shelf is suspended at once (row A7). Needs `products:write`. Refuses
    each field with a wrong value, an unknown shelf or parent (NOT_FOUND), a slug that is taken
    (CONFLICT), and a parent that stands below the shelf itself.
    """
    actor.require_scope(WRITE_SCOPE)
    if faults := category_faults(draft):
        raise Refused(*faults)
    try:
        async with transaction() as conn:
            await conn.execute(_LOCK)
            await conn.execute(LOCK_SHARED)
            category = await _category_to_save(category_id)
            category.update_from_dict(
                {
                    "slug": draft.slug,
                    "name_zh": draft.name_zh,
                    "name_en": draft.name_en,
                    "position": draft.position,
                    "parent_id": await _parent_of(draft),
                }
            )
            await category.save(
                force_create=category_id is None, force_update=category_id is not None
            )
            hit = await suspend_banned(conn, actor)
            details = {"slug": draft.slug, "parent": draft.parent_slug, "suspended": hit}
            await audit.record(conn, actor, "category.save", category.id, details)
    except IntegrityError as error:
        raise Refused(_refusal_of(error)) from error
    except asyncpg.IntegrityConstraintViolationError as error:  # told at the commit
        raise Refused(Invalid(reason="category_circle", field=("parentSlug",))) from error
    wake_relay()
    return category


async def _category_to_save(category_id: UUID | None) -> Category:
    if category_id is None:
        return Category(id=new_id())
    found = await Category.filter(id=category_id).select_for_update().first()
    if found is None:
        raise Refused(NotFound(what="category", field=("id",)))
    return found


async def _parent_of(draft: CategoryDraft) -> UUID | None:
    if not draft.parent_slug:
        return None
    parent = await Category.filter(slug=draft.parent_slug).first()
    if parent is None:
        raise Refused(NotFound(what="category", field=("parentSlug",)))
    return parent.id


def _refusal_of(error: IntegrityError) -> Conflict | Invalid:
    cause = error.args[0] if error.args else None
    if getattr(cause, "constraint_name", None) == "category_no_circle":
        return Invalid(reason="category_circle", field=("parentSlug",))
    return Conflict(what="category", field=("slug",))
