"""Writing and reading the audit log."""

from typing import Any
from uuid import UUID

import orjson

from domain.audit.models import AuditEntry
from domain.kernel import Actor, Connection, Page, PageRequest, clock, new_id, page_of

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
        orjson.dumps(details, default=str, option=orjson.OPT_NON_STR_KEYS).decode(),
        actor.ip,
        actor.request_id,
    )


async def list_entries(
    actor: Actor, page: PageRequest, target: UUID | None = None
) -> Page[AuditEntry]:
    """The audited deeds, or those on one target, newest first; needs `audit:read`."""
    actor.require_scope("audit:read")
    rows = AuditEntry.all() if target is None else AuditEntry.filter(target=target)
    rows = rows.order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda entry: (entry.id,))
