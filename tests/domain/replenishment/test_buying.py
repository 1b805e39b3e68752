"""Stock is bought when it is low: proposed, approved, bought once, within the budget (D4, D5)."""

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from domain import cards, fulfilment, ledger, reconciliation, replenishment, routing, suppliers
from domain.cards.models import Card, CardBatch
from domain.fulfilment import AttemptStatus
from domain.fulfilment.models import SupplierCallback
from domain.invariants import find_violations
from domain.kernel import (
    Actor,
    Connection,
    Refusal,
    Refused,
    clock,
    connection,
    page_request,
    transaction,
)
from domain.ledger import AccountKind, account_id
from domain.replenishment import (
    BudgetPeriod,
    BudgetWish,
    PolicyWish,
    ProposalState,
    PurchaseProposal,
    ReplenishMode,
    StockPurchase,
)
from domain.suppliers import (
    Accepted,
    Category,
    Completed,
    NotFound,
    Notice,
    Rejected,
    Says,
    SubmitResult,
    SuppliedCode,
    SupplierOffer,
    Uncertain,
)
from tests import make
from tests.domain.fulfilment.test_fulfilment import COST, Scripted

pytestmark = pytest.mark.usefixtures("db")
PAGE = page_request("test", None, None)
_numbers = iter(range(10**9))


@pytest.fixture
def port() -> Scripted:
    made = Scripted()
    suppliers.register("scripted", made)
    return made


def goods(quantity: int, cost: int = COST, start: str = "") -> Completed:
    codes = tuple(SuppliedCode("", f"{start}STOCK-{next(_numbers):08}") for _ in range(quantity))
    return Completed("up-1", codes, cost * quantity)


async def offered(variant: make.Variant, *items: str, cost: int = COST) -> list[SupplierOffer]:
    made = []
    for priority, item in enumerate(items):
        wish = suppliers.SupplierWish(
            f"s-{item}", item, "scripted", "http://supplier.test", "secret", priority=priority
        )
        await suppliers.save_supplier(make.OPERATOR, wish)
        offer = suppliers.OfferWish(variant.sku, f"s-{item}", item, cost)
        made.append(await suppliers.save_offer(make.OPERATOR, offer))
    return made


async def budget(units: int, supplier: str | None = None, period: Any = BudgetPeriod.DAY) -> None:
    await replenishment.save_budget(make.OPERATOR, BudgetWish(period, units, supplier))


async def stocked(
    port: Scripted,
    *items: str,
    safety: int = 5,
    mode: ReplenishMode = ReplenishMode.AUTO,
    money: int = make.yuan(10_000),
    **policy: Any,
) -> make.Variant:
    """A variant that is kept in stock and has none, with a policy and a budget."""
    variant = await make.variant(price=make.yuan(100))
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(safety_stock=safety))
    await offered(variant, *(items or ("first",)))
    values = {"auto_limit": make.yuan(10_000), **policy}
    await replenishment.save_policy(make.OPERATOR, PolicyWish(mode, variant.sku, **values))
    if money:
        await budget(money)
    return variant


async def proposal_of(variant: make.Variant) -> PurchaseProposal:
    return await PurchaseProposal.filter(variant_id=variant.id).order_by("-id").first()


async def bought(variant: make.Variant) -> list[StockPurchase]:
    return await StockPurchase.filter(variant_id=variant.id).order_by("id")


async def on_shelf(variant: make.Variant) -> int:
    return await Card.filter(variant_id=variant.id, state="available").count()


async def work(after: float = 0) -> None:
    """What the sweeper would do now, or so many seconds later."""
    moment = clock.now() + timedelta(seconds=after)
    deeds = {
        "proposal": replenishment.buy,
        "query": replenishment.query_purchase,
        "recheck": replenishment.recheck_purchase,
    }
    with clock.fixed(lambda: moment):
        for what, each in await replenishment.list_due(100):
            await deeds[what](each)


async def told(name: str) -> int:
    async with connection() as conn:
        query = "SELECT count(*) FROM outbox_events WHERE type = $1"
        found: int = await conn.fetchval(query, name)
    return found


async def books_agree() -> None:
    found = {each.name: each.violations for each in await find_violations() if each.violations}
    assert found == {}
    await ledger.seal_committed()
    await cards.seal_card_events()
    late = clock.now() + timedelta(minutes=10)
    with clock.fixed(lambda: late):
        assert (await reconciliation.reconcile()).found == 0


async def refusal_of(what: Any) -> Refusal:
    with pytest.raises(Refused) as caught:
        await what
    return caught.value.refusals[0]


# --- from low to the shelf ------------------------------------------------------------------------


async def test_a_low_pool_is_bought_by_itself_and_its_cards_arrive_once(port: Scripted) -> None:
    """D5's own proof: trigger, approval by policy, cards arrive once, both books agree."""
    variant = await stocked(port)
    assert await cards.check_levels() == 1
    assert await replenishment.plan_some([variant.id]) == 1
    proposal = await proposal_of(variant)
    assert (proposal.state, proposal.quantity) == (ProposalState.APPROVED, 5)
    port.submits = {"first": [goods(5)]}
    await asyncio.gather(*(replenishment.buy(proposal.id) for _ in range(5)))
    assert len(port.submitted) == 1
    asked = port.submitted[0]
    assert (asked.quantity, asked.max_unit_cost) == (5, COST)
    (purchase,) = await bought(variant)
    assert (purchase.status, purchase.received) == (AttemptStatus.SUCCEEDED, 5)
    assert await on_shelf(variant) == 5
    batch = await CardBatch.get(id=purchase.batch_id)
    assert (batch.source, batch.reference, batch.unit_cost) == ("replenishment", "up-1", COST)
    assert batch.supplier_id == purchase.supplier_id
    assert (await proposal_of(variant)).state is ProposalState.DONE
    owed = account_id(AccountKind.SUPPLIER, purchase.supplier_id, make.CNY)
    assert await ledger.balance_of(owed) == 5 * COST
    assert await cards.check_levels() == 1  # recovered
    assert await replenishment.plan_some([variant.id]) == 0
    assert (await told("purchase.received"), await told("purchase.done")) == (1, 1)
    await books_agree()


async def test_a_purchase_is_approved_by_one_and_a_large_one_by_two(port: Scripted) -> None:
    variant = await stocked(port, mode=ReplenishMode.PROPOSE, two_approvals_from=make.yuan(400))
    await replenishment.plan_some([variant.id])
    proposal = await proposal_of(variant)
    assert (proposal.state, proposal.approvals_needed) == (ProposalState.OPEN, 2)
    await replenishment.buy(proposal.id)
    assert port.submitted == []
    first = await make.operator("purchases:approve")
    second = await make.operator("purchases:approve")
    assert (await replenishment.approve(first, proposal.id)).state is ProposalState.OPEN
    assert (await refusal_of(replenishment.approve(first, proposal.id))).code == "OTHER_EYES_NEEDED"
    done = await replenishment.approve(second, proposal.id, "season")
    assert (done.state, done.note) == (ProposalState.APPROVED, "season")
    assert (await refusal_of(replenishment.approve(second, proposal.id))).code == "PROPOSAL_OVER"
    port.submits = {"first": [goods(5)]}
    await work()
    assert await on_shelf(variant) == 5


async def test_nobody_approves_what_oneself_proposed(port: Scripted) -> None:
    variant = await stocked(port, mode=ReplenishMode.OFF)
    keeper = await make.operator("purchases:write", "purchases:approve")
    assert await replenishment.plan_some([variant.id]) == 0
    proposal = await replenishment.propose(keeper, variant.sku, 3)
    assert (proposal.quantity, proposal.approvals_needed) == (3, 1)
    code = (await refusal_of(replenishment.approve(keeper, proposal.id))).code
    assert code == "OTHER_EYES_NEEDED"
    again = await refusal_of(replenishment.propose(keeper, variant.sku, 3))
    assert again.code == "PROPOSAL_RUNNING"
    async with connection() as conn:  # the database says so, too
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(
                "UPDATE purchase_proposals SET first_by = proposed_by WHERE id = $1", proposal.id
            )
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(
                "UPDATE purchase_proposals SET state = 'approved', due_at = now() WHERE id = $1",
                proposal.id,
            )
    declined = await replenishment.decline(await make.operator("*"), proposal.id, "too dear")
    assert declined.state is ProposalState.DECLINED
    assert (await replenishment.propose(keeper, variant.sku, 3)).state is ProposalState.OPEN


async def test_a_proposal_that_nobody_decides_on_is_made_anew(port: Scripted) -> None:
    variant = await stocked(port, mode=ReplenishMode.PROPOSE)
    await replenishment.plan_all()
    first = await proposal_of(variant)
    moment = clock.now() + timedelta(days=1, minutes=1)
    with clock.fixed(lambda: moment):
        assert await replenishment.plan_all() == 1
    assert (await PurchaseProposal.get(id=first.id)).state is ProposalState.EXPIRED
    assert (await proposal_of(variant)).id != first.id


# --- suppliers that say no, or nothing ------------------------------------------------------------


async def test_a_rejection_goes_on_to_the_next_offer_and_a_part_is_completed_there(
    port: Scripted,
) -> None:
    variant = await stocked(port, "first", "second", "third")
    await replenishment.plan_some([variant.id])
    port.submits = {
        "first": [Rejected(Category.OUT_OF_STOCK)],
        "second": [goods(3)],
        "third": [goods(2)],
    }
    await work()
    assert [(each.item, each.quantity) for each in port.submitted] == [
        ("first", 5),
        ("second", 5),
        ("third", 2),
    ]
    assert await on_shelf(variant) == 5
    assert (await proposal_of(variant)).state is ProposalState.DONE
    assert await told("purchase.incident") == 1  # less came than the second was asked for
    await books_agree()


async def test_an_uncertain_purchase_is_queried_and_never_bought_again(port: Scripted) -> None:
    variant = await stocked(port, "first", "second")
    await replenishment.plan_some([variant.id])
    port.submits = {"first": [Uncertain()]}
    port.queries = {"first": [Uncertain(), Accepted("up-9"), goods(5)]}
    await work()
    for turn in range(3):
        await work(after=700 * (turn + 1))
    assert len(port.submitted) == 1
    assert {each.reference for each in port.queried} == {port.submitted[0].reference}
    assert await on_shelf(variant) == 5
    assert await told("purchase.uncertain") == 1
    await books_agree()


async def test_a_supplier_that_calls_back_about_a_purchase_is_asked_at_once(
    port: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = await stocked(port)
    await replenishment.plan_some([variant.id])
    port.submits, port.queries = {"first": [Accepted("up-9")]}, {"first": [goods(5)]}
    await work()
    (purchase,) = await bought(variant)

    async def parsed(_: object, headers: Mapping[str, str], body: bytes) -> Notice:
        return Notice(body.decode(), "up-9", Says.DONE, at=clock.now(), nonce=headers["nonce"])

    monkeypatch.setattr(port, "parse_callback", parsed)
    monkeypatch.setattr(fulfilment.above, "ask_soon", replenishment.ask_soon)
    await work()
    assert await on_shelf(variant) == 0  # its time to be asked about has not come
    for number, reference in enumerate((purchase.reference, "s-of-nobody")):
        called = ({"nonce": str(number)}, reference.encode())
        await fulfilment.take_callback(purchase.supplier_id, *called)
    await work()
    assert await on_shelf(variant) == 5
    with make.later(days=1):
        again = ({"nonce": "2"}, purchase.reference.encode())
        await fulfilment.take_callback(purchase.supplier_id, *again)
    rows = await SupplierCallback.all().order_by("id")
    assert [(each.outcome.value, each.why) for each in rows] == [
        ("ASKED", ""),
        ("REFUSED", "reference_unknown"),
        ("KNOWN", ""),
    ]
    assert len(port.submitted) == 1
    await books_agree()


async def test_what_is_surely_not_there_is_bought_elsewhere_and_kept_when_it_turns_up_late(
    port: Scripted,
) -> None:
    variant = await stocked(port, "first", "second")
    await replenishment.plan_some([variant.id])
    port.submits = {"first": [Uncertain()], "second": [goods(5)]}
    port.queries = {"first": [NotFound(), NotFound(), goods(5, start="LATE-")]}
    await work()
    await work(after=60)
    await work(after=120)
    assert [each.item for each in port.submitted] == ["first", "second"]
    assert await on_shelf(variant) == 5
    await work(after=1_000)
    assert await on_shelf(variant) == 10  # it is paid for, so it is stock
    assert [each.status for each in await bought(variant)] == [AttemptStatus.SUCCEEDED] * 2
    await books_agree()


async def test_a_worker_that_dies_leaves_a_purchase_that_is_asked_about(port: Scripted) -> None:
    variant = await stocked(port)
    await replenishment.plan_some([variant.id])
    proposal = await proposal_of(variant)

    async def dies(*_: object) -> SubmitResult:
        raise asyncio.CancelledError

    whole, port.submit = port.submit, dies  # type: ignore[method-assign,assignment]
    with pytest.raises(asyncio.CancelledError):
        await replenishment.buy(proposal.id)
    port.submit = whole  # type: ignore[method-assign]
    await work()  # nobody buys again, and it is too early to ask
    assert (port.submitted, port.queried) == ([], [])
    port.queries = {"first": [goods(5)]}
    await work(after=60)
    assert (len(port.submitted), await on_shelf(variant)) == (0, 5)
    await books_agree()


async def test_a_worker_that_dies_before_anything_left_is_followed_by_another(
    port: Scripted,
) -> None:
    variant = await stocked(port)
    await replenishment.plan_some([variant.id])
    port.submits = {"first": [goods(5)]}
    await work(after=60)  # the message was lost
    assert await on_shelf(variant) == 5


async def test_a_supplier_that_charges_more_than_it_may_is_told_and_paid(port: Scripted) -> None:
    variant = await stocked(port)
    await replenishment.plan_some([variant.id])
    port.submits = {"first": [goods(5, cost=2 * COST)]}
    await work()
    assert await told("purchase.incident") == 1
    await books_agree()


async def test_codes_that_are_here_already_are_lost_money_and_no_stock(port: Scripted) -> None:
    variant = await stocked(port)
    await replenishment.plan_some([variant.id])
    once = goods(1).codes[0]
    port.submits = {"first": [Completed("up-2", (once,) * 5, 5 * COST)]}
    await work()
    (purchase,) = await bought(variant)
    assert (purchase.received, purchase.duplicates) == (1, 4)
    lost = account_id(AccountKind.LOSS, None, make.CNY)
    assert await ledger.balance_of(lost) == -4 * COST
    await books_agree()


# --- budgets --------------------------------------------------------------------------------------


async def test_without_a_budget_nothing_is_bought(port: Scripted) -> None:
    variant = await stocked(port, money=0)
    assert await replenishment.plan_some([variant.id]) == 0
    refusal = await refusal_of(replenishment.propose(make.OPERATOR, variant.sku, 1))
    assert (refusal.code, getattr(refusal, "reason", "")) == (
        "NOTHING_TO_BUY",
        "purchase_budget_used",
    )


async def test_budget_and_balance_make_a_purchase_smaller(port: Scripted) -> None:
    variant = await stocked(port, money=make.yuan(330))
    await replenishment.plan_some([variant.id])
    proposal = await proposal_of(variant)
    assert proposal.quantity == 4
    assert proposal.reason["offers"][0]["limited_by"] == "budget"
    supplier = await suppliers.Supplier.get(code="s-first")
    async with transaction() as conn:
        await routing.note_balance(conn, supplier.id, make.yuan(170))
    port.submits = {"first": [goods(2)]}
    await work()
    assert port.submitted[0].quantity == 2  # all that the balance pays for


async def test_no_stock_is_bought_at_a_loss(port: Scripted) -> None:
    variant = await stocked(port)
    await SupplierOffer.all().update(cost=make.yuan(101))
    assert await replenishment.plan_some([variant.id]) == 0


async def test_the_database_refuses_what_exceeds_a_budget(port: Scripted) -> None:
    """Twin of the code's own check: without it the same purchase is refused."""
    variant = await stocked(port, money=make.yuan(800))
    await replenishment.plan_some([variant.id])
    proposal = await proposal_of(variant)
    offer = await SupplierOffer.filter(variant_id=variant.id).select_related("supplier").get()
    values: dict[str, Any] = {
        "proposal_id": proposal.id,
        "variant_id": variant.id,
        "supplier_id": offer.supplier.id,
        "offer_id": offer.id,
        "item": "first",
        "status": AttemptStatus.SUBMITTING,
        "max_unit_cost": COST,
        "currency": make.CNY,
        "budget_on": clock.now().date(),
        "next_query_at": clock.now(),
        "opened_at": clock.now(),
    }

    async def insert(quantity: int, proposal_id: UUID) -> None:
        await StockPurchase.create(
            **{**values, "proposal_id": proposal_id},
            quantity=quantity,
            reserved=COST * quantity,
            reference=f"s{next(_numbers)}",
        )

    with pytest.raises(Exception, match="exceed its budget"):
        await insert(11, proposal.id)
    await insert(10, proposal.id)
    assert await left(offer.supplier.id) == 0
    await replenishment.delete_budget(
        make.OPERATOR, (await replenishment.list_budgets(make.OPERATOR))[0].id
    )
    with pytest.raises(Exception, match="needs a budget"):
        await insert(1, proposal.id)


async def left(supplier_id: UUID) -> int:
    async with connection() as conn:
        return await replenishment.left_of(conn, supplier_id, clock.now().date())


@pytest.mark.parametrize("seed", range(6))
async def test_no_budget_is_ever_exceeded_whoever_buys_at_once(port: Scripted, seed: int) -> None:
    """D4's own proof: many variants, two suppliers, three budgets, every kind of answer."""
    chance = random.Random(seed)
    money, of_second = make.yuan(chance.randint(300, 3_000)), make.yuan(chance.randint(100, 900))
    variants = []
    for number in range(8):
        variant = await make.variant(price=make.yuan(100))
        change = cards.PolicyChange(safety_stock=chance.randint(1, 9))
        await cards.save_policy(make.OPERATOR, variant.sku, change)
        cost = make.yuan(chance.randint(20, 90))
        await offered(variant, f"a{number}", f"b{number}", cost=cost)
        variants.append(variant)
    await replenishment.save_policy(
        make.OPERATOR, PolicyWish(ReplenishMode.AUTO, auto_limit=make.yuan(10_000))
    )
    await budget(money)
    await budget(of_second, "s-b0")
    await budget(2 * money, period=BudgetPeriod.MONTH)

    async def answers(_: Connection, asked: Any) -> SubmitResult:
        port.submitted.append(asked)
        await asyncio.sleep(chance.uniform(0, 0.01))
        kind = chance.choice(["whole", "whole", "part", "no", "unknown"])
        if kind == "no":
            return Rejected(Category.OUT_OF_STOCK)
        if kind == "unknown":
            return Uncertain()
        number = asked.quantity if kind == "whole" else max(1, asked.quantity // 2)
        return goods(number, asked.max_unit_cost)

    port.submit = answers  # type: ignore[method-assign,assignment]
    port.query = answers  # type: ignore[method-assign,assignment]
    for turn in range(3):
        await replenishment.plan_all()
        due = [each for what, each in await replenishment.list_due(100) if what == "proposal"]
        await asyncio.gather(*(replenishment.buy(each) for each in due * 2))
        await work(after=60 + 700 * turn)
    async with connection() as conn:
        rows = await conn.fetch("SELECT supplier_id, status, cost, reserved FROM stock_purchases")
    counted = [
        (row["supplier_id"], 0 if row["status"] == "rejected" else row["cost"] or row["reserved"])
        for row in rows
    ]
    second = (await suppliers.Supplier.get(code="s-b0")).id
    assert sum(units for _, units in counted) <= money
    assert sum(units for supplier, units in counted if supplier == second) <= of_second
    assert len({row.reference for row in await StockPurchase.all()}) == len(rows)
    await books_agree()


async def test_a_day_and_a_month_begin_anew(port: Scripted) -> None:
    variant = await stocked(port, money=make.yuan(400))
    await budget(make.yuan(600), period=BudgetPeriod.MONTH)
    await replenishment.plan_some([variant.id])
    port.submits = {"first": [goods(5)]}
    await work()
    supplier = await suppliers.Supplier.get(code="s-first")
    today = clock.now().date().replace(day=10)
    await sets_day(today)
    async with connection() as conn:
        days = [today, today.replace(day=11), today.replace(day=28) + timedelta(days=5)]
        found = [await replenishment.left_of(conn, supplier.id, day) for day in days]
    assert found == [0, make.yuan(200), make.yuan(400)]


async def sets_day(day: Any) -> None:
    async with connection() as conn:
        await conn.execute("ALTER TABLE stock_purchases DISABLE TRIGGER stock_purchases_move")
        await conn.execute("UPDATE stock_purchases SET budget_on = $1", day)
        await conn.execute("ALTER TABLE stock_purchases ENABLE TRIGGER stock_purchases_move")


async def test_a_contracts_least_quantity_is_kept(port: Scripted) -> None:
    variant = await stocked(port, safety=5)
    moment = clock.now()
    await suppliers.save_contract(
        make.OPERATOR,
        suppliers.ContractWish(
            "s-first",
            "C-1",
            moment,
            moment + timedelta(days=9),
            [suppliers.TermWish(variant.sku, make.yuan(70), min_quantity=8)],
            minimum=make.yuan(1_000),
            rebate_from=make.yuan(500),
            rebate_rate=300,
        ),
    )
    await replenishment.plan_some([variant.id])
    proposal = await proposal_of(variant)
    assert (proposal.quantity, proposal.unit_cost) == (8, make.yuan(70))
    port.submits = {"first": [goods(8, make.yuan(70))]}
    await work()
    (contract,) = await suppliers.list_contracts(make.OPERATOR)
    progress = (await replenishment.progress_of([contract.id]))[contract.id]
    assert progress is not None
    assert progress.bought == make.yuan(560)
    assert progress.missing == make.yuan(440)
    assert progress.rebate == make.yuan("16.8")


async def test_a_key_of_another_scope_may_not(port: Scripted) -> None:
    variant = await stocked(port, mode=ReplenishMode.PROPOSE)
    clerk = Actor(kind=make.ActorKind.OPERATOR, user_id=UUID(int=7), scopes=frozenset({"x"}))
    for what in (
        replenishment.propose(clerk, variant.sku),
        replenishment.list_proposals(clerk, PAGE),
        replenishment.save_budget(clerk, BudgetWish(BudgetPeriod.DAY, 1)),
    ):
        assert (await refusal_of(what)).code == "FORBIDDEN"
