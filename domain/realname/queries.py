"""Reads of real-name cases: one's own, and those that wait for staff. Never a name or number."""

from collections.abc import Sequence
from uuid import UUID

from domain.kernel import Actor, Page, PageRequest, connection, page_of
from domain.realname.models import RealName, RealNameCase, RealNameLevel, RealNameState

READ_SCOPE = "realname:read"

# Whether the user `{one}` and the user `{other}` are one person, as far as the checks know.
SAME_PERSON = """
EXISTS (SELECT 1 FROM real_names mine JOIN real_names theirs
        ON theirs.number_digest = mine.number_digest
    WHERE mine.user_id = {one} AND theirs.user_id = {other})
"""
_OTHERS = """
SELECT own.user_id, same.user_id AS other FROM real_names own
CROSS JOIN LATERAL (SELECT theirs.user_id, theirs.reached_at FROM real_names theirs
    WHERE theirs.number_digest = own.number_digest AND theirs.user_id <> own.user_id
    ORDER BY theirs.reached_at LIMIT 50) same
WHERE own.user_id = ANY($1::uuid[]) ORDER BY own.user_id, same.reached_at
"""


async def last_case(user_id: UUID) -> RealNameCase | None:
    """The newest case of a user."""
    return await RealNameCase.filter(user_id=user_id).order_by("-id").first()


async def list_cases(
    actor: Actor, states: Sequence[RealNameState], page: PageRequest
) -> Page[RealNameCase]:
    """Cases in these states, oldest first; needs `realname:read`."""
    actor.require_scope(READ_SCOPE)
    rows = RealNameCase.all().order_by("id").limit(page.first + 1)
    if states:
        rows = rows.filter(state__in=list(states))
    if page.after:
        rows = rows.filter(id__gt=UUID(page.after[0]))
    return page_of(page, await rows, lambda case: (case.id,))


async def levels_of(user_ids: Sequence[UUID]) -> dict[UUID, RealNameLevel]:
    """The levels of those users who have reached any; one look for all."""
    rows = await RealName.filter(user_id__in=list(user_ids))
    return {row.user_id: row.level for row in rows}


async def passed_cases(user_ids: Sequence[UUID]) -> dict[UUID, RealNameCase]:
    """The newest case that passed of each user who has one; one look for all."""
    passed = RealNameCase.filter(user_id__in=list(user_ids), state=RealNameState.PASSED)
    return {case.user_id: case for case in await passed.order_by("id")}


async def others_of(user_ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Other users whom the checks know as the same person or company, 50 at most of each; one look
    for all."""
    found: dict[UUID, list[UUID]] = {each: [] for each in user_ids}
    async with connection() as conn:
        for row in await conn.fetch(_OTHERS, list(user_ids)):
            found[row["user_id"]].append(row["other"])
    return found
