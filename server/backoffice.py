"""What the doors outside GraphQL share: who comes in, what they take, and how they say no."""

from collections.abc import AsyncIterator, Awaitable, Callable

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from domain.kernel import Actor, ActorKind, Refused
from schema.faults import INTERNAL, RequestRefused
from schema.locale import negotiate, refusal_text
from server.credentials import actor_for, address_of
from server.settings import Settings

STATUSES = {
    "UNAUTHENTICATED": 401,
    "SIGNATURE_WRONG": 401,
    "FORBIDDEN": 403,
    "FOUR_EYES": 403,
    "STEP_UP_REQUIRED": 403,
    "EVIDENCE_DOOR_CLOSED": 403,
    "NOT_FOUND": 404,
    "IDEMPOTENCY_KEY_REUSED": 409,
    "BODY_TOO_LARGE": 413,
    "POSTER_FONT_MISSING": 501,
    INTERNAL: 500,
    "BUSY": 503,
}
NO_STORE = {"cache-control": "no-store"}

log = structlog.get_logger(__name__)

Work = Callable[[Request, Actor], Awaitable[Response]]


def door(config: Settings, name: str, work: Work) -> Callable[[Request], Awaitable[Response]]:
    """The work behind a door of the back office: signed in, never with a partner's key."""

    async def signed_in(request: Request) -> Response:
        return await work(request, await _who(request, config))

    return answering(name, signed_in)


def answering(
    name: str, work: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """The work behind a door: every refusal as JSON in the caller's tongue."""

    async def answer(request: Request) -> Response:
        language = negotiate(request.headers.get("accept-language"))
        try:
            return await work(request)
        except Refused as refused:
            refusal = refused.refusals[0]
            return _refused(refusal.code, refusal_text(refusal, language))
        except RequestRefused as refused:
            return _refused(refused.code, refused.text(language))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            request_id = request.state.request_id
            log.exception(f"{name}_failed", request_id=request_id)
            fault = RequestRefused(INTERNAL, request_id=request_id)
            return _refused(fault.code, fault.text(language))

    return answer


async def bounded_body(request: Request, most: int) -> AsyncIterator[bytes]:
    """The body's pieces, or a refusal as soon as it is known to be too large."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise RequestRefused("BODY_TOO_LARGE", maximum=most)
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise RequestRefused("BODY_TOO_LARGE", maximum=most)
        yield piece


async def _who(request: Request, config: Settings) -> Actor:
    address = address_of(request, config)
    actor = await actor_for(request.headers, address, request.state.request_id, b"")
    if actor.kind is ActorKind.KEY:
        raise RequestRefused("FORBIDDEN")  # partners' keys are for the partners' door
    return actor


def _refused(code: str, message: str) -> Response:
    status = STATUSES.get(code, 422)
    return JSONResponse({"error": {"code": code, "message": message}}, status, NO_STORE)
