"""How the fields of penalties are answered."""

from uuid import UUID

import strawberry
from strawberry import Parent

from domain import agents, papers, penalties
from domain.deposits import CURRENCY
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request, refuse_unless
from domain.penalties import (
    Inspection,
    InspectionState,
    PenaltyCase,
    PenaltyState,
    PublishedPenalty,
)
from resolvers.agents import is_own
from resolvers.batches import AtOnceOrLater, there
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of
from resolvers.papers import PaperDoor, door_of


async def penalties_of_agent(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[PenaltyCase] | None:
    """Those that the agent has heard of; its own and staff's to see."""
    page = page_request("penalties", first, after)
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await penalties.cases_against(agent.id, page)


async def published_penalties(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[PublishedPenalty]:
    """What is final, names masked."""
    return await penalties.list_published(page_request("publishedPenalties", first, after))


async def agent_penalty_answer(info: Info, case_id: strawberry.ID, text: str) -> PenaltyCase:
    """Say something to a notice."""
    return await penalties.answer(info.context.actor, _case(case_id), text)


async def agent_penalty_appeal(info: Info, case_id: strawberry.ID, text: str) -> PenaltyCase:
    """Ask a third person to look again."""
    return await penalties.appeal(info.context.actor, _case(case_id), text)


async def agent_penalty_document_send(info: Info, case_id: strawberry.ID) -> PaperDoor:
    """Be allowed to add a document of one's own."""
    return door_of(await penalties.send_own_document(info.context.actor, _case(case_id)))


async def agent_penalty_document_open(info: Info, paper_id: strawberry.ID) -> PaperDoor:
    """Be allowed to look at one of one's own case."""
    paper = decode_id(Prefix.PAPER, paper_id, field=("paperId",))
    return door_of(await penalties.open_own_document(info.context.actor, paper))


async def penalty_cases(
    info: Info,
    states: list[PenaltyState] | None = None,
    agent_id: strawberry.ID | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[PenaltyCase]:
    """Cases (back office)."""
    page = page_request("penaltyCases", first, after)
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",)) if agent_id else None
    return await penalties.list_cases(info.context.actor, states or [], agent, page)


async def penalty_case(info: Info, id: strawberry.ID) -> PenaltyCase:
    """One case (back office)."""
    return await penalties.get_case(info.context.actor, decode_id(Prefix.PENALTY_CASE, id))


async def penalty_case_open(
    info: Info,
    agent_id: strawberry.ID,
    violation: penalties.Violation,
    facts: str,
    grave: bool = False,
) -> PenaltyCase:
    """Open a case (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    return await penalties.open_case(info.context.actor, agent, violation, facts, grave=grave)


async def penalty_case_document_send(info: Info, case_id: strawberry.ID) -> PaperDoor:
    """Be allowed to add evidence (back office)."""
    return door_of(await penalties.send_evidence(info.context.actor, _case(case_id)))


async def penalty_case_document_open(info: Info, paper_id: strawberry.ID) -> PaperDoor:
    """Be allowed to look at a document (back office)."""
    paper = decode_id(Prefix.PAPER, paper_id, field=("paperId",))
    return door_of(await penalties.open_document(info.context.actor, paper))


async def penalty_case_notice(
    info: Info,
    case_id: strawberry.ID,
    step: penalties.PenaltyStep,
    amount: MoneyInput | None = None,
    blocks: list[agents.Deed] | None = None,
    days: int | None = None,
) -> PenaltyCase:
    """Tell the agent, and propose a step (back office)."""
    wanted = money_of(amount, "amount") if amount else None
    sanction = penalties.Sanction(step, wanted, blocks or [], days)
    return await penalties.give_notice(info.context.actor, _case(case_id), sanction)


async def penalty_case_withdraw(info: Info, case_id: strawberry.ID, note: str) -> PenaltyCase:
    """Give a case up (back office)."""
    return await penalties.withdraw(info.context.actor, _case(case_id), note)


async def penalty_case_decide(
    info: Info, case_id: strawberry.ID, imposed: bool, reasons: str
) -> PenaltyCase:
    """As another person (back office)."""
    actor = info.context.actor
    return await penalties.decide(actor, _case(case_id), imposed=imposed, reasons=reasons)


async def penalty_appeal_decide(
    info: Info, case_id: strawberry.ID, overturned: bool, reasons: str
) -> PenaltyCase:
    """As a third person (back office)."""
    actor, case = info.context.actor, _case(case_id)
    return await penalties.decide_appeal(actor, case, overturned=overturned, reasons=reasons)


async def inspections(
    info: Info,
    states: list[InspectionState] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[Inspection]:
    """Samples (back office)."""
    page = page_request("inspections", first, after)
    return await penalties.list_inspections(info.context.actor, states or [], page)


async def inspection_document_send(info: Info, inspection_id: strawberry.ID) -> PaperDoor:
    """Be allowed to add what was found (back office)."""
    inspection = decode_id(Prefix.INSPECTION, inspection_id, field=("inspectionId",))
    return door_of(await penalties.send_inspection_document(info.context.actor, inspection))


async def inspection_report(
    info: Info,
    inspection_id: strawberry.ID,
    good: bool,
    findings: str,
    violation: penalties.Violation | None = None,
    grave: bool = False,
) -> Inspection:
    """Say what was found (back office)."""
    inspection = decode_id(Prefix.INSPECTION, inspection_id, field=("inspectionId",))
    report = penalties.Report(good, findings, violation, grave)
    return await penalties.report_inspection(info.context.actor, inspection, report)


def inspected_by(inspection: Parent[Inspection]) -> strawberry.ID | None:
    """Who looked."""
    return _user(inspection.inspected_by)


def documents(inspection: Parent[Inspection], info: Info) -> AtOnceOrLater[list[papers.Paper]]:
    """What was found; the bytes need a ticket."""
    return info.context.loaders.papers.get(inspection.id)


def case_of_inspection(inspection: Parent[Inspection]) -> strawberry.ID | None:
    """What it has opened: a case of the same id."""
    opened = strawberry.ID(encode_id(Prefix.PENALTY_CASE, inspection.id))
    return opened if inspection.opened_case else None


def evidence(case: Parent[PenaltyCase], info: Info) -> AtOnceOrLater[list[papers.Paper]]:
    """What the house has; the bytes need a ticket."""
    return info.context.loaders.papers.get(case.id)


def hearing(case: Parent[PenaltyCase], info: Info) -> AtOnceOrLater[list[papers.Paper]]:
    """What the agent has sent."""
    return info.context.loaders.papers.get(case.hearing)


def amount_of(case: Parent[PenaltyCase]) -> Money | None:
    """As money."""
    return None if case.amount is None else Money(case.amount, CURRENCY)


def blocks_of(case: Parent[PenaltyCase]) -> list[agents.Deed]:
    """What a restriction keeps the agent from."""
    return [agents.Deed(each) for each in case.blocks]


async def agent_name(row: Parent[PenaltyCase | Inspection], info: Info) -> str:
    """Of the agent that it is about."""
    return there(await info.context.loaders.agents.load(row.agent_id)).name


def noticed_by(case: Parent[PenaltyCase]) -> strawberry.ID | None:
    """Who proposed the step."""
    return _user(case.noticed_by)


def decided_by(case: Parent[PenaltyCase]) -> strawberry.ID | None:
    """Who decided."""
    return _user(case.decided_by)


def closed_by(case: Parent[PenaltyCase]) -> strawberry.ID | None:
    """Who ended it; nobody, when its time did."""
    return _user(case.closed_by)


def itself(case: Parent[PenaltyCase]) -> PenaltyCase:
    """The case that a file is about."""
    return case


def _user(user_id: UUID | None) -> strawberry.ID | None:
    return strawberry.ID(encode_id(Prefix.USER, user_id)) if user_id else None


def _case(case_id: strawberry.ID) -> UUID:
    return decode_id(Prefix.PENALTY_CASE, case_id, field=("caseId",))
