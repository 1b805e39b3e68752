"""The door for evidence: one file in, or out, for whoever holds a ticket of a mutation.

What comes out is never shown inside a page of ours: it is handed over as a file, and its policy
lets nothing run in it.
"""

from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain import aftersale
from domain.kernel import Actor, ActorKind, Prefix, Refused, decode_id
from resolvers.evidence import PATH
from server.backoffice import NO_STORE, answering, bounded_body
from server.credentials import address_of
from server.settings import Settings

HANDED_OVER = {
    **NO_STORE,
    "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}


def evidence_routes(config: Settings) -> list[Route]:
    """PUT /evidence/{id} with the file as the body, GET to fetch it; `Authorization: Ticket`
    with the ticket that the mutation handed out."""

    async def put(request: Request) -> Response:
        evidence_id, ticket = _asked(request)
        body = bytearray()
        async for piece in bounded_body(request, aftersale.MAX_BYTES):
            body += piece
        actor = Actor(
            kind=ActorKind.ANONYMOUS,
            ip=address_of(request, config),
            request_id=request.state.request_id,
        )
        file = await aftersale.store_evidence(actor, evidence_id, ticket, bytes(body))
        told = {
            "evidenceId": request.path_params["id"],
            "mediaType": file.media_type,
            "bytes": file.bytes,
        }
        return JSONResponse(told, 201, NO_STORE)

    async def get(request: Request) -> Response:
        found = await aftersale.fetch_evidence(*_asked(request))
        return Response(
            found.data,
            media_type=found.media_type.value,
            headers={**HANDED_OVER, "content-disposition": _as_file(found.name)},
        )

    path = f"{PATH}/{{id}}"
    return [
        Route(path, answering("evidence_in", put), methods=["PUT"]),
        Route(path, answering("evidence_out", get), methods=["GET"]),
    ]


def _asked(request: Request) -> tuple[UUID, str]:
    scheme, _, ticket = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "ticket":
        raise Refused(aftersale.EvidenceDoorClosed())
    return decode_id(Prefix.EVIDENCE, request.path_params["id"]), ticket.strip()


def _as_file(name: str) -> str:
    """The name for old clients in plain letters, and for all others as it is."""
    plain = "".join(letter if letter.isascii() else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
