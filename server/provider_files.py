"""Files for banks that pay service providers: taken away, and the bank's word brought."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain import providers
from domain.kernel import Actor, Prefix, decode_id
from server.backoffice import NO_STORE, bounded_body, door
from server.settings import Settings
from server.tables import CSV_TYPE

MAX_RESULT_BYTES = 4 * 1024 * 1024


def provider_file_routes(config: Settings) -> list[Route]:
    """GET /admin/provider-files/{id} answers the bytes that were made, the same each time; POST
    /admin/provider-files/{id}/results takes the bank's results as the body, all or nothing. Both
    need `providers:pay` and a fresh step-up."""
    under = "/admin/provider-files/{id}"
    return [
        Route(under, door(config, "provider_file", _take), methods=["GET"]),
        Route(f"{under}/results", door(config, "provider_results", _results), methods=["POST"]),
    ]


async def _take(request: Request, actor: Actor) -> Response:
    file_id = decode_id(Prefix.PROVIDER_FILE, request.path_params["id"])
    taken = await providers.take_provider_file(actor, file_id)
    headers = {**NO_STORE, "content-disposition": f'attachment; filename="{taken.name}"'}
    return Response(taken.content, headers=headers, media_type=CSV_TYPE)


async def _results(request: Request, actor: Actor) -> Response:
    actor.require_scope(providers.PAY_SCOPE)  # before a single byte is taken
    file_id = decode_id(Prefix.PROVIDER_FILE, request.path_params["id"])
    body = bytearray()
    async for piece in bounded_body(request, MAX_RESULT_BYTES):
        body += piece
    taken = await providers.take_provider_results(actor, file_id, bytes(body))
    return JSONResponse({"booked": taken.booked, "known": taken.known}, headers=NO_STORE)
