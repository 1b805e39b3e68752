"""Who may see the codes of an order: everybody who asks, at every door (mission row B3)."""

from dataclasses import replace
from typing import Any

import pytest

from domain import agents, identity
from domain.kernel import ANONYMOUS, Actor, ActorKind, connection
from schema.documents import RootSchema
from schema.partner import schema as partner_schema
from schema.shop import schema as shop_schema
from tests import make
from tests.api.asking import ask, data_of
from tests.api.test_sealed_delivery import PLACE, bought

pytestmark = pytest.mark.usefixtures("db")
SHOP = """
mutation L($input: OrderCardsRevealInput!) {
  orderCardsReveal(input: $input) { secrets { cardId } sealed userErrors { code } }
}
"""
GUEST = SHOP.replace("OrderCardsReveal", "OrderCardsRevealByGuest").replace(
    "orderCardsReveal(", "orderCardsRevealByGuest("
)


async def verdict(schema: RootSchema, query: str, actor: Actor, **given: Any) -> str:
    """The code of the refusal, or how many codes were shown."""
    result = await ask(schema, query, actor, input=given)
    if result.errors:
        return str(result.errors[0].extensions["code"])
    (payload,) = result.data.values()
    if payload["userErrors"]:
        assert payload["secrets"] == []
        assert payload["sealed"] is None
        return str(payload["userErrors"][0]["code"])
    return f"shown {len(payload['secrets'])}"


async def traces() -> tuple[int, int, int]:
    """Audit rows, the highest count of a card, and cards that were seen."""
    async with connection() as conn:
        row = await conn.fetchrow(
            "SELECT (SELECT count(*) FROM audit_entries"
            " WHERE action LIKE 'card.reveal%') AS audits,"
            " (SELECT max(reveal_count) FROM cards) AS highest,"
            " (SELECT count(*) FROM cards WHERE first_revealed_at IS NOT NULL) AS seen"
        )
    return row["audits"], row["highest"], row["seen"]


async def partner(owner: Actor, *scopes: str) -> Actor:
    made = await identity.create_api_key(
        make.OPERATOR, owner.require_user(), "site", list(scopes), require_signature=False
    )
    key = await identity.actor_of_key(made.key, identity.SignedRequest("", b""))
    assert key is not None
    return key


async def test_the_shops_door_shows_an_order_to_its_buyer_alone() -> None:
    agent = await make.agent()
    owner = await make.buyer(referrer=agent.id)
    order = await bought(owner)
    other_guest = await agents.sign_in_guest("device-0123456789")
    guest = await identity.actor_of_token(other_guest.access_token)
    assert guest is not None
    upline = Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    expected = {
        "anonymous": (ANONYMOUS, "UNAUTHENTICATED"),
        "guest": (guest, "NOT_FOUND"),
        "other buyer": (await make.buyer(), "NOT_FOUND"),
        "the buyer's own agent": (upline, "NOT_FOUND"),
        "the owner's key": (await partner(owner, "orders:write", "orders:read"), "FORBIDDEN"),
        "operator with all scopes": (await make.operator("*"), "NOT_FOUND"),
    }
    found = {
        who: await verdict(shop_schema, SHOP, actor, orderId=order["id"])
        for who, (actor, _) in expected.items()
    }
    assert found == {who: code for who, (_, code) in expected.items()}
    for token in (None, "nonsense"):
        given = {"number": order["number"], "token": token}
        assert not (await verdict(shop_schema, GUEST, ANONYMOUS, **given)).startswith("shown")
    assert await traces() == (0, 0, 0)
    assert await verdict(shop_schema, SHOP, owner, orderId=order["id"]) == "shown 2"
    assert await traces() == (2, 1, 2)


async def test_the_partners_door_shows_a_key_its_own_orders_alone() -> None:
    owner = await make.buyer()
    key, variant = await partner(owner, "orders:write"), await make.variant(cards=1)
    cost = {"amount": "100", "currency": "CNY"}
    wish = {"externalId": "p-1", "sku": variant.sku, "quantity": 1, "maxUnitCost": cost}
    placed = (await data_of(partner_schema, PLACE, key, input=wish))["orderPlace"]
    assert placed["userErrors"] == []
    expected = {
        "anonymous": (ANONYMOUS, "UNAUTHENTICATED"),
        "the owner's session": (owner, "FORBIDDEN"),
        "a key without the scope": (await partner(owner, "orders:read"), "FORBIDDEN"),
        "another key of the same owner": (await partner(owner, "orders:write"), "NOT_FOUND"),
        "another partner's key": (await partner(await make.buyer(), "orders:write"), "NOT_FOUND"),
        "a key that poses": (replace(key, scopes=frozenset()), "FORBIDDEN"),
    }
    query = SHOP
    found = {
        who: await verdict(partner_schema, query, actor, externalId="p-1")
        for who, (actor, _) in expected.items()
    }
    assert found == {who: code for who, (_, code) in expected.items()}
    assert await traces() == (0, 0, 0)
    assert await verdict(partner_schema, query, key, externalId="p-1") == "shown 1"
    assert await traces() == (1, 1, 1)


def test_the_back_office_has_one_way_to_codes_and_it_asks_for_a_second_factor() -> None:
    """A field that shows codes and was added without the rest would be found here."""
    from schema.admin import schema as admin_schema

    text = admin_schema.as_str()
    payloads = [
        block.split("{")[0].split()[0]
        for block in text.split("type ")[1:]
        if "CardSecret!" in block.split("}")[0]
    ]
    assert payloads == ["StaffRevealPayload"]
