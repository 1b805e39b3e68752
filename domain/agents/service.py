"""Use cases of one agent: joining the tree, its tier, its type, its status."""

from dataclasses import dataclass
from uuid import UUID

from domain import ledger
from domain.agents.above import refuse_inverted
from domain.agents.history import Change, Why, hold_tree, keep_change, lock_agent
from domain.agents.models import (
    Agent,
    AgentStatus,
    AgentType,
    ChangeKind,
    ChangeReason,
    Tier,
)
from domain.agents.refusals import AgentDepthExceeded, AgentIsLeaf, AgentMoveNotAllowed
from domain.agents.rules import is_code, limits, may_become, new_code
from domain.agents.tree import lift_children
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    IntegrityError,
    Invalid,
    NotFound,
    Refused,
    clock,
    new_id,
    refuse_unless,
    transaction,
    wake_relay,
)

WRITE_SCOPE = "agents:write"
AGENT_CURRENCIES = ("CNY",)
_EVENTS = {
    AgentStatus.ACTIVE: "agent.resumed",
    AgentStatus.SUSPENDED: "agent.suspended",
    AgentStatus.CLOSED: "agent.closed",
}


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who is to become an agent, of which type and tier, below whom."""

    user_id: UUID
    name: str
    tier: Tier
    parent_id: UUID | None = None
    code: str | None = None
    agent_type: AgentType = AgentType.DISTRIBUTOR


async def create_agent(
    actor: Actor,
    user_id: UUID,
    name: str,
    tier: Tier,
    parent_id: UUID | None,
    code: str | None = None,
    *,
    agent_type: AgentType = AgentType.DISTRIBUTOR,
) -> Agent:
    """Make a user an agent under a parent, or at the top (mission rows G1, G2).

    Needs `agents:write`. Refuses a level more than the house allows (AGENT_DEPTH_EXCEEDED), a
    promoter as parent (AGENT_IS_LEAF), an unknown or inactive parent, the tier `retail` (which is
    no agent's), a tier at which it would pay less than the parent (AGENT_PRICE_INVERTED), and a
    user who is an agent already.
    """
    actor.require_scope(WRITE_SCOPE)
    newcomer = Newcomer(user_id, name, tier, parent_id, code, agent_type)
    why = Why(ChangeReason.OTHER, "made by the back office")
    try:
        async with transaction() as conn:
            agent = await join(conn, actor, newcomer, why)
    except IntegrityError as error:
        raise Refused(refusal_of(error)) from error
    wake_relay()
    return agent


async def join(conn: Connection, actor: Actor, newcomer: Newcomer, why: Why) -> Agent:
    """Write a new agent in the caller's transaction, with its accounts, its history and its event.

    Refuses as `create_agent`; an IntegrityError is told by `refusal_of`.
    """
    name, code = newcomer.name.strip(), newcomer.code
    of_agents = newcomer.tier is not Tier.RETAIL
    refuse_unless(of_agents, Invalid(reason="tier_of_an_agent", field=("tier",)))
    refuse_unless(0 < len(name) <= 64, Invalid(reason="name", field=("name",)))
    refuse_unless(code is None or is_code(code), Invalid(reason="agent_code", field=("code",)))
    await hold_tree(conn)
    parent = await _lock_parent(newcomer.parent_id)
    agent = await Agent.create(
        id=new_id(),
        user_id=newcomer.user_id,
        code=code or new_code(),
        name=name,
        type=newcomer.agent_type,
        tier=newcomer.tier,
        depth=parent.depth + 1 if parent else 1,
        leaf=newcomer.agent_type is AgentType.PROMOTER,
        parent_id=parent.id if parent else None,
        parent_depth=parent.depth if parent else None,
        parent_leaf=parent.leaf if parent else None,
        status=AgentStatus.ACTIVE,
        created_at=clock.now(),
    )
    accounts = [(ledger.AccountKind.COMMISSION, agent.id, cur) for cur in AGENT_CURRENCIES]
    await ledger.open_accounts(conn, accounts)
    after = {
        "type": agent.type.value,
        "tier": agent.tier.value,
        "depth": agent.depth,
        "parentId": str(agent.parent_id) if agent.parent_id else None,
    }
    change = Change(ChangeKind.JOINED, after=after)
    await keep_change(conn, actor, agent, "agent.activated", change, why)
    await refuse_inverted(conn, [agent.id])
    return agent


async def set_tier(actor: Actor, agent_id: UUID, tier: Tier, why: Why | None = None) -> Agent:
    """Give an agent another price grade from now on; earlier orders keep theirs. Audited.

    Refuses a tier at which it would pay less than the agent above, or somebody below less than it
    (AGENT_PRICE_INVERTED, row E2).
    """
    actor.require_scope(WRITE_SCOPE)
    refuse_unless(tier is not Tier.RETAIL, Invalid(reason="tier_of_an_agent", field=("tier",)))
    why = why or Why(ChangeReason.PERFORMANCE)
    why.check()
    async with transaction() as conn:
        agent = await change_tier(conn, actor, agent_id, tier, why)
    wake_relay()
    return agent


async def change_tier(
    conn: Connection, actor: Actor, agent_id: UUID, tier: Tier, why: Why
) -> Agent:
    """As `set_tier`, in the caller's transaction and without asking for a scope."""
    agent = await lock_agent(agent_id)
    before, agent.tier = agent.tier, tier
    change = Change(ChangeKind.TIER, {"tier": before.value}, {"tier": tier.value})
    await keep_change(conn, actor, agent, "agent.tier_changed", change, why)
    await refuse_inverted(conn, [agent.id])
    return agent


async def set_type(actor: Actor, agent_id: UUID, agent_type: AgentType, why: Why) -> Agent:
    """Make an agent one of another type. Audited; needs `agents:write`.

    Refuses to make a promoter of somebody who has a downline (AGENT_IS_LEAF).
    """
    actor.require_scope(WRITE_SCOPE)
    why.check()
    async with transaction() as conn:
        await hold_tree(conn, alone=True)
        agent = await lock_agent(agent_id)
        leaf = agent_type is AgentType.PROMOTER
        if leaf and await Agent.filter(parent_id=agent_id).exists():
            raise Refused(AgentIsLeaf(field=("type",)))
        before, agent.type, agent.leaf = agent.type, agent_type, leaf
        change = Change(ChangeKind.TYPE, {"type": before.value}, {"type": agent_type.value})
        await keep_change(conn, actor, agent, "agent.type_changed", change, why)
        await refuse_inverted(conn, [agent.id])
    wake_relay()
    return agent


async def set_status(actor: Actor, agent_id: UUID, status: AgentStatus, why: Why) -> Agent:
    """Suspend an agent, let it go on, or close it for good (mission row G1). Audited.

    Needs `agents:write`. Who is not active earns nothing on new sales, buys at retail prices and
    brings nobody; what was earned stays. The downline of a closed one moves up to whom it stood
    below. Refuses what the table of moves does not list (AGENT_MOVE_NOT_ALLOWED).
    """
    actor.require_scope(WRITE_SCOPE)
    why.check()
    async with transaction() as conn:
        agent = await move_status(conn, actor, agent_id, status, why)
    wake_relay()
    return agent


async def move_status(
    conn: Connection, actor: Actor, agent_id: UUID, status: AgentStatus, why: Why
) -> Agent:
    """As `set_status`, in the caller's transaction and without asking for a scope."""
    await hold_tree(conn, alone=status is AgentStatus.CLOSED)
    agent = await lock_agent(agent_id)
    before = agent.status
    listed = AgentMoveNotAllowed(source=before.value, target=status.value)
    refuse_unless(may_become(before, status), listed)
    if status is AgentStatus.CLOSED:
        await lift_children(conn, actor, agent)
    agent.status = status
    change = Change(ChangeKind.STATUS, {"status": before.value}, {"status": status.value})
    await keep_change(conn, actor, agent, _EVENTS[status], change, why)
    return agent


async def _lock_parent(parent_id: UUID | None) -> Agent | None:
    """The parent stays locked, so that it is not closed in between."""
    if parent_id is None:
        return None
    place = ("parentId",)
    parent = await Agent.filter(id=parent_id, status=AgentStatus.ACTIVE).select_for_update().first()
    if parent is None:
        raise Refused(NotFound(what="parent agent", field=place))
    refuse_unless(not parent.leaf, AgentIsLeaf(field=place))
    deep = AgentDepthExceeded(max_depth=limits.depth, field=place)
    refuse_unless(parent.depth < limits.depth, deep)
    return parent


def refusal_of(error: IntegrityError) -> Conflict | NotFound:
    """What it means that the database refused a new agent."""
    if "agent_of_a_user" in str(error):
        return NotFound(what="user", field=("userId",))
    return Conflict(what="agent", field=("code",) if "code" in str(error) else ("userId",))
