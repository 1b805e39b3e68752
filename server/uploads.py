"""Large card files: streamed to a temporary file, then imported like any other."""

from datetime import date
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain import cards
from domain.kernel import Invalid, Prefix, Refused, encode_id, parse_units
from schema.faults import RequestRefused
from schema.locale import negotiate, reason_text, refusal_text
from server.credentials import actor_for, address_of
from server.settings import Settings

MAX_BYTES = 64 * 1024 * 1024
MEMORY_BYTES = 1024 * 1024
STATUS = {"UNAUTHENTICATED": 401, "SESSION_ENDED": 401, "FORBIDDEN": 403, "BUSY": 503}


def card_import_route(config: Settings) -> Route:
    """POST /admin/card-imports?sku=&unit_cost=&source=&expires_on= with the file as the body."""

    async def answer(request: Request) -> Response:
        language = negotiate(request.headers.get("accept-language"))
        try:
            report = await _import(request, config)
        except Refused as refused:
            refusal = refused.refusals[0]
            message = refusal_text(refusal, language)
            return _refused(STATUS.get(refusal.code, 422), refusal.code, message)
        except RequestRefused as refused:
            return _refused(413, refused.code, refused.text(language))
        return JSONResponse(
            {
                "batchId": encode_id(Prefix.CARD_BATCH, report.batch_id),
                "accepted": report.accepted,
                "duplicates": report.duplicates,
                "rejected": report.rejected,
                "replayed": report.replayed,
                "problems": [
                    {
                        "line": problem.line,
                        "reason": problem.reason,
                        "message": reason_text(problem.reason, language),
                    }
                    for problem in report.problems
                ],
            }
        )

    return Route("/admin/card-imports", answer, methods=["POST"])


async def _import(request: Request, config: Settings) -> cards.CardImportReport:
    # A signed key has no business here: this door is for operators, whose token needs no body.
    address = address_of(request, config)
    actor = await actor_for(request.headers, address, request.state.request_id, b"")
    actor.require_scope("cards:write")  # before a single byte of the file is taken
    wish = _wish(request)
    with SpooledTemporaryFile(max_size=MEMORY_BYTES) as file:
        received = 0
        async for piece in request.stream():
            received += len(piece)
            if received > MAX_BYTES:
                raise RequestRefused("BODY_TOO_LARGE", maximum=MAX_BYTES)
            file.write(piece)
        return await cards.import_cards(actor, wish, cast(BinaryIO, file))


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
    )


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
