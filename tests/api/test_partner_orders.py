"""The partner door as the downstream API: an order once, in time, and errors a program can tell."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.datastructures import Headers

from domain import identity
from domain.identity import SignedRequest, sign
from domain.kernel import Actor, clock, connection
from schema.faults import RequestRefused
from schema.partner import schema
from server.credentials import actor_for
from tests import make
from tests.api.asking import data_of

PLACE = """
mutation P($input: OrderPlaceInput!) {
  orderPlace(input: $input) { order { id status } replayed userErrors { code field message } }
}
"""


async def a_partner() -> Actor:
    owner = await make.buyer()
    key = await identity.create_api_key(
        make.OPERATOR, owner.require_user(), "site", ["orders:write"], require_signature=False
    )
    actor = await identity.actor_of_key(key.key, SignedRequest("", b""))
    assert actor is not None
    return actor


async def placed(partner: Actor, sku: str, seconds: float, reference: str = "p-1") -> Any:
    until = (clock.now() + timedelta(seconds=seconds)).isoformat()
    cost = {"amount": "100", "currency": "CNY"}
    wish = {"externalId": reference, "sku": sku, "quantity": 1, "maxUnitCost": cost}
    asked = {**wish, "validUntil": until}
    return (await data_of(schema, PLACE, partner, input=asked))["orderPlace"]


@pytest.mark.usefixtures("db")
async def test_an_order_that_comes_too_late_does_not_begin() -> None:
    partner, variant = await a_partner(), await make.variant(cards=2)
    late = await placed(partner, variant.sku, seconds=-1)
    assert late["order"] is None
    (refusal,) = late["userErrors"]
    assert (refusal["code"], refusal["field"]) == ("INVALID", ["validUntil"])
    assert "validUntil" in refusal["message"]
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM orders") == 0
    assert (await placed(partner, variant.sku, seconds=20))["order"]["status"] == "DELIVERED"


@pytest.mark.usefixtures("db")
async def test_an_order_that_was_in_time_is_told_whenever_it_is_asked_for() -> None:
    partner, variant = await a_partner(), await make.variant(cards=2)
    first = await placed(partner, variant.sku, seconds=20)
    again = await placed(partner, variant.sku, seconds=-1)
    assert (again["replayed"], again["userErrors"]) == (True, [])
    assert again["order"] == first["order"]


@pytest.mark.usefixtures("db")
async def test_a_program_can_tell_a_replay_from_a_forgery() -> None:
    owner, body = await make.user(), b"{}"
    key = await identity.create_api_key(make.OPERATOR, owner.id, "site", ["orders:write"])
    moment = int(clock.now().timestamp())

    async def reason(secret: str, nonce: str, told: int = moment) -> Any:
        header = f"t={told},n={nonce},v1={sign(secret, told, nonce, body)}"
        headers = Headers({"authorization": f"Bearer {key.key}", "partner-signature": header})
        try:
            await actor_for(headers, "127.0.0.1", "r", body)
        except RequestRefused as refused:
            told = refused.extensions or {}
            return told["reason"] if told["code"] == "SIGNATURE_WRONG" else told["code"]
        return None

    assert await reason("another", "nonce-00000001") == "signature_wrong"
    assert await reason(key.signing_secret, "nonce-00000001", moment - 301) == "signature_old"
    assert await reason(key.signing_secret, "nonce-00000002") is None
    assert await reason(key.signing_secret, "nonce-00000002") == "signature_replayed"
