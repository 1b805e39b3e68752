"""What is in the card store, as a table: never a code, only what a card is and where it went."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from domain import audit, bulk
from domain.cards.models import CardState
from domain.kernel import Actor, Prefix, connection, encode_id, plain, transaction

READ_SCOPE = "cards:read"
SLICE = 1_000
EXPORTED = "card.list_export"
COLUMNS = (
    "card", "sku", "batch", "masked", "state", "unit_cost", "currency", "expires_on", "stored_at",
    "order_line", "sold_at", "first_revealed_at",
)  # fmt: skip

# A planted card must not be told from the others by a list of them: it is in none.
_CARDS = """
SELECT c.id, v.sku, c.batch_id, c.masked, c.state, c.unit_cost, b.currency, c.expires_on,
    c.created_at, c.order_line_id, c.sold_at, c.first_revealed_at
FROM cards c JOIN variants v ON v.id = c.variant_id JOIN card_batches b ON b.id = c.batch_id
WHERE c.id > $1 AND c.state <> 'canary' AND ($2::text IS NULL OR v.sku = $2)
    AND ($3::uuid IS NULL OR c.batch_id = $3) AND ($4::text IS NULL OR c.state = $4)
ORDER BY c.id LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class CardFilter:
    """Which cards are wanted; all unless told."""

    sku: str | None = None
    batch_id: UUID | None = None
    state: CardState | None = None


async def list_cards(actor: Actor, wanted: CardFilter) -> bulk.Table:
    """The cards of the store without their codes. Needs `cards:read`; audited."""
    actor.require_scope(READ_SCOPE)
    details = {
        "sku": wanted.sku,
        "batchId": str(wanted.batch_id) if wanted.batch_id else None,
        "state": wanted.state.value if wanted.state else None,
    }
    async with transaction() as conn:
        await audit.record(conn, actor, EXPORTED, wanted.batch_id, details)
    return bulk.Table("cards", COLUMNS, _rows(wanted))


async def _rows(wanted: CardFilter) -> AsyncIterator[bulk.OutRow]:
    last = UUID(int=0)
    state = wanted.state.value if wanted.state else None
    while True:
        async with connection() as conn:
            rows = await conn.fetch(_CARDS, last, wanted.sku, wanted.batch_id, state, SLICE)
        for row in rows:
            line = row["order_line_id"]
            yield [
                encode_id(Prefix.CARD, row["id"]),
                row["sku"],
                encode_id(Prefix.CARD_BATCH, row["batch_id"]),
                row["masked"],
                row["state"],
                plain(row["unit_cost"]),
                row["currency"],
                row["expires_on"],
                row["created_at"],
                encode_id(Prefix.ORDER_LINE, line) if line else None,
                row["sold_at"],
                row["first_revealed_at"],
            ]
        if len(rows) < SLICE:
            return
        last = rows[-1]["id"]
