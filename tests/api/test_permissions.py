"""Who may ask what: permissions of fields, bearer tokens, and whose address is believed."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request

from domain import identity
from domain.kernel import (
    ANONYMOUS,
    SYSTEM,
    Actor,
    ActorKind,
    Prefix,
    Refused,
    clock,
    connection,
    encode_id,
    new_id,
)
from resolvers.context import Context
from resolvers.permissions import Scope, SignedIn
from schema.admin import schema as admin_schema
from schema.documents import RootSchema
from schema.extensions import PermissionsExtension
from schema.faults import RequestRefused
from schema.partner import schema as partner_schema
from schema.shop import schema as shop_schema
from server.credentials import actor_for, address_of
from server.settings import Settings
from tests import make
from tests.api.asking import Tries, ask, data_of

BUYER = Actor(kind=ActorKind.USER, user_id=new_id())
KEY = Actor(kind=ActorKind.KEY, user_id=new_id(), scopes=frozenset({"catalog:read"}))
ROOT = Actor(kind=ActorKind.OPERATOR, user_id=new_id(), scopes=frozenset({"*"}))
# Whoever has no session yet must be able to ask for one; the viewer is null for the anonymous.
OPEN = {"viewer", "session_create", "session_refresh"}
BUY = """
mutation Buy($input: OrderCreateInput!) {
  orderCreate(input: $input) { order { id } userErrors { code } }
}
"""
REVEAL = """
mutation Look($input: OrderCardsRevealInput!) {
  orderCardsReveal(input: $input) { secrets { secret } }
}
"""


def context_of(actor: Actor) -> Context:
    return Context(actor=actor, language="en", request_id="test", rate_limits=Tries())


def verdict(permission: SignedIn | Scope, actor: Actor) -> str:
    try:
        permission.check(context_of(actor))
    except Refused as refused:
        return refused.refusals[0].code
    return "allowed"


@pytest.mark.parametrize(
    ("permission", "actor", "expected"),
    [
        pytest.param(SignedIn(), ANONYMOUS, "UNAUTHENTICATED", id="nobody is signed in"),
        pytest.param(SignedIn(), BUYER, "allowed", id="a buyer is"),
        pytest.param(SignedIn(), ROOT, "allowed", id="an operator is"),
        pytest.param(SignedIn(), KEY, "FORBIDDEN", id="a key is not"),
        pytest.param(Scope("catalog:read"), ANONYMOUS, "UNAUTHENTICATED", id="no scope, nobody"),
        pytest.param(Scope("catalog:read"), BUYER, "FORBIDDEN", id="a buyer has no scope"),
        pytest.param(Scope("catalog:read"), KEY, "allowed", id="the key's own scope"),
        pytest.param(Scope("catalog:write"), KEY, "FORBIDDEN", id="another scope"),
        pytest.param(Scope("catalog:write"), ROOT, "allowed", id="all scopes"),
        pytest.param(Scope("catalog:write"), SYSTEM, "allowed", id="the system"),
    ],
)
def test_a_permission_decides_by_the_caller(
    permission: SignedIn | Scope, actor: Actor, expected: str
) -> None:
    assert verdict(permission, actor) == expected


@pytest.mark.parametrize(
    "schema",
    [pytest.param(admin_schema, id="admin"), pytest.param(partner_schema, id="partner")],
)
def test_no_field_of_the_closed_doors_was_left_without_permission(schema: RootSchema) -> None:
    for root in ("Query", "Mutation", "Subscription"):
        definition: Any = schema.get_type_by_name(root)
        for field in definition.fields:
            guards = [each for each in field.extensions if isinstance(each, PermissionsExtension)]
            guarded = any(guard.permissions for guard in guards)
            assert guarded or field.python_name in OPEN, f"{root}.{field.python_name}"


@pytest.mark.usefixtures("db")
async def test_a_key_may_not_buy_look_or_be_seen_where_no_scope_is_asked() -> None:
    """A key of `catalog:read` acts for its owner, who could do all this at the shop's door."""
    variant, owner = await make.variant(cards=2), await make.buyer()
    made = await identity.create_api_key(
        make.OPERATOR, owner.require_user(), "site", ["catalog:read"], require_signature=False
    )
    key = await identity.actor_of_key(made.key, identity.SignedRequest("", b""))
    assert key is not None
    wish = {"idempotencyKey": "key", "lines": [{"sku": variant.sku, "quantity": 1}]}
    refused = await ask(shop_schema, BUY, key, input=wish)
    assert [error.extensions["code"] for error in refused.errors] == ["FORBIDDEN"]
    bought = (await data_of(shop_schema, BUY, owner, input=wish))["orderCreate"]["order"]
    look = await ask(shop_schema, REVEAL, key, input={"orderId": bought["id"]})
    assert [error.extensions["code"] for error in look.errors] == ["FORBIDDEN"]
    assert await data_of(shop_schema, "{ viewer { id } }", key) == {"viewer": None}
    owner_id = encode_id(Prefix.USER, owner.require_user())
    assert await data_of(shop_schema, "{ viewer { id } }", owner) == {"viewer": {"id": owner_id}}
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM orders") == 1
        looks = "SELECT count(*) FROM audit_entries WHERE action = 'card.reveal'"
        assert await conn.fetchval(looks) == 0


async def actor_with(token: str, address: str = "10.0.0.1") -> Actor:
    headers = Headers({"authorization": f"Bearer {token}"})
    return await actor_for(headers, address, "request-1", b"{}")


async def refused_as(token: str, address: str = "10.0.0.1") -> str:
    with pytest.raises(RequestRefused) as refused:
        await actor_with(token, address)
    return refused.value.code


async def test_without_a_header_the_caller_is_anonymous() -> None:
    actor = await actor_for(Headers(), "10.0.0.1", "request-1", b"")
    assert (actor.kind, actor.user_id) == (ActorKind.ANONYMOUS, None)
    assert (actor.ip, actor.request_id) == ("10.0.0.1", "request-1")


@pytest.mark.parametrize(
    "header", ["Basic YTpi", "Bearer", "Bearer ", "Bearer " + "x" * 201, "kma_without_scheme"]
)
async def test_a_header_that_is_no_token_is_never_taken_for_none(header: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        await actor_for(Headers({"authorization": header}), "10.0.0.1", "request-1", b"")
    assert refused.value.code == "UNAUTHENTICATED"


@pytest.mark.usefixtures("db")
async def test_a_token_is_its_user_until_it_ends() -> None:
    user = await make.user()
    token = await make.token(make.actor_of(user))
    actor = await actor_with(token)
    assert (actor.kind, actor.user_id) == (ActorKind.USER, user.id)
    assert (actor.ip, actor.request_id) == ("10.0.0.1", "request-1")
    later = clock.now() + timedelta(minutes=16)
    with clock.fixed(lambda: later):
        assert await refused_as(token) == "UNAUTHENTICATED"
    assert await refused_as("kma_unknown") == "UNAUTHENTICATED"


@pytest.mark.usefixtures("db")
async def test_a_key_is_good_from_its_addresses_and_signed_if_it_must_be() -> None:
    owner = await make.user()
    plain = await identity.create_api_key(
        make.OPERATOR,
        owner.id,
        "plain",
        ["catalog:read"],
        require_signature=False,
        allowed_ips=["10.0.0.1"],
    )
    signing = await identity.create_api_key(make.OPERATOR, owner.id, "signing", ["catalog:read"])
    actor = await actor_with(plain.key)
    assert (actor.kind, actor.user_id) == (ActorKind.KEY, owner.id)
    assert actor.scopes == {"catalog:read"}
    assert await refused_as(plain.key, "10.0.0.2") == "UNAUTHENTICATED"
    assert await refused_as(signing.key) == "SIGNATURE_WRONG"


@pytest.mark.parametrize(
    ("nearest", "forwarded", "expected"),
    [
        pytest.param("203.0.113.9", "198.51.100.1", "203.0.113.9", id="no proxy of ours"),
        pytest.param("10.0.0.1", "198.51.100.1", "198.51.100.1", id="our proxy tells"),
        pytest.param("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1", id="forged on the left"),
        pytest.param("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1", id="two of ours"),
        pytest.param("10.0.0.1", "nonsense", "10.0.0.1", id="no address"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="nothing told"),
    ],
)
def test_only_our_proxies_are_believed(nearest: str, forwarded: str, expected: str) -> None:
    config = Settings(_env_file=None, trusted_proxies="10.0.0.1, 10.0.0.2")
    scope = {
        "type": "http",
        "headers": [(b"x-forwarded-for", forwarded.encode())],
        "client": (nearest, 1),
    }
    assert address_of(Request(scope), config) == expected
