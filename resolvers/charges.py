"""How it is told what a buyer pays for."""

from dataclasses import dataclass

from strawberry import Parent

from domain import checkout, orders, sites
from domain.checkout import CURRENCY
from domain.kernel import Money
from domain.orders import Bearer, ChargeKind
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info


@dataclass(frozen=True, slots=True)
class Charge:
    """What a buyer is charged for."""

    kind: ChargeKind
    amount: Money
    bearer: Bearer


def charges_of_order(order: Parent[orders.Order], info: Info) -> AtOnceOrLater[list[Charge]]:
    """What the buyer pays for, and what the shop bears, in the currency that was paid."""
    if sites.all_sell_in(CURRENCY):
        return _charges(order.total, order.currency)
    return info.context.loaders.exchanges.get_from(
        order.id,
        lambda paid: (
            _charges(order.total, order.currency)
            if paid is None
            else _charges(paid.total, paid.currency)
        ),
    )


def charges_of_quote(quote: Parent[checkout.Quoted]) -> list[Charge]:
    """The same, before it is bought."""
    return _charges(quote.total, quote.currency)


def _charges(total: int, currency: str) -> list[Charge]:
    return [
        Charge(each.kind, Money(each.amount, currency), each.bearer)
        for each in orders.charges_of(total)
    ]
