"""Taking an import back: what is unsold goes, what is sold stays, and the books follow."""

import asyncio
import io
from typing import Any
from uuid import UUID

import orjson
import pytest

from domain import cards, checkout, invariants, ledger
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, Refused, connection, new_id, transaction
from domain.ledger import AccountKind, account_id
from tests import make

pytestmark = pytest.mark.usefixtures("db")
COST = make.yuan(40)


async def batch_of(of: Variant, codes: bytes) -> UUID:
    wish = cards.ImportWish(of.sku, COST)
    return (await cards.import_cards(make.OPERATOR, wish, io.BytesIO(codes))).batch_id


async def buy(buyer: Actor, of: Variant, quantity: int) -> None:
    await checkout.place_order(buyer, Purchase((LineWish(of.sku, quantity),), str(new_id())))


async def value(sql: str, *args: object) -> Any:
    async with connection() as conn:
        return await conn.fetchval(sql, *args)


async def paid_for_stock() -> int:
    return await ledger.balance_of(account_id(AccountKind.BANK, None, make.CNY))


async def broken() -> list[str]:
    return [each.name for each in await invariants.find_violations() if each.violations]


async def test_an_undo_takes_back_what_is_unsold() -> None:
    variant, buyer = await make.variant(), await make.buyer()
    bank = await paid_for_stock()
    batch = await batch_of(variant, b"A-1\nA-2\nA-3\n")
    await buy(buyer, variant, 1)
    assert await cards.undo_batch(make.OPERATOR, batch) == cards.UndoReport(batch, 2, 1)
    assert await paid_for_stock() == bank + COST
    assert await cards.stock_of([variant.id], 10) == {variant.id: 0}
    assert await value("SELECT undone_at FROM card_batches WHERE id = $1", batch) is not None
    audited = "SELECT details FROM audit_entries WHERE action = 'card_batch.undo' AND target = $1"
    assert orjson.loads(await value(audited, batch)) == {"voided": 2, "kept": 1}
    assert await broken() == []


async def test_a_second_undo_changes_nothing() -> None:
    variant = await make.variant()
    batch = await batch_of(variant, b"A-1\nA-2\n")
    await cards.undo_batch(make.OPERATOR, batch)
    moment = await value("SELECT undone_at FROM card_batches WHERE id = $1", batch)
    assert await cards.undo_batch(make.OPERATOR, batch) == cards.UndoReport(batch, 0, 0)
    assert await value("SELECT undone_at FROM card_batches WHERE id = $1", batch) == moment
    assert await value("SELECT count(*) FROM transfers WHERE reference = $1", batch) == 2
    assert await value("SELECT count(*) FROM audit_entries WHERE action = 'card_batch.undo'") == 1


async def test_a_card_that_comes_back_after_an_undo_is_not_lost_to_the_books() -> None:
    variant = await make.variant()
    batch = await batch_of(variant, b"A-1\nA-2\n")
    held = await make.hold(variant)
    assert (await cards.undo_batch(make.OPERATOR, batch)).kept == 1
    async with transaction() as conn:
        assert await cards.release_hold(conn, held.id)
    # It is worth something still, so a second undo must not void it without booking that.
    assert await cards.undo_batch(make.OPERATOR, batch) == cards.UndoReport(batch, 0, 1)
    assert await cards.stock_of([variant.id], 10) == {variant.id: 1}


async def test_the_file_of_an_undone_import_comes_in_again() -> None:
    variant, buyer = await make.variant(), await make.buyer()
    first = await batch_of(variant, b"A-1\nA-2\nA-3\n")
    await buy(buyer, variant, 1)
    await cards.undo_batch(make.OPERATOR, first)
    wish = cards.ImportWish(variant.sku, COST)
    again = await cards.import_cards(make.OPERATOR, wish, io.BytesIO(b"A-1\nA-2\nA-3\n"))
    assert not again.replayed
    assert again.batch_id != first
    assert (again.accepted, again.duplicates) == (2, 1)  # the sold code never comes twice
    assert await broken() == []


async def test_an_undo_beside_purchases_gives_each_card_one_fate() -> None:
    variant = await make.variant(price=make.yuan(49))
    batch = await batch_of(variant, b"\n".join(b"CODE-%04d" % number for number in range(60)))
    buyers = [await make.buyer() for _ in range(20)]

    async def try_to_buy(buyer: Actor) -> int:
        try:
            await buy(buyer, variant, 1)
        except Refused:
            return 0
        return 1

    sold_or_undone = [try_to_buy(each) for each in buyers[:10]]
    sold_or_undone += [_undo(batch), *(try_to_buy(each) for each in buyers[10:])]
    results = await asyncio.gather(*sold_or_undone)
    sold = sum(results)
    states = "SELECT count(*) FROM cards WHERE batch_id = $1 AND state = $2"
    assert await value(states, batch, "sold") == sold
    assert await value(states, batch, "void") == 60 - sold
    assert await broken() == []


async def _undo(batch: UUID) -> int:
    await cards.undo_batch(make.OPERATOR, batch)
    return 0


async def test_an_unknown_batch_and_one_of_a_supplier_are_refused() -> None:
    variant = await make.variant()
    with pytest.raises(Refused, match="NOT_FOUND"):
        await cards.undo_batch(make.OPERATOR, new_id())
    fresh = await cards.fresh_key()
    async with transaction() as conn:
        bought = await cards.store_purchased(
            conn,
            fresh,
            variant_id=variant.id,
            attempt_id=new_id(),
            source="supplier",
            codes=[("", "A-1")],
            unit_cost=COST,
            currency=make.CNY,
        )
    with pytest.raises(Refused) as caught:
        await cards.undo_batch(make.OPERATOR, bought.batch_id)
    assert getattr(caught.value.refusals[0], "reason", "") == "batch_of_a_supplier"
    assert await cards.stock_of([variant.id], 10) == {variant.id: 1}


async def test_an_undo_is_told_once() -> None:
    variant = await make.variant()
    batch_id = (await make.stock(variant, 3))[0].batch_id  # type: ignore[attr-defined]
    for _ in range(2):
        await cards.undo_batch(make.OPERATOR, batch_id)
    async with connection() as conn:
        told = await conn.fetch(
            "SELECT type, sequence FROM outbox_events WHERE subject = $1 ORDER BY sequence",
            batch_id,
        )
    assert [tuple(row) for row in told] == [("card_batch.imported", 1), ("card_batch.undone", 2)]
