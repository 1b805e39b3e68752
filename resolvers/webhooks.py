"""How the fields of webhooks are answered."""

import strawberry

from domain import webhooks
from domain.kernel import Page, Prefix, decode_id, page_request
from resolvers.context import Info


async def endpoints(info: Info) -> list[webhooks.WebhookEndpoint]:
    """The caller's endpoints."""
    return await webhooks.list_endpoints(info.context.actor)


async def deliveries(
    info: Info, endpoint_id: strawberry.ID, first: int | None = None, after: str | None = None
) -> Page[webhooks.WebhookDelivery]:
    """What was sent to one of the caller's endpoints."""
    endpoint = decode_id(Prefix.WEBHOOK_ENDPOINT, endpoint_id, field=("endpointId",))
    page = page_request("webhookDeliveries", first, after)
    return await webhooks.list_deliveries(info.context.actor, endpoint, page)


async def webhook_endpoint_create(
    info: Info, url: str, events: list[str], all_orders: bool = False
) -> webhooks.NewEndpoint:
    """Tell events to an address from now on."""
    wish = webhooks.EndpointWish(url, events, all_orders)
    return await webhooks.create_endpoint(info.context.actor, wish)


async def webhook_endpoint_disable(info: Info, id: strawberry.ID) -> webhooks.WebhookEndpoint:
    """Stop telling an address."""
    endpoint = decode_id(Prefix.WEBHOOK_ENDPOINT, id)
    return await webhooks.disable_endpoint(info.context.actor, endpoint)


async def webhook_redeliver(info: Info, id: strawberry.ID) -> webhooks.WebhookDelivery:
    """Try a delivery again."""
    delivery = decode_id(Prefix.WEBHOOK_DELIVERY, id)
    return await webhooks.find_delivery(await webhooks.redeliver(info.context.actor, delivery))
