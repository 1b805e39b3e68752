"""How quotes are asked for, kept and shown."""

from uuid import UUID

import strawberry
from strawberry import Parent

from domain import checkout
from domain.checkout import LineWish, Quoted
from domain.kernel import Money, Prefix, decode_id, encode_id
from domain.quotes import QuotedLine
from resolvers.context import Info


@strawberry.input(description="One variant and how many pieces of it.")
class QuoteLineInput:
    sku: str
    quantity: int


async def quote(info: Info, lines: list[QuoteLineInput]) -> Quoted:
    """What the caller would pay now."""
    return await checkout.quote_lines(info.context.actor, _wishes(lines))


async def quote_create(info: Info, lines: list[QuoteLineInput]) -> Quoted:
    """What the caller would pay now, locked for a while."""
    return await checkout.keep_quote(info.context.actor, _wishes(lines))


def quote_of(quote_id: strawberry.ID | None) -> UUID | None:
    """The quote that an order is placed by."""
    return None if quote_id is None else decode_id(Prefix.QUOTE, quote_id, field=("quoteId",))


def public_id(quoted: Parent[Quoted]) -> strawberry.ID | None:
    """To order by; null when nothing is locked."""
    return None if quoted.id is None else strawberry.ID(encode_id(Prefix.QUOTE, quoted.id))


def total(quoted: Parent[Quoted]) -> Money:
    """All that is charged."""
    return Money(quoted.total, quoted.currency)


def unit_price(line: Parent[QuotedLine]) -> Money:
    """Of one piece."""
    return Money(line.unit_price, checkout.CURRENCY)


def line_total(line: Parent[QuotedLine]) -> Money:
    """Price times quantity."""
    return Money(line.total, checkout.CURRENCY)


def _wishes(lines: list[QuoteLineInput]) -> list[LineWish]:
    return [LineWish(line.sku, line.quantity) for line in lines]
