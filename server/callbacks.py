"""Callbacks of payment channels: `POST /callbacks/payments/<channel id>`.

The body goes on as it came, byte for byte: signatures are over that. Anybody may send anything
here; what it is worth is decided behind (`domain.checkout.incoming`). The door only bounds it: how
often, how large, how slowly. Vendors send again whatever is turned away.
"""

import asyncio
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from domain import checkout, payments
from schema.fields import RateZone
from server import metrics
from server.credentials import address_of
from server.settings import Settings

PATH = "/callbacks/payments/{channel}"
BODY_SECONDS = 10.0  # a vendor sends some kilobytes at once


def callback_route(config: Settings, body_seconds: float = BODY_SECONDS) -> Route:
    """The door of payment channels."""

    async def take(request: Request) -> Response:
        try:
            channel_id = UUID(request.path_params["channel"])
        except ValueError:
            return _turned_away("no_channel", "no such channel", 404)
        address = address_of(request, config)
        subject = f"{address} {channel_id}"
        wait_ms = await request.app.state.rate_limits.hit(RateZone.CALLBACK, subject, address)
        if wait_ms:
            headers = {"retry-after": str(-(-wait_ms // 1000))}
            return _turned_away("rate", "too many", 429, headers)
        try:
            async with asyncio.timeout(body_seconds):
                body = await _body(request)
        except TimeoutError:
            return _turned_away("slow", "too slow", 408, {"connection": "close"})
        except ClientDisconnect:
            return _turned_away("gone", "gone", 400)
        if body is None:
            return _turned_away("size", "too large", 413, {"connection": "close"})
        return await _taken(request, channel_id, body)

    return Route(PATH, take, methods=["POST"])


async def _taken(request: Request, channel_id: UUID, body: bytes) -> Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    heard = await checkout.take_callback(channel_id, headers, body)
    if heard is None:
        return _turned_away("no_channel", "no such channel", 404)
    if not heard.kept:
        metrics.CALLBACKS_TURNED_AWAY.labels("flood").inc()
    reply = heard.reply
    return Response(reply.body, reply.status, media_type=reply.content_type)


async def _body(request: Request) -> bytes | None:
    """The whole body; None as soon as it is, or says that it is, larger than any vendor sends."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > payments.MAX_BODY_BYTES:
        return None
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > payments.MAX_BODY_BYTES:
            return None
    return bytes(body)


def _turned_away(
    why: str, text: str, status: int, headers: dict[str, str] | None = None
) -> Response:
    metrics.CALLBACKS_TURNED_AWAY.labels(why).inc()
    return PlainTextResponse(text, status, headers)
