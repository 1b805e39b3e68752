"""A guest buys, looks the order up, hands the card on, and is told by mail: all over HTTP."""

import asyncio
import re
from datetime import timedelta
from email import message_from_string
from typing import Any
from uuid import uuid4

from domain import identity
from domain.kernel import clock, connection
from tests import make
from tests.faults.conftest import Installation, installation  # noqa: F401 - the fixture
from tests.shop_client import ERRORS, Client
from tests.sinks import MailSink, mail_sink

GUEST_IN = """mutation In($input: SessionCreateInput!) { sessionCreate(input: $input) {
    accessToken viewer { login } userErrors { code } } }"""
TOPUP = """mutation Up($input: WalletTopupInput!) { walletTopup(input: $input) {
    wallet { available { amount } } userErrors { code } } }"""
CHANNEL = """mutation Save($input: NotificationChannelSaveInput!) {
    notificationChannelSave(input: $input) { channel { code } userErrors { code message } } }"""
BUY = f"""mutation Buy($input: OrderCreateInput!) {{ orderCreate(input: $input) {{
    order {{ id number status cards {{ id masked }} }} guestToken replayed {ERRORS} }} }}"""
LOOK = """query Look($number: String!, $token: String, $password: String) {
    orderByGuest(number: $number, token: $token, lookupPassword: $password) {
        id number status cards { masked } } }"""
REVEAL = f"""mutation Show($input: OrderCardsRevealByGuestInput!) {{
    orderCardsRevealByGuest(input: $input) {{ secrets {{ secret }} {ERRORS} }} }}"""
LINK = f"""mutation Link($input: ClaimLinkCreateInput!) {{ claimLinkCreate(input: $input) {{
    address {{ url qrSvg }} {ERRORS} }} }}"""
REDEEM = f"""mutation Claim($input: ClaimLinkRedeemInput!) {{ claimLinkRedeem(input: $input) {{
    secrets {{ secret }} {ERRORS} }} }}"""
MESSAGES = """query Told($orderId: ID!) { notifications(orderId: $orderId) { nodes {
    event medium recipientMasked state attempts } } }"""
PASSWORD = "correct-horse-42"


def redeemed(shop: str, url: str) -> dict[str, Any]:
    wish = {"token": url.partition("#")[2], "idempotencyKey": uuid4().hex}
    payload: dict[str, Any] = Client(shop).data(REDEEM, input=wish)["claimLinkRedeem"]
    return payload


async def test_a_guest_buys_looks_up_and_hands_on(
    installation: Installation,  # noqa: F811
) -> None:
    variant = await make.variant(cards=2)
    boss = await identity.create_operator("boss", "a-long-password-1", ["*"])
    signed_in = await identity.open_session(boss, "test")
    actor = await identity.actor_of_token(signed_in.access_token)
    assert actor is not None
    await make.step_up(actor)
    installation.start("serve", "worker", "scheduler")
    with mail_sink() as sink:
        order_id = await asyncio.to_thread(
            a_day_in_the_shop, installation, sink, variant.sku, signed_in.access_token
        )
    async with connection() as conn:
        looks = await conn.fetch(
            "SELECT actor_kind, count(*) AS looks FROM audit_entries"
            " WHERE action = 'card.reveal' GROUP BY 1"
        )
        stored = await conn.fetchval("SELECT string_agg(n::text, '') FROM notifications n")
    assert {row["actor_kind"]: row["looks"] for row in looks} == {"anonymous": 1, "link": 2}
    assert "lan@example.com" not in stored
    assert order_id


def a_day_in_the_shop(house: Installation, sink: MailSink, sku: str, token: str) -> str:
    shop, admin = f"{house.origin}/graphql/shop", f"{house.origin}/graphql/admin"
    boss, guest, anybody = Client(admin, token), Client(shop), Client(shop)
    channel = {
        "code": "mail",
        "medium": "EMAIL",
        "events": ["order.delivered"],
        "url": sink.url,
    }
    saved = boss.data(CHANNEL, input=channel)["notificationChannelSave"]
    assert saved["userErrors"] == []
    entered = guest.data(GUEST_IN, input={"guest": {"deviceId": uuid4().hex}})["sessionCreate"]
    guest.token, me = entered["accessToken"], entered["viewer"]["login"]
    amount = {"amount": "100", "currency": "CNY"}
    boss.data(TOPUP, input={"idempotencyKey": "up", "login": me, "amount": amount})

    wish = {
        "idempotencyKey": "one",
        "lines": [{"sku": sku, "quantity": 1}],
        "contact": {"email": "Lan@Example.com"},
        "lookupPassword": PASSWORD,
    }
    bought, again = [guest.data(BUY, input=wish)["orderCreate"] for _ in range(2)]
    assert (bought["order"]["status"], again["replayed"]) == ("DELIVERED", True)
    assert bought["guestToken"] == again["guestToken"]
    order, guest_token = bought["order"], bought["guestToken"]

    number = order["number"]
    for proof in ({"token": guest_token}, {"password": PASSWORD}):
        assert anybody.data(LOOK, number=number, **proof)["orderByGuest"]["id"] == order["id"]
    forged = guest_token[:-4] + ("BBBB" if guest_token.endswith("AAAA") else "AAAA")
    wrong = [
        anybody.send(LOOK, number=number, token=forged),
        anybody.send(LOOK, number="261126-ABCDEFGHJK", token=guest_token),
        anybody.send(LOOK, number=number, password="wrong-horse-42"),
    ]
    assert [each["data"] for each in wrong] == [{"orderByGuest": None}] * 3
    assert not any(each.get("errors") for each in wrong)
    proof = {"number": number, "token": guest_token}
    shown = anybody.data(REVEAL, input=proof)["orderCardsRevealByGuest"]
    (secret,) = (card["secret"] for card in shown["secrets"])

    ends = (clock.now() + timedelta(days=1)).isoformat()
    made = guest.data(
        LINK, input={"orderId": order["id"], "expiresAt": ends, "idempotencyKey": "l"}
    )["claimLinkCreate"]
    assert made["userErrors"] == []
    assert made["address"]["qrSvg"].startswith("<svg")
    assert redeemed(shop, made["address"]["url"])["secrets"] == [{"secret": secret}]
    second = redeemed(shop, made["address"]["url"])
    assert (second["secrets"], second["userErrors"][0]["code"]) == ([], "CLAIM_LINK_USED")

    house.wait_for(lambda: len(sink.mails) > 0, "the mail")
    house.wait_for(lambda: told(boss, order["id"])[0]["state"] == "SENT", "its booking")
    (message,) = told(boss, order["id"])
    assert (message["recipientMasked"], message["attempts"]) == ("l•••@example.com", 1)
    (mail,) = sink.mails
    payload = message_from_string(mail).get_payload(decode=True)
    assert isinstance(payload, bytes)
    body = payload.decode()
    assert secret not in body
    (url,) = re.findall(r"http://\S+/c/#kml_\S+", body)
    assert url.startswith(house.origin)
    assert redeemed(shop, url)["secrets"] == [{"secret": secret}]
    return str(order["id"])


def told(boss: Client, order_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boss.data(MESSAGES, orderId=order_id)["notifications"]["nodes"]
    return found
