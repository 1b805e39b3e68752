"""Each month some agents are drawn at random, and what was found may open a case (row G17)."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from domain import papers, penalties
from domain.agents import AgentStatus, ChangeReason, Why, set_status
from domain.agents.models import Agent
from domain.kernel import Actor, PageRequest, connection
from domain.penalties import (
    Inspection,
    InspectionRound,
    InspectionState,
    PenaltyCase,
    PenaltyState,
    PenaltyStep,
    Report,
    Sanction,
    Violation,
)
from domain.penalties.rules import sample_size
from domain.penalties.statements import DRAW
from tests import court, make
from tests.court import said

pytestmark = pytest.mark.usefixtures("db")
PAGE = PageRequest(100, None, "test")
GOOD = Report(good=True, findings="bought three cards, all good")
BAD = Report(good=False, findings="asked for the code by chat", violation=Violation.BUYERS_HARMED)


@pytest.fixture(autouse=True)
def half() -> Iterator[None]:
    usual, penalties.sampling.percent = penalties.sampling.percent, 50.0
    yield
    penalties.sampling.percent = usual


async def agents_of_last_month(number: int) -> list[Agent]:
    with make.later(days=-40):
        return [await make.agent() for _ in range(number)]


async def inspector() -> Actor:
    return await make.operator("agents:inspect")


async def drawn() -> Inspection:
    await agents_of_last_month(1)
    await penalties.draw_round()
    return await Inspection.get()


async def with_document(inspection: Inspection, staff: Actor) -> None:
    ticket = await penalties.send_inspection_document(staff, inspection.id)
    await papers.store_paper(staff, ticket.paper_id, ticket.text, court.png())


@pytest.mark.parametrize(
    ("active", "percent", "size"), [(0, 5, 0), (1, 5, 1), (20, 5, 1), (21, 5, 2), (7, 100, 7)]
)
def test_how_many_are_drawn(active: int, percent: float, size: int) -> None:
    assert sample_size(active, percent) == size


async def test_a_months_sample_is_drawn_once_whoever_asks() -> None:
    old = await agents_of_last_month(8)
    gone = await agents_of_last_month(2)
    for agent in gone:
        await set_status(make.OPERATOR, agent.id, AgentStatus.CLOSED, Why(ChangeReason.OWN_WISH))
    await make.agent()  # of this month
    counts = await asyncio.gather(*(penalties.draw_round() for _ in range(6)))
    assert sorted(counts) == [0, 0, 0, 0, 0, 4]
    assert await penalties.draw_round() == 0
    rows = await Inspection.all()
    assert len({row.agent_id for row in rows}) == 4
    assert {row.agent_id for row in rows} <= {agent.id for agent in old}
    with make.later(days=32):
        assert await penalties.draw_round() > 0
    assert await InspectionRound.all().count() == 2


async def test_with_its_seed_anybody_draws_the_same_again() -> None:
    await agents_of_last_month(9)
    await penalties.draw_round()
    drawn_round = await InspectionRound.get()
    async with connection() as conn:
        again = await conn.fetch(DRAW, drawn_round.drawn_at, drawn_round.seed, drawn_round.size)
        other = await conn.fetch(DRAW, drawn_round.drawn_at, "another seed", drawn_round.active)
    rows = await Inspection.all()
    assert {row["id"] for row in again} == {row.agent_id for row in rows}
    assert [row["id"] for row in other] != sorted(row["id"] for row in other)


async def test_a_bad_one_with_evidence_opens_a_case_and_its_finder_does_not_decide() -> None:
    inspection = await drawn()
    staff = await make.operator("agents:inspect", "penalties:write", "penalties:approve")
    assert await said(penalties.report_inspection(staff, inspection.id, BAD)) == (
        "penalty_no_evidence"
    )
    await with_document(inspection, staff)
    await penalties.report_inspection(staff, inspection.id, BAD)
    case = await PenaltyCase.get()
    assert (case.id, case.state, case.facts) == (
        inspection.id,
        PenaltyState.OPEN,
        "asked for the code by chat",
    )
    await penalties.give_notice(staff, case.id, Sanction(PenaltyStep.WARNING))
    agent = await Agent.get(id=case.agent_id)
    await penalties.answer(court.actor_of(agent), case.id, "no")
    call = penalties.decide(staff, case.id, imposed=True, reasons="x")
    assert await said(call) == "PENALTY_SAME_PERSON"
    assert (await court.imposed(case)).ordinal == 1


async def test_a_good_one_and_one_that_names_no_violation_open_none() -> None:
    await agents_of_last_month(4)
    await penalties.draw_round()
    good, bad = await Inspection.all().order_by("id")
    staff = await inspector()
    await penalties.report_inspection(staff, good.id, GOOD)
    await with_document(bad, staff)
    await penalties.report_inspection(staff, bad.id, Report(good=False, findings="slow answers"))
    assert await PenaltyCase.all().count() == 0
    over = penalties.report_inspection(staff, good.id, BAD)
    assert await said(over) == "inspection_over"
    waiting = await penalties.list_inspections(staff, [InspectionState.WAITING], PAGE)
    assert waiting.rows == []


async def test_of_two_who_report_one_does_and_nobody_on_itself() -> None:
    inspection = await drawn()
    staff = [await inspector() for _ in range(4)]
    outcomes = await asyncio.gather(
        *(said(penalties.report_inspection(who, inspection.id, GOOD)) for who in staff)
    )
    assert sorted(outcomes) == ["done"] + ["inspection_over"] * 3
    await penalties.list_inspections(staff[0], [], PAGE)
    agent = await Agent.get(id=inspection.agent_id)
    himself = Actor(kind=staff[0].kind, user_id=agent.user_id, scopes=frozenset({"agents:inspect"}))
    with make.later(days=32):
        await penalties.draw_round()
        again = await Inspection.get(state=InspectionState.WAITING, agent_id=agent.id)
        call = penalties.report_inspection(himself, again.id, GOOD)
        assert await said(call) == "PENALTY_SAME_PERSON"
    stranger = await make.operator("penalties:approve")
    assert await said(penalties.report_inspection(stranger, again.id, GOOD)) == "FORBIDDEN"


@pytest.mark.parametrize("point", ["penalties.drawn", "penalties.inspected"])
async def test_whoever_dies_in_between_has_done_nothing(
    point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(name: str) -> None:
        if name == point:
            raise ZeroDivisionError

    staff = await inspector()
    await agents_of_last_month(1)

    async def all_of_it() -> None:
        await penalties.draw_round()
        inspection = await Inspection.get()
        await with_document(inspection, staff)
        await penalties.report_inspection(staff, inspection.id, BAD)

    with monkeypatch.context() as patched:
        patched.setattr("domain.penalties.inspecting.crash_point", dies)
        with pytest.raises(ZeroDivisionError):
            await all_of_it()
    assert await PenaltyCase.all().count() == 0
    await all_of_it()
    assert (await Inspection.all().count(), await PenaltyCase.all().count()) == (1, 1)


REFUSED: list[tuple[str, str]] = [
    ("UPDATE inspection_rounds SET seed = 'x'", "another seed"),
    ("DELETE FROM inspections", "gone"),
    ("UPDATE inspections SET agent_id = (SELECT id FROM agents ORDER BY id DESC LIMIT 1)", "other"),
    ("UPDATE inspections SET state = 'good'", "by nobody"),
    (
        "UPDATE inspections SET state = 'bad', findings = 'x', inspected_by = gen_random_uuid(),"
        " inspected_at = now()",
        "bad without evidence",
    ),
    (
        "INSERT INTO inspections (id, round_id, agent_id, state, findings, opened_case)"
        " SELECT gen_random_uuid(), round_id, agent_id, 'waiting', '', false FROM inspections",
        "one agent twice",
    ),
]


@pytest.mark.parametrize("statement", [pytest.param(sql, id=name) for sql, name in REFUSED])
async def test_the_database_refuses_what_must_not_be(statement: str) -> None:
    inspection = await drawn()
    await make.agent()
    before: Any = await Inspection.all().values()
    with pytest.raises(asyncpg.PostgresError):
        async with connection() as conn:
            await conn.execute(statement)
    assert await Inspection.all().values() == before
    assert inspection.state is InspectionState.WAITING
