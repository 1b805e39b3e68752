"""Codes for many buyers, and cards that a buyer chooses by hand."""

import asyncio
import io
from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import cards, checkout, invariants, orders
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase, service
from domain.kernel import (
    MAIN_SITE_ID,
    Actor,
    Refused,
    connection,
    new_id,
    page_request,
    transaction,
)
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


async def shared(cards_in: int = 1, **policy: Any) -> Variant:
    variant = await make.variant()
    change = cards.PolicyChange(shared=True, **policy)
    await cards.save_policy(make.OPERATOR, variant.sku, change)
    await make.stock(variant, cards_in)
    return variant


async def choosable(cards_in: int) -> Variant:
    variant = await make.variant(cards=cards_in)
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(choosable=True))
    return variant


async def buy(
    buyer: Actor, of: Variant, quantity: int = 1, card: UUID | None = None
) -> checkout.Placed:
    wish = LineWish(of.sku, quantity, card_id=card)
    return await checkout.place_order(buyer, Purchase((wish,), str(new_id())))


async def outcome(buyer: Actor, of: Variant, card: UUID | None = None) -> str:
    try:
        await buy(buyer, of, card=card)
    except Refused as refused:
        return refused.refusals[0].code
    return "sold"


async def broken() -> list[str]:
    return [each.name for each in await invariants.find_violations() if each.violations]


@pytest.mark.parametrize("in_a_crowd", [False, True], ids=["usual", "crowd"])
async def test_many_buyers_have_one_shared_code_and_each_sees_it(
    monkeypatch: pytest.MonkeyPatch, in_a_crowd: bool
) -> None:
    if in_a_crowd:
        monkeypatch.setattr(service, "QUICK_TRIES", 0)
    variant = await shared()
    buyers = [await make.buyer() for _ in range(6)]
    placed = await asyncio.gather(*(buy(each, variant, 2) for each in buyers))
    card = await cards.Card.get(variant_id=variant.id)
    assert (card.state, card.order_line_id) == (cards.CardState.SHARED, None)
    assert await value("SELECT count(*) FROM shared_deliveries WHERE card_id = $1", card.id) == 12
    codes = set()
    for buyer, one in zip(buyers, placed, strict=True):
        assert one.order.status is orders.OrderStatus.DELIVERED
        (opened,) = await orders.reveal_cards(buyer, one.order.id, None)
        codes.add(opened.secret)
    assert len(codes) == 1
    line = placed[0].lines[0].id
    first, second = (await cards.cards_of_lines([line]))[line]
    assert (first.id, first.unit_number, second.unit_number) == (card.id, 1, 2)
    assert (first.reveal_count, first.first_revealed_at is not None) == (1, True)
    await card.refresh_from_db()
    assert (card.reveal_count, card.state) == (0, cards.CardState.SHARED)
    assert await broken() == []


async def test_a_shared_code_is_bought_by_two_statements_and_locks_no_row_of_its_own() -> None:
    variant, buyer = await shared(), await make.buyer()
    await buy(buyer, variant)
    async with count_statements() as seen:
        await buy(buyer, variant)
    assert len(seen) == 2
    card = await cards.Card.get(variant_id=variant.id)
    async with transaction() as conn:  # somebody holds the card's row, and buyers do not wait
        await conn.execute("SELECT 1 FROM cards WHERE id = $1 FOR NO KEY UPDATE", card.id)
        assert await asyncio.wait_for(asyncio.create_task(_apart(buyer, variant)), 2) == "sold"


async def _apart(buyer: Actor, of: Variant) -> str:
    """In a context of its own, so that it does not join the transaction above."""
    import contextvars

    return await asyncio.get_running_loop().create_task(
        outcome(buyer, of), context=contextvars.Context()
    )


async def test_a_code_with_an_end_is_sold_so_often_and_no_more() -> None:
    variant = await shared(shared_uses=3)
    buyers = [await make.buyer() for _ in range(8)]
    answers = Counter(await asyncio.gather(*(outcome(each, variant) for each in buyers)))
    assert answers == {"sold": 3, "OUT_OF_STOCK": 5}
    assert await cards.stock_of([variant.id], 9) == {variant.id: 0}
    numbers = "SELECT array_agg(use_number ORDER BY use_number) FROM shared_deliveries"
    assert await value(numbers) == [1, 2, 3]
    with pytest.raises(asyncpg.UniqueViolationError, match="shared_use_once"):
        async with transaction() as conn:
            await conn.execute(
                "INSERT INTO shared_deliveries (id, card_id, order_line_id, unit_number,"
                " use_number, sold_at, reveal_count) SELECT gen_random_uuid(), card_id,"
                " order_line_id, 9, 3, sold_at, 0 FROM shared_deliveries LIMIT 1"
            )
    await make.stock(variant, 1)  # the next code takes over
    assert await outcome(buyers[0], variant) == "sold"


async def test_cards_on_the_shelf_become_shared_and_never_one_buyers_own_again() -> None:
    variant, buyer = await make.variant(cards=2), await make.buyer()
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(shared=True))
    assert await value("SELECT count(*) FROM cards WHERE state = 'shared'") == 2
    assert await outcome(buyer, variant) == "sold"
    batch = (await cards.Card.filter(variant_id=variant.id))[0].batch_id  # type: ignore[attr-defined]
    await cards.freeze_batch(make.OPERATOR, batch, "doubt")
    assert await outcome(buyer, variant) == "OUT_OF_STOCK"
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(shared=False))
    used = await value("SELECT card_id FROM shared_deliveries")
    with pytest.raises(asyncpg.RestrictViolationError, match="stays shared"):
        async with transaction() as conn:
            await conn.execute("UPDATE cards SET state = 'available' WHERE id = $1", used)
    await cards.unfreeze_batch(make.OPERATOR, batch, "fine")
    assert (await cards.Card.get(id=used)).state is cards.CardState.SHARED
    with pytest.raises(asyncpg.RestrictViolationError):
        async with transaction() as conn:
            await conn.execute("UPDATE cards SET state = 'available' WHERE state = 'shared'")
    for sql in ("DELETE FROM shared_deliveries", "UPDATE shared_deliveries SET unit_number = 7"):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with transaction() as conn:
                await conn.execute(sql)


async def test_a_buyer_keeps_a_shared_code_that_was_taken_off_the_shelf() -> None:
    variant, buyer = await shared(), await make.buyer()
    placed = await buy(buyer, variant)
    card = await cards.Card.get(variant_id=variant.id)
    wish = cards.WriteOffWish(cards.WriteOffKind.VOID, "old", "key", (card.id,))
    await cards.write_off_cards(make.OPERATOR, wish)
    assert await outcome(buyer, variant) == "OUT_OF_STOCK"
    assert len(await orders.reveal_cards(buyer, placed.order.id, [card.id])) == 1
    assert await broken() == []
    with pytest.raises(Refused, match="NOT_FOUND"):
        await orders.reveal_cards(await make.buyer(), placed.order.id, [card.id])


@pytest.mark.parametrize("in_a_crowd", [False, True], ids=["usual", "crowd"])
async def test_the_chosen_card_is_the_one_that_is_sold_and_once(
    monkeypatch: pytest.MonkeyPatch, in_a_crowd: bool
) -> None:
    if in_a_crowd:
        monkeypatch.setattr(service, "QUICK_TRIES", 0)
    variant = await choosable(50)
    page = await cards.list_choosable(
        page_request("choosableCards", 40, None), variant.sku, MAIN_SITE_ID
    )
    wanted = page.rows[37]
    assert wanted.masked.startswith("••••")
    buyers = [await make.buyer() for _ in range(6)]
    answers = Counter(await asyncio.gather(*(outcome(each, variant, wanted.id) for each in buyers)))
    assert answers == {"sold": 1, "CARD_NOT_FREE": 5}
    sold = await cards.Card.filter(variant_id=variant.id, state="sold")
    assert [card.id for card in sold] == [wanted.id]
    following = page_request("choosableCards", 40, page.cursors[36])
    rest = await cards.list_choosable(following, variant.sku, MAIN_SITE_ID)
    assert wanted.id not in [card.id for card in rest.rows]
    assert len(rest.rows) == 12
    assert await broken() == []


async def test_a_chosen_card_is_bought_by_two_statements_and_no_supplier_replaces_it() -> None:
    variant, buyer = await choosable(2), await make.buyer()
    first, second = await cards.Card.filter(variant_id=variant.id).order_by("id")
    await buy(buyer, variant, card=first.id)
    async with count_statements() as seen:
        await buy(buyer, variant, card=second.id)
    assert len(seen) == 2
    await make.offer(variant, make.yuan(40))
    assert await outcome(buyer, variant, second.id) == "CARD_NOT_FREE"
    assert await value("SELECT count(*) FROM orders") == 2


async def test_a_card_is_chosen_only_where_the_variant_allows_it() -> None:
    buyer, plain, other = await make.buyer(), await make.variant(cards=2), await choosable(1)
    card = await cards.Card.filter(variant_id=plain.id).first()
    assert card is not None
    assert await outcome(buyer, plain, card.id) == "CARD_NOT_FREE"
    assert await outcome(buyer, other, card.id) == "CARD_NOT_FREE", "a card of another variant"
    ask = page_request("choosableCards", 9, None)
    assert (await cards.list_choosable(ask, plain.sku, MAIN_SITE_ID)).rows == []
    with pytest.raises(Refused) as caught:
        await buy(buyer, other, 2, (await cards.Card.get(variant_id=other.id)).id)
    assert getattr(caught.value.refusals[0], "reason", "") == "chosen_quantity"
    with pytest.raises(Refused) as caught:
        await cards.save_policy(make.OPERATOR, other.sku, cards.PolicyChange(shared=True))
    assert getattr(caught.value.refusals[0], "reason", "") == "shared_or_choosable"
    assert await value("SELECT count(*) FROM orders") == 0


async def test_a_wish_without_a_choice_hashes_as_it_always_did() -> None:
    wish = Purchase((LineWish("A", 1),), "key")
    assert wish.plain() == [[["A", 1, None, None]], None, None]
    chosen = Purchase((LineWish("A", 1, card_id=UUID(int=7)),), "key")
    assert chosen.plain() != wish.plain()


async def test_an_import_into_a_shared_variant_is_shared_from_the_start() -> None:
    variant = await make.variant()
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(shared=True))
    wish = cards.ImportWish(variant.sku, 0)
    await cards.import_cards(make.OPERATOR, wish, io.BytesIO(b"ONE-CODE-FOR-ALL\n"))
    assert (await cards.Card.get(variant_id=variant.id)).state is cards.CardState.SHARED
