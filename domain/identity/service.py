"""Sign-in, sessions and keys (mission rows A1 to A5). Tokens are opaque and stored as digests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from domain import audit
from domain.identity.models import ApiKey, Session, SpentRefresh, User, UserRole
from domain.identity.passwords import hash_password, is_password, needs_rehash
from domain.identity.refusals import CredentialsWrong, LoginTaken, PasswordWeak, SessionEnded
from domain.identity.rules import (
    MAX_DEVICE_ID,
    MIN_PASSWORD,
    folded_login,
    is_login,
    is_network,
    is_weak,
    new_token,
)
from domain.kernel import (
    SYSTEM,
    Actor,
    IntegrityError,
    Invalid,
    NotFound,
    Refused,
    clock,
    keyed_digest,
    new_id,
    refuse_unless,
    seal_small,
    token_digest,
    transaction,
)

ACCESS_MINUTES = 15
REFRESH_DAYS = 30
STEP_UP_MINUTES = 5
KEY_PURPOSE = "api-key-signing"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session with its tokens, which are shown this once. A repr shows neither."""

    user: User
    session_id: UUID
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class NewKey:
    """A partner's key, shown this once. A repr shows neither key nor secret."""

    row: ApiKey
    key: str = field(repr=False)
    signing_secret: str = field(repr=False)


@dataclass(slots=True)
class Lifetimes:
    """How long tokens and proofs are good; set once by the wiring."""

    access: timedelta = timedelta(minutes=ACCESS_MINUTES)
    refresh: timedelta = timedelta(days=REFRESH_DAYS)
    step_up: timedelta = timedelta(minutes=STEP_UP_MINUTES)  # that a second factor counts as fresh


lifetimes = Lifetimes()


async def draft_user(login: str, password: str, display_name: str) -> User:
    """A buyer not yet written, with its password hashed. No transaction is open meanwhile.

    Refuses a login of another form, one that is taken, and a weak password.
    """
    folded = folded_login(login)
    refuse_unless(is_login(folded), Invalid(reason="login", field=("login",)))
    weak = PasswordWeak(minimum=MIN_PASSWORD, field=("password",))
    refuse_unless(not is_weak(password, folded), weak)
    name = display_name.strip()
    refuse_unless(len(name) <= 64, Invalid(reason="name", field=("displayName",)))
    taken = await User.filter(login=folded).exists()  # before the hash, which is dear
    refuse_unless(not taken, LoginTaken(field=("login",)))
    return User(
        id=new_id(),
        login=folded,
        display_name=name,
        role=UserRole.BUYER,
        password_hash=await hash_password(password),
        created_at=clock.now(),
    )


async def save_user(user: User) -> User:
    """Write a drafted user in the caller's transaction; of two at once one is LOGIN_TAKEN."""
    try:
        await user.save(force_create=True)
    except IntegrityError as error:
        raise Refused(LoginTaken(field=("login",))) from error
    return user


def draft_guest(device_id: str) -> User:
    """A guest known by a device only; the device's id is kept as a keyed digest."""
    login = guest_login(device_id)
    return User(id=new_id(), login=login, role=UserRole.GUEST, created_at=clock.now())


def guest_login(device_id: str) -> str:
    """The login behind a device; refuses an id that anybody could guess."""
    usable = 16 <= len(device_id) <= MAX_DEVICE_ID
    refuse_unless(usable, Invalid(reason="device_id", field=("guest", "deviceId")))
    return f"guest:{keyed_digest('guest-device', device_id.encode()).hex()[:48]}"


async def user_by_password(login: str, password: str) -> User:
    """Whose login and password these are. One refusal, CREDENTIALS_WRONG, for whatever is wrong."""
    user = await User.filter(login=folded_login(login)).first()
    stored = user.password_hash if user and user.disabled_at is None else None
    if not await is_password(stored, password[: 4 * 128]) or user is None or stored is None:
        raise Refused(CredentialsWrong())
    if needs_rehash(stored):
        fresh = await hash_password(password)
        await User.filter(id=user.id, password_hash=stored).update(password_hash=fresh)
    return user


async def open_session(
    user: User, client: str = "", *, access_minutes: int | None = None
) -> SignedIn:
    """A session for a user whose identity is proved; joins the caller's transaction, if any."""
    access, refresh, moment = new_token("kma"), new_token("kmr"), clock.now()
    life = timedelta(minutes=access_minutes) if access_minutes else lifetimes.access
    session = await Session.create(
        id=new_id(),
        user=user,
        access_digest=token_digest(access),
        access_expires_at=moment + life,
        refresh_digest=token_digest(refresh),
        refresh_expires_at=moment + lifetimes.refresh,
        client=client[:200],
        created_at=moment,
        last_seen_at=moment,
    )
    return SignedIn(user, session.id, access, refresh, session.access_expires_at)


async def refresh(refresh_token: str, client: str = "") -> SignedIn:
    """New tokens for old ones. A token that was used before ends the session: it was stolen."""
    digest, moment = token_digest(refresh_token), clock.now()
    async with transaction() as conn:
        found = await Session.filter(refresh_digest=digest).select_for_update().first()
        if found is not None and found.revoked_at is None and found.refresh_expires_at > moment:
            return await _rotated(found, digest, moment)
        spent = await SpentRefresh.filter(digest=digest).first()
        if spent is not None:
            await conn.execute(
                "UPDATE sessions SET revoked_at = $2, revoked_because = 'refresh_reused'"
                " WHERE id = $1 AND revoked_at IS NULL",
                spent.session_id,  # type: ignore[attr-defined]
                moment,
            )
    raise Refused(SessionEnded())


async def _rotated(session: Session, digest: bytes, moment: datetime) -> SignedIn:
    user = await User.get(id=session.user_id)  # type: ignore[attr-defined]
    if user.disabled_at is not None:
        raise Refused(SessionEnded())
    access, fresh = new_token("kma"), new_token("kmr")
    await SpentRefresh.create(id=new_id(), digest=digest, session=session, spent_at=moment)
    session.access_digest, session.refresh_digest = token_digest(access), token_digest(fresh)
    session.access_expires_at = moment + lifetimes.access
    session.refresh_expires_at = moment + lifetimes.refresh
    session.last_seen_at = moment
    await session.save()
    return SignedIn(user, session.id, access, fresh, session.access_expires_at)


async def revoke(actor: Actor, session_id: UUID | None = None) -> None:
    """End one of the caller's own sessions; this one when none is named."""
    user_id = actor.require_user()
    own = Session.filter(id=session_id or actor.session_id, user_id=user_id)
    if not await own.exists():
        raise Refused(NotFound(what="session", field=("id",)))
    await own.filter(revoked_at__isnull=True).update(
        revoked_at=clock.now(), revoked_because="signed_out"
    )


async def create_operator(login: str, password: str, scopes: Sequence[str]) -> User:
    """A login for the back office; called from the machine itself, never over the network."""
    user = await draft_user(login, password, login)
    user.role, user.scopes = UserRole.OPERATOR, list(scopes)
    async with transaction() as conn:
        saved = await save_user(user)
        details = {"login": saved.login, "scopes": list(scopes)}
        await audit.record(conn, SYSTEM, "operator.create", saved.id, details)
    return saved


async def create_api_key(
    actor: Actor,
    owner_id: UUID,
    name: str,
    scopes: Sequence[str],
    *,
    require_signature: bool = True,
    allowed_ips: Sequence[str] = (),
) -> NewKey:
    """A key for a partner; needs `keys:write`. Key and signing secret are shown this once.

    Refuses (FORBIDDEN) a scope that the caller does not hold: else `keys:write` would be all.
    """
    actor.require_scope("keys:write")
    for scope in scopes:
        actor.require_scope(scope)
    refuse_unless(0 < len(name) <= 64, Invalid(reason="name", field=("name",)))
    usable = all(is_network(each) for each in allowed_ips)
    refuse_unless(usable, Invalid(reason="ip_range", field=("allowedIps",)))
    if not await User.filter(id=owner_id).exists():
        raise Refused(NotFound(what="user", field=("ownerId",)))
    key, secret, key_id = new_token("kmk"), new_token("kms"), new_id()
    async with transaction() as conn:
        row = await ApiKey.create(
            id=key_id,
            owner_id=owner_id,
            name=name,
            hint=f"kmk_…{key[-4:]}",
            digest=token_digest(key),
            signing_secret_sealed=seal_small(KEY_PURPOSE, secret, str(key_id)),
            require_signature=require_signature,
            scopes=list(scopes),
            allowed_ips=list(allowed_ips),
            created_at=clock.now(),
        )
        details = {"owner": str(owner_id), "name": name, "scopes": list(scopes)}
        await audit.record(conn, actor, "api_key.create", key_id, details)
    return NewKey(row, key, secret)
