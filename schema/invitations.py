"""Invitations to become an agent."""

from datetime import datetime

import strawberry

from domain import admission
from domain.agents import AgentType, Tier
from domain.kernel import Prefix
from schema.fields import presents
from schema.scalars import id_field


@strawberry.type(description="A code with which somebody may apply below its inviter.")
@presents(admission.AgentInvitation)
class AgentInvitation:
    id: strawberry.ID = id_field(Prefix.AGENT_INVITATION)
    code: str
    agent_type: AgentType
    tier: Tier
    uses: int
    max_uses: int
    expires_at: datetime
    revoked_at: datetime | None
    created_at: datetime
