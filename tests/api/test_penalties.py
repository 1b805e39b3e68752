"""A case over the API: opened, answered, appealed against, and what everybody reads of it."""

import pytest

from domain import deposits, identity, papers, penalties
from domain.kernel import Prefix, encode_id
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import court, make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")

OPEN = """
mutation Open($input: PenaltyCaseOpenInput!) {
  penaltyCaseOpen(input: $input) { file { case { id state } agentId } userErrors { code } } }
"""
SEND = """
mutation Send($input: PenaltyCaseDocumentSendInput!) {
  penaltyCaseDocumentSend(input: $input) { door { method url } userErrors { code } } }
"""
NOTICE = """
mutation Notice($input: PenaltyCaseNoticeInput!) {
  penaltyCaseNotice(input: $input) { file { noticedBy case { state step amount { amount } } }
    userErrors { code message } } }
"""
DECIDE = """
mutation Decide($input: PenaltyCaseDecideInput!) {
  penaltyCaseDecide(input: $input) { file { case { state ordinal } decidedBy }
    userErrors { code message } } }
"""
APPEALED = """
mutation Decide($input: PenaltyAppealDecideInput!) {
  penaltyAppealDecide(input: $input) { file { case { state closing } } userErrors { code } } }
"""
ANSWER = """
mutation Answer($input: AgentPenaltyAnswerInput!) {
  agentPenaltyAnswer(input: $input) { penalty { answer } userErrors { code message } } }
"""
APPEAL = """
mutation Appeal($input: AgentPenaltyAppealInput!) {
  agentPenaltyAppeal(input: $input) { penalty { state appeal } userErrors { code } } }
"""
SEEN = """
{ viewer { agent { deposit { balance { amount } } penalties { nodes { id state step facts blocks
  restrictedUntil evidence { label mediaType } hearing { label } } } } } }
"""
QUEUE = """
{ penaltyCases(states: [NOTICED]) { nodes { agentId agentName openedByLogin decidedByLogin
  case { id state } } } }
"""
READ = "{ publishedPenalties { nodes { maskedName violation step } } }"
BELOW = "{ viewer { agent { downline { nodes { penalties { nodes { id } } } } } } }"


async def test_from_the_evidence_to_an_appeal_that_is_won() -> None:
    agent = await make.agent()
    await make.top_up(agent.user_id, make.yuan(500))
    himself = court.actor_of(agent)
    await deposits.pay_deposit(himself, make.money(500), "k")
    staff = await make.operator("penalties:write", "penalties:read")
    judge, third = (
        await make.operator("penalties:approve"),
        await make.operator("penalties:approve"),
    )
    agent_id = encode_id(Prefix.AGENT, agent.id)
    wish = {"agentId": agent_id, "violation": "PRICING", "facts": "sold below", "grave": True}
    opened = (await data_of(admin, OPEN, staff, input=wish))["penaltyCaseOpen"]["file"]
    assert (opened["agentId"], opened["case"]["state"]) == (agent_id, "OPEN")
    case = {"caseId": opened["case"]["id"]}
    assert (await data_of(shop, SEEN, himself))["viewer"]["agent"]["penalties"]["nodes"] == []
    step = {**case, "step": "DEDUCTION", "amount": {"amount": "200", "currency": "CNY"}}
    early = (await data_of(admin, NOTICE, staff, "zh", input=step))["penaltyCaseNotice"]
    assert early["userErrors"][0]["code"] == "PENALTY_NOT_POSSIBLE"
    door = (await data_of(admin, SEND, staff, input=case))["penaltyCaseDocumentSend"]["door"]
    assert (door["method"], door["url"].startswith("/papers/")) == ("PUT", True)
    await court.with_evidence((await penalties.PenaltyCase.get()).id)
    told = (await data_of(admin, NOTICE, staff, input=step))["penaltyCaseNotice"]["file"]
    assert told["case"] == {"state": "NOTICED", "step": "DEDUCTION", "amount": {"amount": "200.00"}}
    assert (await data_of(admin, QUEUE, staff))["penaltyCases"]["nodes"] == [
        {
            "agentId": agent_id,
            "agentName": agent.name,
            "openedByLogin": (await identity.logins_of([opener := staff.require_user()]))[opener],
            "decidedByLogin": None,
            "case": {"id": case["caseId"], "state": "NOTICED"},
        }
    ]
    said = {**case, "text": "a mistake"}
    answered = (await data_of(shop, ANSWER, himself, input=said))["agentPenaltyAnswer"]
    assert answered == {"penalty": {"answer": "a mistake"}, "userErrors": []}
    verdict = {**case, "imposed": True, "reasons": "clear"}
    done = (await data_of(admin, DECIDE, judge, input=verdict))["penaltyCaseDecide"]
    assert done["file"]["case"] == {"state": "IMPOSED", "ordinal": 1}
    seen = (await data_of(shop, SEEN, himself))["viewer"]["agent"]
    assert seen["deposit"] == {"balance": {"amount": "300.00"}}
    (shown,) = seen["penalties"]["nodes"]
    assert shown["evidence"] == [{"label": "evidence", "mediaType": "image/png"}]
    appealed = (await data_of(shop, APPEAL, himself, input=said))["agentPenaltyAppeal"]
    assert appealed["penalty"] == {"state": "APPEALED", "appeal": "a mistake"}
    won = {**case, "overturned": True, "reasons": "it was"}
    same = (await data_of(admin, APPEALED, judge, input=won))["penaltyAppealDecide"]
    assert [each["code"] for each in same["userErrors"]] == ["PENALTY_SAME_PERSON"]
    over = (await data_of(admin, APPEALED, third, input=won))["penaltyAppealDecide"]["file"]
    assert over["case"] == {"state": "OVERTURNED", "closing": "it was"}
    seen = (await data_of(shop, SEEN, himself))["viewer"]["agent"]
    assert seen["deposit"] == {"balance": {"amount": "500.00"}}
    assert (await data_of(shop, READ))["publishedPenalties"]["nodes"] == []


async def test_everybody_reads_what_is_final_and_nobody_anothers_case() -> None:
    top = await make.agent()
    agent = await make.agent(top)
    await court.final(await court.imposed(await court.noticed(agent)))
    (row,) = (await data_of(shop, READ))["publishedPenalties"]["nodes"]
    masked = "A" + "*" * (len(agent.name) - 1)
    assert row == {"maskedName": masked, "violation": "PRICING", "step": "WARNING"}
    answer = await ask(shop, BELOW, court.actor_of(top))
    assert answer.data["viewer"]["agent"]["downline"]["nodes"] == [{"penalties": None}]
    assert answer.errors[0].extensions["code"] == "AGENT_OUT_OF_REACH"


@pytest.mark.parametrize(
    ("document", "scope"),
    [(OPEN, "penalties:approve"), (NOTICE, "penalties:approve"), (DECIDE, "penalties:write")],
)
async def test_each_part_needs_its_scope(document: str, scope: str) -> None:
    wish = {
        OPEN: {"agentId": "agt_x", "violation": "OTHER", "facts": "x"},
        NOTICE: {"caseId": "pen_x", "step": "WARNING"},
        DECIDE: {"caseId": "pen_x", "imposed": True, "reasons": "x"},
    }[document]
    refused = await ask(admin, document, await make.operator(scope), input=wish)
    assert refused.errors[0].extensions["code"] == "FORBIDDEN"


QUEUED = """
{ inspections(states: [WAITING]) { nodes { id agentId state documents { label } caseId } } }
"""
REPORT = """
mutation Report($input: InspectionReportInput!) {
  inspectionReport(input: $input) { inspection { state findings caseId }
    userErrors { code message } } }
"""


async def test_an_agent_that_was_drawn_is_looked_at_and_a_case_opened() -> None:
    with make.later(days=-40):
        agent = await make.agent()
    await penalties.draw_round()
    staff = await make.operator("agents:inspect")
    (waiting,) = (await data_of(admin, QUEUED, staff))["inspections"]["nodes"]
    assert waiting["agentId"] == encode_id(Prefix.AGENT, agent.id)
    wish = {"inspectionId": waiting["id"], "good": False, "findings": "x", "violation": "PROMISES"}
    early = (await data_of(admin, REPORT, staff, "zh", input=wish))["inspectionReport"]
    assert early["userErrors"][0]["code"] == "PENALTY_NOT_POSSIBLE"
    inspection = await penalties.Inspection.get()
    ticket = await penalties.send_inspection_document(staff, inspection.id)
    await papers.store_paper(staff, ticket.paper_id, ticket.text, court.png())
    done = (await data_of(admin, REPORT, staff, input=wish))["inspectionReport"]["inspection"]
    case_id = encode_id(Prefix.PENALTY_CASE, inspection.id)
    assert done == {"state": "BAD", "findings": "x", "caseId": case_id}
    assert (await penalties.PenaltyCase.get()).id == inspection.id
    seen = (await data_of(shop, SEEN, court.actor_of(agent)))["viewer"]["agent"]
    assert seen["penalties"]["nodes"] == []


NOTICES = """
{ viewer { agent { notices { kind message until caseId }
  downline { nodes { notices { kind } } } } } }
"""


async def test_an_agent_without_a_mail_address_reads_of_its_case_on_its_next_visit() -> None:
    top = await make.agent()
    agent = await make.agent(top)
    case = await court.noticed(agent)
    seen = (await data_of(shop, NOTICES, court.actor_of(agent), "zh"))["viewer"]["agent"]
    (notice,) = seen["notices"]
    assert (notice["kind"], notice["caseId"]) == (
        "PENALTY_NOTICED",
        encode_id(Prefix.PENALTY_CASE, case.id),
    )
    assert notice["message"].startswith("有一起针对您的案件（违反价格约定），拟给予警告。")
    assert notice["until"] is not None
    above = await ask(shop, NOTICES, court.actor_of(top))
    assert {each.extensions["code"] for each in above.errors} == {"AGENT_OUT_OF_REACH"}
