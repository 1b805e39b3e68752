"""From an invitation to an agent, over the API."""

from datetime import timedelta

import pytest

from domain import admission, identity
from domain.agents import AgentType, Tier
from domain.kernel import Actor, ActorKind, clock
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make
from tests.api.asking import ask, data_of
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")

INVITE = """
mutation Invite($input: AgentInviteCreateInput!) {
  agentInviteCreate(input: $input) { invitation { code uses maxUses } userErrors { code field } } }
"""
APPLY = """
mutation Apply($input: AgentApplyInput!) {
  agentApply(input: $input) { application { id state tier } userErrors { code message } } }
"""
CHECK = """
mutation Check($input: AgentApplicationCheckInput!) {
  agentApplicationCheck(input: $input) { application { state } userErrors { code message } } }
"""
SAMPLE = """
mutation Sample($input: AgentApplicationSampleInput!) {
  agentApplicationSample(input: $input) { application { state agent { level } }
    userErrors { code message } } }
"""
QUEUE = """
{ agentApplications(states: [SUBMITTED, CHECKED]) { nodes {
  application { id state documents { id } agent { id } } userId login realNameLevel
  inviter { name } reviews { stage passed findings reviewerLogin } } } }
"""
SEEN = "{ viewer { agent { invitations { nodes { code uses } } } agentApplication { state } } }"


async def test_an_invited_applicant_becomes_an_agent_after_two_looks() -> None:
    agent = await make.agent(tier=Tier.SILVER)
    await make.real_name(agent.user_id)
    above = Actor(kind=ActorKind.USER, user_id=agent.user_id, agent_id=agent.id)
    ends = (clock.now() + timedelta(days=7)).isoformat()
    wish = {"type": "DISTRIBUTOR", "tier": "BRONZE", "maxUses": 2, "expiresAt": ends}
    invited = (await data_of(shop, INVITE, above, input=wish))["agentInviteCreate"]["invitation"]
    who = await make.buyer(0)
    await make.real_name(who.require_user())
    given = {"name": "Bea", "statement": "Cards.", "invitationCode": invited["code"]}
    applied = (await data_of(shop, APPLY, who, input=given))["agentApply"]["application"]
    assert (applied["state"], applied["tier"]) == ("SUBMITTED", "BRONZE")
    one = await make.operator("agents:check", "agents:approve", "agents:read")
    two = await make.operator("agents:approve")
    look = {"applicationId": applied["id"], "passed": True, "findings": "genuine"}
    checked = (await data_of(admin, CHECK, one, input=look))["agentApplicationCheck"]
    assert checked["application"] == {"state": "CHECKED"}
    same = (await data_of(admin, SAMPLE, one, "zh", input=look))["agentApplicationSample"]
    assert [each["code"] for each in same["userErrors"]] == ["APPLICATION_SAME_REVIEWER"]
    (waiting,) = (await data_of(admin, QUEUE, one))["agentApplications"]["nodes"]
    assert waiting["inviter"] == {"name": agent.name}
    logins = await identity.logins_of([who.require_user(), one.require_user()])
    (look_at_it,) = waiting["reviews"]
    assert (look_at_it["stage"], look_at_it["reviewerLogin"]) == (
        "LICENCE",
        logins[one.require_user()],
    )
    assert (waiting["login"], waiting["realNameLevel"]) == (logins[who.require_user()], "BASIC")
    done = (await data_of(admin, SAMPLE, two, input=look))["agentApplicationSample"]
    assert done["application"] == {"state": "ACTIVATED", "agent": {"level": 2}}
    seen = (await data_of(shop, SEEN, above))["viewer"]
    assert seen["agent"]["invitations"]["nodes"] == [{"code": invited["code"], "uses": 1}]
    himself = (await data_of(shop, SEEN, who))["viewer"]
    assert himself["agentApplication"] == {"state": "ACTIVATED"}


@pytest.mark.parametrize(("language", "title"), [("zh", "《代理协议》"), ("en", '"Agent terms"')])
async def test_an_applicant_is_told_by_its_title_what_is_not_accepted(
    language: str, title: str
) -> None:
    draft = {
        "agreement": "terms",
        "titleZh": "代理协议",
        "titleEn": "Agent terms",
        "textZh": "x",
        "textEn": "x",
        "types": ["PROMOTER"],
        "blocks": ["TRADE"],
    }
    publish = """mutation P($input: AgreementPublishInput!) { agreementPublish(input: $input) {
      userErrors { code } } }"""
    await data_of(admin, publish, await make.operator("agreements:write"), input=draft)
    wish = {"name": "Bea", "statement": "Cards.", "type": "PROMOTER"}
    answer = await data_of(shop, APPLY, await make.buyer(0), language, input=wish)
    (told,) = answer["agentApply"]["userErrors"]
    assert told["code"] == "AGREEMENT_NOT_ACCEPTED"
    assert title in told["message"]


@pytest.mark.parametrize("failed", ["LICENCE", "SAMPLING"])
async def test_whoever_is_rejected_is_told_at_which_look_and_not_what_was_found(
    failed: str,
) -> None:
    who = await make.buyer(0)
    wish = admission.ApplicationWish("Bea", "Cards.", AgentType.PROMOTER, None)
    applied = await admission.apply(who, wish)
    one, two = await make.operator("agents:check"), await make.operator("agents:approve")
    good = failed != "LICENCE"
    await admission.check_licence(one, applied.id, passed=good, findings="secret")
    if good:
        await admission.sample(two, applied.id, passed=False, findings="secret")
    query = "{ viewer { agentApplication { state rejectedAt } } }"
    seen = (await data_of(shop, query, who))["viewer"]["agentApplication"]
    assert seen == {"state": "REJECTED", "rejectedAt": failed}
    fields = shop.introspect()["__schema"]["types"]
    (shown,) = (each for each in fields if each["name"] == "AgentApplication")
    assert not {"findings", "reviews"} & {each["name"] for each in shown["fields"]}


async def test_a_queue_costs_as_many_statements_as_one_application() -> None:
    staff = await make.operator("agents:check", "agents:read")
    counted = []
    for _ in range(2):
        for _ in range(3):
            wish = admission.ApplicationWish("Bea", "Cards.", AgentType.PROMOTER, None)
            applied = await admission.apply(await make.buyer(0), wish)
            await admission.check_licence(staff, applied.id, passed=True, findings="genuine")
        async with count_statements() as seen:
            await data_of(admin, QUEUE, staff)
        counted.append(len(seen))
    assert counted[0] == counted[1]


@pytest.mark.parametrize(
    ("document", "scope"), [(CHECK, "agents:approve"), (SAMPLE, "agents:check")]
)
async def test_each_look_needs_its_scope(document: str, scope: str) -> None:
    look = {"applicationId": "app_x", "passed": True, "findings": "x"}
    refused = await ask(admin, document, await make.operator(scope), input=look)
    assert refused.errors[0].extensions["code"] == "FORBIDDEN"
