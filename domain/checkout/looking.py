"""What a purchase would cost, for whoever only asks: READ and the rules.

Nothing is written but that codes came to nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from domain import coupons
from domain.checkout.couponing import Basket, couponed
from domain.checkout.exchanging import exchanged
from domain.checkout.guards import refuse_below_cost
from domain.checkout.planning import plan
from domain.checkout.reading import buyer_of, seen_in, shelves_of
from domain.checkout.refusals import BelowFloor
from domain.checkout.rules import Purchase, check_wishes, listed_price, unfilled
from domain.checkout.service import read
from domain.coupons import Asked, Outcome, Rejected, Why
from domain.kernel import Actor, clock, connection


@dataclass(frozen=True, slots=True)
class Looked:
    """The unit price of each sku before coupons, what these take off all pieces of it, and what
    became of each of them."""

    prices: Mapping[str, int]
    off: Mapping[str, int]
    asked: Asked


async def look(actor: Actor, purchase: Purchase) -> Looked:
    """What the caller would pay now. Looks at no wallet.

    Refuses as `place_order` does, but for the fields that a buyer fills in, which are not asked
    for, and for coupons: of each it says why it does not apply. Where prices after coupons are
    below the floor, those that apply by themselves go first, and then all.
    """
    check_wishes(purchase.lines)
    purchase.coupons.check()
    async with connection() as conn:
        rows = await read(conn, actor, purchase, clock.now())
    looked = _look(purchase, rows)
    if looked.asked.unknown and not looked.asked.locked:
        await coupons.note_wrong(actor, len(looked.asked.unknown))
    return looked


def _look(purchase: Purchase, rows: list[Any]) -> Looked:
    found = rows[0].get("coupons")
    try:
        return _priced(purchase, rows, found)
    except BelowFloor:
        if found is None:
            raise
    try:
        return _priced(replace(purchase, automatic=False), rows, found)
    except BelowFloor:
        plain = _priced(purchase, rows, None)
    basket = _basket(replace(purchase, automatic=False), rows, found)[0]
    outcome = basket.asked.outcome
    low = tuple(Rejected(each.candidate, Why.PRICE_FLOOR) for each in outcome.applied)
    asked = replace(basket.asked, outcome=Outcome(rejected=(*outcome.rejected, *low)))
    return replace(plain, asked=asked)


def _priced(purchase: Purchase, rows: list[Any], found: str | None) -> Looked:
    basket, prices = _basket(purchase, rows, found)
    off: dict[str, int] = {}
    for of_lines in basket.off:
        for position, amount in of_lines.items():
            sku = purchase.lines[basket.planned[position].place].sku
            off[sku] = off.get(sku, 0) + amount
    exchanged(basket.planned, purchase.currency, rows[0].get("exchange"))
    seen = seen_in(rows)
    costs = {
        line.position: [card["unit_cost"] for card in seen.take(line)] for line in basket.planned
    }
    refuse_below_cost(basket.planned, costs)
    return Looked(prices, off, basket.asked)


def _basket(
    purchase: Purchase, rows: list[Any], found: str | None
) -> tuple[Basket, dict[str, int]]:
    buyer = buyer_of(rows[0])
    shelves = {
        sku: replace(unfilled(shelf), locked=listed_price(shelf, buyer))
        for sku, shelf in shelves_of(rows, seen_in(rows)).items()
    }
    planned = plan(purchase.lines, shelves, buyer, purchase.currency)
    prices = {sku: shelf.locked for sku, shelf in shelves.items() if shelf.locked is not None}
    return couponed(planned, purchase, buyer, found), prices
