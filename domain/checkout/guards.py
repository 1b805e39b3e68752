"""No sale below cost, whichever way an order is paid (rows D7, E4; invariant I18)."""

from collections.abc import Mapping, Sequence

from domain.checkout.bundles import guard_bundles
from domain.checkout.refusals import PriceBelowCost, PriceChanged
from domain.checkout.rules import PlannedLine
from domain.kernel import Money, Refused, Spoken

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
    """No sale below what one of its cards cost, unless an operator allowed it (row E4). A bundle is
    looked at as a whole. `own_costs`: of each own card, by the line's position.

    This floor is above a locked price: of a line that a quote locked and that a supplier would
    deliver, the cheapest offer of now counts, so that nobody is sold what is sure to be refunded.
    """
    guard_bundles(planned, {position: sum(costs) for position, costs in own_costs.items()})
    for line in planned:
        if line.bundle is not None:
            continue
        dearest = max(own_costs[line.position], default=0)
        if not line.from_own_stock:
            dearest = line.offer_cost or 0
        if dearest > line.unit_price and not line.sold_below_cost:
            raise Refused(PriceBelowCost(sku=line.sku, field=("lines", str(line.place))))
