"""What is pushed as it changes: over a WebSocket or as server-sent events."""

import strawberry

from resolvers import live as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.commissions import AgentEarnings
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
class EarningsSubscription:
    earnings_updated: AgentEarnings = subscription(
        resolvers.earnings_updated,
        permissions=[SignedIn()],
        rate=Rate(RateZone.ORDER_LOOKUP),
        description="What the caller, an agent, earned: the state now, then each newer one, within"
        " a second of the order, refund, release or payout that changed it. It does not end.",
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
