"""The agent's side of a case: it sees what it is said to have done, answers, and may appeal."""

from uuid import UUID

from domain import agents, audit, papers
from domain.kernel import (
    Actor,
    NotFound,
    Refused,
    clock,
    crash_point,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.penalties import events
from domain.penalties.locking import lock_own_case, told
from domain.penalties.models import PenaltyCase, PenaltyState
from domain.penalties.refusals import PenaltyNotPossible
from domain.penalties.rules import HEARING

HEARD = frozenset({PenaltyState.NOTICED, PenaltyState.IMPOSED, PenaltyState.APPEALED})


async def answer(actor: Actor, case_id: UUID, text: str) -> PenaltyCase:
    """Say something to a notice, once; after that, or when the time is over, it is decided.

    Refuses a case that is decided, or answered (PENALTY_NOT_POSSIBLE).
    """
    text = told(text, "text")
    async with transaction() as conn:
        case, agent = await lock_own_case(actor, case_id, {PenaltyState.NOTICED})
        fresh = case.answered_at is None
        refuse_unless(fresh, PenaltyNotPossible(reason="penalty_answered"))
        case.answer, case.answered_at = text, clock.now()
        await case.save(force_update=True)
        await audit.record(conn, actor, "penalty.answer", case.id, {})
        await events.announce(conn, events.ANSWERED, case, agent)
    wake_relay()
    return case


async def appeal(actor: Actor, case_id: UUID, text: str) -> PenaltyCase:
    """Ask a third person to look again, within the time for that; once.

    Refuses when the time is over, or the case is final (PENALTY_NOT_POSSIBLE).
    """
    text = told(text, "text")
    async with transaction() as conn:
        case, agent = await lock_own_case(actor, case_id, {PenaltyState.IMPOSED})
        moment = clock.now()
        in_time = case.appeal_until is not None and moment < case.appeal_until
        refuse_unless(in_time, PenaltyNotPossible(reason="penalty_appeal_late"))
        case.state, case.appeal, case.appealed_at = PenaltyState.APPEALED, text, moment
        await case.save(force_update=True)
        await audit.record(conn, actor, "penalty.appeal", case.id, {})
        await events.announce(conn, events.APPEALED, case, agent)
        crash_point("penalties.appealed")
    wake_relay()
    return case


async def send_own_document(actor: Actor, case_id: UUID) -> papers.Ticket:
    """Be allowed to add a document of one's own, while one may still say something."""
    async with transaction() as conn:
        case, _ = await lock_own_case(actor, case_id, HEARD)
        return await papers.expect_paper(conn, actor, case.hearing, HEARING)


async def open_own_document(actor: Actor, paper_id: UUID) -> papers.Ticket:
    """Be allowed to look at a document, of either side, of a case against oneself. Audited."""
    own = await agents.get_own_agent(actor)
    async with transaction() as conn:
        paper = await papers.Paper.filter(id=paper_id).first()
        known = PenaltyCase.filter(agent_id=own.id, noticed_at__isnull=False)
        shown = paper is not None and (
            await known.filter(id=paper.subject).exists()
            or await known.filter(hearing=paper.subject).exists()
        )
        if paper is None or not shown:
            raise Refused(NotFound(what="document", field=("paperId",)))
        return await papers.open_paper(conn, actor, paper)
