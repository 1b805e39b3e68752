"""What one use of a connection sets, the next one does not find (field bug 30).

The pool sends no reset between two uses, which would cost each purchase a round trip: so whoever
changes a session changes it back, also when the work breaks off.
"""

import asyncio
import io
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from domain import cards, checkout, invariants, ledger, orders, reconciliation
from domain.cards import importing, verifying
from domain.checkout import LineWish, Purchase
from domain.kernel import Refused, alone, connection, transaction, unhurried
from tests import make

pytestmark = pytest.mark.usefixtures("db")
ROOT = Path(__file__).parents[3]
POOL = 20
SESSION = re.compile(r'(?:"|; )SET (?!LOCAL|TRANSACTION)([a-z_]+) = ')
# What differs from how the session began; a lock and an actor that are left are seen, too.
_CHANGED = """
SELECT (SELECT coalesce(json_object_agg(name, setting), '{}') FROM pg_settings
        WHERE source = 'session' AND setting <> reset_val)::text
    || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
    || coalesce(current_setting('kameng.actor', true), '')
"""
UNCHANGED = "{}0"
_LIMITS = """
SELECT count(*) FROM pg_settings
WHERE name IN ('statement_timeout', 'transaction_timeout') AND setting <> '0'
"""


@pytest.fixture(autouse=True)
def every_file_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is read alone, under a lock of the session."""
    monkeypatch.setattr(importing, "CHUNK_LINES", 1)


async def all_sessions() -> set[str]:
    """What is set on each connection of the pool, all of them held at once."""
    together = asyncio.Barrier(POOL)

    async def one() -> str:
        async with connection() as conn:
            await asyncio.wait_for(together.wait(), 30)
            found: str = await conn.fetchval(_CHANGED)
            return found

    return set(await asyncio.gather(*(one() for _ in range(POOL))))


async def purchase_and_look() -> None:
    variant, buyer = await make.variant(cards=2), await make.buyer()
    for by_channel in (False, True):
        wish = Purchase((LineWish(variant.sku, 1),), f"key{by_channel}", by_channel=by_channel)
        placed = await checkout.place_order(buyer, wish)
    await orders.reveal_cards(buyer, (await orders.Order.all().first()).id, None)
    await checkout.cancel_order(buyer, placed.order.id)


async def an_import() -> None:
    variant = await make.variant()
    wish = cards.ImportWish(variant.sku, make.yuan(1), "test")
    await cards.import_cards(make.OPERATOR, wish, io.BytesIO(b"ONE-1\nTWO-2\n"))


async def work_alone() -> None:
    async with alone(7):
        pass


LONG_WORK: tuple[Callable[[], Awaitable[Any]], ...] = (
    invariants.find_violations,
    ledger.verify,
    cards.verify_cards,
    lambda: reconciliation.reconcile(whole=True),
    reconciliation.recount,
    purchase_and_look,
    an_import,
    work_alone,
)


async def test_no_work_leaves_a_session_other_than_it_was() -> None:
    assert await all_sessions() == {UNCHANGED}
    for work in LONG_WORK:
        await work()
    assert await all_sessions() == {UNCHANGED}


async def broken(*args: object, **more: object) -> None:
    raise ZeroDivisionError


async def test_nor_does_work_that_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    promise = invariants.Invariant("I0", "breaks off", "SELECT 1 / 0")
    with monkeypatch.context() as patch:
        patch.setattr(invariants, "INVARIANTS", (promise,))
        with pytest.raises(Exception, match="division by zero"):
            await invariants.find_violations()
        patch.setattr(verifying, "_verify_chain", broken)
        with pytest.raises(ZeroDivisionError):
            await cards.verify_cards()
        patch.setattr(importing._Import, "run", broken)
        with pytest.raises(ZeroDivisionError):
            await an_import()
    with pytest.raises(ZeroDivisionError):
        async with alone(7):
            raise ZeroDivisionError
    with pytest.raises(Refused):
        await make.hold(await make.variant(), 1)
    assert await all_sessions() == {UNCHANGED}


async def test_a_promise_over_large_books_may_take_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = invariants.Invariant("I0", "no limit of time holds", _LIMITS)
    monkeypatch.setattr(invariants, "INVARIANTS", (limits,))
    assert (await invariants.find_violations())[0].violations == 0
    async with unhurried() as conn:
        assert await conn.fetchval(_LIMITS) == 0
    async with connection() as conn:  # its twin: others are stopped
        assert await conn.fetchval(_LIMITS) == 2


async def test_a_connection_that_is_lost_meanwhile_is_told_as_what_it_is() -> None:
    with pytest.raises(asyncpg.PostgresError, match="terminating connection"):
        async with unhurried() as conn:
            await conn.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")
    assert await all_sessions() == {UNCHANGED}


async def test_twin_what_is_set_and_left_is_seen() -> None:
    async with connection() as conn:
        await conn.execute("SET statement_timeout = 0")
    try:
        assert await all_sessions() != {UNCHANGED}
    finally:
        await reset_all()
    async with transaction() as conn:
        await conn.execute("SET LOCAL statement_timeout = 0")  # ends with its transaction
    assert await all_sessions() == {UNCHANGED}


async def reset_all() -> None:
    together = asyncio.Barrier(POOL)

    async def one() -> None:
        async with connection() as conn:
            await asyncio.wait_for(together.wait(), 30)
            await conn.execute("RESET statement_timeout")

    await asyncio.gather(*(one() for _ in range(POOL)))


def in_use() -> int:
    """Connections that the pool has handed out."""
    pool = get_connection("default")._pool
    used: int = pool.get_size() - pool.get_idle_size()
    return used


async def test_who_leaves_while_a_transaction_begins_keeps_no_connection() -> None:
    async def work() -> None:
        async with transaction():
            raise AssertionError("left before it began")

    await all_sessions()  # all are open: taking one needs no word of the database, BEGIN does
    leaving = asyncio.create_task(work())
    await asyncio.sleep(0)
    assert in_use() == 1
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert in_use() == 0
    assert await all_sessions() == {UNCHANGED}


async def test_twin_the_library_alone_loses_it_for_good() -> None:
    """The day this fails, `transaction` may be the library's again."""
    context = in_transaction("default")
    await all_sessions()
    leaving = asyncio.create_task(context.__aenter__())
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert in_use() == 1
    pool = get_connection("default")._pool
    await pool.release(context.client._connection)
    assert await all_sessions() == {UNCHANGED}


def test_who_changes_a_session_has_it_changed_back_beside_it() -> None:
    for folder in ("domain", "server", "jobs", "adapters"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if "migrations" in path.parts:
                continue
            for name in SESSION.findall(text):
                assert f"RESET {name}" in text, f"{path}: {name}"
            for kind in ("pg_advisory_lock(", "pg_try_advisory_lock("):
                if kind in text and path.name != "scheduler.py":  # its own connection, for life
                    assert "pg_advisory_unlock(" in text, path
