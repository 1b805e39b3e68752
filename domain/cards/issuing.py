"""Cards that the house issues itself: codes made here, sealed and fingerprinted like any other.

Issuing moves no money and adds nothing to the inventory: a card is only a promise once it is sold.
"""

from collections.abc import Sequence
from uuid import UUID

from domain.cards.keys import FreshKey
from domain.cards.moves import FREE, values
from domain.cards.rules import canonical
from domain.cards.store import Batch, insert_batch, insert_cards
from domain.kernel import Connection

ISSUED = "issued"  # the source of a batch of own cards; no file may come under this name

_COUNTED = "UPDATE card_batches SET accepted = $2 WHERE id = $1"
_WITHDRAW = """
UPDATE cards SET state = 'void' WHERE id = ANY($1) AND state = ANY($2) RETURNING id
"""

_REDEEMED = "UPDATE cards SET state = 'redeemed' WHERE id = $1 AND state IN ('sold', 'revealed')"


async def open_issue(
    conn: Connection,
    fresh: FreshKey,
    variant_id: UUID,
    *,
    unit_cost: int,
    currency: str,
    issued_by: UUID | None,
) -> Batch:
    """The batch of cards about to be issued, in the caller's transaction.

    `unit_cost` in units of 1/10000: what the house will owe on one card, so that no card is sold
    below it unawares.
    """
    batch = Batch.new(fresh, variant_id, ISSUED, fresh.batch_id.bytes, unit_cost, currency)
    batch.imported_by = issued_by
    if not await insert_batch(conn, batch):
        raise RuntimeError("a batch with a fresh id is written once")
    return batch


async def issue_cards(
    conn: Connection, batch: Batch, codes: Sequence[tuple[str, str]]
) -> list[UUID]:
    """Seal and store (number, secret) of new cards; their ids, in the same order.

    A code that is in the store already cannot come from a sound random source: that is a fault, and
    nothing of the transaction stands.
    """
    rows = [(batch.fingerprint(canonical(*code)), *code, None) for code in codes]
    fresh = len({row[0] for row in rows}) == len(rows)
    stored = await insert_cards(conn, batch, rows) if fresh else {}
    if len(stored) != len(codes):
        raise RuntimeError("the random source repeats itself: no card was issued")
    batch.accepted += len(codes)
    return [stored[row[0]] for row in rows]


async def close_issue(conn: Connection, batch: Batch) -> None:
    """Note how many cards the batch has."""
    await conn.execute(_COUNTED, batch.id, batch.accepted)


async def withdraw(conn: Connection, card_ids: Sequence[UUID]) -> set[UUID]:
    """Take unsold cards off the shelf for good; those that were taken. Others are not free."""
    rows = await conn.fetch(_WITHDRAW, sorted(card_ids), values(FREE))
    return {row["id"] for row in rows}


async def mark_redeemed(conn: Connection, card_id: UUID) -> None:
    """Note that a sold card has done its duty, in the caller's transaction."""
    await conn.execute(_REDEEMED, card_id)
