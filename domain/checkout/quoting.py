"""Quotes: what a purchase would cost, line by line, and its prices locked for a while (row E6).

What is quoted is what is charged: there are no fees beside the lines, and a wallet and every
payment channel take exactly the total.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import quotes
from domain.checkout.rules import LineWish, Purchase
from domain.checkout.service import look
from domain.checkout.writing import CURRENCY
from domain.kernel import Actor
from domain.quotes import QuotedLine


@dataclass(frozen=True, slots=True)
class Quoted:
    """The answer for one buyer; `id` and `valid_until` are there when its prices are locked."""

    lines: Sequence[QuotedLine]
    currency: str
    total: int
    id: UUID | None = None
    valid_until: datetime | None = None


async def quote_lines(actor: Actor, wishes: Sequence[LineWish]) -> Quoted:
    """What the caller would pay at this moment. Locks nothing, writes nothing.

    Refuses what could not be bought: not for sale, out of range, short of stock, below cost.
    """
    prices = await look(actor, Purchase(tuple(wishes), idempotency_key=""))
    lines = [QuotedLine(each.sku, each.quantity, prices[each.sku]) for each in wishes]
    return Quoted(lines, CURRENCY, sum(line.total for line in lines))


async def keep_quote(actor: Actor, wishes: Sequence[LineWish]) -> Quoted:
    """The same, with its prices locked for the caller: one order may be placed by it in time."""
    quoted = await quote_lines(actor, wishes)
    kept = await quotes.keep_quote(actor, quoted.lines, quoted.currency)
    return Quoted(quoted.lines, quoted.currency, quoted.total, kept.id, kept.valid_until)
