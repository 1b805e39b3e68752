"""How the fields of agents and commissions are answered."""

from uuid import UUID

import strawberry
from strawberry import Parent

from domain import agents, commissions, ledger
from domain.checkout import CURRENCY
from domain.kernel import Money, Page, Prefix, decode_id, page_request
from resolvers.context import Info


async def agent_of_viewer(info: Info) -> agents.Agent | None:
    """The agent that the caller is."""
    user_id = info.context.actor.user_id
    return await agents.agent_of_user(user_id) if user_id else None


async def parent(agent: Parent[agents.Agent], info: Info) -> agents.Agent | None:
    """The agent above; an agent sees who that is, and nothing of its business."""
    if agent.parent_id is None:
        return None
    return (await agents.agents_by_id([agent.parent_id])).get(agent.parent_id)


async def downline(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[agents.Agent]:
    """The direct children, for the agent itself and for those above it."""
    page = page_request("downline", first, after)
    if not await _may_look_into(info, agent.id):
        return Page([], [], False, False)
    return await agents.list_downline(agent.id, page)


async def commissions_of(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[commissions.EarnedCommission]:
    """What the agent earned; only the agent itself and the back office see it."""
    page = page_request("commissions", first, after)
    if not _is_own(info, agent.id):
        return Page([], [], False, False)
    return await commissions.list_commissions(agent.id, page)


async def commission_balance(agent: Parent[agents.Agent], info: Info) -> Money | None:
    """What the agent has earned and not been paid; null for anybody else's."""
    if not _is_own(info, agent.id):
        return None
    account = ledger.account_id(ledger.AccountKind.COMMISSION, agent.id, CURRENCY)
    return Money(await ledger.balance_of(account), CURRENCY)


def explanation(commission: Parent[commissions.EarnedCommission], info: Info) -> str:
    """How the amount came about, in the caller's language."""
    return commission.explained(info.context.language)


def level(agent: Parent[agents.Agent]) -> int:
    """The depth in the tree, 1 to 3."""
    depth: int = agent.depth
    return depth


async def agent_create(
    info: Info,
    user_id: strawberry.ID,
    name: str,
    tier: agents.Tier,
    parent_id: strawberry.ID | None = None,
    code: str | None = None,
) -> agents.Agent:
    """Make a user an agent (back office)."""
    above = decode_id(Prefix.AGENT, parent_id, field=("parentId",)) if parent_id else None
    user = decode_id(Prefix.USER, user_id, field=("userId",))
    return await agents.create_agent(info.context.actor, user, name, tier, above, code)


async def agent_tier_set(info: Info, agent_id: strawberry.ID, tier: agents.Tier) -> agents.Agent:
    """Give an agent another price grade (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    return await agents.set_tier(info.context.actor, agent, tier)


async def all_agents(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[agents.Agent]:
    """All agents (back office)."""
    return await agents.list_agents(page_request("agents", first, after))


def _is_own(info: Info, agent_id: UUID) -> bool:
    actor = info.context.actor
    return actor.agent_id == agent_id or "agents:read" in actor.scopes or "*" in actor.scopes


async def _may_look_into(info: Info, agent_id: UUID) -> bool:
    if _is_own(info, agent_id):
        return True
    return info.context.actor.agent_id in await agents.chain_of(agent_id)
