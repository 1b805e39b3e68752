"""Applications: submitted, looked at twice by different persons, and an agent only after both.

The two looks are rows that are never changed; the database holds that they are of two persons, in
their order, and that nobody becomes an agent by one of them (mission row G17).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain import audit, papers, realname
from domain.admission.inviting import give_back, use_invitation
from domain.admission.models import (
    AgentApplication,
    ApplicationReview,
    ApplicationState,
    ReviewStage,
)
from domain.admission.refusals import ApplicationNotPossible, ApplicationSameReviewer
from domain.admission.rules import MAX_FINDINGS, MAX_STATEMENT
from domain.agents import (
    AgentType,
    ChangeReason,
    Newcomer,
    Tier,
    Why,
    agent_of_user,
    join,
    refusal_of,
)
from domain.agreements import unaccepted_for
from domain.kernel import (
    Actor,
    ActorKind,
    Connection,
    Event,
    IntegrityError,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Prefix,
    Refused,
    SignInNeeded,
    clock,
    crash_point,
    encode_id,
    page_of,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

CHECK_SCOPE, APPROVE_SCOPE, READ_SCOPE = "agents:check", "agents:approve", "agents:read"
APPLIED, DECIDED = "agent.applied", "agent.application_decided"
PAPER_LABELS = ("licence", "history", "premises", "other")
OPEN_STATES = (ApplicationState.SUBMITTED, ApplicationState.CHECKED)


@dataclass(frozen=True, slots=True)
class ApplicationWish:
    """What an applicant says."""

    name: str
    statement: str
    agent_type: AgentType = AgentType.DISTRIBUTOR
    invitation_code: str | None = None


async def apply(actor: Actor, wish: ApplicationWish) -> AgentApplication:
    """Ask to become an agent, below whoever invited or at the top (mission rows G1, G17).

    For a login with a password. Refuses whoever is an agent or has applied already
    (APPLICATION_NOT_POSSIBLE), what in force has not been accepted (AGREEMENT_NOT_ACCEPTED, one for
    each), an invitation that is not good (INVITATION_UNUSABLE) or is for another type.
    """
    user = actor.require_user()
    refuse_unless(actor.kind is not ActorKind.GUEST, SignInNeeded())
    _check(wish)
    refuse_unless(
        await agent_of_user(user) is None, ApplicationNotPossible(reason="application_agent")
    )
    open_agreements = await unaccepted_for(user, wish.agent_type)
    if open_agreements:
        raise Refused(*open_agreements)
    try:
        async with transaction() as conn:
            application = await _write(conn, user, wish)
            details = {"type": wish.agent_type.value, "invited": application.parent_id is not None}
            await audit.record(conn, actor, APPLIED, application.id, details)
            await record_events(conn, [_event(APPLIED, 1, application)])
            crash_point("admission.applied")
    except IntegrityError as error:
        raise Refused(ApplicationNotPossible(reason="application_open")) from error
    wake_relay()
    return application


async def withdraw(actor: Actor, application_id: UUID) -> AgentApplication:
    """Take one's own application back while nobody has decided."""
    async with transaction() as conn:
        application = await _lock_open(application_id, actor.require_user())
        await _end(conn, actor, application, ApplicationState.WITHDRAWN)
    wake_relay()
    return application


async def send_document(actor: Actor, application_id: UUID, label: str) -> papers.Ticket:
    """Be allowed to send a document into one's own open application."""
    known = label in PAPER_LABELS
    refuse_unless(known, Invalid(reason="application_paper_label", field=("label",)))
    async with transaction() as conn:
        await _lock_open(application_id, actor.require_user())
        return await papers.expect_paper(conn, actor, application_id, label)


async def open_document(actor: Actor, paper_id: UUID) -> papers.Ticket:
    """Be allowed to look at a document of an application, as staff with `agents:check` or
    `agents:approve`. Audited."""
    if not actor.is_staff(APPROVE_SCOPE):
        actor.require_scope(CHECK_SCOPE)
    async with transaction() as conn:
        paper = await papers.Paper.filter(id=paper_id).first()
        if paper is None or not await AgentApplication.filter(id=paper.subject).exists():
            raise Refused(NotFound(what="document", field=("paperId",)))
        return await papers.open_paper(conn, actor, paper)


async def check_licence(
    actor: Actor, application_id: UUID, *, passed: bool, findings: str
) -> AgentApplication:
    """The first look: licences and history, by whoever serves the house for that. Needs
    `agents:check`; audited. A bad one ends the application; a good one activates nobody."""
    actor.require_scope(CHECK_SCOPE)
    async with transaction() as conn:
        application = await _lock_open(application_id)
        fresh = application.state is ApplicationState.SUBMITTED
        refuse_unless(fresh, ApplicationNotPossible(reason="application_checked"))
        await _look(conn, actor, application, ReviewStage.LICENCE, passed, findings)
        if passed:
            application.state = ApplicationState.CHECKED
            await application.save(force_update=True)
        else:
            await _end(conn, actor, application, ApplicationState.REJECTED)
    wake_relay()
    return application


async def sample(
    actor: Actor,
    application_id: UUID,
    *,
    passed: bool,
    findings: str,
    tier: Tier | None = None,
    at_top: bool = False,
) -> AgentApplication:
    """The second look: what the applicant does, by the house. Needs `agents:approve`; audited.

    A good one makes the agent, of the tier that the invitation says or this one, below the inviter
    or `at_top`. Refuses whoever has taken the first look (APPLICATION_SAME_REVIEWER), an applicant
    without a real name or who has not accepted what is in force by now (APPLICATION_NOT_POSSIBLE),
    and a parent that takes nobody any more.
    """
    actor.require_scope(APPROVE_SCOPE)
    try:
        async with transaction() as conn:
            application = await _lock_open(application_id)
            checked = application.state is ApplicationState.CHECKED
            refuse_unless(checked, ApplicationNotPossible(reason="application_unchecked"))
            await _look(conn, actor, application, ReviewStage.SAMPLING, passed, findings)
            if passed:
                await _activate(conn, actor, application, tier, at_top)
            else:
                await _end(conn, actor, application, ApplicationState.REJECTED)
            crash_point("admission.sampled")
    except IntegrityError as error:
        raise Refused(refusal_of(error)) from error
    wake_relay()
    return application


async def last_application(user_id: UUID) -> AgentApplication | None:
    """The newest application of a user."""
    return await AgentApplication.filter(user_id=user_id).order_by("-id").first()


async def list_applications(
    actor: Actor, states: Sequence[ApplicationState], page: PageRequest
) -> Page[AgentApplication]:
    """Applications in these states, oldest first; needs `agents:read`."""
    actor.require_scope(READ_SCOPE)
    rows = AgentApplication.all().order_by("id").limit(page.first + 1)
    if states:
        rows = rows.filter(state__in=list(states))
    if page.after:
        rows = rows.filter(id__gt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def reviews_of(application_ids: Sequence[UUID]) -> dict[UUID, list[ApplicationReview]]:
    """The looks at applications, in their order; one statement for all."""
    found: dict[UUID, list[ApplicationReview]] = {each: [] for each in application_ids}
    looks = ApplicationReview.filter(application_id__in=list(application_ids))
    for look in await looks.order_by("at"):
        found[look.application_id].append(look)
    return found


def _check(wish: ApplicationWish) -> None:
    named = 0 < len(wish.name.strip()) <= 64
    refuse_unless(named, Invalid(reason="name", field=("name",)))
    said = 0 < len(wish.statement.strip()) <= MAX_STATEMENT
    refuse_unless(said, Invalid(reason="application_statement", field=("statement",)))


async def _write(conn: Connection, user: UUID, wish: ApplicationWish) -> AgentApplication:
    invited = None
    if wish.invitation_code:
        invited = await use_invitation(conn, wish.invitation_code)
        same = invited.agent_type is wish.agent_type
        refuse_unless(same, Invalid(reason="invitation_type", field=("type",)))
    return await AgentApplication.create(
        user_id=user,
        name=wish.name.strip(),
        statement=wish.statement.strip(),
        agent_type=wish.agent_type,
        tier=invited.tier if invited else Tier.BRONZE,
        invitation_id=invited.invitation_id if invited else None,
        parent_id=invited.parent_id if invited else None,
        state=ApplicationState.SUBMITTED,
        submitted_at=clock.now(),
    )


async def _lock_open(application_id: UUID, owner: UUID | None = None) -> AgentApplication:
    row = await AgentApplication.filter(id=application_id).select_for_update().first()
    if row is None or owner not in (None, row.user_id):
        raise Refused(NotFound(what="application", field=("applicationId",)))
    ended = ApplicationNotPossible(reason="application_ended")
    refuse_unless(row.state in OPEN_STATES, ended)
    return row


async def _look(
    conn: Connection,
    actor: Actor,
    application: AgentApplication,
    stage: ReviewStage,
    passed: bool,
    findings: str,
) -> None:
    reviewer, findings = actor.require_user(), findings.strip()
    told = 0 < len(findings) <= MAX_FINDINGS
    refuse_unless(told, Invalid(reason="application_findings", field=("findings",)))
    looked = ApplicationReview.filter(application_id=application.id, reviewer_id=reviewer)
    another = reviewer != application.user_id and not await looked.exists()
    refuse_unless(another, ApplicationSameReviewer())
    await ApplicationReview.create(
        application_id=application.id,
        stage=stage,
        passed=passed,
        findings=findings,
        reviewer_id=reviewer,
        at=clock.now(),
    )
    details = {"stage": stage.value, "passed": passed}
    await audit.record(conn, actor, "agent_application.look", application.id, details)


async def _activate(
    conn: Connection,
    actor: Actor,
    application: AgentApplication,
    tier: Tier | None,
    at_top: bool,
) -> None:
    await _require_ready(conn, application)
    parent = None if at_top else application.parent_id
    newcomer = Newcomer(
        application.user_id,
        application.name,
        tier or application.tier,
        parent,
        agent_type=application.agent_type,
    )
    why = Why(ChangeReason.OTHER, "an application that was looked at twice")
    agent = await join(conn, actor, newcomer, why)
    application.agent_id, application.tier = agent.id, agent.tier
    await _end(conn, actor, application, ApplicationState.ACTIVATED)


async def _require_ready(conn: Connection, application: AgentApplication) -> None:
    """Refuses (APPLICATION_NOT_POSSIBLE) while something is missing on the applicant's side: its
    reviewer is told so, who cannot do it."""
    level = await realname.level_of(application.user_id, conn)
    proven = level is not realname.RealNameLevel.NONE
    refuse_unless(proven, ApplicationNotPossible(reason="application_name_unproven"))
    accepted = not await unaccepted_for(application.user_id, application.agent_type)
    refuse_unless(accepted, ApplicationNotPossible(reason="application_agreement_open"))


async def _end(
    conn: Connection, actor: Actor, application: AgentApplication, state: ApplicationState
) -> None:
    """Write how it ended. What came to nothing gives its use of the invitation back, and its
    documents go."""
    application.state, application.ended_at = state, clock.now()
    await application.save(force_update=True)
    if state is not ApplicationState.ACTIVATED:
        if application.invitation_id is not None:
            await give_back(conn, application.invitation_id)
        await papers.erase_papers(conn, application.id)
    await audit.record(conn, actor, DECIDED, application.id, {"state": state.value})
    await record_events(conn, [_event(DECIDED, 2, application)])


def _event(event: str, sequence: int, application: AgentApplication) -> Event:
    agent_id = application.agent_id
    payload = {
        "applicationId": encode_id(Prefix.AGENT_APPLICATION, application.id),
        "userId": encode_id(Prefix.USER, application.user_id),
        "type": application.agent_type.value,
        "state": application.state.value,
        "agentId": encode_id(Prefix.AGENT, agent_id) if agent_id else None,
    }
    return Event(event, application.id, sequence, payload)
