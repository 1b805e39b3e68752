"""How much is in stock: low and recovered pools, cards about to expire, days of cover (row B8).

A purchase counts nothing and locks nothing for this: the scheduler compares what is there with the
safety stock, seconds after a sale. The row of a pool says which event was told last, so that one
crossing is one event, however many schedulers look at once.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.cards.batches import tell_batch
from domain.cards.rules import COVER_DAYS, days_of_cover
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Page,
    PageRequest,
    Prefix,
    clock,
    connection,
    encode_id,
    new_id,
    page_of,
    record_events,
    transaction,
    wake_relay,
)

LOW = "card_pool.low"
RECOVERED = "card_pool.recovered"
EXPIRING = "card_pool.expiring"
NOTICE_DAYS = 7  # a batch is told of from so many days before its cards' last day on
SOON_DAYS = 30
AT_ONCE = 500

# Counted no further than the safety stock: a large pool costs as much as a small one.
_COUNTED = """
(SELECT count(*) FROM (SELECT 1 FROM cards WHERE variant_id = sp.variant_id
    AND state = 'available'
    AND (expires_on IS NULL OR expires_on > $1::date + sp.expiry_margin_days)
LIMIT sp.safety_stock) counted)
"""
_CROSSED = f"""
SELECT sp.variant_id FROM stock_policies sp
LEFT JOIN pool_levels pl ON pl.variant_id = sp.variant_id
WHERE (sp.safety_stock > 0 OR pl.low)
    AND (NOT sp.shared AND {_COUNTED} < sp.safety_stock) <> coalesce(pl.low, false)
ORDER BY sp.variant_id LIMIT $2
"""  # noqa: S608
_ENSURE = """
INSERT INTO pool_levels (id, variant_id, low, event_count, sold, changed_at)
VALUES ($1, $2, false, 0, 0, $3) ON CONFLICT (variant_id) DO NOTHING
"""
_LOCK = "SELECT id, low, event_count FROM pool_levels WHERE variant_id = $1 FOR UPDATE"
_COUNT = f"""
SELECT v.sku, sp.safety_stock, NOT sp.shared AND {_COUNTED} < sp.safety_stock AS low,
    {_COUNTED} AS available
FROM stock_policies sp JOIN variants v ON v.id = sp.variant_id WHERE sp.variant_id = $2
"""  # noqa: S608
_CHANGED = """
UPDATE pool_levels SET low = $2, event_count = event_count + 1, changed_at = $3
WHERE variant_id = $1
"""
_EXPIRING = """
SELECT b.id, b.variant_id, count(*) AS number, min(c.expires_on) AS first
FROM cards c JOIN card_batches b ON b.id = c.batch_id
WHERE c.state IN ('quarantined', 'available', 'shared', 'frozen') AND c.expires_on <= $1
    AND c.expires_on > $2 AND (b.expiring_told_on IS NULL OR b.expiring_told_on < $2)
GROUP BY b.id ORDER BY b.id LIMIT $3
"""
_TOLD = """
UPDATE card_batches SET expiring_told_on = $2
WHERE id = $1 AND (expiring_told_on IS NULL OR expiring_told_on < $2) RETURNING 1
"""
# Ids are made in the order of time, so the last days of lines are one stretch of the primary key.
_SALES = """
INSERT INTO pool_levels (id, variant_id, low, event_count, sold, changed_at)
SELECT gen_random_uuid(), variant_id, false, 0, sum(delivered_quantity), $2 FROM order_lines
WHERE id >= $1 AND status = 'DELIVERED' GROUP BY variant_id
ON CONFLICT (variant_id) DO UPDATE SET sold = excluded.sold
"""
_NO_SALES = """
UPDATE pool_levels SET sold = 0 WHERE sold > 0 AND NOT EXISTS (
    SELECT 1 FROM order_lines l WHERE l.id >= $1 AND l.variant_id = pool_levels.variant_id
        AND l.status = 'DELIVERED')
"""
_POOLS = """
SELECT v.id AS variant_id, v.sku, coalesce(sp.safety_stock, 0) AS low_water_mark,
    coalesce(pl.low, false) AS low, coalesce(pl.sold, 0) AS sold,
    coalesce(sp.expiry_margin_days, 0) AS margin
FROM variants v LEFT JOIN stock_policies sp ON sp.variant_id = v.id
LEFT JOIN pool_levels pl ON pl.variant_id = v.id
WHERE v.sku > $1 AND (NOT $2 OR pl.low)
    AND EXISTS (SELECT 1 FROM card_batches b WHERE b.variant_id = v.id)
ORDER BY v.sku LIMIT $3
"""
_COUNTS = """
SELECT w.id AS variant_id,
    count(c.id) FILTER (WHERE c.state IN ('available', 'shared')
        AND (c.expires_on IS NULL OR c.expires_on > $3::date + w.margin)) AS available,
    count(c.id) FILTER (WHERE c.state = 'reserved') AS reserved,
    count(c.id) FILTER (WHERE c.order_line_id IS NOT NULL AND card_delivered(c.state))
        AS delivered,
    count(c.id) FILTER (WHERE c.state = 'void') AS voided,
    count(c.id) FILTER (WHERE c.state = 'frozen') AS frozen,
    count(c.id) FILTER (WHERE c.state = 'quarantined') AS quarantined,
    count(c.id) FILTER (WHERE c.state = 'expired') AS expired,
    count(c.id) FILTER (WHERE card_in_stock(c.state) AND c.expires_on <= $4) AS expiring_soon
FROM unnest($1::uuid[], $2::int[]) AS w (id, margin)
JOIN card_batches b ON b.variant_id = w.id LEFT JOIN cards c ON c.batch_id = b.id
GROUP BY w.id
"""


@dataclass(frozen=True, slots=True)
class CardPool:
    """All cards of one variant, by where they are. `sold` counts the last `COVER_DAYS` days."""

    variant_id: UUID
    sku: str
    low_water_mark: int
    low: bool
    sold: int
    available: int
    reserved: int
    delivered: int
    voided: int
    frozen: int
    quarantined: int
    expired: int
    expiring_soon: int

    @property
    def days_of_cover(self) -> Decimal | None:
        """How long what is available lasts at the pace of the last days; None: nothing was sold."""
        return days_of_cover(self.available, self.sold, COVER_DAYS)


async def check_levels() -> int:
    """Tell each pool that fell below its safety stock, or came back to it; how many were told."""
    today, told = clock.now().date(), 0
    async with connection() as conn:
        rows = await conn.fetch(_CROSSED, today, AT_ONCE)
    for row in rows:
        async with transaction() as conn:
            told += await _tell_crossing(conn, row["variant_id"])
    if told:
        wake_relay()
    return told


async def tell_expiring() -> int:
    """Tell each batch whose unsold cards are about to expire, once a day; how many were told."""
    today, told = clock.now().date(), 0
    until = today + timedelta(days=NOTICE_DAYS)
    async with connection() as conn:
        rows = await conn.fetch(_EXPIRING, until, today, AT_ONCE)
    for row in rows:
        async with transaction() as conn:
            if await conn.fetchval(_TOLD, row["id"], today):
                payload = {
                    "variantId": encode_id(Prefix.VARIANT, row["variant_id"]),
                    "cards": row["number"],
                    "firstExpiresOn": row["first"].isoformat(),
                }
                await tell_batch(conn, row["id"], EXPIRING, payload)
                told += 1
    if told:
        wake_relay()
    return told


async def count_sales() -> int:
    """Count what each pool sold in the last days, for the days of cover; how many sold."""
    moment = clock.now()
    since = _first_id_of(int((moment - timedelta(days=COVER_DAYS)).timestamp() * 1000))
    async with transaction() as conn:
        done: str = await conn.execute(_SALES, since, moment)
        await conn.execute(_NO_SALES, since)
    return int(done.rpartition(" ")[2])


async def list_pools(actor: Actor, page: PageRequest, *, below: bool = False) -> Page[CardPool]:
    """The pools of all variants that ever had cards, by sku; `below`: the low ones only.

    Needs `cards:read`. Counts every card of the page's variants.
    """
    actor.require_scope("cards:read")
    after = page.after[0] if page.after else ""
    today = clock.now().date()
    async with connection() as conn:
        rows = await conn.fetch(_POOLS, after, below, page.first + 1)
        counts = await conn.fetch(
            _COUNTS,
            [row["variant_id"] for row in rows],
            [row["margin"] for row in rows],
            today,
            today + timedelta(days=SOON_DAYS),
        )
    counted = {row["variant_id"]: row for row in counts}
    pools = [_pool(row, counted[row["variant_id"]]) for row in rows]
    return page_of(page, pools, lambda pool: (pool.sku,))


def _pool(row: Any, counts: Any) -> CardPool:
    named = {name: row[name] for name in ("variant_id", "sku", "low_water_mark", "low", "sold")}
    return CardPool(**{**named, **dict(counts)})


async def _tell_crossing(conn: Connection, variant_id: UUID) -> int:
    """Look again with the pool's row held; somebody else may have told it meanwhile."""
    moment = clock.now()
    await conn.execute(_ENSURE, new_id(), variant_id, moment)
    level = await conn.fetchrow(_LOCK, variant_id)
    found = await conn.fetchrow(_COUNT, moment.date(), variant_id)
    if found["low"] == level["low"]:
        return 0
    await conn.execute(_CHANGED, variant_id, found["low"], moment)
    payload = {
        "variantId": encode_id(Prefix.VARIANT, variant_id),
        "sku": found["sku"],
        "available": found["available"],
        "safetyStock": found["safety_stock"],
    }
    name = LOW if found["low"] else RECOVERED
    await record_events(conn, [Event(name, level["id"], level["event_count"] + 1, payload)])
    return 1


def _first_id_of(millisecond: int) -> UUID:
    """The smallest id that could have been made then; see `kernel.new_id`."""
    return UUID(int=millisecond << 80)
