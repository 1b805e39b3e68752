"""How an agent's notices are answered."""

import strawberry
from strawberry import Parent

from domain import agents, notifications
from domain.kernel import Prefix, encode_id, refuse_unless
from domain.notifications import AgentNotice
from resolvers.agents import is_own
from resolvers.context import Info


async def notices_of_agent(agent: Parent[agents.Agent], info: Info) -> list[AgentNotice] | None:
    """What it has to know or to do; its own and staff's to see."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await notifications.notices_of(agent)


def message(notice: Parent[AgentNotice], info: Info) -> str:
    """In the caller's language."""
    return notice.told(info.context.language)


def case_of(notice: Parent[AgentNotice]) -> strawberry.ID | None:
    """Of the case that it is about."""
    if notice.case_id is None:
        return None
    return strawberry.ID(encode_id(Prefix.PENALTY_CASE, notice.case_id))
