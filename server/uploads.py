"""Large card files: taken as the body of a request, then imported like any other.

The file is held in memory until it is sealed: a temporary file would leave codes on a disk.
"""

from datetime import date
from io import BytesIO

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain import cards
from domain.kernel import ActorKind, Invalid, Prefix, Refused, encode_id, parse_units
from schema.faults import INTERNAL, RequestRefused
from schema.locale import negotiate, reason_text, refusal_text
from server.credentials import actor_for, address_of
from server.settings import Settings

MAX_BYTES = 64 * 1024 * 1024
STATUSES = {
    "UNAUTHENTICATED": 401,
    "SIGNATURE_WRONG": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "BODY_TOO_LARGE": 413,
    INTERNAL: 500,
    "BUSY": 503,
}
NO_STORE = {"cache-control": "no-store"}

log = structlog.get_logger(__name__)


def card_import_route(config: Settings) -> Route:
    """POST /admin/card-imports?sku=&unit_cost=&source=&expires_on= with the file as the body.

    Also `supplier_code`, `reference` and `note`; with `quarantine=1` nothing is for sale yet.
    """

    async def answer(request: Request) -> Response:
        language = negotiate(request.headers.get("accept-language"))
        try:
            return JSONResponse(_shown(await _import(request, config), language), headers=NO_STORE)
        except Refused as refused:
            refusal = refused.refusals[0]
            return _refused(refusal.code, refusal_text(refusal, language))
        except RequestRefused as refused:
            return _refused(refused.code, refused.text(language))
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            request_id = request.state.request_id
            log.exception("card_import_failed", request_id=request_id)
            fault = RequestRefused(INTERNAL, request_id=request_id)
            return _refused(fault.code, fault.text(language))

    return Route("/admin/card-imports", answer, methods=["POST"])


async def _import(request: Request, config: Settings) -> cards.CardImportReport:
    address = address_of(request, config)
    actor = await actor_for(request.headers, address, request.state.request_id, b"")
    if actor.kind is ActorKind.KEY:
        raise RequestRefused("FORBIDDEN")  # partners' keys are for the partners' door
    actor.require_scope("cards:write")  # before a single byte of the file is taken
    wish = _wish(request)
    return await cards.import_cards(actor, wish, await _taken(request))


async def _taken(request: Request) -> BytesIO:
    """The body, or a refusal as soon as it is known to be too large."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > MAX_BYTES:
        raise RequestRefused("BODY_TOO_LARGE", maximum=MAX_BYTES)
    file = BytesIO()
    async for piece in request.stream():
        if file.tell() + len(piece) > MAX_BYTES:
            raise RequestRefused("BODY_TOO_LARGE", maximum=MAX_BYTES)
        file.write(piece)
    return file


def _wish(request: Request) -> cards.ImportWish:
    given = request.query_params
    expires = given.get("expires_on")
    try:
        expires_on = date.fromisoformat(expires) if expires else None
    except ValueError:
        raise Refused(Invalid(reason="date", field=("expires_on",))) from None
    return cards.ImportWish(
        sku=given.get("sku", ""),
        unit_cost=parse_units(given.get("unit_cost", ""), field=("unit_cost",)),
        source=given.get("source", "upload"),
        expires_on=expires_on,
        origin=cards.BatchOrigin(
            given.get("supplier_code", ""),
            given.get("reference", ""),
            given.get("note", ""),
            given.get("quarantine", "") in ("1", "true"),
        ),
    )


def _shown(report: cards.CardImportReport, language: str) -> dict[str, object]:
    return {
        "batchId": encode_id(Prefix.CARD_BATCH, report.batch_id) if report.batch_id else None,
        "accepted": report.accepted,
        "duplicates": report.duplicates,
        "rejected": report.rejected,
        "replayed": report.replayed,
        "resumed": report.resumed,
        "stored": report.stored,
        "problems": [
            {
                "line": problem.line,
                "reason": problem.reason,
                "message": reason_text(problem.reason, language),
            }
            for problem in report.problems
        ],
    }


def _refused(code: str, message: str) -> Response:
    status = STATUSES.get(code, 422)
    return JSONResponse({"error": {"code": code, "message": message}}, status, NO_STORE)
