"""Statements asked for over HTTP: of the simulator's suppliers and of its payment gateway (F5)."""

from datetime import UTC, date, datetime
from io import BytesIO

import httpx2 as httpx
import pytest

from adapters.sandbox.faults import Fault
from adapters.sandbox.gateway import sandbox_gateway_secret
from domain import checkout, fulfilment, ledger, payments, statements
from domain.checkout import LineWish, Purchase
from domain.fulfilment import AttemptStatus, FulfilmentAttempt
from domain.kernel import clock
from domain.orders import Order, OrderStatus
from domain.payments import StartWish, Way
from domain.statements import Outcome, StatementDifference, StatementLine
from tests import make
from tests.statement_files import open_codes

pytestmark = pytest.mark.usefixtures("db")


def today() -> date:
    """The simulator's own clock runs, so its statements are asked for on the day itself."""
    return datetime.now(UTC).date()


async def bought(simulator: str, code: str, number: int = 1) -> list[FulfilmentAttempt]:
    """Lines that a supplier of the simulator has delivered."""
    for _ in range(number):
        variant = await make.variant()
        row = await make.simulated_offer(variant, simulator, make.yuan(30), code)
        item = {"item": row["supplier_item"], "price": row["cost"], "stock": -1}
        desk(simulator, "items", {"supplier": code, "items": [item]})
        key = f"key {variant.sku}"
        placed = await checkout.place_order(
            await make.buyer(), Purchase((LineWish(variant.sku, 2),), key)
        )
        await fulfilment.fulfil_line(placed.lines[0].id)
    found = await FulfilmentAttempt.all().order_by("id")
    assert {each.status for each in found} == {AttemptStatus.SUCCEEDED}
    return found


def desk(simulator: str, what: str, body: dict[str, object]) -> None:
    """Tell the simulator's desk something."""
    answer = httpx.post(f"{simulator}/control/{what}", json=body)
    assert answer.status_code == 200, answer.text


async def test_a_supplier_s_statement_agrees_page_by_page(
    simulator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk(simulator, "suppliers", {"code": "honest"})
    attempts = await bought(simulator, "honest", 3)
    source = await statements.source_of_supplier("honest")
    await statements.pull_day(source, today())
    lines = await StatementLine.all()
    assert {line.subject_id for line in lines} == {each.id for each in attempts}
    assert {line.outcome for line in lines} == {Outcome.MATCHED}
    assert await open_codes() == []
    await statements.pull_day(source, today())
    assert await StatementLine.all().count() == 3


async def test_the_daily_file_of_the_simulator_is_taken_in_as_it_is(simulator: str) -> None:
    desk(simulator, "suppliers", {"code": "filed"})
    (attempt,) = await bought(simulator, "filed")
    file = httpx.get(f"{simulator}/control/statements/filed/{today()}").content
    source = await statements.source_of_supplier("filed")
    wish = statements.StatementWish("filed.csv", first_day=today(), last_day=today())
    report = await statements.import_file(make.OPERATOR, source, wish, BytesIO(file))
    assert (report.lines, report.left_out) == (1, 0)
    (line,) = await StatementLine.all()
    assert (line.subject_id, line.outcome) == (attempt.id, Outcome.MATCHED)


async def test_a_statement_that_lies_about_one_order_is_found_out(simulator: str) -> None:
    desk(simulator, "suppliers", {"code": "liar"})
    *_, last = await bought(simulator, "liar", 2)
    desk(simulator, "faults", {"supplier": "liar", "fault": Fault.STATEMENT_MISMATCH, "times": 1})
    source = await statements.source_of_supplier("liar")
    await statements.pull_day(source, today())
    assert await open_codes() == ["purchase_differs"]
    found = await StatementDifference.get()
    assert (found.subject_id, found.ours, found.theirs) == (
        last.id,
        make.yuan(60),
        make.yuan(61),
    )


async def test_what_a_supplier_sold_unheard_is_asked_about_with_one_click(simulator: str) -> None:
    desk(simulator, "suppliers", {"code": "mute"})
    desk(simulator, "faults", {"supplier": "mute", "fault": Fault.TIMEOUT_AFTER_SUCCESS})
    variant = await make.variant()
    row = await make.simulated_offer(variant, simulator, make.yuan(30), "mute")
    item = {"item": row["supplier_item"], "price": row["cost"], "stock": -1}
    desk(simulator, "items", {"supplier": "mute", "items": [item]})
    placed = await checkout.place_order(
        await make.buyer(), Purchase((LineWish(variant.sku, 1),), "key")
    )
    await fulfilment.fulfil_line(placed.lines[0].id)
    assert (await FulfilmentAttempt.get()).status is AttemptStatus.UNCERTAIN
    await statements.pull_day(await statements.source_of_supplier("mute"), today())
    assert await open_codes() == ["purchase_not_booked"]
    found = await StatementDifference.get()
    asked = await statements.ask_partner(make.OPERATOR, found.id)
    assert asked.state == statements.DifferenceState.RESOLVED
    assert (await FulfilmentAttempt.get()).status is AttemptStatus.SUCCEEDED
    assert (await Order.get()).status is OrderStatus.DELIVERED


async def test_the_gateway_s_statement_tells_of_the_payment_whose_callback_was_lost(
    simulator: str,
) -> None:
    merchant = f"m{clock.now().timestamp():.0f}"
    wish = payments.ChannelWish(
        code="sandbox",
        adapter="sandbox",
        merchant=merchant,
        name_zh="沙箱",
        name_en="Sandbox",
        base_url=simulator,
        ways=(Way.PAGE,),
        secrets={"key": sandbox_gateway_secret(merchant)},
    )
    channel = await payments.save_channel(make.OPERATOR, wish)
    begun = []
    for key in "ab":
        variant, buyer = await make.variant(cards=1), await make.buyer(0)
        purchase = Purchase((LineWish(variant.sku, 1),), key, by_channel=True)
        order = (await checkout.place_order(buyer, purchase)).order
        start = StartWish(order.id, channel.id, Way.PAGE, key)
        payment = await payments.start_payment(buyer, start)
        page = payment.action.url  # type: ignore[union-attr]
        assert httpx.post(page, data={"deed": "lost"}).status_code == 303
        begun.append(payment.payment)
    await checkout.ask_again(begun[0].id)
    source = await statements.source_of_channel("sandbox")
    await statements.pull_day(source, today())
    assert await open_codes() == ["payment_not_booked"]
    (found,) = await StatementDifference.all()
    assert found.subject_id == begun[1].id
    await statements.ask_partner(make.OPERATOR, found.id)
    assert await open_codes() == []
    assert {each.status for each in await Order.all()} == {OrderStatus.DELIVERED}
    held = ledger.account_id(ledger.AccountKind.CHANNEL, channel.id, make.CNY)
    assert await ledger.balance_of(held) == -2 * begun[0].amount
