"""Coupons on a basket: what READ found becomes lower prices of its lines (mission rows J1, J15).

What comes off is in the price of each line from here on, so
that whoever works with prices afterwards (the floor, the wallet, the books, commissions) need not
know of coupons; a line that does not divide by its pieces becomes two (docs/coupons.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import asyncpg

from domain import coupons
from domain.checkout.rules import BuyerFacts, PlannedLine, Purchase
from domain.coupons import Asked, DiscountBearer, Item, Why
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Money,
    Refusal,
    Refused,
    connection,
    crash_point,
    refuse_unless,
    share_out,
    transaction,
    wake_relay,
)
from domain.orders import Order, OrderStatus, lock_order

MOST_LINES = 90  # of one order, once prices that do not divide have parted some
_TO_GIVE_BACK = """
SELECT DISTINCT u.order_id FROM coupon_uses u JOIN orders o ON o.id = u.order_id
WHERE u.state = 'used' AND u.given_back AND o.status = 'REFUNDED' LIMIT $1
"""
_GONE = frozenset({Why.USED, Why.EXHAUSTED})


@dataclass(slots=True)
class Basket:
    """Planned lines at the prices that are paid, and the coupons behind them.

    `off`: of each coupon that applies, in its order, what it took off which line, by position, in
    the buyer's currency.
    """

    planned: list[PlannedLine]
    asked: Asked = coupons.NOTHING
    off: list[dict[int, int]] = field(default_factory=list)

    def uses(self, line_ids: Mapping[int, UUID], buyer: BuyerFacts) -> list[coupons.Use]:
        """What the order keeps of its coupons."""
        parts = [
            {line_ids[position]: amount for position, amount in of_lines.items()}
            for of_lines in self.off
        ]
        house = sum(line.discount for line in self.planned)
        applied = self.asked.outcome.applied
        return coupons.drafted(applied, parts, house, agents=_agents_earn(buyer))


def couponed(
    planned: list[PlannedLine], purchase: Purchase, buyer: BuyerFacts, found: str | None
) -> Basket:
    """The lines with what `found`, as READ has it, takes off them; as they are without."""
    if found is None:
        return Basket(planned)
    items = [_item(line, purchase) for line in planned]
    asked = coupons.ask(
        found,
        purchase.coupons,
        items,
        buyer.tier,
        purchase.currency,
        automatic=purchase.automatic,
    )
    if not asked.outcome.applied:
        return Basket(planned, asked)
    lines, off = _lowered(planned, items, asked, purchase, buyer)
    return Basket(lines, asked, off)


def refuse_wrong(basket: Basket, purchase: Purchase) -> None:
    """Each coupon that the buyer named applies, or the order is refused with every reason. Wrong
    codes are told apart from the rest by `WrongCodes`, which counts them."""
    asked = basket.asked
    refuse_unless(not (asked.locked and purchase.coupons.codes), coupons.CouponsLocked())
    if asked.unknown:
        raise WrongCodes([purchase.coupons.place_of(place) for place in asked.unknown])
    refusals = [
        _refusal(each, purchase)
        for each in asked.outcome.rejected
        if each.candidate.facts.place is not None
    ]
    if refusals:
        raise Refused(*refusals)


class WrongCodes(Exception):
    """Coupons that are none, or not the caller's: they are counted once no connection is held."""

    def __init__(self, places: list[tuple[str, ...]]) -> None:
        super().__init__(len(places))
        self.places = places


def price_floor(purchase: Purchase) -> Refusal:
    """A coupon that the buyer named would bring a line below what it may be sold for."""
    named = "couponCodes" if purchase.coupons.codes else "couponIds"
    return coupons.CouponIneligible(reason=f"coupon_{Why.PRICE_FLOOR.value}", field=(named,))


def _refusal(rejected: coupons.Rejected, purchase: Purchase) -> Refusal:
    place = purchase.coupons.place_of(rejected.candidate.facts.place)
    if rejected.why is Why.NOT_ACCEPTED:
        return coupons.CouponNotAccepted(field=place)
    if rejected.why in _GONE:
        return coupons.CouponExhausted(field=place)
    missing = None
    if rejected.why is Why.BELOW_MINIMUM and rejected.missing is not None:
        missing = Money(rejected.missing, purchase.currency)
    reason = f"coupon_{rejected.why.value}"
    return coupons.CouponIneligible(reason=reason, missing=missing, field=place)


def _item(line: PlannedLine, purchase: Purchase) -> Item:
    """A line as coupons see it; the parts of a bundle are called by the bundle's sku."""
    gift = line.bundle is not None and line.bundle.gift
    return Item(
        purchase.lines[line.place].sku,
        line.quantity,
        line.unit_price,
        open=not (line.stored_value or gift),
        part=line.bundle is not None,
    )


def _lowered(
    planned: Sequence[PlannedLine],
    items: Sequence[Item],
    asked: Asked,
    purchase: Purchase,
    buyer: BuyerFacts,
) -> tuple[list[PlannedLine], list[dict[int, int]]]:
    applied = asked.outcome.applied
    agents = _agents_earn(buyer)
    lines: list[PlannedLine] = []
    off: list[dict[int, int]] = [{} for _ in applied]
    borne: list[list[int]] = [[] for _ in applied]
    for place, (line, item) in enumerate(zip(planned, items, strict=True)):
        taken = [each.parts[place] for each in applied]
        for piece in coupons.pieces_of(item, taken, purchase.currency):
            position = len(lines)
            lines.append(_line(line, piece, position))
            for number, part in enumerate(piece.off):
                borne[number].append(part)
                if part:
                    off[number][position] = part
    many = Invalid(reason="order_lines_expanded", field=("lines",))
    refuse_unless(len(lines) <= MOST_LINES, many)
    for each, parts in zip(applied, borne, strict=True):
        shares = coupons.shares_of(each.candidate.facts, agents=agents)
        of_agent = coupons.borne(each.amount, shares)[DiscountBearer.AGENT]
        for line, share in zip(lines, share_out(of_agent, parts), strict=True):
            line.agent_bears += share
    return lines, off


def _line(line: PlannedLine, piece: coupons.Piece, position: int) -> PlannedLine:
    if not piece.discount:
        return replace(line, position=position, quantity=piece.quantity)
    return replace(
        line,
        position=position,
        quantity=piece.quantity,
        unit_price=piece.unit_price,
        max_unit_cost=line.margin.most_cost(piece.unit_price),
        discount=piece.discount,
    )


def _agents_earn(buyer: BuyerFacts) -> bool:
    """Whether anybody is there to bear an agent's share: the nearest one, who earns."""
    return bool(buyer.chain) and buyer.chain[0].barred is None


def saw_automatic(rows: Sequence[Any]) -> bool:
    """Whether campaigns apply by themselves, as READ says; this process remembers it."""
    coupons.sight.automatic = bool(rows[0]["automatic"])
    return coupons.sight.automatic


def use_claims(actor: Actor, purchase: Purchase, uses: Sequence[coupons.Use]) -> dict[str, Any]:
    """The parameters of the uses in WRITE."""
    device = coupons.device_of(actor)
    return coupons.use_columns(uses, purchase.currency, coupons.UseState.USED, device)


async def refuse_codes(actor: Actor, wrong: WrongCodes) -> Refused:
    """Count the codes that came to nothing; one answer for each of them."""
    await coupons.note_wrong(actor, len(wrong.places))
    return Refused(*(coupons.CouponNotAccepted(field=place) for place in wrong.places))


async def record_uses(
    conn: Connection,
    actor: Actor,
    purchase: Purchase,
    order: Order,
    uses: Sequence[coupons.Use],
    state: coupons.UseState,
) -> None:
    """Take the coupons of an order that stands in the caller's transaction; whoever was slower is
    refused (COUPON_EXHAUSTED)."""
    if not uses:
        return
    try:
        await coupons.record_uses(
            conn,
            uses,
            order.id,
            order.buyer_id,
            order.placed_at,
            purchase.currency,
            state,
            coupons.device_of(actor),
        )
    except (asyncpg.UniqueViolationError, asyncpg.CheckViolationError) as error:
        if not coupons.is_taken(error):
            raise
        raise Refused(coupons.CouponExhausted()) from error


async def give_back_coupons(order_id: UUID) -> int:
    """Coupons of an order all of whose money went back are good again, where their campaigns say
    so; how many. Any number of times, by anybody."""
    async with transaction() as conn:
        order = await lock_order(conn, order_id)
        if order.status is not OrderStatus.REFUNDED:
            return 0
        given = await coupons.give_back(conn, order_id)
        crash_point("coupons.given_back")
    if given:
        wake_relay()
    return given


async def coupons_to_give_back(limit: int) -> list[UUID]:
    """Orders all of whose money went back, whose coupons did not yet."""
    async with connection() as conn:
        return [row["order_id"] for row in await conn.fetch(_TO_GIVE_BACK, limit)]
