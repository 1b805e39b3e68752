"""Gift cards over HTTP: kill -9 at each commit boundary, and guessing while Valkey is gone."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from domain.cards import own_codes
from domain.giftcards.models import GiftCard
from domain.identity.models import User, UserRole
from domain.kernel import Prefix, encode_id
from server.embedded import start_valkey
from tests import make
from tests.domain.giftcards.test_counter import printed
from tests.domain.giftcards.test_redeeming import books_hold, bought, wallet
from tests.faults.conftest import Installation
from tests.faults.test_kills import number_of

pytestmark = pytest.mark.xdist_group("kills")
REDEEM = """mutation Redeem($input: GiftCardRedeemInput!) { giftCardRedeem(input: $input) {
    redemption { amount { amount } } replayed userErrors { code } } }"""
ISSUE = """mutation Issue($input: GiftCardIssueInput!) { giftCardIssue(input: $input) {
    issue { quantity } replayed userErrors { code } } }"""
SELL = """mutation Sell($input: GiftCardCounterSellInput!) { giftCardCounterSell(input: $input) {
    sale { quantity } replayed userErrors { code } } }"""


async def post(
    installation: Installation, door: str, token: str, query: str, wish: dict[str, Any]
) -> dict[str, Any]:
    """The whole answer of one mutation."""

    def send() -> dict[str, Any]:
        answer = httpx.post(
            f"{installation.origin}/graphql/{door}",
            json={"query": query, "variables": {"input": wish}},
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )
        found: dict[str, Any] = answer.json()
        return found

    return await asyncio.to_thread(send)


@pytest.mark.parametrize(
    "point", ["giftcards.try_counted", "giftcards.before_commit", "giftcards.after_commit"]
)
async def test_the_api_dies_in_a_redemption(installation: Installation, point: str) -> None:
    program = await make.gift_program(cards=1)
    _, (code,), _ = await bought(program)
    friend = await make.buyer(balance=0)
    token = await make.token(friend)
    wish = {"code": code, "idempotencyKey": uuid4().hex}
    installation.start("serve", crash_at=point)
    with pytest.raises(httpx.TransportError):
        await post(installation, "shop", token, REDEEM, wish)
    committed = 1 if point == "giftcards.after_commit" else 0
    assert await number_of("gift_card_redemptions") == committed
    installation.kill("serve")
    installation.start("serve")
    answer = (await post(installation, "shop", token, REDEEM, wish))["data"]["giftCardRedeem"]
    assert answer["redemption"] == {"amount": {"amount": "100.00"}}
    assert answer["replayed"] is bool(committed)
    assert await wallet(friend) == 100 * make.SCALE
    assert await number_of("gift_card_redemptions") == 1
    await books_hold()


async def test_the_api_dies_while_issuing(installation: Installation) -> None:
    program = await make.gift_program()
    operator = await make.user(role=UserRole.OPERATOR)
    await User.filter(id=operator.id).update(scopes=["giftcards:write"])
    token = await make.token(make.actor_of(operator))
    wish = {
        "programId": encode_id(Prefix.GIFT_CARD_PROGRAM, program.id),
        "quantity": 2_500,
        "idempotencyKey": uuid4().hex,
    }
    installation.start("serve", crash_at="giftcards.issue_written")
    with pytest.raises(httpx.TransportError):
        await post(installation, "admin", token, ISSUE, wish)
    assert await number_of("gift_cards") == await number_of("cards") == 0
    installation.kill("serve")
    installation.start("serve")
    for replayed in (False, True):
        answer = (await post(installation, "admin", token, ISSUE, wish))["data"]["giftCardIssue"]
        assert (answer["issue"]["quantity"], answer["replayed"]) == (2_500, replayed)
    assert await GiftCard.all().count() == 2_500
    await books_hold()


@pytest.mark.parametrize("point", ["checkout.counter_written", "checkout.counter_sold"])
async def test_the_api_dies_in_a_sale_over_a_counter(
    installation: Installation, point: str
) -> None:
    _, (card, *_) = await printed()
    operator = await make.user(role=UserRole.OPERATOR)
    await User.filter(id=operator.id).update(scopes=["giftcards:sell"])
    token = await make.token(make.actor_of(operator))
    wish = {
        "numbers": [card.number],
        "unitPrice": {"amount": "100.00", "currency": "CNY"},
        "paidBy": "CASH",
        "idempotencyKey": uuid4().hex,
    }
    installation.start("serve", crash_at=point)
    with pytest.raises(httpx.TransportError):
        await post(installation, "admin", token, SELL, wish)
    committed = 1 if point == "checkout.counter_sold" else 0
    assert await number_of("counter_sales") == await number_of("orders") == committed
    installation.kill("serve")
    installation.start("serve")
    answer = (await post(installation, "admin", token, SELL, wish))["data"]["giftCardCounterSell"]
    assert (answer["sale"], answer["replayed"]) == ({"quantity": 1}, bool(committed))
    assert await number_of("counter_sales") == await number_of("orders") == 1
    assert (await GiftCard.get(card_id=card.card_id)).status == "active"
    await books_hold()


async def test_without_valkey_guessing_locks_all_the_same(
    installation: Installation, tmp_path: Path
) -> None:
    valkey = start_valkey(tmp_path, durable=False)
    installation.environment["KAMENG_REDIS_URL"] = valkey.url
    installation.start("serve")
    valkey.process.kill()
    valkey.process.wait()
    program = await make.gift_program(cards=1)
    _, (code,), _ = await bought(program)
    guesser = await make.buyer(balance=0)
    token, codes = await make.token(guesser), []
    for number in range(6):
        wish = {"code": own_codes.new_code(), "idempotencyKey": f"guess{number}"}
        answer = await post(installation, "shop", token, REDEEM, wish)
        if answer.get("errors"):
            codes.append(answer["errors"][0]["extensions"]["code"])
        else:
            (error,) = answer["data"]["giftCardRedeem"]["userErrors"]
            codes.append(error["code"])
    assert set(codes[:2]) == {"GIFT_CARD_NOT_ACCEPTED"}
    assert set(codes[2:]) <= {"GIFT_CARD_NOT_ACCEPTED", "RATE_LIMITED", "GIFT_CARD_LOCKED"}
    assert codes[-1] != "GIFT_CARD_NOT_ACCEPTED"
    wish = {"code": code, "idempotencyKey": "good"}
    answer = await post(installation, "shop", token, REDEEM, wish)
    assert answer.get("errors") or answer["data"]["giftCardRedeem"]["userErrors"]
    assert await wallet(guesser) == 0
