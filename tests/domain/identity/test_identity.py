"""Sign-up, sign-in, sessions, keys."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest

from domain import agents, identity, ledger
from domain.agents import SignUp
from domain.identity import SignedRequest, passwords, sign
from domain.kernel import Refused, clock, connection
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
PASSWORD = "a long pass phrase"


async def refused_with(work: object) -> str:
    with pytest.raises(Refused) as refused:
        await work  # type: ignore[misc]
    return refused.value.refusals[0].code


async def test_sign_up_opens_a_wallet_and_a_session() -> None:
    signed_in = await agents.sign_up(SignUp("Anna", PASSWORD))
    assert signed_in.user.login == "anna"
    wallet = await ledger.wallet_of(signed_in.user.id, make.CNY)
    assert wallet.available.units == 0
    actor = await identity.actor_of_token(signed_in.access_token)
    assert actor is not None
    assert actor.user_id == signed_in.user.id
    async with connection() as conn:
        assert await conn.fetchval("SELECT keeps_balance FROM accounts WHERE id = $1", wallet.id)


async def test_a_promoter_code_binds_the_buyer() -> None:
    agent = await make.agent()
    signed_in = await agents.sign_up(SignUp("anna", PASSWORD, promoter_code=agent.code.lower()))
    assert signed_in.user.referrer_agent_id == agent.id
    assert (
        await refused_with(agents.sign_up(SignUp("b-b", PASSWORD, promoter_code="NO"))) == "INVALID"
    )


@pytest.mark.parametrize(
    ("login", "password", "code"),
    [
        ("ab", PASSWORD, "INVALID"),
        ("has blank", PASSWORD, "INVALID"),
        ("anna", "short", "PASSWORD_WEAK"),
        ("anna", "1234567890", "PASSWORD_WEAK"),
        ("anna-anna-anna", "Anna-Anna-Anna", "PASSWORD_WEAK"),
        ("anna", "a" * 129, "PASSWORD_WEAK"),
    ],
)
async def test_a_sign_up_that_is_refused_leaves_nothing(
    login: str, password: str, code: str
) -> None:
    assert await refused_with(agents.sign_up(SignUp(login, password))) == code
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM users") == 0


async def test_of_twenty_sign_ups_with_one_login_one_wins() -> None:
    wishes = [agents.sign_up(SignUp("anna", PASSWORD)) for _ in range(20)]
    outcomes = await asyncio.gather(*wishes, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, Refused)]
    assert len(refused) == 19
    assert {each.refusals[0].code for each in refused} == {"LOGIN_TAKEN"}
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM accounts WHERE kind = 'wallet'") == 1


async def test_a_wrong_password_and_an_unknown_login_cost_and_say_the_same() -> None:
    await agents.sign_up(SignUp("anna", PASSWORD))
    for login in ("anna", "nobody"):
        with patch.object(passwords, "_verify", wraps=passwords._verify) as verify:
            assert (
                await refused_with(identity.sign_in(login, "wrong password")) == "CREDENTIALS_WRONG"
            )
        assert verify.call_count == 1
    assert (await identity.sign_in("ANNA", PASSWORD)).user.login == "anna"


async def test_hashing_is_refused_when_too_many_wait() -> None:
    with patch.object(passwords, "MAX_WAITING", 2):
        tries = [identity.sign_in("nobody", "wrong password") for _ in range(5)]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
    codes = sorted(each.refusals[0].code for each in outcomes if isinstance(each, Refused))
    assert codes == ["BUSY"] * 3 + ["CREDENTIALS_WRONG"] * 2


async def test_a_device_is_the_same_guest_again() -> None:
    first = await agents.sign_in_guest("device-0123456789")
    again = await agents.sign_in_guest("device-0123456789")
    other = await agents.sign_in_guest("device-9876543210")
    assert first.user.id == again.user.id != other.user.id
    assert "device" not in first.user.login
    assert await refused_with(agents.sign_in_guest("short")) == "INVALID"


async def test_a_device_that_asks_ten_times_at_once_is_one_guest() -> None:
    tries = [agents.sign_in_guest("device-0123456789") for _ in range(10)]
    users = {signed_in.user.id for signed_in in await asyncio.gather(*tries)}
    assert len(users) == 1
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM accounts WHERE kind = 'wallet'") == 1


async def test_a_closed_guest_gets_no_session() -> None:
    guest = (await agents.sign_in_guest("device-0123456789")).user
    guest.disabled_at = clock.now()
    await guest.save()
    assert await refused_with(agents.sign_in_guest("device-0123456789")) == "CREDENTIALS_WRONG"
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM sessions") == 1


async def test_refresh_rotates_and_a_reused_token_ends_the_session() -> None:
    first = await agents.sign_up(SignUp("anna", PASSWORD))
    second = await identity.refresh(first.refresh_token)
    assert await identity.actor_of_token(first.access_token) is None
    assert await identity.actor_of_token(second.access_token) is not None
    assert await refused_with(identity.refresh(first.refresh_token)) == "SESSION_ENDED"
    assert await identity.actor_of_token(second.access_token) is None
    assert await refused_with(identity.refresh(second.refresh_token)) == "SESSION_ENDED"


async def test_an_unknown_refresh_token_ends_nobody_s_session() -> None:
    """The twin: only a token that was really spent ends a session."""
    first = await agents.sign_up(SignUp("anna", PASSWORD))
    assert await refused_with(identity.refresh("kmr_unknown")) == "SESSION_ENDED"
    assert await identity.actor_of_token(first.access_token) is not None


async def test_two_refreshes_at_once_leave_one_good() -> None:
    first = await agents.sign_up(SignUp("anna", PASSWORD))
    outcomes = await asyncio.gather(
        *(identity.refresh(first.refresh_token) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(each, identity.SignedIn) for each in outcomes) == 1


async def test_tokens_end_by_time_and_by_sign_out() -> None:
    signed_in = await agents.sign_up(SignUp("anna", PASSWORD))
    later = clock.now() + timedelta(minutes=16)
    with clock.fixed(lambda: later):
        assert await identity.actor_of_token(signed_in.access_token) is None
    actor = await identity.actor_of_token(signed_in.access_token)
    assert actor is not None
    await identity.revoke(actor)
    assert await identity.actor_of_token(signed_in.access_token) is None
    stranger = make.actor_of((await agents.sign_up(SignUp("berta", PASSWORD))).user)
    assert await refused_with(identity.revoke(stranger, signed_in.session_id)) == "NOT_FOUND"


async def test_who_asks_costs_one_statement() -> None:
    signed_in = await agents.sign_up(SignUp("anna", PASSWORD))
    async with count_statements() as seen:
        await identity.actor_of_token(signed_in.access_token)
    assert len(seen) == 1


async def test_a_closed_login_is_nobody() -> None:
    signed_in = await agents.sign_up(SignUp("anna", PASSWORD))
    signed_in.user.disabled_at = clock.now()
    await signed_in.user.save()
    assert await identity.actor_of_token(signed_in.access_token) is None
    assert await refused_with(identity.sign_in("anna", PASSWORD)) == "CREDENTIALS_WRONG"


async def key_of_partner(**wish: object) -> identity.NewKey:
    owner = await make.user()
    return await identity.create_api_key(make.OPERATOR, owner.id, "site", ["orders:write"], **wish)


def signed(key: identity.NewKey, nonce: str, body: bytes = b"{}", age: int = 0) -> SignedRequest:
    moment = int(time.time()) - age
    digest = sign(key.signing_secret, moment, nonce, body)
    return SignedRequest(f"t={moment},n={nonce},v1={digest}", body)


async def test_a_signed_request_is_good_once() -> None:
    key = await key_of_partner()
    request = signed(key, "nonce-0001")
    actor = await identity.actor_of_key(key.key, request)
    assert actor is not None
    assert actor.scopes == {"orders:write"}
    assert await refused_with(identity.actor_of_key(key.key, request)) == "SIGNATURE_WRONG"


@pytest.mark.parametrize("scopes", [["*"], ["orders:write", "ledger:write"]])
async def test_nobody_gives_a_key_more_than_they_may_do(scopes: list[str]) -> None:
    owner = await make.user()
    clerk = replace(make.OPERATOR, scopes=frozenset({"keys:write", "orders:write"}))
    work = identity.create_api_key(clerk, owner.id, "site", scopes, require_signature=False)
    assert await refused_with(work) == "FORBIDDEN"
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM api_keys") == 0
    made = await identity.create_api_key(clerk, owner.id, "site", ["orders:write"])
    assert made.row.scopes == ["orders:write"]


@pytest.mark.parametrize("age", [400, -400])
async def test_an_old_signature_is_refused(age: int) -> None:
    key = await key_of_partner()
    request = signed(key, "nonce-0002", age=age)
    assert await refused_with(identity.actor_of_key(key.key, request)) == "SIGNATURE_WRONG"


async def test_another_body_an_unsigned_request_and_a_foreign_address_are_refused() -> None:
    key = await key_of_partner(allowed_ips=["10.0.0.1"])
    good = signed(key, "nonce-0003")
    other = SignedRequest(good.header, b'{"evil": true}')
    assert await identity.actor_of_key(key.key, good, "10.0.0.2") is None
    for request in (other, SignedRequest("", b"{}")):
        code = await refused_with(identity.actor_of_key(key.key, request, "10.0.0.1"))
        assert code == "SIGNATURE_WRONG"
    assert await identity.actor_of_key(key.key, good, "10.0.0.1") is not None


async def test_no_token_key_or_password_is_stored_in_the_open() -> None:
    signed_in = await agents.sign_up(SignUp("anna", PASSWORD))
    key = await key_of_partner()
    async with connection() as conn:
        for table in ("users", "sessions", "api_keys", "audit_entries", "outbox_events"):
            text = str([dict(row) for row in await conn.fetch(f"SELECT * FROM {table}")])
            for secret in (PASSWORD, signed_in.access_token, key.key, key.signing_secret):
                assert secret not in text
    assert signed_in.access_token not in repr(signed_in)
    assert key.key not in repr(key)


async def test_keys_and_operators_leave_a_trace() -> None:
    key = await key_of_partner()
    operator = await identity.create_operator("chief", PASSWORD, ["*"])
    async with connection() as conn:
        rows = await conn.fetch("SELECT action, target FROM audit_entries ORDER BY at")
    assert [(row["action"], row["target"]) for row in rows] == [
        ("api_key.create", key.row.id),
        ("operator.create", operator.id),
    ]


async def test_a_key_may_be_tied_to_ranges_of_addresses() -> None:
    key = await key_of_partner(
        allowed_ips=["10.1.0.0/16", "2001:db8::/32"], require_signature=False
    )
    nothing = SignedRequest("", b"")
    for ip, good in (("10.1.2.3", True), ("10.2.0.1", False), ("2001:db8::5", True), ("", False)):
        assert (await identity.actor_of_key(key.key, nothing, ip) is not None) is good, ip
    assert await refused_with(key_of_partner(allowed_ips=["10.1.0.0/99"])) == "INVALID"
