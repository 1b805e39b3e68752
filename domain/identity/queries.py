"""Reads of identity."""

from collections.abc import Sequence
from uuid import UUID

from domain.identity.models import User
from domain.identity.rules import folded_login
from domain.kernel import Actor, NotFound, Refused, clock, connection

_ENDED = """
SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ANY($1::uuid[])
    AND (s.revoked_at IS NOT NULL OR s.refresh_expires_at <= $3 OR u.disabled_at IS NOT NULL)
UNION ALL
SELECT k.id FROM api_keys k JOIN users u ON u.id = k.owner_id WHERE k.id = ANY($2::uuid[])
    AND (k.revoked_at IS NOT NULL OR k.expires_at <= $3 OR u.disabled_at IS NOT NULL)
"""


async def get_user(user_id: UUID) -> User | None:
    """A user by id."""
    return await User.filter(id=user_id).first()


async def find_user(login: str) -> User | None:
    """A user by login; for the machine itself, never for an answer over the network."""
    return await User.filter(login=folded_login(login)).first()


async def get_by_login(actor: Actor, login: str) -> User:
    """A user by login, for the back office (`users:read` or `ledger:write`)."""
    if "ledger:write" not in actor.scopes:
        actor.require_scope("users:read")
    user = await find_user(login)
    if user is None:
        raise Refused(NotFound(what="user", field=("login",)))
    return user


async def ended_among(session_ids: Sequence[UUID], key_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these sessions and keys let nobody in any more; one statement for all.

    An access token that ran out ends no session: whoever has it renews it.
    """
    async with connection() as conn:
        rows = await conn.fetch(_ENDED, list(session_ids), list(key_ids), clock.now())
    return {row["id"] for row in rows}


async def logins_of(user_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The logins behind ids; one statement for all. For the back office."""
    rows = User.filter(id__in=list(user_ids)).values_list("id", "login")
    return dict(await rows)
