"""Where an order's money goes: for the back office."""

import strawberry

from domain import costs, orders
from domain.costs import CostKind
from resolvers import costs as resolvers
from resolvers.permissions import Scope
from schema.coupons import BorneCost
from schema.fields import field, presents
from schema.orders import Order
from schema.paging import Connection
from schema.scalars import Money


@strawberry.type(description="One part of a total.")
@presents(resolvers.CostPart)
class CostPart:
    kind: CostKind
    amount: Money = field(description="Below zero: lost, or more came back than was spent.")
    estimated: bool = field(description="It may still change.")


@strawberry.type(description="One line's total, and where it goes.")
@presents(resolvers.LineCost)
class LineCost:
    line_id: strawberry.ID
    sku: str
    total: Money
    parts: list[CostPart] = field(size=7, description="They sum to `total`.")


@strawberry.type(
    description="Where an order's total goes. What is of the whole order (the channel's fee,"
    " messages) is shared out to lines by their totals."
)
@presents(costs.Breakdown)
class CostBreakdown:
    total: Money = field(resolvers.total_of)
    parts: list[CostPart] = field(resolvers.parts_of, size=7, description="They sum to `total`.")
    lines: list[LineCost] = field(resolvers.lines_of, size=3)
    fee_told: bool = field(
        description="False: the channel's fee is an estimate by its rate, until its statement tells"
        " it."
    )
    final: bool = field(description="Nothing of it is still to come.")
    coupons: list[BorneCost] = field(
        resolvers.borne_of,
        size=3,
        description="What coupons took off before there was this total, by who agreed to bear it."
        " What an agent really bore is in its commission.",
    )


@strawberry.type(description="An order with what only the back office may see of it.")
@presents(orders.Order)
class OrderFile:
    order: Order = field(resolvers.itself)
    cost_breakdown: CostBreakdown = field(resolvers.breakdown_of, permissions=[Scope("costs:read")])


@strawberry.type
class CostsAdminQuery:
    order_file: OrderFile | None = field(resolvers.order_file, permissions=[Scope("orders:read")])
    order_files: Connection[OrderFile] = field(
        resolvers.order_files, permissions=[Scope("orders:read")], description="Newest first."
    )
