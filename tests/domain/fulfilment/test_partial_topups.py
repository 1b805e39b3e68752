"""A supplier tops up a part: that is sold, the rest goes back, in one transaction (row C2)."""

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from domain import checkout, fulfilment, ledger, orders, payments, suppliers
from domain.commissions import RuleKind
from domain.fulfilment import AttemptStatus, FulfilmentAttempt, service
from domain.fulfilment.rules import lacking_of
from domain.kernel import SCALE, Actor, connection
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, OrderStatus
from domain.payments import PaymentRefund, RefundStatus
from domain.suppliers import Accepted, Completed
from tests import make, vendor
from tests.domain.fulfilment.test_fulfilment import (
    Scripted,
    balance,
    no_violations,
    query_now,
    told_of,
)
from tests.domain.fulfilment.test_topup import ACCOUNT, done, offered, paid
from tests.domain.payments.test_paying import called_back, started
from tests.vendor import Vendor, told

pytestmark = pytest.mark.usefixtures("db")
PART_COST = make.yuan(40)


@pytest.fixture
def port() -> Scripted:
    made = Scripted()
    suppliers.register("scripted", made)
    return made


def part(share: int, cost: int = PART_COST) -> Completed:
    return replace(done(cost=cost, whole=False), share=share)


async def booked(kind: AccountKind, owner: UUID | None = None) -> int:
    return await ledger.balance_of(account_id(kind, owner, make.CNY))


async def events_of(order_id: UUID) -> list[str]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT type FROM outbox_events WHERE subject = $1 ORDER BY sequence", order_id
        )
    return [row["type"] for row in rows]


@pytest.mark.parametrize(
    ("total", "share", "lacking"),
    [
        (1_000_000, 5_000, 500_000),
        (1_000_000, 3_333, 666_700),
        (1_000_000, 9_999, 100),
        (10_100, 5_000, 5_100),  # half a fen goes up, in the buyer's favour
        (100, 9_999, 100),  # no more than was paid
        (1_000_000, SCALE, 0),
        (0, 5_000, 0),
    ],
)
def test_what_goes_back_is_rounded_to_what_can_be_paid(
    total: int, share: int, lacking: int
) -> None:
    assert lacking_of(total, share, 100) == lacking


async def test_the_part_is_sold_and_the_rest_goes_back(port: Scripted) -> None:
    buyer, line_id = await paid(await offered(["first", "second"]), quantity=2)
    port.submits = {"first": [part(5_000)], "second": [done()]}
    await fulfilment.fulfil_line(line_id)
    line = await orders.OrderLine.get(id=line_id)
    order = await orders.Order.get(id=line.order_id)  # type: ignore[attr-defined]
    assert (line.status, line.failure_code) == (LineStatus.DELIVERED, "PARTLY_DELIVERED")
    assert (line.receipt, line.cost) == ("R-1", PART_COST)
    assert line.refunded_amount == make.yuan(100)
    assert order.status is OrderStatus.DELIVERED
    assert await balance(buyer) == make.yuan(900)
    assert await booked(AccountKind.REVENUE) == make.yuan(100)
    assert await booked(AccountKind.COST) == -PART_COST
    assert await booked(AccountKind.LOSS) == 0
    (attempt,) = await fulfilment.attempts_of([line_id])
    assert attempt.status is AttemptStatus.SUCCEEDED
    assert await booked(AccountKind.SUPPLIER, attempt.supplier_id) == PART_COST
    assert [each.item for each in port.submitted] == ["first"]
    assert await told_of(attempt) == [(1, "delivery.incident", "not_whole")]
    assert (await events_of(order.id))[-2:] == ["order.delivered", "order.refunded"]
    await no_violations()


async def test_a_part_told_by_a_query_is_booked_as_well(port: Scripted) -> None:
    buyer, line_id = await paid(await offered(["first"]))
    port.submits = {"first": [Accepted("up-1")]}
    port.queries = {"first": [part(2_500)]}
    await fulfilment.fulfil_line(line_id)
    await query_now(line_id)
    assert await balance(buyer) == make.yuan(975)
    await no_violations()


@pytest.mark.parametrize("quantity", [1, 2])
async def test_commissions_are_of_the_part_alone_and_within_its_margin(
    port: Scripted, quantity: int
) -> None:
    """Half of two pieces earns what one piece earns, also where the margin cuts the commission."""
    top, middle, low = await make.agent_chain()
    for level, percent in ((1, 30), (2, 20), (3, 10)):  # wishes more than the margin holds
        await make.rule(level, RuleKind.PERCENT, percent * 10_000)
    buyer = await make.buyer(referrer=low.id)
    sku = await offered(["first"])
    wish = checkout.LineWish(sku, quantity, account=ACCOUNT)
    placed = await checkout.place_order(buyer, checkout.Purchase((wish,), "key"))
    cost = make.yuan(80)
    port.submits = {"first": [done(cost=cost) if quantity == 1 else part(5_000, cost)]}
    await fulfilment.fulfil_line(placed.lines[0].id)
    earned = [await booked(AccountKind.COMMISSION, each.id) for each in (low, middle, top)]
    # 20 yuan of margin in proportion; each of a part is rounded by itself, and never above it.
    assert earned == pytest.approx([100_000, 66_667, 33_333], abs=2)
    assert make.yuan(20) - 6 <= sum(earned) <= make.yuan(20)
    assert await booked(AccountKind.REVENUE) == make.yuan(100)
    assert await booked(AccountKind.COMMISSION_EXPENSE) == -sum(earned)
    await no_violations()


async def test_without_a_share_all_of_the_price_goes_back(port: Scripted) -> None:
    buyer, line_id = await paid(await offered(["first"]), quantity=2)
    port.submits = {"first": [part(0)]}
    await fulfilment.fulfil_line(line_id)
    line = await orders.OrderLine.get(id=line_id)
    assert (line.status, line.refunded_amount) == (LineStatus.REFUNDED, 0)
    assert await balance(buyer) == make.yuan(1_000)
    assert await booked(AccountKind.LOSS) == -PART_COST
    await no_violations()


async def test_the_rest_goes_back_through_the_channel_it_came_by(port: Scripted) -> None:
    bank = Vendor()
    channel = await vendor.channel(bank)
    buyer = await make.buyer(0)
    wish = checkout.LineWish(await offered(["first"]), 2, account=ACCOUNT)
    placed = await checkout.place_order(buyer, checkout.Purchase((wish,), "key", by_channel=True))
    payment = await started(buyer, placed.order, channel)
    await called_back(channel, told(payment.reference, bank.pay(payment.reference)))
    port.submits = {"first": [part(7_500)]}
    await fulfilment.fulfil_line(placed.lines[0].id)
    refund = await PaymentRefund.get()
    assert (refund.amount, refund.reason) == (make.yuan(50), "NOT_DELIVERED")
    await payments.run_refund(refund.id)
    assert (await PaymentRefund.get()).status is RefundStatus.COMPLETED
    assert list(bank.refunds.values()) == [make.yuan(50)]
    assert await balance(buyer) == 0
    await no_violations()


async def open_attempt(port: Scripted) -> tuple[Actor, UUID, FulfilmentAttempt]:
    buyer, line_id = await paid(await offered(["first"]), quantity=2)
    step = await service._open_attempt(line_id)
    assert step is not None
    attempt = step.attempt
    return buyer, line_id, attempt


async def test_a_part_is_booked_once_however_often_it_is_told(port: Scripted) -> None:
    buyer, _, attempt = await open_attempt(port)
    await asyncio.gather(*(service.book(attempt, part(5_000)) for _ in range(6)))
    assert await balance(buyer) == make.yuan(900)
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM refunds") == 1
    await no_violations()


async def test_a_part_without_its_refund_is_not_booked_at_all(
    port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever dies between the sale and the refund takes both back; the query finds it again."""
    buyer, line_id, attempt = await open_attempt(port)
    give_back = fulfilment.above.give_back

    async def dies(*args: object) -> None:
        assert give_back is not None
        await give_back(*args)  # type: ignore[arg-type]
        raise ConnectionError("killed")

    monkeypatch.setattr(fulfilment.above, "give_back", dies)
    with pytest.raises(ConnectionError):
        await service.book(attempt, part(5_000))
    assert (await orders.OrderLine.get(id=line_id)).status is LineStatus.DELIVERING
    assert await balance(buyer) == make.yuan(800)
    assert await booked(AccountKind.REVENUE) == 0
    monkeypatch.undo()
    await service.book(attempt, part(5_000))
    assert await balance(buyer) == make.yuan(900)
    await no_violations()
