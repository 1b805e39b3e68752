"""A case from the complaint to its end: frozen, decided, appealed; books and history follow."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from domain import aftersale, cards, checkout, ledger, orders, refunds
from domain.aftersale import (
    AppealWish,
    CheckNote,
    CheckResult,
    ClaimState,
    Decision,
    DecisionWish,
    Dispute,
    DisputeReason,
    DisputeState,
    DisputeStep,
    DisputeWish,
    SettleWish,
    SupplierClaim,
)
from domain.cards.models import Card, CardBatch, CardCheck, CardState, Verdict
from domain.catalog import DeliveryKind
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.invariants import find_violations
from domain.kernel import ANONYMOUS, Actor, Refused, connection, new_id, transaction
from domain.ledger import AccountKind, account_id
from domain.orders import GuestProof, Order, OrderLine, OrderStatus
from domain.suppliers.models import Supplier
from tests import make

pytestmark = pytest.mark.usefixtures("db")
INVALID = DisputeReason.CODE_INVALID
OTHER_OPERATOR = replace(make.OPERATOR, user_id=UUID(int=2))


async def bought(
    quantity: int = 1, stock: int | None = None, *, supplied: bool = False, **changes: object
) -> tuple[Actor, Order, OrderLine]:
    """A delivered order of one line; `stock` cards were there before, as many as bought unless
    told. `supplied`: they came from a supplier."""
    who = await make.buyer()
    number = stock or quantity
    variant = await make.variant(cards=0 if supplied else number, **changes)
    if supplied:
        offer = await make.offer(variant, make.yuan(40))
        supplier = await Supplier.get(id=offer.supplier_id)  # type: ignore[attr-defined]
        file = cards.card_file("", "CODE-????-####-####", count=number, seed=variant.sku)
        origin = cards.BatchOrigin(supplier.code)
        wish = cards.ImportWish(variant.sku, make.yuan(40), "test", origin=origin)
        await cards.import_cards(make.OPERATOR, wish, file)
    purchase = Purchase((LineWish(variant.sku, quantity),), f"key-{variant.sku}")
    order = (await checkout.place_order(who, purchase)).order
    assert order.status is OrderStatus.DELIVERED
    return who, order, await OrderLine.get(order_id=order.id)


async def supplier_of(line: OrderLine) -> UUID:
    """Whose cards a line has."""
    found = (await CardBatch.get(variant_id=line.variant_id)).supplier_id
    assert found is not None
    return found


async def cards_of(line: OrderLine) -> list[Card]:
    return await Card.filter(order_line_id=line.id).order_by("unit_number", "sold_at")


async def complain(
    who: Actor, order: Order, found: Sequence[Card], key: str = "open", **more: object
) -> list[Dispute]:
    values = {"reason": INVALID, "text": "the shop says: used", **more}
    ids = tuple(card.id for card in found)
    wish = DisputeWish(card_ids=ids, idempotency_key=key, **values)  # type: ignore[arg-type]
    return await aftersale.open_disputes(who, order.id, wish)


async def a_case(
    quantity: int = 1, stock: int | None = None, *, supplied: bool = False
) -> tuple[Actor, Order, OrderLine, Dispute]:
    who, order, line = await bought(quantity, stock, supplied=supplied)
    (dispute,) = await complain(who, order, (await cards_of(line))[:1])
    return who, order, line, dispute


async def decide(
    dispute: Dispute,
    decision: Decision,
    key: str = "decide",
    who: Actor = make.OPERATOR,
    **more: object,
) -> Dispute:
    wish = DecisionWish(dispute.id, decision, "as we found", key, **more)  # type: ignore[arg-type]
    return await aftersale.decide(who, wish)


async def refusal(work: object) -> str:
    with pytest.raises(Refused) as caught:
        await work  # type: ignore[misc]
    return caught.value.refusals[0].code


async def balance(kind: AccountKind, owner: UUID | None = None) -> int:
    return await ledger.balance_of(account_id(kind, owner, make.CNY))


async def all_is_well() -> None:
    assert [each for each in await find_violations() if each.violations] == []


async def state_of(card: Card) -> CardState:
    return (await Card.get(id=card.id)).state


async def told(kind: str) -> int:
    async with connection() as conn:
        sql = "SELECT count(*) FROM outbox_events WHERE type = $1"
        found: int = await conn.fetchval(sql, kind)
        return found


async def test_a_case_freezes_the_card_and_remembers_who_saw_it() -> None:
    who, order, line = await bought(2)
    seen, unseen = await cards_of(line)
    await orders.reveal_cards(who, order.id, [seen.id])
    before = (await Order.get(id=order.id)).version
    opened = {each.card_id: each for each in await complain(who, order, [seen, unseen])}
    one, other = opened[seen.id], opened[unseen.id]
    assert (one.state, one.looks, one.card_was) == (DisputeState.OPEN, 1, "revealed")
    assert one.seen_at is not None
    assert (other.looks, other.seen_at, other.card_was) == (0, None, "sold")
    assert await state_of(seen) is await state_of(unseen) is CardState.DISPUTED
    assert await told("order.dispute_opened") == 2
    assert (await Order.get(id=order.id)).version == before + 2  # whoever watches it looks again
    # What was never seen is not shown first once it is complained about; and it says why.
    with pytest.raises(Refused) as refused:
        await orders.reveal_cards(who, order.id, [unseen.id])
    (hidden,) = refused.value.refusals
    assert isinstance(hidden, orders.CardNotShown)
    assert (hidden.card, hidden.reason) == (unseen.masked, "card_not_shown_disputed")
    with pytest.raises(Refused, match="NOT_FOUND"):  # of whom there is none, nothing is said
        await orders.reveal_cards(who, order.id, [unseen.id, new_id()])
    assert len(await orders.reveal_cards(who, order.id, [seen.id])) == 1
    assert await CardCheck.filter(verdict=None).count() == 2
    await all_is_well()


async def test_the_same_key_answers_the_same_cases() -> None:
    who, order, line = await bought()
    found = await cards_of(line)
    first, again = await complain(who, order, found), await complain(who, order, found)
    assert [each.id for each in first] == [each.id for each in again]
    assert await Dispute.all().count() == 1
    assert await refusal(complain(who, order, found, text="else")) == "IDEMPOTENCY_KEY_REUSED"
    assert await refusal(complain(who, order, found, "other")) == "CARD_NOT_DISPUTABLE"


async def test_what_a_buyer_writes_is_sealed_and_in_no_event() -> None:
    who, order, line = await bought()
    (dispute,) = await complain(who, order, await cards_of(line), text="canary-4711")
    assert b"canary" not in (dispute.text_sealed or b"")
    words = aftersale.words_of(aftersale.TEXT_PURPOSE, dispute.text_sealed, dispute.id)
    assert words == "canary-4711"
    async with connection() as conn:
        for table, column in (("outbox_events", "payload"), ("audit_entries", "details")):
            sql = f"SELECT count(*) FROM {table} WHERE {column}::text LIKE '%canary-4711%'"
            assert await conn.fetchval(sql) == 0


async def test_only_cards_of_ones_own_order_in_time() -> None:
    who, order, line = await bought()
    _, _, foreign = await bought()
    stranger = await make.buyer()
    own, other = await cards_of(line), await cards_of(foreign)
    assert await refusal(complain(stranger, order, own)) == "NOT_FOUND"
    assert await refusal(complain(who, order, other)) == "NOT_FOUND"
    assert await refusal(complain(who, order, [*own, *other])) == "NOT_FOUND"
    assert await refusal(complain(who, order, [])) == "INVALID"
    assert await refusal(complain(who, order, own, text="\x00")) == "INVALID"
    silent = {"reason": DisputeReason.OTHER, "text": ""}
    assert await refusal(complain(who, order, own, **silent)) == "INVALID"
    with make.later(days=8):
        assert await refusal(complain(who, order, own)) == "DISPUTE_TOO_LATE"
    assert await Dispute.all().count() == 0
    assert await state_of(own[0]) is CardState.SOLD
    with make.later(days=6):
        assert len(await complain(who, order, own)) == 1


async def test_a_guest_complains_with_the_token_of_the_order() -> None:
    _, order, line = await bought()
    (card,) = await cards_of(line)
    wish = DisputeWish((card.id,), INVALID, "", "key")
    wrong = GuestProof(order.number, token=orders.guest_token(new_id()))
    assert await refusal(aftersale.open_disputes_by_guest(ANONYMOUS, wrong, wish)) == "NOT_FOUND"
    proof = GuestProof(order.number, token=orders.guest_token(order.id))
    (dispute,) = await aftersale.open_disputes_by_guest(ANONYMOUS, proof, wish)
    assert dispute.opened_by is None
    await decide(dispute, Decision.REJECT)
    appealed = AppealWish(dispute.id, "but", "appeal")
    assert (await aftersale.appeal(ANONYMOUS, appealed, proof)).state is DisputeState.APPEALED
    await all_is_well()


async def test_another_card_takes_the_line_and_the_unit() -> None:
    who, order, line, dispute = await a_case(2, stock=3, supplied=True)
    bad, kept = await cards_of(line)
    supplier = await supplier_of(line)
    done = await decide(dispute, Decision.REPLACE, invalid=True)
    assert done.state is DisputeState.REPLACED
    good = await Card.get(id=done.replacement_id)
    assert (good.order_line_id, good.unit_number) == (line.id, bad.unit_number)
    assert await state_of(bad) is CardState.REPLACED
    assert (await Card.get(id=kept.id)).state is CardState.SOLD
    shown = [each.card_id for each in await orders.reveal_cards(who, order.id, None)]
    assert sorted(shown) == sorted([good.id, kept.id])
    assert await balance(AccountKind.SUPPLIER_CLAIM, supplier) == -make.yuan(40)
    assert await balance(AccountKind.LOSS) == await balance(AccountKind.INVENTORY) == 0
    assert (await CardCheck.get(card_id=bad.id)).verdict is Verdict.INVALID
    await all_is_well()
    # What took its place may be bad, too: it is a card of its own.
    (again,) = await complain(who, order, [good], "again")
    assert again.card_id == good.id
    assert await refusal(decide(again, Decision.REPLACE, "none left")) == "REPLACEMENT_SHORT"
    await decide(again, Decision.REFUND, "back")
    await all_is_well()


async def test_without_a_proof_the_house_bears_the_replacement() -> None:
    *_, dispute = await a_case(1, stock=2, supplied=True)
    await decide(dispute, Decision.REPLACE)
    assert await SupplierClaim.all().count() == 0
    assert await balance(AccountKind.LOSS) == -make.yuan(40)
    await all_is_well()


async def test_without_a_card_on_the_shelf_nothing_changes() -> None:
    _, _, line, dispute = await a_case()
    (bad,) = await cards_of(line)
    assert await refusal(decide(dispute, Decision.REPLACE, invalid=True)) == "REPLACEMENT_SHORT"
    assert (await Dispute.get(id=dispute.id)).state is DisputeState.OPEN
    assert await state_of(bad) is CardState.DISPUTED
    assert (await CardCheck.get(card_id=bad.id)).verdict is None
    await all_is_well()


async def test_the_money_of_the_card_goes_back_and_its_supplier_owes() -> None:
    who, order, line, dispute = await a_case(2, supplied=True)
    supplier = await supplier_of(line)
    note = CheckNote("T-1", CheckResult.INVALID, "they agree")
    checked = await aftersale.note_check(make.OPERATOR, dispute.id, note)
    assert (checked.state, checked.ticket) == (DisputeState.CHECKING, "T-1")
    done = await decide(dispute, Decision.REFUND)
    assert await balance(AccountKind.WALLET, who.user_id) == make.yuan(1_000 - 49)
    refund = await refunds.Refund.get(id=done.refund_id)
    assert (refund.amount, refund.reason.value) == (make.yuan(49), "CODE_INVALID")
    assert await balance(AccountKind.SUPPLIER_CLAIM, supplier) == -make.yuan(40)
    assert await balance(AccountKind.LOSS) == 0
    assert (await CardCheck.get()).evidence == "they agree"
    assert (await Order.get(id=order.id)).status is OrderStatus.DELIVERED
    assert await told("order.dispute_decided") == 1
    await all_is_well()


async def test_what_an_operator_gave_back_meanwhile_ends_the_case() -> None:
    who, order, _, dispute = await a_case()
    wish = refunds.RefundWish(
        order.id, refunds.RefundReason.GOODWILL, refunds.RefundDestination.WALLET
    )
    made = (await refunds.refund_order(make.OPERATOR, wish, "refund")).refund
    for decision in (Decision.REPLACE, Decision.REJECT):
        assert await refusal(decide(dispute, decision, decision)) == "CARD_NOT_DISPUTABLE"
    assert (await decide(dispute, Decision.REFUND)).refund_id == made.id
    assert await balance(AccountKind.WALLET, who.user_id) == make.yuan(1_000)
    await all_is_well()


@pytest.mark.parametrize("before", [CardState.SOLD, CardState.REVEALED, CardState.REDEEMED])
async def test_a_good_card_goes_back_to_where_it_was(before: CardState) -> None:
    who, order, line = await bought()
    (card,) = await cards_of(line)
    if before is not CardState.SOLD:
        await orders.reveal_cards(who, order.id, None)
    if before is CardState.REDEEMED:
        await Card.filter(id=card.id).update(state=before)
    (dispute,) = await complain(who, order, [card])
    done = await decide(dispute, Decision.REJECT)
    assert (done.state, done.decision) == (DisputeState.REJECTED, "as we found")
    assert await state_of(card) is before
    assert (await CardCheck.get()).verdict is Verdict.VALID
    assert await refusal(complain(who, order, [card], "again")) == "CARD_NOT_DISPUTABLE"
    await all_is_well()


async def test_an_appeal_is_heard_once_by_somebody_else() -> None:
    who, _, line, dispute = await a_case(1, stock=2)
    (bad,) = await cards_of(line)
    appeal = AppealWish(dispute.id, "look again", "appeal")
    assert await refusal(aftersale.appeal(who, appeal)) == "DISPUTE_MOVE_NOT_ALLOWED"
    await decide(dispute, Decision.REJECT)
    stranger = await make.buyer()
    assert await refusal(aftersale.appeal(stranger, appeal)) == "NOT_FOUND"
    with make.later(days=8):
        assert await refusal(aftersale.appeal(who, appeal)) == "DISPUTE_TOO_LATE"
    assert (await aftersale.appeal(who, appeal)).state is DisputeState.APPEALED
    assert (await aftersale.appeal(who, appeal)).state is DisputeState.APPEALED
    assert await state_of(bad) is CardState.DISPUTED
    for decision in Decision:
        key = f"same {decision}"
        assert await refusal(decide(dispute, decision, key)) == "DISPUTE_SAME_JUDGE"
    done = await decide(dispute, Decision.REPLACE, "final", OTHER_OPERATOR)
    assert done.state is DisputeState.REPLACED
    steps = await DisputeStep.filter(dispute_id=dispute.id).order_by("number")
    assert [(step.state.value, step.actor_id) for step in steps] == [
        ("OPEN", who.user_id),
        ("REJECTED", make.OPERATOR.user_id),
        ("APPEALED", who.user_id),
        ("REPLACED", OTHER_OPERATOR.user_id),
    ]
    await all_is_well()


async def test_a_rejection_that_is_upheld_is_the_end() -> None:
    who, _, line, dispute = await a_case()
    await decide(dispute, Decision.REJECT)
    await aftersale.appeal(who, AppealWish(dispute.id, "look again", "appeal"))
    done = await decide(dispute, Decision.REJECT, "final", OTHER_OPERATOR)
    assert done.state is DisputeState.UPHELD
    again = AppealWish(dispute.id, "and again", "again")
    assert await refusal(aftersale.appeal(who, again)) == "DISPUTE_MOVE_NOT_ALLOWED"
    for decision in Decision:
        assert await refusal(decide(dispute, decision, decision)) == "DISPUTE_MOVE_NOT_ALLOWED"
    assert await state_of((await cards_of(line))[0]) is CardState.SOLD
    await all_is_well()


async def test_too_many_bad_cards_freeze_their_batch() -> None:
    who, order, line = await bought(3, stock=5)
    for number, card in enumerate(await cards_of(line)):
        (dispute,) = await complain(who, order, [card], f"open{number}")
        await decide(dispute, Decision.REFUND, f"decide{number}", invalid=True)
    assert (await CardBatch.get(variant_id=line.variant_id)).frozen_at is not None
    assert await Card.filter(state=CardState.FROZEN).count() == 2
    await all_is_well()


async def test_a_gift_card_is_refunded_and_not_replaced() -> None:
    program = await make.gift_program(cards=2)
    variant = await Variant.get(id=program.variant_id)
    assert variant.delivery_kind is DeliveryKind.GIFT_CARD
    who = await make.buyer()
    order = (await checkout.place_order(who, Purchase((LineWish(variant.sku, 1),), "key"))).order
    (dispute,) = await complain(who, order, await Card.filter(state=CardState.SOLD))
    assert await refusal(decide(dispute, Decision.REPLACE)) == "NOT_REPLACEABLE"
    await decide(dispute, Decision.REFUND, "back")
    await all_is_well()


async def test_what_an_operator_proved_bad_is_not_rejected() -> None:
    _, _, line, dispute = await a_case()
    (card,) = await cards_of(line)
    await cards.judge_card(make.OPERATOR, card.id, Verdict.INVALID, "dead at the issuer")
    assert await refusal(decide(dispute, Decision.REJECT)) == "CARD_NOT_DISPUTABLE"
    assert await refusal(decide(dispute, Decision.REJECT, invalid=True)) == "INVALID"
    await decide(dispute, Decision.REFUND, "back")
    await all_is_well()


@pytest.mark.parametrize(
    ("outcome", "recovered", "bank", "owed", "lost"),
    [
        (ClaimState.PAID, None, -40, 0, 0),
        (ClaimState.PAID, 30, -30, 0, -10),
        (ClaimState.CREDITED, None, 0, -40, 0),
        (ClaimState.CREDITED, 1, 0, -1, -39),
        (ClaimState.WRITTEN_OFF, None, 0, 0, -40),
    ],
)
async def test_a_claim_is_settled_once_and_the_books_show_what_came(
    outcome: ClaimState, recovered: int | None, bank: int, owed: int, lost: int
) -> None:
    _, _, line, dispute = await a_case(supplied=True)
    supplier = await supplier_of(line)
    await decide(dispute, Decision.REFUND, invalid=True)
    claim = await SupplierClaim.get()
    accounts = (
        (AccountKind.BANK, None),
        (AccountKind.SUPPLIER, supplier),
        (AccountKind.LOSS, None),
    )
    before = [await balance(*each) for each in accounts]
    units = None if recovered is None else make.yuan(recovered)
    wish = SettleWish(claim.id, outcome, "by mail", "settle", units)
    for _ in range(2):
        assert (await aftersale.settle_claim(make.OPERATOR, wish)).state is outcome
    after = [await balance(*each) for each in accounts]
    moved = [now - was for now, was in zip(after, before, strict=True)]
    assert moved == [make.yuan(1) * each for each in (bank, owed, lost)]
    assert await balance(AccountKind.SUPPLIER_CLAIM, supplier) == 0
    again = replace(wish, idempotency_key="again")
    assert await refusal(aftersale.settle_claim(make.OPERATOR, again)) == "CLAIM_SETTLED"
    await all_is_well()


@pytest.mark.parametrize(
    ("outcome", "recovered"),
    [
        (ClaimState.OPEN, None),
        (ClaimState.PAID, 0),
        (ClaimState.PAID, 41),
        (ClaimState.CREDITED, -1),
        (ClaimState.WRITTEN_OFF, 1),
    ],
)
async def test_a_claim_is_not_settled_by_what_is_no_settlement(
    outcome: ClaimState, recovered: int | None
) -> None:
    *_, dispute = await a_case(supplied=True)
    await decide(dispute, Decision.REFUND, invalid=True)
    claim = await SupplierClaim.get()
    units = None if recovered is None else make.yuan(recovered)
    wish = SettleWish(claim.id, outcome, "by mail", "settle", units)
    assert await refusal(aftersale.settle_claim(make.OPERATOR, wish)) == "INVALID"
    assert (await SupplierClaim.get()).state is ClaimState.OPEN
    await all_is_well()


async def test_only_who_may_decides() -> None:
    _, _, _, dispute = await a_case()
    reader = await make.operator("aftersales:read", "orders:refund", "cards:write")
    assert await refusal(decide(dispute, Decision.REJECT, who=reader)) == "FORBIDDEN"
    note = CheckNote("T")
    assert await refusal(aftersale.note_check(reader, dispute.id, note)) == "FORBIDDEN"
    wish = SettleWish(new_id(), ClaimState.PAID, "x", "key")
    assert await refusal(aftersale.settle_claim(reader, wish)) == "FORBIDDEN"


async def test_both_tables_list_the_same_moves() -> None:
    pairs = [(before, after) for before in DisputeState for after in DisputeState]
    async with connection() as conn:
        for before, after in pairs:
            listed = await conn.fetchval(
                "SELECT dispute_move_listed($1, $2)", before.value, after.value
            )
            assert listed == aftersale.may_move(before, after), (before, after)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE disputes SET state = 'APPEALED'",
        "UPDATE disputes SET decision = 'another'",
        "UPDATE disputes SET looks = 9",
        "UPDATE disputes SET rejected_by = gen_random_uuid()",
        "DELETE FROM disputes",
        "UPDATE dispute_steps SET state = 'OPEN'",
        "DELETE FROM dispute_steps",
    ],
)
async def test_the_database_refuses_to_rewrite_a_case(sql: str) -> None:
    _, _, _, dispute = await a_case()
    await decide(dispute, Decision.REJECT)
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with transaction() as conn:
            await conn.execute(sql)
    assert isinstance(caught.value, asyncpg.RestrictViolationError | asyncpg.CheckViolationError)


BREACHES = {
    "M1": (
        "UPDATE disputes SET replacement_id = (SELECT id FROM cards WHERE state IN ('available',"
        " 'frozen') LIMIT 1) WHERE state = 'REPLACED'",
        "UPDATE cards SET state = 'replaced' WHERE state = 'refunded'",
        "UPDATE cards SET unit_number = 9 WHERE id IN (SELECT replacement_id FROM disputes)",
        "DELETE FROM dispute_steps WHERE number > 1",
        "DELETE FROM transfers WHERE kind = 'replacement'",
        "DELETE FROM refund_parts",
    ),
    "M2": (
        "UPDATE supplier_claims SET amount = amount + 1 WHERE state = 'OPEN'",
        "DELETE FROM supplier_claims WHERE state = 'OPEN'",
        "UPDATE supplier_claims SET state = 'WRITTEN_OFF', settled_at = now(), note = 'x'"
        " WHERE state = 'OPEN'",
        "UPDATE supplier_claims SET recovered = 1 WHERE state = 'PAID'",
        "DELETE FROM transfers WHERE kind = 'supplier_claim_settled'",
    ),
}


@pytest.mark.parametrize(
    ("promise", "breach"), [(name, sql) for name, all_ in BREACHES.items() for sql in all_]
)
async def test_a_broken_promise_is_found(promise: str, breach: str) -> None:
    who, order, line = await bought(2, stock=4, supplied=True)
    one, other = await complain(who, order, await cards_of(line))
    await decide(one, Decision.REPLACE, "a", invalid=True)
    await decide(other, Decision.REFUND, "b", invalid=True)
    claim = await SupplierClaim.get(dispute_id=other.id)
    await aftersale.settle_claim(
        make.OPERATOR, SettleWish(claim.id, ClaimState.PAID, "by mail", "key")
    )
    await all_is_well()
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")  # past all triggers
        assert await conn.execute(breach) not in ("UPDATE 0", "DELETE 0")
    assert promise in {each.name for each in await find_violations() if each.violations}
