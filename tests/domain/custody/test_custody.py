"""What buyers own is held by somebody, or everybody hears of it (mission row F4)."""

from datetime import UTC, date, timedelta

import pytest

from domain import checkout, custody, ledger
from domain.checkout import LineWish, Purchase
from domain.custody import CustodyReport
from domain.kernel import clock
from domain.webhooks.models import OutboxEvent
from schema.admin import schema
from server import metrics
from tests import make
from tests.api.asking import ask, data_of

pytestmark = pytest.mark.usefixtures("db")
REPORTS = """{ custodyReports(first: 5) { nodes {
  day clientFunds { amount } held { amount } missing { amount } } } }"""


class Bank:
    """A custodian that says what a test lets it."""

    def __init__(self, says: int | None) -> None:
        self.says = says
        self.asked: list[tuple[str, date]] = []

    async def balance(self, currency: str, day: date) -> int | None:
        self.asked.append((currency, day))
        return self.says


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    found = Bank(make.yuan(100))
    monkeypatch.setattr(custody.custodian, "port", found)
    monkeypatch.setattr(custody.custodian, "utc_offset", timedelta(0))
    return found


async def test_client_funds_are_what_buyers_had_at_that_moment() -> None:
    buyer = await make.buyer(make.yuan(100))
    variant = await make.variant(cards=1)
    then = clock.now()
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    assert await ledger.client_funds_at(clock.now()) == {make.CNY: make.yuan(51)}
    assert await ledger.client_funds_at(then) == {make.CNY: make.yuan(100)}
    assert await ledger.client_funds_at(then - timedelta(days=1)) == {make.CNY: 0}
    await make.buyer(make.yuan(7))
    assert await ledger.client_funds_at(clock.now()) == {make.CNY: make.yuan(58)}


@pytest.mark.parametrize(("held", "missing"), [(100, 0), (120, 0), (70, 30)])
async def test_a_custodian_that_holds_too_little_is_told_of_once(
    bank: Bank, held: int, missing: int
) -> None:
    await make.buyer(make.yuan(100))
    bank.says, today = make.yuan(held), clock.now().astimezone(UTC).date()
    assert await custody.check_day(today) == (1 if missing else 0)
    assert await custody.check_day(today) == 0
    report = await CustodyReport.get()
    assert (report.client_funds, report.missing) == (make.yuan(100), make.yuan(missing))
    told = await OutboxEvent.filter(type="custody.short")
    assert [each.payload["missing"] for each in told] == (["30.00"] if missing else [])
    text = (await metrics.render()).decode()
    assert f'kameng_custody_missing{{currency="CNY"}} {missing}.0' in text


async def test_a_silent_custodian_is_asked_again_and_days_are_made_up_for(bank: Bank) -> None:
    await make.buyer(make.yuan(100))
    bank.says = None
    assert await custody.check_custody() == 0
    today = clock.now().astimezone(UTC).date()
    days = [today - timedelta(days=number) for number in range(7, 0, -1)]
    assert [day for _, day in bank.asked] == days
    bank.says = 0
    assert await custody.check_custody() == 0  # on these days nobody owned anything
    assert len(bank.asked) == 14
    await custody.check_custody()
    assert len(bank.asked) == 14
    with make.later(days=1):
        assert await custody.check_custody() == 1
    assert bank.asked[-1] == (make.CNY, today)


async def test_without_a_custodian_nothing_is_compared() -> None:
    assert custody.custodian.port is None
    assert await custody.check_custody() == 0
    assert await CustodyReport.all().count() == 0


async def test_the_back_office_sees_the_reports(bank: Bank) -> None:
    await make.buyer(make.yuan(100))
    bank.says, today = make.yuan(70), clock.now().astimezone(UTC).date()
    await custody.check_day(today)
    shown = await data_of(schema, REPORTS, await make.operator("ledger:read"))
    assert shown["custodyReports"]["nodes"] == [
        {
            "day": today.isoformat(),
            "clientFunds": {"amount": "100.00"},
            "held": {"amount": "70.00"},
            "missing": {"amount": "30.00"},
        }
    ]
    denied = await ask(schema, REPORTS, await make.operator("orders:read"))
    assert [error.extensions["code"] for error in denied.errors] == ["FORBIDDEN"]
