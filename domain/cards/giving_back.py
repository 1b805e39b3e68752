"""Sold cards whose price goes back: they are refunded for good, and nobody is shown them again.

In the caller's transaction, which has locked the order and its lines: cards come after them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.cards.models import CardState
from domain.cards.moves import may_move
from domain.kernel import Connection

# A replaced card gave its unit to another one; the condition is that of the index by line.
_LOCK = """
SELECT id, order_line_id, unit_number, state, masked, first_revealed_at IS NOT NULL AS seen
FROM cards WHERE order_line_id = ANY($1::uuid[]) AND state <> 'replaced'
    AND ($2::uuid[] IS NULL OR id = ANY($2)) ORDER BY id FOR UPDATE
"""
_DISPUTE = "UPDATE cards SET state = 'disputed' WHERE id = ANY($1::uuid[]) AND state = 'revealed'"
_REFUND = "UPDATE cards SET state = 'refunded' WHERE id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class OwnedCard:
    """A card of an order line, locked. `seen`: its code was shown to its buyer."""

    id: UUID
    line_id: UUID
    unit_number: int
    state: CardState
    masked: str
    seen: bool

    @property
    def gone(self) -> bool:
        """Its price went back before."""
        return self.state is CardState.REFUNDED

    @property
    def refundable(self) -> bool:
        """Whether the table of moves lists a way to REFUNDED; a revealed card goes by a dispute
        that is settled at once. Of a redeemed one somebody else has the use: that is a case."""
        return self.state is CardState.REVEALED or may_move(self.state, CardState.REFUNDED)


async def lock_owned(
    conn: Connection, line_ids: Sequence[UUID], card_ids: Sequence[UUID] | None = None
) -> list[OwnedCard]:
    """Lock the cards of lines, or those of them that are named, by their ids."""
    rows = await conn.fetch(_LOCK, list(line_ids), None if card_ids is None else list(card_ids))
    return [
        OwnedCard(
            row["id"],
            row["order_line_id"],
            row["unit_number"],
            CardState(row["state"]),
            row["masked"],
            row["seen"],
        )
        for row in rows
    ]


async def mark_refunded(conn: Connection, card_ids: Sequence[UUID]) -> None:
    """Their price goes back. The caller has locked them, found them refundable, and says who acts
    (`act_as`); they never come back to the shelf, whether or not a code was seen."""
    await conn.execute(_DISPUTE, list(card_ids))
    await conn.execute(_REFUND, list(card_ids))
