"""Processes die while agents are taken in, judged and inspected, and while deposits move: what they
did is there whole, or not at all, and is done once when it is asked for again (rows G1, G5, G17,
L5)."""

from datetime import timedelta
from uuid import UUID

import pytest

from domain import admission, agents, deposits, papers, penalties, realname
from domain.admission import AgentApplication, ApplicationState
from domain.agents import Agent
from domain.deposits.models import DepositHold, DepositMovement
from domain.kernel import clock
from domain.penalties import (
    Inspection,
    InspectionRound,
    PenaltyCase,
    PenaltyState,
    PenaltyStep,
    Sanction,
)
from domain.realname import Claim, RealNameCase, RealNameLevel, RealNameState
from domain.realname.ports import Answer, Confirmed, Question
from tests import court, make
from tests.domain.admission.test_admission import WISH, applicant, approver, check, checker
from tests.domain.aftersale.test_pictures import png
from tests.domain.penalties.test_cases import agent_with_deposit, deposited, penalty_income
from tests.domain.penalties.test_inspections import BAD, agents_of_last_month, with_document
from tests.domain.realname.test_realname import NAME, NUMBER
from tests.faults.dying import Mortal
from tests.faults.test_kills import no_violations, number_of

pytestmark = pytest.mark.xdist_group("deaths")
FINE = Sanction(PenaltyStep.DEDUCTION, make.money(200))


async def events(kind: str) -> int:
    return await number_of("outbox_events", f"type = '{kind}'")


async def test_a_case_is_noticed_imposed_appealed_and_overturned_once(mortal: Mortal) -> None:
    """The deposit of 500 loses 200 to the case, and has them back when the appeal is won."""
    agent = await agent_with_deposit(500)
    himself, case = court.actor_of(agent), await court.opened(agent)
    staff = await make.operator("penalties:write")
    give = (penalties.give_notice, staff, case.id, FINE)
    await mortal.dies("penalties.noticed", *give)
    assert await DepositHold.all().count() == 0
    await give[0](*give[1:])
    assert (await DepositHold.all().count(), await events("penalty.noticed")) == (1, 1)

    with make.later(days=7):
        judge = await make.operator("penalties:approve")
    decided = {"imposed": True, "reasons": "clear"}
    await mortal.dies("penalties.decided", penalties.decide, judge, case.id, days=7, **decided)
    assert (await deposited(agent), await penalty_income()) == (500, 0)
    with make.later(days=7):
        await penalties.decide(judge, case.id, imposed=True, reasons="clear")
    assert (await deposited(agent), await penalty_income()) == (300, 200)

    appeal = (penalties.appeal, himself, case.id, "it was not me")
    await mortal.dies("penalties.appealed", *appeal, days=8)
    assert (await PenaltyCase.get(id=case.id)).state is PenaltyState.IMPOSED
    with make.later(days=8):
        await appeal[0](*appeal[1:])

    with make.later(days=9):
        third = await make.operator("penalties:approve")
    won = {"overturned": True, "reasons": "the pictures are of another shop"}
    wish = (penalties.decide_appeal, third, case.id)
    await mortal.dies("penalties.appeal_decided", *wish, days=9, **won)
    assert (await deposited(agent), await penalty_income()) == (300, 200)
    with make.later(days=9):
        await penalties.decide_appeal(third, case.id, overturned=True, reasons="another shop")
    assert (await deposited(agent), await penalty_income()) == (500, 0)
    assert await DepositHold.all().count() == 0
    assert await number_of("deposit_movements") == 3  # paid, taken, given back
    await no_violations()


async def test_a_month_is_drawn_once_and_a_finding_opens_one_case(mortal: Mortal) -> None:
    usual, penalties.sampling.percent = penalties.sampling.percent, 100.0
    staff = await make.operator("agents:inspect")
    await agents_of_last_month(2)
    await mortal.dies("penalties.drawn", draw_all)
    assert await InspectionRound.all().count() == await Inspection.all().count() == 0
    try:
        assert (await penalties.draw_round(), await penalties.draw_round()) == (2, 0)
    finally:
        penalties.sampling.percent = usual
    inspection = await Inspection.all().first()
    assert inspection is not None
    await with_document(inspection, staff)
    await mortal.dies("penalties.inspected", penalties.report_inspection, staff, inspection.id, BAD)
    assert await PenaltyCase.all().count() == 0
    await penalties.report_inspection(staff, inspection.id, BAD)
    assert await PenaltyCase.all().count() == 1
    assert (await events("inspection.drawn"), await events("inspection.reported")) == (1, 1)
    await no_violations()


async def draw_all() -> None:
    penalties.sampling.percent = 100.0
    await penalties.draw_round()


async def test_an_applicant_applies_once_and_becomes_one_agent(mortal: Mortal) -> None:
    who = await applicant()
    await mortal.dies("admission.applied", admission.apply, who, WISH)
    assert await AgentApplication.all().count() == 0
    application = await admission.apply(who, WISH)
    assert await check(application, await checker()) == "done"
    look = (admission.sample, await approver(), application.id)
    words = {"passed": True, "findings": "bought three cards, all good"}
    await mortal.dies("admission.sampled", *look, **words)
    assert await agents.agent_of_user(who.require_user()) is None
    await admission.sample(look[1], application.id, passed=True, findings="all good")
    assert await agents.agent_of_user(who.require_user()) is not None
    assert await Agent.filter(user_id=who.user_id).count() == 1
    assert (await AgentApplication.get()).state is ApplicationState.ACTIVATED
    await no_violations()


async def test_a_deposit_is_paid_once_and_returned_once(mortal: Mortal) -> None:
    agent = await make.agent()
    await make.top_up(agent.user_id, make.yuan(500))
    actor = court.actor_of(agent)
    pay = (deposits.pay_deposit, actor, make.money(300), "one key")
    await mortal.dies("deposits.paid", *pay)
    assert await DepositMovement.all().count() == 0
    assert [await pay[0](*pay[1:]) for _ in range(2)] == [False, True]
    assert await deposited(agent) == 300
    await deposits.ask_back(actor)
    await mortal.dies("deposits.returned", deposits.return_due, days=31)
    assert await deposited(agent) == 300
    with make.later(days=31):
        assert [await deposits.return_due() for _ in range(2)] == [1, 0]
    assert await deposited(agent) == 0
    assert await DepositMovement.all().count() == 2
    await no_violations()


async def test_a_document_is_kept_whole_and_its_ticket_is_good_until_it_is(mortal: Mortal) -> None:
    who = await applicant()
    application = await admission.apply(who, WISH)
    ticket = await admission.send_document(who, application.id, "licence")
    store = (papers.store_paper, who, ticket.paper_id, ticket.text, png())
    await mortal.dies("papers.written", *store)
    assert await number_of("paper_contents") == 0
    kept = await store[0](*store[1:])
    assert (kept.state, await number_of("paper_contents")) == (papers.PaperState.STORED, 1)
    await no_violations()


@pytest.fixture
def willing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that knows everybody."""
    monkeypatch.setattr(realname.provider, "name", "willing")
    realname.ports.register("willing", Willing())


class Willing:
    """A provider that knows everybody."""

    async def check(self, question: Question) -> Answer:
        return Confirmed()


async def check_later(case_id: UUID, minutes: int) -> None:
    realname.ports.register("willing", Willing())
    realname.provider.name = "willing"
    moment = clock.now() + timedelta(minutes=minutes)
    with clock.fixed(lambda: moment):
        await realname.check_case(case_id)


@pytest.mark.usefixtures("willing")
async def test_a_real_name_is_said_once_and_asked_about_until_it_is_known(mortal: Mortal) -> None:
    who = await make.buyer(0)
    submit = (realname.submit_name, who, Claim(NAME, NUMBER))
    await mortal.dies("realname.submitted", *submit)
    assert await RealNameCase.all().count() == 0
    case = await submit[0](*submit[1:])
    for hours, point in enumerate(("realname.asked", "realname.answered", "realname.decided")):
        await mortal.dies(point, check_later, case.id, hours * 60)
        assert (await RealNameCase.get(id=case.id)).state is RealNameState.CHECKING
        assert await realname.level_of(who.require_user()) is RealNameLevel.NONE
    moment = clock.now() + timedelta(hours=3)
    with clock.fixed(lambda: moment):
        assert await realname.list_due(10) == [case.id]
        await realname.check_case(case.id)
        assert await realname.list_due(10) == []
    assert await realname.level_of(who.require_user()) is RealNameLevel.BASIC
    assert await events("real_name.decided") == 1
    await no_violations()
