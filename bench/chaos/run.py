"""One chaos run from nothing to its verdict: servers, processes, orders, faults, both books."""

import asyncio
import math
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import httpx2
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError
from redis.retry import Retry

from adapters.sandbox.faults import LIST_FAULTS, Fault
from bench.chaos import shop
from bench.chaos.books import Ours, Theirs, read_ours, read_theirs, restless
from bench.chaos.desk import Desk
from bench.chaos.fleet import Fleet
from bench.chaos.judge import Violation, judge, judge_orders
from bench.chaos.people import Buyers, Operator
from bench.chaos.plan import QUIET_END, Deed, Do, Plan, drawn, processes_of
from bench.chaos.shop import Doors
from bench.chaos.vendors import ORDER_FAULTS, VENDORS
from bench.installation import answers, fresh_database
from domain import reconciliation, statements
from domain.invariants import find_violations
from domain.kernel import SYSTEM
from domain.suppliers import Supplier
from server.embedded import Server, free_port, start_postgres, start_valkey
from server.processes import wait_until
from server.settings import Settings
from server.wiring import connect, disconnect, migrate

FOLDER = Path("var/chaos")
DATABASE, BOOK = "chaos", "simulator.sqlite3"
END_SECONDS = 120  # after the last fault (row I22)
LOOK_SECONDS = 1.0
VALKEY_DOWN_SECONDS = 3.0
START_SECONDS = 300  # all of them start at once, and the machine may be busy with other things
EXCUSED_SECONDS = 30.0  # after Valkey is back: a process takes its time to say that it was not
TELL_EVERY = 20  # so many times in a run its progress is told
INSIST_EVERY = 0.01  # of the orders: how often faults that never fired are armed again
WAITING_AT_MOST = 40  # buyers without an answer; no further ones come then
ARMED_AT_MOST = 3  # suppliers, of one fault that has never fired
ENCORE = 10  # purchases between two looks at what has fired
SETTINGS = {  # what makes a run short; everything else is as an operator would have it
    "KAMENG_WORKERS": "1",
    "KAMENG_ENVIRONMENT": "development",
    "KAMENG_SUPPLIER_TIMEOUT_SECONDS": "2",
    "KAMENG_SUPPLIER_RECHECK_SECONDS": "0.02",
    "KAMENG_SUPPLIER_POLL_SECONDS": "10",
    "KAMENG_UNCERTAIN_ALERT_MINUTES": "0.1",
    "KAMENG_SWEEP_INTERVAL_SECONDS": "0.5",
    "KAMENG_RELAY_INTERVAL_SECONDS": "0.5",
    "KAMENG_ACCESS_TOKEN_MINUTES": "600",
    "KAMENG_LOG_LEVEL": "INFO",
}


@dataclass(frozen=True)
class Wish:
    """What kind of run it shall be; `rate` is orders a second."""

    orders: int = 2_000
    seed: int = 1
    rate: float = 8.0
    folder: Path = FOLDER


@dataclass
class Outcome:
    """What a run came to."""

    wish: Wish
    violations: list[Violation] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    valkey: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    purchases: Counter[str] = field(default_factory=Counter)  # upstream, by their state there
    incidents: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)  # from paid to ended, sorted
    ended_after: float = 0.0  # the last order, after the last fault
    asked_again: Counter[str] = field(default_factory=Counter)  # buyers, by the reason
    gave_up: int = 0
    lasted: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.violations


@dataclass
class Valkey:
    """The queue's server, which may go and come back at its place."""

    server: Server
    folder: Path
    port: int
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def cut(self) -> None:
        """kill -9."""
        self.server.process.kill()
        self.server.process.wait()

    def back(self) -> None:
        """Start it again with what it had written down."""
        self.server = start_valkey(self.folder, port=self.port)

    def flush(self) -> None:
        """Forget all it holds; it may be reading its file still."""
        patient = Retry(ConstantBackoff(0.2), 50)
        again = [BusyLoadingError]
        with Redis.from_url(self.server.url, retry=patient, retry_on_error=again) as client:
            client.flushall()


@dataclass
class Run:
    """A run under way."""

    wish: Wish
    plan: Plan
    fleet: Fleet
    desk: Desk
    buyers: Buyers
    operator: Operator
    supplier_ids: dict[str, str]
    valkey: Valkey
    say: Callable[[str], None]
    outcome: Outcome
    chance: random.Random


def run(wish: Wish, say: Callable[[str], None]) -> Outcome:
    """One whole run. Nothing of it goes on after."""
    begun = time.monotonic()
    outcome = Outcome(wish)
    plan = drawn(wish.seed, wish.orders)
    shutil.rmtree(wish.folder / "log", ignore_errors=True)
    wish.folder.mkdir(parents=True, exist_ok=True)
    for old in wish.folder.glob(f"{BOOK}*"):
        old.unlink()
    with _installed(wish, say) as (settings, fleet, valkey):
        say("Filling the shop ...")
        asyncio.run(migrate(settings.database_url))
        doors = asyncio.run(shop.fill(settings, plan))
        for name in _names(wish.orders):
            fleet.start(name)
        origin = f"http://{settings.host}:{settings.port}"
        for name, what, url in (
            ("web-1", "The API", f"{origin}/readyz"),
            ("simulator-1", "The simulator", f"{settings.simulator_url}/healthz"),
        ):
            wait_until(partial(answers, url), what, fleet.logs / f"{name}.log", START_SECONDS)
        asyncio.run(_driven(outcome, plan, settings, fleet, valkey, doors, say))
    outcome.lasted = time.monotonic() - begun
    return outcome


@contextmanager
def _installed(wish: Wish, say: Callable[[str], None]) -> Iterator[tuple[Settings, Fleet, Valkey]]:
    with ExitStack() as stack:
        say("Starting PostgreSQL and Valkey ...")
        postgres = start_postgres(wish.folder)
        stack.callback(postgres.stop)
        port = free_port()
        valkey = Valkey(start_valkey(wish.folder, port=port), wish.folder, port)
        stack.callback(lambda: valkey.server.stop())
        valkey.flush()
        simulator = free_port()
        environment = {
            **SETTINGS,
            "KAMENG_DATABASE_URL": postgres.url.rpartition("/")[0] + f"/{DATABASE}",
            "KAMENG_REDIS_URL": valkey.server.url,
            "KAMENG_PORT": str(free_port()),
            "KAMENG_KEY_FILE": str((wish.folder / "keys.json").resolve()),
            "KAMENG_SIMULATOR_PORT": str(simulator),
            "KAMENG_SIMULATOR_URL": f"http://127.0.0.1:{simulator}",
            "KAMENG_SIMULATOR_BOOK": str((wish.folder / BOOK).resolve()),
            "KAMENG_SIMULATOR_SEED": str(wish.seed),
        }
        asyncio.run(fresh_database(postgres.url, DATABASE))
        names = {name.removeprefix("KAMENG_").lower(): told for name, told in environment.items()}
        settings = Settings(_env_file=None).model_copy(update=_typed(names))
        fleet = Fleet(environment, wish.folder / "log")
        stack.callback(fleet.stop)
        yield settings, fleet, valkey


def _typed(names: dict[str, str]) -> dict[str, object]:
    return Settings.model_validate(names).model_dump(include=set(names))


def _names(orders: int) -> list[str]:
    return [
        f"{kind}-{number}"
        for kind, processes in processes_of(orders).items()
        for number in range(1, processes + 1)
    ]


async def _driven(
    outcome: Outcome,
    plan: Plan,
    settings: Settings,
    fleet: Fleet,
    valkey: Valkey,
    doors: Doors,
    say: Callable[[str], None],
) -> None:
    await connect(settings, "chaos")
    limits = httpx2.Limits(max_connections=200)
    try:
        async with httpx2.AsyncClient(limits=limits, trust_env=False) as client:
            origin = f"http://{settings.host}:{settings.port}"
            desk = Desk(settings.simulator_url, f"{origin}/callbacks/suppliers", client)
            marks = f"chaos-{plan.seed}-{time.time_ns():x}"
            buyers = Buyers(f"{origin}/graphql/shop", doors, marks, client)
            ids = {each.code: str(each.id) for each in await Supplier.all()}
            wish = outcome.wish
            there = partial(read_theirs, wish.folder / BOOK, str(wish.seed))
            operator = Operator(f"{origin}/graphql/admin", doors, client, desk, there)
            chance = random.Random(wish.seed)
            run = Run(wish, plan, fleet, desk, buyers, operator, ids, valkey, say, outcome, chance)
            await _all_of_it(run)
    finally:
        await disconnect()


async def _all_of_it(run: Run) -> None:
    await run.desk.sell(run.plan)
    await run.desk.tell_callbacks(run.supplier_ids)
    around = [
        asyncio.create_task(run.fleet.watch()),
        asyncio.create_task(run.operator.work()),
    ]
    try:
        await _shop_and_break(run)
        await _end_faults(run)
        await _until_quiet(run)
        await _statements(run)
    finally:
        for task in around:
            task.cancel()
        ended = await asyncio.gather(*around, return_exceptions=True)
    failed = [each for each in ended if isinstance(each, Exception)]
    if failed:
        raise failed[0]
    await _verdict(run)


async def _shop_and_break(run: Run) -> None:
    """Place the orders at a steady rate, as long as buyers get answers, and do each deed at its
    place among them."""
    deeds, begun = list(run.plan.deeds), time.monotonic()
    free = asyncio.Semaphore(WAITING_AT_MOST)
    step = max(1, run.wish.orders // TELL_EVERY)
    insist = max(1, int(run.wish.orders * INSIST_EVERY))
    async with asyncio.TaskGroup() as tasks:
        for purchase in run.plan.purchases[: run.wish.orders]:
            wait = begun + purchase.number / run.wish.rate - time.monotonic()
            await asyncio.sleep(max(0.0, wait))
            while deeds and deeds[0].at <= purchase.number:
                tasks.create_task(_do(run, deeds.pop(0)))
            if purchase.number > run.wish.orders * QUIET_END and purchase.number % insist == 0:
                tasks.create_task(_insist(run))
            await free.acquire()
            bought = tasks.create_task(run.buyers.buy(purchase))
            bought.add_done_callback(lambda _: free.release())
            if purchase.number % step == 0:
                run.say(await _progress(run, purchase.number))
    await _encore(run)


async def _encore(run: Run) -> None:
    """Some more purchases, as long as a fault has never fired."""
    async with asyncio.TaskGroup() as tasks:
        for purchase in run.plan.purchases[run.wish.orders :]:
            if purchase.number % ENCORE == 0:
                fired = await run.desk.fired()
                if all(fired[fault] for fault in Fault if fault is not Fault.STATEMENT_MISMATCH):
                    return
                await _insist(run)
            tasks.create_task(run.buyers.buy(purchase))
            await asyncio.sleep(1 / run.wish.rate)


async def _do(run: Run, deed: Deed) -> None:
    match deed.do:
        case Do.FAULT:
            await run.desk.arm(deed)
        case Do.CLEAR:
            await run.desk.clear(deed.supplier)
        case Do.KILL | Do.CRASH:
            await run.fleet.when_ready(deed.program)
            run.fleet.kill(deed.program, deed.point)
            if deed.program.startswith("simulator"):
                await run.desk.tell_callbacks(run.supplier_ids)
        case Do.CUT_VALKEY:
            async with run.valkey.one_at_a_time:
                run.fleet.excused_until = math.inf
                await asyncio.to_thread(run.valkey.cut)
                await asyncio.sleep(VALKEY_DOWN_SECONDS)
                await asyncio.to_thread(run.valkey.back)
                run.fleet.excused_until = time.monotonic() + EXCUSED_SECONDS
            run.outcome.valkey["killed"] += 1
        case Do.FLUSH_VALKEY:
            async with run.valkey.one_at_a_time:
                await asyncio.to_thread(run.valkey.flush)
            run.outcome.valkey["flushed"] += 1


async def _insist(run: Run) -> None:
    """What has never fired is switched on at one more supplier that it means something to."""
    fired, armed = await run.desk.fired(), await run.desk.armed()
    for fault in ORDER_FAULTS:
        if not fired[fault.value] and armed[fault.value] < ARMED_AT_MOST:
            vendor = run.chance.choice([each for each in VENDORS if each.fits(fault)])
            await run.desk.arm(Deed(0, Do.FAULT, supplier=vendor.code, fault=fault))
    for fault in sorted(LIST_FAULTS):
        if not fired[fault.value]:
            if not armed[fault.value]:
                await run.desk.arm(Deed(0, Do.FAULT, supplier=VENDORS[0].code, fault=fault))
            await run.operator.read_list(VENDORS[0].code)


async def _end_faults(run: Run) -> None:
    """No more faults from here on: all that is switched on goes off, nobody dies any more."""
    run.outcome.fired = await run.desk.fired()
    await run.desk.clear()
    run.fleet.disarm()
    for name in _names(run.wish.orders):
        await run.fleet.when_ready(name)
    run.fleet.last_at = time.monotonic()
    run.say("All orders are placed, and no more faults. Waiting for the end of all of them ...")


async def _until_quiet(run: Run) -> None:
    """Wait until nothing is under way and both books agree, at most as long as promised."""
    last, told = run.fleet.last_at, 0.0
    while True:
        open_now = await restless()
        if not open_now:
            if not judge(run.operator.their_book(), await read_ours()):
                break
            await asyncio.sleep(LOOK_SECONDS)
        if time.monotonic() - last > END_SECONDS:
            break
        if time.monotonic() - told > 10:
            told = time.monotonic()
            run.say(f"Under way: {open_now or 'nothing, but the books differ yet'}")
        await asyncio.sleep(LOOK_SECONDS)
    run.outcome.ended_after = time.monotonic() - last


async def _statements(run: Run) -> None:
    """Take in today's statement of who has one; the first of them lies about one order."""
    first = next(vendor for vendor in VENDORS if vendor.adapter == "generic_http")
    fault = Fault.STATEMENT_MISMATCH
    await run.desk.arm(Deed(0, Do.FAULT, supplier=first.code, fault=fault))
    source = await statements.source_of(statements.Party.SUPPLIER, first.code)
    days = {datetime.now(UTC).date()}
    for day in sorted(days):
        await statements.pull_day(source, day)
    run.outcome.fired[fault.value] += (await run.desk.fired())[fault.value]
    if not await _told_of_statement(days):
        run.outcome.violations.append(Violation("statement_believed", first.code))


async def _told_of_statement(days: set[date]) -> bool:
    found = [(await statements.report_of(SYSTEM, day)).differences for day in days]
    return any(found)


async def _verdict(run: Run) -> None:
    outcome, ours, theirs = run.outcome, await read_ours(), run.operator.their_book()
    found = judge(theirs, ours) + judge_orders(ours, run.buyers.placed)
    found += [
        Violation("invariant", f"{each.name}: {each.violations} ({each.promise})")
        for each in await find_violations()
        if each.violations
    ]
    report = await reconciliation.recount()
    if report.open:
        found.append(Violation("reconciliation", f"{report.open} differences of money and cards"))
    found += [Violation("unanswered", key) for key in run.buyers.unanswered]
    found += [Violation("process_fell", told) for told in run.fleet.falls]
    found += [
        Violation("fault_never_fired", name) for name, number in outcome.fired.items() if not number
    ]
    outcome.violations += sorted(found)
    outcome.kills, outcome.crashes = run.fleet.kills, run.fleet.crashes
    outcome.refused, outcome.asked_again = run.buyers.refused, run.buyers.asked_again
    outcome.gave_up = run.operator.gave_up
    _count(outcome, ours, theirs)


def _count(outcome: Outcome, ours: Ours, theirs: list[Theirs]) -> None:
    outcome.orders = Counter(order.status for order in ours.orders)
    outcome.purchases = Counter(entry.state for entry in theirs)
    outcome.incidents = Counter(kind for each in ours.attempts for kind in each.incidents)
    outcome.seconds = sorted(
        (order.closed_at - order.paid_at).total_seconds()
        for order in ours.orders
        if order.closed_at and order.paid_at
    )


async def _progress(run: Run, placed: int) -> str:
    fired = await run.desk.fired()
    open_now = await restless()
    kinds = sum(1 for number in fired.values() if number)
    killed = run.fleet.kills.total() + run.fleet.crashes.total()
    return (
        f"{placed:>5} of {run.wish.orders} orders, {open_now.get('orders', 0)} under way;"
        f" faults fired {fired.total()} times ({kinds} of {len(fired)} kinds); {killed} kills"
    )
