"""The database connection: one transaction per use case, plain SQL on hot paths.

`transaction()` hands out the raw asyncpg connection; ORM calls made inside it join the same
transaction. Nesting is refused, because a use case is one transaction (house rule), and a task
must never outlive or share it (stack.md 1.5, items 7 and 9).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
from tortoise.backends.asyncpg.client import TransactionWrapper
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from domain.kernel.refusals import Busy, Refused

Connection: TypeAlias = asyncpg.Connection  # what `transaction` and `connection` hand out

ACQUIRE_TIMEOUT_SECONDS = 5.0

__all__ = [
    "Connection",
    "IntegrityError",
    "alone",
    "connection",
    "in_a_transaction",
    "transaction",
]


def in_a_transaction() -> bool:
    """Whether the calling task holds an open transaction."""
    return isinstance(get_connection("default"), TransactionWrapper)


@asynccontextmanager
async def transaction() -> AsyncIterator[Connection]:
    """One use case, one transaction: commits at the end, rolls back on any exception.

    Refuses with `Busy` when no connection is free in time, or a lock is not granted in time.
    """
    if in_a_transaction():
        raise RuntimeError("a use case is one transaction: do not nest them")
    context = in_transaction("default")
    try:
        async with asyncio.timeout(ACQUIRE_TIMEOUT_SECONDS):
            wrapper = await context.__aenter__()
    except TimeoutError:
        raise Refused(Busy()) from None
    try:
        yield wrapper._connection
    except asyncpg.LockNotAvailableError as error:
        await context.__aexit__(type(error), error, error.__traceback__)
        raise Refused(Busy()) from error
    except BaseException as error:
        await context.__aexit__(type(error), error, error.__traceback__)
        raise
    else:
        await context.__aexit__(None, None, None)


@asynccontextmanager
async def connection() -> AsyncIterator[Connection]:
    """A connection to read with: the open transaction's own, else one from the pool."""
    client = get_connection("default")
    if isinstance(client, TransactionWrapper):
        yield client._connection
        return
    async with client.acquire_connection() as raw:
        yield raw


@asynccontextmanager
async def alone(lock: int) -> AsyncIterator[None]:
    """Long work of many transactions, done by one process at a time; refuses another with `Busy`.

    The lock is the connection's: it goes when its process dies.
    """
    async with connection() as conn:
        if not await conn.fetchval("SELECT pg_try_advisory_lock($1)", lock):
            raise Refused(Busy())
        try:
            yield
        finally:
            await conn.execute("SELECT pg_advisory_unlock($1)", lock)
