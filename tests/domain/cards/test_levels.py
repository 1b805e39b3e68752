"""Stock levels and expiry: one event a crossing, nothing sold near its last day, losses booked."""

import asyncio
import io
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from domain import cards, checkout, invariants, ledger
from domain.cards import levels, writing_off
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase, service
from domain.kernel import Actor, Refused, clock, connection, new_id, page_request
from domain.ledger import AccountKind, account_id
from jobs import schedule
from tests import make

pytestmark = pytest.mark.usefixtures("db")
COST = make.yuan(40)


def in_days(days: int) -> date:
    return clock.now().date() + timedelta(days=days)


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


async def stock_until(of: Variant, days: list[int]) -> UUID:
    """One card for each last day."""
    rows = ["secret,expires_on", *(f"C{n}-{of.sku},{in_days(day)}" for n, day in enumerate(days))]
    wish = cards.ImportWish(of.sku, COST)
    report = await cards.import_cards(make.OPERATOR, wish, io.BytesIO("\n".join(rows).encode()))
    assert report.accepted == len(days)
    return report.batch_id


async def buy(buyer: Actor, of: Variant, quantity: int = 1) -> list[date | None]:
    wish = Purchase((LineWish(of.sku, quantity),), str(new_id()))
    line = (await checkout.place_order(buyer, wish)).lines[0].id
    return [card.expires_on for card in (await cards.cards_of_lines([line]))[line]]


async def policy(of: Variant, **values: int) -> None:
    await cards.save_policy(make.OPERATOR, of.sku, cards.PolicyChange(**values))


async def told(*names: str) -> list[dict[str, Any]]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT payload FROM outbox_events WHERE type = ANY($1) ORDER BY id", list(names)
        )
    return [orjson.loads(row["payload"]) for row in rows]


async def broken() -> list[str]:
    return [each.name for each in await invariants.find_violations() if each.violations]


@pytest.mark.parametrize("in_a_crowd", [False, True], ids=["usual", "crowd"])
async def test_a_card_inside_the_margin_is_never_sold(
    monkeypatch: pytest.MonkeyPatch, in_a_crowd: bool
) -> None:
    if in_a_crowd:
        monkeypatch.setattr(service, "QUICK_TRIES", 0)
    variant, buyer = await make.variant(), await make.buyer()
    await policy(variant, expiry_margin_days=10)
    await stock_until(variant, [1, 10, 11, 400])
    assert await cards.stock_of([variant.id], 9) == {variant.id: 2}
    with pytest.raises(Refused, match="OUT_OF_STOCK"):
        await buy(buyer, variant, 3)
    assert sorted(map(str, await buy(buyer, variant, 2))) == [str(in_days(11)), str(in_days(400))]
    with pytest.raises(Refused, match="OUT_OF_STOCK"):
        await buy(buyer, variant)
    await policy(variant, expiry_margin_days=0)
    assert len(await buy(buyer, variant, 2)) == 2


async def test_without_its_margin_a_card_is_sold_to_the_day_before_its_last() -> None:
    variant, buyer = await make.variant(), await make.buyer()
    await stock_until(variant, [1])
    later = clock.now() + timedelta(days=1)
    with clock.fixed(lambda: later), pytest.raises(Refused, match="OUT_OF_STOCK"):
        await buy(buyer, variant)
    assert await buy(buyer, variant) == [in_days(1)]


async def test_expired_cards_leave_the_shelf_in_slices_and_their_loss_is_booked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing_off, "SLICE", 2)
    variant, buyer = await make.variant(), await make.buyer()
    batch = await stock_until(variant, [1, 1, 1, 1, 1, 9])
    await buy(buyer, variant)
    sold = await value("SELECT expires_on FROM cards WHERE state = 'sold'")
    due = 5 if sold == in_days(9) else 4
    later = clock.now() + timedelta(days=2)
    with clock.fixed(lambda: later):
        both = await asyncio.gather(cards.expire_cards(), cards.expire_cards())
        assert sum(both) == min(4, due)
        await schedule.expire_stock()
        assert await schedule.expire_stock() == 0
    assert await value("SELECT count(*) FROM cards WHERE state = 'expired'") == due
    loss = await ledger.balance_of(account_id(AccountKind.LOSS, None, make.CNY))
    assert loss == -due * COST
    assert sum(each["cards"] for each in await told("card_batch.expired")) == due
    rows = (await cards.write_offs_of([batch]))[batch]
    assert {row.kind for row in rows} == {cards.WriteOffKind.EXPIRED}
    assert await broken() == []


async def test_a_batch_about_to_expire_is_told_once_a_day() -> None:
    variant = await make.variant()
    await stock_until(variant, [3, 5, 60])
    for _ in range(2):
        await asyncio.gather(cards.tell_expiring(), cards.tell_expiring())
    (payload,) = await told(levels.EXPIRING)
    assert (payload["cards"], payload["firstExpiresOn"]) == (2, in_days(3).isoformat())
    later = clock.now() + timedelta(days=1)
    with clock.fixed(lambda: later):
        assert await cards.tell_expiring() == 1
    assert len(await told(levels.EXPIRING)) == 2


async def test_a_crossing_is_told_once_however_many_look() -> None:
    variant, buyer = await make.variant(cards=4), await make.buyer()
    await policy(variant, safety_stock=3)
    assert await cards.check_levels() == 0
    await buy(buyer, variant)
    assert await cards.check_levels() == 0, "as many as the safety stock are enough"
    await buy(buyer, variant)
    seen = await asyncio.gather(*(cards.check_levels() for _ in range(5)))
    assert sum(seen) == 1
    await buy(buyer, variant)  # lower still, but the same crossing
    assert await cards.check_levels() == 0
    (low,) = await told(levels.LOW)
    assert (low["sku"], low["available"], low["safetyStock"]) == (variant.sku, 2, 3)
    await make.stock(variant, 2)
    seen = await asyncio.gather(*(cards.check_levels() for _ in range(5)))
    assert (sum(seen), len(await told(levels.RECOVERED))) == (1, 1)
    await buy(buyer, variant)
    await schedule.watch_stock()
    assert len(await told(levels.LOW)) == 2
    sequences = (
        "SELECT array_agg(sequence ORDER BY sequence) FROM outbox_events WHERE type = ANY($1)"
    )
    assert await value(sequences, [levels.LOW, levels.RECOVERED]) == [1, 2, 3]


async def test_without_its_row_lock_a_crossing_would_be_told_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: of those that look at once all tell, but for the number that an event has once."""
    variant = await make.variant(cards=1)
    for safety_stock in (2, 0, 2):  # the pool has its row, and is low again
        await policy(variant, safety_stock=safety_stock)
        if safety_stock == 2 and await told(levels.RECOVERED):
            break
        assert await cards.check_levels() == 1
    monkeypatch.setattr(levels, "_LOCK", levels._LOCK.replace("FOR UPDATE", ""))
    slow = levels._COUNT.replace("SELECT v.sku,", "SELECT pg_sleep(0.3), v.sku,")
    monkeypatch.setattr(levels, "_COUNT", slow)
    seen = await asyncio.gather(*(cards.check_levels() for _ in range(3)), return_exceptions=True)
    assert any(isinstance(each, asyncpg.UniqueViolationError) for each in seen)


async def test_a_pool_without_a_safety_stock_any_more_has_recovered() -> None:
    variant = await make.variant(cards=1)
    await policy(variant, safety_stock=2)
    assert await cards.check_levels() == 1
    await policy(variant, safety_stock=0)
    assert await cards.check_levels() == 1
    assert len(await told(levels.RECOVERED)) == 1


async def test_pools_show_where_all_cards_are() -> None:
    buyer = await make.buyer(make.yuan(9_000))
    first = await make.variant(sku="A-POOL", cards=20)
    second = await make.variant(sku="B-POOL")
    await make.variant(sku="C-EMPTY")
    await buy(buyer, first, 14)
    await stock_until(first, [1, 20, 90])
    await policy(first, safety_stock=99, expiry_margin_days=5)
    apart = cards.ImportWish(second.sku, COST, origin=cards.BatchOrigin(quarantine=True))
    report = await cards.import_cards(make.OPERATOR, apart, io.BytesIO(b"Q-1\nQ-2\n"))
    await make.stock(second, 3)
    free = await cards.Card.filter(variant_id=second.id, state="available").order_by("id")
    wish = cards.WriteOffWish(cards.WriteOffKind.VOID, "x", "key", (free[0].id,))
    await cards.write_off_cards(make.OPERATOR, wish)
    await cards.freeze_batch(make.OPERATOR, free[1].batch_id, "x")  # type: ignore[attr-defined]
    assert report.accepted == 2
    await cards.check_levels()
    await cards.count_sales()
    ask = page_request("cardPools", 10, None)
    pools = (await cards.list_pools(make.OPERATOR, ask)).rows
    assert [pool.sku for pool in pools] == ["A-POOL", "B-POOL"]
    one, two = pools
    assert (one.available, one.delivered, one.sold, one.expiring_soon) == (8, 14, 14, 2)
    assert str(one.days_of_cover) == "4.0"
    assert (one.low_water_mark, one.low, two.low) == (99, True, False)
    assert (two.quarantined, two.frozen, two.voided, two.available) == (2, 2, 1, 0)
    assert two.days_of_cover is None
    low = (await cards.list_pools(make.OPERATOR, ask, below=True)).rows
    assert [pool.sku for pool in low] == ["A-POOL"]
    page = await cards.list_pools(make.OPERATOR, page_request("cardPools", 1, None))
    assert ([pool.sku for pool in page.rows], page.has_next_page) == (["A-POOL"], True)
    following = page_request("cardPools", 1, page.cursors[0])
    assert [pool.sku for pool in (await cards.list_pools(make.OPERATOR, following)).rows] == [
        "B-POOL"
    ]
    later = clock.now() + timedelta(days=8)
    with clock.fixed(lambda: later):
        await cards.count_sales()
    assert await value("SELECT sum(sold) FROM pool_levels") == 0


async def test_whoever_may_not_read_cards_sees_no_pool() -> None:
    with pytest.raises(Refused, match="FORBIDDEN"):
        await cards.list_pools(await make.buyer(), page_request("cardPools", 10, None))
