"""Claim links over GraphQL: made by a buyer, opened by a stranger, a page and a QR code."""

import re
import xml.etree.ElementTree as ET
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pyrage
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from domain.kernel import ANONYMOUS, Actor, ActorKind, clock, new_id
from schema.admin import schema as admin_schema
from schema.partner import schema as partner_schema
from schema.shop import schema
from server.claim_page import PAGE, claim_page_route, policy_of
from tests import make
from tests.api.asking import ask, data_of
from tests.api.test_orders import buy

CREATE = """mutation Make($input: ClaimLinkCreateInput!) { claimLinkCreate(input: $input) {
    link { id state uses maxUses cardIds orderId } address { url qrSvg } replayed
    userErrors { code field message } } }"""
OPEN = """mutation Open($input: ClaimLinkOpenInput!) { claimLinkOpen(input: $input) {
    view { state usesLeft recipient cards { name masked seenBefore } }
    userErrors { code message } } }"""
REDEEM = """mutation Claim($input: ClaimLinkRedeemInput!) { claimLinkRedeem(input: $input) {
    secrets { cardId number secret } userErrors { code message } } }"""
SEALED = """mutation Claim($input: ClaimLinkRedeemInput!) { claimLinkRedeem(input: $input) {
    secrets { secret } sealed userErrors { code field } } }"""
REVOKE = """mutation Stop($input: ClaimLinkRevokeInput!) { claimLinkRevoke(input: $input) {
    link { state } userErrors { code } } }"""
LIST = """query Links($orderId: ID!) { claimLinks(orderId: $orderId) {
    nodes { id state uses recipientMasked } } }"""


async def made(buyer: Actor, order_id: str) -> dict[str, Any]:
    ends = (clock.now() + timedelta(days=1)).isoformat()
    wish = {"orderId": order_id, "expiresAt": ends, "idempotencyKey": uuid4().hex}
    payload: dict[str, Any] = (await data_of(schema, CREATE, buyer, input=wish))["claimLinkCreate"]
    assert payload["userErrors"] == []
    return payload


async def claimed(token: str) -> dict[str, Any]:
    wish = {"token": token, "idempotencyKey": uuid4().hex}
    payload: dict[str, Any] = (await data_of(schema, REDEEM, input=wish))["claimLinkRedeem"]
    return payload


@pytest.mark.usefixtures("db")
async def test_what_is_claimed_may_be_sealed_for_the_claimers_key() -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    order = (await buy(buyer, sku=variant.sku))["order"]
    token = (await made(buyer, order["id"]))["address"]["url"].partition("#")[2]
    key = pyrage.x25519.Identity.generate()
    wish = {"token": token, "idempotencyKey": uuid4().hex, "recipientPublicKey": "nonsense"}
    refused = (await data_of(schema, SEALED, input=wish))["claimLinkRedeem"]
    assert refused["userErrors"] == [{"code": "INVALID", "field": ["recipientPublicKey"]}]
    wish["recipientPublicKey"] = str(key.to_public())
    answer = (await data_of(schema, SEALED, input=wish))["claimLinkRedeem"]
    assert (answer["secrets"], answer["userErrors"]) == ([], [])
    opened = pyrage.decrypt(answer["sealed"].encode(), [key])
    assert order["cards"][0]["id"].encode() in opened


@pytest.mark.usefixtures("db")
async def test_a_buyer_hands_a_card_on_to_a_stranger() -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    order = (await buy(buyer, sku=variant.sku))["order"]
    link = await made(buyer, order["id"])
    assert link["link"]["state"] == "OPEN"
    token = link["address"]["url"].partition("#")[2]
    view = (await data_of(schema, OPEN, input={"token": token}))["claimLinkOpen"]["view"]
    assert view["cards"][0]["masked"] == order["cards"][0]["masked"]
    assert view["cards"][0]["seenBefore"] is False
    (secret,) = (await claimed(token))["secrets"]
    assert secret["cardId"] == order["cards"][0]["id"]
    again = await claimed(token)
    assert (again["secrets"], again["userErrors"][0]["code"]) == ([], "CLAIM_LINK_USED")
    listed = await data_of(schema, LIST, buyer, orderId=order["id"])
    assert listed["claimLinks"]["nodes"][0]["state"] == "USED_UP"
    assert token not in str(listed)


@pytest.mark.usefixtures("db")
async def test_the_qr_code_is_a_picture_of_the_address() -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    order = (await buy(buyer, sku=variant.sku))["order"]
    address = (await made(buyer, order["id"]))["address"]
    drawing = ET.fromstring(address["qrSvg"])
    assert drawing.tag.endswith("svg")
    token = address["url"].partition("#")[2]
    assert token not in address["qrSvg"], "drawn, not written"
    assert "http" not in address["qrSvg"].replace("http://www.w3.org/2000/svg", "")


@pytest.mark.usefixtures("db")
async def test_who_may_list_and_revoke() -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    order = (await buy(buyer, sku=variant.sku))["order"]
    link = await made(buyer, order["id"])
    stranger = await make.buyer()
    refused = await ask(schema, LIST, stranger, orderId=order["id"])
    assert refused.errors[0].extensions["code"] == "NOT_FOUND"
    wish = {"id": link["link"]["id"]}
    payload = (await data_of(schema, REVOKE, stranger, input=wish))["claimLinkRevoke"]
    assert payload["userErrors"] == [{"code": "NOT_FOUND"}]
    for nobody in (ANONYMOUS, Actor(kind=ActorKind.OPERATOR, scopes=frozenset({"orders:read"}))):
        assert (await ask(admin_schema, REVOKE, nobody, input=wish)).errors
    payload = (await data_of(admin_schema, REVOKE, make.OPERATOR, input=wish))["claimLinkRevoke"]
    assert payload["link"] == {"state": "REVOKED"}
    assert "claimLinkCreate" not in admin_schema.as_str(), "links are made by buyers alone"


def test_the_page_lets_in_its_own_script_and_nothing_else() -> None:
    with TestClient(Starlette(routes=[claim_page_route()])) as client:
        answer = client.get("/c/")
    policy = answer.headers["content-security-policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    changed = PAGE.read_text(encoding="utf-8").replace('"use strict"', '"use  strict"')
    assert policy_of(changed) != policy


def test_the_page_needs_nobody_else() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert not re.search(r"https?://|//[a-z]+\.|src=|@import|innerHTML|onclick=", text)


@pytest.mark.usefixtures("db")
async def test_a_partner_hands_on_what_its_owner_bought_and_nothing_else() -> None:
    variant, owner, other = await make.variant(cards=2), await make.buyer(), await make.buyer()
    own = (await buy(owner, sku=variant.sku))["order"]
    foreign = (await buy(other, sku=variant.sku, key="other"))["order"]
    theirs = await made(other, foreign["id"])
    scopes = frozenset({"orders:read", "orders:write", "orders:deliver"})
    key = Actor(kind=ActorKind.KEY, user_id=owner.user_id, key_id=new_id(), scopes=scopes)
    ends = (clock.now() + timedelta(days=1)).isoformat()
    wish = {"orderId": own["id"], "expiresAt": ends, "idempotencyKey": "k"}
    payload = (await data_of(partner_schema, CREATE, key, input=wish))["claimLinkCreate"]
    token = payload["address"]["url"].partition("#")[2]
    assert len((await claimed(token))["secrets"]) == 1
    refused = await data_of(
        partner_schema, CREATE, key, input={**wish, "orderId": foreign["id"], "idempotencyKey": "f"}
    )
    assert refused["claimLinkCreate"]["userErrors"][0]["code"] == "NOT_FOUND"
    listed = await ask(partner_schema, LIST, key, orderId=foreign["id"])
    assert listed.errors[0].extensions["code"] == "NOT_FOUND"
    stop = {"id": theirs["link"]["id"]}
    answer = (await data_of(partner_schema, REVOKE, key, input=stop))["claimLinkRevoke"]
    assert answer["userErrors"] == [{"code": "NOT_FOUND"}]
