"""The face of webhooks."""

from domain.webhooks.audiences import EVENTS
from domain.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from domain.webhooks.ports import Receipt, SendFault, WebhookSender
from domain.webhooks.queries import find_delivery, list_deliveries, list_endpoints
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
)

__all__ = [
    "EVENTS",
    "DeliveryState",
    "EndpointWish",
    "EventUnknown",
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
    "list_deliveries",
    "list_due",
    "list_endpoints",
    "redeliver",
    "register_sender",
]
