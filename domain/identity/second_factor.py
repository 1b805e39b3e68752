"""The second factor (mission row L4): an authenticator app, and deeds that need a fresh code of it.

A code is good once. Wrong ones are counted in the database, so that the count outlives the cache of
the rate limits, and each is audited. Sessions step up; API keys never do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from pyotp import TOTP, random_base32

from domain import audit
from domain.identity.models import SecondFactor, User
from domain.identity.passwords import is_password
from domain.identity.refusals import (
    CredentialsWrong,
    SecondFactorNeeded,
    StepUpRequired,
    TotpBlocked,
    TotpWrong,
)
from domain.identity.rules import (
    BLOCKED_MINUTES,
    MAX_WRONG_CODES,
    RECOVERY_CODES,
    folded_code,
    is_totp,
    matching_step,
    new_recovery_code,
)
from domain.identity.service import SignedIn, lifetimes, open_session, user_by_password
from domain.kernel import (
    ANONYMOUS,
    Actor,
    ActorKind,
    Connection,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    clock,
    connection,
    keyed_digest,
    new_id,
    refuse_unless,
    seal_small,
    transaction,
    unseal_small,
)

PURPOSE = "second-factor"
RECOVERY_PURPOSE = "recovery-code"
ISSUER = "Kameng"
DISABLE_SCOPE = "users:write"
MAX_REASON_LETTERS = 500
MAX_PASSWORD_LETTERS = 4 * 128

_AT_WORK = """
SELECT id, secret_sealed, blocked_until FROM second_factors
WHERE user_id = $1 AND ended_at IS NULL AND confirmed_at IS NOT NULL
"""
_WAITING = """
SELECT id, secret_sealed, blocked_until FROM second_factors
WHERE user_id = $1 AND ended_at IS NULL AND confirmed_at IS NULL
"""
_LOCK_USER = "SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE"
_ABANDON = """
UPDATE second_factors SET ended_at = $2, ended_by = $1, ended_because = 'replaced'
WHERE user_id = $1 AND ended_at IS NULL AND confirmed_at IS NULL
"""
_REPLACE = """
UPDATE second_factors SET ended_at = $2, ended_by = $1, ended_because = 'replaced'
WHERE user_id = $1 AND ended_at IS NULL AND confirmed_at IS NOT NULL
"""
_CONFIRM = """
UPDATE second_factors SET confirmed_at = $2, last_step = $3, failures = 0, blocked_until = NULL
WHERE id = $1 AND ended_at IS NULL AND confirmed_at IS NULL RETURNING 1
"""
# Of two that bring the same code at once the second finds its step used.
_SPEND_STEP = """
UPDATE second_factors SET last_step = $2, failures = 0, blocked_until = NULL
WHERE id = $1 AND ended_at IS NULL AND last_step < $2 RETURNING 1
"""
_SPEND_RECOVERY = """
UPDATE recovery_codes SET used_at = $3
WHERE factor_id = $1 AND digest = $2 AND used_at IS NULL AND ended_at IS NULL RETURNING 1
"""
_WRONG = """
UPDATE second_factors SET
    failures = CASE WHEN failures + 1 >= $3 THEN 0 ELSE failures + 1 END,
    blocked_until = CASE WHEN failures + 1 >= $3 THEN $2::timestamptz ELSE blocked_until END
WHERE id = $1
"""
_FRESH = "UPDATE sessions SET stepped_up_at = $3 WHERE id = $1 AND user_id = $2"
_FORGET_STEPS = "UPDATE sessions SET stepped_up_at = NULL WHERE user_id = $1"
_STATE = """
SELECT f.id AS enrolled, f.confirmed_at, s.stepped_up_at,
    (SELECT count(*) FROM recovery_codes r
        WHERE r.factor_id = f.id AND r.used_at IS NULL AND r.ended_at IS NULL) AS codes_left
FROM users u
LEFT JOIN second_factors f ON f.user_id = u.id AND f.ended_at IS NULL
    AND f.confirmed_at IS NOT NULL
LEFT JOIN sessions s ON s.id = $2 AND s.user_id = u.id AND s.revoked_at IS NULL
WHERE u.id = $1
"""
_NEW_CODES = """
INSERT INTO recovery_codes (id, factor_id, digest)
SELECT id, $1, digest FROM unnest($2::uuid[], $3::bytea[]) AS c (id, digest)
"""
_END_CODES = """
UPDATE recovery_codes SET ended_at = $2
WHERE factor_id = $1 AND used_at IS NULL AND ended_at IS NULL
"""
_DISABLE = """
UPDATE second_factors SET ended_at = $2, ended_by = $3, ended_because = 'disabled'
WHERE user_id = $1 AND ended_at IS NULL RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs, shown this once. A repr shows neither."""

    uri: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """Fresh recovery codes, shown this once."""

    codes: tuple[str, ...] = field(repr=False)
    stepped_up_until: datetime


@dataclass(frozen=True, slots=True)
class FactorState:
    """What a caller may know of its own second factor."""

    confirmed_at: datetime | None
    recovery_codes_left: int
    stepped_up_until: datetime | None


async def sign_in(
    login: str, password: str, client: str = "", *, code: str = "", asker: Actor = ANONYMOUS
) -> SignedIn:
    """Open a session by password, and by a code of the app for a login that has one.

    With a code the session is fresh at once. Refuses with CREDENTIALS_WRONG whatever is wrong with
    login and password; only behind them with SECOND_FACTOR_NEEDED, TOTP_WRONG and TOTP_BLOCKED.
    """
    user = await user_by_password(login, password)
    given, moment, how = folded_code(code), clock.now(), ""
    async with transaction() as conn:
        factor = await conn.fetchrow(_AT_WORK + "FOR UPDATE", user.id)
        if factor is None:
            return await open_session(user, client)
        refuse_unless(bool(given), SecondFactorNeeded(field=("code",)))
        _refuse_blocked(factor["blocked_until"], moment)
        secret = unseal_small(PURPOSE, factor["secret_sealed"], str(factor["id"]))
        how = await _spend(conn, factor["id"], secret, given, moment) or ""
        actor = replace(asker, kind=ActorKind.USER, user_id=user.id)
        if how:
            signed_in = await open_session(user, client)
            await conn.execute(_FRESH, signed_in.session_id, user.id, moment)
            await audit.record(conn, actor, "second_factor.sign_in", user.id, {"by": how})
        else:
            await _note_wrong(conn, actor, factor["id"], moment)
    refuse_unless(bool(how), TotpWrong(field=("code",)))
    return signed_in


async def enrol_totp(actor: Actor, password: str) -> Enrolment:
    """A new secret for the caller's app; it counts for nothing until `confirm_totp`.

    The password is asked again, because a stolen session must not bind a thief's phone. Who has an
    app at work already needs a fresh code of it (STEP_UP_REQUIRED). Refuses guests and keys
    (FORBIDDEN), and a wrong password (CREDENTIALS_WRONG).
    """
    user_id = _require_session(actor)
    user = await _with_password(actor, user_id, password)
    factor_id, secret, moment = new_id(), random_base32(), clock.now()
    async with transaction() as conn:
        await conn.execute(_LOCK_USER, user_id)
        if await conn.fetchrow(_AT_WORK, user_id) is not None:
            await require_step_up(actor)
        await conn.execute(_ABANDON, user_id, moment)
        await SecondFactor.create(
            id=factor_id,
            user_id=user_id,
            secret_sealed=seal_small(PURPOSE, secret, str(factor_id)),
            created_at=moment,
        )
        await audit.record(conn, actor, "second_factor.enrol", user_id, {})
    app = TOTP(secret, name=user.login, issuer=ISSUER)
    return Enrolment(app.provisioning_uri(), secret)


async def confirm_totp(actor: Actor, code: str) -> RecoveryCodes:
    """The first code of the new app puts it to work, in the place of an earlier one.

    The session is fresh from then on. Ten recovery codes are shown this once. Refuses a wrong code
    (TOTP_WRONG), too many of them (TOTP_BLOCKED), and when nothing was enrolled.
    """
    user_id = _require_session(actor)
    codes = tuple(new_recovery_code() for _ in range(RECOVERY_CODES))
    moment = clock.now()
    wrong = False
    async with transaction() as conn:
        factor = await conn.fetchrow(_WAITING + "FOR UPDATE", user_id)
        if factor is None:
            raise Refused(NotFound(what="second factor"))
        _refuse_blocked(factor["blocked_until"], moment)
        secret = unseal_small(PURPOSE, factor["secret_sealed"], str(factor["id"]))
        step = matching_step(secret, folded_code(code), moment.timestamp())
        if step is None:
            wrong = True
            await _note_wrong(conn, actor, factor["id"], moment)
        else:
            await conn.execute(_REPLACE, user_id, moment)
            await conn.fetchval(_CONFIRM, factor["id"], moment, step)
            await _write_codes(conn, factor["id"], codes)
            await conn.execute(_FRESH, actor.session_id, user_id, moment)
            await audit.record(conn, actor, "second_factor.confirm", user_id, {})
    refuse_unless(not wrong, TotpWrong(field=("code",)))
    return RecoveryCodes(codes, moment + lifetimes.step_up)


async def step_up(actor: Actor, code: str) -> datetime:
    """A code of the app, or a recovery code: the session is fresh until the moment answered.

    Each code is good once. Refuses without an app (STEP_UP_REQUIRED, not enrolled), a code that is
    wrong or was used (TOTP_WRONG), and for some minutes after too many (TOTP_BLOCKED).
    """
    user_id = _require_session(actor)
    given, moment = folded_code(code), clock.now()
    async with transaction() as conn:
        factor = await conn.fetchrow(_AT_WORK + "FOR UPDATE", user_id)
        if factor is None:
            raise Refused(StepUpRequired(enrolled=False))
        _refuse_blocked(factor["blocked_until"], moment)
        secret = unseal_small(PURPOSE, factor["secret_sealed"], str(factor["id"]))
        how = await _spend(conn, factor["id"], secret, given, moment)
        if how is None:
            await _note_wrong(conn, actor, factor["id"], moment)
        else:
            await conn.execute(_FRESH, actor.session_id, user_id, moment)
            await audit.record(conn, actor, "second_factor.step_up", user_id, {"by": how})
    refuse_unless(how is not None, TotpWrong(field=("code",)))
    return moment + lifetimes.step_up


async def require_step_up(actor: Actor) -> None:
    """Refuse (STEP_UP_REQUIRED) unless the caller's session has shown a second factor just now.

    Reads by the caller's transaction, if any. Keys, and whoever has no session, never pass.
    """
    if actor.user_id is None or actor.session_id is None or actor.kind is ActorKind.KEY:
        raise Refused(StepUpRequired(enrolled=False))
    async with connection() as conn:
        row = await conn.fetchrow(_STATE, actor.user_id, actor.session_id)
    enrolled = row is not None and row["enrolled"] is not None
    proved = row["stepped_up_at"] if enrolled else None
    fresh = proved is not None and clock.now() - proved < lifetimes.step_up
    refuse_unless(fresh, StepUpRequired(enrolled=enrolled))


async def renew_recovery_codes(actor: Actor, password: str) -> RecoveryCodes:
    """Ten fresh recovery codes; the earlier ones end. Needs a fresh step-up and the password."""
    user_id = _require_session(actor)
    await _with_password(actor, user_id, password)
    codes = tuple(new_recovery_code() for _ in range(RECOVERY_CODES))
    moment = clock.now()
    async with transaction() as conn:
        await require_step_up(actor)
        factor = await conn.fetchrow(_AT_WORK + "FOR UPDATE", user_id)
        await conn.execute(_END_CODES, factor["id"], moment)
        await _write_codes(conn, factor["id"], codes)
        await audit.record(conn, actor, "second_factor.codes_renewed", user_id, {})
    return RecoveryCodes(codes, moment + lifetimes.step_up)


async def disable_totp(actor: Actor, user_id: UUID, reason: str) -> None:
    """Take a lost phone's app away from another login; that login's sessions are fresh no more.

    Needs `users:write`, a fresh step-up and a reason. Nobody does it to themselves, which the
    database refuses too. The machine itself (SYSTEM, a command) needs no step-up.
    """
    actor.require_scope(DISABLE_SCOPE)
    fits = 0 < len(reason.strip()) <= MAX_REASON_LETTERS
    refuse_unless(fits, Invalid(reason="review_reason", field=("reason",)))
    own = Invalid(reason="second_factor_own", field=("userId",))
    refuse_unless(actor.user_id != user_id, own)
    async with transaction() as conn:
        if actor.kind is not ActorKind.SYSTEM:
            await require_step_up(actor)
        ended = await conn.fetch(_DISABLE, user_id, clock.now(), actor.user_id)
        if not ended:
            raise Refused(NotFound(what="second factor", field=("userId",)))
        await conn.execute(_FORGET_STEPS, user_id)
        details = {"reason": reason.strip()}
        await audit.record(conn, actor, "second_factor.disable", user_id, details)


async def factor_state(actor: Actor) -> FactorState | None:
    """The caller's own second factor; None when no app is at work."""
    async with connection() as conn:
        row = await conn.fetchrow(_STATE, actor.require_user(), actor.session_id)
    if row is None or row["enrolled"] is None:
        return None
    proved = row["stepped_up_at"]
    until = proved + lifetimes.step_up if proved is not None else None
    fresh = until if until is not None and until > clock.now() else None
    return FactorState(row["confirmed_at"], row["codes_left"], fresh)


def _require_session(actor: Actor) -> UUID:
    """Only a session of a login with a password has a second factor."""
    user_id = actor.require_user()
    able = actor.session_id is not None and actor.kind in (ActorKind.USER, ActorKind.OPERATOR)
    refuse_unless(able, Forbidden(scope="session"))
    return user_id


async def _with_password(actor: Actor, user_id: UUID, password: str) -> User:
    """The caller, who has shown the password once more; a wrong one is audited."""
    user = await User.get(id=user_id)
    refuse_unless(user.password_hash is not None, Forbidden(scope="session"))
    if not await is_password(user.password_hash, password[:MAX_PASSWORD_LETTERS]):
        await _audited(actor, "second_factor.password_wrong")
        raise Refused(CredentialsWrong(field=("password",)))
    return user


def _refuse_blocked(until: datetime | None, moment: datetime) -> None:
    if until is not None and until > moment:
        raise Refused(TotpBlocked(minutes=-(-int((until - moment).total_seconds()) // 60)))


async def _spend(
    conn: Connection, factor_id: UUID, secret: str, code: str, moment: datetime
) -> str | None:
    """By what the caller proved itself, used up; None when the code is no good."""
    if is_totp(code):
        step = matching_step(secret, code, moment.timestamp())
        spent = step is not None and await conn.fetchval(_SPEND_STEP, factor_id, step)
        return "totp" if spent else None
    digest = _recovery_digest(factor_id, code)
    return "recovery" if await conn.fetchval(_SPEND_RECOVERY, factor_id, digest, moment) else None


async def _note_wrong(conn: Connection, actor: Actor, factor_id: UUID, moment: datetime) -> None:
    until = moment + timedelta(minutes=BLOCKED_MINUTES)
    await conn.execute(_WRONG, factor_id, until, MAX_WRONG_CODES)
    await audit.record(conn, actor, "second_factor.wrong", actor.user_id, {})


async def _write_codes(conn: Connection, factor_id: UUID, codes: Sequence[str]) -> None:
    digests = [_recovery_digest(factor_id, folded_code(code)) for code in codes]
    await conn.execute(_NEW_CODES, factor_id, [new_id() for _ in codes], digests)


def _recovery_digest(factor_id: UUID, folded: str) -> bytes:
    return keyed_digest(RECOVERY_PURPOSE, factor_id.bytes + folded.encode())


async def _audited(actor: Actor, action: str) -> None:
    async with transaction() as conn:
        await audit.record(conn, actor, action, actor.user_id, {})
