"""Cards that are here for a paid line, and wait for the rest of it (decision 0084).

They are reserved by holds that end with their line and have no time of their own. Everything runs
in the caller's transaction, which has locked the order; holds and cards come after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from domain.kernel import Connection, clock, connection, new_id

NO_END = datetime(9999, 12, 31, tzinfo=UTC)

_HOLD = """
INSERT INTO card_holds (id, variant_id, buyer_id, site_id, order_line_id, quantity, state, until,
    created_at, paid)
SELECT $1, l.variant_id, o.buyer_id, o.site_id, l.id, $3, 'open', $4, $5, true
FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE l.id = $2
"""
_RESERVE = """
UPDATE cards SET state = 'reserved', hold_id = $2
WHERE id = ANY($1::uuid[]) AND state = 'available' RETURNING id
"""
_PURCHASED = """
SELECT c.id FROM cards c JOIN card_batches b ON b.id = c.batch_id
WHERE b.supplier_attempt_id = $1 AND c.state = 'available'
ORDER BY c.id LIMIT $2 FOR UPDATE OF c SKIP LOCKED
"""
_READY = """
SELECT h.order_line_id, count(*)::int AS pieces FROM card_holds h JOIN cards c ON c.hold_id = h.id
WHERE h.order_line_id = ANY($1::uuid[]) AND h.state = 'open' AND h.paid AND c.state = 'reserved'
GROUP BY h.order_line_id
"""
_LOCK = """
SELECT id FROM card_holds WHERE order_line_id = $1 AND state = 'open' AND paid
ORDER BY id FOR UPDATE
"""
_SELL = """
UPDATE cards c SET state = 'sold', hold_id = NULL, order_line_id = $2, sold_at = $3,
    unit_number = held.unit
FROM (SELECT id, row_number() OVER (ORDER BY id) AS unit FROM (
    SELECT id FROM cards WHERE hold_id = ANY($1::uuid[]) AND state = 'reserved'
    FOR UPDATE) locked) held
WHERE c.id = held.id RETURNING c.unit_cost
"""
_USED = "UPDATE card_holds SET state = 'used', closed_at = $2 WHERE id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class SoldReady:
    """How many pieces a line got, and what they had cost together, in units."""

    pieces: int
    cost: int


async def keep_ready(conn: Connection, line_id: UUID, card_ids: Sequence[UUID]) -> None:
    """Hold cards of the shelf for a paid line until it ends; nobody else can be sold them."""
    hold_id, moment = new_id(), clock.now()
    await conn.execute(_HOLD, hold_id, line_id, len(card_ids), NO_END, moment)
    held = await conn.fetch(_RESERVE, list(card_ids), hold_id)
    if len(held) != len(card_ids):
        raise RuntimeError("cards that are kept for a line were on the shelf a moment ago")


async def keep_purchased(conn: Connection, attempt_id: UUID, line_id: UUID, pieces: int) -> bool:
    """Hold for a line what an attempt brought and put on the shelf; False, with nothing done, when
    not so many pieces of it are left there."""
    rows = await conn.fetch(_PURCHASED, attempt_id, pieces)
    if len(rows) < pieces:
        return False
    await keep_ready(conn, line_id, [row["id"] for row in rows])
    return True


async def ready_pieces(conn: Connection, line_id: UUID) -> int:
    """How many pieces are here for a line and wait for the rest. A card that was frozen or found
    invalid meanwhile is none of them."""
    rows = await conn.fetch(_READY, [line_id])
    return rows[0]["pieces"] if rows else 0


async def ready_of_lines(line_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The same of many lines, in one statement; a line without any is left out."""
    async with connection() as conn:
        rows = await conn.fetch(_READY, list(line_ids))
    return {row["order_line_id"]: row["pieces"] for row in rows}


async def sell_ready(conn: Connection, line_id: UUID) -> SoldReady:
    """Sell a line what waits for it, as its units 1, 2, 3 ...; its holds are over."""
    holds = [row["id"] for row in await conn.fetch(_LOCK, line_id)]
    rows = await conn.fetch(_SELL, holds, line_id, clock.now())
    await conn.execute(_USED, holds, clock.now())
    return SoldReady(len(rows), sum(row["unit_cost"] for row in rows))
