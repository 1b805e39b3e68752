"""How orders of an agent's customers are answered: in the house's currency, without the buyer."""

from datetime import datetime

from strawberry import Parent

from domain import agents, catalog, commissions, orders
from domain.checkout import CURRENCY
from domain.commissions import CustomerOrder
from domain.kernel import Money, Page, page_request, refuse_unless
from resolvers.agents import is_own
from resolvers.batches import AtOnceOrLater, there
from resolvers.context import Info


async def customer_orders(
    agent: Parent[agents.Agent],
    info: Info,
    statuses: list[orders.OrderStatus] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[CustomerOrder] | None:
    """Newest first; the agent's own and staff's to see."""
    page = page_request("customerOrders", first, after)
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    found = await commissions.list_customer_orders(agent.id, statuses or [], page)
    await info.context.loaders.lines.fetch(each.order.id for each in found.rows)
    return found


def number(shown: Parent[CustomerOrder]) -> str:
    """The order's number."""
    return shown.order.number


def placed_at(shown: Parent[CustomerOrder]) -> datetime:
    """When it was placed."""
    return shown.order.placed_at


def status(shown: Parent[CustomerOrder]) -> orders.OrderStatus:
    """Where it stands."""
    return shown.order.status


def total(shown: Parent[CustomerOrder]) -> Money:
    """What it costs."""
    return Money(shown.order.total, shown.order.currency)


async def refunded_total(shown: Parent[CustomerOrder], info: Info) -> Money:
    """What of it went back in all."""
    found = await info.context.loaders.lines.load(shown.order.id)
    return Money(sum(line.money_back for line in found), shown.order.currency)


def lines(shown: Parent[CustomerOrder], info: Info) -> AtOnceOrLater[list[orders.OrderLine]]:
    """What was bought."""
    return info.context.loaders.lines.get(shown.order.id)


def variant(line: Parent[orders.OrderLine], info: Info) -> AtOnceOrLater[catalog.ShownVariant]:
    """The goods."""
    return info.context.loaders.variants.get_from(line.variant_id, there)


def unit_price(line: Parent[orders.OrderLine]) -> Money:
    """What was paid for one."""
    return Money(line.unit_price, CURRENCY)


def refunded(line: Parent[orders.OrderLine]) -> Money:
    """What of it went back."""
    return Money(line.money_back, CURRENCY)
