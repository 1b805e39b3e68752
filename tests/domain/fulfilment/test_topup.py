"""Direct top-ups: never of cards, once, and what comes too late is a told loss (rows A1, C2)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import catalog, checkout, fulfilment, ledger, orders, suppliers
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.fulfilment import AttemptStatus, FulfilmentAttempt, service
from domain.kernel import Refused, clock, connection
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus
from domain.suppliers import Accepted, Category, Completed, NotFound, Rejected, Uncertain
from tests import make
from tests.domain.fulfilment.test_fulfilment import (
    COST,
    Scripted,
    balance,
    goods,
    no_violations,
    query_now,
    state_of,
    told_of,
)

pytestmark = pytest.mark.usefixtures("db")
ACCOUNT = (("account", "10001"),)


@pytest.fixture
def port() -> Scripted:
    made = Scripted()
    suppliers.register("scripted", made)
    return made


def done(receipt: str = "R-1", cost: int = COST, *, whole: bool = True) -> Completed:
    return Completed("up-1", (), cost, receipt, whole)


async def offered(items: list[str], mapping: dict[str, str] | None = None) -> str:
    """The sku of a top-up that these items of as many suppliers can make."""
    variant = await make.variant(price=make.yuan(100), delivery_kind=DeliveryKind.DIRECT_TOPUP)
    for priority, item in enumerate(items):
        wish = suppliers.SupplierWish(
            f"s-{item}", item, "scripted", "http://supplier.test", "secret", priority=priority
        )
        await suppliers.save_supplier(make.OPERATOR, wish)
        offer = suppliers.OfferWish(
            variant.sku, f"s-{item}", item, COST, field_mapping=mapping or {}
        )
        await suppliers.save_offer(make.OPERATOR, offer)
    return variant.sku


async def paid(sku: str, quantity: int = 1) -> tuple[make.Actor, UUID]:
    buyer = await make.buyer()
    wish = LineWish(sku, quantity, account=ACCOUNT)
    placed = await checkout.place_order(buyer, Purchase((wish,), "key"))
    assert placed.lines[0].status is LineStatus.QUEUED
    return buyer, placed.lines[0].id


async def balance_of(kind: AccountKind) -> int:
    return await ledger.balance_of(account_id(kind, None, make.CNY))


async def test_a_top_up_goes_to_the_account_under_the_suppliers_names(port: Scripted) -> None:
    _, line_id = await paid(await offered(["first"], {"mobile": "account"}))
    port.submits = {"first": [done()]}
    await fulfilment.fulfil_line(line_id)
    assert [dict(each.account) for each in port.submitted] == [{"mobile": "10001"}]
    assert "10001" not in repr(port.submitted)
    line = await orders.OrderLine.get(id=line_id)
    assert (line.status, line.receipt, line.cost) == (LineStatus.DELIVERED, "R-1", COST)
    await no_violations()


async def test_pieces_that_are_made_of_many_units_are_asked_for_by_the_unit(
    port: Scripted,
) -> None:
    """Fifty of the supplier's items make one piece: quantity and guard go up in its own words."""
    sku = await offered(["first"])
    wish = suppliers.OfferWish(sku, "s-first", "first", COST, units=50)
    await suppliers.save_offer(make.OPERATOR, wish)
    _, line_id = await paid(sku, quantity=2)
    await suppliers.save_offer(make.OPERATOR, replace(wish, units=1))  # the attempt keeps its own
    await suppliers.save_offer(make.OPERATOR, wish)
    port.submits = {"first": [done(cost=2 * COST)]}
    await fulfilment.fulfil_line(line_id)
    (asked,) = port.submitted
    assert (asked.quantity, asked.max_unit_cost) == (100, make.yuan(2))
    line = await orders.OrderLine.get(id=line_id)
    assert (line.status, line.cost) == (LineStatus.DELIVERED, 2 * COST)
    await no_violations()


async def test_cards_are_never_made_of_units() -> None:
    variant = await make.variant()
    offer = await make.offer(variant, COST, "one")
    wish = suppliers.OfferWish(variant.sku, "one", offer.item, COST, units=2)
    with pytest.raises(Refused) as refused:
        await suppliers.save_offer(make.OPERATOR, wish)
    assert refused.value.refusals[0].reason == "offer_units"  # type: ignore[attr-defined]


async def test_cards_of_a_variant_that_became_a_top_up_are_never_sold(port: Scripted) -> None:
    """Its type was changed while it had cards; new ones are refused."""
    variant = await make.variant(cards=3, price=make.yuan(100))
    topup, moved = DeliveryKind.DIRECT_TOPUP, variant.sku
    changes = {"delivery_kind": topup, "type_id": catalog.plain_type_id(topup)}
    await catalog.Variant.filter(id=variant.id).update(**changes)
    with pytest.raises(Refused) as refused:
        await make.stock(variant, 1)
    assert refused.value.refusals[0].reason == "cards_of_no_kind"  # type: ignore[attr-defined]
    await suppliers.save_supplier(
        make.OPERATOR, suppliers.SupplierWish("one", "one", "scripted", "http://s.test", "secret")
    )
    await suppliers.save_offer(make.OPERATOR, suppliers.OfferWish(moved, "one", "one", COST))
    _, line_id = await paid(moved)
    port.submits = {"one": [done()]}
    await fulfilment.fulfil_line(line_id)
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM cards WHERE state = 'available'") == 3
    await no_violations()


async def test_an_account_that_the_supplier_does_not_know_is_given_back(port: Scripted) -> None:
    buyer, line_id = await paid(await offered(["first"]))
    port.submits = {"first": [Rejected(Category.INVALID_ACCOUNT)]}
    await fulfilment.fulfil_line(line_id)
    line = await orders.OrderLine.get(id=line_id)
    assert (line.status, line.failure_code) == (LineStatus.REFUNDED, "INVALID_ACCOUNT")
    assert await balance(buyer) == make.yuan(1_000)
    await no_violations()


async def test_an_uncertain_top_up_is_only_asked_about(port: Scripted) -> None:
    _, line_id = await paid(await offered(["first", "second"]))
    port.submits = {"first": [Uncertain()]}
    port.queries = {"first": [Accepted("up-1"), done("R-9")]}
    await fulfilment.fulfil_line(line_id)
    await query_now(line_id)
    await query_now(line_id, 600)
    line = await orders.OrderLine.get(id=line_id)
    assert (line.status, line.receipt, len(port.submitted)) == (LineStatus.DELIVERED, "R-9", 1)
    await no_violations()


async def late_line(port: Scripted) -> tuple[UUID, FulfilmentAttempt]:
    """A refunded line, whose only attempt was given up as never begun."""
    _, line_id = await paid(await offered(["first"]))
    port.queries = {"first": [NotFound(), NotFound()]}
    step = await service._open_attempt(line_id)
    assert step is not None
    attempt = step.attempt
    for seconds in (60, 120):
        moment = clock.now() + timedelta(seconds=seconds)
        with clock.fixed(lambda moment=moment: moment):
            await fulfilment.query_attempt(attempt.id)
    assert (await state_of(line_id))[0] is LineStatus.REFUNDED
    return line_id, attempt


async def test_a_top_up_that_comes_after_the_refund_is_a_loss_and_told(port: Scripted) -> None:
    line_id, attempt = await late_line(port)
    assert not await service.book(attempt, done())
    assert (await state_of(line_id)) == (LineStatus.REFUNDED, [AttemptStatus.SUCCEEDED])
    assert (await FulfilmentAttempt.get(id=attempt.id)).parked
    assert await balance_of(AccountKind.LOSS) == -COST
    assert await balance_of(AccountKind.INVENTORY) == 0
    assert (await told_of(attempt))[-1][1:] == ("delivery.incident", "came_late")
    await no_violations()


async def test_what_comes_late_twice_is_booked_once(port: Scripted) -> None:
    _, attempt = await late_line(port)
    await asyncio.gather(*(service.book(attempt, done()) for _ in range(4)))
    assert await balance_of(AccountKind.LOSS) == -COST
    await no_violations()


async def test_a_part_of_a_top_up_is_refunded_and_no_other_supplier_is_asked(
    port: Scripted,
) -> None:
    buyer, line_id = await paid(await offered(["first", "second"]), quantity=2)
    port.submits = {"first": [done(whole=False)], "second": [done()]}
    await fulfilment.fulfil_line(line_id)
    line = await orders.OrderLine.get(id=line_id)
    assert (line.status, line.failure_code) == (LineStatus.REFUNDED, "PARTLY_DELIVERED")
    assert await balance(buyer) == make.yuan(1_000)
    assert await balance_of(AccountKind.LOSS) == -COST
    assert [each.item for each in port.submitted] == ["first"]
    (attempt,) = await fulfilment.attempts_of([line_id])
    assert await told_of(attempt) == [(1, "delivery.incident", "not_whole")]
    await no_violations()


async def test_codes_that_nobody_asked_for_do_not_become_stock(port: Scripted) -> None:
    _, line_id = await paid(await offered(["first"]))
    port.submits = {"first": [goods()]}
    await fulfilment.fulfil_line(line_id)
    line = await orders.OrderLine.get(id=line_id)
    assert (line.status, line.receipt) == (LineStatus.DELIVERED, "up-1")
    async with connection() as conn:
        assert await conn.fetchval("SELECT count(*) FROM cards") == 0
    (attempt,) = await fulfilment.attempts_of([line_id])
    assert await told_of(attempt) == [(1, "delivery.incident", "surplus")]
    await no_violations()


async def test_two_workers_top_up_once(port: Scripted) -> None:
    _, line_id = await paid(await offered(["first", "second"]))
    port.pause = 0.05
    port.submits = {"first": [done(), done()], "second": [done()]}
    await asyncio.gather(*(fulfilment.fulfil_line(line_id) for _ in range(8)))
    assert len(port.submitted) == 1
    await no_violations()


async def test_without_the_lock_two_workers_would_begin_twice(port: Scripted) -> None:
    """The twin: the same race without the order's lock is stopped by the unique index alone."""
    _, line_id = await paid(await offered(["first", "second"]))
    port.pause = 0.05
    port.submits = {"first": [done(), done()], "second": [done()]}
    with pytest.MonkeyPatch.context() as patched:
        unlocked = orders.service._LOCK.replace("FOR UPDATE", "")
        patched.setattr(orders.service, "_LOCK", unlocked)
        outcomes = await asyncio.gather(
            *(fulfilment.fulfil_line(line_id) for _ in range(8)), return_exceptions=True
        )
    assert any(isinstance(each, Exception) for each in outcomes)
    assert len(port.submitted) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE order_lines SET receipt = NULL WHERE id = $1",
        "UPDATE order_lines SET receipt = 'other' WHERE id = $1",
        "UPDATE order_lines SET account = '{}' WHERE id = $1",
        "UPDATE order_lines SET delivery_kind = 'LINK' WHERE id = $1",
        "UPDATE order_lines SET type_version = 2 WHERE id = $1",
        "UPDATE order_lines SET note_sealed = 'x' WHERE id = $1",
    ],
)
async def test_plain_sql_cannot_change_what_was_agreed_and_handed_over(
    port: Scripted, sql: str
) -> None:
    _, line_id = await paid(await offered(["first"]))
    port.submits = {"first": [done()]}
    await fulfilment.fulfil_line(line_id)
    async with connection() as conn:
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.CheckViolationError)):
            await conn.execute(sql, line_id)


@pytest.mark.parametrize("mapping", [{"mobile": "nothing"}, {"": "account"}, {"m" * 65: "account"}])
async def test_a_mapping_names_fields_that_there_are(mapping: dict[str, Any]) -> None:
    suppliers.register("scripted", Scripted())
    with pytest.raises(Refused) as refused:
        await offered(["first"], mapping)
    assert refused.value.refusals[0].reason == "field_mapping"  # type: ignore[attr-defined]
    assert not await suppliers.SupplierOffer.exists()
