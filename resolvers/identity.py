"""How the fields of sign-up, sign-in and keys are answered."""

from dataclasses import dataclass, field
from datetime import datetime

import strawberry
from strawberry import Parent

from domain import agents, identity
from domain.identity import SignedIn, User, UserRole
from domain.kernel import Actor, ActorKind, Invalid, Prefix, Refused, decode_id
from resolvers.context import Info


@strawberry.input(description="A login and its password.")
class PasswordLogin:
    login: str
    password: str
    code: str = strawberry.field(
        default="", description="Of the authenticator app, or a recovery code, if there is one."
    )


@strawberry.input(description="A device: an id that its app made up and keeps, 16 letters or more.")
class GuestLogin:
    device_id: str


@dataclass(frozen=True)
class SessionOutcome:
    """What the payload shows of a sign-in. A repr shows no token."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    viewer: User


async def viewer(info: Info) -> User | None:
    """The caller; null when nobody is signed in. A key is no viewer: it has its scopes alone."""
    actor = info.context.actor
    if actor.user_id is None or actor.kind is ActorKind.KEY:
        return None
    return await identity.get_user(actor.user_id)


def is_guest(user: Parent[User]) -> bool:
    """Whether it is known by a device only."""
    return user.role is UserRole.GUEST


async def user_create(
    info: Info,
    login: str,
    password: str,
    display_name: str = "",
    promoter_code: str | None = None,
) -> SessionOutcome:
    """Sign up, and in."""
    wish = agents.SignUp(login, password, display_name, promoter_code)
    return signed_in_as(info, await agents.sign_up(wish, info.context.user_agent))


async def session_create(
    info: Info, password: PasswordLogin | None = None, guest: GuestLogin | None = None
) -> SessionOutcome:
    """Sign in by password, or as the guest of a device."""
    client = info.context.user_agent
    if bool(password) == bool(guest):
        raise Refused(Invalid(reason="sign_in_way"))
    if password:
        signed_in = await identity.sign_in(
            password.login,
            password.password,
            client,
            code=password.code,
            asker=info.context.actor,
        )
        asker = info.context.actor
        device = asker.user_id if asker.kind is ActorKind.GUEST else None
        await agents.note_agent_seen(signed_in.user.id, asker.ip, device)
        return signed_in_as(info, signed_in)
    assert guest is not None
    return signed_in_as(info, await agents.sign_in_guest(guest.device_id, client))


async def session_refresh(info: Info, refresh_token: str) -> SessionOutcome:
    """New tokens for a refresh token."""
    signed_in = await identity.refresh(refresh_token, info.context.user_agent)
    await agents.note_agent_seen(signed_in.user.id, info.context.actor.ip)
    return signed_in_as(info, signed_in)


async def session_revoke(info: Info, id: strawberry.ID | None = None) -> dict[str, object]:
    """End one of the caller's sessions, or this one."""
    session = decode_id(Prefix.SESSION, id) if id else None
    await identity.revoke(info.context.actor, session)
    return {}


def signed_in_as(info: Info, signed_in: SignedIn) -> SessionOutcome:
    """The rest of the answer is asked as the one who has just signed in."""
    user = signed_in.user
    info.context.sign_in(
        Actor(
            kind=ActorKind.GUEST if user.role is UserRole.GUEST else ActorKind.USER,
            user_id=user.id,
            session_id=signed_in.session_id,
            ip=info.context.actor.ip,
            request_id=info.context.request_id,
            site_id=info.context.actor.site_id,
        )
    )
    return SessionOutcome(
        signed_in.access_token, signed_in.refresh_token, signed_in.expires_at, user
    )
