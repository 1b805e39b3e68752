"""Sockets and event streams: who may open one, how long they are waited for, how they end."""

import asyncio
import signal
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType
from typing import Any

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.types.graphql import OperationType
from strawberry.utils.aio import aclosing

SEND_SECONDS = 10.0  # a client that takes nothing for so long is dropped
HEARTBEAT_SECONDS = 15.0
INIT_SECONDS = 5.0
FAREWELL_SECONDS = 2.0
PER_CONNECTION = 20  # subscriptions
CLOSE_GOING_AWAY, CLOSE_NO_ANSWER = 1001, 4408

log = structlog.get_logger(__name__)


class SlowClient(Exception):
    """The client takes nothing."""


def bounded(send: Send, seconds: float) -> Send:
    """The same, but a client that takes nothing in time is given up."""

    async def within(message: Message) -> None:
        try:
            async with asyncio.timeout(seconds):
                await send(message)
        except TimeoutError:
            raise SlowClient from None

    return within


class EventStream(StreamingResponse):
    """Server-sent events; what feeds them is closed with the response, however that ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        try:
            await super().__call__(scope, receive, bounded(send, SEND_SECONDS))
        except SlowClient:
            log.info("slow_client_dropped", way="sse")
            raise
        finally:
            assert isinstance(self.body_iterator, AsyncGenerator)
            await self.body_iterator.aclose()


class Socket(ASGIWebSocketAdapter):
    """One socket. Frames that are no JSON object close it instead of raising in the handler."""

    ws: WebSocket

    async def iter_json(
        self, *, ignore_parsing_errors: bool = False
    ) -> AsyncGenerator[object, None]:
        """The client's messages."""
        async for message in super().iter_json(ignore_parsing_errors=ignore_parsing_errors):
            if not isinstance(message, dict):
                raise NonJsonMessageReceived
            self.ws.state.heard = True
            yield message

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send, or drop a client that takes nothing."""
        try:
            await super().send_json(message)
        except SlowClient:
            log.info("slow_client_dropped", way="websocket")
            self.ws.state.drop()
            raise

    async def close(self, code: int, reason: str) -> None:
        """End the talk, and close then: a close frame waits for a receive that is under way."""
        self.ws.state.farewell = (code, reason)
        self.ws.state.drop()


class SocketHandler(BaseGraphQLTransportWSHandler[Any, Any]):
    """The protocol `graphql-transport-ws`, for subscriptions only, with heartbeats.

    Queries and mutations are refused: they are counted, logged and answered over HTTP.
    """

    async def handle(self) -> None:
        """Until the client or the server ends it."""
        heartbeat = asyncio.create_task(self._heartbeat())
        try:
            await super().handle()
        finally:
            heartbeat.cancel()

    async def run_operation(self, operation: Operation[Any, Any]) -> None:
        """One subscription, with a context of its own: what its loaders remember is its own."""
        source = await self.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=replace(self.context),
            root_value=self.root_value,
            operation_name=operation.operation_name,
            allowed_operation_types=[OperationType.SUBSCRIPTION],
        )
        with suppress(SlowClient, WebSocketDisconnect):
            async with aclosing(source):
                await self._send_result_stream(operation, source)
            await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _heartbeat(self) -> None:
        socket: Any = self.websocket
        while True:
            await asyncio.sleep(socket.view.heartbeat_seconds)
            if not self.connection_acknowledged:
                continue
            if not socket.ws.state.heard:
                await socket.close(CLOSE_NO_ANSWER, "No answer to ping")
                return
            socket.ws.state.heard = False
            with suppress(SlowClient):
                await self.send_message({"type": "ping"})


class Sockets:
    """The open sockets of this process, counted by address, and what ends them all."""

    def __init__(self, per_address: int = 200) -> None:
        self.per_address = per_address
        self.open: dict[WebSocket, asyncio.Event] = {}
        self._taken: Counter[str] = Counter()

    @contextmanager
    def seat(self, socket: WebSocket, address: str) -> Iterator[asyncio.Event | None]:
        """A place for the socket, with what is set when it is to be dropped; None: no room."""
        if address and self._taken[address] >= self.per_address:
            yield None
            return
        dropped = asyncio.Event()
        socket.state.heard, socket.state.drop = True, dropped.set
        socket.state.farewell, socket.state.left = None, asyncio.Event()
        self.open[socket] = dropped
        self._taken[address] += 1
        try:
            yield dropped
        finally:
            socket.state.left.set()
            del self.open[socket]
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]

    async def stop(self) -> None:
        """Say goodbye to all, and wait for it: clients come back, and find another process."""
        for socket, dropped in self.open.items():
            socket.state.farewell = (CLOSE_GOING_AWAY, "Server stops")
            dropped.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await asyncio.gather(*(socket.state.left.wait() for socket in self.open))


async def say_farewell(socket: WebSocket) -> None:
    """Send the close frame that was decided on, if the socket is still open."""
    told = socket.state.farewell
    if told is not None and socket.application_state is WebSocketState.CONNECTED:
        with suppress(SlowClient, RuntimeError, OSError, WebSocketDisconnect):
            await socket.close(*told)


def on_stop_signal(stop: Callable[[], Awaitable[None]]) -> None:
    """Await `stop` in this loop when the process is told to end.

    The server waits for its connections before it ends the application, so streams have to hear of
    it by themselves. Its own handling of signals is not touched.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # a test's own loop
    loop = asyncio.get_running_loop()
    stopping: set[asyncio.Future[None]] = set()  # the loop itself holds tasks weakly only

    def begin() -> None:
        stopping.add(asyncio.ensure_future(stop()))

    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def heard(
            number: int,
            frame: FrameType | None,
            before: Any = before,
        ) -> None:
            loop.call_soon_threadsafe(begin)
            if callable(before):
                before(number, frame)

        signal.signal(number, heard)
