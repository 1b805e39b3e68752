"""Statements of who pays out, against payouts: the third of the three ways (mission row F5)."""

from datetime import date, timedelta, timezone

import pytest

from domain import payouts, statements
from domain.invariants import find_violations
from domain.kernel import Refused, clock, connection
from domain.payouts import Payout, PayoutChannel, PayoutStatus
from domain.payouts.ports import Paid, Returned
from domain.statements import Outcome, StatementDifference, StatementLine, StatementSource
from tests import make, teller
from tests.statement_files import Row, at, open_codes, take, yesterday_at_noon

pytestmark = pytest.mark.usefixtures("db")
S = PayoutStatus


@pytest.fixture(autouse=True)
async def desk() -> teller.Teller:
    made = teller.Teller()
    payouts.register(teller.ADAPTER, made)
    return made


async def house() -> tuple[PayoutChannel, StatementSource]:
    channel = await teller.channel(fee_fixed=make.yuan("0.50"), tax_rate=100)
    return channel, await statements.source_of_payouts(channel.code)


async def paid(channel: PayoutChannel, yuan: str = "10") -> Payout:
    """A payout that its channel was told to send."""
    _, actor = await teller.earner(100)
    asked = await payouts.request_payout(actor, channel.id, make.money(yuan), f"pay {yuan}")
    await payouts.approve_payout(await make.operator("payouts:approve"), asked.payout.id)
    await payouts.run_payout(asked.payout.id)
    return await Payout.get(id=asked.payout.id)


def row_of(payout: Payout, **changes: object) -> Row:
    """What an honest bank says of it: what its receiver got."""
    net, moment = payouts.net_of(payout), payout.finished_at or clock.now()
    row = Row(payout.reference, net, moment, kind="payout", provider_id=payout.provider_id or "")
    return row.but(fee=0, **changes)


def day_of(payout: Payout) -> date:
    """By the calendar of whoever pays out."""
    assert payout.finished_at is not None
    return payout.finished_at.astimezone(timezone(timedelta(hours=8))).date()


async def outcomes() -> list[Outcome]:
    return [each.outcome for each in await StatementLine.all().order_by("number", "id")]


async def test_what_its_receiver_got_is_matched() -> None:
    channel, source = await house()
    payout = await paid(channel)
    assert payout.status is S.SUCCEEDED
    by_number = await paid(channel, "7")
    report = await take(
        source, row_of(payout), row_of(by_number, reference="the bank's own", amount=5_00_00)
    )
    assert (report.lines, report.left_out) == (2, 0)
    assert await outcomes() == [Outcome.MATCHED, Outcome.AMOUNT_DIFFERS]
    line = await StatementLine.get(number=1)
    assert (line.ours, line.subject_id, line.owner_id) == (make.yuan("9.40"), payout.id, channel.id)
    assert await open_codes() == ["payout_differs"]
    assert [each.name for each in await find_violations() if each.violations] == []


async def test_money_that_left_without_a_payout_of_ours_is_missing_here() -> None:
    channel, source = await house()
    payout = await paid(channel)
    stranger = Row("nobody's", make.yuan(9), clock.now(), kind="payout", fee=0)
    await take(source, stranger, row_of(payout), row_of(payout, amount=make.yuan(1)))
    assert await open_codes() == ["payout_unknown_here", "payout_twice"]


async def test_what_the_statement_does_not_know_is_missing_there() -> None:
    channel, source = await house()
    with at(yesterday_at_noon()):
        lost, known = await paid(channel), await paid(channel, "7")
    day = day_of(lost)
    await take(source, row_of(known), day=day)
    assert await open_codes() == ["payout_missing_there"]
    found = await StatementDifference.get()
    assert (found.ours, found.subject_id) == (make.yuan("9.40"), lost.id)
    await take(source, row_of(known), row_of(lost), day=day)
    assert await open_codes() == []


async def test_who_is_asked_about_a_lost_answer_books_it_and_sends_nothing(
    desk: teller.Teller,
) -> None:
    channel, source = await house()
    desk.faults = [teller.lost_after]
    payout = await paid(channel)
    assert payout.status is S.UNKNOWN
    await take(source, row_of(payout))
    assert await open_codes() == ["payout_not_booked"]
    difference = await StatementDifference.get()
    await statements.ask_partner(make.OPERATOR, difference.id)
    assert (await Payout.get(id=payout.id)).status is S.SUCCEEDED
    assert desk.submitted[payout.reference] == 1
    assert await open_codes() == []
    assert await outcomes() == [Outcome.MATCHED]
    assert [each.name for each in await find_violations() if each.violations] == []


async def test_a_payout_that_came_back_is_two_lines(desk: teller.Teller) -> None:
    channel, source = await house()
    payout = await paid(channel)
    net = payouts.net_of(payout)
    back = row_of(payout, amount=-net, provider_id="R1")
    await take(source, row_of(payout), back)
    assert await open_codes() == ["return_not_booked"]
    desk.scripted[payout.reference] = [Returned("T1")]
    await statements.ask_partner(make.OPERATOR, (await StatementDifference.get()).id)
    assert (await Payout.get(id=payout.id)).status is S.RETURNED
    assert await outcomes() == [Outcome.MATCHED, Outcome.MATCHED]
    assert await open_codes() == []
    assert [each.name for each in await find_violations() if each.violations] == []


async def test_both_lines_of_what_came_back_are_missed(desk: teller.Teller) -> None:
    channel, source = await house()
    with at(yesterday_at_noon()):
        payout = await paid(channel)
        await payouts.book_result(payout.id, Returned("T1"))
    payout = await Payout.get(id=payout.id)
    await take(source, day=day_of(payout))
    assert await open_codes() == ["payout_missing_there", "return_missing_there"]
    await take(source, row_of(payout), day=day_of(payout))
    assert await open_codes() == ["return_missing_there"]


async def test_what_surely_failed_is_not_asked_about(desk: teller.Teller) -> None:
    """Its agent has the money again: what the bank says of it is for people to judge."""
    channel, source = await house()
    desk.faults = [teller.says(payouts.ports.Rejected(payouts.ports.Why.RECEIVER))]
    payout = await paid(channel)
    assert payout.status is S.FAILED
    await take(source, row_of(payout))
    desk.scripted[payout.reference] = [Paid("T1")]
    await statements.ask_partner(make.OPERATOR, (await StatementDifference.get()).id)
    assert (await Payout.get(id=payout.id)).status is S.FAILED
    assert desk.queried[payout.reference] == 0
    assert await open_codes() == ["payout_not_booked"]


async def test_channels_of_one_merchant_are_one_source() -> None:
    _, source = await house()
    other = await teller.channel(code="desk2")
    assert (await statements.source_of_payouts(other.code)).id == source.id
    payout = await paid(other)
    await take(source, row_of(payout))
    assert await outcomes() == [Outcome.MATCHED]


async def test_a_name_of_no_channel_is_no_source() -> None:
    with pytest.raises(Refused, match="NOT_FOUND"):
        await statements.source_of_payouts("desk")


async def test_a_source_from_before_there_were_channels_gets_its_owner() -> None:
    channel = await teller.channel()
    async with connection() as conn:
        await conn.execute(
            "INSERT INTO statement_sources (id, party, owner_id, code, offset_minutes, created_at)"
            " VALUES (gen_random_uuid(), 'PAYOUT', NULL, $1, 480, now())",
            channel.code,
        )
    source = await statements.source_of_payouts(channel.code)
    assert (source.owner_id, await StatementSource.all().count()) == (channel.id, 1)
