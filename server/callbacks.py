"""Callbacks of payment channels: `POST /callbacks/payments/<channel id>`.

The body goes on as it came, byte for byte: signatures are over that. Anybody may send anything
here; what it is worth is decided behind (`domain.checkout.incoming`).
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from domain import checkout, payments

PATH = "/callbacks/payments/{channel}"


def callback_route() -> Route:
    """The door of payment channels."""
    return Route(PATH, _take, methods=["POST"])


async def _take(request: Request) -> Response:
    try:
        channel_id = UUID(request.path_params["channel"])
    except ValueError:
        return PlainTextResponse("no such channel", 404)
    body = await _body(request)
    if body is None:
        return PlainTextResponse("too large", 413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    reply = await checkout.take_callback(channel_id, headers, body)
    if reply is None:
        return PlainTextResponse("no such channel", 404)
    return Response(reply.body, reply.status, media_type=reply.content_type)


async def _body(request: Request) -> bytes | None:
    """The whole body; None as soon as it is larger than any vendor sends."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > payments.MAX_BODY_BYTES:
            return None
    return bytes(body)
