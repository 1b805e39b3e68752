"""What the pusher of orders does when hints are lost, clients are slow, or there is no room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from domain import commissions, orders
from domain.commissions import RuleKind
from domain.kernel import (
    Actor,
    ActorKind,
    OutboxRow,
    Prefix,
    connection,
    encode_id,
    new_id,
)
from domain.orders import Order, OrderState, OrderStatus
from jobs.hints import AGENTS_CHANNEL, CHANNEL, agents_hint_of, hint_of
from resolvers.context import Context
from schema.documents import Door
from schema.faults import RequestRefused
from schema.shop import schema
from server.live import Live, Pace, Room
from server.sockets import EventStream, SlowClient
from tests import make
from tests.api.asking import Tries
from tests.domain.commissions.test_life import sold
from tests.faults.test_live import NOTE, claim, deliver, placed_by_hand, public
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
NEVER = 1_000.0
QUIET = Pace(compare=NEVER, compare_alone=NEVER, look_at_sessions=NEVER)
NOBODY = "redis://127.0.0.1:9"
EVERYTHING = """subscription All($id: ID!) { orderUpdated(id: $id) {
    id number externalId status total { amount } version placedAt paidAt
    cards { id masked } lines { sku status failureCode cards { id masked }
        account { key label value }
        delivery { kind ... on ManualDelivery { note } ... on TopupDelivery { receipt }
            ... on CardDelivery { cards { id masked } } } } } }"""


async def begun(live: Live) -> Live:
    live.start()
    return live


async def heard(states: AsyncIterator[OrderState], seconds: float = 30) -> OrderStatus:
    async with asyncio.timeout(seconds):
        return (await anext(states)).order.status


def followed(
    live: Live, order: Order, actor: Actor
) -> AbstractAsyncContextManager[AsyncIterator[OrderState]]:
    return live.follow(order, actor, "203.0.113.7")


@pytest.mark.parametrize("url", ["valkey", "nobody"])
async def test_a_change_that_no_hint_told_is_found_by_comparing(url: str, valkey_url: str) -> None:
    pace = Pace(compare=0.2, compare_alone=0.2, look_at_sessions=NEVER)
    live = await begun(Live(valkey_url if url == "valkey" else NOBODY, pace))
    buyer = await make.buyer()
    placed = await placed_by_hand(buyer)
    async with followed(live, placed.order, buyer) as states:
        await claim(placed)
        assert await heard(states) is OrderStatus.DELIVERING
    await live.close()


async def test_without_comparing_it_would_wait_for_a_hint(valkey_url: str) -> None:
    live = await begun(Live(valkey_url, QUIET))
    buyer = await make.buyer()
    placed = await placed_by_hand(buyer)
    async with followed(live, placed.order, buyer) as states:
        await when(lambda: live.listening)
        await asyncio.sleep(0.3)  # what was compared at the beginning is done
        await claim(placed)
        waiting = asyncio.ensure_future(anext(states))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        async with Redis.from_url(valkey_url) as client:
            await client.publish(CHANNEL, b"nonsense")
            await client.publish(CHANNEL, b'{"%s": 99}' % str(placed.order.id).encode())
        assert (await asyncio.wait_for(waiting, 5)).order.status is OrderStatus.DELIVERING
    await live.close()


async def test_a_change_while_the_line_was_cut_is_found_at_once(valkey_url: str) -> None:
    live = await begun(Live(valkey_url, QUIET))
    buyer = await make.buyer()
    placed = await placed_by_hand(buyer)
    async with followed(live, placed.order, buyer) as states:
        await when(lambda: live.listening)
        await asyncio.sleep(0.3)
        await claim(placed)
        async with Redis.from_url(valkey_url) as client:
            assert await cut_listeners(client) >= 1
        assert await heard(states) is OrderStatus.DELIVERING
    await live.close()


async def cut_listeners(client: Any) -> int:
    """Cut the lines of this database's listeners; tests beside this one keep theirs."""
    number = str(client.connection_pool.connection_kwargs["db"])
    listeners = [each for each in await client.client_list(_type="pubsub") if each["db"] == number]
    return sum([await client.client_kill_filter(_id=each["id"]) for each in listeners])


async def when(ready: Any) -> None:
    for _ in range(100):
        if ready():
            return
        await asyncio.sleep(0.05)
    pytest.fail("waited in vain")


async def test_a_slow_client_sees_the_newest_state_alone() -> None:
    live = Live(NOBODY)
    buyer = await make.buyer()
    placed = await placed_by_hand(buyer)
    async with followed(live, placed.order, buyer) as states:
        for step in (1, 2, 3):
            if step == 1:
                operator = await claim(placed)
            elif step == 2:
                await deliver(operator, placed)
            await live.orders.look([placed.order.id])
        assert await heard(states) is OrderStatus.DELIVERED
        waiting = asyncio.ensure_future(anext(states))
        await asyncio.sleep(0.1)
        assert not waiting.done(), "one state waits, however many there were"
        waiting.cancel()
    assert live.count == 0


async def earned(states: AsyncIterator[commissions.Earnings], seconds: float = 30) -> int:
    async with asyncio.timeout(seconds):
        return (await anext(states)).today.orders


async def test_what_an_agent_earns_is_pushed_by_hints_and_without_them(valkey_url: str) -> None:
    """By the hint of an order, by one of the agent, and by comparing when no hint came."""
    one = await make.agent()
    await make.rule(1, RuleKind.PERCENT, 100_000)
    own = Actor(kind=ActorKind.USER, user_id=one.user_id)
    live = await begun(Live(valkey_url, replace(QUIET, rest=0)))
    async with (
        live.follow_earnings(one.id, own, "203.0.113.7") as states,
        Redis.from_url(valkey_url) as client,
    ):
        await when(lambda: live.listening)
        assert await earned(states) == 0
        order, _ = await sold(one)
        await client.publish(CHANNEL, b'{"%s": 1}' % str(order.id).encode())
        assert await earned(states) == 1
        await sold(one)
        await client.publish(CHANNEL, b'{"%s": 1}' % str(new_id()).encode())
        waiting = asyncio.ensure_future(earned(states, NEVER))
        await client.publish(AGENTS_CHANNEL, b'{"%s": 1}' % str(one.id).encode())
        assert await asyncio.wait_for(waiting, 5) == 2
    await live.close()
    pace = Pace(compare=0.2, compare_alone=0.2, look_at_sessions=NEVER)
    live = await begun(Live(NOBODY, pace))
    async with live.follow_earnings(one.id, own, "203.0.113.7") as states:
        assert await earned(states) == 2
        await sold(one)
        assert await earned(states) == 3
    assert (live.count, live._taken, live.earnings._before) == (0, {}, {})
    await live.close()


async def test_a_state_that_says_nothing_new_is_not_pushed_and_others_are_not_read() -> None:
    one, other = await make.agent(), await make.agent()
    await make.rule(1, RuleKind.PERCENT, 100_000)
    live = Live(NOBODY, replace(QUIET, rest=0))
    own = Actor(kind=ActorKind.USER, user_id=one.user_id)
    async with live.follow_earnings(one.id, own, "203.0.113.7") as states:
        await live.earnings.look([one.id])
        assert await earned(states) == 0
        order, _ = await sold(other)
        live.earnings.heard([order.id], [other.id])
        async with count_statements() as seen:
            await live.earnings.look([])
        assert len(seen) == 1, "whose the order is, and nothing of an agent whom nobody follows"
        await live.earnings.look([one.id])
        waiting = asyncio.ensure_future(anext(states))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        waiting.cancel()


async def test_a_client_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.sockets.SEND_SECONDS", 0.2)
    closed: list[bool] = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "data: {}\n\n"
        finally:
            closed.append(True)

    async def receive() -> Any:
        await asyncio.sleep(NEVER)

    async def stuck(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(NEVER)

    scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    async with asyncio.timeout(5):
        with pytest.raises(SlowClient):
            await EventStream(endless())(scope, receive, stuck)
    assert closed == [True]


async def test_there_is_room_for_so_many_and_it_is_given_back() -> None:
    live = Live(NOBODY, room=Room(per_address=2, per_user=1))
    buyer, other, third = [await make.buyer() for _ in range(3)]
    order = (await placed_by_hand(buyer)).order
    async with followed(live, order, buyer):
        with pytest.raises(RequestRefused, match="streams"):
            async with followed(live, order, buyer):
                pass
        async with followed(live, order, other):
            with pytest.raises(RequestRefused, match="streams"):
                async with followed(live, order, third):
                    pass
    async with followed(live, order, buyer):
        assert live.count == 1
    assert (live.count, live._taken) == (0, {})


async def test_no_code_and_nothing_private_is_pushed() -> None:
    """Every field that an order has is asked for, of an order by hand and of one of cards."""
    live, buyer = Live(NOBODY), await make.buyer()
    by_hand = await placed_by_hand(buyer)
    await deliver(await claim(by_hand), by_hand)
    variant = await make.variant(cards=2)
    from domain import checkout

    wish = checkout.Purchase((checkout.LineWish(variant.sku, 2),), "cards")
    of_cards = await checkout.place_order(buyer, wish)
    codes = [each.secret for each in await orders.reveal_cards(buyer, of_cards.order.id, None)]
    assert len(codes) == 2
    frames = ""
    for placed in (by_hand, of_cards):
        context = Context(buyer, "en", "test", Tries(), live=live)
        variables = {"id": public(placed)}
        async for result in await schema.subscribe(EVERYTHING, variables, context, Door()):
            assert not result.errors
            frames += repr(result.data)
    assert frames.count("DELIVERED") >= 4
    assert not [code for code in [*codes, NOTE] if code in frames]


async def test_a_hint_carries_ids_and_numbers_only() -> None:
    placed = await placed_by_hand(await make.buyer())
    async with connection() as conn:
        from domain.kernel import claim_unpublished

        async with conn.transaction():
            rows = await claim_unpublished(conn, 100)
    told = [row for row in rows if row.subject == placed.order.id]
    assert hint_of(told) == b'{"%s":1}' % str(placed.order.id).encode()
    assert hint_of([]) is None


def test_what_moved_of_commissions_names_its_agents_alone() -> None:
    agent, payload = new_id(), {"amount": "9.99"}
    rows = [
        OutboxRow(new_id(), kind, new_id(), number, {**payload, "agentId": encode_id(*whose)})
        for number, kind, whose in (
            (1, "commission.released", (Prefix.AGENT, agent)),
            (2, "payout.succeeded", (Prefix.AGENT, agent)),
            (3, "agent.moved", (Prefix.AGENT, new_id())),
        )
    ]
    assert agents_hint_of(rows) == b'{"%s":2}' % str(agent).encode()
    assert agents_hint_of(rows[2:]) is None


@pytest.mark.parametrize(
    ("seconds", "milliseconds"),
    [
        (-5, 1_000),
        (0, 1_000),
        (20, 1_000),
        (60, 3_000),
        (300, 15_000),
        (600, 30_000),
        (1e7, 30_000),
    ],
)
def test_an_old_order_is_asked_about_seldom(seconds: float, milliseconds: int) -> None:
    assert orders.poll_after_ms(timedelta(seconds=seconds)) == milliseconds
