"""What may be said of a price to buyers: on posters, in feeds (mission row E5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain import priceguard, pricing
from domain.kernel import MAIN_SITE_ID, Money, connection
from domain.pricebook.rules import WHOLE
from domain.pricing import SHOP_CURRENCY


@dataclass(frozen=True, slots=True)
class Advertised:
    """A price as it may be shown: what a buyer really pays; what is struck out beside it, and how
    much less that is, in 1/10000. Without `struck_out` no discount may be spoken of."""

    variant_id: UUID
    price: Money
    struck_out: Money | None
    discount_rate: int


async def advertised(
    variant_ids: Sequence[UUID], currency: str = SHOP_CURRENCY, site_id: UUID = MAIN_SITE_ID
) -> dict[UUID, Advertised]:
    """What may be shown of variants at a site, whoever sells them: three statements for any number.

    All of it comes from the lists: nobody hands in a price or a discount. A struck-out price is
    left out where terms of resale forbid the discount, which are looked at now, not only when the
    price was saved. What has no price is missing.
    """
    found = await pricing.prices_of(variant_ids, pricing.RETAIL, currency, site_id)
    async with connection() as conn:
        judge = await priceguard.judge_of(conn, list(found), currency, site_id)
    shown: dict[UUID, Advertised] = {}
    for variant_id, unit in found.items():
        before, facts = unit.compare_at, judge.facts.get(variant_id)
        units = before.units if before else None
        face = facts.face if facts else None
        if facts and facts.terms.exaggerates(unit.price.units, units, face):
            before = None
        rate = (before.units - unit.price.units) * WHOLE // before.units if before else 0
        shown[variant_id] = Advertised(variant_id, unit.price, before, rate)
    return shown
