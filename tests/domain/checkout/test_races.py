"""Two at once, two hundred at once: one winner a card, and clear answers for all others."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from domain import checkout, ledger
from domain.checkout import LineWish, Purchase, StockShort, service, statements
from domain.kernel import Actor, Refused, connection
from tests import make

pytestmark = pytest.mark.usefixtures("db")


async def buy(actor: Actor, sku: str, key: str, quantity: int = 1) -> str:
    try:
        placed = await checkout.place_order(actor, Purchase((LineWish(sku, quantity),), key))
    except Refused as refused:
        return refused.refusals[0].code
    return "replayed" if placed.replayed else "sold"


async def sold_cards() -> list[asyncpg.Record]:
    async with connection() as conn:
        rows: list[asyncpg.Record] = await conn.fetch("SELECT * FROM cards WHERE state = 'sold'")
    return rows


async def test_two_hundred_buyers_and_fifty_cards() -> None:
    variant = await make.variant(cards=50)
    buyers = [await make.buyer() for _ in range(20)]
    answers = await asyncio.gather(
        *(buy(buyers[number % 20], variant.sku, f"key{number}") for number in range(200))
    )
    assert Counter(answers) == {"sold": 50, StockShort.code: 150}
    assert len({row["order_line_id"] for row in await sold_cards()}) == 50


async def test_of_a_hundred_calls_with_one_key_one_makes_an_order() -> None:
    variant = await make.variant(cards=10)
    buyer = await make.buyer()
    answers = await asyncio.gather(*(buy(buyer, variant.sku, "one key") for _ in range(100)))
    assert Counter(answers) == {"sold": 1, "replayed": 99}
    assert len(await sold_cards()) == 1


async def test_buyers_of_two_cards_never_starve_each_other() -> None:
    variant = await make.variant(cards=10)
    buyers = [await make.buyer() for _ in range(8)]
    answers = await asyncio.gather(*(buy(each, variant.sku, "key", 2) for each in buyers))
    assert Counter(answers) == {"sold": 5, StockShort.code: 3}


async def test_one_wallet_is_not_spent_twice() -> None:
    variant = await make.variant(price=make.yuan(49), cards=20)
    buyer = await make.buyer(make.yuan(98))
    answers = await asyncio.gather(*(buy(buyer, variant.sku, f"key{n}") for n in range(20)))
    assert Counter(answers) == {"sold": 2, "BALANCE_INSUFFICIENT": 18}
    wallet = await ledger.wallet_of(buyer.require_user(), make.CNY)
    assert wallet.available.units == 0


async def test_buyers_who_saw_the_same_card_do_not_share_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = await all_see_one_card(monkeypatch)
    assert Counter(answers) == {"sold": 1, StockShort.code: 4}


async def test_without_its_locks_one_card_would_be_sold_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: with the row locks and the state guard gone, the race is really there."""
    usual = (False, False, False)
    write = statements.WRITES[usual]
    monkeypatch.setattr(statements, "CLAIM", unlocked(statements.CLAIM))
    monkeypatch.setitem(statements.WRITES, usual, replace(write, text=unlocked(write.text)))
    async with connection() as conn:
        await conn.execute("ALTER TABLE cards DISABLE TRIGGER cards_move")
    try:
        answers = await all_see_one_card(monkeypatch)
    finally:
        async with connection() as conn:
            await conn.execute("ALTER TABLE cards ENABLE TRIGGER cards_move")
    assert answers.count("sold") > 1


def unlocked(statement: str) -> str:
    """Without its locks; what ends slowly overlaps for sure, however busy the machine is."""
    bare = statement.replace("FOR UPDATE SKIP LOCKED", "")
    assert bare != statement
    return bare.replace("SELECT refuse_lost_race(", "SELECT pg_sleep(0.3), refuse_lost_race(")


async def all_see_one_card(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Five buyers of one card, none of whom writes before all have looked."""
    variant = await make.variant(cards=1)
    buyers = [await make.buyer() for _ in range(5)]
    together, read, waited = asyncio.Barrier(5), service.read, set()

    async def read_together(conn: Any, actor: make.Actor, *more: Any) -> Any:
        rows = await read(conn, actor, *more)
        if actor.user_id not in waited:
            waited.add(actor.user_id)
            await together.wait()
        return rows

    monkeypatch.setattr(service, "read", read_together)
    return await asyncio.gather(*(buy(each, variant.sku, "key") for each in buyers))
