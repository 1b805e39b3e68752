"""How the partners' own fields of orders are answered."""

from uuid import UUID

import strawberry

from domain import cards, checkout, orders
from domain.kernel import Prefix, decode_id
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of
from resolvers.orders import OrderOutcome, show_placed


async def order_place(
    info: Info,
    external_id: str,
    sku: str,
    quantity: int,
    max_unit_cost: MoneyInput,
) -> OrderOutcome:
    """A partner's purchase: its own id makes it happen once, for ever."""
    limit = money_of(max_unit_cost, "maxUnitCost").units
    wish = checkout.LineWish(sku=sku, quantity=quantity, max_price=limit)
    purchase = checkout.Purchase((wish,), f"external:{external_id}", external_id=external_id)
    return show_placed(info, await checkout.place_order(info.context.actor, purchase))


async def order(
    info: Info, external_id: str | None = None, id: strawberry.ID | None = None
) -> orders.Order | None:
    """A partner's order by either id."""
    if external_id is not None:
        return await orders.find_by_external_id(info.context.actor, external_id)
    if id is None:
        return None
    return await orders.find_order(info.context.actor, decode_id(Prefix.ORDER, id))


async def order_cards_reveal(info: Info, external_id: str) -> list[cards.OpenedCard]:
    """The codes of a partner's order."""
    found = await orders.find_by_external_id(info.context.actor, external_id)
    missing = UUID(int=0)  # sounds like any order that is not the caller's
    return await orders.reveal_cards(info.context.actor, found.id if found else missing, None)
