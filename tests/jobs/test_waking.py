"""The hint after a commit: it comes, it is one for many, and its failure harms nobody."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from server.waker import CHANNEL, Waker


@asynccontextmanager
async def listening(database_url: str) -> AsyncIterator[list[float]]:
    """The moments at which a hint came."""
    heard: list[float] = []
    conn = await asyncpg.connect(database_url)
    try:
        await conn.add_listener(CHANNEL, lambda *_: heard.append(time.perf_counter()))
        yield heard
    finally:
        await conn.close()


async def until(heard: list[float], count: int) -> None:
    async with asyncio.timeout(5):
        while len(heard) < count:  # noqa: ASYNC110 - a listener sets no event
            await asyncio.sleep(0.005)


async def test_many_commits_are_one_hint(database_url: str) -> None:
    waker = Waker(database_url)
    async with listening(database_url) as heard:
        for _ in range(1_000):
            waker.wake()  # not awaited: a purchase does not wait for it
        assert heard == []
        await until(heard, 1)
        await asyncio.sleep(0.1)
        assert len(heard) == 1
        waker.wake()
        await until(heard, 2)
        await waker.close()


async def test_a_commit_during_the_hint_gets_one_of_its_own(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay may have looked already when the first hint reached it."""
    waker = Waker(database_url)
    execute = asyncpg.Connection.execute
    under_way = asyncio.Event()

    async def slowly(self: asyncpg.Connection, query: str, *rest: object, **more: object) -> str:
        result: str = await execute(self, query, *rest, **more)
        under_way.set()
        await asyncio.sleep(0.05)
        return result

    async with listening(database_url) as heard:
        monkeypatch.setattr(asyncpg.Connection, "execute", slowly)
        waker.wake()
        await under_way.wait()
        waker.wake()
        await until(heard, 2)
        await waker.close()


async def test_a_lost_connection_is_opened_again(database_url: str) -> None:
    waker = Waker(database_url)
    async with listening(database_url) as heard:
        waker.wake()
        await until(heard, 1)
        conn = await asyncpg.connect(database_url)
        await conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query = $1 AND pid <> pg_backend_pid()",
            f"NOTIFY {CHANNEL}",
        )
        await conn.close()
        async with asyncio.timeout(5):
            while len(heard) < 2:
                waker.wake()
                await asyncio.sleep(0.05)
        await waker.close()


async def test_nobody_there_is_no_fault_of_the_purchase() -> None:
    waker = Waker("postgres://nobody@127.0.0.1:9/none")
    waker.wake()
    await waker.close()
    waker.wake()
    await waker.close()
