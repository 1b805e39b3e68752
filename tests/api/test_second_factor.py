"""The second factor as a client sees it."""

import re
from typing import Any

import pytest
from pyotp import TOTP

from domain import identity
from domain.identity.models import User
from domain.kernel import Actor, Prefix, clock, encode_id
from resolvers.context import Context
from schema.admin import schema as admin_schema
from schema.documents import Door, RootSchema
from schema.shop import schema as shop_schema
from tests import make
from tests.api.asking import Tries, ask, data_of

pytestmark = pytest.mark.usefixtures("db")
PASSWORD = "a long pass phrase"
ERRORS = "userErrors { __typename code message field ... on StepUpRequiredError { enrolled } }"
ENROL = (
    f"mutation E($input: TotpEnrolInput!) {{ totpEnrol(input: $input) {{ uri secret {ERRORS} }} }}"
)
CONFIRM = f"""
mutation C($input: TotpConfirmInput!) {{
  totpConfirm(input: $input) {{ recoveryCodes steppedUpUntil {ERRORS} }}
}}
"""
STEP_UP = (
    f"mutation S($input: StepUpInput!) {{ stepUp(input: $input) {{ steppedUpUntil {ERRORS} }} }}"
)
RENEW = f"""
mutation R($input: RecoveryCodesRenewInput!) {{
  recoveryCodesRenew(input: $input) {{ recoveryCodes {ERRORS} }}
}}
"""
DISABLE = f"mutation D($input: TotpDisableInput!) {{ totpDisable(input: $input) {{ {ERRORS} }} }}"
STATE = "{ viewer { secondFactor { confirmedAt recoveryCodesLeft steppedUpUntil } } }"


async def operator(login: str, *scopes: str) -> Actor:
    await identity.create_operator(login, PASSWORD, list(scopes))
    signed_in = await identity.sign_in(login, PASSWORD)
    actor = await identity.actor_of_token(signed_in.access_token)
    assert actor is not None
    return actor


async def enrolled(schema: RootSchema, actor: Actor) -> tuple[str, list[str]]:
    made = (await data_of(schema, ENROL, actor, input={"password": PASSWORD}))["totpEnrol"]
    code = TOTP(made["secret"]).at(clock.now())
    confirmed = (await data_of(schema, CONFIRM, actor, input={"code": code}))["totpConfirm"]
    assert confirmed["userErrors"] == []
    return made["secret"], confirmed["recoveryCodes"]


@pytest.mark.parametrize("schema", [admin_schema, shop_schema], ids=["admin", "shop"])
async def test_enrol_confirm_and_step_up(schema: RootSchema) -> None:
    actor = await operator("anna")
    assert await data_of(schema, STATE, actor) == {"viewer": {"secondFactor": None}}
    refused = (await data_of(schema, STEP_UP, actor, input={"code": "123456"}))["stepUp"]
    (error,) = refused["userErrors"]
    assert (error["__typename"], error["enrolled"]) == ("StepUpRequiredError", False)
    secret, recovery = await enrolled(schema, actor)
    assert len(recovery) == 10
    answer = (await data_of(schema, STEP_UP, actor, input={"code": recovery[0]}))["stepUp"]
    assert answer["userErrors"] == []
    state = (await data_of(schema, STATE, actor))["viewer"]["secondFactor"]
    assert state["recoveryCodesLeft"] == 9
    assert state["steppedUpUntil"] == answer["steppedUpUntil"]
    wish = {"password": PASSWORD}
    renewed = (await data_of(schema, RENEW, actor, input=wish))["recoveryCodesRenew"]
    assert len(set(renewed["recoveryCodes"]) - set(recovery)) == 10
    used = TOTP(secret).at(clock.now())
    for language, chinese in (("en", False), ("zh", True)):
        wrong = (await data_of(schema, STEP_UP, actor, language, input={"code": used}))["stepUp"]
        (error,) = wrong["userErrors"]
        assert (error["code"], error["field"]) == ("TOTP_WRONG", ["code"])
        assert bool(re.search("[一-鿿]", error["message"])) is chinese


async def test_both_doors_ask_for_the_code_of_who_has_an_app() -> None:
    actor = await operator("anna")
    _, recovery = await enrolled(admin_schema, actor)
    fields = "accessToken viewer { secondFactor { steppedUpUntil } } userErrors { code field }"
    create = (
        f"mutation S($input: SessionCreateInput!) {{ sessionCreate(input: $input) {{ {fields} }} }}"
    )
    admin = {"login": "anna", "password": PASSWORD}
    for schema, wish, code in (
        (admin_schema, admin, recovery[0]),
        (shop_schema, {"password": admin}, recovery[1]),
    ):
        refused = (await data_of(schema, create, input=wish))["sessionCreate"]
        assert refused["accessToken"] is None
        assert refused["userErrors"] == [{"code": "SECOND_FACTOR_NEEDED", "field": ["code"]}]
        named = (
            {"password": {**admin, "code": code}}
            if schema is shop_schema
            else {**admin, "code": code}
        )
        done = (await data_of(schema, create, input=named))["sessionCreate"]
        assert done["userErrors"] == []
        assert done["viewer"]["secondFactor"]["steppedUpUntil"] is not None


async def test_nobody_without_a_session_gets_that_far() -> None:
    partner = await make.buyer()
    made = await identity.create_api_key(
        make.OPERATOR, partner.require_user(), "site", ["orders:write"], require_signature=False
    )
    key = await identity.actor_of_key(made.key, identity.SignedRequest("", b""))
    assert key is not None
    for query, given in ((ENROL, {"password": PASSWORD}), (STEP_UP, {"code": "123456"})):
        nobody = await ask(shop_schema, query, input=given)
        assert [each.extensions["code"] for each in nobody.errors] == ["UNAUTHENTICATED"]
        by_key = await ask(shop_schema, query, key, input=given)
        assert [each.extensions["code"] for each in by_key.errors] == ["FORBIDDEN"]


async def test_tries_are_counted_for_the_caller() -> None:
    actor, tries = await operator("anna"), Tries()
    context = Context(actor=actor, language="en", request_id="test", rate_limits=tries)
    for query, given in ((ENROL, {"password": "no"}), (CONFIRM, {"code": "1"})):
        await admin_schema.execute(
            query, variable_values={"input": given}, context_value=context, root_value=Door()
        )
    assert tries.seen == [("step_up", str(actor.user_id))] * 2


async def test_two_codes_in_one_request_are_refused() -> None:
    actor = await operator("anna")
    twice = 'mutation { a: stepUp(input: {code: "1"}) { steppedUpUntil }'
    twice += ' b: stepUp(input: {code: "2"}) { steppedUpUntil } }'
    refused = await ask(admin_schema, twice, actor)
    assert [each.extensions["code"] for each in refused.errors] == ["LIMIT_EXCEEDED"]


async def test_a_lost_phone_is_taken_away_by_a_second_admin() -> None:
    anna = await operator("anna", "users:write")
    chief = await operator("chief", "users:write")
    await enrolled(admin_schema, anna)
    wish: dict[str, Any] = {
        "userId": encode_id(Prefix.USER, anna.require_user()),
        "reason": "phone lost",
    }
    first = (await data_of(admin_schema, DISABLE, chief, input=wish))["totpDisable"]
    assert [each["code"] for each in first["userErrors"]] == ["STEP_UP_REQUIRED"]
    await enrolled(admin_schema, chief)
    own = (await data_of(admin_schema, DISABLE, anna, input=wish))["totpDisable"]
    assert [each["field"] for each in own["userErrors"]] == [["userId"]]
    done = (await data_of(admin_schema, DISABLE, chief, input=wish))["totpDisable"]
    assert done == {"userErrors": []}
    assert await data_of(admin_schema, STATE, anna) == {"viewer": {"secondFactor": None}}
    assert await User.filter(disabled_at=None).count() == 2
