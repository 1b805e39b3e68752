"""No sale below cost, whichever way an order is paid (rows D7, E4; invariant I18)."""

from collections.abc import Mapping, Sequence

from domain.checkout.bundles import guard_bundles
from domain.checkout.refusals import PriceBelowCost
from domain.checkout.rules import PlannedLine
from domain.kernel import Refused


def refuse_below_cost(
    planned: Sequence[PlannedLine], own_costs: Mapping[int, Sequence[int]]
) -> None:
    """No sale below what one of its cards cost, unless an operator allowed it (row E4). A bundle is
    looked at as a whole. `own_costs`: of each own card, by the line's position."""
    guard_bundles(planned, {position: sum(costs) for position, costs in own_costs.items()})
    for line in planned:
        if line.bundle is not None:
            continue
        dearest = max(own_costs[line.position], default=0)
        if dearest > line.unit_price and not line.sold_below_cost:
            raise Refused(PriceBelowCost(sku=line.sku, field=("lines", str(line.place))))
