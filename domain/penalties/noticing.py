"""Staff's side of a case before its decision: opened, evidence collected, its agent told."""

from uuid import UUID

from domain import audit, deposits, papers
from domain.agents import Agent
from domain.deposits import CURRENCY, DepositShort
from domain.kernel import (
    Actor,
    Connection,
    Money,
    NotFound,
    Refused,
    clock,
    crash_point,
    new_id,
    plain,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.penalties import events
from domain.penalties.locking import (
    APPROVE_SCOPE,
    READ_SCOPE,
    WRITE_SCOPE,
    lock_agent,
    lock_case,
    told,
)
from domain.penalties.models import Inspection, PenaltyCase, PenaltyState, PenaltyStep, Violation
from domain.penalties.refusals import (
    PenaltyNotPossible,
    PenaltyOffTheLadder,
    PenaltySamePerson,
)
from domain.penalties.rules import EVIDENCE, Sanction, is_on_its_rung, sanction_fault, times
from domain.penalties.statements import STANDING


async def open_case(
    actor: Actor, agent_id: UUID, violation: Violation, facts: str, *, grave: bool = False
) -> PenaltyCase:
    """Open a case against an agent, also a closed one; its agent hears nothing yet. Audited.

    Needs `penalties:write`. `grave` lets the first violation bring more than a warning.
    """
    actor.require_scope(WRITE_SCOPE)
    facts = told(facts, "facts")
    async with transaction() as conn:
        agent = await Agent.filter(id=agent_id).first()
        if agent is None:
            raise Refused(NotFound(what="agent", field=("agentId",)))
        refuse_unless(agent.user_id != actor.require_user(), PenaltySamePerson())
        return await write_case(conn, actor, agent.id, violation, facts, grave=grave)


async def write_case(
    conn: Connection,
    actor: Actor,
    agent_id: UUID,
    violation: Violation,
    facts: str,
    *,
    grave: bool = False,
    case_id: UUID | None = None,
) -> PenaltyCase:
    """As `open_case`, in the caller's transaction and without asking for a scope. `case_id`: of
    the documents that are its evidence already."""
    case = await PenaltyCase.create(
        id=case_id or new_id(),
        agent_id=agent_id,
        violation=violation,
        grave=grave,
        facts=facts,
        hearing=new_id(),
        state=PenaltyState.OPEN,
        blocks=[],
        opened_by=actor.require_user(),
        opened_at=clock.now(),
    )
    details = {"agent": str(agent_id), "violation": violation.value, "grave": grave}
    await audit.record(conn, actor, "penalty.open", case.id, details)
    return case


async def send_evidence(actor: Actor, case_id: UUID) -> papers.Ticket:
    """Be allowed to add a document to an open case, which its agent will see. Needs
    `penalties:write`."""
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        case = await lock_case(case_id, {PenaltyState.OPEN})
        return await papers.expect_paper(conn, actor, case.id, EVIDENCE)


async def open_document(actor: Actor, paper_id: UUID) -> papers.Ticket:
    """Be allowed to look at a document of either side. Needs `penalties:read` or
    `penalties:approve`; audited."""
    if not actor.is_staff(APPROVE_SCOPE):
        actor.require_scope(READ_SCOPE)
    async with transaction() as conn:
        paper = await papers.Paper.filter(id=paper_id).first()
        of_a_case = paper is not None and (
            await PenaltyCase.filter(id=paper.subject).exists()
            or await PenaltyCase.filter(hearing=paper.subject).exists()
            or await Inspection.filter(id=paper.subject).exists()
        )
        if paper is None or not of_a_case:
            raise Refused(NotFound(what="document", field=("paperId",)))
        return await papers.open_paper(conn, actor, paper)


async def give_notice(actor: Actor, case_id: UUID, sanction: Sanction) -> PenaltyCase:
    """Tell the agent what it is said to have done, and what is proposed; it may answer.

    Needs `penalties:write`; audited. From now on its deposit is not returned. Refuses a case that
    has no evidence (PENALTY_NOT_POSSIBLE), a step that is not on its rung (PENALTY_OFF_THE_LADDER),
    what does not belong together (INVALID) and more than is deposited (DEPOSIT_SHORT).
    """
    actor.require_scope(WRITE_SCOPE)
    fault = sanction_fault(sanction, CURRENCY)
    if fault:
        raise Refused(fault)
    async with transaction() as conn:
        case = await lock_case(case_id, {PenaltyState.OPEN})
        agent = await lock_agent(case)
        await require_evidence(case.id)
        await require_rung(conn, case, sanction.step)
        _propose(case, sanction)
        await require_deposited(conn, case)
        case.state, case.noticed_at = PenaltyState.NOTICED, clock.now()
        case.noticed_by, case.answer_until = actor.require_user(), case.noticed_at + times.answer
        await case.save(force_update=True)
        await deposits.hold_deposit(conn, agent.id, case.id)
        details = {
            "step": sanction.step.value,
            "amount": None if case.amount is None else plain(case.amount),
            "blocks": case.blocks,
            "days": case.days,
        }
        await audit.record(conn, actor, "penalty.notice", case.id, details)
        await events.announce(conn, events.NOTICED, case, agent)
        crash_point("penalties.noticed")
    wake_relay()
    return case


async def withdraw(actor: Actor, case_id: UUID, note: str) -> PenaltyCase:
    """Give a case up before it is decided; its evidence goes. Needs `penalties:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    note = told(note, "note")
    async with transaction() as conn:
        case = await lock_case(case_id, {PenaltyState.OPEN, PenaltyState.NOTICED})
        case.closed_by = actor.require_user()
        await drop(conn, actor, case, note)
    wake_relay()
    return case


async def drop(conn: Connection, actor: Actor, case: PenaltyCase, note: str) -> None:
    """End a locked case as if it had never been, in the caller's transaction."""
    case.state, case.closed_at, case.closing = PenaltyState.WITHDRAWN, clock.now(), note
    await case.save(force_update=True)
    await deposits.release_deposit(conn, case.id)
    for subject in (case.id, case.hearing):
        await papers.erase_papers(conn, subject)
    await audit.record(conn, actor, "penalty.withdraw", case.id, {})
    if case.noticed_at is not None:
        agent = await Agent.get(id=case.agent_id)
        await events.announce(conn, events.WITHDRAWN, case, agent)


def _propose(case: PenaltyCase, sanction: Sanction) -> None:
    case.step, case.days = sanction.step, sanction.days
    case.amount = sanction.amount.units if sanction.amount else None
    case.blocks = [each.value for each in dict.fromkeys(sanction.blocks)]


async def require_evidence(subject: UUID) -> None:
    """Refuses (PENALTY_NOT_POSSIBLE) a case or inspection without a stored document."""
    found = (await papers.papers_of([subject]))[subject]
    refuse_unless(bool(found), PenaltyNotPossible(reason="penalty_no_evidence"))


async def require_rung(conn: Connection, case: PenaltyCase, step: PenaltyStep) -> int:
    """Which violation it would be; refuses (PENALTY_OFF_THE_LADDER) a step that is not for it."""
    ordinal = int(await conn.fetchval(STANDING, case.agent_id)) + 1
    fits = is_on_its_rung(step, ordinal, grave=case.grave)
    refuse_unless(fits, PenaltyOffTheLadder(ordinal=ordinal, field=("step",)))
    return ordinal


async def require_deposited(conn: Connection, case: PenaltyCase) -> None:
    """Refuses (DEPOSIT_SHORT) to take more than the locked agent has deposited."""
    if case.amount is not None:
        there = await deposits.balance_of(conn, case.agent_id)
        short = DepositShort(available=Money(there, CURRENCY), field=("amount",))
        refuse_unless(case.amount <= there, short)
