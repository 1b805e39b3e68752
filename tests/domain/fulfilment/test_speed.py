"""How much a purchase from a supplier asks of the database, and that asking less misses nothing."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from domain import cards, fulfilment, orders, routing
from domain.checkout import LineWish, Purchase, place_order
from domain.fulfilment import rules, service
from domain.kernel import transaction
from domain.orders import LineStatus
from domain.suppliers import Category, Rejected, SubmitResult
from tests import make
from tests.domain.fulfilment.test_fulfilment import (  # noqa: F401 - the port is a fixture
    Scripted,
    goods,
    paid_line,
    port,
    state_of,
)
from tests.domain.fulfilment.test_topup import done, offered, paid
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")
SIMPLE = 28  # statements of a line that its first supplier delivers, two transactions among them
AGAIN = 5  # further ones for each supplier that says no before, its commit among them
READY = 1  # what waits for the line is counted where somebody was asked before


@pytest.mark.parametrize("noes", [0, 1, 2])
async def test_a_line_is_bought_by_a_known_number_of_statements(
    port: Scripted,  # noqa: F811
    noes: int,
) -> None:
    items = ["first", "second", "third"][: noes + 1]
    _, line_id = await paid_line(items)
    refused: SubmitResult = Rejected(Category.INVALID_ACCOUNT, "no")
    port.submits = {item: [refused] for item in items[:-1]} | {items[-1]: [goods()]}
    async with transaction() as conn:  # gates are made when their supplier first answers
        await conn.execute("INSERT INTO supplier_gates (supplier_id) SELECT id FROM suppliers")
        await conn.execute("INSERT INTO offer_gates (offer_id) SELECT id FROM supplier_offers")
    await cards.fresh_key()  # the first one of a database keeps a proof of its key
    async with count_statements() as statements:
        await fulfilment.fulfil_line(line_id)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    sent = _own(statements)
    assert len(sent) == SIMPLE + noes * AGAIN + (READY if noes else 0), "\n".join(sent)


@pytest.mark.parametrize("filled_in", [False, True])
async def test_between_a_no_and_the_next_order_stand_known_statements(
    port: Scripted,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    *,
    filled_in: bool,
) -> None:
    """The interval that a buyer waits for: one transaction and nothing beside it, also where the
    buyer had to fill something in."""
    items = [f"item-{number}" for number in range(4)]
    names = {"mobile": "account"}
    _, line_id = await (paid(await offered(items, names)) if filled_in else paid_line(items))
    refused: SubmitResult = Rejected(Category.OUT_OF_STOCK, "no")
    last = done() if filled_in else goods()
    port.submits = {item: [refused] for item in items[:-1]} | {items[-1]: [last]}
    async with transaction() as conn:
        await conn.execute("INSERT INTO supplier_gates (supplier_id) SELECT id FROM suppliers")
        await conn.execute("INSERT INTO offer_gates (offer_id) SELECT id FROM supplier_offers")
    await cards.fresh_key()
    marks: list[int] = []
    async with count_statements() as statements:
        place = port.submit

        async def marked(*given: Any) -> SubmitResult:
            marks.append(len(_own(statements)))
            return await place(*given)

        monkeypatch.setattr(port, "submit", marked)
        await fulfilment.fulfil_line(line_id)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    between = [after - before for before, after in pairwise(marks)]
    assert between == [AGAIN] * 3, "\n".join(_own(statements))


async def test_a_line_that_went_on_is_looked_at_about_a_day_after_its_last_attempt(
    port: Scripted,  # noqa: F811
) -> None:
    """The look that was planned with the first attempt does for the next one; one that is planned
    far from where it should be is moved."""
    _, line_id = await paid_line(["first", "second", "third"])
    refused: SubmitResult = Rejected(Category.OUT_OF_STOCK, "no")
    step = await service._open_attempt(line_id)
    assert step is not None
    _, step = await service._book_and_go_on(step, refused)
    assert step is not None
    first, second = await fulfilment.attempts_of([line_id])
    planned = (await orders.OrderLine.get(id=line_id)).due_at
    assert planned == first.opened_at + rules.INCIDENT_AFTER
    assert planned < second.opened_at + rules.INCIDENT_AFTER
    await orders.OrderLine.filter(id=line_id).update(due_at=planned - timedelta(hours=1))
    _, step = await service._book_and_go_on(step, refused)
    assert step is not None
    third = (await fulfilment.attempts_of([line_id]))[-1]
    assert (await orders.OrderLine.get(id=line_id)).due_at == third.opened_at + rules.INCIDENT_AFTER


async def test_who_waited_for_an_order_reads_all_of_it_as_it_is_then(
    port: Scripted,  # noqa: F811
) -> None:
    """One statement locks an order and its lines: what was written before is in what it tells."""
    one = await make.variant(price=make.yuan(1))
    other = await make.variant(price=make.yuan(1))
    for variant in (one, other):
        await make.offer(variant, make.yuan(1) // 2)
    wish = Purchase((LineWish(one.sku, 1), LineWish(other.sku, 1)), "key")
    placed = await place_order(await make.buyer(), wish)
    first, second = placed.lines
    locked = asyncio.Event()

    async def wait() -> orders.LockedLine:
        await locked.wait()
        async with transaction() as conn:
            return await orders.lock_line(conn, second.id)

    waiting = asyncio.create_task(wait())
    async with transaction() as conn:
        line = await orders.lock_line(conn, first.id)
        locked.set()
        waits = "SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1"
        while not await conn.fetchval(waits):  # noqa: ASYNC110 - the database tells no event
            await asyncio.sleep(0.01)
        await orders.line_refunded(conn, line, "NO_SUPPLIER")
    found = await waiting
    assert found.event_count == line.event_count
    assert found.order_status is line.order_status
    assert [each.status for each in found.siblings] == [LineStatus.REFUNDED, LineStatus.QUEUED]


async def test_a_decision_that_went_on_shows_all_offers_though_it_keeps_the_difference(
    port: Scripted,  # noqa: F811
) -> None:
    items = [f"item-{number}" for number in range(9)]
    _, line_id = await paid_line(items)
    refused: SubmitResult = Rejected(Category.INVALID_ACCOUNT, "no")
    port.submits = {item: [refused] for item in items[:2]} | {items[2]: [goods()]}
    await fulfilment.fulfil_line(line_id)
    plans = await routing.plans_of([(line_id, 1)])
    for number, chosen in ((1, 0), (2, 1), (3, 2)):
        plan = plans[line_id, number]
        assert plan is not None
        assert [each.item for each in plan.candidates] == items
        gone = [each.item for each in plan.candidates if each.excluded_because is not None]
        assert gone == items[:chosen]
    kept = await routing.RouteDecision.get(line_id=line_id, number=3)
    assert isinstance(kept.candidates, dict)
    assert len(kept.candidates) == 2 + routing.rules.NEXT_FEW


def _own(statements: list[str]) -> list[str]:
    """Without what the driver asks once a connection: what types there are."""
    return [each for each in statements if "typeinfo" not in each and "jit" not in each]
