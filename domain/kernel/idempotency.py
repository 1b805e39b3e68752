"""Idempotency keys: one key, one effect, one answer (invariant I15).

The row is written in the transaction of the effect itself. A second call with the same key waits
on the unique index until the first has ended: committed means replay, rolled back means go ahead.
"""

from typing import Any
from uuid import UUID

import orjson

from domain.kernel import clock
from domain.kernel.database import Connection
from domain.kernel.ids import new_id
from domain.kernel.refusals import IdempotencyKeyReused, Invalid, Refused
from domain.kernel.sealing import keyed_digest

MAX_KEY_LETTERS = 255

_CLAIM = """
INSERT INTO idempotency_keys (id, actor, operation, key, input_hash, result, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (actor, operation, key) DO NOTHING RETURNING 1
"""
_FIND = """
SELECT input_hash, result FROM idempotency_keys WHERE actor = $1 AND operation = $2 AND key = $3
"""


def input_hash(value: Any) -> bytes:
    """Keyed digest of an input: equal inputs give equal digests, whatever the order of their keys.

    Keyed, because inputs hold what can be guessed: phone numbers, short codes, what buyers write.
    """
    plain = orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)
    return keyed_digest("idempotent-input", plain)


def check_key(key: str) -> str:
    """The key itself; refuses an empty one and one above 255 letters."""
    if not key.strip() or len(key) > MAX_KEY_LETTERS:
        raise Refused(Invalid(reason="idempotency_key", field=("idempotencyKey",)))
    return key


async def claim_key(
    conn: Connection, actor: UUID, operation: str, key: str, hashed: bytes, result: UUID
) -> UUID | None:
    """Claim a key for an effect that will be known as `result`.

    None: the key is ours, go on. A UUID: the effect exists already, show that one again. Refuses
    with IDEMPOTENCY_KEY_REUSED when the key came with other input.
    """
    args = (new_id(), actor, operation, check_key(key), hashed, result, clock.now())
    if await conn.fetchval(_CLAIM, *args):
        return None
    return await find_claimed(conn, actor, operation, key, hashed)


async def find_claimed(
    conn: Connection, actor: UUID, operation: str, key: str, hashed: bytes
) -> UUID:
    """The result that a claimed key stands for; refuses when the input differs."""
    result = await look_up_key(conn, actor, operation, key, hashed)
    if result is None:
        raise RuntimeError("an idempotency key vanished between two statements")
    return result


async def look_up_key(
    conn: Connection, actor: UUID, operation: str, key: str, hashed: bytes
) -> UUID | None:
    """What a key stands for by now, without claiming it; refuses when the input differs."""
    row = await conn.fetchrow(_FIND, actor, operation, check_key(key))
    if row is None:
        return None
    if row["input_hash"] != hashed:
        raise Refused(IdempotencyKeyReused(field=("idempotencyKey",)))
    result: UUID = row["result"]
    return result
