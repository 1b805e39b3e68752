"""The face of webhooks."""

from domain.webhooks.audiences import EVENTS
from domain.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from domain.webhooks.ports import Receipt, SendFault, WebhookSender
from domain.webhooks.queries import (
    Hearer,
    find_delivery,
    hearers_of,
    list_deliveries,
    list_endpoints,
    waiting_at,
)
from domain.webhooks.refusals import EventUnknown, WebhookUrlInvalid
from domain.webhooks.service import (
    EndpointWish,
    NewEndpoint,
    create_endpoint,
    deliver,
    disable_endpoint,
    fan_out,
    list_due,
    redeliver,
    register_sender,
    supersede,
)

__all__ = [
    "EVENTS",
    "DeliveryState",
    "EndpointWish",
    "EventUnknown",
    "Hearer",
    "NewEndpoint",
    "Receipt",
    "SendFault",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookSender",
    "WebhookUrlInvalid",
    "create_endpoint",
    "deliver",
    "disable_endpoint",
    "fan_out",
    "find_delivery",
    "hearers_of",
    "list_deliveries",
    "list_due",
    "list_endpoints",
    "redeliver",
    "register_sender",
    "supersede",
    "waiting_at",
]
