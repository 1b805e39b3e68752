"""What nobody knows about for too long: told once, and ended by two people or by the channel."""

import asyncio

import asyncpg
import pytest

from domain import payouts
from domain.commissions import balances_of
from domain.invariants import find_violations
from domain.kernel import Actor, Refused, connection, page_request
from domain.payouts import (
    CaseKind,
    CaseState,
    CaseVerdict,
    Payout,
    PayoutCase,
    PayoutStatus,
)
from domain.payouts.ports import Accepted, Paid, Rejected, Uncertain
from tests import banking, make, teller
from tests.domain.payouts.test_running import approved, run

pytestmark = pytest.mark.usefixtures("db")
S = PayoutStatus
V = CaseVerdict


@pytest.fixture(autouse=True)
async def desk() -> teller.Teller:
    made = teller.Teller()
    payouts.register(teller.ADAPTER, made)
    return made


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as refused:
        await awaitable  # type: ignore[misc]
    return refused.value.refusals[0].code


async def all_is_well() -> None:
    assert [each for each in await find_violations() if each.violations] == []


async def watched(**time: int) -> int:
    """What the scheduler does at some later moment."""
    with make.later(**time):
        return await payouts.watch_stuck()


async def stuck(desk: teller.Teller) -> tuple[Payout, PayoutCase]:
    """A payout that the channel says nothing of, and its case."""
    _, _, payout = await approved()
    desk.faults = [teller.says(Uncertain())]
    desk.scripted[payout.reference] = [Uncertain()] * 20
    await run(payout)
    assert await watched(hours=2) == 1
    return await Payout.get(id=payout.id), await PayoutCase.get(payout_id=payout.id)


async def people() -> tuple[Actor, Actor]:
    scopes = ("payouts:resolve", "payouts:approve", "payouts:read")
    return await make.operator(*scopes), await make.operator(*scopes)


async def events_of(kind: str) -> int:
    async with connection() as conn:
        found: int = await conn.fetchval("SELECT count(*) FROM outbox_events WHERE type = $1", kind)
    return found


async def test_what_nobody_knows_is_told_once_and_in_time(desk: teller.Teller) -> None:
    _, _, payout = await approved()
    desk.faults = [teller.says(Uncertain())]
    desk.scripted[payout.reference] = [Uncertain()] * 20
    await run(payout)
    assert await watched(minutes=50) == 0
    assert await watched(minutes=70) == 1
    assert await watched(minutes=90) == 0
    await run(payout, hours=2)
    assert (await Payout.get(id=payout.id)).status is S.UNKNOWN  # and it is still asked about
    assert await events_of("payout.stuck") == 1
    one, _ = await people()
    page = await payouts.list_cases(one, page_request("cases", 5, None))
    assert [(each.kind, each.state) for each in page.rows] == [(CaseKind.UNKNOWN, CaseState.OPEN)]


async def test_many_watchers_open_one_case(desk: teller.Teller) -> None:
    _, _, payout = await approved()
    desk.faults = [teller.says(Uncertain())]
    await run(payout)
    with make.later(hours=3):
        found = await asyncio.gather(*(payouts.watch_stuck() for _ in range(6)))
    assert sum(found) == 1
    assert await events_of("payout.stuck") == 1


async def test_what_its_receiver_or_a_bank_must_do_has_more_time(desk: teller.Teller) -> None:
    _, _, payout = await approved()
    desk.faults = [teller.says(teller.WAITS)]
    await run(payout)
    people_, of = await banking.desk(), await banking.channel()
    batch = await banking.approved(of, people_, "10")
    made = await payouts.make_file(people_.one, of.id, batch.id)
    await payouts.hand_over(people_.one, made.id)
    assert await watched(hours=40) == 0
    assert await watched(hours=50) == 2


async def test_a_file_of_which_one_was_given_back_is_not_carried_any_more() -> None:
    people_, of = await banking.desk(), await banking.channel()
    batch = await banking.approved(of, people_, "10", "20")
    made = await payouts.make_file(people_.one, of.id, batch.id)
    assert await watched(hours=50) == 2
    case = await PayoutCase.all().order_by("id").first()
    assert case is not None
    one, other = await people()
    await payouts.ask_verdict(one, case.id, V.NOT_PAID, "the file was never carried")
    await payouts.decide_verdict(other, case.id, agree=True)
    for deed in (
        payouts.hand_over(people_.one, made.id),
        payouts.take_file(people_.one, made.id),
    ):
        assert await code_of(deed) == "PAYOUT_MOVE_NOT_ALLOWED"
    await all_is_well()


async def test_a_payout_that_is_sent_again_and_again_is_told_all_the_same(
    desk: teller.Teller,
) -> None:
    _, _, payout = await approved()
    desk.faults = [teller.lost_before] * 9
    for minutes in (0, 2, 4, 20, 40, 58):
        await run(payout, minutes=minutes)
    seen = await Payout.get(id=payout.id)
    assert seen.submissions > 1
    assert seen.submitted_at > seen.first_submitted_at
    assert await watched(minutes=70) == 1


@pytest.mark.parametrize("verdict", [V.PAID, V.NOT_PAID])
async def test_two_people_end_it_as_if_the_channel_had_told(
    desk: teller.Teller, verdict: CaseVerdict
) -> None:
    payout, case = await stuck(desk)
    one, other = await people()
    asked = await payouts.ask_verdict(one, case.id, verdict, "the bank's letter of today")
    assert asked.state is CaseState.ASKED
    assert await code_of(payouts.decide_verdict(one, case.id, agree=True)) == "FOUR_EYES"
    again = payouts.ask_verdict(other, case.id, V.PAID, "no")
    assert await code_of(again) == "PAYOUT_CASE_CLOSED"
    closed = await payouts.decide_verdict(other, case.id, agree=True)
    assert (closed.state, closed.decided_by) == (CaseState.CLOSED, other.user_id)
    done = await Payout.get(id=payout.id)
    paid = verdict is V.PAID
    ended = (S.SUCCEEDED, "") if paid else (S.FAILED, "decided")
    assert (done.status, done.why) == ended
    left = (await balances_of(payout.agent_id, make.CNY)).available.units
    assert left == make.yuan(90 if paid else 100)
    await run(payout, days=1)
    assert await code_of(payouts.decide_verdict(other, case.id, agree=True)) == "PAYOUT_CASE_CLOSED"
    await all_is_well()


async def test_who_does_not_agree_opens_it_again(desk: teller.Teller) -> None:
    payout, case = await stuck(desk)
    one, other = await people()
    await payouts.ask_verdict(one, case.id, V.NOT_PAID, "I think so")
    opened = await payouts.decide_verdict(other, case.id, agree=False)
    assert (opened.state, opened.verdict, opened.asked_by) == (CaseState.OPEN, None, None)
    assert (await Payout.get(id=payout.id)).status is S.UNKNOWN


async def test_what_the_channel_tells_meanwhile_counts_and_closes_it(desk: teller.Teller) -> None:
    payout, case = await stuck(desk)
    one, other = await people()
    await payouts.ask_verdict(one, case.id, V.NOT_PAID, "they said so on the phone")
    await payouts.book_result(payout.id, Paid("T1"))
    closed = await PayoutCase.get(id=case.id)
    assert (closed.state, closed.verdict, closed.decided_by) == (CaseState.CLOSED, None, None)
    late = payouts.decide_verdict(other, case.id, agree=True)
    assert await code_of(late) == "PAYOUT_CASE_CLOSED"
    assert (await Payout.get(id=payout.id)).status is S.SUCCEEDED
    one_page = await payouts.list_cases(one, page_request("cases", 5, None), closed=True)
    assert [each.id for each in one_page.rows] == [case.id]
    await all_is_well()


async def test_an_answer_and_a_decision_at_once_end_it_once(desk: teller.Teller) -> None:
    payout, case = await stuck(desk)
    one, other = await people()
    await payouts.ask_verdict(one, case.id, V.NOT_PAID, "they said so")
    await asyncio.gather(
        payouts.decide_verdict(other, case.id, agree=True),
        payouts.book_result(payout.id, Paid("T1")),
        return_exceptions=True,
    )
    assert (await Payout.get(id=payout.id)).status in (S.FAILED, S.SUCCEEDED)
    await all_is_well()


async def test_what_the_channel_says_against_an_end_is_a_case_and_moves_nothing(
    desk: teller.Teller,
) -> None:
    _, _, failed = await approved()
    desk.faults = [teller.says(Rejected(payouts.ports.Why.RECEIVER))]
    await run(failed)
    for _ in range(2):
        await payouts.book_result(failed.id, Paid("T1"))
    await payouts.book_result(failed.id, Rejected(payouts.ports.Why.RECEIVER))
    case = await PayoutCase.get(payout_id=failed.id)
    assert case.kind is CaseKind.CONTRADICTED
    assert await events_of("payout.contradicted") == 1
    assert (await Payout.get(id=failed.id)).status is S.FAILED
    one, other = await people()
    wrong = payouts.ask_verdict(one, case.id, V.PAID, "it was")
    assert await code_of(wrong) == "PAYOUT_VERDICT_UNUSABLE"
    await payouts.ask_verdict(one, case.id, V.SETTLED, "claimed back from the agent")
    await payouts.decide_verdict(other, case.id, agree=True)
    assert (await Payout.get(id=failed.id)).status is S.FAILED
    await all_is_well()


async def test_who_may_have_a_word(desk: teller.Teller) -> None:
    payout, case = await stuck(desk)
    stranger = await make.operator("payouts:read", "payouts:propose")
    stale = await make.operator("payouts:resolve", "payouts:approve", stepped_up=False)
    one, _ = await people()
    assert await code_of(payouts.ask_verdict(stranger, case.id, V.PAID, "x")) == "FORBIDDEN"
    assert await code_of(payouts.ask_verdict(stale, case.id, V.PAID, "x")) == "STEP_UP_REQUIRED"
    assert await code_of(payouts.ask_verdict(one, case.id, V.PAID, " ")) == "INVALID"
    assert await code_of(payouts.ask_verdict(one, case.id, V.SETTLED, "x")) == (
        "PAYOUT_VERDICT_UNUSABLE"
    )
    assert await code_of(payouts.decide_verdict(one, case.id, agree=True)) == "PAYOUT_CASE_CLOSED"
    assert await code_of(payouts.decide_verdict(stale, case.id, agree=True)) == "STEP_UP_REQUIRED"
    nothing = payouts.ask_verdict(one, make.new_id(), V.PAID, "x")
    assert await code_of(nothing) == "NOT_FOUND"
    assert payout.status is S.UNKNOWN


async def test_a_payout_that_a_channel_works_on_is_not_lost_sight_of(desk: teller.Teller) -> None:
    _, _, payout = await approved()
    desk.faults = [teller.says(Accepted("T1"))]
    await run(payout)
    assert await watched(hours=2) == 1


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE payout_cases SET state = 'CLOSED'", "payout_case_closed"),
        (
            "UPDATE payout_cases SET state = 'CLOSED', closed_at = now(), decided_by = asked_by,"
            " decided_at = now()",
            "payout_case_of_four_eyes",
        ),
        ("UPDATE payout_cases SET verdict = NULL", "payout_case_decided_whole"),
        ("UPDATE payout_cases SET verdict = 'SETTLED'", "payout_case_verdict_of_kind"),
        ("UPDATE payout_cases SET payout_id = gen_random_uuid()", "payout_case_kept"),
        ("DELETE FROM payout_cases", "payout_case_kept"),
        (
            "INSERT INTO payout_cases (id, payout_id, kind, state, opened_at, note)"
            " SELECT gen_random_uuid(), payout_id, kind, 'OPEN', now(), '' FROM payout_cases",
            "payout_case_open_once",
        ),
    ],
)
async def test_the_database_refuses_a_case_that_cannot_be(
    desk: teller.Teller, sql: str, constraint: str
) -> None:
    _, case = await stuck(desk)
    one, _ = await people()
    await payouts.ask_verdict(one, case.id, V.PAID, "seen")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        async with connection() as conn:
            await conn.execute(sql)
    assert refused.value.constraint_name == constraint
