"""What an agent sees of its customers' orders."""

from datetime import datetime

import strawberry

from domain import commissions, orders
from domain.agents import BarReason
from domain.orders import LineStatus, OrderStatus
from resolvers import customers as resolvers
from schema.catalog import Variant
from schema.fields import field, presents
from schema.scalars import Money


@strawberry.type(description="One line of a customer's order: the goods, and no code of them.")
@presents(orders.OrderLine)
class CustomerOrderLine:
    sku: str
    variant: Variant = field(resolvers.variant)
    quantity: int
    unit_price: Money = field(resolvers.unit_price)
    status: LineStatus
    refunded: Money = field(resolvers.refunded)


@strawberry.type(
    description="An order of an agent's own customer, in the house's currency. Of the buyer it"
    " tells nothing."
)
@presents(commissions.CustomerOrder)
class CustomerOrder:
    number: str = field(resolvers.number, description="As in `Commission.orderNumber`.")
    placed_at: datetime = field(resolvers.placed_at)
    status: OrderStatus = field(resolvers.status)
    total: Money = field(resolvers.total)
    refunded_total: Money = field(resolvers.refunded_total)
    lines: list[CustomerOrderLine] = field(resolvers.lines, size=2)
    earned: Money = field(
        description="What the agent has of it, pending or not, less what refunds took back."
    )
    barred: BarReason | None = field(description="Why the agent earns nothing on it.")
