"""Reads of the agent tree. An agent sees itself and its own subtree, nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain import identity
from domain.agents.models import Agent, AgentChange, AgentStatus, AgentType, Tier
from domain.kernel import Actor, NotFound, Page, PageRequest, Refused, connection, page_of

# Walks up at most three steps, and the depth proves that there are no more.
_CHAIN = """
SELECT a.id AS first, p.id AS second, g.id AS third FROM agents a
LEFT JOIN agents p ON p.id = a.parent_id
LEFT JOIN agents g ON g.id = p.parent_id
WHERE a.id = $1
"""


async def chain_of(agent_id: UUID) -> tuple[UUID, ...]:
    """The agent and those above it, nearest first: at most three."""
    async with connection() as conn:
        row = await conn.fetchrow(_CHAIN, agent_id)
    return tuple(found for found in row if found is not None) if row else ()


async def tier_of(agent_id: UUID) -> Tier:
    """The price grade of an agent; `retail` for one that is not active any more."""
    agent = await Agent.filter(id=agent_id, status=AgentStatus.ACTIVE).only("tier").first()
    return agent.tier if agent else Tier.RETAIL


async def agent_of_user(user_id: UUID) -> Agent | None:
    """The agent that a user is, if any."""
    return await Agent.filter(user_id=user_id).first()


async def get_own_agent(actor: Actor) -> Agent:
    """The agent that the caller is, whatever its status; refuses who is none (NOT_FOUND)."""
    agent = await agent_of_user(actor.require_user())
    if agent is None:
        raise Refused(NotFound(what="agent"))
    return agent


async def agents_by_id(ids: Sequence[UUID]) -> dict[UUID, Agent]:
    """Agents by their ids, in one statement."""
    return {agent.id: agent for agent in await Agent.filter(id__in=list(ids))}


async def find_by_code(code: str) -> Agent | None:
    """The active agent behind a promoter code."""
    return await Agent.filter(code=code.strip().upper(), status=AgentStatus.ACTIVE).first()


async def list_downline(agent_id: UUID, page: PageRequest) -> Page[Agent]:
    """The direct children of an agent, oldest first."""
    rows = Agent.filter(parent_id=agent_id).order_by("id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__gt=UUID(page.after[0]))
    return page_of(page, await rows, lambda agent: (agent.id,))


@dataclass(frozen=True, slots=True)
class AgentFilter:
    """Which agents are wanted; `search` is a part of the name, or a whole code or login."""

    search: str = ""
    status: AgentStatus | None = None
    tier: Tier | None = None
    type: AgentType | None = None


async def list_agents(page: PageRequest, wanted: AgentFilter | None = None) -> Page[Agent]:
    """Agents, oldest first; for the back office."""
    rows = await _wanted(wanted or AgentFilter())
    rows = rows.order_by("id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__gt=UUID(page.after[0]))
    return page_of(page, await rows, lambda agent: (agent.id,))


async def _wanted(wanted: AgentFilter) -> QuerySet[Agent]:
    exact = {"status": wanted.status, "tier": wanted.tier, "type": wanted.type}
    rows = Agent.filter(**{name: value for name, value in exact.items() if value is not None})
    text = wanted.search.strip()
    if not text:
        return rows
    which = Q(name__icontains=text) | Q(code=text.upper())
    user = await identity.find_user(text)
    return rows.filter(which | Q(user_id=user.id) if user else which)


async def get_agent(actor: Actor, agent_id: UUID) -> Agent:
    """One agent, for the back office; needs `agents:read`, refuses an unknown one."""
    actor.require_scope("agents:read")
    agent = await Agent.filter(id=agent_id).first()
    if agent is None:
        raise Refused(NotFound(what="agent"))
    return agent


async def list_changes(actor: Actor, agent_id: UUID, page: PageRequest) -> Page[AgentChange]:
    """What became of an agent, newest first; needs `agents:read`."""
    actor.require_scope("agents:read")
    rows = AgentChange.filter(agent_id=agent_id).order_by("-version").limit(page.first + 1)
    if page.after:
        rows = rows.filter(version__lt=int(page.after[0]))
    return page_of(page, await rows, lambda change: (change.version,))
