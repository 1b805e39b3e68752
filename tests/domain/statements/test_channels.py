"""Statements of payment channels: every kind of difference is found and named (mission row F5)."""

from datetime import timedelta

import pytest

from domain import checkout, ledger, payments, statements
from domain.invariants import find_violations
from domain.kernel import Refused, clock
from domain.ledger import AccountKind, account_id
from domain.payments import PaymentChannel
from domain.statements import Outcome, StatementDifference, StatementLine, StatementSource
from tests import make, vendor
from tests.statement_files import (
    CHANNEL_FEE,
    Row,
    at,
    csv_of,
    midnight,
    open_codes,
    pay,
    row_of,
    take,
    today,
    yesterday_at_noon,
)
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")


async def shop() -> tuple[Vendor, PaymentChannel, StatementSource]:
    bank = Vendor()
    channel = await vendor.channel(bank)
    return bank, channel, await statements.source_of_channel(channel.code)


async def outcomes() -> list[Outcome]:
    return [each.outcome for each in await StatementLine.all().order_by("number", "id")]


async def fees() -> int:
    return -await ledger.balance_of(account_id(AccountKind.CHANNEL_FEE, None, make.CNY))


async def test_what_agrees_is_matched_and_its_fee_is_booked_once() -> None:
    bank, channel, source = await shop()
    paid = [await pay(bank, channel) for _ in range(3)]
    rows = [row_of(each) for each in paid]
    report = await take(source, *rows, day=today())
    assert (report.lines, report.fresh, report.left_out, report.replayed) == (3, 3, 0, False)
    assert await outcomes() == [Outcome.MATCHED] * 3
    assert await open_codes() == []
    assert await fees() == 3 * CHANNEL_FEE
    again = await take(source, *rows, day=today())
    assert (again.lines, again.fresh, again.replayed) == (3, 3, True)
    overlapping = await take(source, *rows, row_of(await pay(bank, channel)))
    assert (overlapping.lines, overlapping.fresh) == (4, 1)
    assert await StatementLine.all().count() == 4
    assert await fees() == 4 * CHANNEL_FEE
    assert [each.name for each in await find_violations() if each.violations] == []


async def test_money_that_came_there_alone_is_missing_here() -> None:
    bank, channel, source = await shop()
    unheard = await pay(bank, channel, booked=False)
    await take(source, Row("somebodyelses", make.yuan(9), clock.now()), row_of(unheard))
    assert await open_codes() == ["payment_unknown_here", "payment_not_booked"]
    assert await fees() == 0
    found = await StatementDifference.get(code="payment_not_booked")
    assert (found.theirs, found.ours, found.subject_id) == (unheard.amount, 0, unheard.id)


async def test_what_is_booked_later_agrees_when_it_is_looked_at_again() -> None:
    bank, channel, source = await shop()
    unheard = await pay(bank, channel, booked=False)
    await take(source, row_of(unheard), day=today())
    facts = bank.entries[unheard.reference].paid
    assert facts is not None
    await checkout.confirm_payment(unheard.id, facts, "query")
    assert await statements.look_again(source, clock.now()) == 1
    assert await open_codes() == []
    assert await outcomes() == [Outcome.MATCHED]
    assert await fees() == CHANNEL_FEE
    assert await statements.look_again(source, clock.now()) == 0
    assert await fees() == CHANNEL_FEE


async def test_what_only_we_have_is_missing_there_once_the_day_is_whole() -> None:
    bank, channel, source = await shop()
    yesterday = today() - timedelta(days=1)
    with at(yesterday_at_noon()):
        lost, known = await pay(bank, channel), await pay(bank, channel)
    await take(source, row_of(known))
    assert await open_codes() == []  # nobody has said that this was all of the day
    await take(source, row_of(known), day=yesterday)
    assert await open_codes() == ["payment_missing_there"]
    found = await StatementDifference.get()
    assert (found.ours, found.theirs, found.subject_id) == (lost.amount, None, lost.id)
    assert found.day == yesterday
    await take(source, row_of(lost), row_of(known), day=yesterday)
    assert await open_codes() == []
    assert (await StatementDifference.get()).state == statements.DifferenceState.RESOLVED


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_near_midnight_the_neighbour_s_statement_is_waited_for(minutes: int) -> None:
    bank, channel, source = await shop()
    moment = midnight() + timedelta(minutes=minutes)
    with at(moment):
        payment = await pay(bank, channel)
    there = moment - timedelta(minutes=2 * minutes)  # they have it on the other side
    first, second = (moment.date(), there.date())
    await take(source, day=first)
    assert await open_codes() == []
    await take(source, row_of(payment, at=there), day=second)
    assert await open_codes() == []
    line = await StatementLine.get()
    assert (line.outcome, line.late, line.day) == (Outcome.MATCHED, True, second)


async def test_near_midnight_it_is_missing_when_both_days_are_whole() -> None:
    bank, channel, source = await shop()
    moment = midnight() - timedelta(minutes=5)
    with at(moment):
        await pay(bank, channel)
    await take(source, day=moment.date() + timedelta(days=1))
    assert await open_codes() == []
    await take(source, Row("other", 0, moment), day=moment.date())
    assert "payment_missing_there" in await open_codes()


@pytest.mark.parametrize("changes", [{"amount": 1}, {"currency": "USD"}])
async def test_another_amount_or_currency_differs(changes: dict[str, object]) -> None:
    bank, channel, source = await shop()
    payment = await pay(bank, channel)
    await take(source, row_of(payment, **changes), day=today())
    assert await open_codes() == ["payment_differs"]
    found = await StatementDifference.get()
    assert found.ours == payment.amount
    # A fee of another currency is no debt of this channel's account.
    assert await fees() == (0 if "currency" in changes else CHANNEL_FEE)


async def test_a_line_that_is_there_twice_counts_once() -> None:
    bank, channel, source = await shop()
    payment = await pay(bank, channel)
    row = row_of(payment)
    await take(source, row, row, row.but(provider_id="V99"))
    assert await outcomes() == [Outcome.MATCHED, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert await open_codes() == ["payment_twice"] * 2
    assert await fees() == CHANNEL_FEE
    await take(source, row, row, row.but(provider_id="V99"), row)
    assert await open_codes() == ["payment_twice"] * 3


async def test_refunds_are_compared_by_their_own_number_and_give_fees_back() -> None:
    bank, channel, source = await shop()
    buyer = await make.buyer(0)
    first = await pay(bank, channel, buyer)
    second = await pay(bank, channel, buyer)
    suspended = await suspend(bank, channel)
    refund = await payments.refund_suspended(make.OPERATOR, suspended.id)
    await payments.run_refund(refund.id)
    done = await payments.PaymentRefund.get(id=refund.id)
    assert done.finished_at is not None
    back = Row(
        refund.reference, refund.amount, done.finished_at, "refund", suspended.reference, "R1", -500
    )
    strange = back.but(reference="byhand", provider_id="R2")
    await take(source, row_of(first), row_of(second), row_of(suspended), back, strange, day=today())
    assert await open_codes() == ["refund_unknown_here"]
    assert await fees() == 3 * CHANNEL_FEE - 500
    assert (
        await ledger.balance_of(account_id(AccountKind.CHANNEL, channel.id, make.CNY))
        == -first.amount - second.amount + 3 * CHANNEL_FEE - 500
    )


async def suspend(bank: Vendor, channel: PaymentChannel) -> payments.Payment:
    """Money that no order needs: its order was paid before."""
    payment = await pay(bank, channel, booked=False)
    facts = bank.entries[payment.reference].paid
    assert facts is not None
    await checkout.confirm_payment(payment.id, facts, "query", "second_payment")
    return await payments.Payment.get(id=payment.id)


async def test_channels_of_one_merchant_share_its_statement() -> None:
    bank = Vendor()
    one, other = await vendor.channel(bank), await vendor.channel(bank)
    stranger = await vendor.channel(bank, merchant="merchant-2")
    source = await statements.source_of_channel(other.code)
    assert source == await statements.source_of_channel(one.code)
    assert source != await statements.source_of_channel(stranger.code)
    paid = [await pay(bank, each) for each in (one, other, stranger)]
    await take(source, *(row_of(each) for each in paid))
    assert await open_codes() == ["payment_unknown_here"]
    for channel in (one, other):
        balance = await ledger.balance_of(account_id(AccountKind.CHANNEL, channel.id, make.CNY))
        assert balance == -paid[0].amount + CHANNEL_FEE


async def test_a_file_that_cannot_be_read_to_its_end_stores_nothing() -> None:
    _, _, source = await shop()
    broken = csv_of(Row("a", 1, clock.now()))
    broken.write(b"\n\xff\xfe")
    for file, reason in ((broken, "not_utf8"), (csv_of(), "")):
        wish = statements.StatementWish("bill.csv")
        if not reason:
            report = await statements.import_file(make.OPERATOR, source, wish, file)
            assert report.lines == 0
            continue
        with pytest.raises(Refused, match="STATEMENT_FILE_INVALID"):
            await statements.import_file(make.OPERATOR, source, wish, file)
    assert await StatementLine.all().count() == 0


async def test_rows_that_cannot_be_read_are_left_out_and_the_day_is_not_whole() -> None:
    bank, channel, source = await shop()
    yesterday = today() - timedelta(days=1)
    with at(yesterday_at_noon()):
        payment = await pay(bank, channel)
    file = csv_of(row_of(payment))
    file.seek(0, 2)
    file.write(b"payment,x,,V1,much,0.00,CNY,2026-11-26T00:00:00\n")
    wish = statements.StatementWish("bill.csv", first_day=yesterday, last_day=yesterday)
    report = await statements.import_file(make.OPERATOR, source, wish, file)
    assert (report.lines, report.fresh, report.left_out) == (2, 1, 1)
    with at(yesterday_at_noon()):
        await pay(bank, channel)
    await take(source, day=yesterday - timedelta(days=1))
    assert await open_codes() == []
