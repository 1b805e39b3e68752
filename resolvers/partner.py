"""How the partners' own fields of orders are answered."""

from datetime import datetime
from uuid import UUID

import strawberry

from domain import checkout, orders
from domain.kernel import Invalid, Prefix, Refused, clock, decode_id
from resolvers import quotes
from resolvers.context import Info
from resolvers.exchange import currency_here
from resolvers.money import MoneyInput, money_of
from resolvers.orders import AccountEntryInput, OrderOutcome, filled_in, show_placed
from resolvers.quotes import QuoteLineInput, quote_of
from resolvers.sealed import Revealed, recipient_of, revealed_to


async def quote(info: Info, lines: list[QuoteLineInput]) -> checkout.Quoted:
    """What a partner would pay now; it has no codes."""
    return await quotes.quote(info, lines)


async def quote_create(info: Info, lines: list[QuoteLineInput]) -> checkout.Quoted:
    """The same, locked for a while."""
    return await quotes.quote_create(info, lines)


async def order_place(
    info: Info,
    external_id: str,
    sku: str,
    quantity: int,
    max_unit_cost: MoneyInput,
    account: list[AccountEntryInput] | None = None,
    valid_until: datetime | None = None,
    quote_id: strawberry.ID | None = None,
) -> OrderOutcome:
    """A partner's purchase: its own id makes it happen once, for ever.

    After `valid_until` it does not begin: the partner may have bought elsewhere by then.
    """
    if valid_until is not None and valid_until <= clock.now():
        first = await orders.find_by_external_id(info.context.actor, external_id)
        if first is None:
            raise Refused(Invalid(reason="order_too_late", field=("validUntil",)))
        return OrderOutcome(first, replayed=True)
    here = await currency_here(info)
    limit = money_of(max_unit_cost, "maxUnitCost", currency=here).units
    wish = checkout.LineWish(
        sku=sku, quantity=quantity, max_price=limit, account=filled_in(account)
    )
    purchase = checkout.Purchase(
        (wish,),
        f"external:{external_id}",
        external_id=external_id,
        quote_id=quote_of(quote_id),
        currency=here,
    )
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


async def order_cards_reveal(
    info: Info, external_id: str, recipient_public_key: str | None = None
) -> Revealed:
    """The codes of a partner's order."""
    recipient = recipient_of(recipient_public_key)
    found = await orders.find_by_external_id(info.context.actor, external_id)
    missing = UUID(int=0)  # sounds like any order that is not the caller's
    actor, order_id = info.context.actor, found.id if found else missing
    return revealed_to(recipient, await orders.reveal_cards(actor, order_id, None))
