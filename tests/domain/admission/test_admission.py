"""Two looks by two persons, and neither alone makes an agent (mission rows G1, G17)."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from domain import admission, agents, agreements, ledger, papers
from domain.admission import AgentApplication, ApplicationState, ApplicationWish, InvitationWish
from domain.admission.models import AgentInvitation
from domain.agents import AgentStatus, AgentType, ChangeReason, Deed, Tier, Why
from domain.agents.models import Agent
from domain.kernel import Actor, ActorKind, Refused, clock, connection, new_id
from tests import make
from tests.domain.aftersale.test_pictures import png
from tests.domain.agreements.test_agreements import accept, publish

pytestmark = pytest.mark.usefixtures("db")
WISH = ApplicationWish("Ann's shop", "I sell game cards to my students.")


async def said(call: Any) -> str:
    try:
        await call
    except Refused as refused:
        refusal = refused.refusals[0]
        return str(getattr(refusal, "reason", refusal.code))
    return "done"


async def applicant(level: str = "basic") -> Actor:
    who = await make.buyer(0)
    if level != "none":
        await make.real_name(who.require_user(), level)
    return who


async def checker() -> Actor:
    return await make.operator("agents:check")


async def approver() -> Actor:
    return await make.operator("agents:approve")


async def check(application: AgentApplication, who: Actor, *, passed: bool = True) -> str:
    found = "the licence is genuine"
    return await said(admission.check_licence(who, application.id, passed=passed, findings=found))


async def sample(
    application: AgentApplication, who: Actor, *, passed: bool = True, **more: Any
) -> str:
    found = "bought three cards, all good"
    return await said(admission.sample(who, application.id, passed=passed, findings=found, **more))


def invitation(**changes: Any) -> InvitationWish:
    values: dict[str, Any] = {
        "agent_type": AgentType.DISTRIBUTOR,
        "tier": Tier.BRONZE,
        "max_uses": 3,
        "expires_at": clock.now() + timedelta(days=7),
    }
    return InvitationWish(**{**values, **changes})


async def inviter(level: str = "basic", tier: Tier = Tier.SILVER) -> tuple[Agent, Actor]:
    agent = await make.agent(tier=tier)
    if level != "none":
        await make.real_name(agent.user_id, level)
    return agent, Actor(kind=ActorKind.USER, user_id=agent.user_id)


async def test_after_two_looks_of_two_persons_there_is_an_agent() -> None:
    who = await applicant()
    application = await admission.apply(who, WISH)
    assert await check(application, await checker()) == "done"
    assert await agents.agent_of_user(who.require_user()) is None
    assert await sample(application, await approver(), tier=Tier.SILVER) == "done"
    made = await agents.agent_of_user(who.require_user())
    assert made is not None
    assert (made.name, made.tier, made.depth) == ("Ann's shop", Tier.SILVER, 1)
    account = ledger.account_id(ledger.AccountKind.COMMISSION, made.id, make.CNY)
    assert await ledger.balance_of(account) == 0
    ended = await AgentApplication.get(id=application.id)
    assert (ended.state, ended.agent_id) == (ApplicationState.ACTIVATED, made.id)
    assert len((await admission.reviews_of([application.id]))[application.id]) == 2


async def test_neither_look_alone_activates_and_no_person_takes_both() -> None:
    who = await applicant()
    application = await admission.apply(who, WISH)
    both = await make.operator("agents:check", "agents:approve")
    assert await sample(application, both) == "application_unchecked"
    assert await check(application, both) == "done"
    assert await check(application, await checker()) == "application_checked"
    assert await sample(application, both) == "APPLICATION_SAME_REVIEWER"
    assert await sample(application, await checker()) == "FORBIDDEN"
    assert await agents.agent_of_user(who.require_user()) is None
    assert (await AgentApplication.get(id=application.id)).state is ApplicationState.CHECKED


async def test_nobody_looks_at_their_own_application() -> None:
    staff = await make.operator("agents:check")
    application = await admission.apply(staff, WISH)
    assert await check(application, staff) == "APPLICATION_SAME_REVIEWER"


async def test_a_bad_look_ends_it_and_documents_go() -> None:
    who = await applicant()
    application = await admission.apply(who, WISH)
    ticket = await admission.send_document(who, application.id, "licence")
    paper = await papers.store_paper(who, ticket.paper_id, ticket.text, png())
    staff = await checker()
    opened = await admission.open_document(staff, paper.id)
    assert (await papers.fetch_paper(paper.id, opened.text)).data == png()
    assert await check(application, staff, passed=False) == "done"
    assert await said(admission.open_document(staff, paper.id)) == "NOT_FOUND"
    assert await sample(application, await approver()) == "application_ended"
    assert await said(admission.apply(who, WISH)) == "done"  # anew


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE agent_applications SET state = 'checked'", id="checked by nobody"),
        pytest.param(
            "UPDATE agent_applications SET state = 'activated', ended_at = now(), agent_id ="
            " (SELECT id FROM agents LIMIT 1)",
            id="activated by nobody",
        ),
        pytest.param(
            "INSERT INTO application_reviews SELECT gen_random_uuid(), id, 'sampling', true, 'x',"
            " gen_random_uuid(), now() FROM agent_applications",
            id="the second look first",
        ),
        pytest.param(
            "INSERT INTO application_reviews SELECT gen_random_uuid(), id, 'licence', true, 'x',"
            " user_id, now() FROM agent_applications",
            id="looked at by the applicant",
        ),
        pytest.param("DELETE FROM agent_applications", id="gone"),
    ],
)
async def test_plain_sql_makes_no_agent_by_one_look(statement: str) -> None:
    await make.agent()
    await admission.apply(await applicant(), WISH)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with connection() as conn:
            await conn.execute(statement)


async def test_plain_sql_takes_no_two_looks_of_one_person() -> None:
    application = await admission.apply(await applicant(), WISH)
    staff = await checker()
    await check(application, staff)
    with pytest.raises(asyncpg.UniqueViolationError):
        async with connection() as conn:
            await conn.execute(
                "INSERT INTO application_reviews VALUES ($1, $2, 'sampling', true, 'x', $3, now())",
                new_id(),
                application.id,
                staff.user_id,
            )


async def test_nobody_applies_without_the_agreements_or_becomes_one_without_a_name() -> None:
    who = await applicant("none")
    version = await publish(Deed.TRADE)
    await publish(slug="news")  # it only informs
    assert await said(admission.apply(who, WISH)) == "AGREEMENT_NOT_ACCEPTED"
    await accept(who, version)
    application = await admission.apply(who, WISH)
    await check(application, await checker())
    staff = await approver()
    assert await sample(application, staff) == "application_name_unproven"
    await make.real_name(who.require_user(), "basic")
    again = await publish(Deed.PAYOUT)
    assert await sample(application, staff) == "application_agreement_open"
    await accept(who, again)
    assert await sample(application, staff) == "done"
    assert await agreements.unaccepted_for(who.require_user(), AgentType.DISTRIBUTOR) == []


async def test_one_application_at_a_time_and_none_of_an_agent() -> None:
    who = await applicant()
    outcomes = await asyncio.gather(*(said(admission.apply(who, WISH)) for _ in range(6)))
    assert sorted(outcomes) == ["application_open"] * 5 + ["done"]
    agent = await make.agent()
    himself = Actor(kind=ActorKind.USER, user_id=agent.user_id)
    assert await said(admission.apply(himself, WISH)) == "application_agent"
    guest = Actor(kind=ActorKind.GUEST, user_id=(await make.user()).id)
    assert await said(admission.apply(guest, WISH)) == "UNAUTHENTICATED"


async def test_whoever_was_invited_stands_below_the_inviter() -> None:
    agent, actor = await inviter()
    made = await admission.invite(actor, invitation())
    who = await applicant()
    wish = ApplicationWish("Bea", "Cards.", invitation_code=made.code.lower())
    application = await admission.apply(who, wish)
    await check(application, await checker())
    assert await sample(application, await approver()) == "done"
    child = await agents.agent_of_user(who.require_user())
    assert child is not None
    assert (child.parent_id, child.depth, child.tier) == (agent.id, 2, Tier.BRONZE)
    async with connection() as conn:
        moved = await conn.fetchval("SELECT count(*) FROM transfers")
        earned = await conn.fetchval("SELECT count(*) FROM commissions")
    assert (moved, earned) == (0, 0)  # nobody is paid for bringing somebody


async def test_of_ten_at_once_as_many_apply_as_there_are_uses() -> None:
    _, actor = await inviter()
    made = await admission.invite(actor, invitation(max_uses=3))
    wish = ApplicationWish("Bea", "Cards.", invitation_code=made.code)
    people = [await applicant("none") for _ in range(10)]
    outcomes = await asyncio.gather(*(said(admission.apply(who, wish)) for who in people))
    assert sorted(outcomes) == ["INVITATION_UNUSABLE"] * 7 + ["done"] * 3
    first = await AgentApplication.filter(state=ApplicationState.SUBMITTED).first()
    assert first is not None
    await check(first, await checker(), passed=False)
    assert (await AgentInvitation.get(id=made.id)).uses == 2  # it came back
    assert await said(admission.apply(people[-1], wish)) in {"done", "application_open"}


async def test_an_invitation_that_is_not_good_says_no_more() -> None:
    _, actor = await inviter()
    gone = await admission.invite(actor, invitation())
    await admission.revoke_invitation(actor, gone.id)
    old = await admission.invite(actor, invitation())
    who = await applicant("none")
    for code in (gone.code, "NOSUCH12"):
        wish = ApplicationWish("Bea", "Cards.", invitation_code=code)
        assert await said(admission.apply(who, wish)) == "INVITATION_UNUSABLE"
    with make.later(days=8):
        wish = ApplicationWish("Bea", "Cards.", invitation_code=old.code)
        assert await said(admission.apply(who, wish)) == "INVITATION_UNUSABLE"
    other = ApplicationWish("Bea", "Cards.", AgentType.PROMOTER, old.code)
    assert await said(admission.apply(who, other)) == "invitation_type"
    assert (await AgentInvitation.get(id=old.id)).uses == 0


async def test_how_much_an_agent_invites_depends_on_who_it_is() -> None:
    _, nobody = await inviter("none")
    assert await said(admission.invite(nobody, invitation())) == "REAL_NAME_NEEDED"
    _, actor = await inviter("basic")
    outcomes = await asyncio.gather(
        *(said(admission.invite(actor, invitation())) for _ in range(9))
    )
    assert sorted(outcomes) == ["TOO_MANY_INVITATIONS"] * 4 + ["done"] * 5


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"tier": Tier.GOLD}, "invitation_tier", id="better than one's own"),
        pytest.param({"tier": Tier.RETAIL}, "tier_of_an_agent", id="no agent's tier"),
        pytest.param({"max_uses": 0}, "invitation_uses", id="no use"),
        pytest.param({"max_uses": 51}, "invitation_uses", id="too many uses"),
        pytest.param(
            {"expires_at": clock.now() + timedelta(days=91)}, "invitation_time", id="too long"
        ),
    ],
)
async def test_an_invitation_within_bounds(changes: dict[str, Any], reason: str) -> None:
    _, actor = await inviter()
    assert await said(admission.invite(actor, invitation(**changes))) == reason


async def test_who_may_not_recruit_does_not() -> None:
    agent, actor = await inviter()
    await publish(Deed.RECRUIT)
    assert await said(admission.invite(actor, invitation())) == "blocked_by_agreement"
    promoter = await make.agent(agent_type=AgentType.PROMOTER)
    await make.real_name(promoter.user_id, "full")
    leaf = Actor(kind=ActorKind.USER, user_id=promoter.user_id)
    assert await said(admission.invite(leaf, invitation())) == "AGENT_IS_LEAF"
    deep = await make.agent(agent)
    low = Actor(kind=ActorKind.USER, user_id=deep.user_id)
    assert await said(admission.invite(low, invitation())) == "AGENT_DEPTH_EXCEEDED"
    assert await said(admission.invite(await make.buyer(0), invitation())) == "NOT_FOUND"


async def test_an_inviter_that_left_takes_nobody_and_staff_may_place_elsewhere() -> None:
    agent, actor = await inviter()
    made = await admission.invite(actor, invitation())
    who = await applicant()
    wish = ApplicationWish("Bea", "Cards.", invitation_code=made.code)
    application = await admission.apply(who, wish)
    await check(application, await checker())
    why = Why(ChangeReason.OWN_WISH)
    await agents.set_status(make.OPERATOR, agent.id, AgentStatus.CLOSED, why)
    staff = await approver()
    assert await sample(application, staff) == "NOT_FOUND"
    assert await sample(application, staff, at_top=True) == "done"


async def test_an_application_is_its_applicants_own() -> None:
    application = await admission.apply(await applicant(), WISH)
    stranger = await applicant()
    assert await said(admission.withdraw(stranger, application.id)) == "NOT_FOUND"
    call = admission.send_document(stranger, application.id, "licence")
    assert await said(call) == "NOT_FOUND"
    who = Actor(kind=ActorKind.USER, user_id=application.user_id)
    assert await said(admission.withdraw(who, application.id)) == "done"
    assert await said(admission.withdraw(who, application.id)) == "application_ended"


@pytest.mark.parametrize("point", ["admission.applied", "admission.sampled"])
async def test_whoever_dies_in_between_has_done_nothing(
    point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(name: str) -> None:
        if name == point:
            raise ZeroDivisionError

    who, staff, other = await applicant(), await checker(), await approver()

    async def all_of_it() -> None:
        found = await AgentApplication.filter(user_id=who.require_user()).first()
        application = found or await admission.apply(who, WISH)
        if application.state is ApplicationState.SUBMITTED:
            await admission.check_licence(staff, application.id, passed=True, findings="good")
        await admission.sample(other, application.id, passed=True, findings="good")

    with monkeypatch.context() as patched:
        patched.setattr("domain.admission.service.crash_point", dies)
        with pytest.raises(ZeroDivisionError):
            await all_of_it()
    assert await agents.agent_of_user(who.require_user()) is None
    await all_of_it()
    assert await Agent.filter(user_id=who.require_user()).count() == 1
