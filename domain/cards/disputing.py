"""Sold cards that their buyers say do not work: disputed, and replaced by others (rows M1, M2).

In the caller's transaction, which has locked the order and its lines and says who acts. Batches are
locked before their cards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.cards.checks import open_report
from domain.cards.models import CardState
from domain.cards.moves import may_move
from domain.kernel import Actor, Busy, Connection, clock, refuse_unless

_LOCK_BATCHES = """
SELECT 1 FROM card_batches WHERE id IN (SELECT batch_id FROM cards WHERE id = ANY($1::uuid[]))
ORDER BY id FOR UPDATE
"""
_LOCK_CARDS = """
SELECT c.id, c.order_line_id, c.unit_number, c.variant_id, c.batch_id, b.supplier_id, b.currency,
    b.supplier_attempt_id, c.state, c.masked, c.sold_at, c.first_revealed_at, c.reveal_count
FROM cards c JOIN card_batches b ON b.id = c.batch_id
WHERE c.id = ANY($1::uuid[]) AND c.order_line_id IS NOT NULL ORDER BY c.id FOR UPDATE OF c
"""
_OWN = "SELECT DISTINCT order_line_id FROM cards WHERE order_line_id = ANY($1::uuid[])"
_SHARED_LOOKS = """
SELECT order_line_id, min(first_revealed_at) AS first, sum(reveal_count)::int AS looks
FROM shared_deliveries WHERE order_line_id = ANY($1::uuid[]) GROUP BY order_line_id
"""
_DISPUTE = "UPDATE cards SET state = 'disputed' WHERE id = ANY($1::uuid[])"
_MARGIN = "SELECT expiry_margin_days FROM stock_policies WHERE variant_id = $1"
_SHELF = """
SELECT id, unit_cost FROM cards
WHERE variant_id = $1 AND state = 'available' AND (kept_for IS NULL OR kept_for = $2)
    AND (expires_on IS NULL OR expires_on > $3::date + $4::int)
ORDER BY expires_on, id LIMIT 1
"""
_TAKE = _SHELF.rstrip() + " FOR UPDATE SKIP LOCKED"
_REPLACED = "UPDATE cards SET state = 'replaced' WHERE id = $1"
_SELL = """
UPDATE cards SET state = 'sold', order_line_id = $2, unit_number = $3, sold_at = $4 WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class SoldCard:
    """A card of an order line, locked, with its batch: whose it is, and how often it was seen."""

    id: UUID
    line_id: UUID
    unit_number: int
    variant_id: UUID
    batch_id: UUID
    supplier_id: UUID | None
    attempt_id: UUID | None  # that brought it
    currency: str
    state: CardState
    masked: str
    sold_at: datetime
    first_revealed_at: datetime | None
    reveal_count: int

    @property
    def disputable(self) -> bool:
        """It is its buyer's, and nobody has settled what is said against it."""
        there = self.state in (CardState.DISPUTED, CardState.INVALID_CONFIRMED)
        return there or may_move(self.state, CardState.DISPUTED)


@dataclass(frozen=True, slots=True)
class Replacement:
    """The card that took another one's place; its cost in units."""

    card_id: UUID
    unit_cost: int


async def lock_sold(conn: Connection, card_ids: Sequence[UUID]) -> list[SoldCard]:
    """Lock sold cards and, before them, their batches; those that nobody bought are left out."""
    await conn.execute(_LOCK_BATCHES, list(card_ids))
    return [
        SoldCard(
            row["id"],
            row["order_line_id"],
            row["unit_number"],
            row["variant_id"],
            row["batch_id"],
            row["supplier_id"],
            row["supplier_attempt_id"],
            row["currency"],
            CardState(row["state"]),
            row["masked"],
            row["sold_at"],
            row["first_revealed_at"],
            row["reveal_count"],
        )
        for row in await conn.fetch(_LOCK_CARDS, list(card_ids))
    ]


async def lines_with_cards(conn: Connection, line_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these lines have cards of their own: not a top-up, nor a code that others share."""
    return {row["order_line_id"] for row in await conn.fetch(_OWN, list(line_ids))}


async def shared_looks(
    conn: Connection, line_ids: Sequence[UUID]
) -> dict[UUID, tuple[datetime | None, int]]:
    """When the shared code of a line was first shown to its buyer, and how often; of lines that
    have one."""
    rows = await conn.fetch(_SHARED_LOOKS, list(line_ids))
    return {row["order_line_id"]: (row["first"], row["looks"]) for row in rows}


async def mark_disputed(conn: Connection, actor: Actor, found: Sequence[SoldCard]) -> None:
    """Freeze locked cards until they are judged, with a check for each; what is disputed or proved
    invalid already stays so."""
    moving = [card.id for card in found if may_move(card.state, CardState.DISPUTED)]
    await conn.execute(_DISPUTE, moving)
    for card in found:
        if card.state is not CardState.INVALID_CONFIRMED:
            await open_report(conn, actor, card.batch_id, card.id)


async def replace_card(conn: Connection, bad: SoldCard, site_id: UUID) -> Replacement | None:
    """Give another card of the variant to the line and unit of a locked disputed or invalid one.

    None, with nothing done, when the shelf is empty. A card that somebody else is about to take is
    passed over; when no other is left, BUSY: waiting here, with a batch locked, could wait for a
    purchase that waits for that batch.
    """
    margin = await conn.fetchval(_MARGIN, bad.variant_id) or 0
    wanted = (bad.variant_id, site_id, clock.now().date(), margin)
    row = await conn.fetchrow(_TAKE, *wanted)
    if row is None:
        refuse_unless(await conn.fetchrow(_SHELF, *wanted) is None, Busy())
        return None
    await conn.execute(_REPLACED, bad.id)
    await conn.execute(_SELL, row["id"], bad.line_id, bad.unit_number, clock.now())
    return Replacement(row["id"], row["unit_cost"])
