"""Incidents: opened once by what finds them, ended once by a person, and the books follow."""

import asyncio
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from domain import cards, fulfilment, ledger, orders
from domain.fulfilment import (
    FulfilmentAttempt,
    IncidentKind,
    Resolution,
    ResolveWish,
    SupplyIncident,
    incidents,
    service,
)
from domain.kernel import (
    Connection,
    Forbidden,
    Refused,
    clock,
    connection,
    new_id,
    page_request,
)
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, OrderLine
from domain.suppliers import Accepted, Category, NotFound, Rejected, Uncertain
from tests import make
from tests.domain.fulfilment.test_fulfilment import (
    COST,
    Scripted,
    goods,
    no_violations,
    paid_line,
    port,
    query_now,
    state_of,
)
from tests.domain.fulfilment.test_topup import balance_of, done, late_line

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]
NOT_OFFERED = {"no_stock", "nothing_paid", "attempt_over", "four_eyes", "not_by_hand"}
ALL = page_request("supplyIncidents", 50, None)


def refusals(caught: pytest.ExceptionInfo[Refused]) -> list[tuple[str, str]]:
    return [(each.code, getattr(each, "reason", "")) for each in caught.value.refusals]


async def open_ones() -> list[SupplyIncident]:
    return list((await fulfilment.list_incidents(make.OPERATOR, ALL)).rows)


async def resolve(
    incident: SupplyIncident, resolution: Resolution, **more: object
) -> SupplyIncident:
    """End it; whatever the test wants of it, what was offered is what may be done."""
    wish = ResolveWish(incident.id, resolution, **more)  # type: ignore[arg-type]
    offered = (await fulfilment.ends_of([incident.id])).get(incident.id, [])
    try:
        ended = await fulfilment.resolve_incident(make.OPERATOR, wish)
    except Refused as refused:
        reasons = {getattr(each, "reason", each.code) for each in refused.refusals}
        assert resolution not in offered or not reasons & NOT_OFFERED, (resolution, reasons)
        raise
    assert resolution in offered
    return ended


async def owed(supplier_id: UUID) -> int:
    return await ledger.balance_of(account_id(AccountKind.SUPPLIER, supplier_id, make.CNY))


async def late_goods(port: Scripted, quantity: int = 1) -> tuple[FulfilmentAttempt, SupplyIncident]:
    """The second supplier delivered, and then the first one brought its goods, too."""
    _, line_id = await paid_line(["first", "second"], quantity)
    port.submits = {"first": [Uncertain()], "second": [goods(quantity, start=50)]}
    port.queries = {"first": [NotFound(), NotFound()]}
    await fulfilment.fulfil_line(line_id)
    for after in (60, 600):
        await query_now(line_id, after)
    first = (await fulfilment.attempts_of([line_id]))[0]
    await service.book(first, goods(quantity))
    (incident,) = await open_ones()
    return await FulfilmentAttempt.get(id=first.id), incident


async def test_late_goods_are_kept_on_the_shelf(port: Scripted) -> None:
    attempt, incident = await late_goods(port)
    assert (incident.kind, incident.attempt_id) == (IncidentKind.CAME_LATE, attempt.id)
    done = await resolve(incident, Resolution.KEPT_AS_STOCK)
    assert (done.resolution, done.resolved_by) == (
        Resolution.KEPT_AS_STOCK,
        make.OPERATOR.require_user(),
    )
    assert await open_ones() == []
    ended = await fulfilment.list_incidents(make.OPERATOR, ALL, resolved=True)
    assert [each.id for each in ended.rows] == [incident.id]
    with pytest.raises(Refused) as caught:
        await resolve(incident, Resolution.CLOSED, note="again")
    assert refusals(caught) == [("INCIDENT_CLOSED", "")]
    assert await owed(attempt.supplier_id) == COST
    await no_violations()


async def test_what_the_supplier_gave_back_leaves_the_stock_and_its_account(port: Scripted) -> None:
    attempt, incident = await late_goods(port, 2)
    assert await owed(attempt.supplier_id) == 2 * COST
    done = await resolve(incident, Resolution.REFUNDED_UPSTREAM)
    assert done.amount == 2 * COST
    assert await owed(attempt.supplier_id) == 0
    line = await OrderLine.get(id=attempt.line_id)
    assert await cards.stock_of([line.variant_id], 10) == {line.variant_id: 0}
    await no_violations()


async def test_goods_that_were_sold_meanwhile_do_not_go_back(port: Scripted) -> None:
    attempt, incident = await late_goods(port, 2)
    line = await OrderLine.get(id=attempt.line_id)
    async with connection() as conn:
        batch = "SELECT id FROM card_batches WHERE supplier_attempt_id = $1"
        card = "SELECT id FROM cards WHERE batch_id = ($1) LIMIT 1"
        card_id = await conn.fetchval(card, await conn.fetchval(batch, attempt.id))
    wish = cards.WriteOffWish(cards.WriteOffKind.VOID, "broken", "key", card_ids=(card_id,))
    await cards.write_off_cards(make.OPERATOR, wish)
    with pytest.raises(Refused) as caught:
        await resolve(incident, Resolution.REFUNDED_UPSTREAM)
    assert refusals(caught) == [("RESOLUTION_UNUSABLE", "goods_sold")]
    assert await cards.stock_of([line.variant_id], 10) == {line.variant_id: 1}
    await resolve(incident, Resolution.REFUNDED_UPSTREAM, amount=COST)
    assert await owed(attempt.supplier_id) == COST
    await no_violations()


async def test_no_more_comes_back_than_was_paid(port: Scripted) -> None:
    attempt, incident = await late_goods(port)
    for amount in (0, -1, COST + 1):
        with pytest.raises(Refused) as caught:
            await resolve(incident, Resolution.REFUNDED_UPSTREAM, amount=amount)
        assert refusals(caught) == [("INVALID", "incident_amount")]
    await resolve(incident, Resolution.REFUNDED_UPSTREAM, amount=COST)
    await SupplyIncident.create(
        id=new_id(),
        kind=IncidentKind.TAKEN_BACK,
        attempt_id=attempt.id,
        line_id=attempt.line_id,
        supplier_id=attempt.supplier_id,
        opened_at=clock.now(),
        currency=attempt.currency,
    )
    (again,) = await open_ones()
    with pytest.raises(Refused) as caught:
        await resolve(again, Resolution.REFUNDED_UPSTREAM)
    assert refusals(caught) == [("RESOLUTION_UNUSABLE", "nothing_paid")]
    assert await owed(attempt.supplier_id) == 0
    await no_violations()


async def test_what_was_taken_back_is_owed_no_more_and_the_buyer_keeps_it(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    port.submits = {"first": [goods()]}
    port.queries = {"first": [Rejected(Category.UNKNOWN, "refunded")]}
    await fulfilment.fulfil_line(line_id)
    async with connection() as conn:
        doubt = "UPDATE fulfilment_attempts SET recheck_at = now(), doubt = 'called_back'"
        await conn.execute(doubt)
    for each in await fulfilment.list_doubted(5):
        await fulfilment.recheck_attempt(each)
    (incident,) = await open_ones()
    assert incident.kind is IncidentKind.TAKEN_BACK
    for unusable in (Resolution.DELIVERED, Resolution.OVER):
        with pytest.raises(Refused):
            await resolve(incident, unusable)
    await resolve(incident, Resolution.REFUNDED_UPSTREAM)
    assert await owed(incident.supplier_id) == 0
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    await no_violations()


async def test_parked_goods_become_the_delivery_of_a_line_that_waits(port: Scripted) -> None:
    """Too few came; while the next supplier does not tell, the first one's rest came by hand."""
    _, line_id = await paid_line(["first", "second"], 1)
    port.submits = {"first": [Uncertain()], "second": [Accepted("up-2")]}
    port.queries = {"first": [NotFound(), NotFound()]}
    await fulfilment.fulfil_line(line_id)
    for after in (60, 600):
        await query_now(line_id, after)
    first, second = await fulfilment.attempts_of([line_id])
    await service.book(first, goods())
    (incident,) = await open_ones()
    await resolve(incident, Resolution.DELIVERED)
    assert (await state_of(line_id))[0] is LineStatus.DELIVERED
    await no_violations()
    # What the second supplier brings now comes late: stock, and an incident of its own.
    assert not await service.book(second, goods(start=70))
    (late,) = await open_ones()
    assert (late.kind, late.attempt_id) == (IncidentKind.CAME_LATE, second.id)
    with pytest.raises(Refused) as caught:
        await resolve(late, Resolution.DELIVERED)
    assert refusals(caught) == [("LINE_CLOSED", "")]
    await no_violations()


async def test_one_incident_of_a_kind_is_open_however_often_it_is_told(port: Scripted) -> None:
    _, line_id = await paid_line(["first"])
    port.submits, port.queries = {"first": [Uncertain()]}, {"first": [goods()]}
    await fulfilment.fulfil_line(line_id)
    for days in (1, 2, 3):
        with make.later(days=days, seconds=days):
            await fulfilment.fulfil_line(line_id)
    (incident,) = await open_ones()
    assert incident.kind is IncidentKind.OPEN_TOO_LONG
    with make.later(days=4):
        await query_now(line_id, 0)
    assert await open_ones() == []
    assert (await SupplyIncident.get(id=incident.id)).resolution is Resolution.OVER
    await no_violations()


async def test_what_the_buyer_has_is_no_stock_however_dear_it_was(port: Scripted) -> None:
    _, line_id = await paid_line(["first"], 1)
    port.submits = {"first": [replace(goods(1), cost=9 * COST)]}
    await fulfilment.fulfil_line(line_id)
    (incident,) = await open_ones()
    assert incident.kind is IncidentKind.ABOVE_PRICE
    with pytest.raises(Refused) as caught:
        await resolve(incident, Resolution.KEPT_AS_STOCK)
    assert refusals(caught) == [("RESOLUTION_UNUSABLE", "no_stock")]
    await resolve(incident, Resolution.REFUNDED_UPSTREAM, amount=8 * COST)
    assert await owed(incident.supplier_id) == COST
    await no_violations()


async def test_a_surplus_comes_back_by_its_amount_only(port: Scripted) -> None:
    _, line_id = await paid_line(["first"], 1)
    port.submits = {"first": [goods(2)]}
    await fulfilment.fulfil_line(line_id)
    (incident,) = await open_ones()
    assert incident.kind is IncidentKind.SURPLUS
    with pytest.raises(Refused) as caught:
        await resolve(incident, Resolution.REFUNDED_UPSTREAM)
    assert refusals(caught) == [("RESOLUTION_UNUSABLE", "amount_needed")]
    await resolve(incident, Resolution.REFUNDED_UPSTREAM, amount=COST)
    assert await owed(incident.supplier_id) == COST
    await no_violations()


async def test_a_note_alone_closes_and_is_needed(port: Scripted) -> None:
    _, incident = await late_goods(port)
    with pytest.raises(Refused) as caught:
        await resolve(incident, Resolution.CLOSED)
    assert refusals(caught) == [("INVALID", "incident_note")]
    await resolve(incident, Resolution.CLOSED, note="the supplier apologised")
    async with connection() as conn:
        told = "SELECT details->>'note' FROM audit_entries WHERE action = 'supply_incident.resolve'"
        assert await conn.fetchval(told) == "the supplier apologised"


async def test_who_may_not_resolve_does_not(port: Scripted) -> None:
    _, incident = await late_goods(port)
    reader = replace(make.OPERATOR, scopes=frozenset({"suppliers:read"}))
    assert len((await fulfilment.list_incidents(reader, ALL)).rows) == 1
    wish = ResolveWish(incident.id, Resolution.KEPT_AS_STOCK)
    with pytest.raises(Refused) as caught:
        await fulfilment.resolve_incident(reader, wish)
    assert isinstance(caught.value.refusals[0], Forbidden)


async def test_of_two_operators_one_ends_it(port: Scripted) -> None:
    attempt, incident = await late_goods(port)
    tries = [resolve(incident, Resolution.REFUNDED_UPSTREAM) for _ in range(4)]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, SupplyIncident) for each in ended) == 1
    assert await owed(attempt.supplier_id) == 0
    await no_violations()


async def test_without_the_lock_the_database_alone_stops_the_second(
    port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: both saw it open. The money would go twice but for the trigger and the ledger."""
    attempt, incident = await late_goods(port)

    async def as_it_was(conn: Connection, _: UUID) -> object:
        fresh = await SupplyIncident.get(id=incident.id)
        fresh.resolution = None  # type: ignore[assignment]
        return fresh, attempt, await orders.lock_line(conn, attempt.line_id)

    monkeypatch.setattr(incidents, "_lock", as_it_was)
    await resolve(incident, Resolution.REFUNDED_UPSTREAM, amount=COST // 2)
    with pytest.raises(asyncpg.UniqueViolationError):
        await resolve(incident, Resolution.REFUNDED_UPSTREAM, amount=COST // 2)
    assert await owed(attempt.supplier_id) == COST - COST // 2
    await no_violations()


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO supply_incidents SELECT uuidv7(), kind, attempt_id, line_id, supplier_id,"
        " opened_at, NULL, 0, currency, '', NULL, NULL FROM supply_incidents",
        "UPDATE supply_incidents SET resolution = 'closed', resolved_at = now()",
        "UPDATE supply_incidents SET amount = 5, resolution = 'closed', resolved_at = now(),"
        " resolved_by = uuidv7()",
    ],
)
async def test_plain_sql_cannot_spoil_an_incident(port: Scripted, change: str) -> None:
    await late_goods(port)
    async with connection() as conn:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await conn.execute(change)


async def test_a_top_up_that_came_late_comes_back_as_money(port: Scripted) -> None:
    _, attempt = await late_line(port)
    await service.book(attempt, done())
    (incident,) = await open_ones()
    with pytest.raises(Refused) as caught:
        await resolve(incident, Resolution.KEPT_AS_STOCK)
    assert refusals(caught) == [("RESOLUTION_UNUSABLE", "no_stock")]
    await resolve(incident, Resolution.REFUNDED_UPSTREAM)
    assert await owed(attempt.supplier_id) == 0
    assert await balance_of(AccountKind.LOSS) == 0
    await no_violations()
