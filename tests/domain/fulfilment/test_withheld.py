"""A supplier that says it is done and shows no goods: asked again, then a matter for people, who
end it with one click."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from domain import fulfilment, orders
from domain.fulfilment import (
    AttemptStatus,
    FulfilmentAttempt,
    IncidentKind,
    Resolution,
    SupplyIncident,
    times,
)
from domain.fulfilment.rules import WITHHELD_AFTER, WITHHELD_ANSWERS, WITHHELD_PAUSE
from domain.kernel import Refused, clock, transaction
from domain.orders import LineStatus
from domain.suppliers import Accepted, Completed
from tests import make
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
)
from tests.domain.fulfilment.test_incidents import open_ones, refusals, resolve

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]
NOTHING = Accepted("up-1", withheld=True)
LATER = WITHHELD_AFTER.total_seconds() + 60


async def withheld(
    port: Scripted, quantity: int = 1, then: Completed | None = None
) -> tuple[make.Actor, UUID]:
    """The first supplier says that it is done, often and long enough, and shows nothing."""
    buyer, line_id = await paid_line(["first", "second"], quantity)
    port.submits = {"first": [NOTHING], "second": [then or goods(quantity, start=50)]}
    port.queries = {"first": [NOTHING] * 20}
    await fulfilment.fulfil_line(line_id)
    for number in range(WITHHELD_ANSWERS - 1):
        await query_now(line_id, LATER + number * 600)
    return buyer, line_id


async def first_of(line_id: UUID) -> FulfilmentAttempt:
    return (await fulfilment.attempts_of([line_id]))[0]


async def test_it_is_asked_again_then_told_once_and_asked_seldom(port: Scripted) -> None:
    _, line_id = await paid_line(["first", "second"])
    port.submits, port.queries = {"first": [NOTHING]}, {"first": [NOTHING] * 20}
    await fulfilment.fulfil_line(line_id)
    since = (await first_of(line_id)).withheld_since
    for number in range(WITHHELD_ANSWERS - 2):
        await query_now(line_id, LATER + number * 600)
    assert await open_ones() == []  # long enough, and not often enough
    await query_now(line_id, LATER + 3_000)
    (incident,) = await open_ones()
    assert incident.kind is IncidentKind.WITHHELD
    attempt = await first_of(line_id)
    assert (attempt.status, attempt.withheld_since) == (AttemptStatus.ACCEPTED, since)
    assert attempt.next_query_at is not None
    asked = len(port.queried)
    for minutes in (1, 10, 50):
        await query_now(line_id, LATER + 3_000 + minutes * 60)
    assert len(port.queried) == asked
    await query_now(line_id, LATER + 3_000 + WITHHELD_PAUSE.total_seconds() + 1)
    assert len(port.queried) == asked + 1
    assert len(await SupplyIncident.all()) == 1
    assert [each.item for each in port.submitted] == ["first"]  # nobody else was asked
    await no_violations()


async def test_often_is_not_enough_when_it_was_not_long(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    port.submits, port.queries = {"first": [NOTHING]}, {"first": [NOTHING] * 20}
    await fulfilment.fulfil_line(line_id)
    await FulfilmentAttempt.all().update(withheld_answers=WITHHELD_ANSWERS)
    await query_now(line_id, 60)
    assert await open_ones() == []
    await query_now(line_id, LATER)
    assert len(await open_ones()) == 1


async def test_goods_that_come_after_all_end_it_by_themselves(port: Scripted) -> None:
    _, line_id = await withheld(port)
    (incident,) = await open_ones()
    port.queries["first"] = [goods()]
    await query_now(line_id, LATER + 20_000)
    assert await state_of(line_id) == (LineStatus.DELIVERED, [AttemptStatus.SUCCEEDED])
    ended = await SupplyIncident.get(id=incident.id)
    assert (ended.resolution, ended.resolved_by) == (Resolution.OVER, None)
    await no_violations()


async def test_one_that_goes_back_to_running_begins_anew(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    port.submits = {"first": [NOTHING]}
    port.queries = {"first": [NOTHING, Accepted("up-1"), NOTHING]}
    await fulfilment.fulfil_line(line_id)
    await query_now(line_id)
    assert (await first_of(line_id)).withheld_answers == 2
    await query_now(line_id, 120)
    attempt = await first_of(line_id)
    assert (attempt.withheld_since, attempt.withheld_answers) == (None, 0)
    await query_now(line_id, 180)
    assert (await first_of(line_id)).withheld_answers == 1


async def test_one_click_goes_on_to_the_next_and_what_turns_up_later_is_stock(
    port: Scripted,
) -> None:
    buyer, line_id = await withheld(port)
    (incident,) = await open_ones()
    done = await resolve(incident, Resolution.GONE_ON, note="they do not answer")
    assert (done.resolution, done.resolved_by) == (Resolution.GONE_ON, make.OPERATOR.user_id)
    await fulfilment.fulfil_line(line_id)
    states = [AttemptStatus.REJECTED, AttemptStatus.SUCCEEDED]
    assert await state_of(line_id) == (LineStatus.DELIVERED, states)
    port.queries["first"] = [goods()]
    attempt = await first_of(line_id)
    with make.later(days=1):
        await fulfilment.recheck_attempt(attempt.id)
    late = await first_of(line_id)
    assert (late.status, late.parked, late.cost) == (AttemptStatus.SUCCEEDED, True, COST)
    assert [each.kind for each in await open_ones()] == [IncidentKind.CAME_LATE]
    assert len(await orders.reveal_cards(buyer, (await order_id(line_id)), None)) == 1
    await no_violations()


async def test_one_click_gives_the_price_back(port: Scripted) -> None:
    buyer, line_id = await withheld(port)
    had = await balance(buyer)
    (incident,) = await open_ones()
    await resolve(incident, Resolution.LINE_REFUNDED)
    assert await state_of(line_id) == (LineStatus.REFUNDED, [AttemptStatus.REJECTED])
    assert await balance(buyer) == had + make.yuan(100)
    await fulfilment.fulfil_line(line_id)
    assert [each.item for each in port.submitted] == ["first"]
    assert (await orders.OrderLine.get(id=line_id)).failure_code == "PROVIDER_DOWN"
    assert await open_ones() == []
    await no_violations()


async def test_what_is_ready_is_delivered_when_the_rest_is_given_back(port: Scripted) -> None:
    buyer, line_id = await paid_line(["first", "second"], 3)
    port.submits = {"first": [goods(2)], "second": [NOTHING]}
    port.queries = {"second": [NOTHING] * 20}
    await fulfilment.fulfil_line(line_id)
    for number in range(WITHHELD_ANSWERS - 1):
        await query_now(line_id, LATER + number * 600)
    (incident,) = await open_ones()
    await resolve(incident, Resolution.LINE_REFUNDED)
    line = await orders.OrderLine.get(id=line_id)
    assert (line.status, line.delivered_quantity) == (LineStatus.DELIVERED, 2)
    assert await balance(buyer) == make.yuan(800)
    await no_violations()


async def test_above_an_amount_two_have_to_say_so(
    port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, line_id = await withheld(port)
    (incident,) = await open_ones()
    monkeypatch.setattr(times, "alone_units", make.yuan(1))
    for resolution in (Resolution.GONE_ON, Resolution.LINE_REFUNDED):
        with pytest.raises(Refused) as caught:
            await resolve(incident, resolution)
        assert refusals(caught) == [("RESOLUTION_UNUSABLE", "four_eyes")]
    verdict = await fulfilment.give_up(make.OPERATOR, (await first_of(line_id)).id, "silent")
    with pytest.raises(Refused) as caught:
        await resolve(incident, Resolution.GONE_ON)
    assert refusals(caught) == [("VERDICT_PENDING", "")]
    other = await make.operator("*")
    await fulfilment.decide_give_up(other, verdict.id, agree=True)
    assert (await SupplyIncident.get(id=incident.id)).resolution is Resolution.OVER
    await no_violations()


async def test_only_an_attempt_without_an_end_is_given_up(port: Scripted) -> None:
    _, line_id = await withheld(port)
    (incident,) = await open_ones()
    attempt = await first_of(line_id)
    await SupplyIncident.create(
        kind=IncidentKind.CONTRADICTED,
        attempt_id=attempt.id,
        line_id=line_id,
        supplier_id=attempt.supplier_id,
        opened_at=clock.now(),
        currency=make.CNY,
    )
    (other,) = [each for each in await open_ones() if each.id != incident.id]
    with pytest.raises(Refused) as caught:
        await resolve(other, Resolution.GONE_ON)
    assert refusals(caught) == [("RESOLUTION_UNUSABLE", "attempt_over")]
    assert (await first_of(line_id)).status is AttemptStatus.ACCEPTED


async def test_who_closed_it_by_a_note_is_not_told_again(port: Scripted) -> None:
    _, line_id = await withheld(port)
    (incident,) = await open_ones()
    await resolve(incident, Resolution.CLOSED, note="they promised it for tomorrow")
    await query_now(line_id, 40_000)
    assert await open_ones() == []
    assert (await first_of(line_id)).status is AttemptStatus.ACCEPTED


@pytest.mark.parametrize(
    "change",
    ["withheld_answers = 1", "withheld_since = now()", "withheld_answers = -1"],
)
async def test_the_database_counts_both_or_neither(port: Scripted, change: str) -> None:
    _, line_id = await paid_line(["first"])
    port.submits = {"first": [Accepted("up-1")]}
    await fulfilment.fulfil_line(line_id)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        async with transaction() as conn:
            await conn.execute(f"UPDATE fulfilment_attempts SET {change}")
    assert refused.value.constraint_name == "attempt_withheld_whole"


async def order_id(line_id: UUID) -> UUID:
    line = await orders.OrderLine.get(id=line_id)
    return UUID(str(line.order_id))  # type: ignore[attr-defined]


def test_the_pause_is_longer_than_any_other() -> None:
    from domain.fulfilment.rules import next_query_in

    assert timedelta(0) < next_query_in(1_000, timedelta(days=9), answered=True) < WITHHELD_PAUSE
