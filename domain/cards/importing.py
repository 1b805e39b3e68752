"""Importing card files: sealed, idempotent, resumable (mission rows B1, B2, B4, B9)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, BinaryIO
from uuid import UUID

import asyncpg

from domain import bulk, catalog
from domain.cards.batches import BatchOrigin
from domain.cards.chunks import CHUNK_LINES, Counts, Progress, Run
from domain.cards.issuing import ISSUED
from domain.cards.keys import fresh_key, unwrapped
from domain.cards.links import LinksOnly
from domain.cards.models import BatchStage
from domain.cards.reading import (
    MAX_LINE_BYTES,
    UTF8,
    CardReader,
    Position,
    RowProblem,
    open_cards,
)
from domain.cards.refusals import CardFileInvalid
from domain.cards.rehearsal import Rehearsal, rehearse
from domain.cards.store import Batch
from domain.kernel import (
    Actor,
    Busy,
    Connection,
    Invalid,
    NotFound,
    Refused,
    WrappedKey,
    clock,
    connection,
    keyed_digest,
    refuse_unless,
)

WRITE_SCOPE = "cards:write"
MAX_PROBLEMS_TOLD = 1_000

_FIND_BATCH = """
SELECT id, stage, accepted, duplicates, rejected, lines_done, bytes_done, unit_cost, currency,
    source, expires_on, generation, wrapped_key, next_wrapped_key, key_version
FROM card_batches WHERE variant_id = $1 AND content_digest = $2 AND undone_at IS NULL
"""
_LOCK = "SELECT pg_advisory_lock(hashtext('cards.import'), hashtext($1))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('cards.import'), hashtext($1))"


@dataclass(frozen=True, slots=True)
class ImportWish:
    """What the cards of a file are. `unit_cost` in units of 1/10000 of `currency`.

    `dry_run` stores nothing and tells what would happen; `all_or_nothing` stores nothing when any
    row would be left out.
    """

    sku: str
    unit_cost: int
    source: str = "import"
    currency: str = "CNY"
    expires_on: date | None = None
    origin: BatchOrigin = field(default_factory=BatchOrigin)
    encoding: str = UTF8
    dry_run: bool = False
    all_or_nothing: bool = False


@dataclass(slots=True)
class CardImportReport:
    """What an import did, or would do.

    `replayed`: the file was imported before, nothing was stored. `resumed`: an earlier import of it
    had been cut off, this one went on. `stored` is false of a dry run, and of a file that was
    refused because a row is wrong. `problems` are the first of all that were kept. `from_numbers`
    codes of a workbook were numbers there: nobody can see whether they had leading zeros.
    """

    batch_id: UUID | None
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    replayed: bool = False
    resumed: bool = False
    stored: bool = True
    from_numbers: int = 0
    all_problems: list[RowProblem] = field(default_factory=list)  # of what was not stored


async def import_cards(
    actor: Actor, wish: ImportWish, file: BinaryIO, progress: Progress | None = None
) -> CardImportReport:
    """Store the cards of a file (seekable), chunk by chunk; cards of a stored chunk are for sale.

    Needs `cards:write`. The same file again changes nothing; one that was cut off goes on where it
    stood, with the cost and source it began with. Duplicates and bad rows are left out and reported
    by line; of a variant of links, each row without an https address. `progress` hears the bytes
    done. Refuses an unknown SKU, a kind that is delivered without cards, a cost below zero, a day
    of expiry that has come, and, before anything is stored, a file that cannot be read as a whole
    (CARD_FILE_INVALID); Busy while another import of the same file goes on.
    """
    variant = await check_wish(actor, wish)
    seen = await asyncio.to_thread(_surveyed, file, wish.encoding)
    digest = keyed_digest("card-file", variant.id.bytes + seen.digest)
    links = variant.delivery_kind is catalog.DeliveryKind.LINK
    work = _Import(actor, wish, file, progress, variant.id, digest, links)
    if not seen.workbook and seen.lines <= CHUNK_LINES:
        return await work.run()  # one transaction: the unique key of the batch tells twins apart
    async with _alone(digest.hex()):
        return await work.run()


async def check_wish(actor: Actor, wish: ImportWish) -> catalog.ShownVariant:
    """The variant whose cards are wanted, when they may be imported; else the refusals of that."""
    actor.require_scope(WRITE_SCOPE)
    _check(wish)
    variant = (await catalog.variants_by_sku([wish.sku])).get(wish.sku)
    if variant is None:
        raise Refused(NotFound(what="variant", field=("sku",)))
    own = variant.delivery_kind == catalog.DeliveryKind.GIFT_CARD
    refuse_unless(not own, Invalid(reason="cards_are_issued", field=("sku",)))
    of_cards = variant.delivery_kind in catalog.CARD_KINDS
    refuse_unless(of_cards, Invalid(reason="cards_of_no_kind", field=("sku",)))
    return variant


@dataclass(frozen=True, slots=True)
class _Import:
    actor: Actor
    wish: ImportWish
    file: BinaryIO
    progress: Progress | None
    variant_id: UUID
    digest: bytes
    links: bool

    def _opened(self) -> CardReader:
        """A reader of the file from its beginning."""
        reader = open_cards(self.file, clock.now().date(), self.wish.encoding)
        return LinksOnly(reader) if self.links else reader

    async def run(self) -> CardImportReport:
        found = await self._find()
        if found is not None and found["stage"] == BatchStage.STORED:
            return await _report(found["id"], _counts(found), replayed=True)
        reader = await asyncio.to_thread(self._opened)
        if found is None and (self.wish.dry_run or self.wish.all_or_nothing):
            rehearsal = await rehearse(self.actor, self.variant_id, reader, self.progress)
            if self.wish.dry_run or rehearsal.problems:
                return replace(_rehearsed(rehearsal), from_numbers=reader.numbers)
            reader = await asyncio.to_thread(self._opened)
        batch = await self._begun(found) if found else await self._new()
        if found:
            if self.wish.dry_run:
                return await _report(batch.id, _counts(found), resumed=True, stored=False)
            reader.go_to(Position(found["lines_done"], found["bytes_done"]))
        run = Run(self.actor, batch, reader, None if found else self.wish.origin)
        if not await run.to_the_end(self.progress):
            return await self._replayed()
        report = await _report(batch.id, run.counts, resumed=found is not None)
        return replace(report, from_numbers=reader.numbers)

    async def _find(self) -> Any:
        async with connection() as conn:
            return await conn.fetchrow(_FIND_BATCH, self.variant_id, self.digest)

    async def _new(self) -> Batch:
        wish = self.wish
        batch = Batch.new(
            await fresh_key(),
            self.variant_id,
            wish.source,
            self.digest,
            wish.unit_cost,
            wish.currency,
        )
        batch.expires_on, batch.imported_by = wish.expires_on, self.actor.user_id
        return batch

    async def _begun(self, row: Any) -> Batch:
        """The batch that an earlier run began, with its data key."""
        refuse_unless(row["next_wrapped_key"] is None, Busy())  # its key is being changed
        wrapped = WrappedKey(row["wrapped_key"], row["key_version"])
        data_key = await unwrapped(row["id"], wrapped, row["generation"])
        return Batch(
            row["id"],
            self.variant_id,
            row["source"],
            self.digest,
            row["unit_cost"],
            row["currency"],
            data_key,
            wrapped,
            expires_on=row["expires_on"],
            generation=row["generation"],
        )

    async def _replayed(self) -> CardImportReport:
        """Somebody else was a moment faster with the same file."""
        row = await self._find()
        if row is None or row["stage"] != BatchStage.STORED:
            raise Refused(Busy())
        return await _report(row["id"], _counts(row), replayed=True)


def _check(wish: ImportWish) -> None:
    refuse_unless(wish.unit_cost >= 0, Invalid(reason="card_cost", field=("unitCost",)))
    refuse_unless(wish.currency == "CNY", Invalid(reason="currency", field=("unitCost",)))
    sound = 0 < len(wish.source) <= 64 and wish.source.isprintable() and wish.source != ISSUED
    refuse_unless(sound, Invalid(reason="card_source", field=("source",)))
    lasting = wish.expires_on is None or wish.expires_on > clock.now().date()
    refuse_unless(lasting, Invalid(reason="card_expired", field=("expiresOn",)))
    wish.origin.check()
    known = wish.encoding in bulk.ENCODINGS
    refuse_unless(known, Invalid(reason="encoding", field=("encoding",)))


def _surveyed(file: BinaryIO, encoding: str) -> bulk.Survey:
    try:
        return bulk.survey(file, MAX_LINE_BYTES, encoding)
    except bulk.Unreadable as fault:
        raise Refused(CardFileInvalid(line=fault.line, reason=fault.reason)) from None


@asynccontextmanager
async def _alone(name: str) -> AsyncIterator[None]:
    """One import of a file at a time; the lock goes with its connection when the process dies."""
    async with connection() as conn:
        await _locked(conn, name)
        try:
            yield
        finally:
            await conn.execute(_UNLOCK, name)


async def _locked(conn: Connection, name: str) -> None:
    try:
        await conn.execute(_LOCK, name)
    except asyncpg.LockNotAvailableError:
        raise Refused(Busy()) from None


def _counts(row: Any) -> Counts:
    return Counts(row["accepted"], row["duplicates"], row["rejected"])


async def _report(
    batch_id: UUID,
    counts: Counts,
    *,
    replayed: bool = False,
    resumed: bool = False,
    stored: bool = True,
) -> CardImportReport:
    return CardImportReport(
        batch_id,
        counts.accepted,
        counts.duplicates,
        counts.rejected,
        await bulk.first_problems(MAX_PROBLEMS_TOLD, batch_id),
        replayed,
        resumed,
        stored,
    )


def _rehearsed(rehearsal: Rehearsal) -> CardImportReport:
    counts, problems = rehearsal.counts, rehearsal.problems
    return CardImportReport(
        None,
        counts.accepted,
        counts.duplicates,
        counts.rejected,
        problems[:MAX_PROBLEMS_TOLD],
        stored=False,
        all_problems=problems,
    )
