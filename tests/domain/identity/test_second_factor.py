"""The second factor: enrolment, codes that are good once, deeds that need a fresh one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from pyotp import TOTP

from domain import agents, identity
from domain.agents import SignUp
from domain.identity import rules, second_factor
from domain.identity.models import SecondFactor, Session, User, UserRole
from domain.kernel import SYSTEM, Actor, ActorKind, Refused, clock, connection
from tests import make

pytestmark = pytest.mark.usefixtures("db")
PASSWORD = "a long pass phrase"
START = datetime(2026, 11, 26, 8, 0, 0, tzinfo=UTC)
STEP = timedelta(seconds=30)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    with clock.fixed(lambda: moment):
        yield


async def refused_with(work: Any) -> str:
    with pytest.raises(Refused) as refused:
        await work
    return refused.value.refusals[0].code


async def deeds(action: str = "second_factor.%") -> list[str]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT action FROM audit_entries WHERE action LIKE $1 ORDER BY id", action
        )
    return [row["action"].removeprefix("second_factor.") for row in rows]


@dataclass
class Phone:
    """A login with its app."""

    actor: Actor
    secret: str
    recovery: tuple[str, ...]

    def code(self, moment: datetime) -> str:
        return TOTP(self.secret).at(moment)


async def session(scopes: tuple[str, ...] = ()) -> Actor:
    """A signed-in operator with a password and a session of its own."""
    login = f"clerk{(await User.all().count()) + 1}"
    await identity.create_operator(login, PASSWORD, list(scopes))
    signed_in = await identity.sign_in(login, PASSWORD)
    actor = await identity.actor_of_token(signed_in.access_token, "127.0.0.1")
    assert actor is not None
    return actor


async def with_phone(*scopes: str) -> Phone:
    """An operator whose app was put to work at START."""
    with at(START):
        actor = await session(scopes)
        enrolment = await identity.enrol_totp(actor, PASSWORD)
        confirmed = await identity.confirm_totp(actor, TOTP(enrolment.secret).at(START))
    return Phone(actor, enrolment.secret, confirmed.codes)


async def test_an_app_is_enrolled_by_its_first_code_and_then_proves_the_caller() -> None:
    phone = await with_phone()
    assert len(set(phone.recovery)) == rules.RECOVERY_CODES
    with at(START + timedelta(minutes=4)):
        await identity.require_step_up(phone.actor)
    later = START + timedelta(minutes=6)
    with at(later):
        assert await refused_with(identity.require_step_up(phone.actor)) == "STEP_UP_REQUIRED"
        assert await identity.step_up(phone.actor, phone.code(later)) == later + timedelta(
            minutes=5
        )
        await identity.require_step_up(phone.actor)
        state = await identity.factor_state(phone.actor)
    assert state == identity.FactorState(START, 10, later + timedelta(minutes=5))
    assert await deeds() == ["enrol", "confirm", "step_up"]


async def test_the_address_for_the_app_names_shop_and_login() -> None:
    actor = await session()
    enrolment = await identity.enrol_totp(actor, PASSWORD)
    assert enrolment.uri == f"otpauth://totp/Kameng:clerk1?secret={enrolment.secret}&issuer=Kameng"
    assert enrolment.secret not in repr(enrolment)


async def test_a_new_app_counts_for_nothing_before_its_first_code() -> None:
    actor = await session()
    enrolment = await identity.enrol_totp(actor, PASSWORD)
    code = TOTP(enrolment.secret).at(clock.now())
    with pytest.raises(Refused) as refused:
        await identity.step_up(actor, code)
    assert refused.value.refusals[0] == identity.StepUpRequired(enrolled=False)
    assert await identity.factor_state(actor) is None
    assert await refused_with(identity.require_step_up(actor)) == "STEP_UP_REQUIRED"


async def test_a_stolen_session_binds_no_phone_without_the_password() -> None:
    actor = await session()
    assert await refused_with(identity.enrol_totp(actor, "guessed wrong")) == "CREDENTIALS_WRONG"
    assert await SecondFactor.all().count() == 0
    assert await deeds() == ["password_wrong"]


async def test_another_phone_needs_a_fresh_code_of_the_old_one() -> None:
    phone = await with_phone()
    later = START + timedelta(minutes=10)
    with at(later):
        again = identity.enrol_totp(phone.actor, PASSWORD)
        assert await refused_with(again) == "STEP_UP_REQUIRED"
        assert await SecondFactor.all().count() == 1
        await identity.step_up(phone.actor, phone.code(later))
        fresh = await identity.enrol_totp(phone.actor, PASSWORD)
        await identity.confirm_totp(phone.actor, TOTP(fresh.secret).at(later))
        assert await refused_with(identity.step_up(phone.actor, phone.recovery[0])) == "TOTP_WRONG"
    living = await SecondFactor.filter(ended_at=None)
    assert [each.confirmed_at for each in living] == [later]


@pytest.mark.parametrize(
    ("offset", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
async def test_a_code_is_good_for_its_step_and_its_neighbours(offset: int, good: bool) -> None:
    phone = await with_phone()
    now = START + timedelta(minutes=10)
    with at(now):
        work = identity.step_up(phone.actor, phone.code(now + offset * STEP))
        if good:
            await work
        else:
            assert await refused_with(work) == "TOTP_WRONG"


async def test_a_code_is_good_once_and_no_older_one_after_it() -> None:
    phone = await with_phone()
    with at(START + STEP):  # the code of the confirmation is spent, too
        assert await refused_with(identity.step_up(phone.actor, phone.code(START))) == "TOTP_WRONG"
        await identity.step_up(phone.actor, phone.code(START + 2 * STEP))
        for moment in (START + 2 * STEP, START + STEP):
            code = phone.code(moment)
            assert await refused_with(identity.step_up(phone.actor, code)) == "TOTP_WRONG"
    assert (await deeds()).count("step_up") == 1


async def race(phone: Phone, code: str) -> int:
    """How many of six sessions of one login got through with one code at once."""
    user = await User.get(id=phone.actor.user_id)
    actors = []
    for _ in range(6):
        signed_in = await identity.open_session(user)
        actors.append(replace(phone.actor, session_id=signed_in.session_id))
    outcomes = await asyncio.gather(
        *(identity.step_up(actor, code) for actor in actors), return_exceptions=True
    )
    lost = [each for each in outcomes if isinstance(each, BaseException)]
    assert all(isinstance(each, Refused) for each in lost), lost
    return len(outcomes) - len(lost)


async def test_of_six_who_bring_one_code_at_once_one_gets_through() -> None:
    phone = await with_phone()
    later = START + timedelta(minutes=10)
    with at(later):
        assert await race(phone, phone.code(later)) == 1
        assert await race(phone, phone.recovery[0]) == 1


async def test_without_the_spent_step_all_six_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: the condition of the statement is what refuses the second use."""
    phone = await with_phone()
    blind = second_factor._SPEND_STEP.replace("AND last_step < $2", "")
    assert blind != second_factor._SPEND_STEP
    monkeypatch.setattr(second_factor, "_SPEND_STEP", blind)
    later = START + timedelta(minutes=10)
    with at(later):
        assert await race(phone, phone.code(later)) == 6


async def test_a_recovery_code_is_good_once_whatever_its_form() -> None:
    phone = await with_phone()
    later = START + timedelta(minutes=10)
    spoken = phone.recovery[0].replace("-", " ").upper()
    with at(later):
        await identity.step_up(phone.actor, spoken)
        assert await refused_with(identity.step_up(phone.actor, phone.recovery[0])) == "TOTP_WRONG"
        state = await identity.factor_state(phone.actor)
        assert state is not None
        assert state.recovery_codes_left == 9
        guessed = identity.renew_recovery_codes(phone.actor, "guessed wrong")
        assert await refused_with(guessed) == "CREDENTIALS_WRONG"
        fresh = await identity.renew_recovery_codes(phone.actor, PASSWORD)
        assert await refused_with(identity.step_up(phone.actor, phone.recovery[1])) == "TOTP_WRONG"
        await identity.step_up(phone.actor, fresh.codes[1])


async def test_ten_wrong_codes_close_the_door_for_a_while_and_each_is_audited() -> None:
    phone = await with_phone()
    later = START + timedelta(minutes=10)
    right = phone.code(later)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    with at(later):
        for _ in range(rules.MAX_WRONG_CODES):
            assert await refused_with(identity.step_up(phone.actor, wrong)) == "TOTP_WRONG"
        assert await refused_with(identity.step_up(phone.actor, right)) == "TOTP_BLOCKED"
    assert (await deeds()).count("wrong") == rules.MAX_WRONG_CODES
    after = later + timedelta(minutes=rules.BLOCKED_MINUTES)
    with at(after):
        await identity.step_up(phone.actor, phone.code(after))


async def test_wrong_codes_at_once_are_all_counted() -> None:
    phone = await with_phone()
    later = START + timedelta(minutes=10)
    wrong = f"{(int(phone.code(later)) + 1) % 1_000_000:06}"
    with at(later):
        tries = [identity.step_up(phone.actor, wrong) for _ in range(20)]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
    codes = [each.refusals[0].code for each in outcomes if isinstance(each, Refused)]
    assert (codes.count("TOTP_WRONG"), codes.count("TOTP_BLOCKED")) == (10, 10)


async def test_all_candidates_are_compared_before_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[bytes] = []
    real = rules.hmac.compare_digest

    def counted(first: bytes, second: bytes) -> bool:
        compared.append(first)
        return real(first, second)

    monkeypatch.setattr(rules.hmac, "compare_digest", counted)
    secret, now = "IMZAB4FBZXSCTIL22MLBVVH4X43KEE5J", START.timestamp()
    for code in ("000000", TOTP(secret).at(now - 30), TOTP(secret).at(now + 30)):
        compared.clear()
        rules.matching_step(secret, code, now)
        assert len(compared) == 3


async def test_a_known_vector_of_rfc_6238() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # 12345678901234567890
    assert rules.matching_step(secret, "287082", 59) == 1
    assert rules.matching_step(secret, "287082", 59 + 60) is None


async def test_keys_guests_and_the_machine_never_step_up() -> None:
    owner = await make.buyer()
    key = await identity.create_api_key(
        make.OPERATOR, owner.require_user(), "site", ["orders:write"], require_signature=False
    )
    partner = await identity.actor_of_key(key.key, identity.SignedRequest("", b""))
    guest_session = await agents.sign_in_guest("device-0123456789")
    guest = await identity.actor_of_token(guest_session.access_token)
    for actor in (partner, guest):
        assert actor is not None
        for work in (identity.enrol_totp(actor, PASSWORD), identity.step_up(actor, "123456")):
            assert await refused_with(work) == "FORBIDDEN"
    for actor in (partner, guest, SYSTEM, make.OPERATOR):
        assert actor is not None
        assert await refused_with(identity.require_step_up(actor)) == "STEP_UP_REQUIRED"


async def test_a_key_that_names_a_fresh_session_does_not_pass() -> None:
    phone = await with_phone()
    posing = replace(phone.actor, kind=ActorKind.KEY)
    with at(START):
        await identity.require_step_up(phone.actor)
        assert await refused_with(identity.require_step_up(posing)) == "STEP_UP_REQUIRED"


async def test_freshness_is_the_sessions_and_ends_with_it() -> None:
    phone = await with_phone()
    user = await User.get(id=phone.actor.user_id)
    elsewhere = await identity.open_session(user)
    other = replace(phone.actor, session_id=elsewhere.session_id)
    stranger = await session()
    posing = replace(stranger, session_id=phone.actor.session_id)
    with at(START):
        for actor in (other, posing):
            assert await refused_with(identity.require_step_up(actor)) == "STEP_UP_REQUIRED"
        await identity.revoke(phone.actor)
        assert await refused_with(identity.require_step_up(phone.actor)) == "STEP_UP_REQUIRED"


async def test_who_has_an_app_signs_in_with_it_and_is_fresh_at_once() -> None:
    phone = await with_phone()
    login = (await User.get(id=phone.actor.user_id)).login
    later = START + timedelta(minutes=10)
    with at(later):
        assert await refused_with(identity.sign_in(login, PASSWORD)) == "SECOND_FACTOR_NEEDED"
        stale = identity.sign_in(login, PASSWORD, code=phone.code(later - 3 * STEP))
        assert await refused_with(stale) == "TOTP_WRONG"
        guessed = identity.sign_in(login, "guessed wrong", code=phone.code(later))
        assert await refused_with(guessed) == "CREDENTIALS_WRONG"
        sessions = await Session.filter(user_id=phone.actor.user_id).count()
        assert sessions == 1, "none of these left a session"
        signed_in = await identity.sign_in(login, PASSWORD, code=phone.code(later))
        actor = await identity.actor_of_token(signed_in.access_token)
        assert actor is not None
        await identity.require_step_up(actor)
        again = identity.sign_in(login, PASSWORD, code=phone.code(later))
        assert await refused_with(again) == "TOTP_WRONG"
        await identity.sign_in(login, PASSWORD, code=phone.recovery[0])
    assert (await deeds()).count("sign_in") == 2
    assert (await deeds()).count("wrong") == 2


async def test_wrong_codes_at_the_door_count_with_the_others() -> None:
    phone = await with_phone()
    login = (await User.get(id=phone.actor.user_id)).login
    later = START + timedelta(minutes=10)
    wrong = f"{(int(phone.code(later)) + 1) % 1_000_000:06}"
    with at(later):
        for _ in range(5):
            assert await refused_with(identity.step_up(phone.actor, wrong)) == "TOTP_WRONG"
            assert await refused_with(identity.sign_in(login, PASSWORD, code=wrong)) == "TOTP_WRONG"
        right = identity.sign_in(login, PASSWORD, code=phone.code(later))
        assert await refused_with(right) == "TOTP_BLOCKED"


async def test_an_agent_has_a_second_factor_too() -> None:
    signed_in = await agents.sign_up(SignUp("agent-anna", PASSWORD))
    actor = await identity.actor_of_token(signed_in.access_token)
    assert actor is not None
    enrolment = await identity.enrol_totp(actor, PASSWORD)
    await identity.confirm_totp(actor, TOTP(enrolment.secret).at(clock.now()))
    await identity.require_step_up(actor)


async def test_a_lost_phone_is_taken_away_by_another_admin_only() -> None:
    phone = await with_phone("users:write")
    chief = await with_phone("users:write")
    clerk = await with_phone("users:read")
    user_id = phone.actor.require_user()
    with at(START):
        own = identity.disable_totp(phone.actor, user_id, "lost")
        assert await refused_with(own) == "INVALID"
        no_scope = identity.disable_totp(clerk.actor, user_id, "lost")
        assert await refused_with(no_scope) == "FORBIDDEN"
        no_reason = identity.disable_totp(chief.actor, user_id, " ")
        assert await refused_with(no_reason) == "INVALID"
    with at(START + timedelta(minutes=6)):
        stale = identity.disable_totp(chief.actor, user_id, "lost")
        assert await refused_with(stale) == "STEP_UP_REQUIRED"
    assert "disable" not in await deeds()
    with at(START):
        await identity.require_step_up(phone.actor)
        await identity.disable_totp(chief.actor, user_id, "lost")
        assert await refused_with(identity.require_step_up(phone.actor)) == "STEP_UP_REQUIRED"
        gone = identity.disable_totp(chief.actor, user_id, "lost")
        assert await refused_with(gone) == "NOT_FOUND"
    assert (await deeds()).count("disable") == 1


async def test_the_machine_frees_the_only_admin() -> None:
    phone = await with_phone("*")
    await identity.disable_totp(SYSTEM, phone.actor.require_user(), "phone lost")
    assert await identity.factor_state(phone.actor) is None


async def test_the_database_refuses_that_anybody_disables_their_own() -> None:
    phone = await with_phone()
    async with connection() as conn:
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await conn.execute(
                "UPDATE second_factors SET ended_at = now(), ended_by = user_id,"
                " ended_because = 'disabled' WHERE user_id = $1",
                phone.actor.user_id,
            )
        assert refused.value.constraint_name == "second_factor_not_disabled_by_its_owner"
        with pytest.raises(asyncpg.UniqueViolationError) as twice:
            await conn.execute(
                "INSERT INTO second_factors (id, user_id, secret_sealed, last_step, failures,"
                " created_at, confirmed_at) VALUES (uuidv7(), $1, '', 0, 0, now(), now())",
                phone.actor.user_id,
            )
        assert twice.value.constraint_name == "second_factor_once"


async def test_no_secret_and_no_recovery_code_is_stored_in_the_open() -> None:
    phone = await with_phone()
    with at(START + timedelta(minutes=10)):
        await identity.step_up(phone.actor, phone.recovery[0])
    async with connection() as conn:
        for table in ("second_factors", "recovery_codes", "audit_entries", "sessions"):
            text = str([dict(row) for row in await conn.fetch(f"SELECT * FROM {table}")])
            for secret in (phone.secret, *phone.recovery, phone.recovery[0].replace("-", "")):
                assert secret not in text


async def test_two_enrolments_at_once_leave_one_that_waits() -> None:
    actor = await session()
    outcomes = await asyncio.gather(*(identity.enrol_totp(actor, PASSWORD) for _ in range(4)))
    living = await SecondFactor.filter(ended_at=None)
    assert len(living) == 1
    good = 0
    for enrolment in outcomes:
        try:
            await identity.confirm_totp(actor, TOTP(enrolment.secret).at(clock.now()))
            good += 1
        except Refused:
            continue
    assert good == 1


async def test_an_operator_role_is_no_proof() -> None:
    user = await make.user(role=UserRole.OPERATOR)
    signed_in = await identity.open_session(user)
    actor = await identity.actor_of_token(signed_in.access_token)
    assert actor is not None
    assert await refused_with(identity.require_step_up(actor)) == "STEP_UP_REQUIRED"
