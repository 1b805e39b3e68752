"""Pure rules of the price guard. Amounts in units of 1/10000 for one piece, rates in 1/10000."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

RETAIL = "retail"
WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class Margin:
    """How much a sale must bring in beyond its cost: a share of the cost, or so many units for each
    piece, whichever is more (rows D7, E5)."""

    rate: int = 0
    least: int = 0

    def floor(self, cost: int, pieces: int = 1) -> int:
        """The least that goods of this cost may be sold for, all pieces together."""
        return cost + max(-(-cost * self.rate // WHOLE), self.least * pieces)

    def most_cost(self, price: int, pieces: int = 1) -> int:
        """The most that goods may cost which are sold at this price; never below zero."""
        return max(0, min(price - self.least * pieces, price * WHOLE // (WHOLE + self.rate)))


NO_MARGIN = Margin()


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of resale; see `ResaleTerms`."""

    min_price: int | None = None
    min_face_rate: int | None = None
    max_discount_rate: int | None = None

    def least_price(self, face: int | None) -> int:
        """The least that one piece may be offered for to whoever uses it; 0: anything."""
        share = 0
        if face is not None and self.min_face_rate is not None:
            share = -(-face * self.min_face_rate // WHOLE)
        return max(share, self.min_price or 0)

    def exaggerates(self, price: int, struck_out: int | None, face: int | None) -> bool:
        """Whether a price would be shown with a larger discount than allowed: against what is
        struck out beside it, which is never above the face value, or against the face value."""
        if self.max_discount_rate is None:
            return False
        if struck_out is not None and face is not None and struck_out > face:
            return True
        kept = WHOLE - self.max_discount_rate
        return any(
            price * WHOLE < before * kept for before in (struck_out, face) if before is not None
        )


NO_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a guard knows of a variant. `cost` is what the dearest card in stock, or else the
    cheapest offer, costs, whichever is more; None when there is neither."""

    variant_id: UUID
    sku: str
    guarded: bool  # its costs count: it has some, and nobody allowed to sell it at a loss
    cost: int | None
    face: int | None  # in the currency of the shop
    terms: Terms


@dataclass(frozen=True, slots=True)
class Below:
    """A price below its floor."""

    variant_id: UUID
    tier: str
    price: int
    cost: int
    floor: int
    pieces: int = 1

    @property
    def prevented(self) -> int:
        """What selling these pieces would have lost."""
        return max(0, self.cost - self.price) * self.pieces


def floor_for(facts: Facts, tier: str, margin: Margin) -> int:
    """The least price of a variant for a tier: its cost with the margin, and for whoever uses the
    goods, not for agents, the least price of resale. 0: anything."""
    of_cost = margin.floor(facts.cost) if facts.guarded and facts.cost is not None else 0
    of_terms = facts.terms.least_price(facts.face) if tier == RETAIL else 0
    return max(of_cost, of_terms)


def below_floor(
    facts: Facts, prices: Iterable[tuple[str, int]], margins: Mapping[str, Margin]
) -> list[Below]:
    """Which of the prices, by tier, stand below their floor."""
    found = []
    for tier, price in prices:
        floor = floor_for(facts, tier, margins[tier])
        if price < floor:
            found.append(Below(facts.variant_id, tier, price, facts.cost or 0, floor))
    return found


def raised(
    prices: Mapping[str, int], floors: Mapping[str, int], tiers: Iterable[str], step: int
) -> dict[str, int]:
    """Prices lifted to their floors, `tiers` from the best to the dearest: no tier pays less than a
    better one, and what is lifted of retail can be charged (a multiple of `step` units)."""
    after: dict[str, int] = {}
    least = 0
    for tier in tiers:
        if tier not in prices:
            continue
        wanted = max(prices[tier], floors.get(tier, 0), least)
        if wanted != prices[tier] and tier == RETAIL:
            wanted = -(-wanted // step) * step
        after[tier] = least = wanted
    return after
