"""The ASGI application: GraphQL for three audiences, uploads, health, metrics, the web shop."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from hmac import compare_digest
from typing import Any
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL

from domain.kernel import Actor, ActorKind, connection, on_committed
from resolvers.context import Context
from schema.admin import schema as admin_schema
from schema.faults import RequestRefused
from schema.locale import chain, negotiate
from schema.partner import schema as partner_schema
from schema.shop import schema as shop_schema
from server import metrics, spare_the_collector
from server.backlog import watch_backlog
from server.callbacks import callback_routes
from server.claim_page import claim_page_route
from server.credentials import SIGNATURE_HEADER, actor_for, address_of
from server.downloads import card_export_route
from server.evidence import evidence_routes
from server.graphql import GraphQLView, SignIn
from server.live import Live, Room
from server.logs import configure_logs
from server.papers import paper_routes
from server.payout_files import payout_file_routes
from server.promotion import promotion_routes
from server.provider_files import provider_file_routes
from server.rate_limits import RateLimiter, windows_with
from server.settings import Settings, settings
from server.sockets import Sockets, on_stop_signal
from server.storefront import site_for
from server.tables import table_routes
from server.turnstile import Turnstile
from server.uploads import upload_routes
from server.waker import Waker
from server.wiring import connect, disconnect

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Whatever does not say otherwise is kept by nobody on its way: it may carry codes or tokens.
SECURITY_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
REVALIDATE = "no-cache"  # the shop's files hold no secret: kept, and asked about each time

STREAMS = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL)
STREAM = "text/event-stream"
CREDENTIALS = ("authorization", SIGNATURE_HEADER)
PARTNER_DOOR = "partner"  # the only one that keys open

log = structlog.get_logger(__name__)


def create_app(config: Settings | None = None) -> Starlette:
    """The application for these settings; granian calls it once a process."""
    config = config or settings()
    configure_logs(config.log_level, config.log_format)
    sockets = Sockets(config.live_streams_per_address)
    app = Starlette(routes=_routes(config, sockets), lifespan=_lifespan(config, sockets))
    app.add_middleware(RequestFrame, encrypted=config.environment == "production")
    return app


def _lifespan(config: Settings, sockets: Sockets) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await connect(config, "kameng-api")
        waker = Waker(config.database_url)
        on_committed(waker.wake)
        app.state.redis = Redis.from_url(config.redis_url, socket_timeout=2)
        app.state.rate_limits = RateLimiter(
            config.redis_url, windows=windows_with(config.callbacks_per_minute)
        )
        app.state.live = Live(config.redis_url, room=_room(config))
        app.state.live.start()
        watch = asyncio.create_task(watch_backlog()) if config.supplier_backlog_lines else None
        on_stop_signal(partial(_end_streams, sockets, app.state.live))
        spare_the_collector()
        try:
            yield
        finally:
            if watch is not None:
                watch.cancel()
                await asyncio.wait({watch})
            await sockets.stop()
            await app.state.live.close()
            await waker.close()
            await app.state.redis.aclose()
            await disconnect()

    return lifespan


async def _end_streams(sockets: Sockets, live: Live) -> None:
    """Sockets first: the server waits for responses that are under way, but not for sockets."""
    await sockets.stop()
    live.stop()


def _routes(config: Settings, sockets: Sockets | None = None) -> list[BaseRoute]:
    open_doors = config.environment != "production"
    sockets = sockets or Sockets(config.live_streams_per_address)
    doors: list[BaseRoute] = []
    turnstile = _turnstile(config)
    for name, schema in (
        ("shop", shop_schema),
        ("partner", partner_schema),
        ("admin", admin_schema),
    ):
        view = GraphQLView(
            schema,
            _context_of(config, name),
            ide=open_doors,
            introspection=open_doors,
            streams=STREAMS,
            allowed_origins=config.origins,
            sign_in=_sign_in(config, name),
            sockets=sockets,
            address=partial(address_of, config=config),
            turnstile=turnstile,
        )
        doors += [Route(f"/graphql/{name}", view), WebSocketRoute(f"/graphql/{name}", view)]
    routes: list[BaseRoute] = [
        *doors,
        *upload_routes(config),
        *table_routes(config),
        *payout_file_routes(config),
        *provider_file_routes(config),
        *evidence_routes(config),
        *paper_routes(config),
        claim_page_route(),
        *promotion_routes(config),
        *callback_routes(config),
        card_export_route(config),
        Route("/healthz", _healthz),
        Route("/readyz", _readyz),
        Route("/metrics", _metrics(config)),
    ]
    if (config.shop_folder / "index.html").is_file():
        routes.append(Route("/{path:path}", _shop_files(config)))
    return routes


def _turnstile(config: Settings) -> Turnstile:
    """One line for the purchases of all doors."""
    turnstile = Turnstile(
        config.purchases_at_once,
        config.purchases_waiting,
        config.purchase_wait_seconds,
        refused=metrics.purchase_refused,
    )
    metrics.watch_purchases(turnstile)
    return turnstile


def _context_of(config: Settings, door: str) -> Callable[[HTTPConnection], Awaitable[Context]]:
    async def context_of(request: HTTPConnection) -> Context:
        address = address_of(request, config)
        request_id = request.state.request_id
        body = getattr(request.state, "graphql_body", b"")
        actor = await _admitted(request.headers, address, request_id, body, door)
        site = await site_for(request.headers, door)
        return Context(
            actor=replace(actor, site_id=site.id),
            language=negotiate(request.headers.get("accept-language"), site.language),
            languages=chain(request.headers.get("accept-language"), site.language),
            request_id=request_id,
            rate_limits=request.app.state.rate_limits,
            live=request.app.state.live,
            client=address,
            user_agent=request.headers.get("user-agent", "")[:200],
        )

    return context_of


def _sign_in(config: Settings, door: str) -> SignIn:
    """The token of a socket's first message, for who could send no header with the handshake."""

    async def sign_in(context: Context, params: Mapping[str, object]) -> None:
        told = {name.lower(): text for name, text in params.items() if isinstance(text, str)}
        headers = Headers({name: told[name] for name in CREDENTIALS if name in told})
        if not headers:
            return
        actor = await _admitted(headers, context.client, context.request_id, b"", door)
        context.sign_in(replace(actor, site_id=context.actor.site_id))

    return sign_in


async def _admitted(
    headers: Headers, address: str, request_id: str, body: bytes, door: str
) -> Actor:
    actor = await actor_for(headers, address, request_id, body)
    if actor.kind is ActorKind.KEY and door != PARTNER_DOOR:
        raise RequestRefused("FORBIDDEN")
    return actor


def _room(config: Settings) -> Room:
    return Room(config.live_streams_per_address, config.live_streams_per_user)


async def _healthz(request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok")


async def _readyz(request: Request) -> Response:
    """The process can serve: database and Valkey answer. 503 names what does not."""
    checks = {"database": _check_database(), "valkey": _check_valkey(request)}
    results = {name: await check for name, check in checks.items()}
    ready = all(result == "ok" for result in results.values())
    return JSONResponse({"ready": ready, **results}, 200 if ready else 503)


async def _check_database() -> str:
    try:
        async with connection() as conn:
            await conn.fetchval("SELECT 1 FROM accounts LIMIT 1")
    except Exception as error:
        log.warning("not_ready", part="database", problem=type(error).__name__)
        return "unreachable or not migrated"
    return "ok"


async def _check_valkey(request: Request) -> str:
    try:
        await request.app.state.redis.ping()
    except Exception as error:
        log.warning("not_ready", part="valkey", problem=type(error).__name__)
        return "unreachable"
    return "ok"


def _metrics(config: Settings) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        token = config.metrics_token.get_secret_value()
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        local = not token and (
            request.client is None or request.client.host in ("127.0.0.1", "::1")
        )
        if not local and not (token and compare_digest(token.encode(), given.encode())):
            raise HTTPException(403)
        return Response(await metrics.render(), media_type="text/plain; version=0.0.4")

    return answer


def _shop_files(config: Settings) -> Callable[[Request], Awaitable[Response]]:
    """The built web shop; a path that is no file is the shop's own route."""
    files = StaticFiles(directory=config.shop_folder)

    async def answer(request: Request) -> Response:
        path = request.path_params["path"]
        if path.startswith(("graphql", "admin/")):
            raise HTTPException(404)
        response: Response
        try:
            response = await files.get_response(path or "index.html", request.scope)
        except HTTPException as error:
            if error.status_code != 404 or "." in path.rpartition("/")[2]:
                raise
            response = FileResponse(config.shop_folder / "index.html")
        response.headers["cache-control"] = REVALIDATE
        return response

    return answer


class RequestFrame:
    """Gives each request its id, its security headers, one log line and one measurement."""

    def __init__(self, app: ASGIApp, encrypted: bool = False) -> None:
        """`encrypted`: a proxy in front speaks TLS, so that browsers may insist on it."""
        self.app = app
        self.encrypted = encrypted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = time.perf_counter(), 0
        streamed = scope["type"] == "websocket"  # lasts as long as its client likes

        async def framed(message: Message) -> None:
            nonlocal status, streamed
            if message["type"] == "http.response.start":
                status = message["status"]
                kind = Headers(raw=message.get("headers", [])).get("content-type", "")
                streamed = kind.startswith(STREAM)
                extra = [(b"x-request-id", request_id.encode()), *SECURITY_HEADERS]
                if self.encrypted or scope.get("scheme") == "https":
                    extra.append(HSTS)
                present = {name.lower() for name, _ in message.get("headers", [])}
                fresh = [header for header in extra if header[0] not in present]
                message["headers"] = [*message.get("headers", []), *fresh]
            await send(message)

        try:
            await self.app(scope, receive, framed)
        finally:
            elapsed = time.perf_counter() - started
            if not streamed:
                metrics.request_done(_route_of(scope), status, elapsed)
            structlog.contextvars.unbind_contextvars("request_id")
            log.debug(
                "request",
                request_id=request_id,
                path=_route_of(scope),  # what the caller put into its address may be a code
                status=status,
                ms=round(elapsed * 1000, 1),
            )


def _request_id(scope: Scope) -> str:
    """The caller's own id when it is harmless, else a fresh one."""
    for name, value in scope.get("headers", ()):
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value.decode("latin-1")):
            return str(value.decode("latin-1"))
    return uuid4().hex


def _route_of(scope: Scope) -> str:
    """A label of few values: the route's pattern, never the path."""
    return str(getattr(scope.get("route"), "path", "other"))
