"""Storing a card file chunk by chunk (mission rows B1, B4, B9; docs/decisions/0019).

A chunk is one transaction: its cards and their secrets, what of the file is done, the counts, the
rows that were left out, and what the cards cost. Killed anywhere, all of that agrees, and the next
run goes on behind the last chunk.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid5

from domain import audit, bulk, ledger
from domain.cards.batches import BatchOrigin, born_state, describe_batch, refuse_frozen
from domain.cards.canaries import any_canaries, note_prints, prints_of
from domain.cards.models import BatchStage, CardState, IndexPhase
from domain.cards.reading import CardReader, CardRow, Position, Row, RowProblem
from domain.cards.rules import canonical
from domain.cards.state import IndexState, read_state, writing_state
from domain.cards.store import (
    Batch,
    Code,
    SealedCards,
    insert_batch,
    insert_sealed,
    seal_cards,
)
from domain.kernel import (
    Actor,
    Busy,
    Connection,
    Event,
    Invalid,
    Prefix,
    Refused,
    act_as,
    connection,
    crash_point,
    encode_id,
    record_events,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind, Posting, TransferKind, account_id

CHUNK_LINES = 5_000
IMPORTED = "card_batch.imported"
TWICE_IN_FILE, TWICE_IN_STORE = "card_twice_in_file", "card_twice_in_store"

_LOCK = """
SELECT stage, lines_done, generation, next_wrapped_key, quarantined_at, released_at, frozen_at,
    frozen_reason FROM card_batches WHERE id = $1 FOR UPDATE
"""
_DONE = """
UPDATE card_batches SET accepted = accepted + $2, duplicates = duplicates + $3,
    rejected = rejected + $4, lines_done = $5, bytes_done = $6, stage = $7
WHERE id = $1 RETURNING accepted, duplicates, rejected
"""
_WHOSE = """
SELECT fingerprint, batch_id FROM cards
WHERE variant_id = $1 AND fingerprint = ANY($2) AND state <> 'void'
"""
_WHOSE_BY_NEXT = """
SELECT next_fingerprint AS fingerprint, batch_id FROM cards
WHERE variant_id = $1 AND next_fingerprint = ANY($2) AND state <> 'void'
"""

Progress = Callable[[int], Awaitable[None] | None]  # hears the bytes that are done


@dataclass(slots=True)
class Counts:
    """What became of the rows of a file so far."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0


@dataclass(slots=True)
class _Chunk:
    """Some lines of a file, ready to be written."""

    rows: list[Row]
    after: Position
    last: bool
    cards: SealedCards
    lines: dict[bytes, int]  # of each fingerprint
    problems: list[RowProblem] = field(default_factory=list)
    prints: list[bytes] = field(default_factory=list)  # by which canaries are known


@dataclass(slots=True)
class Run:
    """One run over a file for one batch, new or begun by an earlier run."""

    actor: Actor
    batch: Batch
    reader: CardReader
    origin: BatchOrigin | None  # of a new batch, whose row its first chunk writes
    counts: Counts = field(default_factory=Counts)
    canaries: bool = False  # whether any are planted: else no code is looked for among them

    async def to_the_end(self, progress: Progress | None) -> bool:
        """Store all that is left; False when a new batch turned out to be there already."""
        async with connection() as conn:
            self.batch.index = await read_state(conn)
            self.canaries = await any_canaries(conn)
        done, coming = self.reader.position, self._in_a_thread()
        try:
            while True:
                chunk = await coming
                if not chunk.last:
                    coming = self._in_a_thread()  # read and seal the next while this is written
                if not await self._write(chunk, done):
                    return False
                crash_point("cards.chunk_committed")
                done = chunk.after
                await tell(progress, done)
                if chunk.last:
                    break
        finally:
            await asyncio.gather(coming, return_exceptions=True)  # it still uses the file
        wake_relay()
        return True

    def _in_a_thread(self) -> "asyncio.Future[_Chunk]":
        """The next chunk: reading and sealing must not hold up who else is served here."""
        return asyncio.ensure_future(asyncio.to_thread(self._next))

    def _next(self) -> _Chunk:
        rows = self.reader.take(CHUNK_LINES)
        return self._prepared(rows, self.reader.position, self.reader.ended)

    def _prepared(self, rows: list[Row], after: Position, last: bool) -> _Chunk:
        """Fingerprints and seals for the rows, by the pepper of this moment."""
        batch = replace(self.batch)  # the pepper may change while a thread is at work
        problems, codes = sorted_out(batch, rows)
        lines = {code[0]: line for line, code in codes}
        cards = seal_cards(batch, [code for _, code in codes])
        prints = (
            [each for _, code in codes for each in prints_of(*code[1:3])] if self.canaries else []
        )
        return _Chunk(rows, after, last, cards, lines, problems, prints)

    async def _write(self, chunk: _Chunk, before: Position) -> bool:
        """One chunk, whole or not at all. Refuses when somebody else went on with the batch."""
        batch = self.batch
        async with transaction() as conn:
            await act_as(conn, self.actor)
            if self.origin is not None:
                if not await insert_batch(conn, batch, BatchStage.IMPORTING):
                    return False
                batch.born = await describe_batch(conn, batch.id, batch.variant_id, self.origin)
            else:
                batch.index = await writing_state(conn)
                batch.born = await _checked(conn, batch, before)
            if chunk.cards.index != batch.index:  # the pepper's rotation took a step meanwhile
                chunk = self._prepared(chunk.rows, chunk.after, chunk.last)
            stored = await insert_sealed(conn, batch, chunk.cards)
            await note_prints(conn, self.actor, chunk.prints, "import", batch.variant_id)
            problems = chunk.problems + await _twins(conn, batch, chunk, stored)
            problems.sort(key=lambda problem: problem.line)
            await bulk.record_problems(conn, batch.id, problems)
            await self._count(conn, chunk, len(stored), problems)
            await _book(conn, batch, before, len(stored))
            if chunk.last:
                await _tell_all(conn, self.actor, batch, self.counts)
            crash_point("cards.chunk_written")
        self.origin = None
        return True

    async def _count(
        self, conn: Connection, chunk: _Chunk, accepted: int, problems: list[RowProblem]
    ) -> None:
        duplicates = sum(is_twin(problem) for problem in problems)
        stage = BatchStage.STORED if chunk.last else BatchStage.IMPORTING
        row = await conn.fetchrow(
            _DONE,
            self.batch.id,
            accepted,
            duplicates,
            len(problems) - duplicates,
            chunk.after.line,
            chunk.after.offset,
            stage.value,
        )
        self.counts = Counts(row["accepted"], row["duplicates"], row["rejected"])


def sorted_out(batch: Batch, rows: list[Row]) -> tuple[list[RowProblem], list[tuple[int, Code]]]:
    """What cannot be stored of some rows, and the codes of the others with their lines."""
    problems: list[RowProblem] = []
    codes: dict[bytes, tuple[int, Code]] = {}
    for row in rows:
        if not isinstance(row, CardRow):
            problems.append(row)
            continue
        fingerprint = batch.fingerprint(canonical(row.number, row.secret))
        if fingerprint in codes:
            problems.append(RowProblem(row.line, TWICE_IN_FILE))
        else:
            codes[fingerprint] = row.line, (fingerprint, row.number, row.secret, row.expires_on)
    return problems, list(codes.values())


def is_twin(problem: RowProblem) -> bool:
    """Whether a row was left out because its code is there already."""
    return problem.reason in (TWICE_IN_FILE, TWICE_IN_STORE)


async def tell(progress: Progress | None, done: Position) -> None:
    """Say how many bytes are done; who hears it may wait, or end the import by raising."""
    if progress is not None:
        answer = progress(done.offset)
        if inspect.isawaitable(answer):
            await answer


async def owners_of(
    conn: Connection, index: IndexState, variant_id: UUID, fingerprints: list[bytes]
) -> dict[bytes, UUID]:
    """The batches of the living cards that have these fingerprints, as new cards would get them."""
    if not fingerprints:
        return {}
    statement = _WHOSE_BY_NEXT if index.phase is IndexPhase.SWITCHING else _WHOSE
    rows = await conn.fetch(statement, variant_id, fingerprints)
    return {row["fingerprint"]: row["batch_id"] for row in rows}


def purchase_of(kind: TransferKind, batch_id: UUID, part: int, currency: str, cost: int) -> Posting:
    """What the cards of one part of a batch cost; the first part is known by the batch itself."""
    reference = uuid5(batch_id, f"{kind.value}:{part}") if part else batch_id
    legs = [
        (account_id(AccountKind.INVENTORY, None, currency), -cost),
        (account_id(AccountKind.BANK, None, currency), cost),
    ]
    return Posting(
        kind, reference, currency, legs, f"batch {encode_id(Prefix.CARD_BATCH, batch_id)}"
    )


async def _checked(conn: Connection, batch: Batch, before: Position) -> CardState:
    """The state that the next cards begin in, once the batch is locked and is where this run left
    it: not undone, frozen or gone on with, its key not on the way to another."""
    row = await conn.fetchrow(_LOCK, batch.id)
    if row is None or row["stage"] in (BatchStage.UNDOING, BatchStage.UNDONE):
        raise Refused(Invalid(reason="batch_undone_meanwhile", field=()))
    refuse_frozen(row)
    moved = row["stage"] != BatchStage.IMPORTING or row["lines_done"] != before.line
    if moved or row["generation"] != batch.generation or row["next_wrapped_key"] is not None:
        raise Refused(Busy())
    if row["quarantined_at"] is not None and row["released_at"] is None:
        return CardState.QUARANTINED
    return await born_state(conn, batch.variant_id)


async def _twins(
    conn: Connection, batch: Batch, chunk: _Chunk, stored: dict[bytes, UUID]
) -> list[RowProblem]:
    """The rows that the unique index left out, and where their codes stood before."""
    missing = [each for each in chunk.lines if each not in stored]
    owners = await owners_of(conn, batch.index, batch.variant_id, missing)
    return [
        RowProblem(
            chunk.lines[each], TWICE_IN_FILE if owners.get(each) == batch.id else TWICE_IN_STORE
        )
        for each in missing
    ]


async def _book(conn: Connection, batch: Batch, before: Position, accepted: int) -> None:
    cost = batch.unit_cost * accepted
    if cost:
        kind = TransferKind.CARD_PURCHASE
        await ledger.post(conn, [purchase_of(kind, batch.id, before.line, batch.currency, cost)])


async def _tell_all(conn: Connection, actor: Actor, batch: Batch, counts: Counts) -> None:
    told = {
        "accepted": counts.accepted,
        "duplicates": counts.duplicates,
        "rejected": counts.rejected,
    }
    await audit.record(conn, actor, "card_batch.import", batch.id, told)
    payload = {"batchId": encode_id(Prefix.CARD_BATCH, batch.id), **told}
    await record_events(conn, [Event(IMPORTED, batch.id, 1, payload)])
