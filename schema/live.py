"""Orders that are pushed as they change: over a WebSocket or as server-sent events."""

import strawberry

from resolvers import live as resolvers
from resolvers.permissions import Scope
from schema.fields import Rate, RateZone, subscription
from schema.orders import Order

PUSHED = (
    "The order now, then each newer state of it; ends once nothing can change. Only states count:"
    " a slow client may be shown the newest one alone."
)


@strawberry.type
class OrderSubscription:
    order_updated: Order = subscription(
        resolvers.order_updated,
        rate=Rate(RateZone.ORDER_LOOKUP),
        also=Rate(RateZone.GUEST_LOOKUP, account="id", only_with="guest_token"),
        description=f"{PUSHED} One of the caller's own orders, or one with its `guestToken`.",
    )


@strawberry.type
class OrderPartnerSubscription:
    order_updated: Order = subscription(
        resolvers.partner_order_updated,
        permissions=[Scope("orders:read")],
        rate=Rate(RateZone.ORDER_LOOKUP),
        description=f"{PUSHED} By the partner's own id.",
    )


@strawberry.type
class OrderAdminSubscription:
    order_updated: Order = subscription(
        resolvers.any_order_updated,
        permissions=[Scope("orders:read")],
        description=f"{PUSHED} Any order.",
    )
