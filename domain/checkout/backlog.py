"""How far suppliers are behind, and that no more is sold on their account then (row F7).

Counted now and then by whoever serves buyers, never by a purchase. Own stock is always sold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from domain import fulfilment
from domain.catalog import DeliveryKind
from domain.checkout.refusals import ShopBusy
from domain.checkout.rules import PlannedLine
from domain.kernel import Refused

RETRY_AFTER_SECONDS = 30


@dataclass(slots=True)
class Backlog:
    """What is known of it in this process."""

    most: int = 0  # lines that may wait; 0: any number
    waiting: int = 0  # when somebody looked last; `most` + 1 stands for more
    refused: int = 0  # purchases, since the process began


backlog = Backlog()


async def look_at_backlog() -> None:
    """Count the paid lines that wait for a supplier, up to one too many."""
    backlog.waiting = await fulfilment.count_waiting(backlog.most + 1)


def refuse_in_a_jam(planned: Sequence[PlannedLine]) -> None:
    """What only a supplier can deliver comes later while too many lines wait; by hand is another
    queue."""
    if not backlog.most or backlog.waiting <= backlog.most:
        return
    for line in planned:
        if not line.from_own_stock and line.delivery_kind is not DeliveryKind.MANUAL:
            backlog.refused += 1
            place = ("lines", str(line.place))
            raise Refused(ShopBusy(sku=line.sku, retry_after=RETRY_AFTER_SECONDS, field=place))
