"""Quotes as buyers and partners see them."""

from datetime import datetime

import strawberry

from domain import checkout, quotes
from resolvers import quotes as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.scalars import Money

ASKED = "What the caller would pay for these lines now. Locks nothing and changes nothing."
KEPT = (
    "Lock the prices of these lines for the caller until `validUntil`, for one order of just these"
    " lines: send its id as `quoteId` with the order. Stock is not held."
)


@strawberry.type(description="One line of a quote.")
@presents(quotes.QuotedLine)
class QuoteLine:
    sku: str
    quantity: int
    unit_price: Money = field(resolvers.unit_price)
    total: Money = field(resolvers.line_total)


@strawberry.type(description="What a purchase costs. There are no fees beside it.")
@presents(checkout.Quoted)
class Quote:
    id: strawberry.ID | None = field(
        resolvers.public_id, description="To order by; null when nothing is locked."
    )
    lines: list[QuoteLine] = field(size=3)
    total: Money = field(resolvers.total, description="All that is charged.")
    valid_until: datetime | None = field(description="Null when nothing is locked.")


@strawberry.type
class QuotePayload:
    quote: Quote | None
    user_errors: list[UserError]


@strawberry.type
class QuoteQuery:
    quote: QuotePayload = mutation(
        resolvers.quote,
        payload=QuotePayload,
        entity="quote",
        permissions=[SignedIn()],
        description=ASKED,
    )


@strawberry.type
class QuoteMutation:
    quote_create: QuotePayload = mutation(
        resolvers.quote_create,
        payload=QuotePayload,
        entity="quote",
        permissions=[SignedIn()],
        description=KEPT,
    )


@strawberry.type
class QuotePartnerQuery:
    quote: QuotePayload = mutation(
        resolvers.quote,
        payload=QuotePayload,
        entity="quote",
        permissions=[Scope("orders:read")],
        description=ASKED,
    )


@strawberry.type
class QuotePartnerMutation:
    quote_create: QuotePayload = mutation(
        resolvers.quote_create,
        payload=QuotePayload,
        entity="quote",
        permissions=[Scope("orders:write")],
        description=KEPT,
    )
