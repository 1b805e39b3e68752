"""Writing the audit log."""

from typing import Any
from uuid import UUID

import orjson

from domain.kernel import Actor, Connection, clock, new_id

_RECORD = """
INSERT INTO audit_entries (id, at, actor_kind, actor_id, action, target, details, ip, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9)
"""


async def record(
    conn: Connection, actor: Actor, action: str, target: UUID | None, details: dict[str, Any]
) -> None:
    """Write who did what to what, in the transaction of the deed itself; never a secret."""
    await conn.execute(
        _RECORD,
        new_id(),
        clock.now(),
        actor.kind.value,
        actor.user_id,
        action,
        target,
        orjson.dumps(details, default=str).decode(),
        actor.ip,
        actor.request_id,
    )
