"""Orders are pushed over real sockets by a running server, whatever is lost on the way."""

from typing import Any

import pytest

from domain import checkout, fulfilment
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Placed, Purchase
from domain.fulfilment import HandOver
from domain.kernel import Actor, Prefix, encode_id
from tests import make, sockets
from tests.faults.conftest import Installation

pytestmark = pytest.mark.xdist_group("kills")
NOTE = "Log in with secret-4711."
FOLLOW = """subscription Follow($id: ID!, $guestToken: String) {
    orderUpdated(id: $id, guestToken: $guestToken) {
        id status version nextPollAfterMs lines { status } cards { masked } } }"""


@pytest.fixture
def running(installation: Installation) -> Installation:
    """The API and the relay."""
    installation.start("serve", "scheduler")
    return installation


async def placed_by_hand(buyer: Actor) -> Placed:
    """An order that waits for an operator."""
    variant = await make.variant(price=make.yuan(100), delivery_kind=DeliveryKind.MANUAL)
    return await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), variant.sku))


async def claim(placed: Placed) -> Actor:
    """An operator takes it: DELIVERING."""
    operator = await make.operator("orders:fulfil")
    await fulfilment.claim_line(operator, placed.lines[0].id)
    return operator


async def deliver(operator: Actor, placed: Placed) -> None:
    """And hands it over: DELIVERED."""
    line = placed.lines[0].id
    wish = HandOver(line, NOTE, "ticket 7", make.yuan(30), line.hex)
    await fulfilment.deliver_line(operator, wish)


def public(placed: Placed) -> str:
    return encode_id(Prefix.ORDER, placed.order.id)


def shop(running: Installation) -> str:
    return f"{running.origin}/graphql/shop"


def status_in(event: dict[str, Any]) -> Any:
    return event["data"]["orderUpdated"]["status"]


async def test_an_order_is_followed_by_events_until_it_is_delivered(running: Installation) -> None:
    buyer = await make.buyer()
    placed = await placed_by_hand(buyer)
    token, url = await make.token(buyer), shop(running)
    async with sockets.stream(url, FOLLOW, token, id=public(placed)) as events:
        assert "content-type: text/event-stream" in events.head
        assert "cache-control: no-store" in events.head
        assert status_in(await events.hear()) == "PAID"
        operator = await claim(placed)
        assert status_in(await events.hear()) == "DELIVERING"
        await deliver(operator, placed)
        last = (await events.hear())["data"]["orderUpdated"]
        assert (last["status"], last["nextPollAfterMs"]) == ("DELIVERED", None)
        assert await events.hear() == {"completed": True}
        assert "secret-4711" not in "".join(events.frames)
