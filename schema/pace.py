"""How long buyers wait for what they have paid, as the back office sees it."""

import strawberry

from domain import orders
from domain.catalog import DeliveryKind
from resolvers import pace as resolvers
from resolvers.permissions import Scope
from schema.fields import field, presents


@strawberry.type(description="Seconds from payment to delivery, of lines of one kind.")
@presents(orders.DeliveryTimes)
class DeliveryTimes:
    kind: DeliveryKind
    delivered: int
    waiting: int
    overdue: int = field(description="Of those waiting: longer than the target.")
    in_time: int = field(description="Of those delivered: within the target.")
    p50: float | None
    p95: float | None
    p99: float | None
    share_in_time: float | None = field(
        description="Of all that was delivered, or should have been by now."
    )
    target_seconds: float = field(
        resolvers.target_seconds, description="KAMENG_DELIVERY_TARGET_SECONDS."
    )


@strawberry.type
class PaceAdminQuery:
    delivery_times: list[DeliveryTimes] = field(
        resolvers.delivery_times,
        permissions=[Scope("orders:read")],
        cost=50,
        size=8,
        description="Of lines ordered in a period of at most 31 days; of its newest 100,000 lines.",
    )
