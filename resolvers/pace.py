"""How fast paid goods were delivered (back office)."""

from datetime import datetime

from domain import orders
from resolvers.context import Info


async def delivery_times(
    info: Info, since: datetime, until: datetime
) -> list[orders.DeliveryTimes]:
    """By kind of delivery."""
    return await orders.delivery_times(info.context.actor, since, until)


def target_seconds() -> float:
    """How soon it should be, in this installation."""
    return orders.pace.target.total_seconds()
