"""Choosing an offer on the real database: policies, bounds that all workers share, and waiting."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import checkout, fulfilment, orders, routing, suppliers
from domain.checkout import LineWish, Purchase
from domain.fulfilment import AttemptStatus, FulfilmentAttempt, going_on, service
from domain.kernel import Connection, Refused, clock, connection, transaction
from domain.orders import LineStatus
from domain.routing import Exclusion, PolicyKind, PolicyScope, PolicyWish, RouteDecision
from domain.routing import service as choosing
from domain.routing.models import OfferGate, SupplierGate
from domain.suppliers import Accepted, Category, Rejected, SubmitResult, Uncertain
from domain.suppliers.models import Supplier
from tests import make
from tests.domain.fulfilment.test_fulfilment import (
    COST,
    Scripted,
    goods,
    no_violations,
    paid_line,
    query_now,
    state_of,
)

pytestmark = pytest.mark.usefixtures("db")
CLERK = replace(make.OPERATOR, scopes=frozenset({"suppliers:write", "suppliers:read"}))


@pytest.fixture
def port() -> Scripted:
    made = Scripted()
    suppliers.register("scripted", made)
    return made


async def more_lines(line_id: UUID, lines: int) -> list[UUID]:
    """Further paid lines of the same variant."""
    line = await orders.OrderLine.get(id=line_id)
    found = []
    for number in range(lines):
        buyer = await make.buyer()
        wish = Purchase((LineWish(line.sku, 1),), f"more-{number}")
        found.append((await checkout.place_order(buyer, wish)).lines[0].id)
    return found


async def bounded(item: str, **changes: Any) -> UUID:
    supplier = await Supplier.get(code=f"s-{item}")
    await supplier.update_from_dict(changes).save()
    await SupplierGate.get_or_create(supplier_id=supplier.id)
    return supplier.id


async def offer_again(line_id: UUID, item: str, cost: int, **changes: Any) -> None:
    sku = (await orders.OrderLine.get(id=line_id)).sku
    wish = suppliers.OfferWish(sku, f"s-{item}", item, cost, **changes)
    await suppliers.save_offer(CLERK, wish)


async def asked(line_id: UUID) -> list[str]:
    return [attempt.item for attempt in await fulfilment.attempts_of([line_id])]


async def test_a_price_change_reorders_the_routes(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    await routing.save_policy(CLERK, PolicyWish(PolicyKind.LOWEST_COST))
    await offer_again(line_id, "first", COST + 1)
    port.submits = {"second": [goods()]}
    await fulfilment.fulfil_line(line_id)
    assert await asked(line_id) == ["second"]
    await offer_again(line_id, "second", COST + 2)
    (other,) = await more_lines(line_id, 1)
    port.submits = {"first": [goods(start=7)]}
    await fulfilment.fulfil_line(other)
    assert await asked(other) == ["first"]
    await no_violations()


async def test_a_fee_reorders_the_routes_and_lowers_what_may_be_charged(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    await routing.save_policy(CLERK, PolicyWish(PolicyKind.LOWEST_COST, cost_tolerance=500))
    await offer_again(line_id, "first", COST, fee=make.yuan(1))
    port.submits = {"second": [Rejected(Category.OUT_OF_STOCK)], "first": [goods()]}
    await fulfilment.fulfil_line(line_id)
    assert await asked(line_id) == ["second", "first"]
    assert [each.max_unit_cost for each in port.submitted] == [COST * 105 // 100] * 2


async def test_the_narrowest_policy_counts(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    line = await orders.OrderLine.get(id=line_id)
    async with connection() as conn:
        slug = await conn.fetchval(
            "SELECT c.slug FROM categories c JOIN products p ON p.category_id = c.id"
            " JOIN variants v ON v.product_id = p.id WHERE v.id = $1",
            line.variant_id,
        )
    plans = []
    await routing.save_policy(CLERK, PolicyWish(PolicyKind.WEIGHTED))
    plans.append(await fulfilment.route_plan(CLERK, line.sku, 1))
    await routing.save_policy(CLERK, PolicyWish(PolicyKind.LOWEST_COST, category=slug))
    plans.append(await fulfilment.route_plan(CLERK, line.sku, 1))
    narrow = await routing.save_policy(CLERK, PolicyWish(PolicyKind.BEST_SUCCESS, sku=line.sku))
    plans.append(await fulfilment.route_plan(CLERK, line.sku, 1))
    await routing.delete_policy(CLERK, narrow.id)
    plans.append(await fulfilment.route_plan(CLERK, line.sku, 1))
    assert [(each.kind, each.scope) for each in plans] == [
        (PolicyKind.WEIGHTED, PolicyScope.DEFAULT),
        (PolicyKind.LOWEST_COST, PolicyScope.CATEGORY),
        (PolicyKind.BEST_SUCCESS, PolicyScope.VARIANT),
        (PolicyKind.LOWEST_COST, PolicyScope.CATEGORY),
    ]
    again = await routing.save_policy(CLERK, PolicyWish(PolicyKind.PRIORITY))
    assert again.version == 2
    assert len(await routing.list_policies(CLERK)) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sku": "a", "category": "b"}, "policy_scope"),
        ({"cost_tolerance": -1}, "policy_rate"),
        ({"failure_cost_rate": 100_001}, "policy_rate"),
        ({"wait_seconds": 86_401}, "policy_wait"),
    ],
)
async def test_a_policy_has_limits(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        await routing.save_policy(CLERK, PolicyWish(PolicyKind.PRIORITY, **changes))
    assert refused.value.refusals[0].reason == reason  # type: ignore[attr-defined]
    with pytest.raises(Refused):
        await routing.save_policy(make.OPERATOR, PolicyWish(PolicyKind.PRIORITY, sku="none"))


async def test_a_line_goes_on_within_the_transaction_that_books_the_no(
    port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever dies after a no leaves the next attempt behind; without it, the rejection neither."""
    _, line_id = await paid_line(["first", "second"])
    first = await service._open_attempt(line_id)
    assert first is not None
    again, following = await service._book_and_go_on(first, Rejected(Category.OUT_OF_STOCK))
    assert again
    assert following is not None
    assert [each.status for each in await fulfilment.attempts_of([line_id])] == [
        AttemptStatus.REJECTED,
        AttemptStatus.SUBMITTING,
    ]

    async def dies(*_: object) -> None:
        raise ZeroDivisionError

    _, other = await paid_line(["first", "second"])
    first = await service._open_attempt(other)
    assert first is not None
    monkeypatch.setattr(going_on.orders, "line_delivering", dies)
    with pytest.raises(ZeroDivisionError):
        await service._book_and_go_on(first, Rejected(Category.OUT_OF_STOCK))
    assert [each.status for each in await fulfilment.attempts_of([other])] == [
        AttemptStatus.SUBMITTING
    ]


async def test_a_no_that_is_told_many_times_at_once_leads_on_once(port: Scripted) -> None:
    """Whoever was first has booked it and opened the next attempt; the others find it over."""
    _, line_id = await paid_line(["first", "second", "third"])
    first = await service._open_attempt(line_id)
    assert first is not None
    no = Rejected(Category.OUT_OF_STOCK)
    answers = await asyncio.gather(*(service._book_and_go_on(first, no) for _ in range(6)))
    assert sum(again for again, _ in answers) == 1
    assert [each.status for each in await fulfilment.attempts_of([line_id])] == [
        AttemptStatus.REJECTED,
        AttemptStatus.SUBMITTING,
    ]
    gate = await SupplierGate.get(supplier_id=first.attempt.supplier_id)
    assert gate.samples == 1
    await no_violations()


async def test_going_on_tells_how_the_next_one_is_reached_now(port: Scripted) -> None:
    """The address and key of the next supplier are read with the decision, never remembered."""
    _, line_id = await paid_line(["first", "second"])
    first = await service._open_attempt(line_id)
    assert first is not None
    wish = suppliers.SupplierWish(
        "s-second", "second", "scripted", "http://moved.test", "new", priority=1
    )
    await suppliers.save_supplier(make.OPERATOR, wish)
    _, following = await service._book_and_go_on(first, Rejected(Category.OUT_OF_STOCK))
    assert following is not None
    assert following.way is not None
    reached = following.way.connection
    assert (reached.supplier_code, reached.base_url, reached.secret) == (
        "s-second",
        "http://moved.test",
        "new",
    )


@pytest.mark.parametrize("seats", [None, 1])
async def test_what_is_counted_is_chosen_in_a_transaction_of_its_own(
    port: Scripted, seats: int | None
) -> None:
    """Nobody holds the gates of two suppliers: the one that said no is learned of first."""
    _, line_id = await paid_line(["first", "second"])
    await bounded("second", max_open=seats)
    port.submits = {"first": [Rejected(Category.OUT_OF_STOCK)], "second": [goods()]}
    first = await service._open_attempt(line_id)
    assert first is not None
    again, following = await service._book_and_go_on(first, Rejected(Category.OUT_OF_STOCK))
    assert (again, following is None) == (True, seats is not None)
    if following is None:
        await fulfilment.fulfil_line(line_id)
        assert (await orders.OrderLine.get(id=line_id)).status is LineStatus.DELIVERED


async def test_going_on_looks_at_offers_as_they_stand_now(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second", "third"])
    first = await service._open_attempt(line_id)
    assert first is not None
    await bounded("second", state="paused")
    _, following = await service._book_and_go_on(first, Rejected(Category.OUT_OF_STOCK))
    assert following is not None
    assert following.attempt.item == "third"


async def test_an_attempt_keeps_the_plan_that_it_was_made_by(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second", "third"])
    await bounded("second", state="paused")
    port.submits = {"first": [Rejected(Category.OUT_OF_STOCK)], "third": [goods()]}
    await fulfilment.fulfil_line(line_id)
    plans = await routing.plans_of([(line_id, 1), (line_id, 2)])
    told = [
        [(each.item, each.excluded_because) for each in plans[(line_id, number)].candidates]  # type: ignore[union-attr]
        for number in (1, 2)
    ]
    paused = ("second", Exclusion.SUPPLIER_PAUSED)
    assert told == [
        [("first", None), paused, ("third", None)],
        [("first", Exclusion.TRIED), paused, ("third", None)],
    ]
    chosen = [
        (await RouteDecision.get(line_id=line_id, number=number)).offer_id for number in (1, 2)
    ]
    attempts = await fulfilment.attempts_of([line_id])
    assert chosen == [attempt.offer_id for attempt in attempts]


async def test_a_line_goes_on_in_the_order_that_it_began_with(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second", "third"])
    port.submits = {"first": [Uncertain()], "second": [goods()]}
    port.queries = {"first": [Rejected(Category.OUT_OF_STOCK)]}
    await fulfilment.fulfil_line(line_id)
    await offer_again(line_id, "third", COST, priority=1)
    await query_now(line_id)
    assert await asked(line_id) == ["first", "second"]


async def test_a_breaker_opens_is_told_once_and_lets_one_line_try_later(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    lines = [line_id, *await more_lines(line_id, 6)]
    down: list[SubmitResult] = [Rejected(Category.PROVIDER_DOWN)] * 5
    port.submits = {"first": down, "second": [goods(start=number) for number in range(7)]}
    for each in lines[:5]:
        await fulfilment.fulfil_line(each)
    await fulfilment.fulfil_line(lines[5])
    assert await asked(lines[5]) == ["second"]
    sql = "SELECT payload->>'reason' FROM outbox_events WHERE type = 'supplier.breaker_opened'"
    async with connection() as conn:
        assert [row[0] for row in await conn.fetch(sql)] == ["provider_down"]
    moment = clock.now() + timedelta(seconds=40)
    port.submits["first"] = [goods(start=50)]
    with clock.fixed(lambda: moment):
        await fulfilment.fulfil_line(lines[6])
    assert await asked(lines[6]) == ["first"]
    supplier = await Supplier.get(code="s-first")
    gate = await SupplierGate.get(supplier_id=supplier.id)
    assert (gate.open_until, gate.failures, gate.samples) == (None, 0, 6)
    await no_violations()


async def test_a_refused_key_opens_the_breaker_at_once(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Rejected(Category.AUTH)], "second": [goods()]}
    await fulfilment.fulfil_line(line_id)
    (first, second) = (await fulfilment.route_plan(CLERK, await sku_of(line_id), 1)).candidates
    assert first.excluded_because is Exclusion.SUPPLIER_BREAKER
    assert first.success < second.success


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        (Category.AUTH, ["first", "second"]),  # its breaker is open now
        (Category.RATE_LIMITED, ["first", "second"]),
        (Category.OUT_OF_STOCK, ["first", "other"]),  # which says nothing of its other item
    ],
)
async def test_the_next_offer_of_who_said_no_is_judged_by_that_no(
    port: Scripted, said: Category, asked: list[str]
) -> None:
    _, line_id = await paid_line(["first", "second"])
    wish = suppliers.OfferWish(await sku_of(line_id), "s-first", "other", COST)
    await suppliers.save_offer(make.OPERATOR, wish)
    port.submits = {"first": [Rejected(said)], "other": [goods()], "second": [goods()]}
    await fulfilment.fulfil_line(line_id)
    assert [each.item for each in port.submitted] == asked


async def test_without_that_look_a_supplier_that_refused_our_key_would_be_asked_at_once_again(
    port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_says_of_next", lambda seen, said: False)
    _, line_id = await paid_line(["first", "second"])
    wish = suppliers.OfferWish(await sku_of(line_id), "s-first", "other", COST)
    await suppliers.save_offer(make.OPERATOR, wish)
    port.submits = {"first": [Rejected(Category.AUTH)], "other": [goods()]}
    await fulfilment.fulfil_line(line_id)
    assert [each.item for each in port.submitted] == ["first", "other"]


async def test_what_is_out_of_stock_is_left_alone_and_its_supplier_is_not(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    gone: list[SubmitResult] = [Rejected(Category.OUT_OF_STOCK)] * 3
    port.submits = {"first": gone, "second": [goods(start=number) for number in range(3)]}
    for each in [line_id, *await more_lines(line_id, 2)]:
        await fulfilment.fulfil_line(each)
    (first, _) = (await fulfilment.route_plan(CLERK, await sku_of(line_id), 1)).candidates
    assert first.excluded_because is Exclusion.OFFER_BREAKER
    assert (await SupplierGate.get(supplier_id=first.supplier_id)).failures == 0


async def sku_of(line_id: UUID) -> str:
    return (await orders.OrderLine.get(id=line_id)).sku


async def test_a_supplier_that_is_asked_too_often_is_left_alone_for_a_while(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.submits = {"first": [Rejected(Category.RATE_LIMITED)], "second": [goods()]}
    await fulfilment.fulfil_line(line_id)
    (first, _) = (await fulfilment.route_plan(CLERK, await sku_of(line_id), 1)).candidates
    assert first.excluded_because is Exclusion.PACED
    assert first.success == 10_000


async def test_a_line_waits_for_the_only_supplier_and_no_longer_than_it_may(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    supplier_id = await bounded("first")
    began = clock.now()
    await SupplierGate.filter(supplier_id=supplier_id).update(
        failures=5, open_until=began + timedelta(minutes=10)
    )
    await fulfilment.fulfil_line(line_id)
    line = await orders.OrderLine.get(id=line_id)
    assert (line.status, await asked(line_id)) == (LineStatus.QUEUED, [])
    assert line.due_at is not None
    assert began + timedelta(seconds=119) < line.due_at < began + timedelta(seconds=125)
    moment = line.due_at + timedelta(seconds=1)
    with clock.fixed(lambda: moment):
        assert (await fulfilment.list_due(10)).lines == [line_id]
        await fulfilment.fulfil_line(line_id)
    assert (await orders.OrderLine.get(id=line_id)).status is LineStatus.REFUNDED
    await no_violations()


async def test_a_line_that_waited_is_bought_once_its_supplier_has_room(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    (other,) = await more_lines(line_id, 1)
    await bounded("first", max_open=1)
    port.submits = {"first": [Accepted("up-1"), goods(start=5)]}
    port.queries = {"first": [goods()]}
    await fulfilment.fulfil_line(line_id)
    await fulfilment.fulfil_line(other)
    assert await asked(other) == []
    await query_now(line_id)
    await fulfilment.fulfil_line(other)
    assert (await state_of(other))[0] is LineStatus.DELIVERED
    await no_violations()


async def test_a_pace_is_kept_by_all_workers(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    lines = [line_id, *await more_lines(line_id, 4)]
    await bounded("first", pace_calls=2, pace_seconds=60)
    port.submits = {"first": [goods(start=number) for number in range(5)]}
    await asyncio.gather(*(fulfilment.fulfil_line(each) for each in lines))
    assert len(port.submitted) == 2
    await no_violations()


async def slowly(conn: Connection, supplier_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    found = await fulfilment.outcomes.open_attempts(conn, supplier_ids)
    await asyncio.sleep(0.1)
    return found


async def race(kind: str) -> int:
    """How many of three lines are bought at once where one may be."""
    _, line_id = await paid_line(["first"])
    lines = [line_id, *await more_lines(line_id, 2)]
    supplier_id = await bounded("first", max_open=1 if kind == "quota" else 50)
    (candidate,) = await suppliers.candidates_of(
        (await orders.OrderLine.get(id=line_id)).variant_id
    )
    await OfferGate.create(offer_id=candidate.offer_id)
    if kind == "probe":
        closed = {"failures": 5, "trips": 1, "open_until": clock.now() - timedelta(seconds=1)}
        await SupplierGate.filter(supplier_id=supplier_id).update(**closed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(service, "open_attempts", slowly)
        await asyncio.gather(*(service._open_attempt(each) for each in lines))
    return await FulfilmentAttempt.all().count()


@pytest.mark.parametrize("kind", ["quota", "probe"])
async def test_of_lines_at_once_as_many_go_as_there_is_room(port: Scripted, kind: str) -> None:
    assert await race(kind) == 1


@pytest.mark.parametrize("kind", ["quota", "probe"])
async def test_without_the_lock_of_the_gate_more_would_go(
    port: Scripted, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the same race, looking again without the lock."""
    real = choosing.routes_of

    async def unlocked(*args: Any, locked: bool = False) -> Any:
        return await real(*args)

    monkeypatch.setattr(choosing, "routes_of", unlocked)
    assert await race(kind) > 1


async def test_a_seat_is_taken_with_the_attempt_or_not_at_all(port: Scripted) -> None:
    """A worker that dies before its commit leaves neither an attempt nor a probe."""
    _, line_id = await paid_line(["first"])
    supplier_id = await bounded("first", max_open=1, pace_calls=1, pace_seconds=60)
    past = clock.now() - timedelta(seconds=1)
    await SupplierGate.filter(supplier_id=supplier_id).update(failures=5, open_until=past)
    line = await orders.OrderLine.get(id=line_id)
    need = routing.Need(line_id, 1, line.variant_id, 1, make.yuan(100), ())

    async def die_after_choosing() -> None:
        async with transaction() as conn:
            choice = await routing.choose(conn, need, fulfilment.outcomes.open_attempts)
            assert choice.candidate is not None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await die_after_choosing()
    gate = await SupplierGate.get(supplier_id=supplier_id)
    assert (gate.probe_until, gate.paced_until) == (None, None)
    assert await RouteDecision.all().count() == 0
    port.submits = {"first": [goods()]}
    await fulfilment.fulfil_line(line_id)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED


async def test_a_probe_whose_worker_died_is_followed_by_another(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    (other,) = await more_lines(line_id, 1)
    supplier_id = await bounded("first")
    past = clock.now() - timedelta(seconds=1)
    await SupplierGate.filter(supplier_id=supplier_id).update(failures=5, open_until=past)
    assert await service._open_attempt(line_id) is not None  # and then the worker dies
    assert await service._open_attempt(other) is None
    later = clock.now() + timedelta(seconds=61)
    with clock.fixed(lambda: later):
        assert await service._open_attempt(other) is not None
