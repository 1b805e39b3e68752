"""Judging prices that somebody wants to save, and what is known of the variants (rows D7, E5)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain.agents import Tier
from domain.kernel import Connection, Money, Refusal, clock
from domain.priceguard.models import GuardAction
from domain.priceguard.refusals import DiscountTooLarge, PriceBelowFloor
from domain.priceguard.rules import (
    NO_MARGIN,
    NO_TERMS,
    Below,
    Facts,
    Margin,
    Terms,
    below_floor,
    floor_for,
)
from domain.priceguard.statements import FACTS, GUARDS
from domain.suppliers import CURRENCY

TIERS = tuple(tier.value for tier in Tier)  # dearest first


@dataclass(frozen=True, slots=True)
class Guard:
    """What counts for one tier at one site."""

    margin: Margin = NO_MARGIN
    action: GuardAction = GuardAction.REJECT


@dataclass(frozen=True, slots=True)
class Offered:
    """A price as somebody wants to save it; `struck_out` is shown beside it."""

    tier: str
    price: int
    struck_out: int | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """All that is needed to judge prices of some variants on one list."""

    currency: str
    facts: Mapping[UUID, Facts]
    guards: Mapping[str, Guard]

    def floor(self, variant_id: UUID, tier: str) -> int:
        """The least price for a tier, in units; 0: anything. A list in another currency has none:
        costs are in the currency of the shop."""
        facts = self.facts.get(variant_id)
        if facts is None or self.currency != CURRENCY:
            return 0
        return floor_for(facts, tier, self.guards[tier].margin)

    def below(self, variant_id: UUID, prices: Iterable[tuple[str, int]]) -> list[Below]:
        """Which of these prices stand below their floor."""
        facts = self.facts.get(variant_id)
        if facts is None or self.currency != CURRENCY:
            return []
        margins = {tier: guard.margin for tier, guard in self.guards.items()}
        return below_floor(facts, prices, margins)

    def refusals(
        self, variant_id: UUID, offered: Sequence[Offered]
    ) -> tuple[dict[str, Refusal], list[Below]]:
        """What forbids each price, by tier; and those of them that are below their floor."""
        below = self.below(variant_id, [(each.tier, each.price) for each in offered])
        found: dict[str, Refusal] = {}
        facts = self.facts.get(variant_id)
        if facts is None:
            return found, below
        for each in offered:
            if facts.terms.exaggerates(each.price, each.struck_out, facts.face):
                most = (facts.terms.max_discount_rate or 0) / 100
                place = "amount" if each.struck_out is None else "compareAt"
                found[each.tier] = DiscountTooLarge(
                    sku=facts.sku, tier=each.tier, most=f"{most:g}", field=(place,)
                )
        for low in below:
            floor = Money(low.floor, self.currency)
            found[low.tier] = PriceBelowFloor(
                sku=facts.sku, tier=low.tier, floor=floor, field=("amount",)
            )
        return found, below


async def judge_of(
    conn: Connection, variant_ids: Sequence[UUID], currency: str, site_id: UUID | None
) -> Judge:
    """What is known of variants, and the guards of a list's site (None: of all sites), as the
    caller's transaction sees them; two statements."""
    rows = await conn.fetch(FACTS, list(variant_ids), clock.now(), currency)
    guards = await guards_of(conn, site_id)
    return Judge(currency, {row["id"]: _facts(row) for row in rows}, guards)


async def guards_of(conn: Connection, site_id: UUID | None) -> dict[str, Guard]:
    """The guard of each tier on a site's lists, or on the lists of all sites."""
    rows = await conn.fetch(GUARDS, site_id, list(TIERS))
    found = {tier: Guard() for tier in TIERS}
    for tier, rate, least, action in rows:
        found[tier] = Guard(Margin(rate, least), GuardAction(action))
    return found


def margin_in(told: str | None) -> Margin:
    """The margin that `MARGIN_OF` read."""
    return Margin(*orjson.loads(told)) if told else NO_MARGIN


def terms_in(told: str | None) -> Terms:
    """The terms that `TERMS_OF` read."""
    return Terms(*orjson.loads(told)) if told else NO_TERMS


def _facts(row: Any) -> Facts:
    return Facts(
        row["id"], row["sku"], row["guarded"], row["cost"], row["face"], terms_in(row["terms"])
    )
