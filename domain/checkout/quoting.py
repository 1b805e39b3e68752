"""Quotes: what a purchase would cost, line by line, and its prices locked for a while (row E6).

What is quoted is what is charged: there are no fees beside the lines, and a wallet and every
payment channel take exactly the total. A quote that is kept locks prices before coupons; what
coupons take off is reckoned again with the order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain import quotes
from domain.checkout.looking import look
from domain.checkout.rules import LineWish, Purchase
from domain.checkout.writing import CURRENCY
from domain.coupons import NO_COUPONS, NOTHING, Asked, NamedCoupons
from domain.kernel import Actor, Invalid, refuse_unless
from domain.quotes import QuotedLine


@dataclass(frozen=True, slots=True)
class Quoted:
    """The answer for one buyer; `id` and `valid_until` are there when its prices are locked. `off`
    is what coupons take off each line; `total` is after that."""

    lines: Sequence[QuotedLine]
    currency: str
    total: int
    id: UUID | None = None
    valid_until: datetime | None = None
    off: Sequence[int] = ()
    asked: Asked = NOTHING
    coupons: NamedCoupons = NO_COUPONS


async def quote_lines(
    actor: Actor,
    wishes: Sequence[LineWish],
    currency: str = CURRENCY,
    coupons: NamedCoupons = NO_COUPONS,
) -> Quoted:
    """What the caller would pay at this moment, and which coupons apply. Locks nothing.

    Refuses what could not be bought: not for sale, out of range, short of stock, below cost.
    """
    purchase = Purchase(tuple(wishes), idempotency_key="", currency=currency, coupons=coupons)
    looked = await look(actor, purchase)
    lines = [QuotedLine(each.sku, each.quantity, looked.prices[each.sku]) for each in wishes]
    off = [looked.off.get(each.sku, 0) for each in wishes]
    total = sum(line.total for line in lines) - sum(off)
    return Quoted(lines, currency, total, off=off, asked=looked.asked, coupons=coupons)


async def keep_quote(
    actor: Actor,
    wishes: Sequence[LineWish],
    currency: str = CURRENCY,
    coupons: NamedCoupons = NO_COUPONS,
) -> Quoted:
    """The same, with its prices locked for the caller: one order may be placed by it in time.

    Refuses at a site of another currency, whose rate may change meanwhile.
    """
    refuse_unless(currency == CURRENCY, Invalid(reason="quote_currency"))
    quoted = await quote_lines(actor, wishes, currency, coupons)
    kept = await quotes.keep_quote(actor, quoted.lines, quoted.currency)
    return replace(quoted, id=kept.id, valid_until=kept.valid_until)
