"""Sealed cards: opened where they belong only, and what suppliers delivered."""

from datetime import timedelta
from uuid import UUID

import pytest

from domain import cards, checkout
from domain.audit import AuditEntry
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import PageRequest, Refused, clock, new_id, page_request, transaction
from tests import make
from tests.statements import count_statements

pytestmark = pytest.mark.usefixtures("db")


async def opened(*card_ids: UUID) -> list[cards.OpenedCard]:
    async with transaction() as conn:
        sealed = await cards.find_sealed(conn, card_ids)
    return await cards.open_codes(make.OPERATOR, sealed)


async def tamper(sql: str, *args: object) -> None:
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")  # past all triggers
        await conn.execute(sql, *args)


async def bought(
    of: Variant, *codes: tuple[str, str], attempt: UUID | None = None
) -> cards.StoredPurchase:
    fresh = await cards.fresh_key()
    async with transaction() as conn:
        return await cards.store_purchased(
            conn,
            fresh,
            variant_id=of.id,
            attempt_id=attempt or new_id(),
            source="supplier",
            codes=codes,
            unit_cost=make.yuan(40),
            currency=make.CNY,
        )


SWAP = "UPDATE card_secrets s SET sealed = o.sealed FROM card_secrets o"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(f"{SWAP} WHERE s.card_id = $1 AND o.card_id = $2", id="another card's code"),
        pytest.param(
            "UPDATE cards SET variant_id = o.variant_id FROM cards o"
            " WHERE cards.id = $1 AND o.id = $3",
            id="another variant",
        ),
        pytest.param(
            "UPDATE cards SET batch_id = o.batch_id FROM cards o WHERE cards.id = $1 AND o.id = $3",
            id="another batch",
        ),
        pytest.param(
            "UPDATE card_batches b SET wrapped_key = o.wrapped_key FROM card_batches o, cards c"
            " WHERE c.id = $1 AND b.id = c.batch_id AND o.id <> b.id",
            id="another batch's key",
        ),
        pytest.param(
            "UPDATE card_secrets SET generation = generation + 1 WHERE card_id = $1",
            id="another generation of the key",
        ),
        pytest.param(
            "UPDATE card_secrets SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)"
            " WHERE card_id = $1",
            id="one bit",
        ),
        pytest.param("UPDATE card_secrets SET sealed = '\\x00' WHERE card_id = $1", id="a stump"),
    ],
)
async def test_a_code_opens_in_its_own_row_only(change: str) -> None:
    variant = await make.variant()
    first, second = await make.stock(variant, 2)
    (elsewhere,) = await make.stock(await make.variant(), 1)
    assert len(await opened(first.id, second.id, elsewhere.id)) == 3
    names = ("$1", "$2", "$3")
    wanted = [each for each in names if each in change]
    values = {"$1": first.id, "$2": second.id, "$3": elsewhere.id}
    for number, name in enumerate(wanted, 1):
        change = change.replace(name, f"${number}")
    await tamper(change, *(values[name] for name in wanted))
    with pytest.raises(Refused) as caught:
        await opened(first.id)
    assert caught.value.refusals == (cards.CardSealBroken(),)
    told = await AuditEntry.get(target=first.id, action="card.seal_broken")
    assert (told.actor_id, told.details["reason"]) == (make.OPERATOR.user_id, "seal")
    assert len(await opened(elsewhere.id)) == 1
    assert await AuditEntry.filter(action="card.seal_broken").count() == 1


async def test_equal_codes_look_different_when_sealed() -> None:
    one, two = await make.variant(), await make.variant()
    ids = [(await bought(each, ("", "SAME-CODE"))).card_ids[0] for each in (one, two)]
    async with transaction() as conn:
        sealed = await conn.fetch("SELECT sealed FROM card_secrets WHERE card_id = ANY($1)", ids)
        prints = await conn.fetch("SELECT fingerprint FROM cards WHERE id = ANY($1)", ids)
    assert len({row["sealed"] for row in sealed}) == 2
    assert len({row["fingerprint"] for row in prints}) == 2
    assert {each.secret for each in await opened(*ids)} == {"SAME-CODE"}


async def test_what_a_supplier_delivers_is_stock_until_it_is_sold() -> None:
    variant, attempt = await make.variant(), new_id()
    purchase = await bought(variant, ("1", "A-1"), ("2", "A-2"), attempt=attempt)
    assert (len(purchase.card_ids), purchase.duplicates) == (2, 0)
    assert await cards.stock_of([variant.id], 10) == {variant.id: 2}
    batch = await cards.CardBatch.get(id=purchase.batch_id)
    assert (batch.supplier_attempt_id, batch.accepted) == (attempt, 2)
    assert [card.secret for card in await opened(*purchase.card_ids)] == ["A-1", "A-2"]
    line = new_id()
    async with transaction() as conn:
        await cards.sell(conn, purchase.card_ids, line)
    found = (await cards.cards_of_lines([line]))[line]
    assert [(card.id, card.unit_number) for card in found] == [
        (purchase.card_ids[0], 1),
        (purchase.card_ids[1], 2),
    ]
    assert await cards.stock_of([variant.id], 10) == {variant.id: 0}


async def test_a_code_that_is_there_already_is_never_sold_again() -> None:
    variant = await make.variant()
    await bought(variant, ("", "A-1"))
    again = await bought(variant, ("", "a1"), ("", "A-2"), ("", "A-2"))
    assert (len(again.card_ids), again.duplicates) == (1, 2)
    assert [card.secret for card in await opened(*again.card_ids)] == ["A-2"]


async def test_the_goods_of_an_attempt_are_stored_once() -> None:
    variant, attempt = await make.variant(), new_id()
    await bought(variant, ("", "A-1"), attempt=attempt)
    with pytest.raises(RuntimeError, match="stored once"):
        await bought(variant, ("", "A-2"), attempt=attempt)
    assert await cards.stock_of([variant.id], 10) == {variant.id: 1}


async def test_a_look_is_counted_and_the_first_one_dated() -> None:
    variant = await make.variant()
    (card,) = await make.stock(variant, 1)
    purchase = Purchase((LineWish(variant.sku, 1),), "key")
    await checkout.place_order(await make.buyer(), purchase)
    (unsold,) = await make.stock(variant, 1)
    first = clock.now()
    for moment in (first, first + timedelta(hours=1)):
        with clock.fixed(lambda moment=moment: moment):
            async with transaction() as conn:
                marked = await cards.mark_revealed(conn, [card.id, unsold.id])
        assert marked == {card.id}  # nobody but its buyer is shown a card
    await card.refresh_from_db()
    assert (card.reveal_count, card.first_revealed_at) == (2, first)


async def test_stock_is_counted_in_one_statement_and_no_further_than_asked() -> None:
    many, few, none = await make.variant(cards=8), await make.variant(cards=2), await make.variant()
    async with count_statements() as seen:
        stock = await cards.stock_of([many.id, few.id, none.id], 5)
    assert stock == {many.id: 5, few.id: 2, none.id: 0}
    assert len(seen) == 1


async def test_cards_that_have_expired_are_no_stock() -> None:
    variant = await make.variant()
    card, *_ = await make.stock(variant, 2)
    await tamper("UPDATE cards SET expires_on = $2 WHERE id = $1", card.id, clock.now().date())
    assert await cards.stock_of([variant.id], 10) == {variant.id: 1}


async def test_the_cards_of_many_lines_come_in_two_statements() -> None:
    variant, buyer = await make.variant(cards=3), await make.buyer()
    one = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 2),), "one"))
    two = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "two"))
    lines = [one.lines[0].id, two.lines[0].id, new_id()]
    async with count_statements() as seen:
        found = await cards.cards_of_lines(lines)
    assert [len(found[line]) for line in lines] == [2, 1, 0]
    assert [card.unit_number for card in found[lines[0]]] == [1, 2]
    assert len(seen) == 2  # those sold to one buyer, and shares of codes for many


async def test_batches_come_newest_first_page_by_page() -> None:
    variant = await make.variant()
    made = [(await make.stock(variant, 1))[0].batch_id for _ in range(3)]

    def page(after: str | None = None) -> PageRequest:
        return page_request("cardBatches", 2, after)

    head = await cards.list_batches(make.OPERATOR, page())
    assert [batch.id for batch in head.rows] == [made[2], made[1]]
    assert head.has_next_page
    tail = await cards.list_batches(make.OPERATOR, page(head.cursors[-1]))
    assert [batch.id for batch in tail.rows] == [made[0]]
    with pytest.raises(Refused, match="FORBIDDEN"):
        await cards.list_batches(await make.buyer(0), page())
