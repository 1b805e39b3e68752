"""Counts the SQL statements that go over the wire: a fixed number is a promise about speed. And the
rows that one takes into its hands."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from unittest.mock import patch

import asyncpg

from domain.kernel import connection

# What the driver asks once of each new connection about types. Which look opens one is chance.
DRIVERS_OWN = ("typeinfo_tree", "current_setting('jit')")


@asynccontextmanager
async def count_statements() -> AsyncIterator[list[str]]:
    """The statements of all connections of this process while the block runs, in order."""
    seen: list[str] = []
    execute = asyncpg.Connection._do_execute
    simple = asyncpg.Connection.execute

    async def counted(self, query, *args, **kwargs):
        if not any(word in query for word in DRIVERS_OWN):
            seen.append(query)
        return await execute(self, query, *args, **kwargs)

    async def counted_simple(self, query, *args, **kwargs):
        if not args:
            seen.append(query)  # goes by the simple protocol: BEGIN, COMMIT, ROLLBACK
        return await simple(self, query, *args, **kwargs)

    async with AsyncExitStack() as stack:
        stack.enter_context(patch.object(asyncpg.Connection, "_do_execute", counted))
        stack.enter_context(patch.object(asyncpg.Connection, "execute", counted_simple))
        yield seen


async def rows_read(statement: str, *args: object) -> int:
    """Rows out of tables and indexes that a statement takes, as it is planned in the house."""
    async with connection() as conn:
        said = await conn.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *args)
    return _rows_in(json.loads(said)[0]["Plan"])


def _rows_in(plan: dict[str, Any]) -> int:
    own = 0
    if "Relation Name" in plan or "Index Name" in plan:
        seen = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        own = round(seen * plan["Actual Loops"])
    return own + sum(_rows_in(each) for each in plan.get("Plans", ()))
