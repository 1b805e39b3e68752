"""The database connection: one transaction per use case, plain SQL on hot paths.

`transaction()` hands out the raw asyncpg connection; ORM calls made inside it join the same
transaction. Nesting is refused, because a use case is one transaction (house rule), and a task
must never outlive or share it (stack.md 1.5, items 7 and 9).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import TypeAlias, cast

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.connection import get_connection, get_connections
from tortoise.exceptions import IntegrityError

from domain.kernel.refusals import Busy, Refused

Connection: TypeAlias = asyncpg.Connection  # what `transaction` and `connection` hand out

ACQUIRE_TIMEOUT_SECONDS = 5.0

__all__ = [
    "Connection",
    "IntegrityError",
    "alone",
    "connection",
    "in_a_transaction",
    "refuse_inside_a_transaction",
    "transaction",
    "unhurried",
]


_inside: ContextVar[bool] = ContextVar("inside_a_transaction", default=False)


def in_a_transaction() -> bool:
    """Whether the calling task holds an open transaction."""
    return _inside.get()


def refuse_inside_a_transaction() -> None:
    """For whoever talks to somebody outside: no row is locked while a stranger takes his time, and
    nothing that was done there is forgotten by a rollback here (field bug 9)."""
    if in_a_transaction():
        raise RuntimeError("nobody outside is called inside a transaction")


@asynccontextmanager
async def transaction() -> AsyncIterator[Connection]:
    """One use case, one transaction: commits at the end, rolls back on any exception.

    Refuses with `Busy` when no connection is free in time, or a lock is not granted in time.
    """
    if in_a_transaction():
        raise RuntimeError("a use case is one transaction: do not nest them")
    client = cast(AsyncpgDBClient, get_connection("default"))
    from_the_pool = client.acquire_connection()
    try:
        async with asyncio.timeout(ACQUIRE_TIMEOUT_SECONDS):
            raw = await from_the_pool.__aenter__()
    except TimeoutError:
        raise Refused(Busy()) from None
    try:
        with _joined_by_the_orm(client, raw):
            async with raw.transaction():
                yield raw
    except asyncpg.LockNotAvailableError as error:
        raise Refused(Busy()) from error
    finally:
        await from_the_pool.__aexit__(None, None, None)


@contextmanager
def _joined_by_the_orm(client: AsyncpgDBClient, raw: Connection) -> Iterator[None]:
    """What Tortoise's own transaction does, which loses the connection for good when its caller
    leaves, or the database does not answer, while it begins."""
    wrapper = TransactionWrapper(client)
    wrapper._connection = raw
    orm = get_connections().set("default", wrapper)
    inside = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(inside)
        get_connections().reset(orm)


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
async def unhurried() -> AsyncIterator[Connection]:
    """A connection to read large books with, for as long as that takes."""
    async with connection() as conn:
        await conn.execute("SET statement_timeout = 0; SET transaction_timeout = 0")
        try:
            yield conn
        finally:
            with suppress(asyncpg.InterfaceError):  # a lost connection has nothing to set back
                await conn.execute("RESET statement_timeout; RESET transaction_timeout")


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
