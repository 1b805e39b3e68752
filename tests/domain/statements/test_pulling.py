"""Yesterday's statements are asked for until they are here; what died on the way goes on (F5)."""

from datetime import UTC, date, timedelta

import pytest

from domain import checkout, statements
from domain.kernel import clock
from domain.payments.ports import StatementKind, StatementRow
from domain.statements import StatementDifference, StatementFile, StatementLine, StatementSource
from domain.statements.models import StatementDay
from tests import make, vendor
from tests.statement_files import at, midnight, open_codes, pay, today
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
MORNING = timedelta(hours=6)


async def pulled() -> tuple[int, int]:
    """All that is due, asked for: days that came, days that are still to come."""
    found = [await statements.pull(each) for each in await statements.list_due(50)]
    return sum(each.days for each in found), sum(each.waiting for each in found)


async def whole_days() -> list[date]:
    return [each.day for each in await StatementDay.all().order_by("day")]


async def test_a_day_is_asked_for_until_its_statement_is_made() -> None:
    bank, day = Vendor(), today()
    channel = await vendor.channel(bank)
    payment = await pay(bank, channel)
    assert await pulled() == (0, 0)  # today is not over
    with at(midnight() + MORNING):
        assert await pulled() == (0, 1)
        bank.bills[day] = []
        assert await pulled() == (0, 0)  # asked an hour ago
    with at(midnight() + MORNING + timedelta(hours=1)):
        assert await pulled() == (1, 0)
        assert await pulled() == (0, 0)
    assert await whole_days() == [day]
    line = await StatementLine.get()
    assert (line.subject_id, line.fee, line.outcome) == (payment.id, 2_940, "MATCHED")
    source = await StatementSource.get()
    assert source.next_pull_at == midnight() + timedelta(days=1, minutes=30)


async def test_days_that_were_missed_are_made_up_for_and_differences_told() -> None:
    bank = Vendor()
    first = midnight() - timedelta(days=3, hours=12)
    with at(first):
        channel = await vendor.channel(bank)
        await pay(bank, channel)
    days = [(first + timedelta(days=each)).date() for each in range(3)]
    strange = StatementRow(
        StatementKind.PAYMENT, "strange", "V9", make.yuan(5), 0, "CNY", first + timedelta(days=1)
    )
    bank.bills = {days[0]: [], days[1]: [strange], days[2]: []}
    assert await pulled() == (3, 0)
    assert await whole_days() == days
    assert await open_codes() == ["payment_unknown_here"]


async def test_channels_of_one_merchant_are_asked_once() -> None:
    bank = Vendor()
    for _ in range(2):
        await vendor.channel(bank)
    await statements.list_due(50)
    assert await StatementSource.all().count() == 1
    bank.bills[today()] = []
    with at(midnight() + MORNING):
        assert await pulled() == (1, 0)
    assert await StatementFile.all().count() == 1


async def test_what_was_booked_meanwhile_agrees_with_the_next_turn() -> None:
    bank, day = Vendor(), today()
    channel = await vendor.channel(bank)
    unheard = await pay(bank, channel, booked=False)
    bank.bills[day] = []
    with at(midnight() + MORNING):
        assert await pulled() == (1, 0)
    assert await open_codes() == ["payment_not_booked"]
    facts = bank.entries[unheard.reference].paid
    assert facts is not None
    await checkout.confirm_payment(unheard.id, facts, "query")
    assert await statements.look_at_open() == 0  # it was compared just now
    with at(clock.now().astimezone(UTC) + timedelta(days=2)):
        assert await statements.look_at_open() == 1
    assert await open_codes() == []
    assert (await StatementDifference.get()).state == statements.DifferenceState.RESOLVED
