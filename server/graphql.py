"""One GraphQL endpoint over HTTP: what comes in is checked before anything is parsed or looked up.

The order is that of growing cost: method, content type, size, JSON, then who asks, then the
document. A request that fails is answered with a stable code and a sentence in English or Chinese,
never with a stack trace. The statuses are explained in docs/decisions/0003-graphql-over-http.md.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import structlog
from cross_web import AsyncHTTPRequestAdapter, HTTPException, StarletteRequestAdapter
from graphql import GraphQLSyntaxError, OperationType
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData, process_result
from strawberry.http.ides import get_graphql_ide_html
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL
from strawberry.types.execution import (
    ExecutionResult,
    PreExecutionError,
    SubscriptionExecutionResult,
)
from strawberry.types.graphql import OperationType as Kind
from strawberry.types.unset import UNSET

from schema.documents import Door, RootSchema
from schema.faults import INTERNAL, RequestRefused, presentable
from schema.limits import Limits, OperationPlan
from schema.locale import negotiate
from server.sockets import (
    HEARTBEAT_SECONDS,
    INIT_SECONDS,
    PER_CONNECTION,
    SEND_SECONDS,
    EventStream,
    SlowClient,
    Socket,
    SocketHandler,
    Sockets,
    bounded,
    say_farewell,
)
from server.turnstile import SHOP_BUSY, Turnstile

MakeContext = Callable[[HTTPConnection], Awaitable[Any]]
SignIn = Callable[[Any, Mapping[str, object]], Awaitable[None]]
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
RATE_LIMITED = "RATE_LIMITED"
STATUSES = {
    "UNAUTHENTICATED": 401,
    "SIGNATURE_WRONG": 401,
    "FORBIDDEN": 403,
    "SITE_CLOSED": 403,
    "SITE_UNKNOWN": 404,
    "METHOD_NOT_ALLOWED": 405,
    "BODY_TOO_LARGE": 413,
    "CONTENT_TYPE_UNSUPPORTED": 415,
    RATE_LIMITED: 429,
    INTERNAL: 500,
    SHOP_BUSY: 503,
}
CLOSE_UNAUTHORIZED, CLOSE_BAD_REQUEST = 4401, 4400
NO_STORE = {"cache-control": "no-store"}
PAGE_HEADERS = {
    **NO_STORE,
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
PLAIN_PAGE = Path(__file__).with_name("query_page.html")
# GraphiQL's scripts come from a public CDN; without internet the page of our own takes over.
FALLBACK = (
    '<script>addEventListener("load", () => window.GraphiQL || location.assign("?plain"))</script>'
)

log = structlog.get_logger(__name__)


Asked = GraphQLRequestData | list[GraphQLRequestData]


class _ReadRequest(StarletteRequestAdapter):
    """Hands out what was read under the cap before."""

    @property
    def asked(self) -> Asked:
        """The operations of the body."""
        asked: Asked = self._request.state.graphql_asked
        return asked


def _peer(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else ""


class GraphQLView(GraphQL[Any, Door]):
    """Serves one schema. `context` is awaited only once a request is worth it.

    `ide` answers a browser's GET with GraphiQL (its scripts load from a CDN) or, at `?plain` and
    without internet, with a small page of our own. `streams` names the subscription protocols.
    `sign_in` is told what a socket's first message carries: browsers send no headers with it.
    `turnstile` is the door at which purchases wait for their turn.
    """

    request_adapter_class = _ReadRequest
    websocket_adapter_class = Socket
    graphql_transport_ws_handler_class = SocketHandler
    heartbeat_seconds = HEARTBEAT_SECONDS
    schema: RootSchema

    def __init__(
        self,
        schema: RootSchema,
        context: MakeContext,
        *,
        limits: Limits | None = None,
        ide: bool = False,
        introspection: bool = True,
        streams: Sequence[str] = (),
        allowed_origins: Sequence[str] = (),
        sign_in: SignIn | None = None,
        sockets: Sockets | None = None,
        address: Callable[[HTTPConnection], str] = _peer,
        turnstile: Turnstile | None = None,
    ) -> None:
        super().__init__(
            schema,
            graphql_ide="graphiql" if ide else None,
            allow_queries_via_get=False,
            subscription_protocols=streams,
            allowed_origins=allowed_origins,
            connection_init_wait_timeout=timedelta(seconds=INIT_SECONDS),
            max_subscriptions_per_connection=PER_CONNECTION,
        )
        self.sign_in = sign_in
        self.sockets = sockets or Sockets()
        self.address = address
        self.turnstile = turnstile
        self.make_context = context
        self.limits = limits or schema.limits
        self.door = Door(introspection=introspection)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "websocket":
            await self._serve_socket(WebSocket(scope, receive, bounded(send, SEND_SECONDS)))
            return
        request = Request(scope, receive)
        response = await self._answer(request)
        with suppress(SlowClient):
            await response(scope, receive, send)

    async def on_ws_connect(self, context: Any) -> Any:
        """The token may come with the first message, because browsers send no headers."""
        params = getattr(context, "connection_params", {})
        if self.sign_in is not None and params:
            await self.sign_in(context, params)
        return UNSET

    async def create_streaming_response(
        self,
        request: Any,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        """A stream that nobody keeps on its way."""
        kept = {**headers, "Cache-Control": "no-store, no-transform"}
        return EventStream(stream(), headers=kept)

    async def get_context(self, request: Any, response: Any) -> Any:
        """The house's context of one request or socket."""
        return await self.make_context(request)

    async def get_root_value(self, request: Any) -> Door:
        """What this entrance allows, seen by the document guard."""
        return self.door

    def decode_json(self, data: str | bytes) -> object:
        """Strict JSON: UTF-8 only, bounded nesting, no NaN."""
        if len(data) > self.limits.body_bytes:
            raise json.JSONDecodeError("too large", "", 0)
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        """Text, because browser clients expect text frames on a socket."""
        return orjson.dumps(data).decode()

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> Asked:
        """What was read before anybody asked who sends it."""
        assert isinstance(request, _ReadRequest)
        return request.asked

    async def execute_operation(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        request_data: Asked,
        context: Any,
        root_value: Door | None,
        sub_response: Response,
    ) -> ExecutionResult | list[ExecutionResult] | SubscriptionExecutionResult:
        """As the base class does, but a batch that changes something runs one by one."""
        batch = request_data if isinstance(request_data, list) else []
        plans = [self._plan(each) for each in batch]
        if not any(plan and plan.kind is OperationType.MUTATION for plan in plans):
            return await super().execute_operation(
                request, request_adapter, request_data, context, root_value, sub_response
            )
        same = (request, request_adapter, sub_response, context, root_value)
        return [await self.execute_single(*same, each) for each in batch]

    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Any,
        root_value: Door | None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Run one operation; an unusable one is an answer, not an exception."""
        try:
            return await self.schema.execute(
                request_data.query,
                request_data.variables,
                context,
                root_value,
                request_data.operation_name,
                allowed_operation_types={Kind.QUERY, Kind.MUTATION},
                operation_extensions=request_data.extensions,
            )
        except MissingQueryError:
            code = "QUERY_MISSING"
        except CannotGetOperationTypeError:
            code = "OPERATION_NOT_FOUND"
        except InvalidOperationTypeError:
            code = "OPERATION_NOT_ALLOWED"
        return PreExecutionError(None, [_said(request, RequestRefused(code))])

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """A request that never ran has no `data` at all, as the specification asks."""
        answer = process_result(result)
        if isinstance(result, PreExecutionError):
            del answer["data"]
        extensions = {"requestId": _request_id(request), **(answer.get("extensions") or {})}
        return {**answer, "extensions": extensions}

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Remembers the media type that the client asked for."""
        sub_response = await super().get_sub_response(request)
        modern = GRAPHQL_JSON in request.headers.get("accept", "")
        sub_response.media_type = GRAPHQL_JSON if modern else JSON
        return sub_response

    def create_response(
        self,
        response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse],
        sub_response: Response,
    ) -> Response:
        """The answer with its status; see the decision record."""
        answers = response_data if isinstance(response_data, list) else [response_data]
        media_type = sub_response.media_type or JSON
        status, headers = 200, dict(NO_STORE)
        wait_ms = _only_rate_limited(answers)
        if wait_ms is not None:
            status, headers["retry-after"] = 429, str(-(-wait_ms // 1000))
        elif media_type == GRAPHQL_JSON and all("data" not in answer for answer in answers):
            status = 400
        return Response(
            orjson.dumps(response_data),
            status,
            headers,
            f"{media_type}; charset=utf-8" if media_type == GRAPHQL_JSON else media_type,
        )

    async def _answer(self, request: Request) -> Response:
        try:
            if self.graphql_ide and _wants_page(request):
                return self._page(request)
            await self._admit(request)
            async with self._in_turn(request):
                return await self.run(request)
        except RequestRefused as refused:
            return _refusal(request, refused)
        except ClientDisconnect:
            return Response(status_code=400)
        except HTTPException as error:
            return _refusal(request, RequestRefused("REQUEST_INVALID"), error.status_code)
        except Exception:
            # Nothing but this line stands between a fault and a stack trace at the client.
            log.exception("graphql_request_failed", request_id=_request_id(request))
            return _refusal(request, RequestRefused(INTERNAL, request_id=_request_id(request)))

    async def _admit(self, request: Request) -> None:
        """Method, content type and size, before anyone looks at a token or a byte of JSON.

        JSON alone is taken: a foreign page cannot send it without a preflight, so no form, no
        text/plain and no GET can act in a visitor's name.
        """
        if request.method != "POST":
            raise RequestRefused("METHOD_NOT_ALLOWED")
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if content_type.strip().lower() != JSON:
            raise RequestRefused("CONTENT_TYPE_UNSUPPORTED")
        request.state.graphql_body = await _read_capped(request, self.limits.body_bytes)
        accept = request.headers.get("accept", "")
        request.state.graphql_asked = self._asked(request.state.graphql_body, accept)

    def _asked(self, body: bytes, accept: str) -> Asked:
        """One operation or a batch, each part of the right type."""
        data = _read_json(body)
        if not isinstance(data, list):
            return self._streamed(_operation(data), accept)
        if not 1 <= len(data) <= self.limits.batch:
            raise RequestRefused("BATCH_TOO_LARGE", maximum=self.limits.batch)
        batch = [_operation(each) for each in data]
        sensitive = sum(plan.sensitive for each in batch if (plan := self._plan(each)))
        if sensitive > self.limits.sensitive:
            raise RequestRefused("BATCH_SENSITIVE", maximum=self.limits.sensitive)
        return batch

    def _in_turn(self, request: Request) -> AbstractAsyncContextManager[None]:
        """A purchase waits for its turn, before anybody is looked up; nothing else does."""
        asked = request.state.graphql_asked
        each = asked if isinstance(asked, list) else [asked]
        buys = any(plan.purchases for one in each if (plan := self._plan(one)))
        if self.turnstile is None or not buys:
            return nullcontext()
        return self.turnstile.place(self._caller(request))

    def _caller(self, request: Request) -> str:
        """Whose fair part it is: the token's, else the address's. Never the token itself."""
        shown = request.headers.get("authorization") or self.address(request)
        return blake2b(shown.encode(), digest_size=16).hexdigest()

    def _streamed(self, data: GraphQLRequestData, accept: str) -> GraphQLRequestData:
        """Browsers' clients always accept event streams: only use one where it is meant."""
        if GRAPHQL_SSE_PROTOCOL in self.protocols and EVENT_STREAM in accept:
            plan = self._plan(data)
            subscribes = plan is not None and plan.kind is OperationType.SUBSCRIPTION
            buys = plan is not None and plan.purchases  # its place ends with its answer
            if subscribes or ("json" not in accept and not buys):
                data.protocol = "sse"
        return data

    def _plan(self, data: GraphQLRequestData) -> OperationPlan | None:
        try:
            return self.schema.documents.prepare(data.query or "").plan(data.operation_name)
        except GraphQLSyntaxError:
            return None  # reported when it is executed

    def _page(self, request: Request) -> Response:
        if "plain" in request.query_params:
            return HTMLResponse(PLAIN_PAGE.read_text(encoding="utf-8"), headers=PAGE_HEADERS)
        page = get_graphql_ide_html("graphiql").replace("</body>", f"{FALLBACK}</body>")
        return HTMLResponse(page, headers=PAGE_HEADERS)

    async def _serve_socket(self, socket: WebSocket) -> None:
        with self.sockets.seat(socket, self.address(socket)) as dropped:
            if dropped is None:
                await socket.close()  # before it is accepted: the handshake is answered by 403
                return
            talk = asyncio.create_task(self._talk(socket))
            drop = asyncio.create_task(dropped.wait())
            try:
                await asyncio.wait({talk, drop}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (talk, drop):
                    task.cancel()
                await asyncio.wait({talk, drop})
            await say_farewell(socket)
            if not talk.cancelled() and (fault := talk.exception()) is not None:
                raise fault

    async def _talk(self, socket: WebSocket) -> None:
        try:
            await self.run(socket)
        except RequestRefused as refused:
            unauthorized = refused.code == "UNAUTHENTICATED"
            code = CLOSE_UNAUTHORIZED if unauthorized else CLOSE_BAD_REQUEST
            await socket.close(code, refused.code)


async def _read_capped(request: Request, maximum: int) -> bytes:
    """The body, or a refusal as soon as it is known to be too large."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > maximum:
        raise RequestRefused("BODY_TOO_LARGE", maximum=maximum)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > maximum:
            raise RequestRefused("BODY_TOO_LARGE", maximum=maximum)
    return bytes(body)


def _read_json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # The decoder's message may repeat a part of the body, which may hold a password.
        raise RequestRefused("JSON_INVALID") from None


def _operation(data: object) -> GraphQLRequestData:
    if not isinstance(data, dict):
        raise RequestRefused("REQUEST_INVALID")
    query, name = data.get("query"), data.get("operationName")
    variables, extensions = data.get("variables"), data.get("extensions")
    texts = all(isinstance(each, str | None) for each in (query, name))
    objects = all(isinstance(each, dict | None) for each in (variables, extensions))
    if not texts or not objects:
        raise RequestRefused("REQUEST_INVALID")
    return GraphQLRequestData(query, variables, name or None, extensions)


def _only_rate_limited(answers: Sequence[GraphQLHTTPResponse]) -> int | None:
    """The longest wait in milliseconds when too many tries is all that there is to say."""
    waits: list[int] = []
    for answer in answers:
        errors: list[Any] = answer.get("errors") or []
        data = answer.get("data")
        answered = data is not None and any(value is not None for value in data.values())
        if answered or not errors:
            return None
        for error in errors:
            extensions: Mapping[str, Any] = error.get("extensions", {})
            if extensions.get("code") != RATE_LIMITED:
                return None
            waits.append(extensions.get("retryAfterMs", 0))
    return max(waits)


def _wants_page(request: Request) -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def _request_id(request: HTTPConnection) -> str:
    """The id given by the server's middleware, or one of our own when mounted without it."""
    if not hasattr(request.state, "request_id"):
        request.state.request_id = uuid4().hex
    return str(request.state.request_id)


def _said(request: Request, refused: RequestRefused) -> Any:
    language = negotiate(request.headers.get("accept-language"))
    return presentable(refused, language=language, request_id=_request_id(request))


def _refusal(request: Request, refused: RequestRefused, status: int | None = None) -> Response:
    """A refusal of the whole request, in the shape of a GraphQL answer."""
    headers = dict(NO_STORE)
    if refused.code == "METHOD_NOT_ALLOWED":
        headers["allow"] = "POST"
    if "retryAfterMs" in refused.details:
        headers["retry-after"] = str(-(-int(str(refused.details["retryAfterMs"])) // 1000))
    answer = {
        "errors": [_said(request, refused).formatted],
        "extensions": {"requestId": _request_id(request)},
    }
    code = status or STATUSES.get(refused.code, 400)
    return Response(orjson.dumps(answer), code, headers, JSON)
