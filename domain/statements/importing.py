"""Taking statements in: a file, or a day that was asked for; each line once, however often it comes
(mission row F5).

Lines are read, stored and compared in chunks, each in one transaction together with how far the
file has come: memory is bounded, and whoever was killed goes on where it stood.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import BinaryIO
from uuid import UUID

from domain import audit, bulk, ledger
from domain.kernel import (
    Actor,
    Busy,
    Connection,
    Invalid,
    Refused,
    clock,
    crash_point,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind
from domain.statements.comparing import Numbered, lock_source, offset_of, write_lines
from domain.statements.judging import judge_days, tell_differences
from domain.statements.layouts import WRITE_SCOPE, BadRow, layout_of
from domain.statements.models import StatementFile, StatementSource
from domain.statements.reading import CSV, MAX_LINE_BYTES, Form, check_format, read_file
from domain.statements.refusals import StatementFileInvalid
from domain.statements.rules import CHUNK_LINES, Line, days_between

MAX_DAYS = 31
READ_BYTES = 1024 * 1024

_DAY = """
INSERT INTO statement_days (id, source_id, day, file_id, completed_at)
SELECT w.id, $1, w.day, $2, $3 FROM unnest($4::uuid[], $5::date[]) AS w (id, day)
ON CONFLICT (source_id, day) DO UPDATE
SET file_id = excluded.file_id, completed_at = excluded.completed_at, judged_at = NULL
"""


@dataclass(frozen=True, slots=True)
class StatementWish:
    """A file that is to be taken in. `first_day`, `last_day`: all lines of these days are in it, so
    what we have of them and it does not is missing there."""

    name: str
    format: str = CSV
    layout: str = ""  # the code of a saved one; only of CSV
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class StatementImport:
    """What an import did. `fresh` of `lines` were not here before; `replayed`: none could be."""

    file_id: UUID
    lines: int
    fresh: int
    left_out: int
    replayed: bool
    resumed: bool


@dataclass(frozen=True, slots=True)
class Incoming:
    """What comes, however it came: chunks behind so many rows that are stored already."""

    name: str
    digest: bytes
    chunks: Callable[[int], AsyncGenerator[list[Line | BadRow], None]]
    first_day: date | None = None
    last_day: date | None = None


async def import_file(
    actor: Actor,
    source: StatementSource,
    wish: StatementWish,
    file: BinaryIO,
    progress: Callable[[int], None] | None = None,
) -> StatementImport:
    """Take a file in. Needs `statements:write`; audited. The same file again is nothing new.

    Refuses, before anything is stored, a file that cannot be read to its end
    (STATEMENT_FILE_INVALID), an unknown format or layout, and days in the wrong order (INVALID).
    Rows that cannot be read are left out and told; days are then not taken for complete.
    """
    actor.require_scope(WRITE_SCOPE)
    check_wish(wish)
    form = Form(wish.format, await layout_of(wish.layout), source.party, offset_of(source))
    digest = await asyncio.to_thread(look_through, file, form)

    def rows() -> Iterator[Line | BadRow]:
        for row in read_file(file, form):
            if progress is not None:
                progress(file.tell())
            yield row

    def chunks(done: int) -> AsyncGenerator[list[Line | BadRow], None]:
        return chunks_of(islice(rows(), done, None))

    incoming = Incoming(wish.name, digest, chunks, wish.first_day, wish.last_day)
    return await take(actor, source, incoming)


def check_wish(wish: StatementWish) -> None:
    """Refuses what no file could be taken in as."""
    check_format(wish.format)
    first, last = wish.first_day, wish.last_day
    if first is None or last is None:
        refuse_unless(first is last, Invalid(reason="statement_days", field=("firstDay",)))
        return
    fits = 0 <= (last - first).days < MAX_DAYS
    refuse_unless(fits, Invalid(reason="statement_days", field=("lastDay",)))


async def take(actor: Actor, source: StatementSource, incoming: Incoming) -> StatementImport:
    """Store what comes in chunks, then look for what it does not have."""
    file = await _begin(actor, source, incoming)
    before, replayed = file.done, file.finished_at is not None
    if not replayed:
        async with aclosing(incoming.chunks(file.done)) as chunks:
            async for chunk in chunks:
                await _store_chunk(source, file, chunk)
                crash_point("statements.chunk_committed")
        await _finish(source, file)
    report = StatementImport(
        file_id=file.id,
        lines=file.done,
        fresh=file.fresh,
        left_out=file.left_out,
        replayed=replayed,
        resumed=before > 0 and not replayed,
    )
    await judge_days(source)
    await tell_differences(source)
    wake_relay()
    return report


async def chunks_of(rows: Iterator[Line | BadRow]) -> AsyncGenerator[list[Line | BadRow], None]:
    """Rows that are read in a thread, so many at once as one transaction stores."""
    while chunk := await asyncio.to_thread(list, islice(rows, CHUNK_LINES)):
        yield chunk


async def _begin(actor: Actor, source: StatementSource, incoming: Incoming) -> StatementFile:
    async with transaction() as conn:
        await lock_source(conn, source)
        file = await StatementFile.filter(source_id=source.id, digest=incoming.digest).first()
        if file is None:
            file = await StatementFile.create(
                id=new_id(),
                source_id=source.id,
                name="".join(each for each in incoming.name if each.isprintable())[:128],
                digest=incoming.digest,
                first_day=incoming.first_day,
                last_day=incoming.last_day,
                began_at=clock.now(),
                imported_by=actor.user_id,
            )
            details = {"source": source.code, "name": file.name}
            await audit.record(conn, actor, "statement.import", file.id, details)
        elif (incoming.first_day, incoming.last_day) != (file.first_day, file.last_day):
            # The same lines, and now it is said, or said otherwise, which days they are all of.
            file.first_day, file.last_day = incoming.first_day, incoming.last_day
            await file.save(update_fields=["first_day", "last_day"])
            if file.finished_at is not None:
                await _complete(conn, source, file)
    return file


async def _store_chunk(
    source: StatementSource, file: StatementFile, chunk: list[Line | BadRow]
) -> None:
    lines = [
        Numbered(number, row)
        for number, row in enumerate(chunk, file.done + 1)
        if isinstance(row, Line)
    ]
    bad = [bulk.Problem(row.line, row.reason) for row in chunk if isinstance(row, BadRow)]
    async with transaction() as conn:
        await lock_source(conn, source)
        stored = await StatementFile.get(id=file.id)
        if stored.done != file.done:  # another import of the same file is at it
            raise Refused(Busy())
        currencies = {each.line.currency for each in lines}
        wanted = [(AccountKind.CHANNEL_FEE, None, each) for each in sorted(currencies)]
        await ledger.open_accounts(conn, wanted)
        fresh = await write_lines(conn, source, file.id, lines)
        await bulk.record_problems(conn, file.id, bad)
        crash_point("statements.chunk_written")
        done = file.done + len(chunk)
        counts = {"done": done, "fresh": file.fresh + fresh, "left_out": file.left_out + len(bad)}
        await StatementFile.filter(id=file.id).update(**counts)
    file.done, file.fresh, file.left_out = counts["done"], counts["fresh"], counts["left_out"]


async def _finish(source: StatementSource, file: StatementFile) -> None:
    async with transaction() as conn:
        await lock_source(conn, source)
        file.finished_at = clock.now()
        await file.save(update_fields=["finished_at"])
        await _complete(conn, source, file)
        crash_point("statements.finish_written")


async def _complete(conn: Connection, source: StatementSource, file: StatementFile) -> None:
    """Its days are here, unless some of its rows are not."""
    if file.first_day is None or file.last_day is None or file.left_out:
        return
    days = days_between(file.first_day, file.last_day)
    ids = [new_id() for _ in days]
    await conn.execute(_DAY, source.id, file.id, clock.now(), ids, days)


def look_through(file: BinaryIO, form: Form) -> bytes:
    """The digest of a file that can be read to its end, and of how it was read: under another
    layout the same file says something else."""
    try:
        if form.name == CSV:
            bulk.survey(file, MAX_LINE_BYTES, form.layout.encoding)
        file.seek(0)
        digest = hashlib.sha256()
        while piece := file.read(READ_BYTES):
            digest.update(piece)
    except bulk.Unreadable as fault:
        raise Refused(StatementFileInvalid(line=fault.line, reason=fault.reason)) from None
    for _ in read_file(file, form):
        pass
    digest.update(repr((form.name, form.layout)).encode())
    return digest.digest()
