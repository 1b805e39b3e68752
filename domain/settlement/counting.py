"""What moved on the commission accounts of some agents between two entries of the ledger.

One statement for a slice of agents, over the index of their own entries: what nobody of them moved
is never read, and nothing but sums leaves the database (docs/decisions/0082).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.kernel import Connection, connection
from domain.settlement.statements import ADD_SLICE, BORDER, MOVED_IN_LEDGER, WRITE_SLICE

SLICE = 100  # agents of one statement
WINDOW = 200_000  # entries of one look at the ledger
_FLOOR = timedelta(minutes=10)  # between a transfer's id and its time, at the most
_RECENT = 1_000
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Span:
    """Which entries are counted, and what came before: a run's statements, or all entries."""

    currency: str
    follows: UUID | None
    from_entry: int
    up_to_entry: int


async def border_at(conn: Connection, moment: datetime) -> int:
    """The last entry that was posted before a moment, which is long enough past.

    Ids of transfers are ordered by time, so it is found from the newest on.
    """
    floor = UUID(int=int((moment + _FLOOR).timestamp() * 1000) << 80)
    return int(await conn.fetchval(BORDER, moment, floor, _RECENT))


async def write_slice(conn: Connection, run_id: UUID, span: Span, cursor: UUID) -> Any:
    """Write the statements of the agents after `cursor`: how many `statements`, how many agents
    were `looked` at, and the `last` of them (None: nobody is left)."""
    values = {**_values(span, cursor), "run_id": run_id}
    return await conn.fetchrow(WRITE_SLICE.text, *WRITE_SLICE.values(values))


async def add_slice(conn: Connection, span: Span, cursor: UUID) -> Any:
    """The same, but nothing is written: the sums of those statements are told as well."""
    return await conn.fetchrow(ADD_SLICE.text, *ADD_SLICE.values(_values(span, cursor)))


async def moved_in_ledger(span: Span) -> int:
    """What all commission accounts together gained, by the ledger alone; in looks of `WINDOW`
    entries, as these never change."""
    total = 0
    for begin in range(span.from_entry, span.up_to_entry, WINDOW):
        end = min(begin + WINDOW, span.up_to_entry)
        async with connection() as conn:
            total += int(await conn.fetchval(MOVED_IN_LEDGER, begin, end, span.currency))
    return total


def _values(span: Span, cursor: UUID) -> dict[str, Any]:
    return {
        "currency": span.currency,
        "cursor": cursor,
        "slice": SLICE,
        "from_entry": span.from_entry,
        "up_to_entry": span.up_to_entry,
        "follows": span.follows,
    }
