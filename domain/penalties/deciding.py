"""A case is decided by a second person, its appeal by a third, and what is not appealed is final.

Money of a deposit moves in the transaction of the decision, and back in that of an appeal that is
won: once, because a movement has one cause (`deposit_moved_once`). A removal takes place when
nothing can be said against it any more; until then the agent only neither buys at its price nor
invites.
"""

from datetime import timedelta
from uuid import UUID

from domain import agents, audit, deposits, identity, papers
from domain.agents import Agent, AgentStatus, ChangeReason, Why
from domain.deposits import DepositMove
from domain.kernel import (
    SYSTEM,
    Actor,
    Connection,
    clock,
    crash_point,
    plain,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.penalties import events
from domain.penalties.locking import APPROVE_SCOPE, lock_agent, lock_case, told
from domain.penalties.models import (
    PenaltyCase,
    PenaltyRestriction,
    PenaltyState,
    PenaltyStep,
)
from domain.penalties.noticing import drop, require_deposited, require_rung
from domain.penalties.refusals import PenaltyNotPossible, PenaltySamePerson
from domain.penalties.rules import BEFORE_REMOVAL, LEFT_ALONE, times
from domain.penalties.statements import IN_APPEAL, UNAPPEALED
from domain.penalties.statements import LEFT_ALONE as FORGOTTEN

CLOSED_AT_ONCE = 100


async def decide(actor: Actor, case_id: UUID, *, imposed: bool, reasons: str) -> PenaltyCase:
    """Impose what a notice proposed, or dismiss it, as another person than whoever proposed it.

    Needs `penalties:approve` and a fresh step-up; audited. Refuses (PENALTY_NOT_POSSIBLE) before
    the agent has answered or its time is over, and while another case of the agent may be appealed;
    a step that is not on its rung by now (PENALTY_OFF_THE_LADDER); more than is deposited
    (DEPOSIT_SHORT).
    """
    actor.require_scope(APPROVE_SCOPE)
    reasons = told(reasons, "reasons")
    async with transaction() as conn:
        await identity.require_step_up(actor)
        case = await lock_case(case_id, {PenaltyState.NOTICED})
        agent = await lock_agent(case)
        _require_another(actor, agent, case.opened_by, case.noticed_by)
        moment = clock.now()
        heard = case.answered_at is not None or (
            case.answer_until is not None and moment >= case.answer_until
        )
        refuse_unless(heard, PenaltyNotPossible(reason="penalty_unheard"))
        case.decided_by, case.decided_at, case.reasons = actor.require_user(), moment, reasons
        if imposed:
            await _impose(conn, actor, case, agent)
        else:
            await _dismiss(conn, actor, case, agent)
        crash_point("penalties.decided")
    wake_relay()
    return case


async def decide_appeal(
    actor: Actor, case_id: UUID, *, overturned: bool, reasons: str
) -> PenaltyCase:
    """Uphold what was imposed, or overturn it, as a third person.

    Needs `penalties:approve` and a fresh step-up; audited. What is overturned gives the deposit
    back what was taken, lifts the restriction, and counts for nothing any more.
    """
    actor.require_scope(APPROVE_SCOPE)
    reasons = told(reasons, "reasons")
    async with transaction() as conn:
        await identity.require_step_up(actor)
        case = await lock_case(case_id, {PenaltyState.APPEALED})
        agent = await Agent.get(id=case.agent_id)
        _require_another(actor, agent, case.opened_by, case.noticed_by, case.decided_by)
        case.state = PenaltyState.OVERTURNED if overturned else PenaltyState.UPHELD
        case.closed_by, case.closed_at, case.closing = actor.require_user(), clock.now(), reasons
        await case.save(force_update=True)
        if overturned:
            await _undo(conn, actor, case)
        else:
            await _take_place(conn, actor, case)
        await audit.record(conn, actor, "penalty.decide_appeal", case.id, {"won": overturned})
        await events.announce(conn, events.OF_STATE[case.state], case, agent)
        crash_point("penalties.appeal_decided")
    wake_relay()
    return case


async def close_due() -> int:
    """Make final what was not appealed in time, and let lapse what nobody decided; how many."""
    for done in range(CLOSED_AT_ONCE):
        final = await _close_one(UNAPPEALED, timedelta())
        if not (final or await _close_one(FORGOTTEN, LEFT_ALONE)):
            return done
    return CLOSED_AT_ONCE


async def _close_one(due: str, after: timedelta) -> bool:
    async with transaction() as conn:
        case_id = await conn.fetchval(due, clock.now() - after)
        if case_id is None:
            return False
        case = await PenaltyCase.get(id=case_id)
        if case.state is PenaltyState.NOTICED:
            await drop(conn, SYSTEM, case, "")
        else:
            case.state, case.closed_at = PenaltyState.FINAL, clock.now()
            await case.save(force_update=True)
            await _take_place(conn, SYSTEM, case)
            await audit.record(conn, SYSTEM, "penalty.final", case.id, {})
            agent = await Agent.get(id=case.agent_id)
            await events.announce(conn, events.FINAL, case, agent)
        crash_point("penalties.closed")
    wake_relay()
    return True


def _require_another(actor: Actor, agent: Agent, *hands: UUID | None) -> None:
    """Refuses whoever had a hand in the case, and the agent itself."""
    another = actor.require_user() not in {agent.user_id, *hands}
    refuse_unless(another, PenaltySamePerson())


async def _impose(conn: Connection, actor: Actor, case: PenaltyCase, agent: Agent) -> None:
    waits = await conn.fetchval(IN_APPEAL, agent.id)
    refuse_unless(not waits, PenaltyNotPossible(reason="penalty_another_open"))
    assert case.step is not None
    assert case.decided_at is not None
    case.ordinal = await require_rung(conn, case, case.step)
    await require_deposited(conn, case)
    case.state = PenaltyState.IMPOSED
    case.appeal_until = case.decided_at + times.appeal
    await case.save(force_update=True)
    if case.amount is not None:
        await deposits.move(conn, agent, DepositMove.DEDUCTED, case.amount, case.id)
    await _restrict(case)
    await deposits.release_deposit(conn, case.id)
    details = {
        "step": case.step.value,
        "ordinal": case.ordinal,
        "amount": None if case.amount is None else plain(case.amount),
    }
    await audit.record(conn, actor, "penalty.impose", case.id, details)
    await events.announce(conn, events.IMPOSED, case, agent)


async def _restrict(case: PenaltyCase) -> None:
    removed = case.step is PenaltyStep.REMOVAL
    if removed or case.days is not None:
        await PenaltyRestriction.create(
            case_id=case.id,
            agent_id=case.agent_id,
            blocks=[each.value for each in BEFORE_REMOVAL] if removed else case.blocks,
            starts_at=case.decided_at,
            ends_at=None if removed else case.restricted_until,
        )


async def _dismiss(conn: Connection, actor: Actor, case: PenaltyCase, agent: Agent) -> None:
    case.state, case.closed_at, case.closed_by = (
        PenaltyState.DISMISSED,
        case.decided_at,
        case.decided_by,
    )
    await case.save(force_update=True)
    await deposits.release_deposit(conn, case.id)
    for subject in (case.id, case.hearing):
        await papers.erase_papers(conn, subject)
    await audit.record(conn, actor, "penalty.dismiss", case.id, {})
    await events.announce(conn, events.DISMISSED, case, agent)


async def _undo(conn: Connection, actor: Actor, case: PenaltyCase) -> None:
    agent = await lock_agent(case)
    if case.amount is not None:
        await deposits.move(conn, agent, DepositMove.RESTORED, case.amount, case.id)
    imposed = PenaltyRestriction.filter(case_id=case.id, lifted_at__isnull=True)
    await imposed.update(lifted_at=case.closed_at)


async def _take_place(conn: Connection, actor: Actor, case: PenaltyCase) -> None:
    """What waited until nothing can be said against it any more: the end of the agent."""
    if case.step is PenaltyStep.REMOVAL:
        agent = await Agent.get(id=case.agent_id)
        if agent.status is not AgentStatus.CLOSED:
            why = Why(ChangeReason.BREACH, "the third violation")
            await agents.move_status(conn, actor, agent.id, AgentStatus.CLOSED, why)
