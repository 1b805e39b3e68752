"""Reads of vault: who approves sees all requests, others their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.kernel import Actor, Page, PageRequest, connection, page_of
from domain.vault.models import CardExport, ExportStatus, RevealStatus, StaffReveal
from domain.vault.reveals import APPROVE_SCOPE, REVEAL_SCOPE

_LOOKS = """
SELECT card_id, count(*) AS looks, max(at) AS last_at FROM staff_looks
WHERE card_id = ANY($1) GROUP BY card_id
"""


@dataclass(frozen=True, slots=True)
class StaffLooks:
    """How often the staff has seen a card; its buyer's looks are counted apart."""

    count: int
    last_at: datetime | None


def is_approver(actor: Actor) -> bool:
    """Whether the caller may decide on the requests of others."""
    return APPROVE_SCOPE in actor.scopes or "*" in actor.scopes


async def list_reveals(
    actor: Actor, page: PageRequest, status: RevealStatus | None = None
) -> Page[StaffReveal]:
    """Requests to see cards, newest first; needs `cards:approve` (all) or `cards:reveal` (own)."""
    rows = StaffReveal.all().order_by("-id").limit(page.first + 1)
    if not is_approver(actor):
        actor.require_scope(REVEAL_SCOPE)
        rows = rows.filter(requester_id=actor.require_user())
    if status is not None:
        rows = rows.filter(status=status)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda row: (row.id,))


async def list_exports(
    actor: Actor, page: PageRequest, status: ExportStatus | None = None
) -> Page[CardExport]:
    """Exports, newest first; needs `cards:approve` (all) or `cards:export` (own)."""
    rows = CardExport.all().order_by("-id").limit(page.first + 1)
    if not is_approver(actor):
        actor.require_scope("cards:export")
        rows = rows.filter(requester_id=actor.require_user())
    if status is not None:
        rows = rows.filter(status=status)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda row: (row.id,))


async def looks_of(card_ids: Sequence[UUID]) -> dict[UUID, StaffLooks]:
    """How often the staff has seen each card; one statement for all."""
    async with connection() as conn:
        rows = await conn.fetch(_LOOKS, list(card_ids))
    found = {row["card_id"]: StaffLooks(row["looks"], row["last_at"]) for row in rows}
    return {card_id: found.get(card_id, StaffLooks(0, None)) for card_id in card_ids}
