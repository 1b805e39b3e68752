"""Who is behind a token or a key. Runs before each request: one statement, seldom two."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from domain.identity.refusals import SignatureWrong
from domain.identity.rules import (
    SIGNATURE_WINDOW_SECONDS,
    SignedRequest,
    is_from,
    is_signed,
    read_signature,
)
from domain.identity.service import KEY_PURPOSE
from domain.kernel import (
    Actor,
    ActorKind,
    Refused,
    clock,
    connection,
    new_id,
    token_digest,
    unseal_small,
)

SEEN_EVERY = timedelta(minutes=1)
# The agent's row belongs to a context above this one; it is read here, by id alone, because a
# second statement for each request would be dearer than this one exception.
_SESSION = """
SELECT s.id, s.user_id, s.last_seen_at, u.role, u.scopes, a.id AS agent_id
FROM sessions s JOIN users u ON u.id = s.user_id
LEFT JOIN agents a ON a.user_id = u.id AND a.status = 'active'
WHERE s.access_digest = $1 AND s.access_expires_at > $2 AND s.revoked_at IS NULL
    AND u.disabled_at IS NULL
"""
_KEY = """
SELECT k.id, k.owner_id, k.scopes, k.allowed_ips, k.require_signature, k.signing_secret_sealed,
    k.last_used_at, a.id AS agent_id
FROM api_keys k JOIN users u ON u.id = k.owner_id
LEFT JOIN agents a ON a.user_id = u.id AND a.status = 'active'
WHERE k.digest = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)
    AND u.disabled_at IS NULL
"""
_SEEN = "UPDATE sessions SET last_seen_at = $2 WHERE id = $1"
_USED = "UPDATE api_keys SET last_used_at = $2 WHERE id = $1"
_SPEND = """
INSERT INTO spent_nonces (id, key_id, nonce, spent_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING 1
"""
KINDS = {"guest": ActorKind.GUEST, "buyer": ActorKind.USER, "operator": ActorKind.OPERATOR}


async def actor_of_token(token: str, ip: str = "", request_id: str = "") -> Actor | None:
    """The caller behind an access token; None when it is not good (any more)."""
    moment = clock.now()
    async with connection() as conn:
        row = await conn.fetchrow(_SESSION, token_digest(token), moment)
        if row is None:
            return None
        if moment - row["last_seen_at"] > SEEN_EVERY:
            await conn.execute(_SEEN, row["id"], moment)
    return Actor(
        kind=KINDS[row["role"]],
        user_id=row["user_id"],
        session_id=row["id"],
        agent_id=row["agent_id"],
        scopes=frozenset(row["scopes"]),
        ip=ip,
        request_id=request_id,
    )


async def actor_of_key(
    key: str, signed: SignedRequest, ip: str = "", request_id: str = ""
) -> Actor | None:
    """The partner behind a key; None when it is not good, or not from this address.

    Refuses (SIGNATURE_WRONG) a request that is not signed though the key asks for it, is signed
    wrongly, is older than five minutes, or was sent before.
    """
    moment = clock.now()
    async with connection() as conn:
        row = await conn.fetchrow(_KEY, token_digest(key), moment)
        if row is None or not is_from(ip, row["allowed_ips"]):
            return None
        if row["require_signature"]:
            await _check_signature(conn, row, signed)
        if row["last_used_at"] is None or moment - row["last_used_at"] > SEEN_EVERY:
            await conn.execute(_USED, row["id"], moment)
    return Actor(
        kind=ActorKind.KEY,
        user_id=row["owner_id"],
        key_id=row["id"],
        agent_id=row["agent_id"],
        scopes=frozenset(row["scopes"]),
        ip=ip,
        request_id=request_id,
    )


async def _check_signature(conn: Any, row: Any, signed: SignedRequest) -> None:
    signature = read_signature(signed.header)
    if signature is None:
        raise Refused(SignatureWrong(reason="signature_missing"))
    key_id: UUID = row["id"]
    secret = unseal_small(KEY_PURPOSE, row["signing_secret_sealed"], str(key_id))
    if not is_signed(secret, signature, signed.body):
        raise Refused(SignatureWrong(reason="signature_wrong"))
    moment = clock.now()
    if abs(moment.timestamp() - signature.timestamp) > SIGNATURE_WINDOW_SECONDS:
        raise Refused(SignatureWrong(reason="signature_old"))
    if not await conn.fetchval(_SPEND, new_id(), key_id, signature.nonce, moment):
        raise Refused(SignatureWrong(reason="signature_replayed"))
