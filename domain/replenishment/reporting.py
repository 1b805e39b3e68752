"""How stock turns, ages and sells, and from how near the maker it comes (rows D8, D10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain import suppliers
from domain.kernel import Actor, Page, PageRequest, clock, connection, page_of
from domain.replenishment.looking import Stocked, look
from domain.replenishment.rules import MONTH, SCALE, AbcClass, Need, turnover
from domain.suppliers import SupplierContract, SupplierTier

READ_SCOPE = "purchases:read"
AGES = (7, 30, 90)  # days: up to each, and beyond the last

_VARIANTS = """
SELECT v.id FROM variants v WHERE v.sku > $1 AND v.delivery_kind IN ('CARD_CODE', 'LINK')
    AND EXISTS (SELECT 1 FROM card_batches b WHERE b.variant_id = v.id)
ORDER BY v.sku LIMIT $2
"""
_STOCK = """
SELECT w.id, v.sku, coalesce(s.worth, 0)::bigint AS worth, coalesce(s.ages, '{0,0,0,0}') AS ages,
    coalesce(s.available, 0) AS available, coalesce(d.pieces, 0) AS pieces,
    coalesce(d.revenue, 0)::bigint AS revenue, coalesce(d.cost, 0)::bigint AS cost,
    coalesce((SELECT sum(b.accepted * b.unit_cost) FROM card_batches b
        WHERE b.variant_id = w.id AND b.imported_at >= $2 AND b.undone_at IS NULL), 0)::bigint
        AS bought
FROM unnest($1::uuid[]) AS w (id) JOIN variants v ON v.id = w.id
LEFT JOIN LATERAL (
    SELECT count(*)::int AS available, sum(c.unit_cost) AS worth, ARRAY[
        count(*) FILTER (WHERE c.created_at > $3::timestamptz - interval '7 days'),
        count(*) FILTER (WHERE c.created_at <= $3::timestamptz - interval '7 days'
            AND c.created_at > $3::timestamptz - interval '30 days'),
        count(*) FILTER (WHERE c.created_at <= $3::timestamptz - interval '30 days'
            AND c.created_at > $3::timestamptz - interval '90 days'),
        count(*) FILTER (WHERE c.created_at <= $3::timestamptz - interval '90 days')]::int[] AS ages
    FROM cards c WHERE c.variant_id = w.id AND c.state = 'available') s ON true
LEFT JOIN LATERAL (
    SELECT sum(pieces)::int AS pieces, sum(revenue) AS revenue, sum(cost) AS cost
    FROM sales_days WHERE variant_id = w.id AND day >= $4 AND day < $5) d ON true
"""
# What was paid to suppliers for goods: for lines, for stock, and by hand for imported batches.
_BOUGHT = """
SELECT s.tier, sum(x.cost)::bigint AS cost, count(*) AS purchases FROM (
    SELECT supplier_id, cost FROM fulfilment_attempts
    WHERE status = 'succeeded' AND finished_at >= $1 AND finished_at < $2
    UNION ALL SELECT supplier_id, cost FROM stock_purchases
    WHERE status = 'succeeded' AND finished_at >= $1 AND finished_at < $2
    UNION ALL SELECT supplier_id, accepted * unit_cost FROM card_batches
    WHERE supplier_id IS NOT NULL AND supplier_attempt_id IS NULL AND undone_at IS NULL
        AND imported_at >= $1 AND imported_at < $2
) x JOIN suppliers s ON s.id = x.supplier_id WHERE x.cost > 0 GROUP BY s.tier
"""
_UNDER_CONTRACT = """
SELECT c.id, coalesce((SELECT sum(x.cost) FROM (
    SELECT a.cost FROM fulfilment_attempts a JOIN order_lines l ON l.id = a.line_id
    WHERE a.supplier_id = c.supplier_id AND a.status = 'succeeded'
        AND a.finished_at >= c.valid_from AND a.finished_at < least(c.valid_until, c.ended_at)
        AND l.variant_id IN (SELECT t.variant_id FROM contract_terms t WHERE t.contract_id = c.id)
    UNION ALL SELECT p.cost FROM stock_purchases p
    WHERE p.supplier_id = c.supplier_id AND p.status = 'succeeded'
        AND p.finished_at >= c.valid_from AND p.finished_at < least(c.valid_until, c.ended_at)
        AND p.variant_id IN (SELECT t.variant_id FROM contract_terms t WHERE t.contract_id = c.id)
) x), 0)::bigint AS bought
FROM supplier_contracts c WHERE c.id = ANY($1)
"""


@dataclass(frozen=True, slots=True)
class StockFigures:
    """How one variant's stock stands. Amounts in units, `turnover` and `per_day` in 1/10000.

    `turnover` is how often the average stock was sold in the last four weeks. `ages` counts what is
    available by its age: up to 7, 30, 90 days, and beyond. `need` is None without a policy.
    """

    variant_id: UUID
    sku: str
    abc: AbcClass | None
    available: int
    worth: int
    sold: int
    revenue: int
    cost: int
    turnover: int | None
    ages: tuple[int, ...]
    need: Need | None


@dataclass(frozen=True, slots=True)
class TierShare:
    """What was bought from suppliers of one tier; `share` of all in 1/10000."""

    tier: SupplierTier
    cost: int
    purchases: int
    share: int


@dataclass(frozen=True, slots=True)
class SupplyShares:
    """From how near the maker goods came in a time. `direct` is what came from makers, in 1/10000;
    None when nothing was bought."""

    total: int
    direct: int | None
    tiers: list[TierShare]


@dataclass(frozen=True, slots=True)
class ContractProgress:
    """How far a contract is fulfilled. Amounts in units; `rebate` is what its supplier is to give
    back for what was bought so far."""

    bought: int
    missing: int
    rebate: int


async def stock_figures(actor: Actor, page: PageRequest) -> Page[StockFigures]:
    """How the stock of each variant stands, by sku; needs `purchases:read`. Counts every available
    card of the page's variants."""
    actor.require_scope(READ_SCOPE)
    moment = clock.now()
    today = moment.date()
    first = today - timedelta(days=MONTH)
    async with connection() as conn:
        rows = await conn.fetch(_VARIANTS, page.after[0] if page.after else "", page.first + 1)
        ids = [row["id"] for row in rows]
        since = moment - timedelta(days=MONTH)
        figures = await conn.fetch(_STOCK, ids, since, moment, first, today)
        stocked = {each.variant_id: each for each in await look(conn, ids)}
    found = sorted(
        (_figures(row, stocked.get(row["id"])) for row in figures), key=lambda each: each.sku
    )
    return page_of(page, found, lambda each: (each.sku,))


async def supply_shares(actor: Actor, since: datetime, until: datetime) -> SupplyShares:
    """From suppliers of which tier goods were bought in a time (row D8). Needs `purchases:read`."""
    actor.require_scope(READ_SCOPE)
    async with connection() as conn:
        rows = {row["tier"]: row for row in await conn.fetch(_BOUGHT, since, until)}
    total = sum(row["cost"] for row in rows.values())
    tiers = [_share(tier, rows.get(tier.value), total) for tier in SupplierTier]
    direct = next(each.share for each in tiers if each.tier is SupplierTier.MAKER)
    return SupplyShares(total, direct if total else None, tiers)


async def progress_of(contract_ids: Sequence[UUID]) -> dict[UUID, ContractProgress | None]:
    """How far contracts are fulfilled; two statements for all."""
    async with connection() as conn:
        rows = await conn.fetch(_UNDER_CONTRACT, list(contract_ids))
    bought = {row["id"]: row["bought"] for row in rows}
    contracts = await suppliers.SupplierContract.filter(id__in=list(contract_ids))
    return {each.id: _progress(each, bought[each.id]) for each in contracts}


def _progress(contract: SupplierContract, bought: int) -> ContractProgress:
    earns = bought >= contract.rebate_from
    rebate = bought * contract.rebate_rate // SCALE if earns else 0
    return ContractProgress(bought, max(0, contract.minimum - bought), rebate)


def _share(tier: SupplierTier, row: Any, total: int) -> TierShare:
    cost, purchases = (row["cost"], row["purchases"]) if row else (0, 0)
    return TierShare(tier, cost, purchases, cost * SCALE // total if total else 0)


def _figures(row: Any, stocked: Stocked | None) -> StockFigures:
    opening = row["worth"] + row["cost"] - row["bought"]
    return StockFigures(
        variant_id=row["id"],
        sku=row["sku"],
        abc=stocked.abc if stocked else None,
        available=row["available"],
        worth=row["worth"],
        sold=row["pieces"],
        revenue=row["revenue"],
        cost=row["cost"],
        turnover=turnover(row["cost"], opening, row["worth"]),
        ages=tuple(row["ages"]),
        need=stocked.need if stocked else None,
    )
