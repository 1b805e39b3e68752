"""Reservations: they end once, keep to their limits, and no card has two takers."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import cards, checkout, invariants, orders
from domain.cards import holds
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, Refused, clock, connection, new_id, transaction
from jobs import schedule
from tests import make

pytestmark = pytest.mark.usefixtures("db")


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


async def states(of: Variant) -> dict[str, int]:
    async with connection() as conn:
        rows = await conn.fetch(
            "SELECT state, count(*) AS n FROM cards WHERE variant_id = $1 GROUP BY 1", of.id
        )
    return {row["state"]: row["n"] for row in rows}


async def buy(buyer: Actor, of: Variant, quantity: int = 1) -> str:
    try:
        await checkout.place_order(buyer, Purchase((LineWish(of.sku, quantity),), str(new_id())))
    except Refused as refused:
        return refused.refusals[0].code
    return "sold"


async def hold(of: Variant, quantity: int = 1, by: Actor | None = None) -> str:
    try:
        await make.hold(of, quantity, by)
    except Refused as refused:
        return refused.refusals[0].code
    return "held"


async def a_line(of: Variant, quantity: int) -> UUID:
    """A line of an order that waits for its goods, as one that is paid late would."""
    await make.offer(of, make.yuan(40))
    buyer = await make.buyer(make.yuan(9_000))
    placed = await checkout.place_order(
        buyer, Purchase((LineWish(of.sku, quantity),), str(new_id()))
    )
    assert placed.lines[0].status is orders.LineStatus.QUEUED
    return placed.lines[0].id


async def test_held_cards_are_nobody_elses_until_they_are_released() -> None:
    variant, buyer = await make.variant(cards=3), await make.buyer()
    held = await make.hold(variant, 2)
    assert await states(variant) == {"reserved": 2, "available": 1}
    assert await cards.stock_of([variant.id], 9) == {variant.id: 1}
    assert await buy(buyer, variant, 2) == "OUT_OF_STOCK"
    async with transaction() as conn:
        assert await cards.release_hold(conn, held.id)
        assert not await cards.release_hold(conn, held.id), "it ends once"
    assert await buy(buyer, variant, 2) == "sold"
    assert await states(variant) == {"sold": 2, "available": 1}


async def test_a_used_hold_sells_its_cards_to_the_line() -> None:
    variant = await make.variant()
    line = await a_line(variant, 2)
    await make.stock(variant, 2)
    held = await make.hold(variant, 2)
    async with transaction() as conn:
        sold = await cards.use_hold(conn, held.id, line)
    found = (await cards.cards_of_lines([line]))[line]
    assert [card.id for card in found] == sorted(sold)
    assert [card.unit_number for card in found] == [1, 2]
    for work in (cards.use_hold, cards.extend_hold):
        with pytest.raises(Refused, match="HOLD_OVER"):
            async with transaction() as conn:
                await work(conn, held.id, line if work is cards.use_hold else clock.now())  # type: ignore[arg-type]
    row = await cards.CardHold.get(id=held.id)
    assert (row.state, row.order_line_id) == (cards.HoldState.USED, line)


async def test_a_hold_lapses_at_its_end_unless_it_was_extended() -> None:
    variant = await make.variant(cards=2)
    first, second = await make.hold(variant), await make.hold(variant)
    soon = clock.now() + timedelta(hours=2)
    async with transaction() as conn:
        await cards.extend_hold(conn, second.id, soon + timedelta(hours=1))
    with clock.fixed(lambda: soon):
        with pytest.raises(Refused, match="HOLD_OVER"):
            async with transaction() as conn:
                await cards.use_hold(conn, first.id, new_id())
        assert await asyncio.gather(cards.lapse_holds(), cards.lapse_holds()) in ([1, 0], [0, 1])
        await schedule.watch_stock()
    assert await states(variant) == {"available": 1, "reserved": 1}
    assert (await cards.CardHold.get(id=first.id)).state is cards.HoldState.LAPSED


async def test_a_buyer_hoards_no_more_than_the_limit_even_all_at_once() -> None:
    variant, hoarder = await make.variant(cards=20), await make.buyer()
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(hold_limit=5))
    answers = await asyncio.gather(*(hold(variant, 2, hoarder) for _ in range(6)))
    assert Counter(answers) == {"held": 2, "HOLD_LIMIT_REACHED": 4}
    assert await states(variant) == {"reserved": 4, "available": 16}
    assert await hold(variant, 5) == "held", "another buyer has a limit of its own"


async def test_without_its_lock_a_buyer_would_hold_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: the limit is counted, so only one at a time may count."""
    monkeypatch.setattr(holds, "_ALONE", "SELECT $1::text")
    monkeypatch.setattr(
        holds,
        "_LIMITS",
        holds._LIMITS.replace("SELECT coalesce((", "SELECT pg_sleep(0.3), coalesce(("),
    )
    variant, hoarder = await make.variant(cards=20), await make.buyer()
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(hold_limit=5))
    answers = await asyncio.gather(*(hold(variant, 2, hoarder) for _ in range(6)))
    assert answers.count("held") > 2


@pytest.fixture
def ten_an_address() -> Iterator[None]:
    cards.limits.per_address = 10
    yield
    cards.limits.per_address = 100


async def one_of(address: str) -> Actor:
    """One of many buyers there: each with a limit of its own that is never reached."""
    return replace(await make.buyer(), ip=address)


async def test_one_address_hoards_no_more_than_its_part_whoever_asks_and_all_at_once(
    ten_an_address: None,
) -> None:
    variant = await make.variant(cards=30)
    crowd = [await one_of("203.0.113.7") for _ in range(8)]
    answers = await asyncio.gather(*(hold(variant, 3, buyer) for buyer in crowd))
    assert Counter(answers) == {"held": 3, "ADDRESS_HOLD_LIMIT_REACHED": 5}
    assert await hold(variant, 3, await one_of("203.0.113.8")) == "held"
    assert await hold(variant, 3) == "held", "who comes from nowhere is not counted"
    assert await hold(variant, 1, crowd[0]) == "held", "one is left"


async def test_a_refused_address_hears_when_cards_are_free_again(ten_an_address: None) -> None:
    variant = await make.variant(cards=20)
    assert await hold(variant, 10, await one_of("203.0.113.7")) == "held"
    (open_hold,) = await cards.CardHold.all()
    with clock.fixed(lambda: open_hold.until - timedelta(seconds=90)):
        with pytest.raises(Refused) as refused:
            await make.hold(variant, 1, await one_of("203.0.113.7"))
        (refusal,) = refused.value.refusals
        assert (refusal.limit, refusal.retry_after) == (10, 90)  # type: ignore[attr-defined]
    with clock.fixed(lambda: open_hold.until):
        assert await cards.lapse_holds() == 1
        assert await hold(variant, 10, await one_of("203.0.113.7")) == "held"


async def test_a_network_of_one_subscriber_is_one_address_and_none_is_readable(
    ten_an_address: None,
) -> None:
    variant = await make.variant(cards=30)
    assert await hold(variant, 10, await one_of("2001:db8:1:2::1")) == "held"
    refused = "ADDRESS_HOLD_LIMIT_REACHED"
    assert await hold(variant, 1, await one_of("2001:db8:1:2:ffff::9")) == refused
    assert await hold(variant, 10, await one_of("2001:db8:1:3::1")) == "held"
    assert await hold(variant, 10, await one_of("::ffff:203.0.113.7")) == "held"
    assert await hold(variant, 1, await one_of("203.0.113.7")) == refused
    kept = [row.address for row in await cards.CardHold.all()]
    assert all(digest is not None and len(digest) == 32 for digest in kept)
    assert not any(b"203" in digest or b"2001" in digest for digest in kept if digest)
    for row in await cards.CardHold.all():
        async with transaction() as conn:
            await cards.release_hold(conn, row.id)
    assert [row.address for row in await cards.CardHold.all()] == [None] * 3, "forgotten at its end"


async def test_without_its_lock_an_address_would_hold_more(
    ten_an_address: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: counted by all at once, each sees room for itself."""
    monkeypatch.setattr(holds, "_ALONE", "SELECT $1::text")
    slow = holds._HERE.replace("SELECT coalesce", "SELECT pg_sleep(0.3), coalesce")
    monkeypatch.setattr(holds, "_HERE", slow)
    variant = await make.variant(cards=30)
    crowd = [await one_of("203.0.113.7") for _ in range(8)]
    answers = await asyncio.gather(*(hold(variant, 3, buyer) for buyer in crowd))
    assert answers.count("held") > 3


async def test_what_is_short_is_told_and_nothing_is_held() -> None:
    variant = await make.variant(cards=1)
    assert await hold(variant, 2) == "CARDS_SHORT"
    assert await hold(variant, 0) == "INVALID"
    assert await value("SELECT count(*) FROM card_holds") == 0
    assert await states(variant) == {"available": 1}


async def test_a_card_inside_the_margin_is_not_held() -> None:
    variant = await make.variant()
    wish = cards.ImportWish(variant.sku, 0, expires_on=clock.now().date() + timedelta(days=5))
    file = cards.card_file("", "????-????", count=1, seed="x")
    await cards.import_cards(make.OPERATOR, wish, file)
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(expiry_margin_days=5))
    assert await hold(variant) == "CARDS_SHORT"


async def test_buyers_and_holders_never_share_a_card() -> None:
    variant = await make.variant(cards=20)
    buyers = [await make.buyer() for _ in range(20)]
    tries = [buy(buyers[n], variant) if n % 2 else hold(variant, 2) for n in range(20)]
    answers = Counter(await asyncio.gather(*tries))
    found = await states(variant)
    assert found.get("sold", 0) == answers["sold"]
    assert found.get("reserved", 0) == 2 * answers["held"]
    assert sum(found.values()) == 20
    broken = [each.name for each in await invariants.find_violations() if each.violations]
    assert broken == []


async def test_a_hold_that_ends_twice_at_once_ends_once() -> None:
    variant = await make.variant()
    line = await a_line(variant, 1)
    await make.stock(variant, 1)
    held = await make.hold(variant)

    async def end(use: bool) -> str:
        try:
            async with transaction() as conn:
                if use:
                    await cards.use_hold(conn, held.id, line)
                    return "used"
                return "released" if await cards.release_hold(conn, held.id) else "over"
        except Refused as refused:
            return refused.refusals[0].code

    answers = await asyncio.gather(*(end(n % 2 == 0) for n in range(8)))
    won = [each for each in answers if each in ("used", "released")]
    assert len(won) == 1
    assert await states(variant) == {"sold" if won == ["used"] else "available": 1}


async def test_the_database_ends_a_hold_once_and_knows_each_held_card() -> None:
    variant = await make.variant(cards=2)
    held = await make.hold(variant)
    async with transaction() as conn:
        await cards.release_hold(conn, held.id)
    for sql in ("UPDATE card_holds SET state = 'open', closed_at = NULL", "DELETE FROM card_holds"):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with transaction() as conn:
                await conn.execute(sql)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with transaction() as conn:
            await conn.execute(
                "UPDATE cards SET state = 'reserved', hold_id = gen_random_uuid()"
                " WHERE id = (SELECT id FROM cards LIMIT 1)"
            )
    with pytest.raises(asyncpg.CheckViolationError):
        async with transaction() as conn:
            await conn.execute("UPDATE cards SET state = 'reserved'")
