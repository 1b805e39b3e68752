"""Purchases wait for their turn, few at once; who is refused learns when to come back (row F7)."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx2 as httpx
import orjson
import pytest
import strawberry
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Mount
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL

from schema.documents import RootSchema
from schema.faults import RequestRefused
from schema.fields import field
from schema.limits import SHOP
from schema.partner import schema as partner_schema
from schema.shop import schema as shop_schema
from server.graphql import GraphQLView
from server.turnstile import Turned, Turnstile
from tests.api.test_transport import Asked


def door(at_once: int = 1, waiting: int = 8, seconds: float = 5.0) -> Turnstile:
    return Turnstile(at_once, waiting, seconds)


def retry_after(refused: pytest.ExceptionInfo[RequestRefused]) -> int:
    assert refused.value.code == "SHOP_BUSY"
    seconds = refused.value.details["retryAfter"]
    assert isinstance(seconds, int)
    assert refused.value.details["retryAfterMs"] == seconds * 1000
    assert refused.value.details["retryable"] is True
    return seconds


async def buys(turnstile: Turnstile, caller: str, done: list[str]) -> None:
    async with turnstile.place(caller):
        await asyncio.sleep(0)
        done.append(caller)


async def test_few_at_once_and_who_came_first_is_first() -> None:
    turnstile, done, most = door(at_once=2), [], 0

    async def watched(caller: str) -> None:
        nonlocal most
        async with turnstile.place(caller):
            most = max(most, turnstile.under_way)
            await asyncio.sleep(0.001)
            done.append(caller)

    callers = [f"buyer{n}" for n in range(10)]
    await asyncio.gather(*(watched(caller) for caller in callers))
    assert (done, most) == (callers, 2)
    assert (turnstile.under_way, turnstile.waiting) == (0, 0)


async def test_a_full_line_refuses_at_once_and_gives_each_a_moment_of_its_own() -> None:
    turned: list[Turned] = []
    moment = 100.0
    turnstile = Turnstile(1, 4, 60.0, turned.append, now=lambda: moment)
    turnstile.usual_seconds = 2.0
    async with turnstile.place("first"):
        waiting = [asyncio.ensure_future(buys(turnstile, f"w{n}", [])) for n in range(4)]
        await asyncio.sleep(0)
        told = []
        for number in range(40):
            with pytest.raises(RequestRefused) as refused:
                async with turnstile.place(f"late{number}"):
                    pass
            told.append(retry_after(refused))
    await asyncio.gather(*waiting)
    assert told[:4] == [10, 12, 14, 16]  # after the four in the line, one after another
    assert max(told) == 60, "nobody is sent away for ever"
    assert turned == [Turned.FULL] * 40


async def test_whose_turn_would_come_too_late_does_not_wait_in_vain() -> None:
    turnstile = door(seconds=1.0, waiting=100)
    turnstile.usual_seconds = 0.6
    async with turnstile.place("first"):
        waiting = [asyncio.ensure_future(buys(turnstile, f"w{n}", [])) for n in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(RequestRefused) as refused:
            async with turnstile.place("third"):
                pass
        assert retry_after(refused) == 2
    await asyncio.gather(*waiting)


async def test_a_turn_that_does_not_come_in_time_is_refused_and_no_place_is_lost() -> None:
    turnstile = door(seconds=0.02)
    async with turnstile.place("slow"):
        with pytest.raises(RequestRefused) as refused:
            await buys(turnstile, "waits", [])
        retry_after(refused)
        assert turnstile.waiting == 0
    done: list[str] = []
    await asyncio.wait_for(buys(turnstile, "next", done), 1)
    assert (done, turnstile.under_way) == (["next"], 0)


@pytest.mark.parametrize("turn_comes", [False, True], ids=["waiting", "at its turn"])
async def test_who_gives_up_leaves_the_place_to_the_next(turn_comes: bool) -> None:
    turnstile, done = door(), []
    stack = AsyncExitStack()
    await stack.enter_async_context(turnstile.place("first"))
    gives_up = asyncio.ensure_future(buys(turnstile, "gives up", done))
    stays = asyncio.ensure_future(buys(turnstile, "stays", done))
    await asyncio.sleep(0)
    if turn_comes:
        await stack.aclose()
    gives_up.cancel()
    if not turn_comes:
        await stack.aclose()
    await asyncio.wait_for(stays, 1)
    assert (done, turnstile.under_way, turnstile.waiting) == (["stays"], 0, 0)


async def test_nobody_takes_more_than_a_part_of_the_line() -> None:
    turned: list[Turned] = []
    turnstile = Turnstile(1, 8, 5.0, turned.append)
    done: list[str] = []
    async with turnstile.place("first"):
        greedy = [asyncio.ensure_future(buys(turnstile, "greedy", done)) for _ in range(6)]
        modest = asyncio.ensure_future(buys(turnstile, "modest", done))
        await asyncio.sleep(0)
    results = await asyncio.gather(*greedy, modest, return_exceptions=True)
    assert turned == [Turned.SHARE] * 4
    assert sum(isinstance(each, RequestRefused) for each in results) == 4
    assert done == ["greedy", "greedy", "modest"]


# --- over HTTP ---------------------------------------------------------------------------------

asked: list[str] = []
begun, going = asyncio.Event(), asyncio.Event()


async def buy(slowly: bool = False) -> int:
    if slowly:
        begun.set()
        await going.wait()
    return 1


@strawberry.type
class Query:
    hello: str = field(lambda: "hello")


@strawberry.type
class Mutation:
    buy: int = field(buy, purchase=True)
    other: int = field(lambda: 2)


async def context(connection: HTTPConnection) -> Asked:
    asked.append(connection.headers.get("authorization", ""))
    return Asked("en", "request")


@pytest.fixture
def client() -> httpx.AsyncClient:
    asked.clear()
    begun.clear()
    going.clear()
    schema = RootSchema(Query, Mutation, limits=SHOP)
    view = GraphQLView(
        schema, context, streams=[GRAPHQL_SSE_PROTOCOL], turnstile=Turnstile(1, 0, 5.0)
    )
    transport = httpx.ASGITransport(Starlette(routes=[Mount("/", view)]))
    return httpx.AsyncClient(transport=transport, base_url="http://shop")


async def post(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    sent = {"content-type": "application/json", **headers}
    return await client.post("/", content=orjson.dumps(body), headers=sent)


async def test_only_purchases_wait_and_who_is_refused_was_not_even_looked_up(
    client: httpx.AsyncClient,
) -> None:
    slow = {"query": "mutation { buy(slowly: true) }"}
    first = asyncio.ensure_future(post(client, slow, authorization="Bearer first"))
    await begun.wait()
    for body in (
        {"query": "mutation { buy }"},
        {"query": "mutation { other ...More } fragment More on Mutation { buy }"},
        [{"query": "{ hello }"}, {"query": "mutation { buy }"}],
    ):
        refused = await post(client, body, authorization="Bearer second")
        assert refused.status_code == 503
        (error,) = refused.json()["errors"]
        assert error["extensions"]["code"] == "SHOP_BUSY"
        seconds = error["extensions"]["retryAfter"]
        assert refused.headers["retry-after"] == str(seconds)
        assert f"in {seconds} seconds" in error["message"]
    assert "Bearer second" not in asked
    for query in ("{ hello }", "mutation { other }"):
        assert (await post(client, {"query": query})).status_code == 200
    going.set()
    assert (await first).json()["data"] == {"buy": 1}
    assert (await post(client, {"query": "mutation { buy }"})).json()["data"] == {"buy": 1}


async def test_a_purchase_is_answered_and_never_streamed(client: httpx.AsyncClient) -> None:
    """Streamed, it would run after its place was given back."""
    answer = await post(client, {"query": "mutation { buy }"}, accept="text/event-stream")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["data"] == {"buy": 1}


@pytest.mark.parametrize(
    ("schema", "document"),
    [
        (shop_schema, "mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {"),
        (partner_schema, "mutation Buy($input: OrderPlaceInput!) { orderPlace(input: $input) {"),
    ],
    ids=["shop", "partner"],
)
def test_every_way_to_buy_waits_for_its_turn(schema: RootSchema, document: str) -> None:
    prepared = schema.documents.prepare(f"{document} order {{ id }} }} }}")
    assert prepared.errors == ()
    plan = prepared.plan(None)
    assert plan is not None
    assert plan.purchases
