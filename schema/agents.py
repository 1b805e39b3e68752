"""The tree of agents and what they earn."""

from datetime import datetime

import strawberry

from domain import agents, commissions
from domain.agents import Tier
from domain.kernel import Prefix
from resolvers import agents as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="What one delivered line of a consumer's order earned an agent.")
@presents(commissions.EarnedCommission)
class Commission:
    id: strawberry.ID = id_field(Prefix.COMMISSION)
    order_number: str
    level: int = field(description="1: the agent whose customer bought; 2 and 3 stand above.")
    basis: Money = field(description="What the rule was applied to.")
    amount: Money
    clawed_back: Money = field(description="What refunds of the sale took back of it.")
    earned_at: datetime
    explanation: str = field(
        resolvers.explanation, description="How the amount came about, in words."
    )


@strawberry.type(description="A reseller in the tree of three levels at most.")
@presents(agents.Agent)
class Agent:
    id: strawberry.ID = id_field(Prefix.AGENT)
    code: str = field(description="The promoter code that customers sign up with.")
    name: str
    level: int = field(resolvers.level, description="Depth in the tree, 1 to 3.")
    tier: Tier
    parent: "Agent | None" = field(resolvers.parent)
    downline: "Connection[Agent]" = field(
        resolvers.downline, description="Direct children; empty for who may not see them."
    )
    commissions: Connection[Commission] = field(
        resolvers.commissions_of, description="Newest first; empty for who may not see them."
    )
    commission_balance: Money | None = field(
        resolvers.commission_balance, description="Earned and not paid out; null for others."
    )


@strawberry.type(description="A fourth level of agents is not allowed.")
@presents(agents.AgentDepthExceeded)
class AgentDepthError(UserError):
    max_depth: int


@strawberry.type
class AgentPayload:
    agent: Agent | None
    user_errors: list[UserError]


@strawberry.type
class AgentsAdminQuery:
    agents: Connection[Agent] = field(
        resolvers.all_agents, permissions=[Scope("agents:read")], description="Oldest first."
    )


@strawberry.type
class AgentsAdminMutation:
    agent_create: AgentPayload = mutation(
        resolvers.agent_create,
        payload=AgentPayload,
        entity="agent",
        permissions=[Scope("agents:write")],
        description="Make a user an agent, below a parent or at the top.",
    )
    agent_tier_set: AgentPayload = mutation(
        resolvers.agent_tier_set,
        payload=AgentPayload,
        entity="agent",
        permissions=[Scope("agents:write")],
        description="Give an agent another price grade from now on.",
    )
