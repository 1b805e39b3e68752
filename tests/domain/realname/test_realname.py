"""Who somebody is: asked outside transactions, sealed, decided by others (mission row L5)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import asyncpg
import pytest

from domain import papers, realname
from domain.kernel import Actor, Refused, connection, new_id, transaction
from domain.papers import PaperState
from domain.realname import Claim, RealNameCase, RealNameLevel, RealNameState, rules
from domain.realname.models import RealName
from domain.realname.ports import Answer, Confirmed, Denied, Question, Unclear, Why
from tests import make
from tests.domain.aftersale.test_pictures import png

pytestmark = pytest.mark.usefixtures("db")
NAME, NUMBER, COMPANY = "张三", "11010519491231002X", "91350100M000100Y43"


@dataclass
class Scripted:
    """A provider that answers as it is told, and remembers the references it was asked for."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def check(self, question: Question) -> Answer:
        async with connection() as conn:  # nobody asks within a transaction
            assert not conn.is_in_transaction()
        self.asked.append(question.reference)
        return self.answers.pop(0) if self.answers else Confirmed()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    scripted = Scripted()
    realname.ports.register("scripted", scripted)
    monkeypatch.setattr(realname.provider, "name", "scripted")
    return scripted


async def said(call: Any) -> str:
    try:
        await call
    except Refused as refused:
        refusal = refused.refusals[0]
        return str(getattr(refusal, "reason", refusal.code))
    return "done"


async def submitted(level: RealNameLevel = RealNameLevel.BASIC) -> tuple[Actor, RealNameCase]:
    who = await make.buyer(0)
    return who, await realname.submit_name(who, Claim(NAME, NUMBER, level=level))


async def checked(case: RealNameCase) -> RealNameCase:
    await realname.check_case(case.id)
    return await RealNameCase.get(id=case.id)


async def test_a_provider_confirms_and_the_level_is_reached(port: Scripted) -> None:
    who, case = await submitted()
    user = who.require_user()
    assert await realname.level_of(user) is RealNameLevel.NONE
    assert await realname.list_due(10) == [case.id]
    assert (await checked(case)).state is RealNameState.PASSED
    assert await realname.level_of(user) is RealNameLevel.BASIC
    await realname.check_case(case.id)
    assert len(port.asked) == 1
    assert await said(realname.submit_name(who, Claim(NAME, NUMBER))) == "real_name_reached"


async def test_what_was_said_is_nowhere_in_the_open(port: Scripted) -> None:
    _, case = await submitted()
    await checked(case)
    async with connection() as conn:
        for table in ("real_name_cases", "real_names", "outbox_events", "audit_entries"):
            rows = await conn.fetch(f"SELECT t::text AS text FROM {table} t")
            for row in rows:
                assert NUMBER not in row["text"]
                assert NAME not in row["text"]
    assert realname.words_of(await RealNameCase.get(id=case.id)) == (NAME, NUMBER)
    assert NUMBER not in repr(Claim(NAME, NUMBER))


async def test_a_denied_name_may_try_again(port: Scripted) -> None:
    who, case = await submitted()
    port.answers = [Denied(Why.DIFFERS)]
    failed = await checked(case)
    assert (failed.state, failed.reason) == (RealNameState.FAILED, "differs")
    assert await realname.level_of(who.require_user()) is RealNameLevel.NONE
    again = await realname.submit_name(who, Claim(NAME, NUMBER))
    assert (await checked(again)).state is RealNameState.PASSED


async def test_whoever_gives_no_answer_is_asked_again_by_the_same_reference(port: Scripted) -> None:
    _, case = await submitted()
    port.answers = [Unclear("timeout"), Unclear("http_500")]
    assert (await checked(case)).state is RealNameState.CHECKING
    await realname.check_case(case.id)  # not due yet
    assert len(port.asked) == 1
    for minutes in (2, 10):
        with make.later(minutes=minutes):
            await realname.check_case(case.id)
    assert len(set(port.asked)) == 1
    assert (await RealNameCase.get(id=case.id)).state is RealNameState.PASSED


async def test_staff_look_when_no_provider_ever_answers(port: Scripted) -> None:
    _, case = await submitted()
    port.answers = [Unclear()] * 20
    for hours in range(rules.MAX_TRIES + 2):
        with make.later(hours=hours):
            await realname.check_case(case.id)
    waiting = await RealNameCase.get(id=case.id)
    assert (waiting.state, waiting.reason) == (RealNameState.REVIEW, "no_answer")
    assert len(port.asked) == rules.MAX_TRIES


async def test_many_workers_ask_once(port: Scripted) -> None:
    _, case = await submitted()
    await asyncio.gather(*(realname.check_case(case.id) for _ in range(8)))
    assert len(port.asked) == 1


@pytest.mark.parametrize(
    "point", ["realname.submitted", "realname.asked", "realname.answered", "realname.decided"]
)
async def test_whoever_dies_in_between_is_found_again(
    port: Scripted, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(name: str) -> None:
        if name == point:
            raise ZeroDivisionError

    async def all_of_it() -> RealNameCase:
        case = (await submitted())[1]
        return await checked(case)

    with monkeypatch.context() as patched:
        patched.setattr("domain.realname.service.crash_point", dies)
        with pytest.raises(ZeroDivisionError):
            await all_of_it()
    left = await RealNameCase.all()
    assert len(left) == (0 if point == "realname.submitted" else 1)
    with make.later(minutes=5):
        for case_id in await realname.list_due(10):
            await realname.check_case(case_id)
    assert {case.state for case in await RealNameCase.all()} <= {RealNameState.PASSED}
    assert len(set(port.asked)) <= 1


async def send(who: Actor, case: RealNameCase) -> papers.Paper:
    ticket = await realname.send_document(who, case.id, "id_front")
    return await papers.store_paper(who, ticket.paper_id, ticket.text, png())


async def test_full_needs_a_document_and_a_look_of_somebody_else(port: Scripted) -> None:
    who, case = await submitted(RealNameLevel.FULL)
    assert (await checked(case)).state is RealNameState.REVIEW
    staff = await make.operator("realname:decide")
    decide: Callable[..., Any] = realname.decide_case
    assert await said(decide(staff, case.id, passed=True, note="x")) == "real_name_no_document"
    paper = await send(who, case)
    tired = await make.operator("realname:decide", stepped_up=False)
    assert await said(decide(tired, case.id, passed=True, note="x")) == "STEP_UP_REQUIRED"
    assert await said(decide(staff, case.id, passed=True, note=" ")) == "change_note"
    ticket = await realname.open_document(staff, paper.id)
    shown = await papers.fetch_paper(paper.id, ticket.text)
    assert (shown.name, shown.data) == ("id_front.png", png())
    assert await realname.open_words(staff, case.id) == (NAME, NUMBER)
    await decide(staff, case.id, passed=True, note="as in the picture")
    assert await realname.level_of(who.require_user()) is RealNameLevel.FULL
    assert await said(decide(staff, case.id, passed=True, note="x")) == "real_name_not_waiting"
    assert await said(realname.send_document(who, case.id, "id_back")) == "real_name_decided"


async def test_documents_of_a_case_that_failed_are_erased(port: Scripted) -> None:
    who, case = await submitted(RealNameLevel.FULL)
    await checked(case)
    paper = await send(who, case)
    staff = await make.operator("realname:decide")
    await realname.decide_case(staff, case.id, passed=False, note="blurred")
    assert (await papers.Paper.get(id=paper.id)).state is PaperState.ERASED
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM paper_contents") == 0
    assert await said(realname.open_document(staff, paper.id)) == "NOT_FOUND"


async def test_nobody_decides_on_their_own_case(port: Scripted) -> None:
    staff = await make.operator("realname:decide")
    case = await realname.submit_name(staff, Claim(NAME, NUMBER, level=RealNameLevel.FULL))
    await checked(case)
    await send(staff, case)
    call = realname.decide_case(staff, case.id, passed=True, note="it is me")
    assert await said(call) == "real_name_own"
    with pytest.raises(asyncpg.RestrictViolationError, match="their own case"):
        async with connection() as conn:
            await conn.execute("UPDATE real_name_cases SET decided_by = user_id")


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        pytest.param(Claim("张", NUMBER), "real_name_name", id="too short a name"),
        pytest.param(Claim(NAME, "110105194912310021"), "real_name_number", id="check letter"),
        pytest.param(Claim(NAME, "110105194913310021"), "real_name_number", id="no such day"),
        pytest.param(Claim(NAME, "12345"), "real_name_number", id="too short"),
        pytest.param(Claim(NAME, COMPANY), "real_name_number", id="a company's"),
        pytest.param(Claim("某公司", NUMBER, True), "real_name_number", id="a person's"),
        pytest.param(Claim(NAME, "110101201501010011"), "real_name_age", id="a child"),
    ],
)
async def test_what_cannot_be_is_refused_before_anybody_is_asked(
    port: Scripted, claim: Claim, reason: str
) -> None:
    assert await said(realname.submit_name(await make.buyer(0), claim)) == reason
    assert await RealNameCase.all().count() == 0


async def test_one_case_at_a_time(port: Scripted) -> None:
    who = await make.buyer(0)
    calls = (said(realname.submit_name(who, Claim(NAME, NUMBER))) for _ in range(6))
    outcomes = await asyncio.gather(*calls)
    assert sorted(set(outcomes)) == ["REAL_NAME_CASE_OPEN", "done"]
    assert outcomes.count("done") == 1


async def test_one_person_with_two_logins_is_known(port: Scripted) -> None:
    first, one = await submitted()
    second, two = await submitted()
    await checked(one)
    await checked(two)
    third, _ = await submitted()  # not checked yet
    asked = [who.require_user() for who in (first, second, third)]
    same = ([asked[1]], [asked[0]], [])
    assert await realname.others_of(asked) == dict(zip(asked, same, strict=True))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO real_names SELECT gen_random_uuid(), 'full', false, '\\x00', id, now()"
        " FROM real_name_cases",
        "UPDATE real_names SET level = 'full'",
        "UPDATE real_name_cases SET state = 'failed', reason = 'x'",
        "DELETE FROM real_name_cases",
    ],
)
async def test_plain_sql_makes_nobody_real(port: Scripted, statement: str) -> None:
    _, case = await submitted()
    await checked(case)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with connection() as conn:
            await conn.execute(statement)
    assert await RealName.filter(level="basic").count() == 1


async def test_a_level_gates(port: Scripted) -> None:
    who, case = await submitted()

    async def needed(level: RealNameLevel) -> None:
        async with transaction() as conn:
            await realname.require_level(conn, who.require_user(), level)

    assert await said(needed(RealNameLevel.BASIC)) == "REAL_NAME_NEEDED"
    await checked(case)
    assert await said(needed(RealNameLevel.BASIC)) == "done"
    assert await said(needed(RealNameLevel.FULL)) == "REAL_NAME_NEEDED"


@pytest.mark.parametrize(
    ("today", "of_age"),
    [
        pytest.param(date(2026, 3, 1), True, id="the birthday"),
        pytest.param(date(2026, 2, 28), False, id="the day before"),
    ],
)
def test_age_is_counted_by_the_day(today: date, of_age: bool) -> None:
    assert rules.is_of_age("110101200803010000", today) is of_age


def test_company_numbers_have_their_check_letter() -> None:
    assert rules.is_company_number(COMPANY)
    assert not rules.is_company_number(COMPANY[:-1] + "4")
    assert rules.masked_name("张三丰") == "张**"
    assert rules.masked_name("Li") == "L*"


async def test_a_ticket_is_for_one_document_once(port: Scripted) -> None:
    who, case = await submitted(RealNameLevel.FULL)
    ticket = await realname.send_document(who, case.id, "licence")
    store = papers.store_paper
    assert await said(store(who, new_id(), ticket.text, png())) == "PAPER_DOOR_CLOSED"
    assert await said(store(who, ticket.paper_id, ticket.text, b"MZ")) == "evidence_type"
    with make.later(minutes=11):
        assert await said(store(who, ticket.paper_id, ticket.text, png())) == "PAPER_DOOR_CLOSED"
        assert await papers.forget_unsent() == 1
    assert await said(store(who, ticket.paper_id, ticket.text, png())) == "PAPER_DOOR_CLOSED"
    fresh = await realname.send_document(who, case.id, "licence")
    assert await said(store(who, fresh.paper_id, fresh.text, png())) == "done"
    assert await said(store(who, fresh.paper_id, fresh.text, png())) == "PAPER_DOOR_CLOSED"
    stranger = await make.buyer(0)
    assert await said(realname.send_document(stranger, case.id, "licence")) == "NOT_FOUND"
    for _ in range(9):
        await realname.send_document(who, case.id, "other")
    assert await said(realname.send_document(who, case.id, "other")) == "paper_many"
