"""Sealing anew, by the newest root key, what older ones have sealed: slice by slice, so that a run
that is killed anywhere is simply begun again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from domain.kernel.acting import act_as
from domain.kernel.actor import Actor
from domain.kernel.crash import crash_point
from domain.kernel.database import Connection, transaction
from domain.kernel.sealing import (
    SealBroken,
    keys,
    open_sealed,
    refresh_keys,
    seal_current,
    version_head,
)

SLICE = 500
ROTATE = "rotate"  # what the guards of the tables look for
# What is sealed by another key than the newest, in the order of ids.
_BEHIND = """
SELECT id, {column} AS sealed FROM {table} WHERE {column} IS NOT NULL
    AND substring({column} for 4) <> $1 AND id > $2
ORDER BY id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
"""
_RESEAL = """
UPDATE {table} t SET {column} = w.sealed FROM unnest($1::uuid[], $2::bytea[]) AS w (id, sealed)
WHERE t.id = w.id
"""
Broken = Callable[[Connection, UUID], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """Where something is sealed by `seal_current`; `bound` tells what a row's seal is bound to."""

    table: str
    column: str
    purpose: str
    bound: Callable[[UUID], bytes]

    @property
    def behind(self) -> str:
        """The statement that finds and locks what older keys have sealed."""
        return _BEHIND.format(table=self.table, column=self.column)

    @property
    def reseal(self) -> str:
        """The statement that writes new seals."""
        return _RESEAL.format(table=self.table, column=self.column)


async def reseal_column(
    actor: Actor, place: SealedColumn, broken: Broken, limit: int = SLICE
) -> int:
    """Seal anew what older root keys have sealed here; how many. What does not open keeps its seal,
    and is told to `broken` in the slice's own transaction."""
    await refresh_keys()
    done, last = 0, UUID(int=0)
    while True:
        moved, reached = await _slice(actor, place, broken, last, limit)
        if reached is None:
            return done
        done, last = done + moved, reached


async def _slice(
    actor: Actor, place: SealedColumn, broken: Broken, last: UUID, limit: int
) -> tuple[int, UUID | None]:
    fresh: dict[UUID, bytes] = {}
    async with transaction() as conn:
        await act_as(conn, actor, ROTATE)
        head = version_head(keys().current)
        rows = await conn.fetch(place.behind, head, last, limit)
        for row in rows:
            bound = place.bound(row["id"])
            try:
                plaintext = open_sealed(place.purpose, row["sealed"], bound)
            except SealBroken:
                await broken(conn, row["id"])
                continue
            fresh[row["id"]] = seal_current(place.purpose, plaintext, bound)
        await conn.execute(place.reseal, list(fresh), list(fresh.values()))
        crash_point("kernel.resealed")
    return len(fresh), rows[-1]["id"] if rows else None
