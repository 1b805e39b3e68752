"""Settlement over the schemas: the back office runs it, agents read what was frozen."""

from dataclasses import replace
from typing import Any

import pytest

from domain import bulk, payouts, settlement
from domain.agents.models import Agent
from domain.commissions import RuleKind
from domain.identity.models import User
from domain.kernel import Actor, Prefix, decode_id, encode_id
from domain.settlement import SettlementStatement
from schema.admin import schema as admin
from schema.shop import schema as shop
from tests import make, settling, teller
from tests.api import test_bulk
from tests.api.asking import ask, data_of
from tests.printed import words_of
from tests.settling import give_back, on, settled, sold

pytestmark = pytest.mark.usefixtures("db")
SUMS = """
opening { pending { amount } available { amount } owed { amount } } lines earned { amount }
clawedBack { amount } released { amount } repaid { amount } toWallet { amount }
withdrawn { amount } givenBack { amount }
closing { pending { amount } available { amount } owed { amount } }
"""
START = """
mutation Start($input: SettlementRunStartInput!) { settlementRunStart(input: $input) {
  run { id period state agents looked totals { statements } } replayed
  job { id kind }
  userErrors { code message field ... on SettlementTooEarlyError { readyAt }
    ... on SettlementOutOfOrderError { nextFrom } } } }
"""
JOB = f"query Job($id: ID!) {{ job(id: $id) {{ state done total settlement {{ {SUMS} }} }} }}"
RUNS = f"""{{ settlementRuns {{ nodes {{ id period state agents looked startedBy frozenAt
  totals {{ statements {SUMS} }}
  statements(first: 1) {{ nodes {{ agentId agentName statement {{ number closing {{
    pending {{ amount }} }} }} }} pageInfo {{ hasNextPage endCursor }} }} }} }} }}"""
MINE = f"""query Mine($first: Int, $after: String) {{ viewer {{ agent {{
  statements(first: $first, after: $after) {{ nodes {{ id number period startsAt endsAt
    earnedBy {{ kind level lines amount {{ amount }} }} {SUMS} }}
    pageInfo {{ hasNextPage endCursor }} }} }} }} }}"""


PROPOSE = """
mutation Propose($input: SettlementPayoutsProposeInput!) { settlementPayoutsPropose(input: $input) {
  run { proposal { state batch { id } } } job { id } userErrors { code field } } }
"""
PROPOSED = """{ settlementRuns { nodes { proposal { state agents looked asked withheld proposedBy
  batch { status count total { amount } } } withheld { nodes { agentId agentCode reason
    wanted { amount } } } statements { nodes { agentId payoutId withheld } } } } }"""


@pytest.fixture
async def agent() -> Agent:
    with on(1):
        made = await make.agent()
        await make.rule(1, RuleKind.PERCENT, 100_000, hold_days=1)
    with on(2):
        order = await sold(made, "100")
        await sold(made, "23.45")
        await give_back(*order, "50")
    return made


async def owner_of(agent: Agent) -> Actor:
    return replace(make.actor_of(await User.get(id=agent.user_id)), agent_id=agent.id)


async def started(actor: Actor, **wish: object) -> dict[str, Any]:
    found: dict[str, Any] = (await data_of(admin, START, actor, input=wish))["settlementRunStart"]
    return found


async def test_a_run_is_started_worked_off_and_read_by_its_agent(agent: Agent) -> None:
    with on(3):
        clerk = await make.operator("settlements:write", "settlements:read")
        dry = await started(clerk, period=settling.name(2), dryRun=True)
        assert (dry["run"], dry["userErrors"], dry["job"]["kind"]) == (None, [], "settlement")
        await bulk.run_job(decode_id(Prefix.JOB, dry["job"]["id"]))
        told = (await data_of(admin, JOB, clerk, id=dry["job"]["id"]))["job"]
        assert (told["state"], told["done"], told["total"]) == ("SUCCEEDED", 100, 100)
        assert told["settlement"]["earned"] == {"amount": "12.345"}
        assert (await data_of(admin, RUNS, clerk))["settlementRuns"]["nodes"] == []

        begun = await started(clerk, period=settling.name(2))
        assert (begun["run"]["state"], begun["replayed"]) == ("COUNTING", False)
        assert (await mine(await owner_of(agent)))["nodes"] == []  # not before it is frozen
        await bulk.run_job(decode_id(Prefix.JOB, begun["job"]["id"]))
        again = await started(clerk, period=settling.name(2))
        assert (again["run"]["state"], again["replayed"], again["job"]) == ("FROZEN", True, None)
        (run,) = (await data_of(admin, RUNS, clerk))["settlementRuns"]["nodes"]
    assert run["totals"] == {"statements": 1, **told["settlement"]}
    assert (run["agents"], run["looked"]) == (1, 1)
    (shown,) = run["statements"]["nodes"]
    assert shown["agentName"] == agent.name
    (own,) = (await mine(await owner_of(agent)))["nodes"]
    assert own["number"] == f"2031-03-02-{agent.code}"
    assert own["startsAt"] == "2031-03-01T16:00:00Z"
    assert own["earnedBy"] == [
        {"kind": "percent", "level": 1, "lines": 2, "amount": {"amount": "12.345"}}
    ]
    assert own["clawedBack"] == {"amount": "5.00"}
    assert own["closing"]["pending"] == {"amount": "7.345"}


async def mine(actor: Actor, **paging: object) -> dict[str, Any]:
    agent = (await data_of(shop, MINE, actor, **paging))["viewer"]["agent"]
    found: dict[str, Any] = agent["statements"]
    return found


async def test_statements_are_paged_newest_first(agent: Agent) -> None:
    for day in (2, 3, 4):
        await settled(day)
    owner = await owner_of(agent)
    first = await mine(owner, first=2)
    assert [each["period"] for each in first["nodes"]] == ["2031-03-04", "2031-03-03"]
    rest = await mine(owner, first=2, after=first["pageInfo"]["endCursor"])
    assert [each["period"] for each in rest["nodes"]] == ["2031-03-02"]
    assert not rest["pageInfo"]["hasNextPage"]


async def test_refusals_say_what_to_do(agent: Agent) -> None:
    clerk = await make.operator("settlements:write")
    with on(2):
        (early,) = (await started(clerk, period=settling.name(2)))["userErrors"]
    assert (early["code"], early["readyAt"]) == ("SETTLEMENT_TOO_EARLY", "2031-03-02T16:02:00Z")
    await settled(2)
    with on(9):
        (gap,) = (await started(clerk, period=settling.name(5)))["userErrors"]
        (odd,) = (await started(clerk, period="next month"))["userErrors"]
        (odd_dry,) = (await started(clerk, period="2031-13", dryRun=True))["userErrors"]
    assert (gap["code"], gap["nextFrom"]) == ("SETTLEMENT_OUT_OF_ORDER", "2031-03-02T16:00:00Z")
    assert (odd["code"], odd["field"]) == ("INVALID", ["period"])
    assert (odd_dry["code"], odd_dry["field"]) == ("INVALID", ["period"])


async def test_files_are_for_the_agent_itself_and_the_back_office(agent: Agent) -> None:
    run = await settled(2)
    found = await SettlementStatement.get(run_id=run.id)
    path = f"/statements/{encode_id(Prefix.SETTLEMENT_STATEMENT, found.id)}"
    answer = await test_bulk.call("GET", path, await make.token(await owner_of(agent)))
    assert answer.status == 200
    assert f"statement-2031-03-02-{agent.code}.csv" in answer.headers["content-disposition"]
    assert answer.rows[0] == ["item", "rule", "level", "lines", "amount", "currency"]
    told = {row[0]: row[4] for row in answer.rows[1:] if not row[1]}
    assert (told["earned"], told["clawed_pending"], told["closing_pending"]) == (
        *("12.345", "5.00", "7.345"),
    )
    assert ["earned", "percent", "1", "2", "12.345", "CNY"] in answer.rows
    other = await make.agent()
    stranger = await make.token(await owner_of(other))
    assert (await test_bulk.call("GET", path, stranger)).status == 404
    assert (await test_bulk.call("GET", path, "")).status == 401
    clerk = await make.token(await make.operator("settlements:read"))
    assert (await test_bulk.call("GET", path, clerk)).status == 200
    table = "/admin/exports/settlement"
    run_id = encode_id(Prefix.SETTLEMENT_RUN, run.id)
    whole = await test_bulk.call("GET", table, clerk, run=run_id)
    assert whole.rows[1][:5] == ["2031-03-02", agent.code, agent.name, "CNY", "2"]
    assert (await test_bulk.call("GET", table, stranger, run=run_id)).status == 403


async def test_a_pdf_is_in_the_language_that_is_asked_for(agent: Agent) -> None:
    run = await settled(2)
    found = await SettlementStatement.get(run_id=run.id)
    path = f"/statements/{encode_id(Prefix.SETTLEMENT_STATEMENT, found.id)}"
    token = await make.token(await owner_of(agent))
    english = await test_bulk.call("GET", path, token, format="pdf")
    assert (english.status, english.headers["content-type"]) == (200, "application/pdf")
    assert english.body.startswith(b"%PDF-")
    assert "12.345" in words_of(english.body)
    chinese = await test_bulk.call(
        "GET", path, token, headers={"accept-language": "zh-CN"}, format="pdf"
    )
    assert "结算单" in words_of(chinese.body)
    assert (await test_bulk.call("GET", path, token, format="docx")).status == 422


async def test_a_run_is_proposed_and_tells_whom_it_could_not_pay(agent: Agent) -> None:
    payouts.register(teller.ADAPTER, teller.Teller())
    await settling.released(4)
    with on(1):
        await teller.channel()
        owner = await User.get(id=agent.user_id)
        await make.proven_name(owner, "王小明")
        actor = await make.session_of(owner)
        wish = payouts.DestinationWish(payouts.DestinationKind.SANDBOX, "account-1", "王小明")
        await payouts.save_destination(actor, wish)
    unknown = await make.agent()
    with on(3):
        await sold(unknown, "40")
    await settling.released(5)
    run = await settled(5)
    with on(6):
        clerk = await make.operator("settlements:write", "settlements:read", "payouts:propose")
        asked = {"runId": encode_id(Prefix.SETTLEMENT_RUN, run.id), "note": "March"}
        begun = (await data_of(admin, PROPOSE, clerk, input=asked))["settlementPayoutsPropose"]
        assert begun["userErrors"] == []
        assert begun["run"]["proposal"] == {"state": "ASKING", "batch": None}
        await bulk.run_job(decode_id(Prefix.JOB, begun["job"]["id"]))
        (told,) = (await data_of(admin, PROPOSED, clerk))["settlementRuns"]["nodes"]
    proposal = told["proposal"]
    assert (proposal["state"], proposal["agents"], proposal["looked"]) == ("PROPOSED", 2, 2)
    assert (proposal["asked"], proposal["withheld"]) == (1, 1)
    assert proposal["batch"] == {"status": "PROPOSED", "count": 1, "total": {"amount": "7.34"}}
    (why,) = told["withheld"]["nodes"]
    assert (why["agentCode"], why["reason"], why["wanted"]["amount"]) == (
        *(unknown.code, "REAL_NAME_NEEDED", "4.00"),
    )
    by_agent = {each["agentId"]: each for each in told["statements"]["nodes"]}
    assert by_agent[why["agentId"]]["withheld"] == "REAL_NAME_NEEDED"
    assert by_agent[encode_id(Prefix.AGENT, agent.id)]["payoutId"].startswith("pyo_")


async def test_nobody_sees_anothers_statements(agent: Agent) -> None:
    await settled(2)
    child = await make.agent(agent)
    query = "{ viewer { agent { downline { nodes { statements { nodes { id } } } } } } }"
    told = await ask(shop, query, await owner_of(agent))
    assert told.data["viewer"]["agent"]["downline"]["nodes"] == [{"statements": None}]
    assert {error.extensions["code"] for error in told.errors} == {"AGENT_OUT_OF_REACH"}
    assert child.parent_id == agent.id


@pytest.mark.parametrize(
    ("query", "variables", "scopes"),
    [
        (START, {"input": {"period": "2031-03"}}, {"settlements:read"}),
        (START, {"input": {"period": "2031-03", "dryRun": True}}, {"settlements:read"}),
        (RUNS, {}, {"settlements:write", "payouts:read"}),
        (PROPOSE, {"input": {"runId": "x"}}, {"settlements:write", "payouts:approve"}),
        (PROPOSE, {"input": {"runId": "x"}}, {"settlements:read", "payouts:propose"}),
    ],
)
async def test_who_may_not(query: str, variables: dict[str, Any], scopes: set[str]) -> None:
    stranger = replace(make.OPERATOR, scopes=frozenset(scopes))
    refused = await ask(admin, query, stranger, **variables)
    assert [error.extensions["code"] for error in refused.errors] == ["FORBIDDEN"]
    assert await settlement.SettlementRun.all().count() == 0


OBJECT = """mutation Open($input: ObjectionOpenInput!) { objectionOpen(input: $input) {
    objection { id state statementId commissionId text } replayed
    userErrors { code field message } } }"""
ANSWER = """mutation Answer($input: ObjectionAnswerInput!) { objectionAnswer(input: $input) {
    file { agentId answeredBy judgedBy objection { state answer } }
    userErrors { code field message } } }"""
APPEAL = """mutation Appeal($input: ObjectionAppealInput!) { objectionAppeal(input: $input) {
    objection { state appeal } userErrors { code message } } }"""
OBJECTED = "{ viewer { agent { objections { nodes { id state answer verdict } } } } }"
TO_ANSWER = "{ objections { nodes { agentId objection { id text } answeredBy judgedBy } } }"


async def test_an_agent_objects_and_reads_what_the_house_says(agent: Agent) -> None:
    owner = make.actor_of(await User.get(id=agent.user_id))
    staff = await make.operator("settlements:read", "settlements:resolve")
    run = await settled(2)
    stated = await SettlementStatement.get(run_id=run.id, agent_id=agent.id)
    said = {"statementId": encode_id(Prefix.SETTLEMENT_STATEMENT, stated.id), "text": "Why so few?"}
    with on(4):
        opened = (await data_of(shop, OBJECT, owner, input=said))["objectionOpen"]
        assert (opened["objection"]["state"], opened["replayed"]) == ("OPEN", False)
        assert opened["objection"]["statementId"] == said["statementId"]
        one = opened["objection"]["id"]
        (waits,) = (await data_of(admin, TO_ANSWER, staff))["objections"]["nodes"]
        assert waits["objection"] == {"id": one, "text": "Why so few?"}
        wish = {"id": one, "accept": False, "text": "Two were refunded."}
        answered = (await data_of(admin, ANSWER, staff, input=wish))["objectionAnswer"]
        assert answered["file"]["objection"]["state"] == "REJECTED"
        assert answered["file"]["answeredBy"] == encode_id(Prefix.USER, staff.require_user())
        (error,) = (await data_of(admin, ANSWER, staff, input=wish))["objectionAnswer"][
            "userErrors"
        ]
        assert error["code"] == "OBJECTION_NOT_POSSIBLE"
        assert "answered already" in error["message"]
        wish = {"id": one, "text": "One was."}
        appealed = (await data_of(shop, APPEAL, owner, input=wish))["objectionAppeal"]
        assert appealed["objection"] == {"state": "APPEALED", "appeal": "One was."}
        (own,) = (await data_of(shop, OBJECTED, owner))["viewer"]["agent"]["objections"]["nodes"]
        assert own["answer"] == "Two were refunded."
