"""`kameng bench live`: from a commit to the page that waits for it.

Each subscriber follows an order of its own by server-sent events. An operator takes one order after
the other; the time from the return of that commit to the arrival at the subscriber is measured, in
one process and by one clock. On the way: a hint to the relay, the relay's batch, Valkey, one
reading of the order, GraphQL, HTTP.
"""

import asyncio
import json
import time
import zlib
from contextlib import suppress
from dataclasses import replace
from functools import partial
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

from bench.filling import OPERATOR, Waiting, fill_for_waiting
from bench.installation import Installation, installed, write_results
from domain import fulfilment
from domain.kernel import new_id, on_committed
from server.settings import Settings
from server.waker import Waker
from server.wiring import connect, disconnect

PROGRAMS = ("serve", "scheduler")
FOLLOW = "subscription($id: ID!) { orderUpdated(id: $id) { id status version lines { status } } }"
ROOM = {"KAMENG_LIVE_STREAMS_PER_ADDRESS": "100000", "KAMENG_LIVE_STREAMS_PER_USER": "100000"}
PAUSE_SECONDS = 0.05
FIRST_SECONDS = 60.0
LAST_SECONDS = 30.0


def measure(subscribers: int) -> list[dict[str, Any]]:
    """One row: how many states came, and p50 and p99 of their way in milliseconds."""
    with installed(PROGRAMS, partial(_prepare, subscribers), **ROOM) as (installation, waiting):
        rows = [asyncio.run(_run(installation, waiting))]
    write_results("live", rows)
    return rows


async def _prepare(subscribers: int, settings: Settings) -> Waiting:
    return await fill_for_waiting(settings, subscribers)


async def _run(installation: Installation, waiting: Waiting) -> dict[str, Any]:
    await connect(installation.settings, "bench")
    waker = Waker(installation.settings.database_url)
    on_committed(waker.wake)
    committed: dict[str, float] = {}
    came: dict[str, float] = {}
    ready = asyncio.Semaphore(0)
    followers = [
        asyncio.create_task(_follow(installation, token, order, ready, came))
        for order, token in waiting.tokens.items()
    ]
    try:
        await _all_follow(followers, ready)
        operator = replace(OPERATOR, user_id=new_id())
        for order, line in waiting.lines.items():
            await fulfilment.claim_line(operator, line)
            committed[order] = time.perf_counter()
            await asyncio.sleep(PAUSE_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*followers), LAST_SECONDS)
    finally:
        for follower in followers:
            follower.cancel()
        await waker.close()
        await disconnect()
    taken = [(came[order] - begun) * 1000 for order, begun in committed.items() if order in came]
    return {
        "name": f"live_{len(followers)}_subscribers",
        "subscribers": len(followers),
        "came": len(taken),
        "p50_ms": round(median(taken), 1),
        "p99_ms": round(quantiles(taken, n=100)[98], 1),
    }


async def _all_follow(followers: list[asyncio.Task[None]], ready: asyncio.Semaphore) -> None:
    """Wait until each has its first state, or one of them fails."""
    failed = asyncio.create_task(asyncio.wait(followers, return_when=asyncio.FIRST_EXCEPTION))
    try:
        async with asyncio.timeout(FIRST_SECONDS):
            for _ in followers:
                turn = asyncio.create_task(ready.acquire())
                await asyncio.wait({turn, failed}, return_when=asyncio.FIRST_COMPLETED)
                if failed.done():
                    await asyncio.gather(*followers)
    finally:
        failed.cancel()


async def _follow(
    installation: Installation,
    token: str,
    order: str,
    ready: asyncio.Semaphore,
    came: dict[str, float],
) -> None:
    """Until the order is worked on."""
    address = urlsplit(f"{installation.origin}/graphql/shop")
    host = f"127.0.0.{2 + zlib.crc32(token.encode()) % 250}"  # a buyer has an address, too
    reader, writer = await asyncio.open_connection(
        address.hostname, address.port, local_addr=(host, 0)
    )
    body = json.dumps({"query": FOLLOW, "variables": {"id": order}}).encode()
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        "Content-Type: application/json\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    try:
        answer = await reader.readuntil(b"\r\n\r\n")
        if b"text/event-stream" not in answer:
            raise RuntimeError(f"no stream: {(await reader.read(500))!r}")
        last = b""
        while line := await reader.readline():
            last = line if line.startswith(b"data") else last
            if b'"status":"PAID"' in line:
                ready.release()
            elif b'"status":"DELIVERING"' in line:
                came[order] = time.perf_counter()
                return
        raise RuntimeError(f"a stream ended before its order was worked on: {last[:300]!r}")
    finally:
        writer.close()
