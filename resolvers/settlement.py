"""How the fields of settlement are answered."""

from collections.abc import Awaitable
from dataclasses import dataclass
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import agents, bulk, settlement
from domain.checkout import CURRENCY
from domain.kernel import Page, Prefix, decode_id, encode_id, page_request, refuse_unless
from domain.settlement import Objection, ObjectionState, SettlementRun, Statement, Totals
from resolvers.agents import is_own
from resolvers.context import Info


async def statements_of_agent(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[Statement] | None:
    """The frozen statements of an agent; only itself and the back office see them."""
    page = page_request("agentStatements", first, after)
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await settlement.statements_of_agent(agent.id, page)


async def settlement_runs(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[SettlementRun]:
    """Runs, newest first."""
    return await settlement.list_runs(
        info.context.actor, page_request("settlementRuns", first, after)
    )


async def settlement_run(info: Info, id: strawberry.ID) -> SettlementRun:
    """One run."""
    return await settlement.get_run(info.context.actor, decode_id(Prefix.SETTLEMENT_RUN, id))


async def statements_of_run(
    run: Parent[SettlementRun], info: Info, first: int | None = None, after: str | None = None
) -> Page[Statement]:
    """The statements of a run, by agent."""
    page = page_request("settlementStatements", first, after)
    return await settlement.statements_of_run(info.context.actor, run.id, page)


def itself(statement: Parent[Statement]) -> Statement:
    """The statement as its agent sees it."""
    return statement


def totals(run: Parent[SettlementRun], info: Info) -> "Totals | Awaitable[Totals]":
    """What they sum to by now."""
    return info.context.loaders.settlement_totals.get(run.id)


def started_by(run: Parent[SettlementRun]) -> strawberry.ID | None:
    """Who started it."""
    if run.started_by is None:
        return None
    return strawberry.ID(encode_id(Prefix.USER, run.started_by))


def report(job: Parent[bulk.Job]) -> Totals | None:
    """What a job of settlement came to."""
    return settlement.report_of(job)


def proposal(
    run: Parent[SettlementRun], info: Info
) -> "settlement.Proposal | Awaitable[settlement.Proposal | None] | None":
    """How its payouts stand."""
    return info.context.loaders.settlement_proposals.get(run.id)


async def withheld(
    run: Parent[SettlementRun], info: Info, first: int | None = None, after: str | None = None
) -> Page[settlement.Withheld]:
    """Whom it could not pay, by agent."""
    page = page_request("settlementWithheld", first, after)
    return await settlement.list_withheld(info.context.actor, run.id, page)


def payout_of(statement: Parent[Statement]) -> strawberry.ID | None:
    """The payout that its run asked for."""
    if statement.payout_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.PAYOUT, statement.payout_id))


async def settlement_payouts_propose(
    info: Info, run_id: strawberry.ID, note: str = ""
) -> dict[str, object]:
    """Propose that what a run left available is paid out."""
    actor = info.context.actor
    run = decode_id(Prefix.SETTLEMENT_RUN, run_id, field=("runId",))
    made = await settlement.propose_payouts(actor, run, note)
    asking = made.state is settlement.ProposalState.ASKING
    job = await settlement.queue_payouts(actor, run) if asking else None
    return {"run": await settlement.get_run(actor, run), "job": job}


async def settlement_run_start(info: Info, period: str, dry_run: bool = False) -> dict[str, object]:
    """Settle a period, or only say what that would come to."""
    actor = info.context.actor
    if dry_run:
        settlement.check_period(period)
        return {"job": await settlement.queue_dry_run(actor, period, CURRENCY)}
    started = await settlement.start_run(actor, period, CURRENCY)
    counting = started.run.state is settlement.RunState.COUNTING
    job = await settlement.queue_run(actor, started.run.id) if counting else None
    return {"run": started.run, "job": job, "replayed": started.replayed}


@dataclass(frozen=True, slots=True)
class Objected:
    """What the payload shows of an objection that was made."""

    objection: Objection
    replayed: bool


async def objections_of_agent(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[Objection] | None:
    """What an agent objected to; only itself and the back office see it."""
    page = page_request("objections", first, after)
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await settlement.objections_of_agent(agent.id, page)


async def objections(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    states: list[ObjectionState] | None = None,
) -> Page[Objection]:
    """Objections, oldest first; those that wait for an answer unless states are named."""
    wanted = list(settlement.WAITING) if states is None else states
    page = page_request(f"objections {wanted}", first, after)
    return await settlement.list_objections(info.context.actor, page, wanted)


def objection_itself(objection: Parent[Objection]) -> Objection:
    """The objection as its agent sees it."""
    return objection


def statement_of_objection(objection: Parent[Objection]) -> strawberry.ID | None:
    """The statement that it is about."""
    return _id_of(Prefix.SETTLEMENT_STATEMENT, objection.statement_id)


def commission_of_objection(objection: Parent[Objection]) -> strawberry.ID | None:
    """The commission that it is about."""
    return _id_of(Prefix.COMMISSION, objection.commission_id)


def answered_by(objection: Parent[Objection]) -> strawberry.ID | None:
    """Who answered it."""
    return _id_of(Prefix.USER, objection.answered_by)


def judged_by(objection: Parent[Objection]) -> strawberry.ID | None:
    """Who decided on its appeal."""
    return _id_of(Prefix.USER, objection.judged_by)


async def objection_open(
    info: Info,
    text: str,
    statement_id: strawberry.ID | None = None,
    commission_id: strawberry.ID | None = None,
) -> Objected:
    """Object to a statement or a commission."""
    statement, commission = (
        None if said is None else decode_id(prefix, said, field=(name,))
        for prefix, said, name in (
            (Prefix.SETTLEMENT_STATEMENT, statement_id, "statementId"),
            (Prefix.COMMISSION, commission_id, "commissionId"),
        )
    )
    actor = info.context.actor
    return Objected(*await settlement.open_objection(actor, text, statement, commission))


async def objection_appeal(info: Info, id: strawberry.ID, text: str) -> Objection:
    """Ask for a second look."""
    wanted = decode_id(Prefix.OBJECTION, id)
    return await settlement.appeal_objection(info.context.actor, wanted, text)


async def objection_answer(info: Info, id: strawberry.ID, accept: bool, text: str) -> Objection:
    """Answer an objection or its appeal."""
    wanted, actor = decode_id(Prefix.OBJECTION, id), info.context.actor
    return await settlement.answer_objection(actor, wanted, accepted=accept, text=text)


def _id_of(prefix: Prefix, value: UUID | None) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(encode_id(prefix, value))
