"""Cards that come in part: kept for their line, never lost, never bought or sold twice."""

import asyncio
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from domain import (
    cards,
    checkout,
    fulfilment,
    ledger,
    orders,
    payments,
    refunds,
    routing,
    suppliers,
)
from domain.commissions import RuleKind
from domain.fulfilment import (
    AttemptStatus,
    FulfilmentAttempt,
    IncidentKind,
    Resolution,
    ResolveWish,
    SupplyIncident,
    arriving,
    service,
)
from domain.kernel import Refused, connection, transaction
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, OrderStatus
from domain.payments import PaymentRefund
from domain.suppliers import Accepted, Category, Completed, NotFound, Rejected, Uncertain
from tests import make, vendor
from tests.domain.fulfilment.test_fulfilment import (
    COST,
    Scripted,
    balance,
    goods,
    no_violations,
    paid_line,
    port,
    query_now,
    state_of,
    suppliers_owed,
)
from tests.domain.payments.test_paying import called_back, started
from tests.vendor import Vendor, told

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]
NONE_LEFT = Rejected(Category.OUT_OF_STOCK)


async def line_of(line_id: UUID) -> orders.OrderLine:
    return await orders.OrderLine.get(id=line_id)


async def order_of(line_id: UUID) -> orders.Order:
    return await orders.Order.get(id=(await line_of(line_id)).order_id)  # type: ignore[attr-defined]


async def ready(line_id: UUID) -> int:
    return (await cards.ready_of_lines([line_id])).get(line_id, 0)


async def booked(kind: AccountKind, owner: UUID | None = None) -> int:
    return await ledger.balance_of(account_id(kind, owner, make.CNY))


async def events_of(line_id: UUID) -> list[str]:
    sql = "SELECT type FROM outbox_events WHERE subject = $1 ORDER BY sequence"
    async with connection() as conn:
        return [row["type"] for row in await conn.fetch(sql, (await order_of(line_id)).id)]


async def codes_of(buyer: make.Actor, line_id: UUID) -> list[str]:
    opened = await orders.reveal_cards(buyer, (await order_of(line_id)).id, None)
    return [each.secret for each in opened]


async def test_the_rest_alone_is_asked_of_the_next_and_all_comes_together(port: Scripted) -> None:
    buyer, line_id = await paid_line(["first", "second", "third"], quantity=5)
    port.submits = {
        "first": [goods(2)],
        "second": [goods(1, start=10)],
        "third": [goods(2, start=20)],
    }
    await fulfilment.fulfil_line(line_id)
    assert [(each.item, each.quantity) for each in port.submitted] == [
        ("first", 5),
        ("second", 3),
        ("third", 2),
    ]
    line = await line_of(line_id)
    assert (line.status, line.delivered_quantity, line.cost) == (LineStatus.DELIVERED, 5, 5 * COST)
    assert (await order_of(line_id)).status is OrderStatus.DELIVERED
    assert sorted(await codes_of(buyer, line_id)) == sorted(
        f"GOODS-{n}-CODE" for n in (0, 1, 10, 20, 21)
    )
    attempts = await fulfilment.attempts_of([line_id])
    assert [(each.status, each.part) for each in attempts] == [(AttemptStatus.SUCCEEDED, True)] * 3
    assert sorted(await suppliers_owed()) == [COST, 2 * COST, 2 * COST]
    assert await booked(AccountKind.INVENTORY) == 0
    assert await booked(AccountKind.COST) == -5 * COST
    assert await SupplyIncident.all().count() == 0
    assert (await events_of(line_id))[-3:] == [
        "order.part_arrived",
        "order.part_arrived",
        "order.delivered",
    ]
    await no_violations()


async def test_what_nobody_brings_goes_back_piece_by_piece(port: Scripted) -> None:
    buyer, line_id = await paid_line(["first", "second"], quantity=5)
    port.submits = {"first": [goods(3)], "second": [NONE_LEFT]}
    await fulfilment.fulfil_line(line_id)
    line = await line_of(line_id)
    assert (line.status, line.failure_code) == (LineStatus.DELIVERED, "PARTLY_DELIVERED")
    assert (line.quantity, line.delivered_quantity, line.refunded_quantity) == (5, 3, 0)
    assert line.refunded_amount == make.yuan(200)
    assert (await order_of(line_id)).status is OrderStatus.PARTIALLY_DELIVERED
    assert await balance(buyer) == make.yuan(700)
    assert await booked(AccountKind.REVENUE) == make.yuan(300)
    assert await booked(AccountKind.COST) == -3 * COST
    assert len(await codes_of(buyer, line_id)) == 3
    assert (await events_of(line_id))[-2:] == ["order.partially_delivered", "order.refunded"]
    await no_violations()


async def test_a_partly_delivered_line_goes_back_whole_to_the_last_unit(port: Scripted) -> None:
    """Its pieces are shares of what is left of its price, and of what they had cost."""
    buyer, line_id = await paid_line(["first"], quantity=5)
    came = goods(3)
    port.submits = {"first": [replace(came, cost=came.cost + 2)]}
    await fulfilment.fulfil_line(line_id)
    operator = await make.operator("orders:refund")
    wish = refunds.RefundWish(
        (await order_of(line_id)).id,
        refunds.RefundReason.CODE_INVALID,
        refunds.RefundDestination.WALLET,
    )
    await refunds.refund_order(operator, wish, "all")
    line = await line_of(line_id)
    assert (line.refunded_amount, line.refunded_quantity) == (make.yuan(500), 3)
    assert await balance(buyer) == make.yuan(1_000)
    assert await booked(AccountKind.REVENUE) == 0
    assert await booked(AccountKind.LOSS) == -3 * COST  # what was sold
    assert await booked(AccountKind.COST) == -2  # what no card had cost
    assert (await order_of(line_id)).status is OrderStatus.REFUNDED
    await no_violations()


async def test_the_buyer_sees_what_is_ready_while_the_rest_is_uncertain(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"], quantity=3)
    port.submits = {"first": [goods(2)], "second": [Uncertain()]}
    port.queries = {"second": [Accepted("up"), goods(1, start=10)]}
    await fulfilment.fulfil_line(line_id)
    assert await ready(line_id) == 2
    assert await booked(AccountKind.INVENTORY) == -2 * COST
    await no_violations()
    variant_id = (await line_of(line_id)).variant_id
    assert await cards.stock_of([variant_id], 10) == {variant_id: 0}
    await query_now(line_id)
    await query_now(line_id, 600)
    assert (await line_of(line_id)).status is LineStatus.DELIVERED
    assert await ready(line_id) == 0
    assert [each.quantity for each in port.queried] == [1, 1]
    await no_violations()


async def test_nobody_else_is_sold_what_is_kept(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"], quantity=2)
    port.submits = {"first": [goods(1)], "second": [Uncertain(), NONE_LEFT]}
    await fulfilment.fulfil_line(line_id)
    other = await make.buyer()
    wish = checkout.LineWish((await line_of(line_id)).sku, 1)
    placed = await checkout.place_order(other, checkout.Purchase((wish,), "key"))
    assert placed.order.status is OrderStatus.PAID  # a supplier has to be asked
    await no_violations()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE cards SET state = 'available', hold_id = NULL WHERE state = 'reserved'",
        "UPDATE cards SET state = 'sold', hold_id = NULL, sold_at = now(), unit_number = 1,"
        " order_line_id = (SELECT id FROM order_lines WHERE id <> $1) WHERE state = 'reserved'"
        " AND $1::uuid IS NOT NULL",
    ],
)
async def test_the_database_keeps_the_part_for_its_line(port: Scripted, sql: str) -> None:
    _, line_id = await paid_line(["first", "second"], quantity=2)
    port.submits = {"first": [goods(1)], "second": [Uncertain()]}
    await fulfilment.fulfil_line(line_id)
    buyer = await make.buyer()
    other = checkout.LineWish((await make.variant(cards=1)).sku, 1)
    await checkout.place_order(buyer, checkout.Purchase((other,), "key"))
    arguments = [line_id] if "$1" in sql else []
    with pytest.raises(asyncpg.RestrictViolationError) as caught:
        async with transaction() as conn:
            await conn.execute(sql, *arguments)
    assert caught.value.constraint_name == "card_kept_for_its_line"


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        (
            "UPDATE card_holds SET state = 'released', closed_at = now()",
            "hold_paid_ends_with_its_line",
        ),
        ("UPDATE card_holds SET paid = false", "hold_ends_once"),
        ("UPDATE card_holds SET order_line_id = gen_random_uuid()", "hold_ends_once"),
        ("UPDATE fulfilment_attempts SET parked = true WHERE part", "attempt_part_is_here"),
        (
            "UPDATE order_lines SET status = 'DELIVERED', delivered_quantity = 1, due_at = NULL,"
            " delivered_at = now()",
            "line_delivered_whole",
        ),
        (
            "UPDATE order_lines SET delivered_quantity = 1, failure_code = 'PARTLY_DELIVERED'",
            "line_delivered_whole",
        ),
    ],
)
async def test_the_database_refuses_half_a_state(port: Scripted, sql: str, constraint: str) -> None:
    _, line_id = await paid_line(["first", "second"], quantity=2)
    port.submits = {"first": [goods(1)], "second": [Uncertain()]}
    await fulfilment.fulfil_line(line_id)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        async with transaction() as conn:
            await conn.execute(sql)
    assert caught.value.constraint_name == constraint


async def test_a_kept_part_has_no_time_and_fills_no_limit(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"], quantity=2)
    port.submits = {"first": [goods(1)], "second": [Uncertain()]}
    await fulfilment.fulfil_line(line_id)
    with make.later(days=400):
        assert await cards.lapse_holds() == 0
    assert await ready(line_id) == 1


async def test_a_card_frozen_meanwhile_is_bought_anew_and_never_delivered(port: Scripted) -> None:
    buyer, line_id = await paid_line(["first", "second", "third"], quantity=3)
    port.submits = {"first": [goods(2)], "second": [Uncertain()], "third": [goods(1, start=20)]}
    port.queries = {"second": [goods(1, start=10)]}
    await fulfilment.fulfil_line(line_id)
    async with transaction() as conn:
        sql = (
            "UPDATE cards SET state = 'frozen', hold_id = NULL WHERE id ="
            " (SELECT id FROM cards WHERE state = 'reserved' ORDER BY id LIMIT 1)"
        )
        await conn.execute(sql)
    await query_now(line_id)
    assert [each.quantity for each in port.submitted] == [3, 1, 1]
    assert sorted(await codes_of(buyer, line_id)) == [
        "GOODS-1-CODE",
        "GOODS-10-CODE",
        "GOODS-20-CODE",
    ]
    assert (await line_of(line_id)).status is LineStatus.DELIVERED


async def test_surplus_of_the_rest_is_stock_and_told(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"], quantity=3)
    port.submits = {"first": [goods(2)], "second": [goods(3, start=10)]}
    await fulfilment.fulfil_line(line_id)
    line = await line_of(line_id)
    assert (line.status, line.cost) == (LineStatus.DELIVERED, 3 * COST)
    assert await cards.stock_of([line.variant_id], 10) == {line.variant_id: 2}
    assert await booked(AccountKind.INVENTORY) == -2 * COST
    assert sorted(await suppliers_owed()) == [2 * COST, 3 * COST]
    (incident,) = await SupplyIncident.all()
    assert incident.kind is IncidentKind.SURPLUS
    await no_violations()


@pytest.mark.parametrize(
    ("came", "incidents"),
    [
        (goods(2), []),  # two of three, and two were charged: business as usual
        (replace(goods(2), cost=3 * COST), [IncidentKind.NOT_WHOLE]),  # all were charged
        (replace(goods(3), codes=(*goods(2).codes, goods(1).codes[0])), [IncidentKind.NOT_WHOLE]),
    ],
)
async def test_a_part_is_an_incident_only_where_money_is_missing(
    port: Scripted, came: Completed, incidents: list[IncidentKind]
) -> None:
    _, line_id = await paid_line(["first", "second"], quantity=3)
    port.submits = {"first": [came], "second": [goods(1, start=10)]}
    await fulfilment.fulfil_line(line_id)
    assert (await line_of(line_id)).status is LineStatus.DELIVERED
    found = await SupplyIncident.all()
    assert [each.kind for each in found if each.kind is not IncidentKind.ABOVE_PRICE] == incidents
    assert sorted(await suppliers_owed()) == sorted([came.cost, COST])
    await no_violations()


async def test_money_alone_comes_back_for_a_part(port: Scripted) -> None:
    """Its cards are the buyer's: neither are they stock, nor do they go back to the supplier."""
    _, line_id = await paid_line(["first", "second"], quantity=3)
    port.submits = {"first": [replace(goods(2), cost=3 * COST)], "second": [goods(1, start=10)]}
    await fulfilment.fulfil_line(line_id)
    incident = await SupplyIncident.get(kind=IncidentKind.NOT_WHOLE)
    for resolution in (Resolution.KEPT_AS_STOCK, Resolution.REFUNDED_UPSTREAM):
        with pytest.raises(Refused):
            await fulfilment.resolve_incident(make.OPERATOR, ResolveWish(incident.id, resolution))
    back = ResolveWish(incident.id, Resolution.REFUNDED_UPSTREAM, amount=COST)
    await fulfilment.resolve_incident(make.OPERATOR, back)
    assert sorted(await suppliers_owed()) == [COST, 2 * COST]
    await no_violations()


async def test_parked_goods_may_complete_what_is_ready(port: Scripted) -> None:
    buyer, line_id = await paid_line(["first", "second", "third"], quantity=3)
    port.submits = {"first": [Uncertain()], "second": [goods(2)], "third": [Uncertain()]}
    port.queries = {"first": [NotFound(), NotFound()], "third": [Uncertain()] * 9}
    await fulfilment.fulfil_line(line_id)
    for after in (60, 120):
        await query_now(line_id, after)
    late = (await fulfilment.attempts_of([line_id]))[0]
    assert not await service.book(late, goods(3, start=30))
    incident = await SupplyIncident.get(kind=IncidentKind.CAME_LATE)
    wish = ResolveWish(incident.id, Resolution.DELIVERED)
    await fulfilment.resolve_incident(make.OPERATOR, wish)
    assert len(await codes_of(buyer, line_id)) == 3
    line = await line_of(line_id)
    assert await cards.stock_of([line.variant_id], 10) == {line.variant_id: 2}
    await no_violations()


@pytest.mark.parametrize("lines", [(1, 4), (2, 3), (4, 1)])
async def test_commissions_are_of_the_part_alone_and_within_its_margin(
    port: Scripted, lines: tuple[int, int]
) -> None:
    """What three of five pieces earn is what an order for three of them would."""
    came, missing = lines
    top, middle, low = await make.agent_chain()
    for level, percent in ((1, 30), (2, 20), (3, 10)):  # wishes more than the margin holds
        await make.rule(level, RuleKind.PERCENT, percent * 10_000)
    variant = await make.variant(price=make.yuan(100))
    supplier = suppliers.SupplierWish("s", "s", "scripted", "http://supplier.test", "secret")
    await suppliers.save_supplier(make.OPERATOR, supplier)
    await suppliers.save_offer(make.OPERATOR, suppliers.OfferWish(variant.sku, "s", "one", COST))
    buyer = await make.buyer(referrer=low.id)
    wish = checkout.LineWish(variant.sku, came + missing)
    placed = await checkout.place_order(buyer, checkout.Purchase((wish,), "key"))
    port.submits = {"one": [goods(came)]}
    await fulfilment.fulfil_line(placed.lines[0].id)
    earned = [await booked(AccountKind.COMMISSION, each.id) for each in (low, middle, top)]
    assert earned == pytest.approx([came * each for each in (100_000, 66_667, 33_333)], abs=8)
    assert sum(earned) <= came * make.yuan(20)
    assert await booked(AccountKind.REVENUE) == came * make.yuan(100)
    await no_violations()


async def test_a_line_of_a_channel_gives_the_rest_back_through_it(port: Scripted) -> None:
    _, known = await paid_line(["first"], quantity=2)
    bank = Vendor()
    channel = await vendor.channel(bank)
    buyer = await make.buyer(0)
    wish = checkout.LineWish((await line_of(known)).sku, 2)
    placed = await checkout.place_order(buyer, checkout.Purchase((wish,), "key", by_channel=True))
    payment = await started(buyer, placed.order, channel)
    await called_back(channel, told(payment.reference, bank.pay(payment.reference)))
    port.submits = {"first": [goods(1)]}
    await fulfilment.fulfil_line(placed.lines[0].id)
    refund = await PaymentRefund.get()
    assert (refund.amount, refund.reason) == (make.yuan(100), "NOT_DELIVERED")
    await payments.run_refund(refund.id)
    assert list(bank.refunds.values()) == [make.yuan(100)]
    await no_violations()


async def test_a_part_is_booked_once_however_often_it_is_told(port: Scripted) -> None:
    _, line_id = await paid_line(["first"], quantity=2)
    step = await service._open_attempt(line_id)
    assert step is not None
    attempt = step.attempt
    again = await asyncio.gather(*(service.book(attempt, goods(1)) for _ in range(6)))
    assert sorted(again) == [False] * 5 + [True]
    assert await ready(line_id) == 1
    assert sorted(await suppliers_owed()) == [COST]
    await no_violations()


async def test_many_workers_at_once_buy_the_rest_once(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"], quantity=4)
    port.submits = {"first": [goods(3)], "second": [goods(1, start=10)]}
    port.pause = 0.05
    await asyncio.gather(*(fulfilment.fulfil_line(line_id) for _ in range(8)))
    assert [each.quantity for each in port.submitted] == [4, 1]
    assert (await line_of(line_id)).status is LineStatus.DELIVERED
    await no_violations()


async def test_a_line_with_a_part_that_waits_too_long_for_a_seat_gets_what_is_here(
    port: Scripted,
) -> None:
    buyer, line_id = await paid_line(["first", "second"], quantity=2)
    policy = routing.PolicyWish(routing.PolicyKind.PRIORITY, wait_seconds=60)
    await routing.save_policy(make.OPERATOR, policy)
    async with connection() as conn:
        await conn.execute("UPDATE suppliers SET max_open = 1 WHERE code = 's-second'")
    sku = (await line_of(line_id)).sku
    other = await make.buyer()
    taken = await checkout.place_order(
        other, checkout.Purchase((checkout.LineWish(sku, 1),), "key")
    )
    port.submits = {"first": [NONE_LEFT, goods(1)], "second": [Uncertain()]}
    await fulfilment.fulfil_line(taken.lines[0].id)
    await fulfilment.fulfil_line(line_id)
    assert (await line_of(line_id)).status is LineStatus.DELIVERING
    assert await ready(line_id) == 1
    with make.later(seconds=61):
        await fulfilment.fulfil_line(line_id)
    line = await line_of(line_id)
    assert (line.status, line.delivered_quantity) == (LineStatus.DELIVERED, 1)
    assert await balance(buyer) == make.yuan(900)
    await no_violations()


async def test_without_the_hold_another_is_sold_the_part(
    port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: what is merely put on the shelf for the line is gone before the rest comes."""

    async def left_on_the_shelf(*_: object) -> None:
        return None

    monkeypatch.setattr(arriving.cards, "keep_ready", left_on_the_shelf)
    _, line_id = await paid_line(["first", "second"], quantity=2)
    port.submits = {"first": [goods(1)], "second": [Uncertain()]}
    await fulfilment.fulfil_line(line_id)
    wish = checkout.LineWish((await line_of(line_id)).sku, 1)
    placed = await checkout.place_order(await make.buyer(), checkout.Purchase((wish,), "key"))
    assert placed.order.status is OrderStatus.DELIVERED
    assert await FulfilmentAttempt.filter(part=True).count() == 1
    assert await ready(line_id) == 0
    assert (await state_of(line_id))[0] is LineStatus.DELIVERING
