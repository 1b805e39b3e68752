"""Webhooks: where events go, and what became of each."""

from datetime import datetime

import strawberry

from domain import webhooks
from domain.kernel import Prefix
from domain.webhooks import DeliveryState
from resolvers import webhooks as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field


@strawberry.type(description="Where events are sent.")
@presents(webhooks.WebhookEndpoint)
class WebhookEndpoint:
    id: strawberry.ID = id_field(Prefix.WEBHOOK_ENDPOINT)
    url: str
    events: list[str]
    all_orders: bool = field(description="Everybody's orders, not the owner's alone.")
    enabled: bool
    disabled_because: str | None
    failing_since: datetime | None
    created_at: datetime


@strawberry.type(description="One event for one endpoint.")
@presents(webhooks.WebhookDelivery)
class WebhookDelivery:
    id: strawberry.ID = id_field(Prefix.WEBHOOK_DELIVERY)
    event_id: strawberry.ID = id_field(Prefix.EVENT, "event_id")
    body: str = field(description="What is sent, the same at each try.")
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    last_answer: str | None
    last_duration_ms: int | None
    created_at: datetime
    finished_at: datetime | None


@strawberry.type
class WebhookEndpointCreatePayload:
    endpoint: WebhookEndpoint | None
    secret: str | None = field(description="Signs what is sent. Shown this once.")
    user_errors: list[UserError]


@strawberry.type
class WebhookEndpointPayload:
    endpoint: WebhookEndpoint | None
    user_errors: list[UserError]


@strawberry.type
class WebhookDeliveryPayload:
    delivery: WebhookDelivery | None
    user_errors: list[UserError]


@strawberry.type
class WebhooksQuery:
    webhook_endpoints: list[WebhookEndpoint] = field(
        resolvers.endpoints, permissions=[Scope("webhooks:read")], description="The caller's own."
    )
    webhook_deliveries: Connection[WebhookDelivery] = field(
        resolvers.deliveries, permissions=[Scope("webhooks:read")], description="Newest first."
    )


@strawberry.type
class WebhooksMutation:
    webhook_endpoint_create: WebhookEndpointCreatePayload = mutation(
        resolvers.webhook_endpoint_create,
        payload=WebhookEndpointCreatePayload,
        permissions=[Scope("webhooks:write")],
        sensitive=True,
        description="Send events to a URL, signed after Standard Webhooks: of the caller's own"
        " orders, wallet and gift cards; for staff also of the house, each with its scope."
        " `docs/webhooks.md` lists them.",
    )
    webhook_endpoint_disable: WebhookEndpointPayload = mutation(
        resolvers.webhook_endpoint_disable,
        payload=WebhookEndpointPayload,
        entity="endpoint",
        permissions=[Scope("webhooks:write")],
    )
    webhook_redeliver: WebhookDeliveryPayload = mutation(
        resolvers.webhook_redeliver,
        payload=WebhookDeliveryPayload,
        entity="delivery",
        permissions=[Scope("webhooks:write")],
        description="Try a delivery again from the start, under its old id.",
    )
