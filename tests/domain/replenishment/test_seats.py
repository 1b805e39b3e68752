"""A purchase for stock takes a seat and a slot of its supplier as the attempt of a line does."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from domain import checkout, fulfilment, replenishment, suppliers
from domain.checkout import LineWish, Purchase
from domain.fulfilment import AttemptStatus
from domain.kernel import Connection, Refused, connection
from domain.orders import LineStatus, OrderLine
from domain.replenishment import ProposalState
from domain.suppliers import Accepted, NotFound, Uncertain
from tests import make
from tests.domain.fulfilment.test_fulfilment import CAPABILITIES, Scripted
from tests.domain.fulfilment.test_fulfilment import goods as brought
from tests.domain.replenishment.test_buying import (
    books_agree,
    bought,
    budget,
    goods,
    on_shelf,
    port,
    proposal_of,
    stocked,
    told,
    work,
)

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]


async def bounded(variant: make.Variant, *, seats: int | None = None, pace: str = "") -> None:
    """Its one supplier takes so many attempts at once, or so many purchases in so many seconds."""
    code = "s-first"
    wish = suppliers.SupplierWish(code, code, "scripted", "http://supplier.test", "secret")
    calls = suppliers.RateLimit(1, 600) if pace else None
    await suppliers.save_supplier(make.OPERATOR, replace(wish, max_open=seats, pace=calls))


async def ordered(variant: make.Variant) -> UUID:
    wish = Purchase((LineWish(variant.sku, 1),), "key")
    placed = await checkout.place_order(await make.buyer(), wish)
    return placed.lines[0].id


async def test_a_seat_that_a_line_has_is_waited_for(port: Scripted) -> None:
    variant = await stocked(port)
    await bounded(variant, seats=1)
    port.submits = {"first": [Uncertain(), goods(5)]}
    port.queries = {"first": [brought()]}
    line_id = await ordered(variant)
    await fulfilment.fulfil_line(line_id)
    await replenishment.plan_all()
    await work()
    assert await bought(variant) == []
    await work(60)
    assert [each.quantity for each in port.submitted] == [1]
    with make.later(seconds=90):
        for attempt_id in (await fulfilment.list_due(5)).attempts:
            await fulfilment.query_attempt(attempt_id)
    assert (await OrderLine.get(id=line_id)).status is LineStatus.DELIVERED
    with make.later(seconds=120):
        await replenishment.plan_all()
        await work()
    assert await on_shelf(variant) == 5
    await books_agree()


async def test_a_line_waits_for_the_seat_of_a_purchase(port: Scripted) -> None:
    variant = await stocked(port)
    await bounded(variant, seats=1)
    port.submits = {"first": [Accepted("up-1"), brought()]}
    await replenishment.plan_all()
    await work()
    (purchase,) = await bought(variant)
    assert purchase.status is AttemptStatus.ACCEPTED
    line_id = await ordered(variant)
    await fulfilment.fulfil_line(line_id)
    assert (await OrderLine.get(id=line_id)).status is LineStatus.QUEUED
    assert [each.quantity for each in port.submitted] == [5]


async def test_a_slot_of_the_pace_is_taken_by_either(port: Scripted) -> None:
    variant = await stocked(port)
    await bounded(variant, pace="one in ten minutes")
    port.submits = {"first": [brought(), goods(5)]}
    await fulfilment.fulfil_line(await ordered(variant))
    await replenishment.plan_all()
    await work()
    assert await bought(variant) == []
    with make.later(seconds=601):
        await replenishment.plan_all()
        await work()
    assert await on_shelf(variant) == 5
    assert len(port.submitted) == 2


async def test_a_proposal_that_is_approved_waits_for_a_seat_and_not_for_ever(
    port: Scripted,
) -> None:
    variant = await stocked(port)
    await replenishment.plan_all()
    proposal = await proposal_of(variant)
    await bounded(variant, seats=1)
    port.submits = {"first": [Uncertain()]}
    await fulfilment.fulfil_line(await ordered(variant))
    await replenishment.buy(proposal.id)
    proposal = await proposal_of(variant)
    assert (proposal.state, await bought(variant)) == (ProposalState.BUYING, [])
    with make.later(hours=7):
        await replenishment.buy(proposal.id)
    assert (await proposal_of(variant)).state is ProposalState.FAILED


async def two_stocks(port: Scripted) -> list[UUID]:
    """Two proposals that want the one seat of their supplier at the same moment."""
    found = []
    await budget(make.yuan(10_000))
    for _ in range(2):
        variant = await stocked(port, money=0)
        await replenishment.plan_all()
        found.append((await proposal_of(variant)).id)
    await bounded(variant, seats=1)
    port.pause = 0.3
    port.submits = {"first": [Uncertain(), Uncertain()]}
    return found


async def test_two_at_once_do_not_share_a_seat(port: Scripted) -> None:
    proposals = await two_stocks(port)
    await asyncio.gather(*(replenishment.buy(each) for each in proposals))
    assert len(port.submitted) == 1


async def test_without_counting_each_other_they_do(
    port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: purchases that nobody counts take as many seats as they like."""

    async def none(_: Connection, __: Sequence[UUID]) -> Mapping[UUID, int]:
        return {}

    monkeypatch.setattr(fulfilment.above, "open_elsewhere", none)
    proposals = await two_stocks(port)
    await asyncio.gather(*(replenishment.buy(each) for each in proposals))
    assert len(port.submitted) == 2


async def uncertain(port: Scripted, **changes: object) -> make.Variant:
    port.capabilities = replace(CAPABILITIES, **changes)  # type: ignore[arg-type]
    variant = await stocked(port, "first", "second")
    port.submits = {"first": [Uncertain()], "second": [goods(5)]}
    await replenishment.plan_all()
    await work()
    return variant


async def test_no_query_of_a_purchase_before_the_delay(port: Scripted) -> None:
    variant = await uncertain(port, query_delay_seconds=600)
    port.queries = {"first": [goods(5)]}
    await work(300)
    assert (port.queried, await on_shelf(variant)) == ([], 0)
    await work(601)
    assert (len(port.queried), await on_shelf(variant)) == (1, 5)


async def test_a_purchase_that_its_supplier_forgot_is_told_and_ended_by_a_person(
    port: Scripted,
) -> None:
    variant = await uncertain(port, retention_days=30)
    for hours in (30 * 24, 30 * 24 + 1, 31 * 24 + 1):
        await work(hours * 3_600)
    assert port.queried == []
    assert await told("purchase.incident") == 2  # each day, until somebody ended it
    (purchase,) = await bought(variant)
    operator = await make.operator("purchases:approve")
    with make.later(days=32):
        with pytest.raises(Refused):
            await replenishment.give_up(operator, purchase.id, " ")
        await replenishment.give_up(operator, purchase.id, "they have no such order")
        with pytest.raises(Refused):
            await replenishment.give_up(operator, purchase.id, "again")
        await work()
    assert [each.status for each in await bought(variant)] == [
        AttemptStatus.REJECTED,
        AttemptStatus.SUCCEEDED,
    ]
    assert await on_shelf(variant) == 5
    async with connection() as conn:
        sql = "SELECT count(*) FROM audit_entries WHERE action = 'purchase.give_up'"
        assert await conn.fetchval(sql) == 1
    with make.later(days=40):
        await work()
    assert port.queried == []
    await books_agree()


async def test_what_was_given_up_and_turns_up_is_stock(port: Scripted) -> None:
    variant = await uncertain(port)
    operator = await make.operator("purchases:approve")
    await replenishment.give_up(operator, (await bought(variant))[0].id, "surely not")
    await work()
    port.queries = {"first": [NotFound(), goods(5)]}
    await work(100)
    await work(1_000)
    assert await on_shelf(variant) == 10
    await books_agree()
