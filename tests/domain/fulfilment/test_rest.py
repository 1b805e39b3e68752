"""The rest of a part that comes after all, when it was bought elsewhere: stock and an incident,
never lost, never delivered twice."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import pytest

from domain import cards, fulfilment, orders, suppliers
from domain.fulfilment import (
    AttemptStatus,
    Doubt,
    FulfilmentAttempt,
    IncidentKind,
    Resolution,
    service,
)
from domain.fulfilment.rules import MOST_RECHECKS
from domain.kernel import clock
from domain.orders import LineStatus
from domain.suppliers import (
    Accepted,
    Category,
    Completed,
    Connection,
    Notice,
    Rejected,
    Says,
    SubmitResult,
)
from tests import make
from tests.domain.fulfilment.test_fulfilment import (
    COST,
    Scripted,
    goods,
    no_violations,
    paid_line,
    port,
    suppliers_owed,
)
from tests.domain.fulfilment.test_incidents import open_ones, resolve
from tests.domain.fulfilment.test_parts import codes_of

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]


async def in_part(port: Scripted, second: SubmitResult | None = None) -> tuple[make.Actor, UUID]:
    """The first supplier brought three of five, and the second one the rest, or what it says."""
    buyer, line_id = await paid_line(["first", "second"], 5)
    port.submits = {"first": [goods(3)], "second": [second or goods(2, start=50)]}
    await fulfilment.fulfil_line(line_id)
    return buyer, line_id


async def first_of(line_id: UUID) -> FulfilmentAttempt:
    return (await fulfilment.attempts_of([line_id]))[0]


async def recheck(line_id: UUID, hours: int) -> None:
    with make.later(hours=hours):
        for each in await fulfilment.list_doubted(10):
            await fulfilment.recheck_attempt(each)


async def shelf(line_id: UUID) -> int:
    variant = (await orders.OrderLine.get(id=line_id)).variant_id
    return (await cards.stock_of([variant], 100))[variant]


async def rests(line_id: UUID) -> list[FulfilmentAttempt]:
    first = await first_of(line_id)
    found = await fulfilment.attempts_of([line_id])
    return [each for each in found if each.reference.startswith(f"{first.reference}r")]


async def test_it_is_stock_and_an_incident_once(port: Scripted) -> None:
    buyer, line_id = await in_part(port)
    assert (await orders.OrderLine.get(id=line_id)).status is LineStatus.DELIVERED
    first = await first_of(line_id)
    assert (first.doubt, first.part) == (Doubt.SHORT, True)
    port.queries = {"first": [goods(5)] * 3}
    await recheck(line_id, 1)
    (rest,) = await rests(line_id)
    assert (rest.status, rest.parked, rest.quantity) == (AttemptStatus.SUCCEEDED, True, 2)
    assert rest.cost == 2 * COST  # five are charged now, three were
    assert await shelf(line_id) == 2
    assert sorted(await suppliers_owed()) == [2 * COST, 5 * COST]
    (incident,) = await open_ones()
    assert (incident.kind, incident.attempt_id) == (IncidentKind.CAME_LATE, rest.id)
    assert await fulfilment.list_doubted(10) == []  # it is whole now
    await service.book(await first_of(line_id), goods(5))
    assert (await shelf(line_id), len(await rests(line_id))) == (2, 1)
    assert len(await codes_of(buyer, line_id)) == 5
    await resolve(incident, Resolution.REFUNDED_UPSTREAM)
    assert sorted(await suppliers_owed()) == [2 * COST, 3 * COST]
    assert await shelf(line_id) == 0
    await no_violations()


async def test_what_was_paid_for_at_once_costs_nothing_more(port: Scripted) -> None:
    """It had charged all five for the three that it brought."""
    _, line_id = await paid_line(["first", "second"], 5)
    dear = replace(goods(3), cost=5 * COST)
    port.submits = {"first": [dear], "second": [goods(2, start=50)]}
    await fulfilment.fulfil_line(line_id)
    assert IncidentKind.NOT_WHOLE in {each.kind for each in await open_ones()}
    port.queries = {"first": [goods(5)]}
    await recheck(line_id, 1)
    (rest,) = await rests(line_id)
    assert (rest.cost, await shelf(line_id)) == (0, 2)
    assert sorted(await suppliers_owed()) == [2 * COST, 5 * COST]
    await no_violations()


async def test_it_comes_in_waves(port: Scripted) -> None:
    _, line_id = await in_part(port)
    port.queries = {"first": [goods(4), goods(5)]}
    await recheck(line_id, 1)
    assert (await shelf(line_id), len(await rests(line_id))) == (1, 1)
    assert (await first_of(line_id)).recheck_at is not None
    await recheck(line_id, 2)
    assert [each.cost for each in await rests(line_id)] == [COST, COST]
    assert await shelf(line_id) == 2
    assert len(await open_ones()) == 2
    await no_violations()


async def test_what_comes_late_and_in_part_is_looked_for_to_its_end(port: Scripted) -> None:
    """It was given up, brings one of two, and then the other."""
    _, line_id = await paid_line(["first", "second"], 2)
    port.submits = {"first": [Accepted("up-1")], "second": [goods(2, start=50)]}
    await fulfilment.fulfil_line(line_id)
    await fulfilment.give_up(make.OPERATOR, (await first_of(line_id)).id, "taken back, they say")
    await fulfilment.fulfil_line(line_id)
    port.queries = {"first": [goods(1), goods(2)]}
    await recheck(line_id, 1)
    first = await first_of(line_id)
    assert (first.parked, first.doubt, await shelf(line_id)) == (True, Doubt.SHORT, 1)
    await recheck(line_id, 2)
    assert (await shelf(line_id), len(await rests(line_id))) == (2, 1)
    assert await fulfilment.list_doubted(10) == []
    await no_violations()


async def test_two_that_hear_of_it_at_once_keep_it_once(port: Scripted) -> None:
    _, line_id = await in_part(port)
    first = await first_of(line_id)
    await asyncio.gather(*(service.book(first, goods(5)) for _ in range(3)))
    assert (await shelf(line_id), len(await rests(line_id))) == (2, 1)
    await no_violations()


async def test_while_the_line_still_waits_one_click_delivers_it(port: Scripted) -> None:
    buyer, line_id = await in_part(port, Accepted("up-2"))
    port.queries = {"first": [goods(5)]}
    first = await first_of(line_id)
    await service.book(first, goods(5))
    (incident,) = await open_ones()
    await resolve(incident, Resolution.DELIVERED)
    assert (await orders.OrderLine.get(id=line_id)).status is LineStatus.DELIVERED
    assert len(await codes_of(buyer, line_id)) == 5
    second = (await fulfilment.attempts_of([line_id]))[1]
    await service.book(second, goods(2, start=50))  # and what the second brings now is stock
    assert await shelf(line_id) == 2
    assert len(await codes_of(buyer, line_id)) == 5
    await no_violations()


async def test_a_set_that_came_in_part_and_was_bought_anew_is_looked_for_as_well(
    port: Scripted,
) -> None:
    """Nothing of the first one: what it was paid for turns up later."""
    _, line_id = await paid_line(["first", "second"], 2)
    nothing = Completed("up-1", (), 2 * COST)
    port.submits = {"first": [nothing], "second": [goods(2, start=50)]}
    await fulfilment.fulfil_line(line_id)
    port.queries = {"first": [goods(2)]}
    await recheck(line_id, 1)
    assert (await shelf(line_id), [each.cost for each in await rests(line_id)]) == (2, [0])
    await no_violations()


class Calling(Scripted):
    """A supplier that also calls back: which order is done."""

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> Notice:
        return Notice(headers["reference"], "up-1", Says.DONE, at=clock.now(), nonce=body.decode())


async def test_who_calls_back_that_it_is_done_is_asked_at_once() -> None:
    port = Calling()
    suppliers.register("scripted", port)
    _, line_id = await in_part(port)
    first, second = await fulfilment.attempts_of([line_id])
    port.queries = {"first": [goods(5)]}
    heard = []
    for number, attempt in enumerate((first, second)):
        called = ({"reference": attempt.reference}, f"{number}".encode())
        heard.append(await fulfilment.take_callback(attempt.supplier_id, *called))
    assert all(each is not None and each.reply.status == 200 for each in heard)
    assert await fulfilment.list_doubted(10) == [first.id]  # the other one brought all of it
    await fulfilment.recheck_attempt(first.id)
    assert (await shelf(line_id), len(await rests(line_id))) == (2, 1)
    await no_violations()


async def test_who_brings_no_rest_is_asked_no_more_than_six_times(port: Scripted) -> None:
    _, line_id = await in_part(port)
    port.queries = {"first": [goods(3)] * 20}
    for day in range(1, 12):
        await recheck(line_id, 24 * day)
    assert len(port.queried) == MOST_RECHECKS
    assert await rests(line_id) == []
    assert (await first_of(line_id)).recheck_at is None
    assert await open_ones() == []


async def test_one_that_takes_its_part_back_is_an_incident(port: Scripted) -> None:
    _, line_id = await in_part(port)
    port.queries = {"first": [Rejected(Category.UNKNOWN, "refunded")]}
    await recheck(line_id, 1)
    assert [each.kind for each in await open_ones()] == [IncidentKind.TAKEN_BACK]
