"""How the fields of agents and commissions are answered."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import agents, commissions, orders, realname
from domain.checkout import CURRENCY
from domain.kernel import (
    Money,
    Page,
    Prefix,
    decode_id,
    encode_id,
    page_request,
    refuse_unless,
)
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info

ENUMERATED = ("type", "tier", "status")  # told as their enumerations are
CHANGED = ("type", "tier", "status", "parentId", "depth", "moved")


@dataclass(frozen=True)
class ChangedValue:
    """One value of an agent, before and after a change."""

    name: str
    before: str | None
    after: str | None


async def agent_of_viewer(info: Info) -> agents.Agent | None:
    """The agent that the caller is."""
    user_id = info.context.actor.user_id
    if user_id is None:
        return None
    own = await agents.agent_of_user(user_id)
    # One that is not active is no agent any more to whoever asks for prices, and still sees what
    # is its own.
    info.context.own_agent = own.id if own else None
    return own


async def parent(agent: Parent[agents.Agent], info: Info) -> agents.Agent | None:
    """The agent above; an agent sees who that is, and nothing of its business."""
    if agent.parent_id is None:
        return None
    return await info.context.loaders.agents.load(agent.parent_id)


async def downline(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[agents.Agent] | None:
    """The direct children, for the agent itself, those above it, and the back office."""
    page = page_request("downline", first, after)
    if not is_own(info, agent.id):
        above = info.context.actor.agent_id in await agents.chain_of(agent.id)
        refuse_unless(above, agents.AgentOutOfReach())
    return await agents.list_downline(agent.id, page)


async def commissions_of(
    agent: Parent[agents.Agent],
    info: Info,
    since: date | None = None,
    until: date | None = None,
    level: int | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[commissions.EarnedCommission] | None:
    """What the agent earned; only the agent itself and the back office see it."""
    page = page_request("commissions", first, after)
    _require_own(info, agent.id)
    wanted = commissions.CommissionsWanted(since, until, level)
    return await commissions.list_commissions(agent.id, page, wanted)


async def barred_sales(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[orders.BarredSale] | None:
    """On what it earned nothing; only the agent itself and the back office see it."""
    page = page_request("barredSales", first, after)
    _require_own(info, agent.id)
    return await orders.list_barred(agent.id, page)


async def commission_balance(agent: Parent[agents.Agent], info: Info) -> Money | None:
    """What the agent has earned and not taken out."""
    _require_own(info, agent.id)
    held = await info.context.loaders.commission_balances.load(agent.id)
    return Money(held.pending.units + held.available.units - held.owed.units, CURRENCY)


def number_of_sale(sale: Parent[orders.BarredSale]) -> str:
    """The order's number."""
    return sale.number


def bar_reason(sale: Parent[orders.BarredSale]) -> agents.BarReason:
    """Why nothing was earned."""
    return agents.BarReason(sale.reason)


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
    type: agents.AgentType = agents.AgentType.DISTRIBUTOR,
) -> agents.Agent:
    """Make a user an agent (back office)."""
    user = decode_id(Prefix.USER, user_id, field=("userId",))
    return await agents.create_agent(
        info.context.actor, user, name, tier, _parent_of(parent_id), code, agent_type=type
    )


async def agent_move(
    info: Info,
    agent_id: strawberry.ID,
    reason: agents.ChangeReason,
    parent_id: strawberry.ID | None = None,
    note: str = "",
) -> agents.Agent:
    """Move an agent and all below it (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    why = agents.Why(reason, note)
    return await agents.move_agent(info.context.actor, agent, _parent_of(parent_id), why)


async def agent_status_set(
    info: Info,
    agent_id: strawberry.ID,
    status: agents.AgentStatus,
    reason: agents.ChangeReason,
    note: str = "",
) -> agents.Agent:
    """Suspend an agent, let it go on, close it (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    return await agents.set_status(info.context.actor, agent, status, agents.Why(reason, note))


async def agent_type_set(
    info: Info,
    agent_id: strawberry.ID,
    type: agents.AgentType,
    reason: agents.ChangeReason,
    note: str = "",
) -> agents.Agent:
    """Make an agent one of another type (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    return await agents.set_type(info.context.actor, agent, type, agents.Why(reason, note))


async def agent_file(info: Info, id: strawberry.ID) -> agents.Agent:
    """One agent (back office)."""
    return await agents.get_agent(info.context.actor, decode_id(Prefix.AGENT, id))


async def agent_relation_set(
    info: Info, agent_id: strawberry.ID, user_id: strawberry.ID, related: bool, note: str
) -> agents.AgentRelation:
    """Say that an account is an agent's own, or that it is not (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    user = decode_id(Prefix.USER, user_id, field=("userId",))
    return await agents.mark_relation(info.context.actor, agent, user, related=related, note=note)


async def relations_of(agent: Parent[agents.Agent], info: Info) -> list[agents.AgentRelation]:
    """What staff marked for it (back office)."""
    return await agents.list_relations(info.context.actor, agent.id)


async def changes_of(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[agents.AgentChange]:
    """What became of it (back office)."""
    page = page_request("changes", first, after)
    return await agents.list_changes(info.context.actor, agent.id, page)


def changed_values(change: Parent[agents.AgentChange]) -> list[ChangedValue]:
    """What it was and what it became, value by value; what stayed is left out."""
    return [
        ChangedValue(name, _shown(name, change.before), _shown(name, change.after))
        for name in CHANGED
        if change.before.get(name) != change.after.get(name)
    ]


async def parent_before(change: Parent[agents.AgentChange], info: Info) -> agents.Agent | None:
    """Below whom it stood."""
    return await _agent_in(change.before, info)


async def parent_after(change: Parent[agents.AgentChange], info: Info) -> agents.Agent | None:
    """Below whom it stands from then on."""
    return await _agent_in(change.after, info)


def changed_by(change: Parent[agents.AgentChange]) -> strawberry.ID | None:
    """Who changed it."""
    by = change.changed_by
    return strawberry.ID(encode_id(Prefix.USER, by)) if by else None


def real_name_level(
    agent: Parent[agents.Agent], info: Info
) -> AtOnceOrLater[realname.RealNameLevel]:
    """What it has proven of who it is (back office)."""
    return info.context.loaders.real_names.get(agent.user_id)


def itself(agent: Parent[agents.Agent]) -> agents.Agent:
    """The agent that a file is about."""
    return agent


def _parent_of(parent_id: strawberry.ID | None) -> UUID | None:
    return decode_id(Prefix.AGENT, parent_id, field=("parentId",)) if parent_id else None


async def agent_tier_set(
    info: Info,
    agent_id: strawberry.ID,
    tier: agents.Tier,
    reason: agents.ChangeReason = agents.ChangeReason.PERFORMANCE,
    note: str = "",
) -> agents.Agent:
    """Give an agent another price grade (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    return await agents.set_tier(info.context.actor, agent, tier, agents.Why(reason, note))


async def all_agents(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    search: str = "",
    status: agents.AgentStatus | None = None,
    tier: agents.Tier | None = None,
    type: agents.AgentType | None = None,
) -> Page[agents.Agent]:
    """Agents (back office)."""
    wanted = agents.AgentFilter(search, status, tier, type)
    return await agents.list_agents(page_request("agents", first, after), wanted)


def _shown(name: str, values: dict[str, Any]) -> str | None:
    value = values.get(name)
    if value is None:
        return None
    if name == "parentId":
        return encode_id(Prefix.AGENT, UUID(value))
    return str(value).upper() if name in ENUMERATED else str(value)


async def _agent_in(values: dict[str, Any], info: Info) -> agents.Agent | None:
    parent_id = values.get("parentId")
    return await info.context.loaders.agents.load(UUID(parent_id)) if parent_id else None


def is_own(info: Info, agent_id: UUID) -> bool:
    """Whether an agent is the caller, or the caller may see all of them."""
    actor = info.context.actor
    own = agent_id == actor.agent_id or agent_id == info.context.own_agent
    return own or actor.is_staff("agents:read")


def _require_own(info: Info, agent_id: UUID) -> None:
    refuse_unless(is_own(info, agent_id), agents.AgentOutOfReach())
