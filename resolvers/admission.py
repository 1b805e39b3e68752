"""How the fields of admission are answered."""

from datetime import datetime

import strawberry
from strawberry import Parent

from domain import admission, agents, identity, papers, realname
from domain.admission import AgentApplication, AgentInvitation, ApplicationState
from domain.kernel import Page, Prefix, decode_id, page_request, refuse_unless
from resolvers.agents import is_own
from resolvers.batches import AtOnceOrLater
from resolvers.context import Info
from resolvers.papers import PaperDoor, door_of


async def application_of_viewer(user: Parent[identity.User], info: Info) -> AgentApplication | None:
    """The caller's newest application."""
    return await admission.last_application(user.id)


async def invitations_of(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[AgentInvitation] | None:
    """What an agent has made; its own and staff's to see."""
    page = page_request("invitations", first, after)
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await admission.list_invitations(agent.id, page)


async def agent_apply(
    info: Info,
    name: str,
    statement: str,
    type: agents.AgentType = agents.AgentType.DISTRIBUTOR,
    invitation_code: str | None = None,
) -> AgentApplication:
    """Ask to become an agent."""
    wish = admission.ApplicationWish(name, statement, type, invitation_code)
    return await admission.apply(info.context.actor, wish)


async def agent_application_withdraw(info: Info, application_id: strawberry.ID) -> AgentApplication:
    """Take one's own back."""
    application = decode_id(Prefix.AGENT_APPLICATION, application_id, field=("applicationId",))
    return await admission.withdraw(info.context.actor, application)


async def agent_application_document_send(
    info: Info, application_id: strawberry.ID, label: str
) -> PaperDoor:
    """Be allowed to send a document into one's own."""
    application = decode_id(Prefix.AGENT_APPLICATION, application_id, field=("applicationId",))
    return door_of(await admission.send_document(info.context.actor, application, label))


async def agent_application_document_open(info: Info, paper_id: strawberry.ID) -> PaperDoor:
    """Be allowed to look at one (back office)."""
    paper = decode_id(Prefix.PAPER, paper_id, field=("paperId",))
    return door_of(await admission.open_document(info.context.actor, paper))


async def agent_application_check(
    info: Info, application_id: strawberry.ID, passed: bool, findings: str
) -> AgentApplication:
    """The first look (back office)."""
    application = decode_id(Prefix.AGENT_APPLICATION, application_id, field=("applicationId",))
    actor = info.context.actor
    return await admission.check_licence(actor, application, passed=passed, findings=findings)


async def agent_application_sample(
    info: Info,
    application_id: strawberry.ID,
    passed: bool,
    findings: str,
    tier: agents.Tier | None = None,
    at_top: bool = False,
) -> AgentApplication:
    """The second look (back office)."""
    application = decode_id(Prefix.AGENT_APPLICATION, application_id, field=("applicationId",))
    return await admission.sample(
        info.context.actor,
        application,
        passed=passed,
        findings=findings,
        tier=tier,
        at_top=at_top,
    )


async def agent_applications(
    info: Info,
    states: list[ApplicationState] | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[AgentApplication]:
    """Applications (back office)."""
    page = page_request("agentApplications", first, after)
    return await admission.list_applications(info.context.actor, states or [], page)


async def agent_invite_create(
    info: Info,
    type: agents.AgentType,
    tier: agents.Tier,
    max_uses: int,
    expires_at: datetime,
) -> AgentInvitation:
    """Below the caller."""
    wish = admission.InvitationWish(type, tier, max_uses, expires_at)
    return await admission.invite(info.context.actor, wish)


async def agent_invitation_create(
    info: Info,
    type: agents.AgentType,
    tier: agents.Tier,
    max_uses: int,
    expires_at: datetime,
) -> AgentInvitation:
    """To the top of the tree (back office)."""
    wish = admission.InvitationWish(type, tier, max_uses, expires_at)
    return await admission.invite_for_the_house(info.context.actor, wish)


async def agent_invite_revoke(info: Info, invitation_id: strawberry.ID) -> AgentInvitation:
    """Take an invitation back."""
    invitation = decode_id(Prefix.AGENT_INVITATION, invitation_id, field=("invitationId",))
    return await admission.revoke_invitation(info.context.actor, invitation)


def documents(
    application: Parent[AgentApplication], info: Info
) -> AtOnceOrLater[list[papers.Paper]]:
    """What was sent with it; the bytes need a ticket."""
    return info.context.loaders.papers.get(application.id)


def reviews(
    application: Parent[AgentApplication], info: Info
) -> AtOnceOrLater[list[admission.ApplicationReview]]:
    """The looks at it (back office)."""
    return info.context.loaders.application_reviews.get(application.id)


async def rejected_at(
    application: Parent[AgentApplication], info: Info
) -> admission.ReviewStage | None:
    """Which look was not good; what was found stays with the house."""
    if application.state is not ApplicationState.REJECTED:
        return None
    looks = await info.context.loaders.application_reviews.load(application.id)
    return next((look.stage for look in looks if not look.passed), None)


def real_name_level(
    application: Parent[AgentApplication], info: Info
) -> AtOnceOrLater[realname.RealNameLevel]:
    """What its applicant has proven (back office)."""
    return info.context.loaders.real_names.get(application.user_id)


async def agent_of_application(
    application: Parent[AgentApplication], info: Info
) -> agents.Agent | None:
    """What became of it."""
    if application.agent_id is None:
        return None
    return await info.context.loaders.agents.load(application.agent_id)


async def inviter(application: Parent[AgentApplication], info: Info) -> agents.Agent | None:
    """Below whom it was asked for."""
    if application.parent_id is None:
        return None
    return await info.context.loaders.agents.load(application.parent_id)


def itself(application: Parent[AgentApplication]) -> AgentApplication:
    """The application that a file is about."""
    return application
