"""The cards of a line that is paid: those it holds, else a shared code, else the shelf (0030).

In the caller's transaction, which has locked the order: holds and cards come after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.cards.holds import release_hold, use_hold
from domain.cards.refusals import HoldOver
from domain.cards.store import sell
from domain.kernel import Connection, Refused, clock, new_id

_HOLDS = """
SELECT id FROM card_holds WHERE order_line_id = ANY($1::uuid[]) AND state = 'open' ORDER BY id
"""
_HELD = "SELECT unit_cost FROM cards WHERE hold_id = $1 AND state = 'reserved'"
_POLICY = "SELECT shared, shared_uses, expiry_margin_days FROM stock_policies WHERE variant_id = $1"
# Rows that another purchase holds are skipped, never waited for.
_SHELF = """
SELECT id, unit_cost FROM cards
WHERE variant_id = $1 AND state = 'available' AND (kept_for IS NULL OR kept_for = $2)
    AND (expires_on IS NULL OR expires_on > $3::date + $4::int) AND unit_cost <= $5
ORDER BY expires_on, id LIMIT $6 FOR UPDATE SKIP LOCKED
"""
_SHARED = """
SELECT c.id, (SELECT coalesce(max(use_number), 0) FROM shared_deliveries WHERE card_id = c.id)
    AS used
FROM cards c WHERE c.variant_id = $1 AND c.state = 'shared'
    AND (c.expires_on IS NULL OR c.expires_on > $2::date + $3::int)
    AND ($4::int IS NULL OR $5 + (SELECT coalesce(max(use_number), 0) FROM shared_deliveries
        WHERE card_id = c.id) <= $4)
ORDER BY c.expires_on, c.id LIMIT 1
"""
_SHARE = """
INSERT INTO shared_deliveries (id, card_id, order_line_id, unit_number, use_number, sold_at,
    reveal_count)
SELECT id, $2, $3, unit, use, $4, 0
FROM unnest($1::uuid[], $5::int[], $6::int[]) AS w (id, unit, use)
"""
_COST = "SELECT coalesce(sum(unit_cost), 0)::bigint FROM cards WHERE id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class LineNeed:
    """What a paid line needs. `max_unit_cost` in units: no card that cost more is taken."""

    line_id: UUID
    variant_id: UUID
    quantity: int
    site_id: UUID
    max_unit_cost: int


async def serve_line(conn: Connection, need: LineNeed) -> int | None:
    """Sell a line its cards; what they cost together, or None when it needs another source.

    Raises a unique violation (`shared_use_once`) when another buyer takes the same use of a shared
    code: the caller's transaction is over, and may be begun again.
    """
    held = await conn.fetch(_HOLDS, [need.line_id])
    for row in held:
        cost = await _use(conn, row["id"], need)
        if cost is not None:
            return cost
        await release_hold(conn, row["id"])
    policy = await conn.fetchrow(_POLICY, need.variant_id)
    if policy is not None and policy["shared"] and await _share(conn, policy, need):
        return 0
    margin = 0 if policy is None else policy["expiry_margin_days"]
    return await _from_shelf(conn, need, margin)


async def holds_of_lines(conn: Connection, line_ids: Sequence[UUID]) -> list[UUID]:
    """The open reservations of lines."""
    return [row["id"] for row in await conn.fetch(_HOLDS, list(line_ids))]


async def held_costs(conn: Connection, hold_id: UUID) -> list[int]:
    """What each card of a reservation cost, in units."""
    return [row["unit_cost"] for row in await conn.fetch(_HELD, hold_id)]


async def _use(conn: Connection, hold_id: UUID, need: LineNeed) -> int | None:
    """The held cards, sold; None when they are held no more, with nothing done."""
    try:
        async with conn.transaction():  # a savepoint: some of the cards may have been taken
            ids = await use_hold(conn, hold_id, need.line_id)
    except Refused as refused:
        if isinstance(refused.refusals[0], HoldOver):
            return None
        raise
    cost: int = await conn.fetchval(_COST, list(ids))
    return cost


async def _share(conn: Connection, policy: Any, need: LineNeed) -> bool:
    today = clock.now().date()
    margin, uses = policy["expiry_margin_days"], policy["shared_uses"]
    card = await conn.fetchrow(_SHARED, need.variant_id, today, margin, uses, need.quantity)
    if card is None:
        return False
    units = list(range(1, need.quantity + 1))
    numbers = [None if uses is None else card["used"] + unit for unit in units]
    ids = [new_id() for _ in units]
    await conn.execute(_SHARE, ids, card["id"], need.line_id, clock.now(), units, numbers)
    return True


async def _from_shelf(conn: Connection, need: LineNeed, margin: int) -> int | None:
    rows = await conn.fetch(
        _SHELF,
        need.variant_id,
        need.site_id,
        clock.now().date(),
        margin,
        need.max_unit_cost,
        need.quantity,
    )
    if len(rows) < need.quantity:
        return None
    await sell(conn, sorted(row["id"] for row in rows), need.line_id)
    cost: int = sum(row["unit_cost"] for row in rows)
    return cost
