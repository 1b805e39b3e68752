"""Two books that agree, and each way in which somebody may force them not to (mission row F3)."""

from datetime import timedelta
from uuid import UUID

import pytest

from domain import aftersale, cardbook, cards, checkout, giftcards, ledger, reconciliation
from domain.aftersale import Decision, DecisionWish, DisputeReason, DisputeWish
from domain.audit import AuditEntry
from domain.cards.models import Card
from domain.checkout import LineWish, Purchase
from domain.giftcards import Activation, GiftCard, GiftCardValue
from domain.kernel import Money, Refused, clock, connection, new_id, transaction
from domain.ledger import AccountKind, Posting, TransferKind, account_id
from domain.reconciliation import FindingState, Matter
from domain.reconciliation.models import ReconciliationFinding, ReconciliationItem
from tests import make

pytestmark = pytest.mark.usefixtures("db")
INVENTORY = account_id(AccountKind.INVENTORY, None, make.CNY)
BANK = account_id(AccountKind.BANK, None, make.CNY)


async def sold(quantity: int = 2, stock: int = 5) -> tuple[UUID, list[Card]]:
    """A line of cards from our own stock."""
    variant = await make.variant(cards=stock)
    buyer = await make.buyer()
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, quantity),), "key"))
    line_id = placed.lines[0].id
    return line_id, await Card.filter(order_line_id=line_id)


async def kinds() -> list[str]:
    found = await ReconciliationFinding.filter(state=FindingState.OPEN).order_by("id")
    return [each.kind for each in found]


async def by_force(table: str, statement: str, *args: object) -> None:
    """Change rows as somebody does who has got around the triggers."""
    async with transaction() as conn:
        await conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        await conn.execute(statement, *args)
        await conn.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


async def test_both_books_agree_after_a_card_was_replaced() -> None:
    variant = await make.variant(cards=2)
    buyer = await make.buyer()
    placed = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    card = await Card.get(order_line_id=placed.lines[0].id)
    opened = DisputeWish(
        card_ids=(card.id,), reason=DisputeReason.CODE_INVALID, text="used", idempotency_key="open"
    )
    (dispute,) = await aftersale.open_disputes(buyer, placed.order.id, opened)
    wish = DecisionWish(dispute.id, Decision.REPLACE, "it was used", "decide")
    await aftersale.decide(make.OPERATOR, wish)
    report = await reconciliation.reconcile(whole=True)
    assert (report.waiting, report.found, report.open) == (0, 0, 0)
    assert (await reconciliation.recount()).found == 0


async def test_both_books_agree_after_gift_cards_went_over_a_counter() -> None:
    for terms in ({}, {"value": GiftCardValue.COUNT, "face_units": None, "uses": 3}):
        program = await make.gift_program(cards=3, activation=Activation.BY_HAND, **terms)
        numbers = [each.number for each in await GiftCard.filter(program_id=program.id)]
        sale = checkout.AtCounter(
            giftcards.CounterWish(tuple(numbers[:2])),
            Money(120 * make.SCALE, make.CNY),
            giftcards.CounterPayment.CASH,
        )
        await checkout.sell_at_counter(make.OPERATOR, sale, f"key {program.id}")
    report = await reconciliation.reconcile(whole=True)
    assert (report.waiting, report.found, report.open) == (0, 0, 0)
    assert (await reconciliation.recount()).found == 0
    await by_force(
        "gift_cards", "UPDATE gift_cards SET balance_units = 1 WHERE sold_at IS NOT NULL"
    )
    assert (await reconciliation.recount()).found > 0


async def test_both_books_agree_after_a_day_of_trade() -> None:
    await sold(3)
    variant = await make.variant()
    unsold = await make.stock(variant, 4, make.yuan(7))
    wish = cards.WriteOffWish(cards.WriteOffKind.VOID, "torn", "key", (unsold[0].id,))
    await cards.write_off_cards(make.OPERATOR, wish)
    await make.stock(variant, 2, make.yuan(7))
    await cards.undo_batch(make.OPERATOR, (await make.stock(variant, 2, make.yuan(7)))[0].batch_id)
    report = await reconciliation.reconcile(whole=True)
    assert (report.waiting, report.found, report.open) == (0, 0, 0)
    assert report.compared >= 8
    again = await reconciliation.reconcile(whole=True)
    assert (again.compared, again.found) == (0, 0)
    assert (await reconciliation.recount()).found == 0
    assert (await cardbook.verify_folios()).faults == []
    async with connection() as conn:
        stock = await cardbook.stock_cost(conn)
    assert stock == {make.CNY: -await ledger.balance_of(INVENTORY)}
    day = await reconciliation.reconciliation_of(make.OPERATOR, clock.now().date())
    agreed = {line.name: line.number for line in day.agreed}
    assert agreed["sold"] == 1
    assert day.differences == []
    places = {line.place: line.arrived - line.gone for line in day.card_ledger}
    assert sum(places.values()) == 0
    assert places["sold"] == 3
    assert places["void"] == 3
    assert sum(line.amount.units for line in day.money_ledger) == 0


async def test_money_that_moved_stock_without_cards_is_told_once() -> None:
    await sold()
    async with transaction() as conn:
        legs = [(INVENTORY, -make.yuan(9)), (BANK, make.yuan(9))]
        forged = Posting(TransferKind.CARD_PURCHASE, new_id(), make.CNY, legs, "no batch")
        await ledger.post(conn, [forged])
    report = await reconciliation.reconcile(whole=True)
    assert await kinds() == ["stock_moved_unexplained"]
    assert (report.found, report.open) == (1, 1)
    assert (await reconciliation.reconcile(whole=True)).found == 0
    async with connection() as conn:
        told = "SELECT count(*) FROM outbox_events WHERE type = 'reconciliation.mismatch'"
        assert await conn.fetchval(told) == 1


async def test_an_altered_entry_is_found_before_and_after_it_was_compared() -> None:
    line_id, _ = await sold(2)
    double = (
        "UPDATE entries SET amount = amount * 2 WHERE transfer_id ="
        " (SELECT id FROM transfers WHERE kind = 'sale' AND reference = $1)"
    )
    await by_force("entries", double, line_id)
    await reconciliation.reconcile()
    assert await kinds() == ["cost_of_sale_differs"]
    finding = await ReconciliationFinding.get(kind="cost_of_sale_differs")
    assert (finding.matter, finding.reference) == (Matter.SOLD, line_id)
    assert (finding.money, finding.goods) == (make.yuan(160), make.yuan(80))


async def test_what_was_altered_after_it_was_compared_is_found_by_a_recount() -> None:
    line_id, _ = await sold(2)
    assert (await reconciliation.reconcile(whole=True)).found == 0
    sale = "SELECT id FROM transfers WHERE kind = 'sale' AND reference = $1"
    await by_force("entries", f"DELETE FROM entries WHERE transfer_id = ({sale})", line_id)
    assert (await reconciliation.reconcile()).found == 0
    await reconciliation.recount()
    assert await kinds() == ["cost_of_sale_differs"]
    await by_force("transfers", f"DELETE FROM transfers WHERE id = ({sale})", line_id)
    await reconciliation.recount()
    assert await kinds() == ["cost_of_sale_differs", "cards_without_sale"]
    assert await ReconciliationItem.all().count() == 0


async def test_a_card_moved_behind_the_book_is_found_in_the_store() -> None:
    _, (card, *_) = await sold(2)
    await reconciliation.reconcile(whole=True)
    await by_force("cards", "UPDATE cards SET unit_cost = unit_cost + 1 WHERE id = $1", card.id)
    await reconciliation.reconcile(whole=True)
    assert await kinds() == ["store_differs"]


async def test_an_event_without_its_money_is_found() -> None:
    variant = await make.variant()
    _, victim = await make.stock(variant, 2)
    await reconciliation.reconcile(whole=True)
    async with transaction() as conn:
        await conn.execute("UPDATE cards SET state = 'void' WHERE id = $1", victim.id)
    await reconciliation.reconcile(whole=True)
    assert await kinds() == ["cards_without_write_off"]


async def test_an_event_that_vanished_is_found() -> None:
    line_id, _ = await sold(2)
    first = "SELECT id FROM card_events WHERE order_line_id = $1 ORDER BY id LIMIT 1"
    await by_force("card_events", f"DELETE FROM card_events WHERE id = ({first})", line_id)
    await reconciliation.reconcile(whole=True)
    assert "cost_of_sale_differs" in await kinds()
    assert "store_differs" in await kinds()


async def test_a_balance_that_no_entry_moved_is_found() -> None:
    buyer = await make.buyer()
    await reconciliation.reconcile()
    wallet = account_id(AccountKind.WALLET, buyer.user_id, make.CNY)
    await by_force("accounts", "UPDATE accounts SET balance = balance + 1 WHERE id = $1", wallet)
    await make.top_up(buyer.require_user(), make.yuan(1))
    await reconciliation.reconcile()
    assert await kinds() == ["balance_differs"]


async def test_what_is_still_on_the_way_is_not_told_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    line_id, _ = await sold(2)

    async def none_sealed(**how: bool) -> int:
        return 0

    monkeypatch.setattr("domain.cards.seal_card_events", none_sealed)
    report = await reconciliation.reconcile(whole=True)
    assert (report.found, report.waiting) == (0, 2)
    monkeypatch.undo()
    report = await reconciliation.reconcile(whole=True)
    assert (report.found, report.waiting, report.open) == (0, 0, 0)
    assert line_id


async def test_a_finding_is_resolved_when_its_other_side_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await sold(2)

    async def none_sealed(**how: bool) -> int:
        return 0

    monkeypatch.setattr("domain.cards.seal_card_events", none_sealed)
    long_after = clock.now() + timedelta(minutes=10)
    with clock.fixed(lambda: long_after):
        assert (await reconciliation.reconcile()).found == 2
    monkeypatch.undo()
    await reconciliation.reconcile()
    assert await kinds() == []
    states = {each.state for each in await ReconciliationFinding.all()}
    assert states == {FindingState.RESOLVED}


async def test_a_finding_is_settled_by_hand_with_a_note() -> None:
    variant = await make.variant()
    (victim,) = await make.stock(variant, 1)
    async with transaction() as conn:
        await conn.execute("UPDATE cards SET state = 'void' WHERE id = $1", victim.id)
    await reconciliation.reconcile()
    finding = await ReconciliationFinding.get(state=FindingState.OPEN)
    with pytest.raises(Refused):
        await reconciliation.settle_finding(make.OPERATOR, finding.id, "  ")
    await reconciliation.settle_finding(make.OPERATOR, finding.id, "voided by a script")
    with pytest.raises(Refused) as refused:
        await reconciliation.settle_finding(make.OPERATOR, finding.id, "again")
    assert refused.value.refusals[0].code == "FINDING_CLOSED"
    assert await AuditEntry.filter(action="reconciliation.settle", target=finding.id).exists()
    assert (await reconciliation.reconcile(whole=True)).found == 0
