"""Reads of webhooks: an owner sees its own endpoints and their deliveries."""

from uuid import UUID

from domain.kernel import Actor, NotFound, Page, PageRequest, Refused, page_of
from domain.webhooks.models import WebhookDelivery, WebhookEndpoint


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
