"""How amounts of orders are answered that were paid in another currency, and exchange rates."""

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import orders, pricing, refunds, sites
from domain.checkout import CURRENCY
from domain.kernel import Money, Page, Prefix, encode_id, page_request
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info


async def currency_here(info: Info) -> str:
    """The currency of the site that the caller is at; from memory."""
    return (await sites.get_site(info.context.actor.site_id)).currency


def as_paid(
    info: Info, order_id: UUID, house: Money, pick: Callable[[orders.Exchange], Money]
) -> AtOnceOrLater[Money]:
    """An amount of an order in the currency that it was paid in; nothing is read for it where no
    site sells in another."""
    if sites.all_sell_in(CURRENCY):
        return house
    found = info.context.loaders.exchanges
    return found.get_from(order_id, lambda paid: house if paid is None else pick(paid))


def exchange_of_order(
    order: Parent[orders.Order], info: Info
) -> AtOnceOrLater[orders.Exchange | None]:
    """What it costs its buyer, when that is not the house's currency."""
    if sites.all_sell_in(CURRENCY):
        return None
    return info.context.loaders.exchanges.get(order.id)


def paid_total(paid: Parent[orders.Exchange]) -> Money:
    """What its buyer paid."""
    return Money(paid.total, paid.currency)


def rate_of_exchange(paid: Parent[orders.Exchange]) -> Decimal:
    """The rate of the sale."""
    return Decimal(paid.rate) / pricing.RATE_SCALE


async def amount_of_refund(refund: Parent[refunds.ShownRefund], info: Info) -> Money:
    """What its buyer gets back."""
    if sites.all_sell_in(CURRENCY):
        return refund.amount
    return await info.context.loaders.given_back.load(refund.id) or refund.amount


async def exchange_rates(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[pricing.ExchangeRate]:
    """All rates, newest first (back office)."""
    page = page_request("exchangeRates", first, after)
    return await pricing.list_rates(info.context.actor, page)


async def exchange_rate_set(
    info: Info, currency: str, rate: Decimal, days: int = 30, note: str = ""
) -> pricing.ExchangeRate:
    """Set what a currency is worth (back office)."""
    wish = pricing.RateWish(currency, rate, days, note)
    return await pricing.set_rate(info.context.actor, wish)


def rate_as_decimal(rate: Parent[pricing.ExchangeRate]) -> Decimal:
    """What one unit is worth."""
    return Decimal(rate.rate) / pricing.RATE_SCALE


def set_by(rate: Parent[pricing.ExchangeRate]) -> strawberry.ID | None:
    """The operator who set it."""
    return None if rate.set_by is None else strawberry.ID(encode_id(Prefix.USER, rate.set_by))
