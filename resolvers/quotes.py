"""How quotes are asked for, kept and shown."""

from dataclasses import dataclass
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import checkout, coupons
from domain.checkout import LineWish, Quoted
from domain.coupons import Why
from domain.kernel import Money, Prefix, decode_id, encode_id
from resolvers.context import Info
from resolvers.exchange import currency_here


@strawberry.input(description="One variant and how many pieces of it.")
class QuoteLineInput:
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ShownLine:
    """One line of a quote, and what coupons take off it."""

    sku: str
    quantity: int
    unit_price: Money
    discount: Money
    total: Money


@dataclass(frozen=True, slots=True)
class QuotedCoupon:
    """What became of a coupon; `code_at` and `id_at` say which of those that were sent it is."""

    code_at: int | None
    id_at: int | None
    name: str | None
    amount: Money | None
    reason: Why | None
    missing: Money | None


# Nobody asked for it, and nothing more that is bought makes it apply.
_OF_NO_INTEREST = frozenset(Why) - {Why.BELOW_MINIMUM, Why.TOO_FEW, Why.NOT_TOGETHER}


async def quote(
    info: Info,
    lines: list[QuoteLineInput],
    coupon_codes: list[str] | None = None,
    coupon_ids: list[strawberry.ID] | None = None,
) -> Quoted:
    """What the caller would pay now."""
    here, given = await currency_here(info), named_coupons(coupon_codes, coupon_ids)
    return await checkout.quote_lines(info.context.actor, _wishes(lines), here, given)


async def quote_create(
    info: Info,
    lines: list[QuoteLineInput],
    coupon_codes: list[str] | None = None,
    coupon_ids: list[strawberry.ID] | None = None,
) -> Quoted:
    """What the caller would pay now, locked for a while."""
    here, given = await currency_here(info), named_coupons(coupon_codes, coupon_ids)
    return await checkout.keep_quote(info.context.actor, _wishes(lines), here, given)


def named_coupons(codes: list[str] | None, ids: list[strawberry.ID] | None) -> coupons.NamedCoupons:
    """The coupons that a buyer names."""
    claimed = tuple(
        decode_id(Prefix.COUPON, each, field=("couponIds", str(place)))
        for place, each in enumerate(ids or ())
    )
    return coupons.NamedCoupons(tuple(codes or ()), claimed)


def quote_of(quote_id: strawberry.ID | None) -> UUID | None:
    """The quote that an order is placed by."""
    return None if quote_id is None else decode_id(Prefix.QUOTE, quote_id, field=("quoteId",))


def public_id(quoted: Parent[Quoted]) -> strawberry.ID | None:
    """To order by; null when nothing is locked."""
    return None if quoted.id is None else strawberry.ID(encode_id(Prefix.QUOTE, quoted.id))


def total(quoted: Parent[Quoted]) -> Money:
    """All that is charged."""
    return Money(quoted.total, quoted.currency)


def subtotal(quoted: Parent[Quoted]) -> Money:
    """Before coupons."""
    return Money(quoted.total + sum(quoted.off), quoted.currency)


def discount_total(quoted: Parent[Quoted]) -> Money:
    """What coupons take off in all."""
    return Money(sum(quoted.off), quoted.currency)


def lines_of(quoted: Parent[Quoted]) -> list[ShownLine]:
    """The lines with what coupons take off them."""
    off = quoted.off or [0] * len(quoted.lines)
    return [
        ShownLine(
            line.sku,
            line.quantity,
            Money(line.unit_price, quoted.currency),
            Money(taken, quoted.currency),
            Money(line.total - taken, quoted.currency),
        )
        for line, taken in zip(quoted.lines, off, strict=True)
    ]


def coupons_of(quoted: Parent[Quoted], info: Info) -> list[QuotedCoupon]:
    """Each coupon that was named, and what applies by itself or nearly does: what it takes off, or
    why not."""
    asked, currency = quoted.asked, quoted.currency
    locked = asked.locked and bool(quoted.coupons.codes)
    language = info.context.language
    found = [
        _shown(each.candidate, quoted, language, Money(each.amount, currency), None, None)
        for each in asked.outcome.applied
        if not locked
    ]
    for each in asked.outcome.rejected:
        named = each.candidate.facts.place is not None
        if not named and each.why in _OF_NO_INTEREST:
            continue
        money = each.why is Why.BELOW_MINIMUM and each.missing is not None
        missing = Money(each.missing or 0, currency) if money else None
        found.append(_shown(each.candidate, quoted, language, None, each.why, missing))
    unknown = [_unknown(quoted, place) for place in asked.unknown]
    return [*found, *unknown]


def _shown(
    candidate: coupons.Candidate,
    quoted: Quoted,
    language: str,
    amount: Money | None,
    why: Why | None,
    missing: Money | None,
) -> QuotedCoupon:
    facts = candidate.facts
    where = None if facts.place is None else quoted.coupons.place_of(facts.place)
    secret = why is Why.NOT_ACCEPTED
    name = None if secret else facts.name_zh if language == "zh" else facts.name_en
    return QuotedCoupon(_code_at(where), _id_at(where), name, amount, why, missing)


def _unknown(quoted: Quoted, place: int) -> QuotedCoupon:
    where = quoted.coupons.place_of(place)
    return QuotedCoupon(_code_at(where), _id_at(where), None, None, Why.NOT_ACCEPTED, None)


def _code_at(where: tuple[str, ...] | None) -> int | None:
    return int(where[1]) if where is not None and where[0] == "couponCodes" else None


def _id_at(where: tuple[str, ...] | None) -> int | None:
    return int(where[1]) if where is not None and where[0] == "couponIds" else None


def _wishes(lines: list[QuoteLineInput]) -> list[LineWish]:
    return [LineWish(line.sku, line.quantity) for line in lines]
