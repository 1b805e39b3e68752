"""`kameng bench settlement`: a period of many agents settled, released and proposed for payout.

Sales are written by bare SQL with every guard awake (bench/books.py); then one process, as the
worker or the command would, releases what is due, tries the run, runs it, asks for the payouts and
approves their one batch. At last the chain is sealed and the promises of `kameng check-invariants`
are counted.
"""

import asyncio
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from adapters.sandbox.gateway import sandbox_gateway_secret
from bench.books import Sales, fill_books, fill_destinations, settle_statistics
from bench.filling import OPERATOR
from bench.installation import filled, write_results
from bench.steps import Steps
from domain import commissions, identity, invariants, ledger, payouts, settlement
from domain.checkout import CURRENCY
from domain.identity.models import SecondFactor, Session, User, UserRole
from domain.kernel import SCALE, Actor, clock
from domain.payouts import ChannelWish, PayoutDestination
from server.processes import CannotStart
from server.settings import Settings
from server.wiring import connect, disconnect

MERCHANT = "bench"
APPLICATION = "bench"
LATEST = timedelta(minutes=10)  # before now, the last sale: all is long complete


@dataclass(frozen=True)
class Wish:
    """What the measuring process needs to know."""

    database_url: str
    key_file: str
    agents: int
    lines: int

    @property
    def settings(self) -> Settings:
        """Those of the installation that it measures."""
        return Settings(_env_file=None, database_url=self.database_url, key_file=self.key_file)


def measure(agents: int, lines: int) -> list[dict[str, Any]]:
    """One row for each step (bench/steps.py), and what the promises say after it."""
    with filled(partial(fill, agents, lines)) as (settings, _):
        wish = Wish(settings.database_url, str(settings.key_file), agents, lines)
        rows = measured_apart("bench.settlement", wish)
    write_results("settlement", rows)
    return rows


def measured_apart(module: str, wish: Wish) -> list[dict[str, Any]]:
    """The rows that a process of its own measures, so that its memory is its own."""
    run = subprocess.run(
        [sys.executable, "-m", module],
        input=json.dumps(asdict(wish)),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise CannotStart(f"{module} failed, see above")
    rows: list[dict[str, Any]] = json.loads(run.stdout.splitlines()[-1])
    return rows


async def fill(agents: int, lines: int, settings: Settings) -> None:
    """Books of so many agents and lines that earned, and where each agent wants its money."""
    await connect(settings, APPLICATION)
    try:
        conn = await asyncpg.connect(settings.database_url)
        try:
            people = await fill_books(conn, agents, sales_of_this_month(lines))
            await fill_destinations(conn, people)
            await settle_statistics(conn)
        finally:
            await conn.close()
    finally:
        await disconnect()


def sales_of_this_month(lines: int) -> Sales:
    """Sales over the month so far."""
    now = datetime.now(UTC)
    return Sales(lines, min(month_of_books().starts_at, now - 2 * LATEST), now - LATEST)


def month_of_books() -> settlement.Period:
    """The month that is sold in, as it is where the business is."""
    zone = commissions.calendar.utc_offset
    return settlement.period_of((datetime.now(UTC) + zone).strftime("%Y-%m"), zone)


async def _run(wish: Wish) -> list[dict[str, Any]]:
    await connect(wish.settings, APPLICATION)
    steps = Steps(wish.settings, APPLICATION)
    month = month_of_books()
    try:
        await steps.timed("release_due", wish.lines, commissions.release_due)
        with clock.fixed(lambda: month.ends_at + timedelta(days=1)):
            await steps.timed(
                "dry_run",
                wish.lines,
                lambda: settlement.dry_run(OPERATOR, month.name, CURRENCY),
            )
            run = (await settlement.start_run(OPERATOR, month.name, CURRENCY)).run
            await steps.timed("statements", wish.lines, lambda: settlement.count_run(run.id))
            await _pay(run.id, wish.agents, steps)
        await steps.timed("seal", wish.lines, seal_all)
        await steps.timed("invariants", wish.lines, _all_is_well)
    finally:
        await disconnect()
    return steps.rows


async def seal_all() -> None:
    """The chain over all that was booked."""
    while await ledger.seal_committed():
        pass


async def _all_is_well() -> None:
    """Whatever `kameng check-invariants` looks at."""
    broken = [each for each in await invariants.find_violations() if each.violations]
    assert not broken, broken


async def _pay(run_id: UUID, agents: int, steps: Steps) -> None:
    """One batch of payouts for all, proposed and approved by two operators."""
    await payouts.save_channel(
        OPERATOR,
        ChannelWish(
            code="bench",
            adapter="sandbox",
            merchant=MERCHANT,
            name_zh="打款",
            name_en="Payouts",
            base_url="http://127.0.0.1:9",
            minimum=SCALE,
            maximum=1_000_000 * SCALE,
            daily_cap=1_000_000_000 * SCALE,
            secrets={"key": sandbox_gateway_secret(MERCHANT)},
        ),
    )
    one = await operator("one", "settlements:write", "payouts:propose")
    other = await operator("other", "payouts:approve")
    await settlement.propose_payouts(one, run_id)
    made = await steps.timed("propose", agents, lambda: settlement.ask_for_payouts(one, run_id))
    batch = await payouts.PayoutBatch.get(id=made.batch_id)
    assert batch.count == agents, (batch.count, agents)
    await steps.timed(
        "approve",
        agents,
        lambda: payouts.decide_batch(other, batch.id, approved=True),
    )
    waiting = await PayoutDestination.all().count()
    assert waiting == agents


async def operator(login: str, *scopes: str) -> Actor:
    """A signed-in operator who has just shown a second factor."""
    made = await User.create(
        login=login,
        role=UserRole.OPERATOR,
        password_hash="!",
        scopes=list(scopes),
        created_at=clock.now(),
    )
    signed_in = await identity.open_session(made, "bench")
    actor = await identity.actor_of_token(signed_in.access_token, "127.0.0.1")
    assert actor is not None
    moment = clock.now()
    await SecondFactor.create(
        user_id=made.id, secret_sealed=b"", created_at=moment, confirmed_at=moment
    )
    await Session.filter(id=actor.session_id).update(stepped_up_at=moment)
    return actor


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(Wish(**json.loads(sys.stdin.read()))))))
