"""No query before a supplier can tell anything, and none once it has forgotten (capabilities)."""

from dataclasses import replace

import pytest

from domain import fulfilment
from domain.fulfilment import (
    AttemptStatus,
    FulfilmentAttempt,
    IncidentKind,
    Resolution,
    SupplyIncident,
    is_forgotten,
)
from domain.kernel import clock, page_request
from domain.orders import LineStatus
from domain.suppliers import Accepted, Category, Rejected, Uncertain
from tests import make
from tests.domain.fulfilment.test_fulfilment import (
    CAPABILITIES,
    Scripted,
    goods,
    no_violations,
    port,
    query_now,
    state_of,
)
from tests.domain.fulfilment.test_uncertain import go_on, uncertain_line

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]
DAY = 24 * 3_600


async def test_no_query_before_the_delay(port: Scripted) -> None:
    port.capabilities = replace(CAPABILITIES, query_delay_seconds=300)
    _, attempt = await uncertain_line(port, ["first"])
    port.queries = {"first": [goods()]}
    for early in (30, 200, 299):
        await query_now(attempt.line_id, early)
    assert port.queried == []
    await query_now(attempt.line_id, 301)
    assert len(port.queried) == 1
    assert (await state_of(attempt.line_id))[0] is LineStatus.DELIVERED


@pytest.mark.parametrize(("answer", "most"), [(Uncertain(), 25), (Accepted("up-1"), 100)])
async def test_callbacks_that_ask_during_an_outage_do_not_make_a_buyer_wait(
    port: Scripted, answer: Uncertain | Accepted, most: int
) -> None:
    """Found by a chaos run: each callback asks, so the counter ran ahead, and ten minutes passed
    after a supplier was back."""
    _, attempt = await uncertain_line(port, ["first"])
    await FulfilmentAttempt.filter(id=attempt.id).update(queries=9)
    port.queries = {"first": [answer]}
    await query_now(attempt.line_id, 90)
    after = await FulfilmentAttempt.get(id=attempt.id)
    assert after.next_query_at is not None
    assert 0 < (after.next_query_at - attempt.opened_at).total_seconds() - 90 <= most


async def test_what_its_supplier_forgot_is_not_asked_about_and_waits_for_a_person(
    port: Scripted,
) -> None:
    port.capabilities = replace(CAPABILITIES, retention_days=30)
    _, attempt = await uncertain_line(port, ["first", "second"])
    for days in (30, 31, 45):
        await query_now(attempt.line_id, days * DAY + 60)
    assert port.queried == []
    assert await SupplyIncident.filter(kind=IncidentKind.FORGOTTEN).count() == 1
    with make.later(days=46):
        waiting = await fulfilment.uncertain_attempts(make.OPERATOR, page_request("w", 5, None))
        assert [each.id for each in waiting.rows] == [attempt.id]
        await fulfilment.give_up(make.OPERATOR, attempt.id, "they have no such order")
        await go_on()
    assert (await state_of(attempt.line_id))[0] is LineStatus.DELIVERED
    incident = await SupplyIncident.get(kind=IncidentKind.FORGOTTEN)
    assert incident.resolution is Resolution.OVER
    with make.later(days=60):
        for each in await fulfilment.list_doubted(5):
            await fulfilment.recheck_attempt(each)
    assert port.queried == []
    assert (await FulfilmentAttempt.get(id=attempt.id)).recheck_at is None
    await no_violations()


async def test_a_contradiction_that_nobody_can_be_asked_about_is_an_incident(
    port: Scripted,
) -> None:
    port.capabilities = replace(CAPABILITIES, retention_days=1)
    _, attempt = await uncertain_line(port, ["first"])
    port.queries = {"first": [goods()]}
    await query_now(attempt.line_id)
    doubt = {"recheck_at": clock.now(), "doubt": fulfilment.Doubt.CALLED_BACK}
    await FulfilmentAttempt.filter(id=attempt.id).update(**doubt)
    with make.later(days=2):
        await fulfilment.recheck_attempt(attempt.id)
    (incident,) = await SupplyIncident.all()
    assert incident.kind is IncidentKind.CONTRADICTED
    assert len(port.queried) == 1


async def test_no_doubt_is_asked_about_before_the_delay(port: Scripted) -> None:
    port.capabilities = replace(CAPABILITIES, query_delay_seconds=7_200)
    _, attempt = await uncertain_line(port, ["first", "second"])
    await fulfilment.give_up(make.OPERATOR, attempt.id, "surely not")
    port.queries = {"first": [Rejected(Category.OUT_OF_STOCK)]}
    for seconds in (100, 3_000):
        with make.later(seconds=seconds):
            for each in await fulfilment.list_doubted(5):
                await fulfilment.recheck_attempt(each)
    assert port.queried == []
    with make.later(seconds=7_300):
        for each in await fulfilment.list_doubted(5):
            await fulfilment.recheck_attempt(each)
    after = await FulfilmentAttempt.get(id=attempt.id)
    assert (len(port.queried), after.recheck_at) == (1, None)
    assert after.status is AttemptStatus.REJECTED


def test_who_keeps_orders_for_ever_forgets_none() -> None:
    moment = clock.now()
    assert not is_forgotten(CAPABILITIES, moment, moment + fulfilment.FORGOTTEN_PAUSE * 9_999)
