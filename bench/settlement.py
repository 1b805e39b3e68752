"""`kameng bench settlement`: a period of many agents settled, released and proposed for payout.

Sales are written by bare SQL, each with all the entries of a real one; then one process, as the
worker or the command would, releases what is due, tries the run, runs it, asks for the payouts and
approves their one batch. Memory is the most that this process ever held by then (ru_maxrss).
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg

from adapters.sandbox.gateway import sandbox_gateway_secret
from bench.filling import OPERATOR
from bench.installation import filled, write_results
from domain import commissions, identity, ledger, payouts, settlement
from domain.checkout import CURRENCY
from domain.identity.models import SecondFactor, Session, User, UserRole
from domain.kernel import SCALE, Actor, clock, new_id, seal_small
from domain.ledger import AccountKind
from domain.payouts import ChannelWish, DestinationKind, PayoutDestination
from domain.realname import RealNameLevel, RealNameState
from server.processes import CannotStart
from server.settings import Settings
from server.wiring import connect, disconnect

CHUNK = 50_000  # lines of one statement
NAME, MERCHANT = "王小明", "bench"
_AGENTS = """
WITH made AS MATERIALIZED (
    SELECT n, uuidv7() AS id, uuidv7() AS login FROM generate_series(1, $1) n
), logins AS (
    INSERT INTO users (id, login, display_name, role, password_hash, scopes, created_at)
    SELECT login, 'agent' || n, '', 'buyer', '!', '{}', now() FROM made
), named AS (
    INSERT INTO real_names (user_id, level, company, number_digest, case_id, reached_at)
    SELECT login, 'basic', false, uuid_send(login), login, now() FROM made
)
INSERT INTO agents (id, user_id, code, name, type, tier, depth, leaf, status, version, created_at)
SELECT id, login, 'A' || n, 'Agent ' || n, 'distributor', 'gold', 1, false, 'active', 1, now()
FROM made RETURNING id, user_id
"""
_ACCOUNTS = """
INSERT INTO accounts (id, kind, owner_id, currency, keeps_balance, credit_limit, balance,
    created_at)
SELECT id, 'commission', agent, $3, false, 0, 0, now()
FROM unnest($1::uuid[], $2::uuid[]) AS w (id, agent)
"""
# A sale of 100.00 that cost 80.00 and earns 5.00, as `sale` books it.
_SALES = """
WITH line AS MATERIALIZED (
    SELECT n, gen_random_uuid() AS line, 1 + n % cardinality($1::uuid[]) AS place,
        $4::timestamptz + n * interval '10 milliseconds' AS at
    FROM generate_series($5::int, $6::int) n
), sale AS MATERIALIZED (
    SELECT *, uuidv7(at - clock_timestamp()) AS transfer FROM line
), booked AS (
    INSERT INTO transfers (id, kind, reference, currency, note, posted_at)
    SELECT transfer, 'sale', line, $7, '', at FROM sale
), entered AS (
    INSERT INTO entries (transfer_id, account_id, amount)
    SELECT transfer, leg.account, leg.amount FROM sale CROSS JOIN LATERAL (VALUES
        ($3::uuid[]) ) AS house (own) CROSS JOIN LATERAL (VALUES
        (house.own[1], -1000000), (house.own[2], 1000000), (house.own[3], -800000),
        (house.own[4], 800000), (house.own[5], -50000), (($2::uuid[])[sale.place], 50000)
        ) AS leg (account, amount)
)
INSERT INTO commissions (id, order_line_id, consumer, agent_id, level, basis, amount, currency,
    rule, earned_at, release_at)
SELECT gen_random_uuid(), line, true, ($1::uuid[])[place], 1, 1000000, 50000, $7,
    '{"kind": "percent", "value": 50000, "scope": "default", "holdDays": 0}', at,
    date_trunc('minute', at) + interval '1 minute' FROM sale
"""
_HOUSE = (
    *(AccountKind.PREPAYMENT, AccountKind.REVENUE, AccountKind.COST, AccountKind.INVENTORY),
    AccountKind.COMMISSION_EXPENSE,
)


@dataclass(frozen=True)
class Wish:
    """What the measuring process needs to know."""

    database_url: str
    key_file: str
    agents: int
    lines: int


def measure(agents: int, lines: int) -> list[dict[str, Any]]:
    """One row for each step: its seconds, and the most memory of the process by then."""
    with filled(partial(_fill, agents, lines)) as (settings, _):
        wish = Wish(settings.database_url, str(settings.key_file), agents, lines)
        run = subprocess.run(
            [sys.executable, "-m", "bench.settlement"],
            input=json.dumps(asdict(wish)),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if run.returncode != 0:
        raise CannotStart("the settlement failed, see above")
    rows: list[dict[str, Any]] = json.loads(run.stdout.splitlines()[-1])
    write_results("settlement", rows)
    return rows


async def _fill(agents: int, lines: int, settings: Settings) -> None:
    await connect(settings, "bench")
    try:
        await ledger.open_platform_accounts(CURRENCY)
        conn = await asyncpg.connect(settings.database_url)
        try:
            await conn.execute("SET session_replication_role = replica")  # no triggers: fast
            made = await conn.fetch(_AGENTS, agents)
            ids = [row["id"] for row in made]
            own = [ledger.account_id(AccountKind.COMMISSION, each, CURRENCY) for each in ids]
            await conn.execute(_ACCOUNTS, own, ids, CURRENCY)
            house = [ledger.account_id(kind, None, CURRENCY) for kind in _HOUSE]
            began = datetime.now(UTC) - timedelta(seconds=lines / 100 + 600)
            for first in range(1, lines + 1, CHUNK):
                until = min(first + CHUNK - 1, lines)
                await conn.execute(
                    _SALES, ids, own, house, began, first, until, CURRENCY, timeout=600
                )
            await _destinations(conn, made)
            await conn.execute("VACUUM ANALYZE", timeout=600)
        finally:
            await conn.close()
    finally:
        await disconnect()


async def _destinations(conn: asyncpg.Connection, made: list[Any]) -> None:
    """Where each agent wants its money, in its proven name, as both are kept."""
    cases, rows = [], []
    for number, row in enumerate(made):
        login = row["user_id"]
        sealed = seal_small("real-name", NAME, str(login))
        state, level = RealNameState.PASSED.value, RealNameLevel.BASIC.value
        cases.append((login, login, level, state, sealed, login.bytes))
        place = new_id()
        kept = {"account": f"account-{number}", "name": NAME, "bank": "", "branch": ""}
        closed = seal_small("payout-destination", json.dumps(kept), str(place))
        rows.append((place, row["id"], DestinationKind.SANDBOX.value, closed, f"digest-{number}"))
    await conn.executemany(
        "INSERT INTO real_name_cases (id, user_id, level, company, state, name_sealed,"
        " number_sealed, number_digest, tries, reason, note, opened_at, decided_at)"
        " VALUES ($1, $2, $3, false, $4, $5, $5, $6, 1, '', '', now(), now())",
        cases,
    )
    await conn.executemany(
        "INSERT INTO payout_destinations (id, agent_id, kind, masked, sealed, digest, created_at,"
        " usable_from) VALUES ($1, $2, $3, '****', $4, $5, now(), now())",
        rows,
    )


async def _run(wish: Wish) -> list[dict[str, Any]]:
    settings = Settings(_env_file=None, database_url=wish.database_url, key_file=wish.key_file)
    await connect(settings, "bench")
    rows: list[dict[str, Any]] = []

    async def timed(name: str, number: int, work: Callable[[], Awaitable[Any]]) -> Any:
        begun = time.perf_counter()
        done = await work()
        seconds = time.perf_counter() - begun
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        row = {"name": name, "number": number, "took_s": round(seconds, 2)}
        rows.append({**row, "rate": round(number / seconds), "peak_mib": round(most, 1)})
        print(rows[-1], file=sys.stderr)
        return done

    period = datetime.now(UTC).strftime("%Y-%m")
    try:
        with clock.fixed(lambda: datetime.now(UTC) + timedelta(days=35)):
            await timed("release_due", wish.lines, commissions.release_due)
            # The releases are of "now"; they belong to the period for what follows.
        await _into_the_period(wish.database_url)
        with clock.fixed(lambda: datetime.now(UTC) + timedelta(days=35)):
            await timed(
                *("dry_run", wish.lines),
                lambda: settlement.dry_run(OPERATOR, period, CURRENCY),
            )
            run = (await settlement.start_run(OPERATOR, period, CURRENCY)).run
            await timed("statements", wish.lines, lambda: settlement.count_run(run.id))
            await _pay(run.id, wish.agents, timed)
    finally:
        await disconnect()
    return rows


async def _pay(run_id: Any, agents: int, timed: Any) -> None:
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
    one = await _operator("one", "settlements:write", "payouts:propose")
    other = await _operator("other", "payouts:approve")
    await settlement.propose_payouts(one, run_id)
    made = await timed("propose", agents, lambda: settlement.ask_for_payouts(one, run_id))
    batch = await payouts.PayoutBatch.get(id=made.batch_id)
    assert batch.count == agents, (batch.count, agents)
    await timed(
        "approve", agents, lambda: payouts.decide_batch(other, made.batch_id, approved=True)
    )
    waiting = await PayoutDestination.all().count()
    assert waiting == agents


async def _operator(login: str, *scopes: str) -> Actor:
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


async def _into_the_period(database_url: str) -> None:
    """The releases were posted by a clock that is 35 days ahead; they count as of now."""
    conn = await asyncpg.connect(database_url)
    try:
        await conn.execute("SET session_replication_role = replica")
        await conn.execute("UPDATE transfers SET posted_at = now() WHERE posted_at > now()")
        await conn.execute("VACUUM ANALYZE")
    finally:
        await conn.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(Wish(**json.loads(sys.stdin.read()))))))
