"""How the fields of what orders cost are answered."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

import strawberry
from strawberry import Parent

from domain import costs, orders
from domain.costs import CostKind
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request
from resolvers.batches import there
from resolvers.context import Info
from resolvers.coupons import BorneCost


@dataclass(frozen=True, slots=True)
class CostPart:
    """One part of a total."""

    kind: CostKind
    amount: Money
    estimated: bool


@dataclass(frozen=True, slots=True)
class LineCost:
    """One line's total, and where it goes."""

    line_id: strawberry.ID
    sku: str
    total: Money
    parts: list[CostPart]


async def order_file(info: Info, id: strawberry.ID) -> orders.Order | None:
    """One order as the back office has it."""
    return await orders.find_any_order(info.context.actor, decode_id(Prefix.ORDER, id))


async def order_files(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[orders.Order]:
    """All orders, newest first."""
    page = page_request("orderFiles", first, after)
    return await orders.list_all_orders(info.context.actor, page)


def itself(order: Parent[orders.Order]) -> orders.Order:
    """The order."""
    return order


def breakdown_of(
    order: Parent[orders.Order], info: Info
) -> costs.Breakdown | Awaitable[costs.Breakdown]:
    """Where its total goes."""
    return info.context.loaders.cost_breakdown.get_from(order.id, there)


def total_of(breakdown: Parent[costs.Breakdown]) -> Money:
    """What was charged."""
    return Money(breakdown.total, breakdown.currency)


def parts_of(breakdown: Parent[costs.Breakdown]) -> list[CostPart]:
    """Where it goes."""
    return _parts(breakdown.parts, breakdown)


def lines_of(breakdown: Parent[costs.Breakdown]) -> list[LineCost]:
    """The same line by line."""
    return [
        LineCost(
            strawberry.ID(encode_id(Prefix.ORDER_LINE, line.id)),
            line.sku,
            Money(line.total, breakdown.currency),
            _parts(line.parts, breakdown),
        )
        for line in breakdown.lines
    ]


def borne_of(breakdown: Parent[costs.Breakdown]) -> list[BorneCost]:
    """What coupons took off, by who bears it."""
    currency = breakdown.currency
    return [BorneCost(bearer, Money(units, currency)) for bearer, units in breakdown.borne.items()]


def _parts(parts: Mapping[CostKind, int], breakdown: costs.Breakdown) -> list[CostPart]:
    unsure = {CostKind.CHANNEL_FEE, CostKind.MARGIN} if not breakdown.fee_told else set()
    if not breakdown.final:
        unsure = unsure | {CostKind.GOODS, CostKind.COMMISSION, CostKind.MARGIN}
    return [
        CostPart(kind, Money(amount, breakdown.currency), kind in unsure)
        for kind, amount in parts.items()
    ]
