"""Keeping the card book: the trace of cards summed up in folios (mission row F3; decision 0044).

Nobody but this file writes folios and balances, and nothing here names a table of the money
ledger. A purchase writes nothing for it: the trace's triggers have told the move already.
"""

from dataclasses import dataclass, field
from typing import Any

from domain.cardbook.rules import FIRST_DIGEST, Moved, balances, folio_digest
from domain.kernel import Connection, clock, connection, new_id, transaction

MAX_LINKS = 5_000
MAX_UNITS = 20_000
_LOCK = 7_251_031

_LAST = "SELECT number, last_link, digest FROM card_folios ORDER BY number DESC LIMIT 1"
_NEXT = """
SELECT s.sequence, coalesce(e.cards, 1) AS cards FROM card_seals s
JOIN card_events e ON e.id = s.event_id
WHERE s.sequence > $1 ORDER BY s.sequence LIMIT $2
"""
_MOVES = """
SELECT (at AT TIME ZONE 'UTC')::date AS day, batch_id, from_place, to_place,
    sum(units)::bigint AS units, sum(cost)::bigint AS cost
FROM card_moves WHERE link > $1 AND link <= $2 GROUP BY 1, 2, 3, 4
"""
_FOLIO = """
INSERT INTO card_folios (number, first_link, last_link, units, digest, made_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_FOLIO_MOVES = """
INSERT INTO card_folio_moves (id, folio, day, batch_id, from_place, to_place, units, cost)
SELECT id, $1, day, batch, here, there, units, cost
FROM unnest($2::uuid[], $3::date[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::bigint[])
    AS m (id, day, batch, here, there, units, cost)
"""
_BALANCES = """
INSERT INTO card_balances (id, batch_id, place, currency, units, cost)
SELECT w.id, w.batch, w.place, b.currency, w.units, w.cost
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
    AS w (id, batch, place, units, cost)
JOIN card_batches b ON b.id = w.batch
ON CONFLICT (batch_id, place) DO UPDATE
SET units = card_balances.units + excluded.units, cost = card_balances.cost + excluded.cost
"""
_FOLIOS = """
SELECT number, first_link, last_link, digest FROM card_folios WHERE number > $1
ORDER BY number LIMIT 100
"""
_WRITTEN = """
SELECT day, batch_id, from_place, to_place, units, cost FROM card_folio_moves WHERE folio = $1
"""
_UNBALANCED = """
SELECT coalesce(m.batch_id, b.batch_id)::text AS batch, coalesce(m.place, b.place) AS place
FROM (
    SELECT batch_id, place, sum(units) AS units, sum(cost) AS cost FROM (
        SELECT batch_id, to_place AS place, units, cost FROM card_folio_moves
        UNION ALL SELECT batch_id, from_place, -units, -cost FROM card_folio_moves) legs
    GROUP BY 1, 2) m
FULL JOIN card_balances b USING (batch_id, place)
WHERE (m.units, m.cost) IS DISTINCT FROM (b.units, b.cost) LIMIT 100
"""


@dataclass(slots=True)
class FolioReport:
    """What `verify_folios` found; `faults` names each folio that is not what the trace tells."""

    folios: int = 0
    faults: list[str] = field(default_factory=list)


async def fold_next() -> int:
    """Sum up the next sealed links of the trace in a folio; how many links, 0 when none waits.

    One process at a time; at most MAX_LINKS links and, unless one link alone is more, MAX_UNITS
    units at once.
    """
    async with transaction() as conn:
        if not await conn.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return 0
        last = await conn.fetchrow(_LAST)
        number, position = (last["number"], last["last_link"]) if last else (0, 0)
        until = await _next_link(conn, position)
        if until == position:
            return 0
        moves = await _moves_between(conn, position, until)
        before = last["digest"] if last else FIRST_DIGEST
        digest = folio_digest(before, position + 1, until, moves)
        units = sum(each.units for each in moves)
        folio = (number + 1, position + 1, until, units, digest, clock.now())
        await conn.execute(_FOLIO, *folio)
        await _write(conn, number + 1, moves)
    return until - position


async def verify_folios() -> FolioReport:
    """Recompute every folio from the trace, and the balances from the folios."""
    report, digest, position = FolioReport(), FIRST_DIGEST, 0
    async with connection() as conn:
        while rows := await conn.fetch(_FOLIOS, report.folios):
            for row in rows:
                told = await _moves_between(conn, row["first_link"] - 1, row["last_link"])
                written = [_moved(each) for each in await conn.fetch(_WRITTEN, row["number"])]
                digest = folio_digest(digest, row["first_link"], row["last_link"], told)
                if set(told) != set(written):
                    report.faults.append(f"folio {row['number']}: its moves are not the trace's")
                elif digest != row["digest"] or row["first_link"] != position + 1:
                    report.faults.append(f"folio {row['number']}: its digest does not hold")
                digest, position = row["digest"], row["last_link"]
                report.folios = row["number"]
        for row in await conn.fetch(_UNBALANCED):
            fault = f"batch {row['batch']}: its balance at {row['place']} is not its moves' sum"
            report.faults.append(fault)
    return report


async def _next_link(conn: Connection, position: int) -> int:
    """The last link of the next folio."""
    units, until = 0, position
    for row in await conn.fetch(_NEXT, position, MAX_LINKS):
        units += row["cards"]
        if units > MAX_UNITS and until > position:
            break
        until = row["sequence"]
    return until


async def _moves_between(conn: Connection, after: int, until: int) -> list[Moved]:
    return [_moved(row) for row in await conn.fetch(_MOVES, after, until)]


def _moved(row: Any) -> Moved:
    return Moved(
        row["day"],
        row["batch_id"],
        row["from_place"],
        row["to_place"],
        row["units"],
        row["cost"],
    )


async def _write(conn: Connection, folio: int, moves: list[Moved]) -> None:
    if not moves:
        return
    await conn.execute(
        _FOLIO_MOVES,
        folio,
        [new_id() for _ in moves],
        [each.day for each in moves],
        [each.batch_id for each in moves],
        [each.from_place for each in moves],
        [each.to_place for each in moves],
        [each.units for each in moves],
        [each.cost for each in moves],
    )
    changed = balances(moves)
    await conn.execute(
        _BALANCES,
        [new_id() for _ in changed],
        [batch for batch, _ in changed],
        [place for _, place in changed],
        [units for units, _ in changed.values()],
        [cost for _, cost in changed.values()],
    )
