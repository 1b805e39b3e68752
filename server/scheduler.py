"""`kameng scheduler`: the relay, and everything that is done at intervals.

Two may run; the one that holds the advisory lock works, and the other takes over when it goes.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
import structlog

from domain.kernel import on_committed
from jobs import broker as queue
from server import spare_the_collector
from server.logs import configure_logs
from server.loop import use_fast_loops
from server.settings import Settings
from server.waker import CHANNEL
from server.wiring import connect, disconnect

LEADER_LOCK = 7_221_000  # any number that nobody else uses
LEADER_PAUSE_SECONDS = 2.0
AFTER_FAULT_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 300.0
CHECKPOINT_SECONDS = 300.0  # how often it is asked whether today has one
AUTHORISATIONS_SECONDS = 60.0
PRICES_SECONDS = 30.0
STOCK_SECONDS = 300.0
SALES_SECONDS = 600.0
RECONCILE_SECONDS = 600.0
COMPLAINTS_SECONDS = 300.0
TIERS_SECONDS = 600.0
BONUS_SECONDS = 30
RELEASE_SECONDS = 20.0
STATEMENT_SECONDS = 600.0
CUSTODY_SECONDS = 3_600.0
RELAY_PAUSE_SECONDS = 0.03  # under load a few larger batches cost less than many small ones

log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM."""
    configure_logs(settings.log_level, settings.log_format)
    use_fast_loops()
    queue.install(settings.redis_url)
    asyncio.run(_main(settings))


async def _main(settings: Settings) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await connect(settings, "kameng-scheduler")
    spare_the_collector()
    lead = asyncio.create_task(_lead_again_and_again(settings))
    try:
        await ended.wait()
    finally:
        lead.cancel()
        with suppress(asyncio.CancelledError):
            await lead
        await disconnect()
        log.info("scheduler_stopped")


async def _lead_again_and_again(settings: Settings) -> None:
    while True:
        try:
            await _lead(settings)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("scheduler_lost_its_lead", problem=type(error).__name__)
        except Exception:
            log.exception("scheduler_lost_its_lead")  # and leads again all the same
        await asyncio.sleep(LEADER_PAUSE_SECONDS)


async def _lead(settings: Settings) -> None:
    """Work for as long as the connection that holds the lock lives."""
    from jobs import relay, schedule  # their actors need the broker

    conn = await asyncpg.connect(settings.database_url, timeout=5)
    try:
        if not await conn.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK):
            return
        log.info("scheduler_leads")
        hint, lost = asyncio.Event(), asyncio.Event()
        conn.add_termination_listener(lambda _: lost.set())
        await conn.add_listener(CHANNEL, lambda *_: hint.set())
        on_committed(hint.set)
        works = [
            _relay(relay.run_once, hint, settings.relay_interval_seconds),
            _every(settings.sweep_interval_seconds, schedule.sweep),
            _every(settings.sweep_interval_seconds, schedule.watch_uncertain),
            _every(settings.sweep_interval_seconds, schedule.watch_payouts),
            _every(settings.sealer_interval_seconds, schedule.seal_ledger),
            _every(settings.sealer_interval_seconds, schedule.seal_cards),
            _every(CHECKPOINT_SECONDS, schedule.take_checkpoint),
            _every(AUTHORISATIONS_SECONDS, schedule.watch_authorisations),
            _every(settings.sweep_interval_seconds, schedule.watch_stock),
            _every(settings.sweep_interval_seconds, schedule.expire_orders),
            _every(HOUSEKEEPING_SECONDS, schedule.expire_stock),
            _every(PRICES_SECONDS, schedule.watch_prices),
            _every(settings.goods_push_seconds, schedule.tell_partners),
            _every(STOCK_SECONDS, schedule.plan_stock),
            _every(SALES_SECONDS, schedule.count_sales),
            _every(RELEASE_SECONDS, schedule.release_commissions),
            _every(RECONCILE_SECONDS, schedule.reconcile),
            _every(COMPLAINTS_SECONDS, schedule.watch_complaints),
            _every(TIERS_SECONDS, schedule.review_tiers),
            _every(BONUS_SECONDS, schedule.award_bonuses),
            _every(BONUS_SECONDS, schedule.give_cashback),
            _every(STATEMENT_SECONDS, schedule.pull_statements),
            _every(STATEMENT_SECONDS, schedule.watch_statements),
            _every(CUSTODY_SECONDS, schedule.check_custody),
            _every(HOUSEKEEPING_SECONDS, schedule.keep_house),
        ]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await lost.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await conn.close(timeout=2)


async def _relay(
    run_once: Callable[[], Awaitable[int]], hint: asyncio.Event, interval: float
) -> None:
    """Carry events as soon as a hint comes, and at intervals for hints that were lost."""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(hint.wait(), interval)
        hint.clear()
        while await _guarded("relay", run_once):  # noqa: ASYNC110 - a pause, not a wait
            await asyncio.sleep(RELAY_PAUSE_SECONDS)


async def _every(interval: float, work: Callable[[], Awaitable[int]]) -> None:
    while True:
        await _guarded(work.__name__, work)
        await asyncio.sleep(interval)


async def _guarded(name: str, work: Callable[[], Awaitable[int]]) -> int:
    """A fault of one turn is told, and the next turn comes all the same."""
    try:
        return await work()
    except Exception:
        log.exception("scheduled_work_failed", work=name)
        await asyncio.sleep(AFTER_FAULT_SECONDS)
        return 0
