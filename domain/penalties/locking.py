"""A case, locked, and in the state that a move needs; its agent behind it."""

from collections.abc import Collection
from uuid import UUID

from domain import agents
from domain.agents import Agent
from domain.kernel import Actor, Invalid, NotFound, Refused, refuse_unless
from domain.penalties.models import PenaltyCase, PenaltyState
from domain.penalties.refusals import PenaltyNotPossible
from domain.penalties.rules import MAX_LETTERS

WRITE_SCOPE, APPROVE_SCOPE, READ_SCOPE = "penalties:write", "penalties:approve", "penalties:read"
_REASONS = {
    PenaltyState.OPEN: "penalty_not_noticed",
    PenaltyState.NOTICED: "penalty_noticed",
    PenaltyState.IMPOSED: "penalty_decided",
    PenaltyState.APPEALED: "penalty_appealed",
}


async def lock_case(case_id: UUID, allowed: Collection[PenaltyState]) -> PenaltyCase:
    """A case, locked until the end of the transaction; refuses any that is not in these states."""
    case = await PenaltyCase.filter(id=case_id).select_for_update().first()
    if case is None:
        raise Refused(NotFound(what="penalty case", field=("caseId",)))
    reason = _REASONS.get(case.state, "penalty_closed")
    if case.state is PenaltyState.IMPOSED and PenaltyState.APPEALED in allowed:
        reason = "penalty_not_appealed"
    refuse_unless(case.state in allowed, PenaltyNotPossible(reason=reason))
    return case


async def lock_agent(case: PenaltyCase) -> Agent:
    """The agent of a locked case, locked, too."""
    return await Agent.filter(id=case.agent_id).select_for_update().get()


async def lock_own_case(
    actor: Actor, case_id: UUID, allowed: Collection[PenaltyState]
) -> tuple[PenaltyCase, Agent]:
    """A case against the caller, who is an agent; one that it has not heard of is not there."""
    own = await agents.get_own_agent(actor)
    known = PenaltyCase.filter(id=case_id, agent_id=own.id, noticed_at__isnull=False)
    if not await known.exists():
        raise Refused(NotFound(what="penalty case", field=("caseId",)))
    return await lock_case(case_id, allowed), own


def told(text: str, *place: str) -> str:
    """A text without blanks around it; refuses (INVALID) none, and one that is too long."""
    text = text.strip()
    refuse_unless(0 < len(text) <= MAX_LETTERS, Invalid(reason="penalty_text", field=place))
    return text
