"""Orders that rules hold: nothing is delivered before somebody has looked (mission row C9)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from domain import checkout, fulfilment, ledger, orders, risk
from domain.audit.models import AuditEntry
from domain.cards.models import Card, CardState
from domain.checkout import LineWish, Purchase, ReviewDecision
from domain.checkout.refusals import StockShort
from domain.invariants import find_violations
from domain.kernel import Actor, Refused, connection
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, Order, OrderLine, OrderStatus
from domain.orders import unpaid as unpaid_orders
from domain.payments import PaymentRefund
from domain.risk import (
    Condition,
    RiskCase,
    RiskCaseState,
    RiskDecision,
    RiskKind,
    RiskSubject,
    RuleDraft,
)
from tests import make, vendor
from tests.domain.payments.test_paying import started, unpaid
from tests.statements import count_statements
from tests.vendor import Vendor

pytestmark = pytest.mark.usefixtures("db")
RELEASE, REJECT = ReviewDecision.RELEASE, ReviewDecision.REJECT
DEAR = Condition(RiskKind.AMOUNT, make.yuan(40))


async def rule(
    *conditions: Condition,
    decision: RiskDecision = RiskDecision.REVIEW,
    shadow: bool = False,
    enabled: bool = True,
    rule_id: UUID | None = None,
) -> risk.RiskRule:
    draft = RuleDraft("a rule", conditions or (DEAR,), decision, shadow, enabled, rule_id)
    return await risk.save_rule(make.OPERATOR, draft)


async def bought(
    buyer: Actor, sku: str, quantity: int = 1, key: str = "key"
) -> tuple[Order, list[OrderLine]]:
    placed = await checkout.place_order(buyer, Purchase((LineWish(sku, quantity),), key))
    return await Order.get(id=placed.order.id), await OrderLine.filter(order_id=placed.order.id)


async def wallet(buyer: Actor) -> int:
    return await ledger.balance_of(account_id(AccountKind.WALLET, buyer.require_user(), make.CNY))


async def all_is_well() -> None:
    assert [each for each in await find_violations() if each.violations] == []


async def events() -> list[str]:
    async with connection() as conn:
        rows = await conn.fetch("SELECT type FROM outbox_events ORDER BY id")
    return [row["type"] for row in rows]


async def number_of(table: str) -> int:
    async with connection() as conn:
        found: int = await conn.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def test_a_rule_holds_a_wallet_s_order_until_it_is_released() -> None:
    variant, buyer = await make.variant(price=make.yuan(49), cards=1), await make.buyer()
    before = await wallet(buyer)
    await rule()
    order, lines = await bought(buyer, variant.sku)
    assert (order.status, lines[0].status) == (OrderStatus.RISK_REVIEW, LineStatus.WAITING)
    assert await wallet(buyer) == before - make.yuan(49)
    assert await Card.filter(state=CardState.SOLD).count() == 0
    await fulfilment.fulfil_line(lines[0].id)  # nobody delivers it by accident
    assert (await OrderLine.get(id=lines[0].id)).status is LineStatus.WAITING
    case = await RiskCase.get(order_id=order.id)
    assert case.signals[0]["found"] == ["AMOUNT 490000 > 400000"]
    await all_is_well()
    decided = await checkout.decide_case(make.OPERATOR, case.id, RELEASE, "known buyer")
    assert decided.state is RiskCaseState.RELEASED
    assert (await Order.get(id=order.id)).status is OrderStatus.DELIVERED
    assert await Card.filter(order_line_id=lines[0].id, state=CardState.SOLD).count() == 1
    told = [each for each in await events() if each.startswith(("order.", "risk"))]
    assert told == [
        *("order.placed", "order.held", "risk_case.opened"),
        *("risk_case.decided", "order.paid", "order.delivered"),
    ]
    assert await AuditEntry.filter(action="risk_case.decide", target=order.id).count() == 1
    await all_is_well()


async def test_a_rejected_order_is_refunded_whole_and_its_cards_stay() -> None:
    one, other = await make.variant(cards=1), await make.variant(cards=1)
    buyer = await make.buyer()
    before = await wallet(buyer)
    await rule()
    purchase = Purchase((LineWish(one.sku, 1), LineWish(other.sku, 1)), "key")
    order = (await checkout.place_order(buyer, purchase)).order
    case = await RiskCase.get(order_id=order.id)
    await checkout.decide_case(make.OPERATOR, case.id, REJECT, "stolen")
    assert (await Order.get(id=order.id)).status is OrderStatus.REFUNDED
    lines = await OrderLine.filter(order_id=order.id)
    assert {(line.status, line.failure_code) for line in lines} == {
        (LineStatus.REFUNDED, "RISK_REJECTED")
    }
    assert await wallet(buyer) == before
    assert await Card.filter(state=CardState.AVAILABLE).count() == 2
    await all_is_well()


async def test_nobody_pays_a_held_order_that_is_sure_to_be_refunded() -> None:
    variant, buyer = await make.variant(price=make.yuan(49)), await make.buyer()
    await make.offer(variant, make.yuan(50))
    await rule()
    with pytest.raises(Refused) as caught:
        await bought(buyer, variant.sku)
    assert [each.code for each in caught.value.refusals] == ["PRICE_BELOW_COST"]
    assert await number_of("orders") == 0


async def test_a_channel_s_order_is_held_when_it_is_paid_and_its_money_goes_back() -> None:
    bank = Vendor()
    channel, variant = await vendor.channel(bank), await make.variant(cards=1)
    buyer = await make.buyer(0)
    await rule()
    order = await unpaid(buyer, variant.sku)
    payment = await started(buyer, order, channel)
    paid = bank.pay(payment.reference)
    await checkout.confirm_payment(payment.id, paid, "callback")
    assert (await Order.get(id=order.id)).status is OrderStatus.RISK_REVIEW
    assert await checkout.confirm_payment(payment.id, paid, "query") == "duplicate"
    await all_is_well()
    case = await RiskCase.get(order_id=order.id)
    await checkout.decide_case(make.OPERATOR, case.id, REJECT, "stolen")
    assert (await PaymentRefund.get()).amount == order.total
    assert await Card.filter(state=CardState.AVAILABLE).count() == 1  # the reservation is over
    await all_is_well()


async def test_what_was_blocked_is_held_when_its_money_has_come_all_the_same() -> None:
    bank = Vendor()
    channel, variant = await vendor.channel(bank), await make.variant(cards=1)
    buyer = await make.buyer(0)
    order = await unpaid(buyer, variant.sku)
    payment = await started(buyer, order, channel)
    await rule(decision=RiskDecision.BLOCK)
    await checkout.confirm_payment(payment.id, bank.pay(payment.reference), "callback")
    assert (await Order.get(id=order.id)).status is OrderStatus.RISK_REVIEW


@pytest.mark.parametrize("by_channel", [False, True])
async def test_a_blocked_order_is_refused_and_noted_and_nothing_else(by_channel: bool) -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    before, made = await wallet(buyer), await rule(decision=RiskDecision.BLOCK)
    for _ in range(2):  # the same call again is the same try
        with pytest.raises(Refused) as refused:
            await checkout.place_order(
                buyer, Purchase((LineWish(variant.sku, 1),), "key", by_channel=by_channel)
            )
        assert isinstance(refused.value.refusals[0], risk.OrderBlocked)
    assert await number_of("orders") == 0
    assert (await wallet(buyer), await number_of("risk_hits")) == (before, 1)
    assert await Card.filter(state=CardState.AVAILABLE).count() == 1
    assert (await risk.shown_rule(made.rule_id)).hits == 1


async def test_a_shadow_only_notes() -> None:
    variant, buyer = await make.variant(cards=2), await make.buyer()
    made = await rule(shadow=True)
    order, _ = await bought(buyer, variant.sku)
    assert order.status is OrderStatus.DELIVERED
    assert (await risk.shown_rule(made.rule_id)).hits == 1
    made = await rule(shadow=False, rule_id=made.rule_id)
    assert made.version == 2
    order, _ = await bought(buyer, variant.sku, key="other")
    assert order.status is OrderStatus.RISK_REVIEW


async def test_without_rules_a_purchase_is_its_two_statements() -> None:
    variant, buyer = await make.variant(cards=5), await make.buyer()
    async with count_statements() as seen:
        await bought_only(buyer, variant.sku, "none")
    assert len(seen) == 2
    made = await rule(Condition(RiskKind.AMOUNT, make.yuan(900)))
    await bought_only(buyer, variant.sku, "first")  # reads the rules once
    async with count_statements() as seen:
        await bought_only(buyer, variant.sku, "rules")
    assert len(seen) == 3  # and the facts
    await rule(DEAR, enabled=False, rule_id=made.rule_id)
    await bought_only(buyer, variant.sku, "off")
    async with count_statements() as seen:
        await bought_only(buyer, variant.sku, "still off")
    assert len(seen) == 2


async def bought_only(buyer: Actor, sku: str, key: str) -> None:
    await checkout.place_order(buyer, Purchase((LineWish(sku, 1),), key))


async def test_the_same_key_answers_the_held_order() -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    await rule()
    first = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    again = await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    assert (first.order.id, again.replayed) == (again.order.id, True)
    assert await RiskCase.all().count() == 1


async def test_a_released_order_whose_stock_is_gone_is_refunded() -> None:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    before, made = await wallet(buyer), await rule()
    order, lines = await bought(buyer, variant.sku)
    await rule(DEAR, enabled=False, rule_id=made.rule_id)
    await bought(await make.buyer(), variant.sku)  # the last card
    case = await RiskCase.get(order_id=order.id)
    await checkout.decide_case(make.OPERATOR, case.id, RELEASE, "fine")
    await fulfilment.fulfil_line(lines[0].id)
    assert (await Order.get(id=order.id)).status is OrderStatus.REFUNDED
    assert await wallet(buyer) == before
    with pytest.raises(Refused) as refused:
        await bought(buyer, variant.sku, key="late")
    assert isinstance(refused.value.refusals[0], StockShort)
    await all_is_well()


async def test_tries_are_counted_by_address_and_account_age_is_looked_at() -> None:
    variant = await make.variant(cards=9, price=make.yuan(10), unit_cost=make.yuan(5))
    young = Condition(RiskKind.ACCOUNT_AGE, 60)
    often = Condition(RiskKind.ORDERS, 2, subject=RiskSubject.ADDRESS, minutes=10)
    await rule(young, often)
    states: list[OrderStatus] = []
    for number in range(4):
        buyer = replace(await make.buyer(), ip="203.0.113.9")
        order, _ = await bought(buyer, variant.sku, key=f"key{number}")
        states.append(order.status)
    held = OrderStatus.RISK_REVIEW
    assert states == [OrderStatus.DELIVERED, OrderStatus.DELIVERED, held, held]
    order, _ = await bought(replace(await make.buyer(), ip="203.0.113.8"), variant.sku)
    assert order.status is OrderStatus.DELIVERED


async def test_a_deny_list_keeps_no_value_and_names_a_category_s_pieces() -> None:
    shelf = await make.product()
    variant = await make.variant(cards=9, of=shelf)
    digest = risk.digest_of(RiskSubject.ADDRESS, "203.0.113.7")
    listed = {digest: risk.masked("203.0.113.7")}
    await rule(Condition(RiskKind.DENIED, subject=RiskSubject.ADDRESS, denied=listed))
    pieces = Condition(RiskKind.CATEGORY_QUANTITY, 2, category_id=shelf.category_id)  # type: ignore[attr-defined]
    await rule(pieces)
    denied, _ = await bought(replace(await make.buyer(), ip="203.0.113.7"), variant.sku)
    many, _ = await bought(await make.buyer(), variant.sku, 3)
    few, _ = await bought(await make.buyer(), variant.sku, 2)
    held = OrderStatus.RISK_REVIEW
    assert (denied.status, many.status, few.status) == (held, held, OrderStatus.DELIVERED)
    case = await RiskCase.get(order_id=denied.id)
    assert case.signals[0]["found"] == ["DENIED ADDRESS 20****.7"]
    async with connection() as conn:
        kept = await conn.fetchval("SELECT string_agg(conditions::text, '') FROM risk_rules")
    assert "203.0.113.7" not in kept


async def held_case() -> tuple[Actor, Order, RiskCase]:
    variant, buyer = await make.variant(cards=1), await make.buyer()
    await rule()
    order, _ = await bought(buyer, variant.sku)
    return buyer, order, await RiskCase.get(order_id=order.id)


async def reviewers(case: RiskCase) -> Sequence[object]:
    one, two = await make.operator("risk:write"), await make.operator("risk:write")
    return await asyncio.gather(
        checkout.decide_case(one, case.id, RELEASE, "fine"),
        checkout.decide_case(two, case.id, REJECT, "not fine"),
        return_exceptions=True,
    )


async def test_of_two_reviewers_at_once_one_decides() -> None:
    for _ in range(20):
        _, order, case = await held_case()
        done = await reviewers(case)
        refused = [each for each in done if isinstance(each, Refused)]
        assert len(refused) == 1, done
        assert isinstance(refused[0].refusals[0], risk.RiskCaseDecided)
        state = (await RiskCase.get(id=case.id)).state
        ends = {
            RiskCaseState.RELEASED: OrderStatus.DELIVERED,
            RiskCaseState.REJECTED: OrderStatus.REFUNDED,
        }
        assert (await Order.get(id=order.id)).status is ends[state]
    await all_is_well()


async def test_without_the_locks_both_reviewers_believe_in_the_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: nobody waits for the order; the database's guards stop one of them."""
    _, _, case = await held_case()
    for name in ("_LOCK", "_LINES"):
        bare = getattr(unpaid_orders, name).replace("FOR UPDATE", "")
        monkeypatch.setattr(unpaid_orders, name, bare)
    both_read = asyncio.Barrier(2)

    async def read_together(actor: Actor, case_id: UUID) -> RiskCase:
        found = await RiskCase.get(id=case_id)
        await asyncio.wait_for(both_read.wait(), 10)
        return found

    monkeypatch.setattr(risk, "lock_case", read_together)
    done = await reviewers(case)
    assert not any(isinstance(each, Refused) for each in done), done
    assert any(isinstance(each, asyncpg.PostgresError | Exception) for each in done), done


async def test_a_claimed_case_is_its_reviewer_s_for_half_an_hour() -> None:
    _, _, case = await held_case()
    one, two = await make.operator("risk:write"), await make.operator("risk:write")
    await risk.claim_case(one, case.id)
    for attempt in (
        lambda: risk.claim_case(two, case.id),
        lambda: checkout.decide_case(two, case.id, RELEASE, "fine"),
    ):
        with pytest.raises(Refused) as refused:
            await attempt()
        assert isinstance(refused.value.refusals[0], risk.RiskCaseTaken)
    with make.later(minutes=31):
        await risk.claim_case(two, case.id)
    with pytest.raises(Refused):
        await checkout.decide_case(one, case.id, RELEASE, "fine")
    await checkout.decide_case(two, case.id, RELEASE, "fine")


async def test_the_database_keeps_a_decided_case_and_a_held_order_together() -> None:
    _, order, case = await held_case()
    async with connection() as conn:
        for broken in (
            f"UPDATE risk_cases SET signals = '[]' WHERE id = '{case.id}'",
            f"DELETE FROM risk_cases WHERE id = '{case.id}'",
            "UPDATE risk_rules SET shadow = true",
            f"UPDATE risk_cases SET state = 'RELEASED', decided_at = now(), note = 'x'"
            f" WHERE id = '{case.id}'",
        ):
            with pytest.raises(asyncpg.PostgresError):
                await conn.execute(broken)
    await checkout.decide_case(make.OPERATOR, case.id, RELEASE, "fine")
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError):
            await conn.execute(f"UPDATE risk_cases SET note = 'y' WHERE id = '{case.id}'")
    assert (await orders.states_of([order.id]))[0].order.status is OrderStatus.DELIVERED


async def test_only_reviewers_decide() -> None:
    buyer, _, case = await held_case()
    nobody = await make.operator("orders:read")
    for actor in (buyer, nobody):
        with pytest.raises(Refused):
            await checkout.decide_case(actor, case.id, RELEASE, "fine")
        with pytest.raises(Refused):
            await risk.claim_case(actor, case.id)
        with pytest.raises(Refused):
            await risk.save_rule(actor, RuleDraft("x", (DEAR,), RiskDecision.REVIEW))
