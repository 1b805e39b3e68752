"""Cards set apart for sites: another site never sells the last kept ones (row B10)."""

import asyncio
import re
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from domain import cards, checkout, sites
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase, service, statements
from domain.kernel import Actor, Named, Refused, connection, new_id
from jobs import schedule
from tests import make

pytestmark = pytest.mark.usefixtures("db")


async def a_site(name: str) -> UUID:
    draft = sites.SiteDraft(slug=name, name_zh=name, name_en=name, currency=make.CNY)
    return (await sites.save_site(make.OPERATOR, draft)).id


async def buy(site: UUID, of: Variant, quantity: int = 1) -> str:
    buyer = replace(await make.buyer(), site_id=site)
    return await buy_as(buyer, of, quantity)


async def buy_as(buyer: Actor, of: Variant, quantity: int = 1) -> str:
    try:
        await checkout.place_order(buyer, Purchase((LineWish(of.sku, quantity),), str(new_id())))
    except Refused as refused:
        return refused.refusals[0].code
    return "sold"


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


@pytest.mark.parametrize("in_a_crowd", [False, True], ids=["usual", "crowd"])
async def test_another_site_does_not_take_the_last_kept_cards(
    monkeypatch: pytest.MonkeyPatch, in_a_crowd: bool
) -> None:
    if in_a_crowd:
        monkeypatch.setattr(service, "QUICK_TRIES", 0)
    north, south = await a_site("north"), await a_site("south")
    variant = await make.variant(cards=3)
    assert await cards.set_quota(make.OPERATOR, variant.sku, north, 2) == 2
    assert await cards.stock_of([variant.id], 9, south) == {variant.id: 1}
    assert await cards.stock_of([variant.id], 9, north) == {variant.id: 3}
    assert await buy(south, variant, 2) == "OUT_OF_STOCK"
    assert await buy(south, variant) == "sold"
    assert await buy(south, variant) == "OUT_OF_STOCK"
    assert await buy(sites.MAIN_ID, variant) == "OUT_OF_STOCK"
    assert await buy(north, variant, 2) == "sold"


async def test_a_site_sells_what_is_common_first() -> None:
    north = await a_site("north")
    variant = await make.variant(cards=40)
    await cards.set_quota(make.OPERATOR, variant.sku, north, 5)
    # A buyer looks at the next 32 or so: the kept ones are the last of all.
    for _ in range(3):
        assert await buy(north, variant) == "sold"
    kept = "SELECT count(*) FROM cards WHERE kept_for = $1 AND state = 'available'"
    assert await value(kept, north) == 5


async def test_two_sites_race_for_the_last_common_card() -> None:
    north, south = await a_site("north"), await a_site("south")
    variant = await make.variant(cards=2)
    await cards.set_quota(make.OPERATOR, variant.sku, north, 1)
    buyers = [replace(await make.buyer(), site_id=(north, south)[n % 2]) for n in range(10)]
    answers = await asyncio.gather(*(buy_as(each, variant) for each in buyers))
    assert Counter(answers)["sold"] == 2
    by_site = dict.fromkeys((north, south), 0)
    for buyer, answer in zip(buyers, answers, strict=True):
        by_site[buyer.site_id] += answer == "sold"
    assert by_site[south] <= 1, "the kept card is north's"
    assert await value("SELECT count(*) FROM cards WHERE state = 'sold'") == 2


async def test_of_one_common_card_exactly_one_site_gets_it() -> None:
    north, south = await a_site("north"), await a_site("south")
    variant = await make.variant(cards=1)
    buyers = [replace(await make.buyer(), site_id=(north, south)[n % 2]) for n in range(8)]
    answers = await asyncio.gather(*(buy_as(each, variant) for each in buyers))
    assert Counter(answers) == {"sold": 1, "OUT_OF_STOCK": 7}


async def test_without_its_guard_another_site_would_take_a_kept_card(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: the condition on the card is all that keeps it."""

    def open_to_all(statement: Named) -> Named:
        text, guard = statement.text, r"\(kept_for IS NULL OR kept_for = (\$\d+)\)"
        opened = re.sub(guard, r"(kept_for IS NULL OR kept_for = \1 OR true)", text)
        assert opened != text
        return replace(statement, text=opened)

    reading, usual = statements.reading, (False, False, False)
    monkeypatch.setattr(
        statements, "reading", lambda filled, **which: open_to_all(reading(filled, **which))
    )
    monkeypatch.setitem(statements.WRITES, usual, open_to_all(statements.WRITES[usual]))
    north, south = await a_site("north"), await a_site("south")
    variant = await make.variant(cards=1)
    await cards.set_quota(make.OPERATOR, variant.sku, north, 1)
    assert await buy(south, variant) == "sold"


async def test_a_quota_is_filled_again_when_cards_come_in_and_shrinks_when_told() -> None:
    north = await a_site("north")
    variant = await make.variant(cards=1)
    assert await cards.set_quota(make.OPERATOR, variant.sku, north, 3) == 1
    await make.stock(variant, 5)
    await schedule.watch_stock()
    assert await cards.stock_of([variant.id], 9) == {variant.id: 3}
    assert await cards.fill_quotas() == 0
    assert await cards.set_quota(make.OPERATOR, variant.sku, north, 1) == 1
    assert await cards.stock_of([variant.id], 9) == {variant.id: 5}
    assert await cards.set_quota(make.OPERATOR, variant.sku, north, 0) == 0
    assert await cards.stock_of([variant.id], 9) == {variant.id: 6}
    assert await value("SELECT count(*) FROM card_quotas") == 0


async def test_unknown_sites_skus_and_numbers_are_refused() -> None:
    north = await a_site("north")
    variant = await make.variant(cards=1)
    for sku, site, kept, code in (
        (variant.sku, new_id(), 1, "NOT_FOUND"),
        ("none", north, 1, "NOT_FOUND"),
        (variant.sku, north, -1, "INVALID"),
        (variant.sku, north, 10_001, "INVALID"),
    ):
        with pytest.raises(Refused, match=code):
            await cards.set_quota(make.OPERATOR, sku, site, kept)
    with pytest.raises(Refused, match="FORBIDDEN"):
        await cards.set_quota(await make.buyer(), variant.sku, north, 1)
    assert await value("SELECT count(*) FROM cards WHERE kept_for IS NOT NULL") == 0
