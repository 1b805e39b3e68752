"""Orders are pushed over real sockets by a running server, whatever is lost on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domain import checkout, fulfilment, identity, orders
from domain.agents.models import Agent
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Placed, Purchase
from domain.commissions import RuleKind
from domain.fulfilment import HandOver
from domain.kernel import Actor, ActorKind, Prefix, encode_id
from tests import make, sockets
from tests.domain.commissions.test_life import give_back, sold
from tests.faults.conftest import Installation

pytestmark = pytest.mark.xdist_group("kills")
NOTE = "Log in with secret-4711."
FOLLOW = """subscription Follow($id: ID!, $guestToken: String) {
    orderUpdated(id: $id, guestToken: $guestToken) {
        id status version nextPollAfterMs lines { status } cards { masked } } }"""

EARNINGS = """subscription { earningsUpdated { today { orders earned { amount } }
    recent { orderNumber state amount { amount } clawedBack { amount } } } }"""


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


async def test_an_order_is_followed_over_a_socket(running: Installation) -> None:
    buyer = await make.buyer()
    placed = await placed_by_hand(buyer)
    async with sockets.connect(shop(running)) as socket:
        await socket.begin(await make.token(buyer))
        await follow(socket, placed)
        assert status_in((await socket.hear())["payload"]) == "PAID"
        operator = await claim(placed)
        assert status_in((await socket.hear())["payload"]) == "DELIVERING"
        await deliver(operator, placed)
        assert status_in((await socket.hear())["payload"]) == "DELIVERED"
        assert await socket.hear() == {"type": "complete", "id": "1"}
        await socket.say(type="ping")
        assert await socket.hear() == {"type": "pong"}


async def test_an_order_is_shown_to_its_buyer_and_to_who_has_its_token(
    running: Installation,
) -> None:
    buyer, other = await make.buyer(), await make.buyer()
    placed = await placed_by_hand(buyer)
    good = orders.guest_token(placed.order.id)
    wrong = good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")
    for token, guest_token, expected in (
        (await make.token(other), None, "NOT_FOUND"),
        ("", None, "UNAUTHENTICATED"),
        ("", wrong, "NOT_FOUND"),
        (await make.token(other), wrong, "NOT_FOUND"),
        ("", good, "PAID"),
    ):
        async with sockets.connect(shop(running)) as socket:
            await socket.begin(token)
            await follow(socket, placed, guestToken=guest_token)
            answer = await socket.hear()
            if expected == "PAID":
                assert status_in(answer["payload"]) == expected
            else:
                assert answer["type"] == "error"
                assert answer["payload"][0]["extensions"]["code"] == expected


async def test_an_agent_follows_what_it_earns_by_both_ways_and_nobody_else_does(
    running: Installation,
) -> None:
    """The state now, then each newer one; a stranger and another agent hear nothing of it."""
    one, other = await make.agent(), await make.agent()
    await make.rule(1, RuleKind.PERCENT, 100_000)
    token, others = [await token_of(each) for each in (one, other)]
    async with (
        sockets.connect(shop(running)) as socket,
        sockets.stream(shop(running), EARNINGS, token) as events,
        sockets.stream(shop(running), EARNINGS, others) as beside,
    ):
        await socket.begin(token)
        await socket.subscribe(EARNINGS)
        nothing = {"today": {"orders": 0, "earned": {"amount": "0.00"}}, "recent": []}
        for state in (await events.hear(), (await socket.hear())["payload"], await beside.hear()):
            assert state["data"]["earningsUpdated"] == nothing
        order, line = await sold(one)
        ten = {"amount": "10.00"}
        recent = {"orderNumber": order.number, "amount": ten, "clawedBack": {"amount": "0.00"}}
        expected = {
            "today": {"orders": 1, "earned": ten},
            "recent": [{**recent, "state": "PENDING"}],
        }
        assert (await events.hear())["data"]["earningsUpdated"] == expected
        assert (await socket.hear())["payload"]["data"]["earningsUpdated"] == expected
        await give_back(order, line, None, "all")
        for state in (await events.hear(), (await socket.hear())["payload"]):
            (newest,) = state["data"]["earningsUpdated"]["recent"]
            assert (newest["state"], newest["clawedBack"]) == ("TAKEN_BACK", ten)
        await sold(other)  # what comes next at the other one is its own, and the first
        state = (await beside.hear())["data"]["earningsUpdated"]
        assert state["today"]["orders"] == 1
        assert state["recent"][0]["orderNumber"] != order.number
        assert len([frame for frame in beside.frames if frame.startswith("data: {")]) == 2
    stranger = await make.token(await make.buyer())
    for token, code in ((stranger, "NOT_FOUND"), ("", "UNAUTHENTICATED")):
        async with sockets.stream(shop(running), EARNINGS, token) as events:
            assert (await events.hear())["errors"][0]["extensions"]["code"] == code
            assert await events.hear() == {"completed": True}


async def token_of(agent: Agent) -> str:
    """Of the agent's own login."""
    return await make.token(Actor(kind=ActorKind.USER, user_id=agent.user_id))


async def test_a_partner_follows_by_its_own_id(running: Installation) -> None:
    buyer = await make.buyer()
    keys = [await partner_key(who) for who in (buyer, await make.buyer())]
    actor = await identity.actor_of_key(keys[0], identity.SignedRequest("", b""))
    assert actor is not None
    variant = await make.variant(price=make.yuan(100), delivery_kind=DeliveryKind.MANUAL)
    wish = Purchase((LineWish(variant.sku, 1),), "external:mine", external_id="mine")
    await checkout.place_order(actor, wish)
    query = 'subscription { orderUpdated(externalId: "mine") { status } }'
    url = f"{running.origin}/graphql/partner"
    async with sockets.stream(url, query, keys[0]) as events:
        assert status_in(await events.hear()) == "PAID"
    async with sockets.stream(url, query, keys[1]) as events:
        assert (await events.hear())["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    async with sockets.stream(shop(running), FOLLOW, keys[0], id="ord_x") as events:
        assert " 403 " in events.head.partition("\n")[0], "a key opens the partners' door only"


async def partner_key(owner: Actor) -> str:
    made = await identity.create_api_key(
        make.OPERATOR, owner.require_user(), "till", ["orders:read"], require_signature=False
    )
    return made.key


async def test_a_session_that_is_revoked_sees_no_more(running: Installation) -> None:
    buyer = await make.buyer()
    placed = await placed_by_hand(buyer)
    token = await make.token(buyer)
    async with (
        sockets.connect(shop(running)) as socket,
        sockets.stream(shop(running), FOLLOW, token, id=public(placed)) as events,
    ):
        await socket.begin(token)
        await follow(socket, placed)
        assert status_in((await socket.hear())["payload"]) == "PAID"
        assert status_in(await events.hear()) == "PAID"
        signed_in = await identity.actor_of_token(token)
        assert signed_in is not None
        await identity.revoke(signed_in)
        last = (await socket.hear(8))["payload"]
        assert last["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await socket.hear())["type"] == "complete"
        assert (await events.hear(8))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await events.hear() == {"completed": True}


async def test_who_may_not_open_a_socket_is_told_at_once(running: Installation) -> None:
    with pytest.raises(sockets.Refused, match="403"):
        async with sockets.connect(shop(running), Origin="https://evil.example"):
            pass
    async with sockets.connect(shop(running), Origin=running.origin) as socket:
        await socket.begin()
    async with sockets.connect(shop(running)) as silent:
        assert await silent.hear(9) == {"closed": 4408}
    async with sockets.connect(shop(running)) as socket:
        await socket.say(type="connection_init", payload={"authorization": "Bearer nonsense"})
        assert await socket.hear() == {"closed": 4401}
    async with sockets.connect(shop(running)) as socket:
        await socket.subscribe(FOLLOW)
        assert await socket.hear() == {"closed": 4401}


async def test_the_limits_of_documents_hold_for_subscriptions(running: Installation) -> None:
    many = " ".join(f"a{index}: status" for index in range(16))
    query = f'subscription {{ orderUpdated(id: "ord_x") {{ {many} }} }}'
    async with sockets.connect(shop(running)) as socket:
        await socket.begin()
        await socket.subscribe(query)
        assert (await socket.hear())["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
        await socket.subscribe("{ viewer { id } }")
        answer = await socket.hear()
        assert answer["payload"][0]["extensions"]["code"] == "OPERATION_NOT_ALLOWED"


async def test_a_server_that_stops_says_goodbye(running: Installation) -> None:
    buyer = await make.buyer()
    placed = await placed_by_hand(buyer)
    token = await make.token(buyer)
    async with (
        sockets.connect(shop(running)) as socket,
        sockets.stream(shop(running), FOLLOW, token, id=public(placed)) as events,
    ):
        await socket.begin(token)
        await follow(socket, placed)
        assert status_in((await socket.hear())["payload"]) == "PAID"
        assert status_in(await events.hear()) == "PAID"
        async with told_to_stop(running):
            assert await events.hear() == {"completed": True}
            assert await farewell(socket) == {"closed": 1001}


@asynccontextmanager
async def told_to_stop(running: Installation) -> AsyncIterator[None]:
    process = running.running["serve"]
    process.terminate()
    yield
    await asyncio.to_thread(process.wait, 10)


async def farewell(socket: sockets.Socket) -> Any:
    heard = await socket.hear()
    while "closed" not in heard:
        heard = await socket.hear()
    return heard


async def follow(socket: sockets.Socket, placed: Placed, **variables: Any) -> None:
    payload = {"query": FOLLOW, "variables": {"id": public(placed), **variables}}
    await socket.say(type="subscribe", id="1", payload=payload)
