"""Quotes as buyers and partners see them."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import checkout
from domain.coupons import Why as CouponReason
from resolvers import charges as charge_resolvers
from resolvers import partner as partner_resolvers
from resolvers import quotes as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.charges import CHARGES, Charge
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.locale import reason_text
from schema.scalars import Money

ASKED = "What the caller would pay for these lines now. Locks nothing and changes nothing."
KEPT = (
    "Lock the prices of these lines for the caller until `validUntil`, for one order of just these"
    " lines: send its id as `quoteId` with the order. Stock is not held. What coupons take off is"
    " not locked: send them with the order again."
)


@strawberry.type(description="One line of a quote.")
@presents(resolvers.ShownLine)
class QuoteLine:
    sku: str
    quantity: int
    unit_price: Money = field(description="Before coupons.")
    discount: Money = field(description="What coupons take off all pieces together.")
    total: Money = field(description="After coupons.")


def _said(coupon: Parent[resolvers.QuotedCoupon], info: strawberry.Info) -> str | None:
    if coupon.reason is None:
        return None
    return reason_text(f"coupon_{coupon.reason.value}", info.context.language)


@strawberry.type(
    description="A coupon that was named, or a campaign that applies by itself or nearly does."
)
@presents(resolvers.QuotedCoupon)
class QuotedCoupon:
    code_at: int | None = field(description="Which of `couponCodes` it is, from 0.")
    id_at: int | None = field(description="Which of `couponIds` it is, from 0.")
    name: str | None = field(description="Null for a code that is none.")
    amount: Money | None = field(description="What it takes off; null: it does not apply.")
    reason: CouponReason | None = field(description="Why it does not apply; programs decide by it.")
    message: str | None = field(_said, description="The same in words.")
    missing: Money | None = field(description="For so much more it would apply.")


@strawberry.type(description="What a purchase costs. There are no fees beside it.")
@presents(checkout.Quoted)
class Quote:
    id: strawberry.ID | None = field(
        resolvers.public_id, description="To order by; null when nothing is locked."
    )
    lines: list[QuoteLine] = field(resolvers.lines_of, size=3)
    subtotal: Money = field(resolvers.subtotal, description="Before coupons.")
    discount_total: Money = field(resolvers.discount_total)
    coupons: list[QuotedCoupon] = field(resolvers.coupons_of, size=2)
    total: Money = field(resolvers.total, description="All that is charged.")
    charges: list[Charge] = field(charge_resolvers.charges_of_quote, size=2, description=CHARGES)
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
        rate=Rate(RateZone.COUPON, only_with="coupon_codes"),
        description=ASKED,
    )


@strawberry.type
class QuoteMutation:
    quote_create: QuotePayload = mutation(
        resolvers.quote_create,
        payload=QuotePayload,
        entity="quote",
        permissions=[SignedIn()],
        rate=Rate(RateZone.COUPON, only_with="coupon_codes"),
        description=KEPT,
    )


@strawberry.type
class QuotePartnerQuery:
    quote: QuotePayload = mutation(
        partner_resolvers.quote,
        payload=QuotePayload,
        entity="quote",
        permissions=[Scope("orders:read")],
        description=ASKED,
    )


@strawberry.type
class QuotePartnerMutation:
    quote_create: QuotePayload = mutation(
        partner_resolvers.quote_create,
        payload=QuotePayload,
        entity="quote",
        permissions=[Scope("orders:write")],
        description=KEPT,
    )
