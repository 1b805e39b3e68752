"""Files for a bank: made once, carried by one, and what comes back taken in by another."""

import asyncio
import csv
import io
from hashlib import sha256

import asyncpg
import pytest

from domain import ledger, payouts
from domain.commissions import balances_of
from domain.invariants import find_violations
from domain.kernel import Refused, connection, page_request, transaction
from domain.ledger import AccountKind, account_id
from domain.payouts import FileState, Payout, PayoutFile, PayoutStatus, RowDifference
from domain.payouts import results as taking
from tests import banking, make, teller

pytestmark = pytest.mark.usefixtures("db")
S = PayoutStatus


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as refused:
        await awaitable  # type: ignore[misc]
    return refused.value.refusals[0].code


async def all_is_well() -> None:
    assert [each for each in await find_violations() if each.violations] == []


async def balance(kind: AccountKind) -> int:
    return await ledger.balance_of(account_id(kind, None, make.CNY))


async def with_bank(*amounts: str) -> tuple[banking.Desk, PayoutFile, list[Payout]]:
    """A file that the bank has, and its payouts."""
    people, of = await banking.desk(), await banking.channel()
    batch = await banking.approved(of, people, *amounts)
    made = await payouts.make_file(people.one, of.id, batch.id)
    await payouts.hand_over(people.one, made.id)
    return people, made, await Payout.filter(file_id=made.id).order_by("id")


async def state(made: PayoutFile) -> FileState:
    made = await PayoutFile.get(id=made.id)
    return payouts.state_of(made, (await payouts.progress_of([made.id]))[made.id])


async def test_a_batch_becomes_one_file_with_control_totals() -> None:
    people, of = await banking.desk(), await banking.channel(fee_fixed=make.yuan("0.50"))
    batch = await banking.approved(of, people, "10", "20.25")
    made = await payouts.make_file(people.one, of.id, batch.id)
    assert (made.count, made.total) == (2, make.yuan("29.25"))
    assert await balance(AccountKind.PAYOUT_TRANSIT) == make.yuan("30.25")
    taken = await payouts.take_file(people.one, made.id)
    assert sha256(taken.content).digest() == made.digest
    rows = list(csv.reader(io.StringIO(taken.content.decode("utf-8-sig"))))
    assert [row[0] for row in rows] == ["HEAD", "ROW", "ROW", "END"]
    assert rows[0][1] == made.number
    assert rows[1][3:7] == ["6222000000000001", "王小明", "工商银行", "上海分行"]
    assert rows[3][1:3] == ["2", "29.25"]
    assert b"6222000000000001" not in made.sealed
    assert "6222000000000001" not in repr(taken)
    again = await payouts.make_file(people.one, of.id, batch.id)
    assert again.id == made.id
    assert (await payouts.take_file(people.one, made.id)).content == taken.content
    assert await state(made) is FileState.MADE
    await all_is_well()


async def test_what_was_asked_twice_at_once_is_one_file() -> None:
    people, of = await banking.desk(), await banking.channel()
    batch = await banking.approved(of, people, "10", "20")
    made = await asyncio.gather(*(payouts.make_file(people.one, of.id, batch.id) for _ in range(6)))
    assert len({each.id for each in made}) == 1
    assert await balance(AccountKind.PAYOUT_TRANSIT) == make.yuan(30)
    await all_is_well()


async def test_what_was_approved_one_by_one_goes_into_a_file_without_a_batch() -> None:
    people, of = await banking.desk(), await banking.channel()
    first, second = await banking.asked(of, "10", "20")
    await payouts.approve_payout(people.other, first.id)
    made = await payouts.make_file(people.one, of.id)
    assert (made.count, made.batch_id) == (1, None)
    assert await code_of(payouts.make_file(people.one, of.id)) == "INVALID"  # nothing waits
    await payouts.approve_payout(people.other, second.id)
    assert (await payouts.make_file(people.one, of.id)).total == make.yuan(20)
    await payouts.run_payout(second.id)  # the job leaves alone what a file carries
    assert (await Payout.get(id=second.id)).status is S.SUBMITTING
    await all_is_well()


async def test_files_need_two_people_and_a_fresh_factor() -> None:
    people, of = await banking.desk(), await banking.channel()
    batch = await banking.approved(of, people, "10")
    assert await code_of(payouts.make_file(people.other, of.id, batch.id)) == "FOUR_EYES"
    stale = await make.operator("payouts:files", stepped_up=False)
    assert await code_of(payouts.make_file(stale, of.id, batch.id)) == "STEP_UP_REQUIRED"
    nobody = await make.operator("payouts:approve", "payouts:read")
    assert await code_of(payouts.make_file(nobody, of.id, batch.id)) == "FORBIDDEN"
    made = await payouts.make_file(people.one, of.id, batch.id)
    for deed in (payouts.take_file(stale, made.id), payouts.take_results(stale, made.id, "", b"")):
        assert await code_of(deed) == "STEP_UP_REQUIRED"
    await payouts.hand_over(people.one, made.id)
    assert await code_of(payouts.hand_over(people.one, made.id)) == "PAYOUT_MOVE_NOT_ALLOWED"
    own = payouts.take_results(people.one, made.id, "r.csv", b"")
    assert await code_of(own) == "FOUR_EYES"


async def test_a_batch_that_is_not_approved_has_no_file_and_a_desk_takes_none() -> None:
    people, of = await banking.desk(), await banking.channel()
    (payout,) = await banking.asked(of, "10")
    batch = await payouts.propose_batch(people.one, [payout.id], None)
    early = payouts.make_file(people.one, of.id, batch.id)
    assert await code_of(early) == "PAYOUT_MOVE_NOT_ALLOWED"
    payouts.register(teller.ADAPTER, teller.Teller())
    other = await teller.channel()
    assert await code_of(payouts.make_file(people.one, other.id)) == "INVALID"


async def test_results_end_their_payouts_once_and_in_parts() -> None:
    people, made, (first, second, third) = await with_bank("10", "20", "30")
    part = banking.results(
        (first.reference, "10", "成功"), (second.reference, "20.00", "失败"), end="END,2,30"
    )
    told = await payouts.take_results(people.other, made.id, "part.csv", part)
    assert (told.result.booked, told.result.known, told.differences) == (2, 0, [])
    assert await state(made) is FileState.PARTLY
    again = await payouts.take_results(people.other, made.id, "part.csv", part)
    assert again.replayed
    rest = banking.results((first.reference, "10", "paid"), (third.reference, "30", "paid"))
    told = await payouts.take_results(people.other, made.id, "rest.csv", rest)
    assert (told.result.booked, told.result.known) == (1, 1)
    assert await state(made) is FileState.DONE
    assert (await balances_of(second.agent_id, make.CNY)).available.units == make.yuan(20)
    assert await balance(AccountKind.PAYOUT_TRANSIT) == 0
    back = banking.results((third.reference, "30", "退汇"))
    assert (await payouts.take_results(people.other, made.id, "back.csv", back)).result.booked == 1
    assert (await Payout.get(id=third.id)).status is S.RETURNED
    assert (await balances_of(third.agent_id, make.CNY)).available.units == make.yuan(30)
    await all_is_well()


async def test_each_row_that_is_not_what_we_have_is_told_and_books_nothing() -> None:
    people, made, (first, second, third) = await with_bank("10", "20", "30")
    (elsewhere,) = await banking.asked(await banking.channel("other"), "5")
    await payouts.take_results(
        people.other, made.id, "a", banking.results((first.reference, "10", "paid"))
    )
    wrong = banking.results(
        ("nobodys", "1", "paid"),
        (elsewhere.reference, "5", "paid"),
        (second.reference, "20.01", "paid"),
        (first.reference, "10", "failed"),
        (third.reference, "30", "paid"),
        (third.reference, "30", "failed"),
    )
    told = await payouts.take_results(people.other, made.id, "b", wrong)
    assert [(each.line, each.kind) for each in told.differences] == [
        (2, RowDifference.UNKNOWN_REFERENCE),
        (3, RowDifference.OTHER_FILE),
        (4, RowDifference.AMOUNT),
        (5, RowDifference.CONTRADICTS),
        (7, RowDifference.TWICE),
    ]
    assert (told.result.booked, payouts.differing(told.result)) == (1, 5)
    assert [(await Payout.get(id=each.id)).status for each in (first, second, third)] == [
        S.SUCCEEDED,
        S.ACCEPTED,
        S.SUCCEEDED,
    ]
    assert (await Payout.get(id=elsewhere.id)).status is S.REQUESTED
    kept = (await payouts.differences_of([told.result.id]))[told.result.id]
    assert [each.kind for each in kept] == [each.kind for each in told.differences]
    await all_is_well()


class Died(Exception):
    """The process was killed here."""


async def test_an_import_that_was_cut_off_is_taken_in_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people, made, (first, second) = await with_bank("10", "20")
    content = banking.results((first.reference, "10", "paid"), (second.reference, "20", "failed"))

    def die(name: str) -> None:
        raise Died

    monkeypatch.setattr(taking, "crash_point", die)
    with pytest.raises(Died):
        await payouts.take_results(people.other, made.id, "a", content)
    assert await state(made) is FileState.PARTLY
    monkeypatch.setattr(taking, "crash_point", lambda name: None)
    told = await payouts.take_results(people.other, made.id, "a", content)
    assert (told.result.booked, told.result.known, told.differences) == (1, 1, [])
    assert await balance(AccountKind.PAYOUT_TRANSIT) == 0
    await all_is_well()


async def test_a_file_that_is_not_as_agreed_is_not_taken_at_all() -> None:
    people, made, (first, second) = await with_bank("10", "20")
    content = banking.results((first.reference, "10", "paid"), (second.reference, "20", "maybe"))
    with pytest.raises(Refused) as refused:
        await payouts.take_results(people.other, made.id, "a", content)
    (refusal,) = refused.value.refusals
    assert isinstance(refusal, payouts.PayoutFileInvalid)
    assert (refusal.line, refusal.reason) == (3, "payout_file_result")
    assert (await Payout.get(id=first.id)).status is S.ACCEPTED
    early = await make.operator("payouts:files")
    of = await banking.channel("late")
    (other,) = await banking.asked(of, "5")
    await payouts.approve_payout(people.other, other.id)
    waiting = await payouts.make_file(people.one, of.id)
    deed = payouts.take_results(early, waiting.id, "a", content)
    assert await code_of(deed) == "PAYOUT_MOVE_NOT_ALLOWED"  # the bank does not have it


async def test_files_are_listed_newest_first() -> None:
    people, made, _ = await with_bank("10")
    page = await payouts.list_files(people.one, page_request("files", 5, None), made.channel_id)
    assert [each.id for each in page.rows] == [made.id]


@pytest.mark.parametrize(
    ("sql", "refusal"),
    [
        ("UPDATE payout_files SET total = total + 1", "made once"),
        ("UPDATE payout_files SET handed_over_at = now()", "made once"),
        ("DELETE FROM payout_files", "made once"),
        ("UPDATE payouts SET file_id = NULL", "stays in its file"),
        ("DELETE FROM payout_file_results", "append-only"),
        ("UPDATE payout_file_results SET booked = 0", "append-only"),
        ("DELETE FROM payout_row_differences", "append-only"),
    ],
)
async def test_the_database_keeps_files_and_results(sql: str, refusal: str) -> None:
    people, made, (first,) = await with_bank("10")
    rows = banking.results((first.reference, "10", "paid"), ("nobodys", "1", "paid"))
    await payouts.take_results(people.other, made.id, "a", rows)
    with pytest.raises(asyncpg.PostgresError, match=refusal):
        async with connection() as conn:
            await conn.execute(sql)


async def test_the_database_refuses_two_eyes() -> None:
    people, of = await banking.desk(), await banking.channel()
    batch = await banking.approved(of, people, "10")
    made = await payouts.make_file(people.one, of.id, batch.id)
    (payout,) = await banking.asked(of, "20")
    await payouts.approve_payout(people.one, payout.id)
    with pytest.raises(asyncpg.RestrictViolationError, match="does not make its file"):
        async with connection() as conn:
            await conn.execute("UPDATE payouts SET file_id = $1 WHERE id = $2", made.id, payout.id)
    insert = (
        "INSERT INTO payout_file_results (id, file_id, name, digest, rows, booked, known, taken_by,"
        " taken_at) VALUES (gen_random_uuid(), $1, 'a', 'a', 1, 1, 0, $2, now())"
    )
    with pytest.raises(asyncpg.RestrictViolationError, match="does not take in its results"):
        async with connection() as conn:
            await conn.execute(insert, made.id, people.one.user_id)


async def test_the_database_has_one_file_of_a_batch_and_takes_results_once() -> None:
    _, made, _ = await with_bank("10")
    again = (
        "INSERT INTO payout_files SELECT gen_random_uuid(), channel_id, number || 'x', count,"
        " total, currency, digest, sealed, made_by, made_at, batch_id, NULL, NULL FROM payout_files"
    )
    with pytest.raises(asyncpg.UniqueViolationError, match="payout_file_once_a_batch"):
        async with transaction() as conn:
            await conn.execute(again)
    twice = (
        "INSERT INTO payout_file_results (id, file_id, name, digest, rows, booked, known, taken_by,"
        " taken_at) SELECT gen_random_uuid(), id, 'a', 'a', 1, 1, 0, gen_random_uuid(), now()"
        " FROM payout_files, generate_series(1, 2)"
    )
    with pytest.raises(asyncpg.UniqueViolationError, match="payout_result_taken_once"):
        async with transaction() as conn:
            await conn.execute(twice)
    assert made.handed_over_at is None
