"""Codes sealed for a public key that the caller sent (mission row B2)."""

import json
import re
from pathlib import Path
from typing import Any

import pyrage
import pytest

from domain import identity, orders
from domain.kernel import Actor, Prefix, Recipient, Refused, connection, decode_id
from schema.documents import RootSchema
from schema.partner import schema as partner_schema
from schema.shop import schema as shop_schema
from tests import make
from tests.api.asking import data_of

DOCS = Path(__file__).parents[2] / "docs" / "reveal-and-export.md"
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINaIJ2ojw8A+jJ3wDatqsfrsn4y6BeNVG3YumX8/+7ri anna@desk"
PLACE = """
mutation P($input: OrderPlaceInput!) {
  orderPlace(input: $input) { order { id number cards { id } } userErrors { code } }
}
"""
BUY = """
mutation B($input: OrderCreateInput!) {
  orderCreate(input: $input) { order { id number cards { id } } guestToken userErrors { code } }
}
"""
LOOK = """
mutation L($input: %sInput!) {
  %s(input: $input) { secrets { cardId secret } sealed userErrors { code field } }
}
"""


async def look(schema: RootSchema, actor: Actor, name: str, **given: Any) -> dict[str, Any]:
    query = LOOK % (name[0].upper() + name[1:], name)
    found: dict[str, Any] = (await data_of(schema, query, actor, input=given))[name]
    return found


async def bought(buyer: Actor, pieces: int = 2) -> dict[str, Any]:
    variant = await make.variant(cards=pieces)
    wish = {"idempotencyKey": "key", "lines": [{"sku": variant.sku, "quantity": pieces}]}
    order: dict[str, Any] = (await data_of(shop_schema, BUY, buyer, input=wish))["orderCreate"]
    return order["order"]


def opened(sealed: str, key: pyrage.x25519.Identity) -> Any:
    assert sealed.startswith("-----BEGIN AGE ENCRYPTED FILE-----\n")
    return json.loads(pyrage.decrypt(sealed.encode(), [key]))


@pytest.mark.usefixtures("db")
async def test_a_sealed_answer_holds_the_codes_and_the_open_one_nothing() -> None:
    buyer, key = await make.buyer(), pyrage.x25519.Identity.generate()
    order = await bought(buyer)
    plain = await look(shop_schema, buyer, "orderCardsReveal", orderId=order["id"])
    assert plain["sealed"] is None
    wish = {"orderId": order["id"], "recipientPublicKey": str(key.to_public())}
    sealed = await look(shop_schema, buyer, "orderCardsReveal", **wish)
    assert (sealed["secrets"], sealed["userErrors"]) == ([], [])
    found = opened(sealed["sealed"], key)["cards"]
    assert [(each["cardId"], each["secret"]) for each in found] == [
        (each["cardId"], each["secret"]) for each in plain["secrets"]
    ]
    for each in found:
        assert each["secret"] not in sealed["sealed"]
    with pytest.raises(pyrage.DecryptError):
        opened(sealed["sealed"], pyrage.x25519.Identity.generate())


@pytest.mark.usefixtures("db")
async def test_a_partner_gets_sealed_codes_too() -> None:
    owner, key = await make.buyer(), pyrage.x25519.Identity.generate()
    made = await identity.create_api_key(
        make.OPERATOR, owner.require_user(), "site", ["orders:write"], require_signature=False
    )
    partner = await identity.actor_of_key(made.key, identity.SignedRequest("", b""))
    assert partner is not None
    variant = await make.variant(cards=1)
    cost = {"amount": "100", "currency": "CNY"}
    wish = {"externalId": "p-1", "sku": variant.sku, "quantity": 1, "maxUnitCost": cost}
    placed = (await data_of(partner_schema, PLACE, partner, input=wish))["orderPlace"]
    assert placed["userErrors"] == []
    given = {"externalId": "p-1", "recipientPublicKey": str(key.to_public())}
    sealed = await look(partner_schema, partner, "orderCardsReveal", **given)
    (card,) = opened(sealed["sealed"], key)["cards"]
    assert card["cardId"] == placed["order"]["cards"][0]["id"]
    assert sealed["secrets"] == []


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("key", ["", "age1nonsense", "ssh-rsa AAAA", "AGE-SECRET-KEY-1", "é" * 9])
async def test_a_key_that_is_none_is_refused_before_anything_is_looked_at(key: str) -> None:
    buyer = await make.buyer()
    order = await bought(buyer)
    wish = {"orderId": order["id"], "recipientPublicKey": key}
    refused = await look(shop_schema, buyer, "orderCardsReveal", **wish)
    assert (refused["secrets"], refused["sealed"]) == ([], None)
    assert refused["userErrors"] == [{"code": "INVALID", "field": ["recipientPublicKey"]}]
    async with connection() as conn:
        looks = "SELECT count(*) FROM audit_entries WHERE action = 'card.reveal'"
        assert await conn.fetchval(looks) == 0
        assert await conn.fetchval("SELECT max(reveal_count) FROM cards") == 0


@pytest.mark.usefixtures("db")
async def test_a_guest_gets_sealed_codes_too() -> None:
    guest, key = await make.buyer(), pyrage.x25519.Identity.generate()
    order = await bought(guest, 1)
    found = await orders.find_order(guest, decode_id(Prefix.ORDER, order["id"]))
    assert found is not None
    given = {
        "number": order["number"],
        "token": orders.guest_token(found.id),
        "recipientPublicKey": str(key.to_public()),
    }
    sealed = await look(shop_schema, guest, "orderCardsRevealByGuest", **given)
    assert sealed["userErrors"] == []
    assert len(opened(sealed["sealed"], key)["cards"]) == 1


def test_an_ssh_key_works_with_or_without_its_comment() -> None:
    for text in (SSH, SSH.rpartition(" ")[0]):
        assert b"ssh-ed25519" in Recipient(text).seal(b"code")
    assert "AAAA" not in repr(Recipient(SSH))


def test_a_key_is_told_by_its_field() -> None:
    with pytest.raises(Refused) as refused:
        Recipient("nonsense", field=("recipient",))
    assert refused.value.refusals[0].field == ("recipient",)


def test_the_vector_of_the_documentation_opens() -> None:
    """A client developer tries an implementation with it; so it must be right."""
    text = DOCS.read_text(encoding="utf-8")
    secret = re.search(r"AGE-SECRET-KEY-1[A-Z0-9]+", text)
    armour = re.search(r"-----BEGIN AGE.*?-----END AGE ENCRYPTED FILE-----", text, re.DOTALL)
    expected = re.search(r"```json\n(\{\"cards\".*?\})\n```", text, re.DOTALL)
    assert secret
    assert armour
    assert expected
    key = pyrage.x25519.Identity.from_str(secret[0])
    assert str(key.to_public()) in text
    assert opened(armour[0] + "\n", key) == json.loads(expected[1])
