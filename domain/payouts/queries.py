"""Reads of payouts, always scoped by who asks."""

from collections.abc import Sequence
from uuid import UUID

from domain.kernel import Actor, Money, Page, PageRequest, connection, page_of
from domain.payouts.channels import READ_SCOPE
from domain.payouts.models import BatchStatus, Payout, PayoutBatch, PayoutDestination, PayoutStatus

_IN_PAYOUT = """
SELECT coalesce(sum(amount), 0)::bigint FROM payouts WHERE agent_id = $1 AND currency = $2
    AND status IN ('REQUESTED', 'APPROVED', 'SUBMITTING', 'ACCEPTED', 'UNKNOWN')
"""


async def payouts_of_agent(agent_id: UUID, page: PageRequest) -> Page[Payout]:
    """What an agent asked to be paid out, newest first; the caller has checked who asks."""
    rows = Payout.filter(agent_id=agent_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda payout: (payout.id,))


async def list_payouts(
    actor: Actor,
    page: PageRequest,
    statuses: Sequence[PayoutStatus] | None = None,
    channel_id: UUID | None = None,
) -> Page[Payout]:
    """All payouts, or those in some states, oldest first: the queue. Needs `payouts:read`."""
    actor.require_scope(READ_SCOPE)
    rows = Payout.all().order_by("id").limit(page.first + 1)
    if statuses:
        rows = rows.filter(status__in=list(statuses))
    if channel_id is not None:
        rows = rows.filter(channel_id=channel_id)
    if page.after:
        rows = rows.filter(id__gt=UUID(page.after[0]))
    return page_of(page, await rows, lambda payout: (payout.id,))


async def list_batches(
    actor: Actor, page: PageRequest, status: BatchStatus | None = None
) -> Page[PayoutBatch]:
    """Batches, newest first; needs `payouts:read`."""
    actor.require_scope(READ_SCOPE)
    rows = PayoutBatch.all().order_by("-id").limit(page.first + 1)
    if status is not None:
        rows = rows.filter(status=status)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda batch: (batch.id,))


async def destinations_by_id(ids: Sequence[UUID]) -> dict[UUID, PayoutDestination]:
    """Destinations of payouts; one statement for all."""
    return {each.id: each for each in await PayoutDestination.filter(id__in=list(ids))}


async def in_payout(agent_id: UUID, currency: str) -> Money:
    """What an agent has on its way out."""
    async with connection() as conn:
        return Money(await conn.fetchval(_IN_PAYOUT, agent_id, currency), currency)
