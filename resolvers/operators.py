"""How the back office's fields of logins and keys are answered."""

import strawberry

from domain import identity
from domain.identity import User, UserRole
from domain.kernel import Prefix, decode_id
from resolvers.context import Info
from resolvers.identity import SessionOutcome, signed_in_as


async def session_create(info: Info, login: str, password: str, code: str = "") -> SessionOutcome:
    """Sign an operator in; anybody else hears that the credentials are wrong."""
    user = await identity.find_user(login)
    if user is None or user.role is not UserRole.OPERATOR:
        # The same work and the same answer as for a wrong password.
        await identity.sign_in("", password, info.context.user_agent)
    signed_in = await identity.sign_in(
        login, password, info.context.user_agent, code=code, asker=info.context.actor
    )
    return signed_in_as(info, signed_in)


async def user_by_login(info: Info, login: str) -> User:
    """A user (back office)."""
    return await identity.get_by_login(info.context.actor, login)


async def api_key_create(
    info: Info,
    owner_id: strawberry.ID,
    name: str,
    scopes: list[str],
    require_signature: bool = True,
    allowed_ips: list[str] | None = None,
) -> dict[str, object]:
    """A key for a partner (back office)."""
    made = await identity.create_api_key(
        info.context.actor,
        decode_id(Prefix.USER, owner_id, field=("ownerId",)),
        name,
        scopes,
        require_signature=require_signature,
        allowed_ips=allowed_ips or (),
    )
    return {"api_key": made.row, "key": made.key, "signing_secret": made.signing_secret}
