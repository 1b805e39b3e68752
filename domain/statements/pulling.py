"""Yesterday's statement of each partner that can give one, asked for until it is here (row F5)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from domain import payments, suppliers
from domain.kernel import SYSTEM, clock, connection, new_id, transaction
from domain.payments import ports as payment_ports
from domain.statements.comparing import offset_of
from domain.statements.importing import Incoming, StatementImport, chunks_of, take
from domain.statements.judging import look_again
from domain.statements.layouts import BadRow
from domain.statements.models import Party, StatementDay, StatementSource
from domain.statements.reading import line_of_channel, line_of_supplier
from domain.statements.rules import Line, bounds_of, day_of, days_between
from domain.statements.sources import source_of_channel, source_of_supplier

FIRST_TRY = timedelta(minutes=30)  # after the day's end
AGAIN = timedelta(hours=1)
LEASE = timedelta(hours=2)
LOOK_BACK = timedelta(days=7)
FILE_SECONDS = 60.0  # a bill is a file, not an answer

_CHANNELS = """
SELECT DISTINCT ON (c.adapter, c.merchant) c.code, c.adapter FROM payment_channels c
WHERE c.enabled AND NOT EXISTS (SELECT 1 FROM statement_sources s
    JOIN payment_channels o ON o.id = s.owner_id
    WHERE o.adapter = c.adapter AND o.merchant = c.merchant)
"""
_SUPPLIERS = """
SELECT s.id, s.code FROM suppliers s WHERE s.state = 'active'
    AND NOT EXISTS (SELECT 1 FROM statement_sources o WHERE o.owner_id = s.id)
"""
_DUE = """
SELECT id FROM statement_sources
WHERE owner_id IS NOT NULL AND (next_pull_at IS NULL OR next_pull_at <= $1)
ORDER BY next_pull_at NULLS FIRST LIMIT $2
"""
_CLAIM = """
UPDATE statement_sources SET next_pull_at = $2
WHERE id = $1 AND (next_pull_at IS NULL OR next_pull_at <= $3) RETURNING 1
"""
_NEXT = "UPDATE statement_sources SET next_pull_at = $2 WHERE id = $1"
Chunks = AsyncGenerator[list[Line | BadRow], None]


class NotThere(Exception):
    """The statement, or the rest of it, cannot be had now; asked for again."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one turn came to: days that are here now, and days that are still to come."""

    days: int
    waiting: int


async def list_due(limit: int) -> list[UUID]:
    """Sources that are to be asked now; those of new channels and suppliers are made on the way."""
    async with connection() as conn:
        channels = await conn.fetch(_CHANNELS)
        found = await conn.fetch(_SUPPLIERS)
    for row in channels:
        if payments.port_of(row["adapter"]).capabilities.statement:
            await source_of_channel(row["code"])
    for row in found:
        adapter, where = await suppliers.connection_of(row["id"])
        if suppliers.port_of(adapter).capabilities_of(where).statement:
            await source_of_supplier(row["code"])
    async with connection() as conn:
        return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


async def pull(source_id: UUID) -> Pulled:
    """Ask a source for the days that are not here, of the last seven; compare open differences
    again. Called any number of times: one at a time works."""
    moment = clock.now()
    async with transaction() as conn:
        if not await conn.fetchval(_CLAIM, source_id, moment + LEASE, moment):
            return Pulled(0, 0)
    source = await StatementSource.get(id=source_id)
    days, waiting = await _days_to_come(source), 0
    able = bool(days) and await _is_able(source)
    for day in days if able else ():
        try:
            await pull_day(source, day)
        except NotThere:
            waiting += 1
    await look_again(source, moment)
    async with transaction() as conn:
        await conn.execute(_NEXT, source.id, _next_try(source, waiting))
    return Pulled(len(days) - waiting if able else 0, waiting)


async def pull_day(source: StatementSource, day: date) -> StatementImport:
    """Ask for one day, and take it in; raises `NotThere` when it is not to be had."""
    chunks = await _opened(source, day)
    digest = new_id().bytes  # lines are told apart by what they say, not by when they came
    incoming = Incoming(f"{source.code} {day}", digest, lambda _: chunks, day, day)
    async with aclosing(chunks):
        return await take(SYSTEM, source, incoming)


async def _days_to_come(source: StatementSource) -> list[date]:
    offset = offset_of(source)
    last = day_of(clock.now(), offset) - timedelta(days=1)
    first = max(day_of(source.created_at, offset), last - LOOK_BACK + timedelta(days=1))
    here = {each.day for each in await StatementDay.filter(source_id=source.id, day__gte=first)}
    return [day for day in days_between(first, last) if day not in here]


def _next_try(source: StatementSource, waiting: int) -> object:
    if waiting:
        return clock.now() + AGAIN
    _, tomorrow = bounds_of(day_of(clock.now(), offset_of(source)), offset_of(source))
    return tomorrow + FIRST_TRY


async def _is_able(source: StatementSource) -> bool:
    if source.owner_id is None:
        return False
    if source.party is Party.CHANNEL:
        channel = await payments.channel_of(source.owner_id)
        return payments.port_of(channel.adapter).capabilities.statement
    adapter, where = await suppliers.connection_of(source.owner_id)
    return suppliers.port_of(adapter).capabilities_of(where).statement


async def _opened(source: StatementSource, day: date) -> Chunks:
    """The rows of a day, once the partner has begun to tell them."""
    if source.owner_id is None:
        raise NotThere
    if source.party is Party.SUPPLIER:
        return _pages_of(source.owner_id, day)
    channel = await payments.channel_of(source.owner_id)
    port = payments.port_of(channel.adapter)
    where = replace(payments.connection_of(channel), timeout_seconds=FILE_SECONDS)
    told = await port.statement(where, day)
    if not isinstance(told, payment_ports.Statement):
        raise NotThere
    return chunks_of(line_of_channel(row) for row in told.rows)


async def _pages_of(supplier_id: UUID, day: date) -> Chunks:
    adapter, where = await suppliers.connection_of(supplier_id)
    port, cursor = suppliers.port_of(adapter), None
    while True:
        page = await port.statement(where, day, cursor)
        if isinstance(page, suppliers.Uncertain):
            raise NotThere
        yield [line_of_supplier(row) for row in page.rows]
        if page.next_cursor is None:
            return
        if page.next_cursor == cursor:
            raise NotThere  # it would go on for ever
        cursor = page.next_cursor
