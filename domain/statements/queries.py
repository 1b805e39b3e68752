"""Reads of statements: the report of a day, differences, lines."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from domain import bulk
from domain.kernel import (
    Actor,
    Page,
    PageRequest,
    connection,
    page_of,
    plain,
    purpose_key,
    unseal,
)
from domain.statements.comparing import RAW_PURPOSE
from domain.statements.layouts import READ_SCOPE
from domain.statements.models import (
    DifferenceState,
    StatementDay,
    StatementDifference,
    StatementLine,
    StatementSource,
    StatementTally,
)

SHOWN = 500
_SLICE = 1_000
_WAITING = "SELECT count(*) FROM statement_differences WHERE state IN ('OPEN', 'ASKED')"
_DIFFERENCES = """
SELECT d.id, d.day, s.party, s.code AS source, d.kind, d.outcome, d.code, d.reference, d.currency,
    d.theirs, d.ours, d.state, d.note
FROM statement_differences d JOIN statement_sources s ON s.id = d.source_id
WHERE d.day = $1 AND d.id > $2 ORDER BY d.id LIMIT $3
"""
_LINES = """
SELECT l.id, l.day, s.party, s.code AS source, l.kind, l.outcome, l.reference, l.about,
    l.provider_id, l.currency, l.amount, l.ours, l.fee, l.at, l.late
FROM statement_lines l JOIN statement_sources s ON s.id = l.source_id
WHERE l.source_id = $4 AND l.day = $1 AND l.id > $2 ORDER BY l.id LIMIT $3
"""
_FEES = """
SELECT s.payment, coalesce(sum(l.fee) FILTER (WHERE l.fee_booked), 0)::bigint AS fee,
    bool_or(l.kind = 'PAYMENT') AS told
FROM (SELECT unnest($1::uuid[]) AS payment, unnest($1::uuid[]) AS subject
    UNION ALL SELECT payment_id, id FROM payment_refunds WHERE payment_id = ANY($1)) s
JOIN statement_lines l ON l.subject_id = s.subject AND l.outcome IN ('MATCHED', 'AMOUNT_DIFFERS')
GROUP BY s.payment
"""
_FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class SourceDay:
    """One source on one day. `whole`: all its lines are here."""

    source: StatementSource
    whole: bool
    sums: list[StatementTally]


@dataclass(frozen=True, slots=True)
class StatementReport:
    """A day of all sources. `open`: differences of any day that nobody has closed."""

    day: date
    sources: list[SourceDay]
    differences: list[StatementDifference]
    open: int


async def report_of(actor: Actor, day: date) -> StatementReport:
    """What each partner's statement of a day came to, and the first 500 differences. Needs
    `statements:read`. Reads sums that were kept, not lines."""
    actor.require_scope(READ_SCOPE)
    whole = {each.source_id for each in await StatementDay.filter(day=day)}
    sums: dict[UUID, list[StatementTally]] = {}
    for each in await StatementTally.filter(day=day, number__gt=0).order_by("kind", "outcome"):
        sums.setdefault(each.source_id, []).append(each)
    sources = [
        SourceDay(each, each.id in whole, sums.get(each.id, []))
        for each in await StatementSource.all().order_by("party", "code")
    ]
    differences = await StatementDifference.filter(day=day).order_by("id").limit(SHOWN)
    async with connection() as conn:
        waiting = await conn.fetchval(_WAITING)
    return StatementReport(day, sources, differences, waiting)


async def list_differences(
    actor: Actor,
    page: PageRequest,
    state: DifferenceState | None = None,
    day: date | None = None,
) -> Page[StatementDifference]:
    """Differences, newest first; needs `statements:read`."""
    actor.require_scope(READ_SCOPE)
    wanted: dict[str, Any] = {} if state is None else {"state": state}
    if day is not None:
        wanted["day"] = day
    rows = StatementDifference.filter(**wanted).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def fees_of(payment_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What channels kept of payments and their refunds, in units, of those that a statement has
    told; one statement for all."""
    async with connection() as conn:
        rows = await conn.fetch(_FEES, list(payment_ids))
    return {row["payment"]: row["fee"] for row in rows if row["told"]}


async def lines_by_id(ids: Sequence[UUID]) -> dict[UUID, StatementLine]:
    """Lines of differences; one statement for all."""
    return {each.id: each for each in await StatementLine.filter(id__in=list(ids))}


async def sources_by_id(ids: Sequence[UUID]) -> dict[UUID, StatementSource]:
    """Sources of differences; one statement for all."""
    return {each.id: each for each in await StatementSource.filter(id__in=list(ids))}


def raw_of(line: StatementLine) -> str:
    """A line as it came. It may name a buyer's account at the partner."""
    return unseal(purpose_key(RAW_PURPOSE), bytes(line.raw_sealed), line.id.bytes).decode()


async def difference_table(actor: Actor, day: date) -> bulk.Table:
    """All differences of a day, to be taken away; needs `statements:read`."""
    actor.require_scope(READ_SCOPE)
    columns = ("party", "source", "kind", "outcome", "code", "reference", "currency")
    return bulk.Table(
        "statement-differences",
        ("day", *columns, "theirs", "ours", "state", "note"),
        _rows(_DIFFERENCES, (day,), columns, ("theirs", "ours"), ("state", "note")),
    )


async def line_table(actor: Actor, source: StatementSource, day: date) -> bulk.Table:
    """All lines of a source on a day, with what became of each; needs `statements:read`."""
    actor.require_scope(READ_SCOPE)
    columns = ("party", "source", "kind", "outcome", "reference", "about", "provider_id")
    return bulk.Table(
        "statement-lines",
        ("day", *columns, "currency", "amount", "ours", "fee", "at"),
        _rows(_LINES, (day, source.id), (*columns, "currency"), ("amount", "ours", "fee"), ("at",)),
    )


async def _rows(
    statement: str,
    about: tuple[Any, ...],
    words: Sequence[str],
    amounts: Sequence[str],
    rest: Sequence[str],
) -> AsyncIterator[bulk.OutRow]:
    day, *more = about
    last = _FIRST
    while True:
        async with connection() as conn:
            rows = await conn.fetch(statement, day, last, _SLICE, *more)
        if not rows:
            return
        last = rows[-1]["id"]
        for row in rows:
            told = [None if row[each] is None else plain(row[each]) for each in amounts]
            yield [row["day"], *(row[each] for each in words), *told, *(row[each] for each in rest)]
