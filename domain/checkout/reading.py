"""What READ found, in the words of the rules: the buyer, the shelf, the cards that were seen.

Nothing here asks the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from domain import agents, commissions, pricebook
from domain.catalog import WhenOut, from_rows
from domain.checkout.rules import RETAIL, BuyerFacts, ChainMember, Part, PlannedLine, Shelf
from domain.kernel import NotFound, Refused
from domain.priceguard import NO_MARGIN, Margin, margin_in, terms_in

LEVELS = (1, 2, 3)


@dataclass(slots=True)
class Sight:
    """Which of the tables that READ may leave out this process knows to hold rows, or to have held
    some: it never leaves them out again."""

    filled: frozenset[str] = frozenset()

    def learned(self, rows: Sequence[Any]) -> bool:
        """Whether READ found rows where it did not look; they are looked at from now on."""
        before = self.filled
        self.filled = before.union(rows[0]["filled"])
        return self.filled != before


sight = Sight()


@dataclass(slots=True)
class Seen:
    """The cards that READ looked at: those of the shelf by sku, and those that were chosen."""

    shelf: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    chosen: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def for_row(self, row: Any) -> int:
        """How many there are for a wish or a part, of which other lines may want some, too."""
        found = self.shelf if row["chosen"] is None else self.chosen
        return len(found[row["sku"]])

    def take(self, line: PlannedLine) -> list[dict[str, Any]]:
        """A line's cards; the next line of the variant gets others."""
        if not line.from_own_stock:
            return []
        if line.chosen is not None:
            return self.chosen[line.sku]
        left = self.shelf[line.sku]
        taken, left[: line.quantity] = left[: line.quantity], []
        return taken


def seen_in(rows: list[Any]) -> Seen:
    """What READ saw; a shared code once for each unit that is wanted of it."""
    seen = Seen()
    for row in rows:
        if row["chosen"] is not None:
            seen.chosen[row["sku"]] = orjson.loads(row["cards"])
        elif row["turn"] == 1:
            before, found = seen.shelf.get(row["sku"], []), _on_the_shelf(row)
            seen.shelf[row["sku"]] = max(before, found, key=len)
    picked = {card["id"] for cards in seen.chosen.values() for card in cards}
    if picked:
        for cards in seen.shelf.values():
            cards[:] = [card for card in cards if card["id"] not in picked]
    return seen


def _on_the_shelf(row: Any) -> list[dict[str, Any]]:
    if row["shared_card"] is None:
        found: list[dict[str, Any]] = orjson.loads(row["cards"])
        return found
    card = {**orjson.loads(row["shared_card"]), "unit_cost": 0, "shared": True}
    used = card.pop("used")
    return [
        {**card, "use": None if used is None else used + unit}
        for unit in range(1, row["wanted"] + 1)
    ]


def buyer_of(row: Any) -> BuyerFacts:
    """Who buys, at which tier, and who earns on it; refuses an account that is closed, and an
    agent that may not trade now (AGENT_BLOCKED)."""
    if row["buyer_id"] is None:
        raise Refused(NotFound(what="buyer"))
    is_agent = row["agent_id"] is not None
    if row["blocked"] is not None:
        raise Refused(agents.AgentBlocked(reason=row["blocked"]))
    # An agent buys for own stock at its tier's price, and nobody earns on that (row L11).
    chain = () if is_agent else _chain_of(row)
    return BuyerFacts(
        user_id=row["buyer_id"],
        tier=row["tier"] if is_agent else RETAIL,
        is_agent=is_agent,
        chain=chain,
        wallet_balance=row["balance"] or 0,
        promo_link=row["promo_link"] if chain else None,
    )


def _chain_of(row: Any) -> tuple[ChainMember, ...]:
    levels = [level for level in LEVELS if row[f"id{level}"] is not None]
    barred = agents.bar_above([row[f"barred{level}"] for level in levels])
    return tuple(
        ChainMember(row[f"id{level}"], level, row[f"tier{level}"], why)
        for level, why in zip(levels, barred, strict=True)
    )


def shelves_of(rows: list[Any], seen: Seen) -> dict[str, Shelf]:
    """The shelf of each wish, a bundle's with those of its parts."""
    parts: dict[str, list[Part]] = {}
    for row in rows:
        if row["bundle"] is not None:
            part = Part(
                position=row["part"],
                pieces=row["pieces"],
                share=row["share"],
                gift_from=row["gift_from"],
                when_out=WhenOut(row["when_out"]) if row["when_out"] else None,
                shelf=_shelf_of(row, seen.for_row(row), NO_MARGIN),
            )
            parts.setdefault(row["bundle"], []).append(part)
    margin = margin_in(rows[0]["margin"])
    return {
        row["sku"]: _shelf_of(row, seen.for_row(row), margin, parts.get(row["sku"], ()))
        for row in rows
        if row["bundle"] is None
    }


def _paid_up(row: Any, prices: dict[str, int]) -> tuple[int | None, ...]:
    """What the agents above pay; by the list alone where READ left out that they have prices of
    their own."""
    if row["own_prices"] is not None:
        return pricebook.paid_up(orjson.loads(row["own_prices"]))
    if not prices:
        return ()
    there = [level for level in LEVELS if row[f"id{level}"] is not None]
    agents_above = [(row[f"tier{level}"], row[f"leaf{level}"]) for level in there]
    return pricebook.paid_up(pricebook.own_by_list(prices, agents_above))


def _shelf_of(row: Any, own_cards: int, margin: Margin, parts: Sequence[Part] = ()) -> Shelf:
    prices: dict[str, int] = orjson.loads(row["prices"]) if row["prices"] else {}
    return Shelf(
        sku=row["sku"],
        variant_id=row["variant_id"],
        for_sale=row["for_sale"],
        withheld=row["withheld"],
        delivery_kind=row["delivery_kind"] or "",
        min_quantity=row["min_quantity"] or 1,
        max_quantity=row["max_quantity"] or 1,
        sold_below_cost=bool(row["sold_below_cost"]),
        prices=prices,
        paid_up=_paid_up(row, prices),
        rules=commissions.read_rules(orjson.loads(row["rules"])),
        own_cards=own_cards,
        shared=row["shared_card"] is not None,
        offer_cost=row["offer_cost"],
        margin=margin,
        least_price=terms_in(row["resale_terms"]).least_price(row["face"]),
        parts=tuple(sorted(parts, key=lambda part: part.position)),
        type_id=row["type_id"],
        type_version=row["type_version"] or 0,
        account_fields=from_rows(orjson.loads(row["account_fields"] or "[]")),
    )
