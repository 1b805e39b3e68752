"""What becomes of a whole batch: quarantine and release, freeze and unfreeze (mission row B7).

What a batch is stands in its row; its cards follow, the first ones in the same transaction, those
of a very large batch in slices by `settle_batches`. The batch is locked before its cards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from domain import audit
from domain.cards.models import CardBatch, CardState
from domain.cards.refusals import CardBatchFrozen, CardChecksOpen
from domain.kernel import (
    SYSTEM,
    Actor,
    Connection,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    act_as,
    clock,
    encode_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

WRITE_SCOPE = "cards:write"
MAX_REASON_LETTERS = 500
SETTLED_AT_ONCE = 10_000

RELEASED = "card_batch.released"
FROZEN = "card_batch.frozen"
UNFROZEN = "card_batch.unfrozen"

_LOCK = """
SELECT id, variant_id, source, currency, supplier_id, quarantined_at, released_at, frozen_at,
    frozen_reason, undone_at, unsettled FROM card_batches WHERE id = $1 FOR UPDATE
"""
_COUNT_EVENT = """
UPDATE card_batches SET event_count = event_count + 1 WHERE id = $1 RETURNING event_count
"""
_BORN = "SELECT EXISTS (SELECT 1 FROM stock_policies WHERE variant_id = $1 AND shared)"
_SUPPLIER = "SELECT id FROM suppliers WHERE code = $1"
_DESCRIBE = """
UPDATE card_batches SET supplier_id = $2, reference = $3, note = $4, quarantined_at = $5
WHERE id = $1
"""
_OPEN_CHECKS = "SELECT count(*) FROM card_checks WHERE batch_id = $1 AND verdict IS NULL"
_RELEASED = "UPDATE card_batches SET released_at = $2, unsettled = true WHERE id = $1"
_FROZEN = """
UPDATE card_batches SET frozen_at = $2, frozen_reason = $3, unsettled = true WHERE id = $1
"""
_UNFROZEN = """
UPDATE card_batches SET frozen_at = NULL, frozen_reason = '', unsettled = true WHERE id = $1
"""
_MOVE = """
WITH moved AS (
    UPDATE cards SET hold_id = NULL, state = CASE WHEN $3 = 'available' AND EXISTS (
        SELECT 1 FROM shared_deliveries d WHERE d.card_id = cards.id) THEN 'shared' ELSE $3 END
    WHERE id = ANY (ARRAY(
        SELECT id FROM cards WHERE batch_id = $1 AND state = ANY($2)
        ORDER BY id LIMIT $4 FOR UPDATE))
    RETURNING 1
)
SELECT count(*) FROM moved
"""
_LEFT = "SELECT EXISTS (SELECT 1 FROM cards WHERE batch_id = $1 AND state = ANY($2))"
_SETTLED = "UPDATE card_batches SET unsettled = false WHERE id = $1"
_UNSETTLED = "SELECT id FROM card_batches WHERE unsettled ORDER BY id LIMIT 20"


@dataclass(frozen=True, slots=True)
class BatchOrigin:
    """Where a batch comes from, as an operator says it. In quarantine nothing of it is for sale."""

    supplier_code: str = ""
    reference: str = ""
    note: str = ""
    quarantine: bool = False

    def check(self) -> None:
        """Refuses texts that are too long or hold letters that cannot be shown."""
        for text, most, name in (
            (self.reference, 64, "reference"),
            (self.note, 500, "note"),
        ):
            sound = len(text) <= most and text.isprintable()
            refuse_unless(sound, Invalid(reason="batch_text", field=(name,)))


async def describe_batch(
    conn: Connection, batch_id: UUID, variant_id: UUID, origin: BatchOrigin
) -> CardState:
    """Note a new batch's origin in the importer's transaction; the state its cards are born in.

    Refuses a supplier that is not known.
    """
    origin.check()
    supplier = None
    if origin.supplier_code:
        supplier = await conn.fetchval(_SUPPLIER, origin.supplier_code)
        if supplier is None:
            raise Refused(NotFound(what="supplier", field=("supplierCode",)))
    since = clock.now() if origin.quarantine else None
    await conn.execute(_DESCRIBE, batch_id, supplier, origin.reference, origin.note, since)
    return CardState.QUARANTINED if origin.quarantine else await born_state(conn, variant_id)


async def born_state(conn: Connection, variant_id: UUID) -> CardState:
    """How a card of the variant stands on the shelf: for one buyer, or for many."""
    return CardState.SHARED if await conn.fetchval(_BORN, variant_id) else CardState.AVAILABLE


async def release_batch(actor: Actor, batch_id: UUID) -> CardBatch:
    """Put a quarantined batch on sale. Needs `cards:write`; a second time changes nothing.

    Refuses a batch that never was in quarantine, one that is frozen (CARD_BATCH_FROZEN), and one
    with picked cards that nobody has judged yet (CARD_CHECKS_OPEN).
    """
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        await act_as(conn, actor, "released")
        batch = await lock_batch(conn, batch_id)
        in_quarantine = batch["quarantined_at"] is not None
        refuse_unless(in_quarantine, Invalid(reason="batch_not_quarantined", field=("batchId",)))
        if batch["released_at"] is None:
            refuse_frozen(batch)
            open_checks = await conn.fetchval(_OPEN_CHECKS, batch_id)
            refuse_unless(open_checks == 0, CardChecksOpen(number=open_checks, field=("batchId",)))
            await conn.execute(_RELEASED, batch_id, clock.now())
            moved = await _settle(conn, await lock_batch(conn, batch_id))
            await audit.record(conn, actor, "card_batch.release", batch_id, {"cards": moved})
            await tell_batch(conn, batch_id, RELEASED, {"cards": moved})
    wake_relay()
    return await CardBatch.get(id=batch_id)


async def freeze_batch(actor: Actor, batch_id: UUID, reason: str) -> CardBatch:
    """Take the unsold cards of a batch off the shelf, held ones too. Needs `cards:write`, a reason.

    A second time changes nothing. Sold cards stay with their buyers.
    """
    actor.require_scope(WRITE_SCOPE)
    reason = checked_reason(reason)
    async with transaction() as conn:
        await act_as(conn, actor, reason)
        batch = await lock_batch(conn, batch_id)
        if batch["frozen_at"] is None:
            await freeze(conn, actor, batch_id, reason)
    wake_relay()
    return await CardBatch.get(id=batch_id)


async def unfreeze_batch(actor: Actor, batch_id: UUID, reason: str) -> CardBatch:
    """Put the frozen cards of a batch back to where they were. Needs `cards:write` and a reason.

    A second time changes nothing. The next confirmed invalid card may freeze it again.
    """
    actor.require_scope(WRITE_SCOPE)
    reason = checked_reason(reason)
    async with transaction() as conn:
        await act_as(conn, actor, reason)
        batch = await lock_batch(conn, batch_id)
        if batch["frozen_at"] is not None:
            await conn.execute(_UNFROZEN, batch_id)
            moved = await _settle(conn, await lock_batch(conn, batch_id))
            details = {"reason": reason, "cards": moved}
            await audit.record(conn, actor, "card_batch.unfreeze", batch_id, details)
            await tell_batch(conn, batch_id, UNFROZEN, details)
    wake_relay()
    return await CardBatch.get(id=batch_id)


async def settle_batches() -> int:
    """Move the next cards of batches that are too large for one transaction; how many moved."""
    async with transaction() as conn:
        waiting = [row["id"] for row in await conn.fetch(_UNSETTLED)]
    moved = 0
    for batch_id in waiting:
        async with transaction() as conn:
            await act_as(conn, SYSTEM, "settled")
            moved += await _settle(conn, await lock_batch(conn, batch_id))
    return moved


async def lock_batch(conn: Connection, batch_id: UUID) -> asyncpg.Record:
    """The batch's row, locked for the caller's transaction; refuses an unknown one."""
    batch = await conn.fetchrow(_LOCK, batch_id)
    if batch is None:
        raise Refused(NotFound(what="batch", field=("batchId",)))
    return batch


async def freeze(conn: Connection, actor: Actor, batch_id: UUID, reason: str) -> None:
    """Freeze a batch that the caller's transaction has locked: row, cards, audit, event."""
    await conn.execute(_FROZEN, batch_id, clock.now(), reason)
    moved = await _settle(conn, await lock_batch(conn, batch_id))
    details = {"reason": reason, "cards": moved}
    await audit.record(conn, actor, "card_batch.freeze", batch_id, details)
    await tell_batch(conn, batch_id, FROZEN, details)


async def tell_batch(
    conn: Connection, batch_id: UUID, event: str, payload: Mapping[str, Any]
) -> None:
    """The next event of a batch, in the caller's transaction."""
    sequence = await conn.fetchval(_COUNT_EVENT, batch_id)
    told = {"batchId": encode_id(Prefix.CARD_BATCH, batch_id), **payload}
    await record_events(conn, [Event(event, batch_id, sequence, told)])


def refuse_frozen(batch: Mapping[str, Any]) -> None:
    """Refuses a batch that is frozen."""
    frozen = batch["frozen_at"] is not None
    refuse_unless(not frozen, CardBatchFrozen(why=batch["frozen_reason"], field=("batchId",)))


def checked_reason(reason: str) -> str:
    """The reason without blanks around it; refuses none, and one that is too long."""
    text = reason.strip()
    sound = 0 < len(text) <= MAX_REASON_LETTERS
    refuse_unless(sound, Invalid(reason="review_reason", field=("reason",)))
    return text


async def _settle(conn: Connection, batch: Mapping[str, Any]) -> int:
    """Move up to `SETTLED_AT_ONCE` cards to where their locked batch says; how many moved."""
    target = CardState.FROZEN
    sources = [CardState.AVAILABLE, CardState.RESERVED, CardState.SHARED]
    if batch["frozen_at"] is None:
        target = await born_state(conn, batch["variant_id"])
        quarantined = batch["quarantined_at"] is not None and batch["released_at"] is None
        sources = [CardState.FROZEN] if quarantined else [CardState.QUARANTINED, CardState.FROZEN]
    states = [state.value for state in sources]
    moved: int = await conn.fetchval(_MOVE, batch["id"], states, target.value, SETTLED_AT_ONCE)
    if not await conn.fetchval(_LEFT, batch["id"], states):
        await conn.execute(_SETTLED, batch["id"])
    return moved
