"""Moves of subtrees (mission rows G2, G3): all of it or nothing, with its history.

The whole subtree changes in one statement, so that the composite foreign key, which is looked at
when a statement ends, sees every child with its parent.
"""

from uuid import UUID

from domain.agents.above import refuse_inverted
from domain.agents.history import Change, Why, hold_tree, keep_change, lock_agent
from domain.agents.models import Agent, AgentStatus, ChangeKind, ChangeReason
from domain.agents.refusals import AgentDepthExceeded, AgentIsLeaf
from domain.agents.rules import fits, limits
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    refuse_unless,
    transaction,
    wake_relay,
)

WRITE_SCOPE = "agents:write"
_SUBTREE = """
SELECT id, depth FROM agents WHERE id = $1
UNION ALL SELECT id, depth FROM agents WHERE parent_id = $1
UNION ALL SELECT c.id, c.depth FROM agents p JOIN agents c ON c.parent_id = p.id
    WHERE p.parent_id = $1
"""
_MOVE = """
UPDATE agents SET depth = depth + $5,
    parent_id = CASE WHEN id = $1 THEN $2 ELSE parent_id END,
    parent_depth = CASE WHEN id = $1 THEN $3 ELSE parent_depth + $5 END,
    parent_leaf = CASE WHEN id = $1 THEN $4 ELSE parent_leaf END
WHERE id = ANY($6::uuid[])
"""


async def move_agent(actor: Actor, agent_id: UUID, parent_id: UUID | None, why: Why) -> Agent:
    """Move an agent with all below it to another parent, or to the top. Audited.

    Needs `agents:write`. What was earned, and who earns on orders that were placed before, stays:
    each order keeps its chain. Refuses a place below itself (INVALID), a promoter as parent
    (AGENT_IS_LEAF), a parent that is not active, and a place where the deepest of them would stand
    deeper than the house allows (AGENT_DEPTH_EXCEEDED), and a parent that pays more than the agent
    would (AGENT_PRICE_INVERTED).
    """
    actor.require_scope(WRITE_SCOPE)
    why.check()
    async with transaction() as conn:
        await hold_tree(conn, alone=True)
        agent = await lock_agent(agent_id)
        open_ = agent.status is not AgentStatus.CLOSED
        refuse_unless(open_, Invalid(reason="agent_closed", field=("agentId",)))
        parent = await _new_parent(parent_id)
        await _move(conn, actor, agent, parent, why)
        await refuse_inverted(conn, [agent.id])
    wake_relay()
    return agent


async def lift_children(conn: Connection, actor: Actor, agent: Agent) -> None:
    """Move the direct children of an agent that leaves up to whom it stands below, in the caller's
    transaction, which holds the tree alone."""
    above = await Agent.filter(id=agent.parent_id).first() if agent.parent_id else None
    for child in await Agent.filter(parent_id=agent.id).select_for_update().order_by("id"):
        await _move(conn, actor, child, above, Why(ChangeReason.PARENT_CLOSED))


async def _new_parent(parent_id: UUID | None) -> Agent | None:
    if parent_id is None:
        return None
    parent = await Agent.filter(id=parent_id).select_for_update().first()
    if parent is None or parent.status is not AgentStatus.ACTIVE:
        raise Refused(NotFound(what="parent agent", field=("parentId",)))
    refuse_unless(not parent.leaf, AgentIsLeaf(field=("parentId",)))
    return parent


async def _move(
    conn: Connection, actor: Actor, agent: Agent, parent: Agent | None, why: Why
) -> None:
    rows = await conn.fetch(_SUBTREE, agent.id)
    subtree = {row["id"] for row in rows}
    below_itself = parent is not None and parent.id in subtree
    refuse_unless(not below_itself, Invalid(reason="agent_below_itself", field=("parentId",)))
    shift = (parent.depth + 1 if parent else 1) - agent.depth
    deepest = max(row["depth"] for row in rows)
    too_deep = AgentDepthExceeded(max_depth=limits.depth, field=("parentId",))
    refuse_unless(fits(deepest, shift), too_deep)
    before = _place(agent)
    above = (parent.id, parent.depth, parent.leaf) if parent else (None, None, None)
    await conn.execute(_MOVE, agent.id, *above, shift, sorted(subtree))
    agent.depth += shift
    agent.parent_id, agent.parent_depth, agent.parent_leaf = above
    after = {**_place(agent), "moved": len(subtree)}
    await keep_change(
        conn, actor, agent, "agent.moved", Change(ChangeKind.MOVED, before, after), why
    )


def _place(agent: Agent) -> dict[str, object]:
    parent = str(agent.parent_id) if agent.parent_id else None
    return {"parentId": parent, "depth": agent.depth}
