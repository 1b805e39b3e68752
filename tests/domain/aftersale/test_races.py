"""Cases beside each other, beside refunds, looks and purchases: one order of locks decides."""

import asyncio
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import pytest

from domain import aftersale, cards, checkout, orders, refunds
from domain.aftersale import AppealWish, Decision, Dispute, DisputeState, SupplierClaim, deciding
from domain.aftersale.locking import Case
from domain.aftersale.recovering import SettleWish
from domain.cards import disputing
from domain.cards.models import Card, CardState
from domain.catalog.models import Variant
from domain.checkout import LineWish, Purchase
from domain.kernel import Actor, Connection, Refused
from domain.ledger import AccountKind
from domain.orders import unpaid
from domain.refunds import RefundDestination, RefundReason, RefundWish
from tests import make
from tests.domain.aftersale.test_disputes import (
    a_case,
    all_is_well,
    balance,
    bought,
    cards_of,
    complain,
    decide,
    supplier_of,
)

pytestmark = pytest.mark.usefixtures("db")
ROUNDS, AT_ONCE = 60, 10


async def outcome(work: Awaitable[Any]) -> str:
    """What a caller is answered, or which guard of the database stopped it."""
    try:
        await work
    except Refused as refused:
        return refused.refusals[0].code
    except Exception as error:
        return str(getattr(error, "constraint_name", None) or error)
    return "done"


async def test_of_two_decisions_at_once_one_is_made_60_times() -> None:
    price = make.yuan(1)
    who, order, line = await bought(
        ROUNDS, stock=2 * ROUNDS, price=price, unit_cost=1, max_quantity=ROUNDS
    )
    found = await cards_of(line)
    cases = await complain(who, order, found[:50]) + await complain(who, order, found[50:], "rest")
    for start in range(0, ROUNDS, AT_ONCE):
        some = cases[start : start + AT_ONCE]
        work = [decide(case, each, f"{case.id}{each}") for case in some for each in Decision]
        said = await asyncio.gather(*(outcome(each) for each in work))
        for number in range(len(some)):
            answers = said[3 * number : 3 * number + 3]
            assert sorted(answers) == ["DISPUTE_MOVE_NOT_ALLOWED"] * 2 + ["done"]
    states = {each.state for each in await Dispute.all()}
    assert states <= {DisputeState.REPLACED, DisputeState.REFUNDED, DisputeState.REJECTED}
    assert await Dispute.filter(decided_at=None).count() == 0
    await all_is_well()


async def test_without_its_locks_two_decisions_meet_later_guards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: both believe that the case is open; what stops the second is no plain answer."""
    *_, case = await a_case(1, stock=2)
    bare = {name: getattr(unpaid, name).replace("FOR UPDATE", "") for name in ("_LOCK", "_LINES")}
    for name, sql in bare.items():
        monkeypatch.setattr(unpaid, name, sql)
    both = asyncio.Barrier(2)

    async def unlocked(conn: Connection, dispute_id: UUID) -> Case:
        dispute = await Dispute.get(id=dispute_id)
        found = Case(dispute, await orders.lock_order(conn, dispute.order_id))
        async with asyncio.timeout(10):
            await both.wait()
        return found

    monkeypatch.setattr(deciding, "lock_case", unlocked)
    said = await asyncio.gather(
        outcome(decide(case, Decision.REPLACE, "a")), outcome(decide(case, Decision.REFUND, "b"))
    )
    assert "done" in said
    assert "DISPUTE_MOVE_NOT_ALLOWED" not in said
    await all_is_well()


async def test_two_cases_and_a_purchase_race_for_the_last_card() -> None:
    for number in range(10):
        who, order, line = await bought(2, stock=3)
        one, other = await complain(who, order, await cards_of(line))
        sku = (await Variant.get(id=line.variant_id)).sku
        buyer = await make.buyer()
        purchase = checkout.place_order(buyer, Purchase((LineWish(sku, 1),), f"last{number}"))
        said = await asyncio.gather(
            outcome(decide(one, Decision.REPLACE, f"one{number}")),
            outcome(decide(other, Decision.REPLACE, f"other{number}")),
            outcome(purchase),
        )
        assert said.count("done") == 1
        assert set(said) <= {"done", "REPLACEMENT_SHORT", "BUSY", "OUT_OF_STOCK"}
        assert await Card.filter(variant_id=line.variant_id, state=CardState.AVAILABLE).count() == 0
    await all_is_well()


async def test_without_its_lock_the_last_card_is_kept_by_the_database_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: both take the same card, and only the guard of sold cards tells them apart."""
    who, order, line = await bought(1, stock=2)
    sku = (await Variant.get(id=line.variant_id)).sku
    (one,) = await complain(who, order, await cards_of(line))
    buyer = await make.buyer()
    second = (await checkout.place_order(buyer, Purchase((LineWish(sku, 1),), "second"))).order
    (other,) = await complain(
        buyer, second, await Card.filter(order_line_id__not=line.id, state="sold")
    )
    await make.stock(await Variant.get(id=line.variant_id), 1)
    monkeypatch.setattr(disputing, "_TAKE", disputing._SHELF)
    real, both = cards.replace_card, asyncio.Barrier(2)
    taken: list[UUID] = []

    async def together(conn: Connection, bad: cards.SoldCard, site_id: UUID) -> Any:
        row = await conn.fetchrow(disputing._SHELF, bad.variant_id, site_id, bad.sold_at.date(), 0)
        taken.append(row["id"])
        async with asyncio.timeout(10):
            await both.wait()
        return await real(conn, bad, site_id)

    # Two batches: cases of one batch wait for each other.
    monkeypatch.setattr(deciding.cards, "replace_card", together)
    monkeypatch.setattr(disputing, "_LOCK_BATCHES", "SELECT $1::uuid[]")
    said = await asyncio.gather(
        outcome(decide(one, Decision.REPLACE, "a")), outcome(decide(other, Decision.REPLACE, "b"))
    )
    assert taken[0] == taken[1]
    assert sorted(said) == ["card_sold_once", "done"]
    await all_is_well()


async def test_a_case_and_a_refund_at_once_60_cards() -> None:
    who, order, line = await bought(ROUNDS, price=make.yuan(1), unit_cost=1, max_quantity=ROUNDS)

    async def refund(card: Card) -> str:
        wish = RefundWish(
            order.id, RefundReason.GOODWILL, RefundDestination.WALLET, card_ids=(card.id,)
        )
        return await outcome(refunds.refund_order(make.OPERATOR, wish, f"refund{card.id}"))

    found = await cards_of(line)
    for start in range(0, ROUNDS, AT_ONCE):
        some = found[start : start + AT_ONCE]
        pairs = [
            (outcome(complain(who, order, [card], str(card.id))), refund(card)) for card in some
        ]
        said = await asyncio.gather(*(work for pair in pairs for work in pair))
        assert set(said[1::2]) == {"done"}
        assert set(said[::2]) <= {"done", "CARD_NOT_DISPUTABLE"}
    for case in await Dispute.all():
        assert (await decide(case, Decision.REFUND, str(case.id))).refund_id is not None
    assert await refunds.Refund.all().count() == ROUNDS
    assert await balance(AccountKind.WALLET, who.user_id) == make.yuan(1_000)
    await all_is_well()


async def test_a_case_and_a_look_at_once_60_cards() -> None:
    """Each case knows whether its code was seen; what was not is not seen afterwards."""
    who, order, line = await bought(ROUNDS, price=make.yuan(1), unit_cost=1, max_quantity=ROUNDS)
    found = await cards_of(line)
    for start in range(0, ROUNDS, AT_ONCE):
        some = found[start : start + AT_ONCE]
        looks = [outcome(orders.reveal_cards(who, order.id, [card.id])) for card in some]
        cases = [outcome(complain(who, order, [card], str(card.id))) for card in some]
        said = await asyncio.gather(*looks, *cases)
        assert set(said[:AT_ONCE]) <= {"done", "CONFLICT", "CARD_NOT_SHOWN"}
        assert set(said[AT_ONCE:]) == {"done"}
        shown = {card.id for card, answer in zip(some, said, strict=False) if answer == "done"}
        for case in await Dispute.filter(card_id__in=[card.id for card in some]):
            assert (case.seen_at is not None) == (case.card_id in shown)
    await all_is_well()


async def test_one_card_is_complained_about_once_however_often_at_once() -> None:
    who, order, line = await bought()
    found = await cards_of(line)
    work = [outcome(complain(who, order, found, f"key{number % 5}")) for number in range(20)]
    said = await asyncio.gather(*work)
    assert await Dispute.all().count() == 1
    assert set(said) == {"done", "CARD_NOT_DISPUTABLE"}
    (case,) = await Dispute.all()
    await decide(case, Decision.REJECT)
    appeals = [AppealWish(case.id, "but", f"appeal{number}") for number in range(10)]
    said = await asyncio.gather(*(outcome(aftersale.appeal(who, each)) for each in appeals))
    assert sorted(said) == ["DISPUTE_MOVE_NOT_ALLOWED"] * 9 + ["done"]
    await all_is_well()


async def test_a_claim_is_settled_once_however_often_at_once() -> None:
    _, _, line, case = await a_case(supplied=True)
    await decide(case, Decision.REFUND, invalid=True)
    claim = await SupplierClaim.get()
    ends = [aftersale.ClaimState.PAID, aftersale.ClaimState.WRITTEN_OFF] * 5
    wishes = [SettleWish(claim.id, end, "x", f"key{n}") for n, end in enumerate(ends)]
    work = [outcome(aftersale.settle_claim(make.OPERATOR, wish)) for wish in wishes]
    assert sorted(await asyncio.gather(*work)) == ["CLAIM_SETTLED"] * 9 + ["done"]
    assert await balance(AccountKind.SUPPLIER_CLAIM, await supplier_of(line)) == 0
    await all_is_well()


async def test_a_stranger_decides_nothing() -> None:
    *_, case = await a_case()
    who: Actor = await make.buyer()
    assert await outcome(decide(case, Decision.REFUND, who=who)) == "FORBIDDEN"
