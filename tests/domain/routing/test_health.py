"""Suppliers are asked how they are: balances and scores are told once a crossing, and demote."""

import asyncio
from dataclasses import dataclass, replace
from uuid import UUID

import orjson
import pytest

from domain import fulfilment, routing, suppliers
from domain.kernel import Refused, clock, connection, encode_id, page_request
from domain.kernel.ids import Prefix
from domain.routing import Demotion, Reach
from domain.routing.health import KEPT
from domain.routing.scoring import DOWNS
from domain.suppliers import Category, Connection, Health, HealthState, Rejected
from tests import make
from tests.domain.fulfilment.test_fulfilment import (
    CAPABILITIES,
    COST,
    Scripted,
    goods,
    no_violations,
    paid_line,
)

pytestmark = pytest.mark.usefixtures("db")
EVERY = int(routing.sources.every.total_seconds())


@dataclass
class Told(Scripted):
    """A supplier that tells its balance, or does not answer."""

    balances: int | None = make.yuan(1_000)
    asked: int = 0

    async def balance(self, connection: Connection) -> int | None:
        self.asked += 1
        return self.balances


@pytest.fixture
def port() -> Told:
    made = Told(capabilities=replace(CAPABILITIES, balance=True))
    suppliers.register("scripted", made)
    return made


async def events_of(supplier_id: UUID) -> list[str]:
    sql = "SELECT type FROM outbox_events WHERE subject = $1 ORDER BY sequence"
    async with connection() as conn:
        return [row["type"] for row in await conn.fetch(sql, supplier_id)]


async def last_of(supplier_id: UUID) -> dict[str, object]:
    sql = "SELECT payload FROM outbox_events WHERE subject = $1 ORDER BY sequence DESC LIMIT 1"
    async with connection() as conn:
        found: dict[str, object] = orjson.loads(await conn.fetchval(sql, supplier_id))
        return found


async def one_supplier(port: Told) -> UUID:
    wish = suppliers.SupplierWish("s", "s", "scripted", "http://supplier.test", "secret")
    return (await suppliers.save_supplier(make.OPERATOR, wish)).id


async def poll(after: int = 0) -> int:
    with make.later(seconds=after):
        due = await routing.due_polls(10)
        for each in due:
            await routing.poll_supplier(each)
    return len(due)


async def health(supplier_id: UUID) -> routing.SupplierHealth:
    found = (await routing.health_of([supplier_id]))[supplier_id]
    assert found is not None
    return found


async def test_each_supplier_is_asked_at_its_time_and_its_answers_are_kept(port: Told) -> None:
    supplier = await one_supplier(port)
    assert [await poll(), await poll(), await poll(EVERY + 1)] == [1, 0, 1]
    port.balances = None
    assert await poll(2 * EVERY + 2) == 1
    page = page_request("supplierReadings", 10, None)
    rows = (await routing.list_readings(make.OPERATOR, page, supplier)).rows
    assert [(row.reach, row.balance) for row in rows] == [
        (Reach.DOWN, None),
        (Reach.UP, make.yuan(1_000)),
        (Reach.UP, make.yuan(1_000)),
    ]
    assert (await health(supplier)).balance == make.yuan(1_000)  # what was told last stays


async def test_two_schedulers_ask_once(port: Told) -> None:
    supplier = await one_supplier(port)
    await asyncio.gather(*(routing.poll_supplier(supplier) for _ in range(4)))
    assert port.asked == 1


async def test_a_paused_supplier_is_not_asked(port: Told) -> None:
    await one_supplier(port)
    wish = suppliers.SupplierWish(
        "s",
        "s",
        "scripted",
        "http://supplier.test",
        state=suppliers.SupplierState.PAUSED,
    )
    await suppliers.save_supplier(make.OPERATOR, wish)
    assert await poll() == 0


async def test_a_low_balance_is_told_once_reminded_daily_and_told_when_it_is_over(
    port: Told,
) -> None:
    supplier = await one_supplier(port)
    await routing.set_low_balance(make.OPERATOR, "s", make.yuan(500))
    await poll()
    assert await events_of(supplier) == []
    port.balances = make.yuan(499)
    for turn in range(1, 6):
        await poll(turn * (EVERY + 1))
    assert await events_of(supplier) == ["supplier.balance_low"]
    assert await last_of(supplier) == {
        "supplierId": encode_id(Prefix.SUPPLIER, supplier),
        "balance": "499.00",
        "line": "500.00",
        "suggested": "1.00",
    }
    assert (await health(supplier)).balance_low
    for hours in (25, 26, 50):
        await poll(hours * 3_600)
    port.balances = make.yuan(500)
    await poll(60 * 3_600)
    await poll(61 * 3_600)
    assert await events_of(supplier) == [
        "supplier.balance_low",
        "supplier.top_up_reminder",
        "supplier.top_up_reminder",
        "supplier.balance_recovered",
    ]
    port.balances = 0
    await poll(62 * 3_600)
    assert (await events_of(supplier))[-1] == "supplier.balance_low"


async def test_without_a_line_two_days_of_use_count(port: Told) -> None:
    _, line_id = await paid_line(["only"], 7)
    port.submits = {"only": [goods(7)]}
    await fulfilment.fulfil_line(line_id)
    (supplier,) = await suppliers.list_suppliers(make.OPERATOR)
    port.balances = 2 * COST
    await poll()
    found = await health(supplier.id)
    assert (found.spent_in_a_week, found.low_line, found.cover_hours) == (7 * COST, 2 * COST, 48)
    assert await events_of(supplier.id) == []
    port.balances = 2 * COST - 1
    await poll(EVERY + 1)
    assert await events_of(supplier.id) == ["supplier.balance_low"]


async def test_an_unreachable_supplier_is_asked_last_until_it_answers(port: Told) -> None:
    """It stays in the plan, so that a line without another choice is tried there all the same."""
    _, line_id = await paid_line(["first", "second"])
    first, second = await suppliers.list_suppliers(make.OPERATOR)
    port.balances = None
    for turn in range(DOWNS):
        assert await events_of(first.id) == []
        with make.later(seconds=turn * (EVERY + 1)):
            await routing.poll_supplier(first.id)
    assert await events_of(first.id) == ["supplier.demoted"]
    assert (await health(first.id)).demotion is Demotion.UNREACHABLE
    plan = await fulfilment.route_plan(make.OPERATOR, await sku_of(line_id), 1)
    assert [(each.supplier_id, each.demoted) for each in plan.candidates] == [
        (second.id, False),
        (first.id, True),
    ]
    assert plan.candidates[1].excluded_because is None
    port.submits = {"second": [Rejected(Category.OUT_OF_STOCK)], "first": [goods()]}
    await fulfilment.fulfil_line(line_id)
    assert [each.item for each in port.submitted] == ["second", "first"]
    port.balances = make.yuan(1)
    await poll(EVERY * 5)
    assert "supplier.restored" in await events_of(first.id)
    plan = await fulfilment.route_plan(make.OPERATOR, await sku_of(line_id), 1)
    assert [each.supplier_id for each in plan.candidates] == [first.id, second.id]
    await no_violations()


async def sku_of(line_id: UUID) -> str:
    async with connection() as conn:
        return str(await conn.fetchval("SELECT sku FROM order_lines WHERE id = $1", line_id))


async def test_failures_lower_the_score_demote_and_time_restores(port: Told) -> None:
    """Mission row D11: a fault run lowers the score."""
    supplier = await one_supplier(port)
    before = (await health(supplier)).score
    async with connection() as conn:
        await conn.execute(
            "INSERT INTO supplier_gates (supplier_id) VALUES ($1) ON CONFLICT DO NOTHING", supplier
        )
        await conn.execute(
            "UPDATE supplier_gates SET success = 1000, measured_at = $2 WHERE supplier_id = $1",
            supplier,
            clock.now(),
        )
    await poll()
    bad = await health(supplier)
    assert before == 10_000 > bad.score
    assert bad.demotion is Demotion.SCORE
    assert await events_of(supplier) == ["supplier.demoted"]
    await poll(EVERY + 1)
    assert await events_of(supplier) == ["supplier.demoted"]
    await poll(48 * 3_600)
    assert (await health(supplier)).demotion is None
    assert await events_of(supplier) == ["supplier.demoted", "supplier.restored"]


async def test_bad_cards_and_slow_refunds_lower_the_score(port: Told) -> None:
    supplier = await one_supplier(port)

    async def slow(*_: object) -> dict[UUID, int]:
        return {supplier: 14 * 24}

    before = routing.sources.refund_hours
    routing.sources.refund_hours = slow
    try:
        await poll()
    finally:
        routing.sources.refund_hours = before
    found = await health(supplier)
    assert (found.refund_hours, found.score) == (14 * 24, 9_000)


async def test_who_has_no_balance_is_asked_how_it_is(port: Told) -> None:
    supplier = await one_supplier(port)
    port.capabilities = CAPABILITIES

    async def down(connection: Connection) -> Health:
        return Health(HealthState.DOWN)

    port.health = down  # type: ignore[method-assign]
    await poll()
    page = page_request("supplierReadings", 10, None)
    (row,) = (await routing.list_readings(make.OPERATOR, page, supplier)).rows
    assert (row.reach, row.balance, port.asked) == (Reach.DOWN, None, 0)


async def test_old_readings_go(port: Told) -> None:
    await one_supplier(port)
    with make.later(days=-KEPT.days - 1):
        await poll()
    await poll()
    assert [await routing.forget_readings(), await routing.forget_readings()] == [1, 0]


async def test_a_line_below_zero_and_an_unknown_supplier_are_refused(port: Told) -> None:
    await one_supplier(port)
    for code, line, refusal in (("s", -1, "INVALID"), ("x", 1, "NOT_FOUND")):
        with pytest.raises(Refused) as caught:
            await routing.set_low_balance(make.OPERATOR, code, line)
        assert [each.code for each in caught.value.refusals] == [refusal]
