"""How somebody becomes an agent: invitations, applications, two looks."""

from datetime import datetime

import strawberry

from domain import admission
from domain.admission import ApplicationState, ReviewStage
from domain.agents import AgentType, Tier
from domain.kernel import Prefix
from domain.realname import RealNameLevel
from resolvers import admission as resolvers
from resolvers.logins import login_of
from resolvers.permissions import AnyScope, Scope, SignedIn
from schema.agents import Agent
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.invitations import AgentInvitation
from schema.paging import Connection
from schema.papers import Paper, PaperDoorPayload
from schema.scalars import id_field


@strawberry.type(description="Somebody asks to become an agent.")
@presents(admission.AgentApplication)
class AgentApplication:
    id: strawberry.ID = id_field(Prefix.AGENT_APPLICATION)
    name: str
    statement: str
    agent_type: AgentType
    tier: Tier
    state: ApplicationState
    submitted_at: datetime
    ended_at: datetime | None
    rejected_at: ReviewStage | None = field(
        resolvers.rejected_at, description="The look that was not good, once it is REJECTED."
    )
    documents: list[Paper] = field(resolvers.documents, size=5)
    agent: Agent | None = field(
        resolvers.agent_of_application, description="What became of it, once it is ACTIVATED."
    )


@strawberry.type(description="One look at an application, by one person.")
@presents(admission.ApplicationReview)
class ApplicationReview:
    stage: ReviewStage
    passed: bool
    findings: str
    reviewer_id: strawberry.ID = id_field(Prefix.USER, "reviewer_id")
    reviewer_login: str | None = field(login_of("reviewer_id"))
    at: datetime


@strawberry.type(description="An application as the back office sees it.")
@presents(admission.AgentApplication)
class AgentApplicationFile:
    application: AgentApplication = field(resolvers.itself)
    user_id: strawberry.ID = id_field(Prefix.USER, "user_id")
    login: str | None = field(login_of("user_id"), description="Of the applicant.")
    real_name_level: RealNameLevel = field(
        resolvers.real_name_level, description="The second look needs BASIC."
    )
    inviter: Agent | None = field(resolvers.inviter)
    reviews: list[ApplicationReview] = field(resolvers.reviews, size=2)


@strawberry.type
class AgentApplicationPayload:
    application: AgentApplication | None
    user_errors: list[UserError]


@strawberry.type
class AgentInvitationPayload:
    invitation: AgentInvitation | None
    user_errors: list[UserError]


@strawberry.type
class AdmissionMutation:
    agent_apply: AgentApplicationPayload = mutation(
        resolvers.agent_apply,
        payload=AgentApplicationPayload,
        entity="application",
        permissions=[SignedIn()],
        rate=Rate(RateZone.SIGNUP),
        description="Ask to become an agent, once what is in force for the type is accepted. It"
        " costs nothing, and nobody earns on it.",
    )
    agent_application_withdraw: AgentApplicationPayload = mutation(
        resolvers.agent_application_withdraw,
        payload=AgentApplicationPayload,
        entity="application",
        permissions=[SignedIn()],
        description="Take one's own application back while nobody has decided.",
    )
    agent_application_document_send: PaperDoorPayload = mutation(
        resolvers.agent_application_document_send,
        payload=PaperDoorPayload,
        entity="door",
        permissions=[SignedIn()],
        description="Be allowed to send a document (PNG, JPEG, WebP, PDF; 5 MiB). `label`:"
        " licence, history, premises or other.",
    )
    agent_invite_create: AgentInvitationPayload = mutation(
        resolvers.agent_invite_create,
        payload=AgentInvitationPayload,
        entity="invitation",
        permissions=[SignedIn()],
        description="Invite somebody below the caller: 1 to 50 uses, 90 days at most, no better"
        " tier than one's own.",
    )
    agent_invite_revoke: AgentInvitationPayload = mutation(
        resolvers.agent_invite_revoke,
        payload=AgentInvitationPayload,
        entity="invitation",
        permissions=[SignedIn()],
        description="Take an invitation back; what was applied for with it stays.",
    )


@strawberry.type
class AdmissionAdminQuery:
    agent_applications: Connection[AgentApplicationFile] = field(
        resolvers.agent_applications,
        permissions=[Scope("agents:read")],
        description="Oldest first.",
    )


@strawberry.type
class AdmissionAdminMutation:
    agent_invitation_create: AgentInvitationPayload = mutation(
        resolvers.agent_invitation_create,
        payload=AgentInvitationPayload,
        entity="invitation",
        permissions=[Scope("agents:write")],
        description="Invite somebody to the top of the tree.",
    )
    agent_invite_revoke: AgentInvitationPayload = mutation(
        resolvers.agent_invite_revoke,
        payload=AgentInvitationPayload,
        entity="invitation",
        permissions=[Scope("agents:write")],
        description="Take any invitation back.",
    )
    agent_application_document_open: PaperDoorPayload = mutation(
        resolvers.agent_application_document_open,
        payload=PaperDoorPayload,
        entity="door",
        permissions=[AnyScope(("agents:check", "agents:approve"))],
        description="Be allowed to fetch a document. Audited.",
    )
    agent_application_check: AgentApplicationPayload = mutation(
        resolvers.agent_application_check,
        payload=AgentApplicationPayload,
        entity="application",
        permissions=[Scope("agents:check")],
        description="The first look: licences and history. A good one activates nobody.",
    )
    agent_application_sample: AgentApplicationPayload = mutation(
        resolvers.agent_application_sample,
        payload=AgentApplicationPayload,
        entity="application",
        permissions=[Scope("agents:approve")],
        description="The second look, by another person: what the applicant does. A good one makes"
        " the agent, below the inviter or `atTop`.",
    )
