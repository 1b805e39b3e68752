"""Reads of identity."""

from collections.abc import Sequence
from uuid import UUID

from domain.identity.models import User
from domain.identity.rules import folded_login
from domain.kernel import Actor, NotFound, Refused


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


async def logins_of(user_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The logins behind ids; one statement for all. For the back office."""
    rows = User.filter(id__in=list(user_ids)).values_list("id", "login")
    return dict(await rows)
