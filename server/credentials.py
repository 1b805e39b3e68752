"""Who sends a request: reads its headers, asks identity."""

from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from domain import identity
from domain.kernel import Actor, ActorKind, Refused
from schema.faults import RequestRefused
from server.settings import Settings

SIGNATURE_HEADER = "partner-signature"
KEY_PREFIX = "kmk_"
MAX_TOKEN_LETTERS = 200


async def actor_for(headers: Headers, address: str, request_id: str, body: bytes) -> Actor:
    """The caller. Anonymous without a token; a bad one refuses the whole request."""
    token = _bearer(headers.get("authorization", ""))
    if token is None:
        return Actor(kind=ActorKind.ANONYMOUS, ip=address, request_id=request_id)
    if token.startswith(KEY_PREFIX):
        actor = await _partner(token, headers, address, request_id, body)
    else:
        actor = await identity.actor_of_token(token, address, request_id)
    if actor is None:
        raise RequestRefused("UNAUTHENTICATED")
    return actor


async def _partner(
    key: str, headers: Headers, address: str, request_id: str, body: bytes
) -> Actor | None:
    signed = identity.SignedRequest(headers.get(SIGNATURE_HEADER, ""), body)
    try:
        return await identity.actor_of_key(key, signed, address, request_id)
    except Refused as refused:
        refusal = refused.refusals[0]
        if isinstance(refusal, identity.SignatureWrong):
            details = {"reason": refusal.reason}  # a program must know a replay from a forgery
            raise RequestRefused(refusal.code, details=details, reason=refusal.reason) from None
        raise


def address_of(request: HTTPConnection, config: Settings) -> str:
    """The caller's address; `X-Forwarded-For` counts only when a trusted proxy sent it.

    Read from the right: each proxy appends whom it heard from, and only the trusted ones are
    believed.
    """
    nearest = request.client.host if request.client else ""
    trusted = {each.strip() for each in config.trusted_proxies.split(",") if each.strip()}
    if nearest not in trusted:
        return nearest
    for part in reversed(request.headers.get("x-forwarded-for", "").split(",")):
        told = part.strip()
        if told in trusted:
            continue
        return told if _is_address(told) else nearest
    return nearest


def _bearer(header: str) -> str | None:
    """The token; None without a header. Another scheme or an endless token is refused."""
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token.strip()) <= MAX_TOKEN_LETTERS:
        raise RequestRefused("UNAUTHENTICATED")
    return token.strip()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
