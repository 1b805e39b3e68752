"""The door for documents: one file in, or out, for whoever holds a ticket of a mutation."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain import papers
from domain.kernel import Actor, ActorKind, Prefix, Refused, decode_id
from resolvers.papers import PATH
from server.backoffice import NO_STORE, answering, bounded_body
from server.credentials import address_of
from server.evidence import HANDED_OVER
from server.settings import Settings


def paper_routes(config: Settings) -> list[Route]:
    """PUT /papers/{id} with the file as the body, GET to fetch it; `Authorization: Ticket` with
    the ticket that the mutation handed out."""

    async def put(request: Request) -> Response:
        paper_id, ticket = _asked(request)
        body = bytearray()
        async for piece in bounded_body(request, papers.MAX_BYTES):
            body += piece
        actor = Actor(
            kind=ActorKind.ANONYMOUS,
            ip=address_of(request, config),
            request_id=request.state.request_id,
        )
        paper = await papers.store_paper(actor, paper_id, ticket, bytes(body))
        told = {
            "paperId": request.path_params["id"],
            "mediaType": paper.media_type,
            "bytes": paper.bytes,
        }
        return JSONResponse(told, 201, NO_STORE)

    async def get(request: Request) -> Response:
        found = await papers.fetch_paper(*_asked(request))
        named = {"content-disposition": f'attachment; filename="{found.name}"'}
        return Response(
            found.data, media_type=found.media_type.value, headers={**HANDED_OVER, **named}
        )

    path = f"{PATH}/{{id}}"
    return [
        Route(path, answering("paper_in", put), methods=["PUT"]),
        Route(path, answering("paper_out", get), methods=["GET"]),
    ]


def _asked(request: Request) -> tuple[UUID, str]:
    scheme, _, ticket = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "ticket":
        raise Refused(papers.PaperDoorClosed())
    return decode_id(Prefix.PAPER, request.path_params["id"]), ticket.strip()
