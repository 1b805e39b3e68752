"""Orders of an agent's own customers, as the agent sees them (mission row G8): goods and money, and
nothing of the buyer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.agents import BarReason
from domain.commissions.statements import CUSTOMER_ORDERS
from domain.kernel import Money, Page, PageRequest, connection, page_of
from domain.orders import Order, OrderStatus


@dataclass(frozen=True, slots=True)
class CustomerOrder:
    """One order, and what its agent has of it less what refunds took back. `barred`: why the agent
    earns nothing on it."""

    order: Order
    earned: Money
    barred: BarReason | None


async def list_customer_orders(
    agent_id: UUID, statuses: Sequence[OrderStatus], page: PageRequest
) -> Page[CustomerOrder]:
    """Orders of an agent's own customers in these statuses, or in any; newest first."""
    after = UUID(page.after[0]) if page.after else None
    wanted = [status.value for status in statuses]
    async with connection() as conn:
        rows = await conn.fetch(CUSTOMER_ORDERS, agent_id, after, page.first + 1, wanted)
    found = {order.id: order for order in await Order.filter(id__in=[row["id"] for row in rows])}
    shown = [_shown(found[row["id"]], row["earned"]) for row in rows]
    return page_of(page, shown, lambda each: (each.order.id,))


def _shown(order: Order, earned: int) -> CustomerOrder:
    barred: list[dict[str, Any]] = order.barred or []
    reasons = [BarReason(each["reason"]) for each in barred if each["level"] == 1]
    return CustomerOrder(order, Money(earned, order.currency), next(iter(reasons), None))
