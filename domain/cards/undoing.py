"""Taking an import back, whether it is whole or was cut off (mission row B9)."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain import audit, ledger
from domain.cards.chunks import purchase_of
from domain.cards.issuing import ISSUED
from domain.cards.models import BatchStage
from domain.cards.moves import FREE, values
from domain.kernel import (
    Actor,
    Connection,
    Event,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    act_as,
    clock,
    crash_point,
    encode_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import TransferKind

WRITE_SCOPE = "cards:write"
UNDONE = "card_batch.undone"
CHUNK_CARDS = 10_000

_LOCK_BATCH = """
SELECT variant_id, currency, source, supplier_attempt_id, stage, voided FROM card_batches
WHERE id = $1 FOR UPDATE
"""
_VOID = """
WITH picked AS (
    SELECT id FROM cards WHERE batch_id = $1 AND state = ANY($3) LIMIT $2 FOR UPDATE
), gone AS (
    UPDATE cards c SET state = 'void' FROM picked WHERE c.id = picked.id RETURNING c.unit_cost
)
SELECT count(*) AS number, coalesce(sum(unit_cost), 0)::bigint AS cost FROM gone
"""
_KEPT = "SELECT count(*) FROM cards WHERE batch_id = $1 AND state <> 'void'"
_TOLD = "UPDATE card_batches SET event_count = event_count + 1 WHERE id = $1 RETURNING event_count"
_STAGE = """
UPDATE card_batches SET stage = $2, undone_at = coalesce(undone_at, $3), voided = voided + $4
WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class UndoReport:
    """What an undo did; sold cards stay with their buyers."""

    batch_id: UUID
    voided: int
    kept: int


async def undo_batch(actor: Actor, batch_id: UUID) -> UndoReport:
    """Take back the unsold cards of an import; their codes may be imported again.

    Needs `cards:write`. Done in chunks; killed in the middle, the next call goes on. An import that
    still runs stops. A second time changes nothing. Refuses a batch that a supplier delivered,
    because what was paid for upstream is not undone by forgetting it, and one of own cards, which
    are voided singly and with a reason.
    """
    actor.require_scope(WRITE_SCOPE)
    voided = 0
    while True:
        async with transaction() as conn:
            await act_as(conn, actor, "undone")
            batch = await conn.fetchrow(_LOCK_BATCH, batch_id)
            if batch is None:
                raise Refused(NotFound(what="batch", field=("batchId",)))
            bought = batch["supplier_attempt_id"] is not None
            refuse_unless(not bought, Invalid(reason="batch_of_a_supplier", field=("batchId",)))
            issued = batch["source"] == ISSUED
            refuse_unless(not issued, Invalid(reason="batch_of_own_cards", field=("batchId",)))
            last = batch["stage"] == BatchStage.UNDONE
            if not last:
                number = await _undo_some(conn, batch_id, batch)
                voided += number
                last = number < CHUNK_CARDS
                if last:
                    await _tell(conn, actor, batch_id, batch["voided"] + number)
            crash_point("cards.undo_written")
        if last:
            break
    wake_relay()
    async with transaction() as conn:
        return UndoReport(batch_id, voided, await conn.fetchval(_KEPT, batch_id))


async def _undo_some(conn: Connection, batch_id: UUID, batch: Any) -> int:
    """Void some cards and book what they cost; how many there were."""
    row = await conn.fetchrow(_VOID, batch_id, CHUNK_CARDS, values(FREE))
    stage = BatchStage.UNDONE if row["number"] < CHUNK_CARDS else BatchStage.UNDOING
    await conn.execute(_STAGE, batch_id, stage.value, clock.now(), row["number"])
    if row["cost"]:
        kind = TransferKind.CARD_PURCHASE_UNDONE
        posting = purchase_of(kind, batch_id, batch["voided"], batch["currency"], -row["cost"])
        await ledger.post(conn, [posting])
    number: int = row["number"]
    return number


async def _tell(conn: Connection, actor: Actor, batch_id: UUID, voided: int) -> None:
    details = {"voided": voided, "kept": await conn.fetchval(_KEPT, batch_id)}
    await audit.record(conn, actor, "card_batch.undo", batch_id, details)
    payload = {"batchId": encode_id(Prefix.CARD_BATCH, batch_id), **details}
    sequence = await conn.fetchval(_TOLD, batch_id)
    await record_events(conn, [Event(UNDONE, batch_id, sequence, payload)])
