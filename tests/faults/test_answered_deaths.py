"""Processes die with what a partner has just answered: it is asked again, and what it said is
booked once, also the last time that it would have been asked (rows D5, F1, F4, H3)."""

from datetime import UTC, date, timedelta
from uuid import UUID

import pytest

from domain import (
    checkout,
    custody,
    fulfilment,
    ledger,
    payments,
    payouts,
    replenishment,
    suppliers,
)
from domain.custody import CustodyReport, service
from domain.fulfilment import AttemptStatus
from domain.kernel import Money, clock, transaction
from domain.orders import LineStatus, Order, OrderStatus
from domain.payments import Payment, PaymentStatus
from domain.payouts import Payout, PayoutStatus
from domain.replenishment import buying
from tests import make, vendor
from tests.domain.fulfilment.test_fulfilment import Scripted, goods, port, state_of
from tests.domain.fulfilment.test_uncertain import uncertain_line
from tests.domain.payments.test_paying import started, unpaid
from tests.domain.payouts.test_incoming import bench, sent
from tests.domain.replenishment import test_buying as stock
from tests.domain.replenishment.test_seats import uncertain
from tests.faults.dying import Mortal
from tests.faults.test_kills import no_violations, number_of
from tests.payout_benches import PayoutBench
from tests.vendor import Vendor

pytestmark = pytest.mark.xdist_group("deaths")
__all__ = ["bench", "port"]


# --- suppliers ------------------------------------------------------------------------------------


async def query(port: Scripted, attempt_id: UUID) -> None:
    suppliers.register("scripted", port)
    await fulfilment.query_attempt(attempt_id)


async def test_goods_that_a_query_found_are_delivered_once(mortal: Mortal, port: Scripted) -> None:
    _, attempt = await uncertain_line(port, ["first", "second"])
    port.queries = {"first": [goods()]}
    await mortal.dies("fulfilment.query_answered", query, port, attempt.id, days=1)
    assert (await state_of(attempt.line_id))[0] is LineStatus.DELIVERING
    with make.later(days=2):
        await fulfilment.query_attempt(attempt.id)
    assert await state_of(attempt.line_id) == (LineStatus.DELIVERED, [AttemptStatus.SUCCEEDED])
    assert await number_of("cards") == 1
    await no_violations()


@pytest.fixture
def stock_port() -> stock.Scripted:
    made = stock.Scripted()
    suppliers.register("scripted", made)
    return made


async def stock_work(port: stock.Scripted, seconds: int) -> None:
    suppliers.register("scripted", port)
    await stock.work(seconds)


async def test_what_was_bought_for_stock_and_found_by_a_query_comes_once(
    mortal: Mortal, stock_port: stock.Scripted
) -> None:
    variant = await uncertain(stock_port)
    stock_port.queries = {"first": [stock.goods(5)]}
    await mortal.dies("replenishment.query_answered", stock_work, stock_port, 100)
    assert await stock.on_shelf(variant) == 0
    await stock.work(200)
    assert await stock.on_shelf(variant) == 5
    assert [each.status for each in await stock.bought(variant)] == [AttemptStatus.SUCCEEDED]
    await stock.books_agree()


async def given_up(port: stock.Scripted) -> make.Variant:
    """A purchase that is given up, and about which its supplier is to be asked for the last time;
    another supplier has brought what was wanted."""
    variant = await uncertain(port)
    (purchase,) = await stock.bought(variant)
    operator = await make.operator("purchases:approve")
    await replenishment.give_up(operator, purchase.id, "surely not")
    await stock.work()
    last = {"rechecks": fulfilment.MOST_RECHECKS - 1, "recheck_at": clock.now()}
    await replenishment.StockPurchase.filter(id=purchase.id).update(**last)
    port.queries = {"first": [stock.goods(5)]}
    return variant


@pytest.mark.parametrize(
    ("point", "here"), [("replenishment.recheck_answered", 5), ("replenishment.recheck_booked", 10)]
)
async def test_goods_that_come_at_the_last_question_are_stock_once(
    mortal: Mortal, stock_port: stock.Scripted, point: str, here: int
) -> None:
    variant = await given_up(stock_port)
    await mortal.dies(point, stock_work, stock_port, 1)
    assert await stock.on_shelf(variant) == here
    for seconds in (60, 120):
        await stock.work(seconds)
    assert await stock.on_shelf(variant) == 10
    assert [each.status for each in await stock.bought(variant)] == [AttemptStatus.SUCCEEDED] * 2
    assert await number_of("stock_purchases", "recheck_at IS NOT NULL") == 0
    await stock.books_agree()


async def without_lease(port: stock.Scripted) -> None:
    """As it was: whoever asks for the last time has noted beforehand that nobody asks again."""
    buying._CLAIM_RECHECK = buying._CLAIM_RECHECK.replace("= $2", "= nullif($2::timestamptz, $2)")
    await stock_work(port, 1)


async def test_twin_without_the_lease_the_last_question_would_be_lost_with_whoever_asked_it(
    mortal: Mortal, stock_port: stock.Scripted
) -> None:
    variant = await given_up(stock_port)
    await mortal.dies("replenishment.recheck_answered", without_lease, stock_port)
    for seconds in (60, 120, 10_000_000):
        await stock.work(seconds)
    assert await stock.on_shelf(variant) == 5  # five more are paid for, and nowhere


# --- channels -------------------------------------------------------------------------------------


async def ask(bank: Vendor, payment_id: UUID) -> None:
    payments.register(vendor.ADAPTER, bank)
    await checkout.query_payment(payment_id)


async def test_a_payment_that_is_closed_there_is_closed_here(mortal: Mortal) -> None:
    bank = Vendor()
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    order = await unpaid(buyer, variant.sku)
    payment = await started(buyer, order, await vendor.channel(bank))
    with make.later(minutes=16):
        await checkout.expire_orders()
    await mortal.dies("payments.close_answered", ask, bank, payment.id, days=1)
    assert (await Payment.get()).status is PaymentStatus.PENDING
    bank.entries[payment.reference].closed = True  # it had closed it, in the other process
    with make.later(days=2):
        await checkout.query_payment(payment.id)
    assert (await Payment.get()).status is PaymentStatus.CLOSED
    await no_violations()


async def confirm(bank: Vendor, payment_id: UUID) -> None:
    payments.register(vendor.ADAPTER, bank)
    await checkout.confirm_by_hand(make.OPERATOR, payment_id, "V-1", "seen in the bank", "hand")


async def test_money_that_an_operator_has_seen_is_booked_once(mortal: Mortal) -> None:
    bank = Vendor(silent=True)
    variant, buyer = await make.variant(cards=1), await make.buyer(0)
    order = await unpaid(buyer, variant.sku)
    payment = await started(buyer, order, await vendor.channel(bank))
    await mortal.dies("payments.hand_committed", confirm, bank, payment.id)
    assert (await Order.get(id=order.id)).status is OrderStatus.PENDING_PAYMENT
    for _ in range(2):
        await confirm(bank, payment.id)
    assert (await Order.get(id=order.id)).status is OrderStatus.DELIVERED
    assert await number_of("audit_entries", "action = 'payment.confirm'") == 1
    assert await number_of("transfers", "kind = 'payment'") == 1
    await no_violations()


@pytest.mark.parametrize("point", ["payouts.callback_answered", "payouts.callback_booked"])
async def test_a_payout_that_was_called_back_is_booked_once(
    mortal: Mortal, bench: PayoutBench, point: str
) -> None:
    payout = await sent(bench)
    bench.desk.confirm(payout.reference)
    headers, body = bench.gateway.transfer_notice(payout.reference, None)
    await mortal.dies(point, payouts.take_callback, payout.channel_id, headers, body)
    booked = point == "payouts.callback_booked"
    now = (await Payout.get(id=payout.id)).status
    assert now is (PayoutStatus.SUCCEEDED if booked else PayoutStatus.ACCEPTED)
    await payouts.take_callback(payout.channel_id, headers, body)
    assert (await Payout.get(id=payout.id)).status is PayoutStatus.SUCCEEDED
    assert await number_of("transfers", "kind = 'payout_paid'") == 1
    assert await number_of("outbox_events", "type = 'payout.succeeded'") == 1
    await no_violations()


# --- custody --------------------------------------------------------------------------------------


class Holder:
    """A custodian that holds nothing at all."""

    async def balance(self, currency: str, day: date) -> int | None:
        return 0


def held_by_nobody() -> date:
    custody.custodian.port, custody.custodian.utc_offset = Holder(), timedelta(0)
    return clock.now().astimezone(UTC).date()


async def check_custody() -> None:
    held_by_nobody()
    await custody.check_custody()


@pytest.fixture
async def today(db: None, monkeypatch: pytest.MonkeyPatch) -> date:
    """Buyers own yuan and dollars from this day on."""
    for name in ("port", "utc_offset"):
        monkeypatch.setattr(custody.custodian, name, getattr(custody.custodian, name))
    buyer = await make.buyer(make.yuan(100))
    await ledger.open_platform_accounts("USD")
    async with transaction() as conn:
        wallet = (ledger.AccountKind.WALLET, buyer.require_user(), "USD")
        await ledger.open_accounts(conn, [wallet])
    dollars = Money(make.yuan(7), "USD")
    await ledger.top_up(make.OPERATOR, buyer.require_user(), dollars, "test", "dollars")
    return held_by_nobody()


@pytest.mark.parametrize("point", ["custody.answered", "custody.written"])
async def test_a_day_is_compared_in_all_its_currencies(
    mortal: Mortal, today: date, point: str
) -> None:
    await mortal.dies(point, check_custody, days=1, nth=7)  # the last of the seven days
    assert await CustodyReport.filter(day=today).count() == 0
    with make.later(days=1):
        assert [await custody.check_custody() for _ in range(2)] == [2, 0]
    missing = {each.currency: each.missing for each in await CustodyReport.filter(day=today)}
    assert missing == {"CNY": make.yuan(100), "USD": make.yuan(7)}
    assert await number_of("outbox_events", "type = 'custody.short'") == 2


async def test_twin_a_day_of_which_one_currency_is_written_is_asked_for_no_more(
    today: date,
) -> None:
    """What whoever died between two transactions would have left behind."""
    with make.later(days=1):
        async with transaction() as conn:
            await service._report(conn, today, "CNY", make.yuan(100), 0)
        assert await custody.check_custody() == 0
    assert await CustodyReport.filter(day=today, currency="USD").count() == 0
