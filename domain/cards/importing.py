"""Importing card files: sealed, idempotent, undoable (mission rows B1, B2, B4)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from itertools import islice
from typing import BinaryIO
from uuid import UUID

from domain import audit, catalog, ledger
from domain.cards.batches import BatchOrigin, describe_batch
from domain.cards.issuing import ISSUED
from domain.cards.keys import fresh_key
from domain.cards.moves import FREE, values
from domain.cards.reading import CardRow, RowProblem, read_cards
from domain.cards.rules import canonical
from domain.cards.store import Batch, insert_batch, insert_cards
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
    encode_id,
    keyed_digest,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id

WRITE_SCOPE = "cards:write"
CHUNK_ROWS = 2_000
READ_BYTES = 1024 * 1024
MAX_PROBLEMS_TOLD = 1_000
IMPORTED = "card_batch.imported"
UNDONE = "card_batch.undone"

# Imports of one variant run one after another: two files that share codes in another order would
# wait for each other's rows for ever.
_LOCK_IMPORT = "SELECT pg_advisory_xact_lock(hashtext('cards.import'), hashtext($1))"
_FIND_BATCH = """
SELECT id, accepted, duplicates, rejected FROM card_batches
WHERE variant_id = $1 AND content_digest = $2 AND undone_at IS NULL
"""
_COUNTED = "UPDATE card_batches SET accepted = $2, duplicates = $3, rejected = $4 WHERE id = $1"
_LOCK_BATCH = """
SELECT variant_id, currency, source, supplier_attempt_id, undone_at FROM card_batches
WHERE id = $1 FOR UPDATE
"""
_VOID = """
WITH voided AS (
    UPDATE cards SET state = 'void' WHERE batch_id = $1 AND state = ANY($2) RETURNING unit_cost
)
SELECT count(*) AS number, coalesce(sum(unit_cost), 0)::bigint AS cost FROM voided
"""
_KEPT = "SELECT count(*) FROM cards WHERE batch_id = $1 AND state <> 'void'"
_UNDONE = """
UPDATE card_batches SET undone_at = $2, event_count = event_count + 1 WHERE id = $1
RETURNING event_count
"""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ImportWish:
    """What the cards of a file are. `unit_cost` in units of 1/10000 of `currency`."""

    sku: str
    unit_cost: int
    source: str = "import"
    currency: str = "CNY"
    expires_on: date | None = None
    origin: BatchOrigin = field(default_factory=BatchOrigin)


@dataclass(slots=True)
class CardImportReport:
    """What an import did. A file that was imported before is `replayed`: nothing was stored."""

    batch_id: UUID
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    replayed: bool = False

    def leave_out(self, problem: RowProblem) -> None:
        """Count a row that was not stored; of very many only the first are told singly."""
        if problem.reason.startswith("card_twice"):
            self.duplicates += 1
        else:
            self.rejected += 1
        if len(self.problems) < MAX_PROBLEMS_TOLD:
            self.problems.append(problem)


@dataclass(frozen=True, slots=True)
class UndoReport:
    """What an undo did; sold cards stay with their buyers."""

    batch_id: UUID
    voided: int
    kept: int


async def import_cards(
    actor: Actor, wish: ImportWish, file: BinaryIO, progress: Progress | None = None
) -> CardImportReport:
    """Store the cards of a file (UTF-8, seekable), all in one transaction.

    Needs `cards:write`. The same file again changes nothing. Duplicates and bad rows are left out
    and reported by line. `progress` hears the bytes read so far. Refuses an unknown SKU, a cost
    below zero, a day of expiry that has come, and a file that cannot be read as a whole
    (CARD_FILE_INVALID); Busy while another import of the variant goes on.
    """
    actor.require_scope(WRITE_SCOPE)
    refuse_unless(wish.unit_cost >= 0, Invalid(reason="card_cost", field=("unitCost",)))
    refuse_unless(wish.currency == "CNY", Invalid(reason="currency", field=("unitCost",)))
    sound = 0 < len(wish.source) <= 64 and wish.source.isprintable() and wish.source != ISSUED
    refuse_unless(sound, Invalid(reason="card_source", field=("source",)))
    lasting = wish.expires_on is None or wish.expires_on > clock.now().date()
    refuse_unless(lasting, Invalid(reason="card_expired", field=("expiresOn",)))
    variant = (await catalog.variants_by_sku([wish.sku])).get(wish.sku)
    if variant is None:
        raise Refused(NotFound(what="variant", field=("sku",)))
    own = variant.delivery_kind == catalog.DeliveryKind.GIFT_CARD
    refuse_unless(not own, Invalid(reason="cards_are_issued", field=("sku",)))
    fresh = await fresh_key()
    digest = keyed_digest("card-file", variant.id.bytes + _digest_of(file))
    async with transaction() as conn:
        await act_as(conn, actor)
        await conn.execute(_LOCK_IMPORT, variant.id.hex)
        batch = Batch.new(fresh, variant.id, wish.source, digest, wish.unit_cost, wish.currency)
        batch.expires_on, batch.imported_by = wish.expires_on, actor.user_id
        if not await insert_batch(conn, batch):
            return _replayed(await conn.fetchrow(_FIND_BATCH, variant.id, digest))
        batch.born = await describe_batch(conn, batch.id, variant.id, wish.origin)
        report = CardImportReport(batch.id)
        await _store_rows(conn, batch, file, report, progress)
        await conn.execute(_COUNTED, batch.id, report.accepted, report.duplicates, report.rejected)
        await _book(conn, batch, report)
        await _tell(conn, actor, batch, report)
    wake_relay()
    return report


async def undo_batch(actor: Actor, batch_id: UUID) -> UndoReport:
    """Take back the unsold cards of an import; their codes may be imported again.

    Needs `cards:write`. A second time changes nothing. Refuses a batch that a supplier delivered,
    because what was paid for upstream is not undone by forgetting it, and one of own cards, which
    are voided singly and with a reason.
    """
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        await act_as(conn, actor, "undone")
        batch = await conn.fetchrow(_LOCK_BATCH, batch_id)
        if batch is None:
            raise Refused(NotFound(what="batch", field=("batchId",)))
        bought = batch["supplier_attempt_id"] is not None
        refuse_unless(not bought, Invalid(reason="batch_of_a_supplier", field=("batchId",)))
        issued = batch["source"] == ISSUED
        refuse_unless(not issued, Invalid(reason="batch_of_own_cards", field=("batchId",)))
        if batch["undone_at"] is not None:
            return UndoReport(batch_id, 0, await conn.fetchval(_KEPT, batch_id))
        voided = await conn.fetchrow(_VOID, batch_id, values(FREE))
        report = UndoReport(batch_id, voided["number"], await conn.fetchval(_KEPT, batch_id))
        sequence = await conn.fetchval(_UNDONE, batch_id, clock.now())
        if voided["cost"]:
            kind = TransferKind.CARD_PURCHASE_UNDONE
            posting = _posting(kind, batch_id, batch["currency"], -voided["cost"])
            await ledger.post(conn, [posting])
        details = {"voided": report.voided, "kept": report.kept}
        await audit.record(conn, actor, "card_batch.undo", batch_id, details)
        payload = {"batchId": encode_id(Prefix.CARD_BATCH, batch_id), **details}
        await record_events(conn, [Event(UNDONE, batch_id, sequence, payload)])
    wake_relay()
    return report


async def _store_rows(
    conn: Connection,
    batch: Batch,
    file: BinaryIO,
    report: CardImportReport,
    progress: Progress | None,
) -> None:
    seen: set[bytes] = set()
    rows = read_cards(file, clock.now().date())
    while chunk := list(islice(rows, CHUNK_ROWS)):
        fresh = {}
        for row in _sound(chunk, report):
            fingerprint = batch.fingerprint(canonical(row.number, row.secret))
            if fingerprint in seen:
                report.leave_out(RowProblem(row.line, "card_twice_in_file"))
                continue
            seen.add(fingerprint)
            fresh[fingerprint] = row
        stored = await insert_cards(
            conn, batch, [(f, r.number, r.secret, r.expires_on) for f, r in fresh.items()]
        )
        report.accepted += len(stored)
        for fingerprint in fresh.keys() - stored.keys():
            report.leave_out(RowProblem(fresh[fingerprint].line, "card_twice_in_store"))
        if progress is not None:
            progress(file.tell())
    report.problems.sort(key=lambda problem: problem.line)


def _sound(chunk: list[CardRow | RowProblem], report: CardImportReport) -> Iterator[CardRow]:
    for row in chunk:
        if isinstance(row, RowProblem):
            report.leave_out(row)
        else:
            yield row


async def _book(conn: Connection, batch: Batch, report: CardImportReport) -> None:
    cost = batch.unit_cost * report.accepted
    if cost:
        kind = TransferKind.CARD_PURCHASE
        await ledger.post(conn, [_posting(kind, batch.id, batch.currency, cost)])


def _posting(kind: TransferKind, batch_id: UUID, currency: str, cost: int) -> Posting:
    legs = [
        (account_id(AccountKind.INVENTORY, None, currency), -cost),
        (account_id(AccountKind.BANK, None, currency), cost),
    ]
    return Posting(kind, batch_id, currency, legs)


async def _tell(conn: Connection, actor: Actor, batch: Batch, report: CardImportReport) -> None:
    counts = {
        "accepted": report.accepted,
        "duplicates": report.duplicates,
        "rejected": report.rejected,
    }
    await audit.record(conn, actor, "card_batch.import", batch.id, counts)
    payload = {"batchId": encode_id(Prefix.CARD_BATCH, batch.id), **counts}
    await record_events(conn, [Event(IMPORTED, batch.id, 1, payload)])


def _replayed(row: "dict[str, int] | None") -> CardImportReport:
    if row is None:
        raise RuntimeError("a batch vanished between two statements")
    return CardImportReport(
        batch_id=row["id"],  # type: ignore[arg-type]
        accepted=row["accepted"],
        duplicates=row["duplicates"],
        rejected=row["rejected"],
        replayed=True,
    )


def _digest_of(file: BinaryIO) -> bytes:
    """The whole content's digest, read in pieces; then the file stands at its beginning again."""
    digest = sha256()
    file.seek(0)
    while piece := file.read(READ_BYTES):
        digest.update(piece)
    file.seek(0)
    return digest.digest()
