"""Runs: each entry of the ledger in one statement, the sums held by the database (row H8)."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest

from domain import settlement
from domain.agents.models import Agent
from domain.commissions import RuleKind
from domain.kernel import Actor, Refused, transaction
from domain.settlement import RunState, SettlementRun, SettlementStatement, counting
from tests import make, settling
from tests.settling import all_is_well, give_back, moved, on, released, settled, sold, statement

pytestmark = pytest.mark.usefixtures("db")
OPERATOR = make.OPERATOR


@pytest.fixture
async def agent() -> Agent:
    with on(1):
        made = await make.agent()
        await make.rule(1, RuleKind.PERCENT, 100_000, hold_days=1)
    return made


def yuan(*amounts: int | str) -> tuple[int, ...]:
    return tuple(make.yuan(amount) for amount in amounts)


def balances(of: SettlementStatement, side: str) -> tuple[int, ...]:
    return tuple(getattr(of, f"{side}_{name}") for name in ("pending", "available", "owed"))


async def owner_of(agent: Agent) -> Actor:
    return Actor(kind=make.OPERATOR.kind.USER, user_id=agent.user_id, agent_id=agent.id)


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as refused:
        await awaitable  # type: ignore[misc]
    return refused.value.refusals[0].code


async def test_a_statement_tells_of_all_that_moved_and_the_next_goes_on(agent: Agent) -> None:
    owner = await owner_of(agent)
    with on(2):
        first, line = await sold(agent, "300")  # 30
        await sold(agent, "100")  # 10
    await released(4)  # 40 available
    with on(4):
        await give_back(first, line, "60")  # 6 of available
        await moved(owner, 20)
        _, _ = second = await sold(agent, "50")  # 5 pending
    told = await statement(await settled(4), agent)
    assert balances(told, "opening") == yuan(40, 0, 0)
    assert (told.earned, told.lines) == (make.yuan(5), 1)
    assert (told.clawed_available, told.to_wallet, told.released) == yuan(6, 20, 40)
    assert balances(told, "closing") == yuan(5, 14, 0)
    with on(5):
        await moved(owner, 14)
        await give_back(first, line)  # the rest of 24, which was taken out
        await give_back(*second)  # 5 of pending
    told = await statement(await settled(5), agent)
    assert balances(told, "opening") == yuan(5, 14, 0)
    assert (told.clawed_pending, told.clawed_owed, told.to_wallet) == yuan(5, 24, 14)
    assert balances(told, "closing") == yuan(0, 0, 24)
    with on(6):
        await sold(agent, "1000")  # 100
    await released(8)
    told = await statement(await settled(6), agent)
    assert balances(told, "closing") == yuan(100, 0, 24)
    told = await statement(await settled(7), agent)
    assert balances(told, "closing") == yuan(100, 0, 24)
    told = await statement(await settled(8), agent)
    assert (told.released, told.repaid) == yuan(100, 24)
    assert balances(told, "closing") == yuan(0, 76, 0)
    await all_is_well()


async def test_what_was_earned_is_told_rule_by_rule() -> None:
    with on(1):
        top, middle, low = await make.agent_chain()
        await make.rule(1, RuleKind.PERCENT, 50_000)
        await make.rule(2, RuleKind.FIXED, make.yuan("1.5"))
    with on(2):
        for _ in range(3):
            await sold(low, "100")
        await sold(middle, "40")
    run = await settled(2)
    told = await statement(run, middle)
    assert told.earned_by == [
        {"kind": "percent", "level": 1, "lines": 1, "amount": make.yuan(2)},
        {"kind": "fixed", "level": 2, "lines": 3, "amount": make.yuan("4.5")},
    ]
    assert (await statement(run, low)).earned == make.yuan(15)
    assert (await statement(run, top)).earned_by == [
        {"kind": "fixed", "level": 2, "lines": 1, "amount": make.yuan("1.5")}
    ]
    await all_is_well()


async def test_an_agent_without_anything_has_no_statement(agent: Agent) -> None:
    with on(2):
        idle = await make.agent()
        await sold(agent)
    run = await settled(2)
    assert not await SettlementStatement.filter(agent_id=idle.id).exists()
    assert (run.agents, run.looked, run.state) == (2, 2, RunState.FROZEN)


async def test_a_period_is_settled_once_however_often_it_is_asked_for(agent: Agent) -> None:
    with on(2):
        await sold(agent)

    async def one() -> settlement.Started:
        return await settlement.start_run(OPERATOR, settling.name(2), make.CNY)

    with on(3):
        started = await asyncio.gather(*(one() for _ in range(5)))
        assert len({each.run.id for each in started}) == 1
        assert [each.replayed for each in started].count(False) == 1
        await settlement.count_run(started[0].run.id)
        await settlement.count_run(started[0].run.id)
    assert await SettlementRun.all().count() == 1
    assert await SettlementStatement.all().count() == 1


async def test_a_run_is_refused_too_early_out_of_order_and_before_the_last_is_done(
    agent: Agent,
) -> None:
    async def start(day: int) -> Any:
        return await settlement.start_run(OPERATOR, settling.name(day), make.CNY)

    with on(2):
        await sold(agent)
        assert await code_of(start(2)) == "SETTLEMENT_TOO_EARLY"
    with on(2, minutes=12 * 60 + 1):  # the day is over; what was begun in it perhaps is not
        assert await code_of(start(2)) == "SETTLEMENT_TOO_EARLY"
    with on(2, minutes=12 * 60 + 2):
        run = (await start(2)).run
    with on(9):
        assert await code_of(start(3)) == "SETTLEMENT_UNFINISHED"
        await settlement.count_run(run.id)
        assert await code_of(start(4)) == "SETTLEMENT_OUT_OF_ORDER"
        assert await code_of(settlement.start_run(OPERATOR, "2031-03", make.CNY)) == (
            "SETTLEMENT_TOO_EARLY"
        )
        await start(3)
    stranger = await owner_of(agent)
    assert await code_of(settlement.start_run(stranger, settling.name(4), make.CNY)) == "FORBIDDEN"


async def test_what_came_before_the_first_run_is_its_opening(agent: Agent) -> None:
    with on(2):
        await sold(agent)
    with on(3):
        await sold(agent, "70")
    told = await statement(await settled(3), agent)
    assert (told.opening_pending, told.earned) == yuan(10, 7)
    await all_is_well()


async def test_a_dry_run_tells_the_same_and_writes_nothing(agent: Agent) -> None:
    with on(2):
        order = await sold(agent)
        await sold(await make.agent(), "50")
        await give_back(*order, "20")
    with on(3):
        told = await settlement.dry_run(OPERATOR, settling.name(2), make.CNY)
    assert await SettlementRun.all().count() == 0
    assert await SettlementStatement.all().count() == 0
    run = await settled(2)
    assert (await settlement.totals_of([run.id]))[run.id] == told
    assert (told.statements, told.lines) == (2, 2)
    assert (told.amounts["earned"], told.amounts["clawed_pending"]) == yuan(15, 2)
    with on(2, minutes=10):  # and of a day that is not over, what it would be by now
        sofar = await settlement.dry_run(OPERATOR, settling.name(2), make.CNY)
    assert sofar.amounts == told.amounts


async def test_slices_make_no_difference_and_progress_is_told(agent: Agent) -> None:
    others = [await make.agent() for _ in range(6)]
    with on(2):
        for each in (agent, *others):
            await sold(each)
    told: list[tuple[int, int]] = []
    with settling.slices_of(2), on(3):
        started = await settlement.start_run(OPERATOR, settling.name(2), make.CNY)
        await settlement.count_run(started.run.id, lambda *each: told.append(each))
        assert told == [(2, 7), (4, 7), (6, 7), (7, 7)]
        dry = await settlement.dry_run(OPERATOR, settling.name(2), make.CNY)
    assert dry.statements == await SettlementStatement.all().count() == 7
    await all_is_well()


async def test_two_that_work_at_one_run_write_each_statement_once(agent: Agent) -> None:
    with on(2):
        for each in (agent, *[await make.agent() for _ in range(5)]):
            await sold(each)
    with settling.slices_of(1), on(3):
        started = await settlement.start_run(OPERATOR, settling.name(2), make.CNY)
        await asyncio.gather(*(settlement.count_run(started.run.id) for _ in range(3)))
    assert await SettlementStatement.all().count() == 6
    await all_is_well()


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_the_statements_gain_what_the_ledger_did(seed: int) -> None:
    """Four days of sales, refunds, releases and moves at random: each unit in one statement."""
    chance = random.Random(seed)
    with on(1):
        chain = await make.agent_chain()
        for level, kind, value in (
            (1, RuleKind.PERCENT, 70_000),
            (2, RuleKind.MARGIN_PERCENT, 33_333),
            (3, RuleKind.FIXED, 777),
        ):
            await make.rule(level, kind, value, hold_days=chance.randint(0, 1))
    orders = []
    for day in range(2, 6):
        with on(day):
            for _ in range(chance.randint(1, 4)):
                price = f"{chance.randint(1, 400)}.{chance.randint(0, 99):02}"
                orders.append(await sold(chance.choice(chain), price))
            if chance.random() < 0.7 and orders:
                await give_back(*orders.pop(chance.randrange(len(orders))))
        await released(day)
        with on(day, minutes=5):
            for each in chain:
                held = await counting_available(each)
                if held >= 100 and chance.random() < 0.5:
                    await moved(await owner_of(each), f"0.{min(held // 100, 99):02}")
    for day in range(2, 6):
        run = await settled(day)
        span = counting.Span(make.CNY, run.follows, run.from_entry, run.up_to_entry)
        booked = await counting.moved_in_ledger(span)
        total = (await settlement.totals_of([run.id]))[run.id].amounts
        gained = sum(
            sign * (total[f"closing_{name}"] - total[f"opening_{name}"])
            for name, sign in (("pending", 1), ("available", 1), ("owed", -1))
        )
        assert gained == booked
    await all_is_well()


async def counting_available(agent: Agent) -> int:
    from domain.commissions import balances_of

    return (await balances_of(agent.id, make.CNY)).available.units


async def test_a_run_that_lost_something_is_not_frozen(agent: Agent) -> None:
    """The twin: a statement that is taken away behind the house's back is noticed."""
    with on(2):
        await sold(agent)
        await sold(await make.agent())
    with settling.slices_of(1), on(3):
        started = await settlement.start_run(OPERATOR, settling.name(2), make.CNY)
        run = await SettlementRun.get(id=started.run.id)
        async with transaction() as conn:
            span = counting.Span(make.CNY, None, run.from_entry, run.up_to_entry)
            row = await counting.write_slice(conn, run.id, span, run.cursor)
            await conn.execute("SET LOCAL session_replication_role = replica")
            await conn.execute("DELETE FROM settlement_statements")
            await conn.execute("UPDATE settlement_runs SET looked = 1, cursor = $1", row["last"])
        with pytest.raises(RuntimeError, match="statements gained"):
            await settlement.count_run(run.id)
    assert (await SettlementRun.get(id=run.id)).state is RunState.COUNTING


ENTRY = """
UPDATE settlement_statements SET earned = earned + 1
"""


@pytest.mark.parametrize(
    ("statement_of_sql", "told"),
    [
        (ENTRY, "append-only"),
        ("DELETE FROM settlement_statements", "append-only"),
        ("UPDATE settlement_runs SET up_to_entry = up_to_entry + 1", "stays once it is frozen"),
        ("UPDATE settlement_runs SET state = 'COUNTING', frozen_at = NULL", "stays once"),
        ("DELETE FROM settlement_runs", "stays once"),
    ],
)
async def test_the_database_keeps_what_is_frozen(
    agent: Agent, statement_of_sql: str, told: str
) -> None:
    with on(2):
        await sold(agent)
    await settled(2)
    with pytest.raises(asyncpg.PostgresError, match=told):
        async with transaction() as conn:
            await conn.execute(statement_of_sql)


COPY = """
INSERT INTO settlement_statements SELECT (jsonb_populate_record(s, $1::jsonb
    || jsonb_build_object('id', gen_random_uuid(), 'run_id', $2::uuid))).*
FROM settlement_statements s LIMIT 1
"""


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ('{"closing_pending": 1}', "settlement_pending_adds_up"),
        ('{"closing_available": 1}', "settlement_available_adds_up"),
        ('{"closing_owed": 1}', "settlement_owed_adds_up"),
        ('{"earned_by": []}', "settlement_earned_is_told"),
        ('{"lines": 7}', "settlement_earned_is_told"),
        ('{"to_wallet": -5, "closing_available": 5}', "settlement_moves_not_negative"),
        ('{"withdrawn": 5, "closing_available": -5}', "settlement_balances_not_negative"),
        ('{"currency": "USD"}', "settlement_statement_while_counting"),
    ],
)
async def test_the_database_refuses_a_statement_that_does_not_add_up(
    agent: Agent, changes: str, constraint: str
) -> None:
    with on(2):
        await sold(agent)
    await settled(2)
    with on(4):
        open_run = (await settlement.start_run(OPERATOR, settling.name(3), make.CNY)).run
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        async with transaction() as conn:
            await conn.execute(COPY, changes, open_run.id)
    assert refused.value.constraint_name == constraint
    async with transaction() as conn:
        await conn.execute(COPY, "{}", open_run.id)  # the twin: as it was it is taken
    with pytest.raises(asyncpg.UniqueViolationError):
        async with transaction() as conn:
            await conn.execute(COPY, "{}", open_run.id)


async def test_the_database_refuses_a_statement_of_a_frozen_run_and_a_run_out_of_line(
    agent: Agent,
) -> None:
    with on(2):
        await sold(agent)
    run = await settled(2)
    other = await make.agent()
    with pytest.raises(asyncpg.CheckViolationError, match="takes no statement"):
        async with transaction() as conn:
            await conn.execute(COPY, f'{{"agent_id": "{other.id}"}}', run.id)
    values = {
        "period": "2031-03-09",
        "currency": make.CNY,
        "starts_at": run.ends_at,
        "ends_at": run.ends_at.replace(year=2032),
        "follows": run.id,
        "from_entry": run.up_to_entry,
        "up_to_entry": run.up_to_entry + 5,
        "state": RunState.COUNTING,
        "agents": 1,
        "cursor": counting.NOBODY,
        "started_at": run.started_at,
    }
    wrong = (
        {"from_entry": run.up_to_entry - 1},
        {"starts_at": run.ends_at.replace(year=2030)},
        {"currency": "USD"},
        {"follows": None},  # a second beginning
        {"state": RunState.FROZEN, "frozen_at": run.started_at},
    )
    for changes in wrong:
        with pytest.raises(Exception, match=r"settlement_run|goes on|begins"):
            await SettlementRun.create(**{**values, **changes})
    await SettlementRun.create(**values)
