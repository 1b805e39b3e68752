"""The face of agents."""

from domain.agents.models import MAX_DEPTH, Agent, AgentStatus, Tier
from domain.agents.queries import (
    agent_of_user,
    agents_by_id,
    chain_of,
    find_by_code,
    list_agents,
    list_downline,
    tier_of,
)
from domain.agents.refusals import AgentDepthExceeded
from domain.agents.service import create_agent, set_tier
from domain.agents.signup import SignUp, sign_in_guest, sign_up

__all__ = [
    "MAX_DEPTH",
    "Agent",
    "AgentDepthExceeded",
    "AgentStatus",
    "SignUp",
    "Tier",
    "agent_of_user",
    "agents_by_id",
    "chain_of",
    "create_agent",
    "find_by_code",
    "list_agents",
    "list_downline",
    "set_tier",
    "sign_in_guest",
    "sign_up",
    "tier_of",
]
