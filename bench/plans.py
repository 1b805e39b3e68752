"""What statements take into their hands: rows, counted in the plan that each really ran by."""

import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any
from unittest.mock import patch

import asyncpg

from domain.kernel import connection

TIMES = 5  # that a read is done
_READS = ("SELECT", "WITH")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it went over the wire."""

    text: str
    values: tuple[Any, ...]

    @property
    def reads(self) -> bool:
        """Whether it may be run again: it changes nothing."""
        text = self.text.lstrip().upper()
        changes = any(word in text for word in ("INSERT INTO", "UPDATE ", "DELETE FROM"))
        return text.startswith(_READS) and not changes


@dataclass(frozen=True, slots=True)
class Taken:
    """What one statement took: rows out of tables and indexes, milliseconds, tables read whole."""

    text: str
    rows: int
    ms: float
    whole: tuple[str, ...]


@asynccontextmanager
async def heard() -> AsyncIterator[list[Statement]]:
    """The statements of all connections of this process while the block runs, in order."""
    seen: list[Statement] = []
    execute = asyncpg.Connection._execute

    async def listening(self: Any, query: str, args: Any, *rest: Any, **more: Any) -> Any:
        seen.append(Statement(query, tuple(args)))
        return await execute(self, query, args, *rest, **more)

    with patch.object(asyncpg.Connection, "_execute", listening):
        yield seen


async def taken_by(conn: asyncpg.Connection, statement: Statement) -> Taken:
    """Run one statement again, explained."""
    said = await conn.fetchval(
        f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}", *statement.values
    )
    plan = json.loads(said)[0]
    whole = tuple(sorted(set(_whole(plan["Plan"]))))
    return Taken(statement.text, _rows_in(plan["Plan"]), plan["Execution Time"], whole)


async def told(name: str, work: Callable[[], Awaitable[Any]]) -> dict[str, Any]:
    """How long it takes, and of its statements how many there are and what they read."""
    took = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        await work()
        took.append(time.perf_counter() - begun)
    async with heard() as seen:
        await work()
    async with connection() as conn:
        taken = [await taken_by(conn, each) for each in seen if each.reads]
    row = {
        "name": name,
        "p50_ms": round(median(took) * 1000, 1),
        "statements": len(seen),
        "rows_read": sum(each.rows for each in taken),
        "whole": ", ".join(sorted({table for each in taken for table in each.whole})),
    }
    worst = max(taken, key=lambda each: each.rows, default=None)
    print(row, " ".join(worst.text.split())[:160] if worst else "", file=sys.stderr)
    return row


def _rows_in(plan: dict[str, Any]) -> int:
    own = 0
    if "Relation Name" in plan or "Index Name" in plan:
        seen = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        own = round(seen * plan["Actual Loops"])
    return own + sum(_rows_in(each) for each in plan.get("Plans", ()))


def _whole(plan: dict[str, Any]) -> list[str]:
    """Tables that were read from end to end, where something was read at all."""
    here = plan["Node Type"] == "Seq Scan" and plan["Actual Loops"] > 0
    found = [plan["Relation Name"]] if here else []
    return found + [name for each in plan.get("Plans", ()) for name in _whole(each)]
