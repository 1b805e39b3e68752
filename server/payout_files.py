"""Files for banks: taken away, and what comes back of them brought."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain import payouts
from domain.kernel import Actor, Prefix, decode_id, encode_id
from server.backoffice import NO_STORE, bounded_body, door
from server.settings import Settings
from server.tables import CSV_TYPE

MAX_RESULT_BYTES = 16 * 1024 * 1024
SHOWN = 200


def payout_file_routes(config: Settings) -> list[Route]:
    """GET /admin/payout-files/{id} answers the bytes that were made, the same each time; POST
    /admin/payout-files/{id}/results?name= takes the bank's results as the body and answers what
    came of each row. Both need `payouts:files` and a fresh step-up."""
    under = "/admin/payout-files/{id}"
    return [
        Route(under, door(config, "payout_file", _take), methods=["GET"]),
        Route(f"{under}/results", door(config, "payout_results", _results), methods=["POST"]),
    ]


async def _take(request: Request, actor: Actor) -> Response:
    file_id = decode_id(Prefix.PAYOUT_FILE, request.path_params["id"])
    taken = await payouts.take_file(actor, file_id)
    headers = {**NO_STORE, "content-disposition": f'attachment; filename="{taken.name}"'}
    return Response(taken.content, headers=headers, media_type=CSV_TYPE)


async def _results(request: Request, actor: Actor) -> Response:
    actor.require_scope(payouts.FILE_SCOPE)  # before a single byte is taken
    file_id = decode_id(Prefix.PAYOUT_FILE, request.path_params["id"])
    body = bytearray()
    async for piece in bounded_body(request, MAX_RESULT_BYTES):
        body += piece
    name = request.query_params.get("name", "results")
    return JSONResponse(
        told_of(await payouts.take_results(actor, file_id, name, bytes(body))), headers=NO_STORE
    )


def told_of(taken: payouts.ResultImport) -> dict[str, object]:
    """What came of a bank's results, for people and programs."""
    return {
        "rows": taken.result.rows,
        "booked": taken.result.booked,
        "known": taken.result.known,
        "replayed": taken.replayed,
        "differenceCount": payouts.differing(taken.result),
        "differences": [
            {
                "line": each.line,
                "kind": each.kind.value,
                "payout": encode_id(Prefix.PAYOUT, each.payout_id) if each.payout_id else None,
                "told": each.told,
            }
            for each in taken.differences[:SHOWN]
        ],
    }
