"""Guests look orders up over GraphQL: what is shown, and how often it may be tried."""

from collections.abc import AsyncIterator

import pytest

from domain.kernel import ANONYMOUS, Actor, ActorKind
from resolvers.context import Context
from schema.documents import Door
from schema.shop import schema
from server.rate_limits import RateLimiter
from tests import make
from tests.api.asking import data_of
from tests.api.test_orders import BUY, wish

pytestmark = pytest.mark.usefixtures("db")
LOOK = """query One($number: String!, $token: String) {
    orderByGuest(number: $number, token: $token) {
        id lines { sku cards { masked } } total { amount } } }"""


@pytest.fixture
async def limiter(valkey_url: str) -> AsyncIterator[RateLimiter]:
    made = RateLimiter(valkey_url)
    yield made
    await made.close()


async def tries(limiter: RateLimiter, number: str, address: str) -> str:
    """The code of one wrong try, or empty when it was answered."""
    context = Context(
        actor=ANONYMOUS, language="en", request_id="t", rate_limits=limiter, client=address
    )
    result = await schema.execute(
        LOOK,
        variable_values={"number": number, "token": "kmg_1_" + "A" * 43},
        context_value=context,
        root_value=Door(),
    )
    return str(result.errors[0].extensions["code"]) if result.errors else ""


async def test_an_order_is_guessed_at_slowly_from_everywhere(limiter: RateLimiter) -> None:
    codes = [await tries(limiter, "261126-ABCDE", f"203.0.113.{n}") for n in range(12)]
    assert codes == [""] * 10 + ["RATE_LIMITED"] * 2
    assert await tries(limiter, "261126-abcde", "203.0.113.99") == "RATE_LIMITED", "case alike"


async def test_one_address_does_not_walk_numbers(limiter: RateLimiter) -> None:
    codes = [await tries(limiter, f"261126-WALK{n}", "203.0.113.200") for n in range(32)]
    assert codes.count("RATE_LIMITED") == 2


async def test_the_token_of_a_guest_is_shown_to_guests_only() -> None:
    variant = await make.variant(cards=4)
    query = BUY.replace("replayed", "replayed guestToken")
    buyer = await make.buyer()
    shown = (await data_of(schema, query, buyer, input=wish(variant.sku)))["orderCreate"]
    assert shown["guestToken"] is None
    guest = Actor(kind=ActorKind.GUEST, user_id=buyer.user_id)
    first, again = [
        (await data_of(schema, query, guest, input=wish(variant.sku, key="other")))["orderCreate"]
        for _ in range(2)
    ]
    assert first["guestToken"] == again["guestToken"] is not None
    number = first["order"]["number"]
    found = await data_of(schema, LOOK, number=number, token=first["guestToken"])
    assert found["orderByGuest"]["id"] == first["order"]["id"]
    wrong = await data_of(schema, LOOK, number=number, token="kmg_1_" + "A" * 43)
    nobody = await data_of(schema, LOOK, number="261126-0", token=first["guestToken"])
    assert wrong == nobody == {"orderByGuest": None}
    reveal = """mutation Show($input: OrderCardsRevealByGuestInput!) {
        orderCardsRevealByGuest(input: $input) { secrets { secret } userErrors { code } } }"""
    proof = {"number": number, "token": first["guestToken"]}
    opened = (await data_of(schema, reveal, input=proof))["orderCardsRevealByGuest"]
    assert len(opened["secrets"]) == 1
