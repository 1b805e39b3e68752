"""A case is heard, decided by two, appealed before a third; the third violation ends the agent."""

import asyncio
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from domain import agents, deposits, ledger, papers, penalties
from domain.agents import AgentStatus, ChangeKind, ChangeReason
from domain.agents.models import Agent, AgentChange
from domain.deposits import DepositMovement
from domain.kernel import IntegrityError, PageRequest, clock, connection, transaction
from domain.penalties import PenaltyCase, PenaltyState, PenaltyStep, Sanction
from tests import court, make
from tests.court import REASONS, said

pytestmark = pytest.mark.usefixtures("db")
PAGE = PageRequest(20, None, "test")
WARNING, DEDUCTION, RESTRICTION, REMOVAL = PenaltyStep


async def agent_with_deposit(yuan: int = 500) -> Agent:
    agent = await make.agent()
    await make.top_up(agent.user_id, make.yuan(yuan))
    await deposits.pay_deposit(court.actor_of(agent), make.money(yuan), "deposit")
    return agent


async def deposited(agent: Agent) -> int:
    """In whole yuan."""
    return (await deposits.deposit_of(agent.id)).balance.units // make.SCALE


async def penalty_income() -> int:
    account = ledger.account_id(ledger.AccountKind.PENALTY, None, make.CNY)
    return await ledger.balance_of(account) // make.SCALE


async def state_of(case: PenaltyCase) -> PenaltyState:
    return (await PenaltyCase.get(id=case.id)).state


async def test_a_case_is_noticed_answered_imposed_and_final() -> None:
    agent = await make.agent()
    case = await court.noticed(agent, grave=False)
    judge = await make.operator("penalties:approve")
    assert await said(penalties.decide(judge, case.id, imposed=True, reasons="x")) == (
        "penalty_unheard"
    )
    himself = court.actor_of(agent)
    await penalties.answer(himself, case.id, "it was a mistake")
    assert await said(penalties.answer(himself, case.id, "more")) == "penalty_answered"
    decided = await penalties.decide(judge, case.id, imposed=True, reasons=REASONS)
    assert (decided.state, decided.ordinal) == (PenaltyState.IMPOSED, 1)
    assert await penalties.close_due() == 0
    with make.later(days=15):
        assert await said(penalties.appeal(himself, case.id, "late")) == "penalty_appeal_late"
        assert await penalties.close_due() == 1
        assert await penalties.close_due() == 0
    assert await state_of(case) is PenaltyState.FINAL


async def test_the_third_violation_ends_the_agent_and_the_deposit_is_right() -> None:
    """The example of docs/penalties.md."""
    agent = await agent_with_deposit(500)
    child = await make.agent(agent, agents.Tier.BRONZE)
    await court.final(await court.imposed(await court.noticed(agent, grave=False)))
    second = await court.noticed(agent, DEDUCTION, amount=make.money(200), grave=False)
    await court.final(await court.imposed(second))
    assert (await deposited(agent), await penalty_income()) == (300, 200)
    third = await court.imposed(await court.noticed(agent, REMOVAL))
    assert third.ordinal == 3
    assert (await Agent.get(id=agent.id)).status is AgentStatus.ACTIVE  # it may still appeal
    await court.final(third)
    assert (await Agent.get(id=agent.id)).status is AgentStatus.CLOSED
    assert (await Agent.get(id=child.id)).parent_id is None
    change = await AgentChange.filter(agent_id=agent.id, kind=ChangeKind.STATUS).get()
    assert change.reason is ChangeReason.BREACH
    assert (await deposited(agent), await penalty_income()) == (300, 200)
    await deposits.ask_back(court.actor_of(agent))  # what was not taken is the agent's
    with make.later(days=31):
        await deposits.return_due()
    wallet = await ledger.wallet_of(agent.user_id, make.CNY)
    assert wallet.available == make.money(300)


async def test_an_appeal_that_is_won_gives_back_once_and_counts_for_nothing() -> None:
    agent = await agent_with_deposit(500)
    case = await court.noticed(agent, DEDUCTION, amount=make.money(200))
    await court.imposed(case)
    assert await deposited(agent) == 300
    await court.appealed(case, agent)
    with make.later(days=9):
        outcomes = await asyncio.gather(*(said(court.settles(case, won=True)) for _ in range(4)))
    assert sorted(outcomes) == ["done", "penalty_closed", "penalty_closed", "penalty_closed"]
    assert (await deposited(agent), await penalty_income()) == (500, 0)
    kinds = [row.kind.value for row in await DepositMovement.all().order_by("id")]
    assert kinds == ["paid", "deducted", "restored"]
    again = await court.imposed(await court.noticed(agent, grave=False))
    assert (again.ordinal, again.step) == (1, WARNING)


async def test_an_appeal_that_is_lost_stays_and_a_removal_waits_for_it() -> None:
    agent = await make.agent()
    for step, more in ((WARNING, {}), (RESTRICTION, {"blocks": [agents.Deed.EARN], "days": 7})):
        await court.final(await court.imposed(await court.noticed(agent, step, **more)))  # type: ignore[arg-type]
    third = await court.imposed(await court.noticed(agent, REMOVAL))
    await court.appealed(third, agent)
    with make.later(days=40):
        assert await penalties.close_due() == 0
    assert (await Agent.get(id=agent.id)).status is AgentStatus.ACTIVE
    await court.settled(third, won=False)
    assert (await Agent.get(id=agent.id)).status is AgentStatus.CLOSED


async def test_a_removal_that_was_overturned_leaves_the_agent_as_it_was() -> None:
    agent = await make.agent()
    for step, more in ((WARNING, {}), (RESTRICTION, {"blocks": [agents.Deed.EARN], "days": 7})):
        await court.final(await court.imposed(await court.noticed(agent, step, **more)))  # type: ignore[arg-type]
    third = await court.imposed(await court.noticed(agent, REMOVAL))
    await court.appealed(third, agent)
    await court.settled(third, won=True)
    assert (await Agent.get(id=agent.id)).status is AgentStatus.ACTIVE
    row = await penalties.PenaltyRestriction.filter(case_id=third.id).get()
    assert row.lifted_at is not None


async def test_no_step_off_the_ladder_and_no_two_penalties_at_a_time() -> None:
    agent = await agent_with_deposit(100)
    case = await court.opened(agent, grave=False)
    staff = await make.operator("penalties:write")
    money = Sanction(DEDUCTION, make.money(50))
    assert await said(penalties.give_notice(staff, case.id, money)) == "PENALTY_OFF_THE_LADDER"
    first = await court.noticed(agent, grave=False)
    other = await court.noticed(agent, grave=False)
    await court.imposed(first)
    assert await said(court.imposed(other)) == "penalty_another_open"
    await court.final(first)
    assert await said(court.imposed(other)) == "PENALTY_OFF_THE_LADDER"  # it would be the second
    dear = Sanction(DEDUCTION, make.money(101))
    assert await said(penalties.give_notice(staff, case.id, dear)) == "DEPOSIT_SHORT"
    await penalties.give_notice(staff, case.id, money)
    assert (await court.imposed(case)).ordinal == 2


async def test_one_person_does_not_take_two_parts() -> None:
    agent = await make.agent()
    both = await make.operator("penalties:write", "penalties:approve", "penalties:read")
    case = await court.opened(agent)
    await penalties.give_notice(both, case.id, Sanction(WARNING))
    decide, same = penalties.decide, "PENALTY_SAME_PERSON"
    await penalties.answer(court.actor_of(agent), case.id, "no")
    assert await said(decide(both, case.id, imposed=True, reasons="x")) == same
    judge = await make.operator("penalties:approve")
    await decide(judge, case.id, imposed=True, reasons=REASONS)
    await penalties.appeal(court.actor_of(agent), case.id, "no")
    for hand in (both, judge):
        call = penalties.decide_appeal(hand, case.id, overturned=False, reasons="x")
        assert await said(call) == same
    tired = await make.operator("penalties:approve", stepped_up=False)
    call = penalties.decide_appeal(tired, case.id, overturned=False, reasons="x")
    assert await said(call) == "STEP_UP_REQUIRED"
    assert await state_of(case) is PenaltyState.APPEALED


async def test_nobody_opens_or_judges_a_case_against_itself() -> None:
    staff = await make.operator("penalties:write", "penalties:approve")
    own = await agents.create_agent(
        make.OPERATOR, staff.require_user(), "Ann", agents.Tier.BRONZE, None
    )
    call = penalties.open_case(staff, own.id, penalties.Violation.OTHER, "x")
    assert await said(call) == "PENALTY_SAME_PERSON"
    case = await court.noticed(own)
    await penalties.answer(court.actor_of(own), case.id, "no")
    call = penalties.decide(staff, case.id, imposed=False, reasons="x")
    assert await said(call) == "PENALTY_SAME_PERSON"


async def test_of_two_approvers_and_an_appeal_and_its_end_one_wins() -> None:
    agent = await agent_with_deposit(500)
    case = await court.noticed(agent, DEDUCTION, amount=make.money(200))
    with make.later(days=7):
        outcomes = await asyncio.gather(*(said(court.imposes(case)) for _ in range(6)))
    assert sorted(outcomes) == ["done"] + ["penalty_decided"] * 5
    assert await deposited(agent) == 300

    begin = clock.now()
    here: ContextVar[datetime] = ContextVar("here", default=begin)  # each task has its own

    async def last_minute() -> str:
        here.set(begin + timedelta(days=8))
        return await said(court.appeals(case, agent))

    async def its_end() -> str:
        here.set(begin + timedelta(days=30))
        return str(await penalties.close_due())

    with clock.fixed(here.get):
        outcomes = await asyncio.gather(last_minute(), its_end(), its_end(), last_minute())
    assert set(outcomes) <= {"done", "penalty_appealed", "penalty_closed", "0", "1"}
    assert await state_of(case) in {PenaltyState.APPEALED, PenaltyState.FINAL}
    assert await deposited(agent) == 300


async def test_a_case_without_evidence_is_not_told_and_what_is_given_up_leaves_none() -> None:
    agent = await agent_with_deposit(100)
    staff = await make.operator("penalties:write")
    empty = await court.opened(agent, evidence=False)
    call = penalties.give_notice(staff, empty.id, Sanction(WARNING))
    assert await said(call) == "penalty_no_evidence"
    himself = court.actor_of(agent)
    assert await said(penalties.answer(himself, empty.id, "no")) == "NOT_FOUND"  # it has not heard
    assert (await penalties.cases_against(agent.id, PAGE)).rows == []
    case = await court.noticed(agent)
    ticket = await penalties.send_own_document(himself, case.id)
    await papers.store_paper(himself, ticket.paper_id, ticket.text, court.png())
    (proof,) = (await papers.papers_of([case.id]))[case.id]
    shown = await penalties.open_own_document(himself, proof.id)
    assert (await papers.fetch_paper(proof.id, shown.text)).data == court.png()
    stranger = court.actor_of(await make.agent())
    assert await said(penalties.open_own_document(stranger, proof.id)) == "NOT_FOUND"
    await penalties.withdraw(staff, case.id, "another agent did it")
    assert await said(penalties.open_own_document(himself, proof.id)) == "NOT_FOUND"
    assert await said(penalties.answer(himself, case.id, "no")) == "penalty_closed"


async def test_a_notice_holds_the_deposit_until_the_case_is_decided_or_forgotten() -> None:
    agent = await agent_with_deposit(100)
    await deposits.ask_back(court.actor_of(agent))
    case = await court.noticed(agent)
    with make.later(days=36):
        assert await deposits.return_due() == 0
        assert await penalties.close_due() == 0
    with make.later(days=38):
        assert await penalties.close_due() == 1
        assert await deposits.return_due() == 1
    assert await state_of(case) is PenaltyState.WITHDRAWN


async def test_what_is_final_is_published_with_masked_names_and_the_rest_is_not() -> None:
    first, second = await make.agent(), await make.agent()
    await court.final(await court.imposed(await court.noticed(first)))
    won = await court.imposed(await court.noticed(second))
    assert len((await penalties.list_published(PAGE)).rows) == 1
    await court.appealed(won, second)
    await court.settled(won, won=True)
    page = await penalties.list_published(PageRequest(1, None, "test"))
    (row,) = page.rows
    assert row.masked_name == "A" + "*" * (len(first.name) - 1)
    assert (row.step, page.has_next_page) == (WARNING, False)


@pytest.mark.parametrize(
    ("point", "module"),
    [
        ("penalties.noticed", "noticing"),
        ("penalties.appealed", "hearing"),
        ("penalties.decided", "deciding"),
        ("penalties.appeal_decided", "deciding"),
        ("penalties.closed", "deciding"),
    ],
)
async def test_whoever_dies_in_between_has_done_nothing(
    point: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(name: str) -> None:
        if name == point:
            raise ZeroDivisionError

    agent = await agent_with_deposit(500)

    async def all_of_it() -> None:
        case = await PenaltyCase.all().first() or await court.opened(agent)
        if case.state is PenaltyState.OPEN:
            staff = await make.operator("penalties:write")
            await penalties.give_notice(staff, case.id, Sanction(DEDUCTION, make.money(200)))
        case = await PenaltyCase.get(id=case.id)
        if case.state is PenaltyState.NOTICED:
            await court.imposed(case)
        case = await PenaltyCase.get(id=case.id)
        if case.state is PenaltyState.IMPOSED and point == "penalties.closed":
            with make.later(days=30):
                await penalties.close_due()
            return
        if case.state is PenaltyState.IMPOSED:
            await court.appealed(case, agent)
        await court.settled(case, won=True)

    with monkeypatch.context() as patched:
        patched.setattr(f"domain.penalties.{module}.crash_point", dies)
        with pytest.raises(ZeroDivisionError):
            await all_of_it()
    await all_of_it()
    assert await deposited(agent) == (300 if point == "penalties.closed" else 500)
    assert await deposits.models.DepositHold.all().count() == 0


MOVES = {
    ("open", "noticed"),
    ("open", "withdrawn"),
    ("noticed", "withdrawn"),
    ("noticed", "dismissed"),
    ("noticed", "imposed"),
    ("imposed", "appealed"),
    ("imposed", "final"),
    ("appealed", "upheld"),
    ("appealed", "overturned"),
}


async def brought_to(state: PenaltyState) -> PenaltyCase:
    agent = await make.agent()
    if state is PenaltyState.OPEN:
        return await court.opened(agent)
    case = await court.noticed(agent)
    if state is PenaltyState.NOTICED:
        return case
    if state in (PenaltyState.WITHDRAWN, PenaltyState.DISMISSED):
        with make.later(days=7):
            staff = await make.operator("*")
            if state is PenaltyState.WITHDRAWN:
                return await penalties.withdraw(staff, case.id, "x")
            return await penalties.decide(staff, case.id, imposed=False, reasons="x")
    case = await court.imposed(case)
    if state is PenaltyState.FINAL:
        await court.final(case)
    elif state is not PenaltyState.IMPOSED:
        case = await court.appealed(case, agent)
        if state is not PenaltyState.APPEALED:
            case = await court.settled(case, won=state is PenaltyState.OVERTURNED)
    return case


@pytest.mark.parametrize("source", list(PenaltyState))
async def test_no_case_moves_otherwise_by_sql(source: PenaltyState) -> None:
    case = await brought_to(source)
    assert await state_of(case) is source
    for target in PenaltyState:
        if target is source or (source.value, target.value) in MOVES:
            continue
        with pytest.raises(asyncpg.CheckViolationError, match="moved as listed"):
            async with connection() as conn:
                await conn.execute(
                    "UPDATE penalty_cases SET state = $2 WHERE id = $1", case.id, target.value
                )
    assert await state_of(case) is source


WRITES: list[tuple[PenaltyState, str, str]] = [
    (PenaltyState.OPEN, "state = 'noticed', step = 'warning'", "penalty_notice_whole"),
    (PenaltyState.NOTICED, "step = 'deduction', amount = 5", "penalty_as_written"),
    (PenaltyState.NOTICED, "facts = 'worse'", "penalty_as_written"),
    (
        PenaltyState.NOTICED,
        "state = 'imposed', ordinal = 1, decided_by = noticed_by, decided_at = answer_until,"
        " reasons = 'x', appeal_until = answer_until + interval '14 days'",
        "penalty_heard_and_decided_by_another",
    ),
    (
        PenaltyState.NOTICED,
        "state = 'imposed', ordinal = 1, decided_by = gen_random_uuid(), decided_at = noticed_at,"
        " reasons = 'x', appeal_until = answer_until + interval '14 days'",
        "penalty_heard_and_decided_by_another",
    ),
    (
        PenaltyState.NOTICED,
        "state = 'imposed', ordinal = 3, decided_by = gen_random_uuid(), decided_at = answer_until,"
        " reasons = 'x', appeal_until = answer_until + interval '14 days'",
        "penalty_counted",
    ),
    (PenaltyState.IMPOSED, "decided_by = gen_random_uuid()", "penalty_as_written"),
    (PenaltyState.IMPOSED, "appeal_until = now()", "penalty_as_written"),
    (
        PenaltyState.IMPOSED,
        "state = 'appealed', appeal = 'x', appealed_at = appeal_until",
        "penalty_appeal_by_a_third",
    ),
    (
        PenaltyState.IMPOSED,
        "state = 'final', closed_at = appeal_until - interval '1 second'",
        "penalty_closed_in_time",
    ),
    (
        PenaltyState.APPEALED,
        "state = 'upheld', closed_at = now(), closing = 'x', closed_by = decided_by",
        "penalty_appeal_by_a_third",
    ),
    (PenaltyState.FINAL, "closing = 'x'", "penalty_as_written"),
]


@pytest.mark.parametrize(("source", "change", "constraint"), WRITES)
async def test_the_database_refuses_what_must_not_be(
    source: PenaltyState, change: str, constraint: str
) -> None:
    case = await brought_to(source)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        async with connection() as conn:
            await conn.execute(f"UPDATE penalty_cases SET {change} WHERE id = $1", case.id)
    assert refused.value.constraint_name == constraint
    assert await state_of(case) is source


async def test_by_sql_no_case_begins_in_its_middle_and_none_goes() -> None:
    case = await court.opened(await make.agent())
    with pytest.raises(asyncpg.CheckViolationError, match="moved as listed"):
        async with connection() as conn:
            await conn.execute(
                "INSERT INTO penalty_cases SELECT (jsonb_populate_record(c, jsonb_build_object("
                "'id', gen_random_uuid(), 'hearing', gen_random_uuid(), 'state', 'noticed'))).*"
                " FROM penalty_cases c"
            )
    with pytest.raises(asyncpg.PostgresError):
        async with connection() as conn:
            await conn.execute("DELETE FROM penalty_cases WHERE id = $1", case.id)


async def test_the_second_penalty_at_a_time_is_refused_by_the_index_too() -> None:
    agent = await make.agent()
    first, second = await court.noticed(agent), await court.noticed(agent)
    await court.imposed(first)
    with pytest.raises(asyncpg.PostgresError) as refused:
        async with connection() as conn:
            await conn.execute(
                "UPDATE penalty_cases SET state = 'imposed', ordinal = 2, reasons = 'x',"
                " decided_by = gen_random_uuid(), decided_at = answer_until,"
                " appeal_until = answer_until + interval '2 days', step = step WHERE id = $1",
                second.id,
            )
    assert refused.value.constraint_name in {"penalty_on_its_rung", "penalty_one_at_a_time"}


async def test_no_deposit_is_touched_without_its_case() -> None:
    agent = await agent_with_deposit(500)
    case = await court.noticed(agent, DEDUCTION, amount=make.money(200))

    async def move(kind: deposits.DepositMove, units: int, cause: Any) -> None:
        async with transaction() as conn:
            await deposits.move(conn, agent, kind, units, cause)

    deducted, restored = deposits.DepositMove.DEDUCTED, deposits.DepositMove.RESTORED
    for kind, units, cause in (
        (deducted, make.yuan(200), make.new_id()),
        (deducted, make.yuan(200), case.id),  # it is not imposed
        (restored, make.yuan(200), case.id),
    ):
        with pytest.raises(IntegrityError, match="by a penalty case"):
            await move(kind, units, cause)
    await court.imposed(case)
    for kind in (deducted, restored):
        with pytest.raises(IntegrityError):
            await move(kind, make.yuan(200), case.id)
    assert (await deposited(agent), await penalty_income()) == (300, 200)


async def test_a_decision_without_what_it_decides_does_not_stand() -> None:
    agent = await agent_with_deposit(500)
    case = await court.noticed(agent, DEDUCTION, amount=make.money(200))
    with pytest.raises(asyncpg.CheckViolationError, match="is done with it"):
        async with transaction() as conn:
            await conn.execute(
                "UPDATE penalty_cases SET state = 'imposed', ordinal = 1, reasons = 'x',"
                " decided_by = gen_random_uuid(), decided_at = answer_until,"
                " appeal_until = answer_until + interval '2 days' WHERE id = $1",
                case.id,
            )
    assert await state_of(case) is PenaltyState.NOTICED
