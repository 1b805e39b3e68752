"""What is known of a variant before anything is bought for its stock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import fulfilment, priceguard, pricing, routing
from domain.kernel import Connection, clock
from domain.pricing import RETAIL, SHOP_CURRENCY
from domain.replenishment.models import ReplenishMode, ReplenishPolicy
from domain.replenishment.rules import (
    COVER_DAYS,
    AbcClass,
    Need,
    Plan,
    Position,
    classes,
    need_of,
)
from domain.replenishment.selling import daily_of, revenues
from domain.routing import Exclusion, Route, Wanted, fresh_balance
from domain.suppliers import Candidate

# Cards for one buyer each, of kinds that suppliers sell.
STOCKED = """
SELECT v.id, v.sku, coalesce(sp.safety_stock, 0) AS safety_stock, v.sold_below_cost,
    (SELECT count(*) FROM cards c WHERE c.variant_id = v.id AND c.state = 'available'
        AND (c.expires_on IS NULL OR c.expires_on > $2::date + coalesce(sp.expiry_margin_days, 0)))
        AS available,
    coalesce((SELECT sum(greatest(p.quantity - p.received, 0)) FROM purchase_proposals p
        WHERE p.variant_id = v.id AND p.state IN ('approved', 'buying')), 0)::int AS on_order
FROM variants v JOIN products pr ON pr.id = v.product_id
LEFT JOIN stock_policies sp ON sp.variant_id = v.id
WHERE v.id = ANY($1) AND v.delivery_kind IN ('CARD_CODE', 'LINK') AND v.status = 'active'
    AND pr.status = 'approved' AND NOT coalesce(sp.shared, false)
"""
_POLICIES = """
SELECT DISTINCT ON (w.id) w.id AS wanted, p.* FROM unnest($1::uuid[]) AS w (id)
JOIN replenish_policies p ON p.variant_id = w.id OR p.variant_id IS NULL
ORDER BY w.id, p.variant_id NULLS LAST
"""
_LEAST = """
SELECT greatest(coalesce((SELECT max(t.min_quantity) FROM contract_terms t
        JOIN supplier_contracts c ON c.id = t.contract_id
        WHERE t.variant_id = $1 AND c.supplier_id = $2 AND c.ended_at IS NULL
            AND c.valid_from <= $3 AND c.valid_until > $3), 1),
    coalesce((SELECT i.min_quantity FROM supplier_items i JOIN supplier_offers o
        ON o.supplier_id = i.supplier_id AND coalesce(o.listed_item, o.item) = i.item
        WHERE o.id = $4), 1)) AS least,
    (SELECT i.max_quantity FROM supplier_items i JOIN supplier_offers o
        ON o.supplier_id = i.supplier_id AND coalesce(o.listed_item, o.item) = i.item
        WHERE o.id = $4) AS most
"""


@dataclass(frozen=True, slots=True)
class Stocked:
    """A variant that is kept in stock, what it needs, and by which policy."""

    variant_id: UUID
    sku: str
    policy: ReplenishPolicy
    position: Position
    abc: AbcClass
    need: Need
    sold_below_cost: bool

    @property
    def cover_days(self) -> int:
        """For how long a purchase should last."""
        return self.policy.cover_days or COVER_DAYS[self.abc]

    def told(self) -> dict[str, Any]:
        """It in plain values, as a proposal keeps it."""
        return {
            "available": self.position.available,
            "on_order": self.position.on_order,
            "safety_stock": self.position.safety_stock,
            "per_day": self.need.per_day,
            "safety": self.need.safety,
            "reorder_point": self.need.reorder_point,
            "target": self.need.target,
            "needed": self.need.quantity,
            "abc": self.abc.value,
            "lead_days": self.policy.lead_days,
            "cover_days": self.cover_days,
        }


async def look(conn: Connection, variant_ids: Sequence[UUID]) -> list[Stocked]:
    """What variants need, those that are no cards or have no policy left out; some statements,
    however many variants."""
    today = clock.now().date()
    rows = await conn.fetch(STOCKED, list(variant_ids), today)
    policies = await policies_of(conn, [row["id"] for row in rows])
    daily = await daily_of(conn, [row["id"] for row in rows], today)
    abc = classes(await revenues(conn, today))
    return [
        _stocked(row, policies[row["id"]], daily[row["id"]], abc.get(row["id"], AbcClass.C))
        for row in rows
        if row["id"] in policies
    ]


async def policies_of(conn: Connection, variant_ids: Sequence[UUID]) -> dict[UUID, ReplenishPolicy]:
    """The policy of each variant: its own, else that of all."""
    found = {}
    for row in await conn.fetch(_POLICIES, list(variant_ids)):
        values = {name: value for name, value in dict(row).items() if name != "wanted"}
        values["mode"] = ReplenishMode(values["mode"])
        found[row["wanted"]] = ReplenishPolicy(**values)
    return found


def _stocked(row: Any, policy: ReplenishPolicy, daily: Sequence[int], abc: AbcClass) -> Stocked:
    position = Position(row["available"], row["on_order"], daily, row["safety_stock"])
    cover = policy.cover_days or COVER_DAYS[abc]
    need = need_of(position, Plan(policy.lead_days, cover))
    return Stocked(row["id"], row["sku"], policy, position, abc, need, row["sold_below_cost"])


@dataclass(frozen=True, slots=True)
class Choice:
    """An offer to buy from, why not if not, and between how many pieces it sells at once."""

    route: Route
    why: Exclusion | None
    balance: int | None  # what we have left there, when that was told lately
    least: int
    most: int | None

    @property
    def candidate(self) -> Candidate:
        """The offer itself."""
        return self.route.candidate


async def choices_of(
    conn: Connection, variant_id: UUID, quantity: int, most_cost: int | None
) -> list[Choice]:
    """All offers of a variant in the order in which they would be asked for so many pieces."""
    wanted = Wanted(quantity, most_cost)
    _, planned = await routing.plan(conn, variant_id, wanted, fulfilment.open_attempts)
    found = []
    for each in planned:
        candidate = each.ranked.route.candidate
        moment = clock.now()
        row = await conn.fetchrow(
            _LEAST, variant_id, candidate.supplier_id, moment, candidate.offer_id
        )
        # A balance that is short for all of it may be enough for a part.
        why = None if each.why in (None, Exclusion.BALANCE_SHORT) else each.why
        balance = fresh_balance(each.ranked.route.account, moment)
        found.append(Choice(each.ranked.route, why, balance, row["least"], row["most"]))
    return found


async def most_cost_of(conn: Connection, stocked: Stocked) -> int | None:
    """What a piece may cost at most so that its retail price still covers it (row D7); None where
    an operator allowed a loss. 0 without a price: what nobody can buy is not bought."""
    if stocked.sold_below_cost:
        return None
    prices = await pricing.prices_of([stocked.variant_id], RETAIL)
    price = prices.get(stocked.variant_id)
    if price is None:
        return 0
    guards = await priceguard.guards_of(conn, None)
    assert price.price.currency == SHOP_CURRENCY, "costs and prices are in one currency"
    return guards[RETAIL].margin.most_cost(price.price.units)
