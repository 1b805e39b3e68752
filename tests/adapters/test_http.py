"""The HTTP client against servers that misbehave: nothing was sent, or perhaps everything was."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from adapters.http import Ambiguous, Answer, NotSent, PartnerClient
from server.embedded import free_port

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SECRET = {"authorization": "the-secret"}


@asynccontextmanager
async def serving(handle: Handler) -> AsyncIterator[str]:
    """The address of a server that treats each connection so."""

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await handle(reader, writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(treat, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/orders?of=secret"
    finally:
        server.close()


async def send(url: str, seconds: float = 1.0, most: int = 1024) -> Answer:
    client = PartnerClient(max_answer_bytes=most)
    try:
        return await client.send("POST", url, headers=SECRET, body=b"{}", timeout_seconds=seconds)
    finally:
        await client.close()


def saying(text: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    return handle


async def test_an_answer_is_handed_over_whatever_its_status() -> None:
    async with serving(saying(b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy")) as url:
        answer = await send(url)
    assert (answer.status, answer.body) == (503, b"busy")
    assert "busy" not in repr(answer)


async def test_nobody_listens() -> None:
    with pytest.raises(NotSent):
        await send(f"http://127.0.0.1:{free_port()}/")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/"])
async def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(NotSent):
        await send(url)


async def test_a_server_that_hangs_up_after_it_has_read() -> None:
    async with serving(saying(b"")) as url:
        with pytest.raises(Ambiguous):
            await send(url)


@pytest.mark.parametrize(
    "text",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
async def test_an_answer_that_breaks_off(text: bytes) -> None:
    async with serving(saying(text)) as url:
        with pytest.raises(Ambiguous):
            await send(url)


async def test_a_server_that_never_answers() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async with serving(silent) as url:
        with pytest.raises(Ambiguous):
            await send(url, seconds=0.2)


async def test_a_dripping_answer_does_not_stretch_the_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(200):
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.1)

    began = time.monotonic()
    async with serving(drip) as url:
        with pytest.raises(Ambiguous):
            await send(url, seconds=0.3)
    assert time.monotonic() - began < 6


async def test_an_answer_has_a_largest_size() -> None:
    text = b"HTTP/1.1 200 OK\r\nContent-Length: 1025\r\n\r\n" + b"x" * 1025
    async with serving(saying(text)) as url:
        with pytest.raises(Ambiguous):
            await send(url, most=1024)
        assert len((await send(url, most=1025)).body) == 1025


async def test_no_redirect_is_followed_with_our_secret() -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(b"called")

    async with serving(listen) as other:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(saying(moved)) as url:
            assert (await send(url)).status == 307
    assert heard == []


async def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with serving(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as url:
        assert (await send(url)).status == 200


async def test_a_failure_tells_neither_address_nor_secret() -> None:
    async with serving(saying(b"")) as url:
        with pytest.raises(Ambiguous) as ambiguous:
            await send(url)
    with pytest.raises(NotSent) as not_sent:
        await send(f"http://127.0.0.1:{free_port()}/?of=secret")
    for caught in (ambiguous.value, not_sent.value):
        assert "secret" not in str(caught)
        assert "127.0.0.1" not in str(caught)
        assert caught.__cause__ is None
        assert caught.__suppress_context__
