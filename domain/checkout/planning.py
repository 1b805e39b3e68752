"""From wishes to lines: a usual wish is one line, a bundle is one line for each of its parts."""

from collections.abc import Mapping, Sequence

from domain.catalog import DeliveryKind
from domain.checkout.bundles import plan_bundle
from domain.checkout.rules import (
    BuyerFacts,
    LineWish,
    PlannedLine,
    Pool,
    Shelf,
    not_offered,
    plan_line,
)
from domain.kernel import Invalid, Refusal, Refused

MAX_EXPANDED = 60  # lines of one order, the parts of its bundles counted


def plan(
    wishes: Sequence[LineWish], shelves: Mapping[str, Shelf], buyer: BuyerFacts, currency: str
) -> list[PlannedLine]:
    """The lines to write, or every refusal at once."""
    planned: list[PlannedLine] = []
    refusals: list[Refusal] = []
    pool = Pool()
    for place, wish in enumerate(wishes):
        shelf = shelves[wish.sku]
        refusal = not_offered(wish, shelf, buyer, currency, ("lines", str(place)))
        if refusal is not None:
            refusals.append(refusal)
            continue
        bundle = shelf.delivery_kind == DeliveryKind.BUNDLE
        lines, refused = (plan_bundle if bundle else plan_line)(place, wish, shelf, buyer, pool)
        planned += lines
        refusals += refused
    if not refusals and len(planned) > MAX_EXPANDED:
        refusals.append(Invalid(reason="order_lines_expanded", field=("lines",)))
    if refusals:
        raise Refused(*refusals)
    for position, line in enumerate(planned):
        line.position = position
    return planned
