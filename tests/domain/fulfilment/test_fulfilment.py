"""Failover: on to the next supplier after a sure rejection only, and never bought twice."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest

from domain import cards, checkout, fulfilment, ledger, orders, routing, suppliers
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind
from domain.fulfilment import AttemptStatus, FulfilmentAttempt, rules, service
from domain.invariants import find_violations
from domain.kernel import clock, connection, refuse_inside_a_transaction, transaction
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, OrderStatus
from domain.suppliers import (
    Accepted,
    Capabilities,
    Category,
    Completed,
    Connection,
    NotFound,
    OwnReference,
    QueryResult,
    Rejected,
    Submission,
    SubmitResult,
    SuppliedCode,
    SupplierPort,
    Uncertain,
)
from tests import make

pytestmark = pytest.mark.usefixtures("db")
COST = make.yuan(80)


CAPABILITIES = Capabilities(
    own_reference=OwnReference.RETURNS_FIRST,
    query_by_own_reference=True,
    price_guard=True,
    not_found_answers=2,
    settle_seconds=5,
)


NEVER_SURE = replace(CAPABILITIES, not_found_answers=0)
NOT_ASKED = replace(CAPABILITIES, query_by_own_reference=False)


@dataclass
class Scripted(SupplierPort):
    """A supplier that answers by script, and keeps a book of what it was asked."""

    capabilities: Capabilities = CAPABILITIES
    submits: dict[str, list[SubmitResult]] = field(default_factory=dict)
    queries: dict[str, list[QueryResult]] = field(default_factory=dict)
    submitted: list[Submission] = field(default_factory=list)
    queried: list[Submission] = field(default_factory=list)
    pause: float = 0.0

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        refuse_inside_a_transaction()
        self.submitted.append(submission)
        await asyncio.sleep(self.pause)
        return self.submits[submission.item].pop(0)

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        refuse_inside_a_transaction()
        self.queried.append(submission)
        return self.queries[submission.item].pop(0)

    async def balance(self, connection: Connection) -> int | None:
        return None


@pytest.fixture
def port() -> Scripted:
    made = Scripted()
    suppliers.register("scripted", made)
    return made


def goods(quantity: int = 1, cost: int = COST, start: int = 0) -> Completed:
    codes = tuple(SuppliedCode("", f"GOODS-{start + n}-CODE") for n in range(quantity))
    return Completed("up-1", codes, cost * quantity)


async def paid_line(items: list[str], quantity: int = 1) -> tuple[make.Actor, UUID]:
    """A paid line without own stock, offered by one supplier an item, in this order."""
    variant = await make.variant(price=make.yuan(100))
    for priority, item in enumerate(items):
        wish = suppliers.SupplierWish(
            f"s-{item}", item, "scripted", "http://supplier.test", "secret", priority=priority
        )
        await suppliers.save_supplier(make.OPERATOR, wish)
        offer = suppliers.OfferWish(variant.sku, f"s-{item}", item, COST)
        await suppliers.save_offer(make.OPERATOR, offer)
    buyer = await make.buyer()
    wish = Purchase((LineWish(variant.sku, quantity),), "key")
    placed = await checkout.place_order(buyer, wish)
    assert placed.order.status is OrderStatus.PAID
    return buyer, placed.lines[0].id


async def state_of(line_id: UUID) -> tuple[LineStatus, list[AttemptStatus]]:
    line = await orders.OrderLine.get(id=line_id)
    attempts = await fulfilment.attempts_of([line_id])
    return line.status, [attempt.status for attempt in attempts]


async def balance(buyer: make.Actor) -> int:
    return (await ledger.wallet_of(buyer.require_user(), make.CNY)).available.units


async def query_now(line_id: UUID, after: float = 60) -> None:
    """Ask as the sweeper would, some time later."""
    moment = clock.now() + timedelta(seconds=after)
    with clock.fixed(lambda: moment):
        for attempt_id in (await fulfilment.list_due(10)).attempts:
            await fulfilment.query_attempt(attempt_id)


async def no_violations() -> None:
    found = {each.name: each.violations for each in await find_violations() if each.violations}
    assert found == {}


async def test_a_rejection_goes_on_to_the_next_at_once(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Rejected(Category.OUT_OF_STOCK)], "second": [goods()]}
    await fulfilment.fulfil_line(line_id)
    status, attempts = await state_of(line_id)
    assert status is LineStatus.DELIVERED
    assert attempts == [AttemptStatus.REJECTED, AttemptStatus.SUCCEEDED]
    assert len({each.reference for each in port.submitted}) == 2
    owed = await suppliers_owed()
    assert sorted(owed) == [0, COST]
    await no_violations()


async def suppliers_owed() -> list[int]:
    found = await suppliers.list_suppliers(make.OPERATOR)
    return [
        await ledger.balance_of(account_id(AccountKind.SUPPLIER, each.id, make.CNY))
        for each in found
    ]


async def test_an_offer_above_the_price_guard_is_not_asked(port: Scripted) -> None:
    buyer, line_id = await paid_line(["only"])
    offer = suppliers.OfferWish(
        (await orders.OrderLine.get(id=line_id)).sku, "s-only", "only", make.yuan(101)
    )
    await suppliers.save_offer(make.OPERATOR, offer)
    await fulfilment.fulfil_line(line_id)
    assert port.submitted == []
    assert (await state_of(line_id))[0] is LineStatus.REFUNDED
    assert await balance(buyer) == make.yuan(1_000)
    await no_violations()


async def test_a_timeout_is_queried_and_never_bought_again(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Uncertain()], "second": [goods()]}
    port.queries = {"first": [Uncertain(), Accepted("up-9"), goods()]}
    await fulfilment.fulfil_line(line_id)
    await fulfilment.fulfil_line(line_id)
    assert (await state_of(line_id))[1] == [AttemptStatus.UNCERTAIN]
    assert len(port.submitted) == 1
    for after in (60, 600, 3_600):
        await query_now(line_id, after)
    assert await state_of(line_id) == (LineStatus.DELIVERED, [AttemptStatus.SUCCEEDED])
    assert {each.reference for each in port.queried} == {port.submitted[0].reference}
    assert len(port.submitted) == 1
    await no_violations()


async def test_not_found_is_believed_late_and_often_enough_only(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Uncertain()], "second": [goods()]}
    port.queries = {"first": [NotFound(), NotFound(), NotFound(), NotFound()]}
    await fulfilment.fulfil_line(line_id)
    for early in (3, 10, 60):  # the first two say nothing yet, the third says it once
        await query_now(line_id, early)
        assert (await state_of(line_id))[1] == [AttemptStatus.UNCERTAIN]
    await query_now(line_id, 70)
    assert await state_of(line_id) == (
        LineStatus.DELIVERED,
        [AttemptStatus.REJECTED, AttemptStatus.SUCCEEDED],
    )
    await no_violations()


async def test_no_such_order_is_asked_for_again_the_moment_it_counts(port: Scripted) -> None:
    """Pauses grow, and a buyer must not wait for one that began before the answer meant anything
    (chaos run of seed 1: two minutes instead of one and a half)."""
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Uncertain()], "second": [goods()]}
    port.queries = {"first": [NotFound()] * 4}
    await fulfilment.fulfil_line(line_id)
    for early in (3, 5, 9, 17):
        await query_now(line_id, early)
    (attempt,) = await FulfilmentAttempt.filter(line_id=line_id)
    assert attempt.next_query_at == attempt.opened_at + rules.VALID_FOR + timedelta(seconds=5)


@pytest.mark.parametrize("between", [Uncertain(), Accepted(None)])
async def test_not_found_is_counted_one_after_the_other_only(
    port: Scripted, between: QueryResult
) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Uncertain()], "second": [goods()]}
    port.queries = {"first": [NotFound(), between, NotFound()]}
    await fulfilment.fulfil_line(line_id)
    for after in (60, 600, 6_000):
        await query_now(line_id, after)
    assert port.queries == {"first": []}
    assert len(port.submitted) == 1
    await no_violations()


@pytest.mark.parametrize("capabilities", [NEVER_SURE, NOT_ASKED])
async def test_who_cannot_be_asked_is_never_believed(
    port: Scripted, capabilities: Capabilities
) -> None:
    port.capabilities = capabilities
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Uncertain()], "second": [goods()]}
    port.queries = {"first": [NotFound()] * 5}
    await fulfilment.fulfil_line(line_id)
    for after in (60, 600, 6_000, 60_000, 600_000):
        await query_now(line_id, after)
    assert port.queries == {"first": []}
    assert len(port.submitted) == 1


async def test_an_order_once_taken_is_never_bought_elsewhere(port: Scripted) -> None:
    """The supplier said it took it; what it cannot find later is its fault, and still ours."""
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Accepted(None)], "second": [goods(start=5)]}
    port.queries = {"first": [NotFound(), NotFound(), NotFound(), Uncertain(), goods()]}
    await fulfilment.fulfil_line(line_id)
    for after in (60, 600, 6_000, 60_000):
        await query_now(line_id, after)
        assert (await state_of(line_id))[1] == [AttemptStatus.ACCEPTED]
    await query_now(line_id, 600_000)
    assert await state_of(line_id) == (LineStatus.DELIVERED, [AttemptStatus.SUCCEEDED])
    assert len(port.submitted) == 1
    await no_violations()


async def test_what_was_taken_and_given_back_goes_on_to_the_next(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Accepted("up-1")], "second": [goods()]}
    port.queries = {"first": [Rejected(Category.UNKNOWN, "refunded")]}
    await fulfilment.fulfil_line(line_id)
    await query_now(line_id)
    assert await state_of(line_id) == (
        LineStatus.DELIVERED,
        [AttemptStatus.REJECTED, AttemptStatus.SUCCEEDED],
    )
    await no_violations()


async def test_a_second_supplier_may_be_uncertain_too(port: Scripted) -> None:
    """Its attempt is told of twice, rerouted to and uncertain: each event has its own number."""
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Rejected(Category.OUT_OF_STOCK)], "second": [Uncertain()]}
    port.queries = {"second": [goods()]}
    await fulfilment.fulfil_line(line_id)
    second = (await fulfilment.attempts_of([line_id]))[1]
    assert second.status is AttemptStatus.UNCERTAIN
    assert await told_of(second) == [
        (1, "delivery.rerouted", "next_supplier"),
        (2, "delivery.uncertain", "unknown"),
    ]
    await query_now(line_id)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    await no_violations()


async def test_a_line_open_for_days_is_told_each_day_and_its_goods_still_come(
    port: Scripted,
) -> None:
    _, line_id = await paid_line(["first"])
    port.submits = {"first": [Uncertain()]}
    port.queries = {"first": [goods(cost=make.yuan(120))]}
    await fulfilment.fulfil_line(line_id)
    opened = clock.now()
    for hours in (1, 25, 26, 50):
        moment = opened + timedelta(hours=hours)
        with clock.fixed(lambda moment=moment: moment):
            for due in (await fulfilment.list_due(10)).lines:
                await fulfilment.fulfil_line(due)
    await query_now(line_id, 51 * 3_600)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    (attempt,) = await fulfilment.attempts_of([line_id])
    assert await told_of(attempt) == [
        (1, "delivery.uncertain", "unknown"),
        (2, "delivery.incident", "open_too_long"),
        (3, "delivery.incident", "open_too_long"),
        (4, "delivery.incident", "above_price"),
    ]
    await no_violations()


async def told_of(attempt: FulfilmentAttempt) -> list[tuple[int, str, str]]:
    sql = (
        "SELECT sequence, type, payload->>'reason' FROM outbox_events"
        " WHERE subject = $1 ORDER BY sequence"
    )
    async with connection() as conn:
        return [tuple(row) for row in await conn.fetch(sql, attempt.id)]


async def test_when_nobody_can_deliver_the_price_goes_back(port: Scripted) -> None:
    buyer, line_id = await paid_line(["first", "second"], quantity=2)
    rejected = Rejected(Category.OUT_OF_STOCK)
    port.submits = {"first": [rejected], "second": [rejected]}
    await fulfilment.fulfil_line(line_id)
    line = await orders.OrderLine.get(id=line_id)
    assert (line.status, line.failure_code) == (LineStatus.REFUNDED, "OUT_OF_STOCK")
    order = await orders.Order.get(id=line.order_id)  # type: ignore[attr-defined]
    assert order.status is OrderStatus.REFUNDED
    assert await balance(buyer) == make.yuan(1_000)
    async with connection() as conn:
        told = await conn.fetch(
            "SELECT type FROM outbox_events WHERE subject = $1 ORDER BY sequence", order.id
        )
    assert [row["type"] for row in told] == [
        "order.paid",
        "order.delivering",
        "order.delivery_failed",
    ]
    await no_violations()


async def test_a_late_success_becomes_stock(port: Scripted) -> None:
    """The submit's answer comes after its attempt was given up, and the next one delivered."""
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [goods(start=0)], "second": [goods(start=10)]}
    port.queries = {"first": [NotFound(), NotFound()]}
    step = await service._open_attempt(line_id)
    assert step is not None
    attempt = step.attempt
    moment = clock.now() + timedelta(seconds=60)
    with clock.fixed(lambda: moment):
        await fulfilment.query_attempt(attempt.id)
    later = moment + timedelta(seconds=60)
    with clock.fixed(lambda: later):
        await fulfilment.query_attempt(attempt.id)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    assert not await service.book(attempt, goods(start=0))
    variant_id = (await orders.OrderLine.get(id=line_id)).variant_id
    assert await cards.stock_of([variant_id], 10) == {variant_id: 1}
    assert (await FulfilmentAttempt.get(id=attempt.id)).parked
    assert await suppliers_owed() == [COST, COST]
    await no_violations()


async def test_where_parts_are_no_use_they_become_stock_and_the_next_is_asked_for_all(
    port: Scripted,
) -> None:
    _, line_id = await paid_line(["first", "second"], quantity=2)
    whole = routing.PolicyWish(routing.PolicyKind.PRIORITY, parts=False)
    await routing.save_policy(make.OPERATOR, whole)
    port.submits = {"first": [goods(1)], "second": [goods(2, start=10)]}
    await fulfilment.fulfil_line(line_id)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    variant_id = (await orders.OrderLine.get(id=line_id)).variant_id
    assert await cards.stock_of([variant_id], 10) == {variant_id: 1}
    async with connection() as conn:
        sql = "SELECT payload->>'reason' FROM outbox_events WHERE type = 'delivery.incident'"
        assert await conn.fetchval(sql) == "not_whole"
    await no_violations()


async def test_pieces_that_nobody_ordered_stay_on_the_shelf(port: Scripted) -> None:
    """The buyer is served, and what came with it is stock at its share of the charge."""
    _, line_id = await paid_line(["first", "second"], quantity=2)
    surplus = goods(3)
    port.submits = {"first": [replace(surplus, cost=surplus.cost + 1)], "second": [goods(2)]}
    await fulfilment.fulfil_line(line_id)
    assert await state_of(line_id) == (LineStatus.DELIVERED, [AttemptStatus.SUCCEEDED])
    line = await orders.OrderLine.get(id=line_id)
    assert line.cost == 2 * COST + 1  # the rest of a division is the line's
    assert await cards.stock_of([line.variant_id], 10) == {line.variant_id: 1}
    inventory = account_id(AccountKind.INVENTORY, None, make.CNY)
    assert await ledger.balance_of(inventory) == -COST
    assert sorted(await suppliers_owed()) == [0, 3 * COST + 1]
    (attempt,) = await fulfilment.attempts_of([line_id])
    assert await told_of(attempt) == [(1, "delivery.incident", "surplus")]
    await no_violations()


async def test_goods_without_any_code_are_lost_and_told(port: Scripted) -> None:
    buyer, line_id = await paid_line(["first"])
    port.submits = {"first": [Completed("up-1", (), COST)]}
    await fulfilment.fulfil_line(line_id)
    assert (await state_of(line_id))[0] is LineStatus.REFUNDED
    assert await balance(buyer) == make.yuan(1_000)
    assert await suppliers_owed() == [COST]
    (attempt,) = await fulfilment.attempts_of([line_id])
    assert await told_of(attempt) == [(1, "delivery.incident", "not_whole")]
    await no_violations()


async def test_a_code_that_was_sold_before_is_not_sold_again(port: Scripted) -> None:
    _, first_line = await paid_line(["first"])
    port.submits = {"first": [goods()]}
    await fulfilment.fulfil_line(first_line)
    line = await orders.OrderLine.get(id=first_line)
    buyer = await make.buyer()
    placed = await checkout.place_order(buyer, Purchase((LineWish(line.sku, 1),), "key"))
    port.submits = {"first": [goods()]}  # the same code once more
    await fulfilment.fulfil_line(placed.lines[0].id)
    assert (await state_of(placed.lines[0].id))[0] is LineStatus.REFUNDED
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM cards WHERE state = 'sold'") == 1
    await no_violations()


async def test_two_workers_on_one_line_buy_once(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.pause = 0.05
    port.submits = {"first": [goods(), goods(start=5)], "second": [goods(start=10)]}
    await asyncio.gather(*(fulfilment.fulfil_line(line_id) for _ in range(8)))
    assert len(port.submitted) == 1
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED


async def test_without_the_lock_two_workers_would_buy_twice(port: Scripted) -> None:
    """The twin: the same race with the order's lock taken away is stopped by the unique index."""
    _, line_id = await paid_line(["first", "second"])
    port.pause = 0.05
    port.submits = {"first": [goods(), goods(start=5)], "second": [goods(start=10)]}
    # Connections for all, so that nobody waits for one while the first is through.
    await asyncio.gather(*(orders.account_of(line_id) for _ in range(8)))
    unlocked = orders.service._LOCK.replace("FOR UPDATE", "")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(orders.service, "_LOCK", unlocked)
        outcomes = await asyncio.gather(
            *(fulfilment.fulfil_line(line_id) for _ in range(8)), return_exceptions=True
        )
    assert any(isinstance(each, Exception) for each in outcomes)
    assert len(port.submitted) == 1


async def test_an_attempt_of_a_dead_worker_is_only_queried(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    step = await service._open_attempt(line_id)  # and then the worker dies
    assert step is not None
    await fulfilment.fulfil_line(line_id)
    assert port.submitted == []
    port.queries = {"first": [goods()]}
    await query_now(line_id)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    assert port.submitted == []
    await no_violations()


async def test_a_delivered_line_splits_its_commission(port: Scripted) -> None:
    chain = await make.agent_chain()
    for level, percent in ((1, 5), (2, 3), (3, 2)):
        await make.rule(level, RuleKind.PERCENT, percent * 10_000)
    variant = await make.variant(price=make.yuan(100))
    await suppliers.save_supplier(
        make.OPERATOR,
        suppliers.SupplierWish("one", "one", "scripted", "http://supplier.test", "secret"),
    )
    await suppliers.save_offer(make.OPERATOR, suppliers.OfferWish(variant.sku, "one", "one", COST))
    buyer = await make.buyer(referrer=chain[2].id)
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    port.submits = {"one": [goods()]}
    await fulfilment.fulfil_line(placed.lines[0].id)
    earned = [
        await ledger.balance_of(account_id(AccountKind.COMMISSION, agent.id, make.CNY))
        for agent in reversed(chain)
    ]
    assert earned == [make.yuan(5), make.yuan(3), make.yuan(2)]
    await no_violations()


async def test_the_database_refuses_a_second_open_attempt() -> None:
    _, line_id = await paid_line_without_port()
    step = await service._open_attempt(line_id)
    assert step is not None
    attempt = step.attempt
    with pytest.raises(Exception, match="attempt_one_open_per_line"):
        async with transaction():
            await FulfilmentAttempt.create(
                line_id=line_id,
                number=2,
                supplier_id=attempt.supplier_id,
                offer_id=attempt.offer_id,
                item="other",
                quantity=1,
                reference="other",
                status=AttemptStatus.SUBMITTING,
                max_unit_cost=1,
                currency="CNY",
                next_query_at=clock.now(),
                opened_at=clock.now(),
            )


async def paid_line_without_port() -> tuple[make.Actor, UUID]:
    suppliers.register("scripted", Scripted())
    return await paid_line(["only"])
