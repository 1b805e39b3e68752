"""Callbacks of payment channels (`POST /callbacks/payments/<channel id>`), of payout channels
(`/callbacks/payouts/<channel id>`) and of suppliers (`/callbacks/suppliers/<supplier id>`).

The body goes on as it came, byte for byte: signatures are over that. Anybody may send anything
here; what it is worth is decided behind (`incoming.py` of `domain/checkout`, `domain/payouts` and
`domain/fulfilment`). The door only bounds it: how often, how large, how slowly. Partners send again
what is turned away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from domain import checkout, fulfilment, payouts
from domain.kernel import MAX_CALLBACK_BYTES
from schema.fields import RateZone
from server import metrics
from server.credentials import address_of
from server.settings import Settings

BODY_SECONDS = 10.0  # a partner sends some kilobytes at once

Heard = checkout.Heard | fulfilment.HeardBack | payouts.HeardOfPayout
Take = Callable[[UUID, Mapping[str, str], bytes], Awaitable[Heard | None]]


@dataclass(frozen=True, slots=True)
class Door:
    """Whose callbacks come in at a path, and where it is counted what was turned away."""

    path: str
    take: Take
    turned_away: Counter

    def refuse(
        self, why: str, text: str, status: int, headers: dict[str, str] | None = None
    ) -> Response:
        """Turn somebody away, and count it."""
        self.turned_away.labels(why).inc()
        return PlainTextResponse(text, status, headers)


def callback_routes(config: Settings, body_seconds: float = BODY_SECONDS) -> list[Route]:
    """The doors of payment channels, of payout channels and of suppliers."""
    doors = (
        Door("/callbacks/payments/{id}", checkout.take_callback, metrics.CALLBACKS_TURNED_AWAY),
        Door(
            "/callbacks/payouts/{id}",
            payouts.take_callback,
            metrics.PAYOUT_CALLBACKS_TURNED_AWAY,
        ),
        Door(
            "/callbacks/suppliers/{id}",
            fulfilment.take_callback,
            metrics.SUPPLIER_CALLBACKS_TURNED_AWAY,
        ),
    )
    return [_route(door, config, body_seconds) for door in doors]


def _route(door: Door, config: Settings, body_seconds: float) -> Route:
    async def take(request: Request) -> Response:
        try:
            partner_id = UUID(request.path_params["id"])
        except ValueError:
            return door.refuse("no_channel", "no such address", 404)
        address = address_of(request, config)
        subject = f"{address} {partner_id}"
        wait_ms = await request.app.state.rate_limits.hit(RateZone.CALLBACK, subject, address)
        if wait_ms:
            headers = {"retry-after": str(-(-wait_ms // 1000))}
            return door.refuse("rate", "too many", 429, headers)
        try:
            async with asyncio.timeout(body_seconds):
                body = await _body(request)
        except TimeoutError:
            return door.refuse("slow", "too slow", 408, {"connection": "close"})
        except ClientDisconnect:
            return door.refuse("gone", "gone", 400)
        if body is None:
            return door.refuse("size", "too large", 413, {"connection": "close"})
        return await _taken(door, request, partner_id, body)

    return Route(door.path, take, methods=["POST"])


async def _taken(door: Door, request: Request, partner_id: UUID, body: bytes) -> Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    heard = await door.take(partner_id, headers, body)
    if heard is None:
        return door.refuse("no_channel", "no such address", 404)
    if not heard.kept:
        door.turned_away.labels("flood").inc()
    reply = heard.reply
    return Response(reply.body, reply.status, media_type=reply.content_type)


async def _body(request: Request) -> bytes | None:
    """The whole body; None as soon as it is, or says that it is, larger than any partner sends."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > MAX_CALLBACK_BYTES:
        return None
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_CALLBACK_BYTES:
            return None
    return bytes(body)
