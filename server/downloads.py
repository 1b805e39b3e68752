"""Archives of exports: fetched once, by whoever asked for them, as a stream."""

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from domain import vault
from domain.kernel import ActorKind, Prefix, Refused, decode_id
from schema.faults import INTERNAL, RequestRefused
from schema.locale import negotiate, refusal_text
from server.backoffice import NO_STORE, STATUSES
from server.credentials import actor_for, address_of
from server.settings import Settings

STEP_UP = {"STEP_UP_REQUIRED": 403, "REQUEST_NOT_OPEN": 410}

log = structlog.get_logger(__name__)


def card_export_route(config: Settings) -> Route:
    """POST /admin/card-exports/{id} with the requester's token. Not GET: it works once only."""

    async def answer(request: Request) -> Response:
        language = negotiate(request.headers.get("accept-language"))
        try:
            archive = await _take(request, config)
        except Refused as refused:
            refusal = refused.refusals[0]
            return _refused(refusal.code, refusal_text(refusal, language))
        except RequestRefused as refused:
            return _refused(refused.code, refused.text(language))
        except Exception:
            request_id = request.state.request_id
            log.exception("card_export_failed", request_id=request_id)
            fault = RequestRefused(INTERNAL, request_id=request_id)
            return _refused(fault.code, fault.text(language))
        headers = {
            **NO_STORE,
            "content-disposition": f'attachment; filename="{archive.name}"',
            "content-length": str(archive.size),
        }
        return StreamingResponse(archive.pieces, headers=headers, media_type="application/x-tar")

    return Route("/admin/card-exports/{id}", answer, methods=["POST"])


async def _take(request: Request, config: Settings) -> vault.Archive:
    address = address_of(request, config)
    actor = await actor_for(request.headers, address, request.state.request_id, b"")
    if actor.kind is ActorKind.KEY:
        raise RequestRefused("FORBIDDEN")  # partners' keys are for the partners' door
    export = decode_id(Prefix.CARD_EXPORT, request.path_params["id"])
    return await vault.take_export(actor, export)


def _refused(code: str, message: str) -> Response:
    status = STEP_UP.get(code) or STATUSES.get(code, 422)
    return JSONResponse({"error": {"code": code, "message": message}}, status, NO_STORE)
