"""No sale below cost and minimum margin, whichever way an order is paid (rows D7, E4, E5; invariant
I18)."""

from collections.abc import Mapping, Sequence

from domain.checkout.bundles import guard_bundles
from domain.checkout.refusals import BelowFloor, PriceBelowCost, PriceChanged
from domain.checkout.rules import PlannedLine
from domain.kernel import Money, Refused, Spoken
from domain.priceguard import Below

WHOLE_ORDER = Spoken("your order", "您的订单")


def refuse_other_total(planned: Sequence[PlannedLine], expected: int | None, currency: str) -> None:
    """No order costs anything but what its buyer said it would (row E6; field bug 10)."""
    total = sum(line.unit_price * line.quantity for line in planned)
    if expected is not None and expected != total:
        was, now = Money(expected, currency), Money(total, currency)
        field = ("expectedTotal",)
        raise Refused(PriceChanged(sku=WHOLE_ORDER, expected=was, actual=now, field=field))


def refuse_below_cost(
    planned: Sequence[PlannedLine], own_costs: Mapping[int, Sequence[int]]
) -> None:
    """No sale below what one of its cards cost, with the minimum margin, unless an operator allowed
    it (row E4), and none below the least price of resale. A bundle is looked at as a whole.
    `own_costs`: of each own card, by the line's position.

    This floor is above a locked price. Of a line that a supplier would deliver the cheapest offer
    of now counts, so that nobody is sold what is sure to be refunded.
    """
    guard_bundles(planned, {position: sum(costs) for position, costs in own_costs.items()})
    for line in planned:
        if line.bundle is not None:
            continue
        cost = max(own_costs[line.position], default=0)
        if not line.from_own_stock:
            cost = line.offer_cost or 0
        floor = 0 if line.sold_below_cost else line.margin.floor(cost)
        floor = max(floor, line.least_price)
        if line.unit_price < floor:
            below = Below(line.variant_id, line.tier, line.unit_price, cost, floor, line.quantity)
            refusal = PriceBelowCost(sku=line.sku, field=("lines", str(line.place)))
            before = line.unit_price + -(-line.discount // line.quantity)
            raise BelowFloor(refusal, below, by_coupon=before >= floor)
