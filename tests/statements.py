"""Counts the SQL statements that go over the wire: a fixed number is a promise about speed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from unittest.mock import patch

import asyncpg


@asynccontextmanager
async def count_statements() -> AsyncIterator[list[str]]:
    """The statements of all connections of this process while the block runs, in order."""
    seen: list[str] = []
    execute = asyncpg.Connection._do_execute
    simple = asyncpg.Connection.execute

    async def counted(self, query, *args, **kwargs):
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
