"""A WebSocket client and a reader of server-sent events, as small as a test needs them."""

import asyncio
import base64
import json
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class Refused(Exception):
    """The handshake was answered with another status than 101."""


@dataclass
class Socket:
    """One open WebSocket; `frames` keeps every text that came."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames: list[str] = field(default_factory=list)

    async def say(self, **message: Any) -> None:
        """Send one message."""
        self.frame(TEXT, json.dumps(message).encode())
        await self.writer.drain()

    def frame(self, kind: int, body: bytes) -> None:
        """Write one masked frame."""
        mask = os.urandom(4)
        size = bytes([0x80 | len(body)]) if len(body) < 126 else struct.pack(">BH", 0xFE, len(body))
        masked = bytes(each ^ mask[index % 4] for index, each in enumerate(body))
        self.writer.write(bytes([0x80 | kind]) + size + mask + masked)

    async def hear(self, seconds: float = 30) -> dict[str, Any]:
        """The next message; a close is `{"closed": code}`. Pings of the protocol are answered."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self._next()
                if message.get("type") != "ping":
                    return message
                await self.say(type="pong")

    async def _next(self) -> dict[str, Any]:
        while True:
            try:
                head = await self.reader.readexactly(2)
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return {"closed": None}
            size = head[1] & 0x7F
            if size > 125:
                form, length = (">H", 2) if size == 126 else (">Q", 8)
                (size,) = struct.unpack(form, await self.reader.readexactly(length))
            body = await self.reader.readexactly(size)
            kind = head[0] & 0xF
            if kind == CLOSE:
                return {"closed": struct.unpack(">H", body[:2])[0] if body else None}
            if kind == PING:
                self.frame(PONG, body)
            elif kind == TEXT:
                self.frames.append(body.decode())
                found: dict[str, Any] = json.loads(body)
                return found
            else:
                raise AssertionError(f"a frame of kind {kind}: only text is expected")

    async def begin(self, token: str = "") -> None:
        """Say who we are, and wait for the answer."""
        payload = {"authorization": f"Bearer {token}"} if token else {}
        await self.say(type="connection_init", payload=payload)
        assert await self.hear() == {"type": "connection_ack"}

    async def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:
        """Ask for a subscription."""
        payload = {"query": query, "variables": variables}
        await self.say(type="subscribe", id=id, payload=payload)

    def hang_up(self) -> None:
        """Break the connection."""
        self.writer.close()


@asynccontextmanager
async def connect(url: str, **headers: str) -> AsyncIterator[Socket]:
    """Open a socket of `graphql-transport-ws`."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = {
        "Host": address.netloc,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Protocol": "graphql-transport-ws",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"GET {address.path} HTTP/1.1\r\n{head}\r\n".encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in answer.partition(b"\r\n")[0]:
        writer.close()
        raise Refused(answer.partition(b"\r\n")[0].decode())
    yield Socket(reader, writer)
    writer.close()


@dataclass
class Events:
    """One stream of server-sent events; `frames` keeps every line that came."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: str
    frames: list[str] = field(default_factory=list)

    async def hear(self, seconds: float = 30) -> dict[str, Any]:
        """The next event's data; the end of the stream is `{"completed": True}`."""
        async with asyncio.timeout(seconds):
            while True:
                line = await self._line()
                if line is None or line == "event: complete":
                    return {"completed": line is not None}
                if line.startswith("data: {"):
                    found: dict[str, Any] = json.loads(line[6:])
                    return found

    async def _line(self) -> str | None:
        try:
            line = (await self.reader.readuntil(b"\n")).decode().strip()
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return None
        self.frames.append(line)
        return line

    def hang_up(self) -> None:
        """Break the connection."""
        self.writer.close()


@asynccontextmanager
async def stream(url: str, query: str, token: str = "", **variables: Any) -> AsyncIterator[Events]:
    """Ask for a subscription as server-sent events."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    body = json.dumps({"query": query, "variables": variables}).encode()
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        "Content-Type: application/json\r\nAccept: text/event-stream\r\n"
        + (f"Authorization: Bearer {token}\r\n" if token else "")
        + f"Content-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    yield Events(reader, writer, (await reader.readuntil(b"\r\n\r\n")).decode().lower())
    writer.close()
