"""What is told of a case, to its agent and to staff."""

from domain import agents
from domain.kernel import Connection, Event, Prefix, encode_id, plain, record_events
from domain.penalties.models import PenaltyCase, PenaltyState

NOTICED, ANSWERED, WITHDRAWN = "penalty.noticed", "penalty.answered", "penalty.withdrawn"
DISMISSED, IMPOSED, APPEALED = "penalty.dismissed", "penalty.imposed", "penalty.appealed"
UPHELD, OVERTURNED, FINAL = "penalty.upheld", "penalty.overturned", "penalty.final"
_SEQUENCE = {
    NOTICED: 1,
    ANSWERED: 2,
    WITHDRAWN: 3,
    DISMISSED: 3,
    IMPOSED: 3,
    APPEALED: 4,
    UPHELD: 5,
    OVERTURNED: 5,
    FINAL: 5,
}
OF_STATE = {
    PenaltyState.UPHELD: UPHELD,
    PenaltyState.OVERTURNED: OVERTURNED,
    PenaltyState.FINAL: FINAL,
}


async def announce(conn: Connection, event: str, case: PenaltyCase, agent: agents.Agent) -> None:
    """Record an event of a case that the agent knows of; no facts and no words of anybody."""
    payload = {
        "caseId": encode_id(Prefix.PENALTY_CASE, case.id),
        "agentId": encode_id(Prefix.AGENT, agent.id),
        "userId": encode_id(Prefix.USER, agent.user_id),
        "violation": case.violation.value,
        "step": case.step.value if case.step else None,
        "state": case.state.value,
        "amount": None if case.amount is None else plain(case.amount),
        "answerUntil": case.answer_until.isoformat() if case.answer_until else None,
        "appealUntil": case.appeal_until.isoformat() if case.appeal_until else None,
    }
    await record_events(conn, [Event(event, case.id, _SEQUENCE[event], payload)])
