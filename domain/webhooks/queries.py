"""Reads of webhooks: an owner sees its own endpoints and their deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.kernel import (
    MAIN_SITE_ID,
    Actor,
    NotFound,
    Page,
    PageRequest,
    Refused,
    connection,
    page_of,
)
from domain.webhooks import statements
from domain.webhooks.models import WebhookDelivery, WebhookEndpoint


@dataclass(frozen=True, slots=True)
class Hearer:
    """An endpoint that hears of an event, and the site that it was made at."""

    endpoint_id: UUID
    owner_id: UUID
    site_id: UUID


async def hearers_of(event: str, owner_id: UUID | None = None) -> list[Hearer]:
    """The endpoints that are told of an event: of one owner, or all; one statement."""
    async with connection() as conn:
        rows = await conn.fetch(statements.HEARERS, event, owner_id, MAIN_SITE_ID)
    return [Hearer(row["id"], row["owner_id"], row["site_id"]) for row in rows]


async def waiting_at(endpoint_ids: Sequence[UUID], subject: UUID) -> dict[UUID, int]:
    """How much of what was told of a subject is still on its way to endpoints; whoever has all of
    it is left out."""
    async with connection() as conn:
        rows = await conn.fetch(statements.WAITING, list(endpoint_ids), subject)
    return {row["endpoint_id"]: row["count"] for row in rows}


async def list_endpoints(actor: Actor) -> list[WebhookEndpoint]:
    """The caller's endpoints, newest first; needs `webhooks:read`."""
    actor.require_scope("webhooks:read")
    return await WebhookEndpoint.filter(owner_id=actor.require_user()).order_by("-id")


async def list_deliveries(
    actor: Actor, endpoint_id: UUID, page: PageRequest
) -> Page[WebhookDelivery]:
    """What was sent to one of the caller's endpoints, newest first; needs `webhooks:read`."""
    actor.require_scope("webhooks:read")
    own = WebhookEndpoint.filter(id=endpoint_id, owner_id=actor.require_user())
    if not await own.exists():
        raise Refused(NotFound(what="webhook endpoint", field=("endpointId",)))
    rows = WebhookDelivery.filter(endpoint_id=endpoint_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda delivery: (delivery.id,))


async def find_delivery(delivery_id: UUID) -> WebhookDelivery:
    """One delivery; whoever asks has proved that it may."""
    return await WebhookDelivery.get(id=delivery_id)
