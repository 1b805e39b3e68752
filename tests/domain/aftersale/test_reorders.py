"""A replacement that is ordered from a supplier when none is on the shelf (mission row M2)."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from domain import aftersale, fulfilment, orders, refunds, suppliers
from domain.aftersale import (
    Decision,
    Dispute,
    DisputeReorder,
    DisputeState,
    ReorderState,
    reordering,
)
from domain.cards.models import Card, CardState
from domain.catalog.models import Variant
from domain.fulfilment import AttemptStatus, FulfilmentAttempt, IncidentKind, SupplyIncident
from domain.kernel import connection, transaction
from domain.ledger import AccountKind
from domain.orders import OrderLine
from domain.refunds import RefundDestination, RefundReason
from domain.suppliers import Accepted, Category, Completed, Rejected, SuppliedCode, Uncertain
from domain.suppliers.models import SupplierOffer
from tests import make
from tests.domain.aftersale.test_disputes import (
    OTHER_OPERATOR,
    a_case,
    all_is_well,
    balance,
    bought,
    cards_of,
    complain,
    decide,
    refusal,
    state_of,
)
from tests.domain.fulfilment.test_fulfilment import Scripted, port

pytestmark = pytest.mark.usefixtures("db")
__all__ = ["port"]
COST = make.yuan(40)
CAME = Completed("U1", (SuppliedCode("", "FRESH-CODE-0001"),), COST)


async def offered(line: OrderLine, *items: str) -> None:
    """What a line was sold of is offered by one scripted supplier an item, in this order, alone."""
    variant = await Variant.get(id=line.variant_id)
    await SupplierOffer.filter(variant_id=variant.id).update(enabled=False)
    for priority, item in enumerate(items):
        code = f"{item}-{variant.sku}".lower()
        wish = suppliers.SupplierWish(
            code, item, "scripted", "http://supplier.test", "secret", priority=priority
        )
        await suppliers.save_supplier(make.OPERATOR, wish)
        await suppliers.save_offer(
            make.OPERATOR, suppliers.OfferWish(variant.sku, code, item, COST)
        )


async def ordered(*items: str) -> tuple[OrderLine, Dispute, DisputeReorder]:
    """A case whose replacement is ordered from a supplier, with none on the shelf."""
    _, _, line, dispute = await a_case(supplied=True)
    await offered(line, *(items or ("one",)))
    case = await decide(dispute, Decision.REPLACE, invalid=True, from_supplier=True)
    assert case.state is DisputeState.OPEN
    return line, case, await DisputeReorder.get()


async def case_of(dispute: Dispute) -> Dispute:
    return await Dispute.get(id=dispute.id)


async def test_what_comes_takes_the_bad_card_s_place_and_its_supplier_owes(
    port: Scripted,
) -> None:
    line, dispute, reorder = await ordered()
    assert await aftersale.due_reorders(10) == [reorder.id]
    port.submits = {"one": [CAME]}
    await aftersale.run_reorder(reorder.id)
    await aftersale.run_reorder(reorder.id)  # anybody may, often
    case, attempt = await case_of(dispute), await FulfilmentAttempt.get()
    assert (case.state, case.decided_by) == (DisputeState.REPLACED, make.OPERATOR.user_id)
    bad, good = await cards_of(line)
    assert (bad.state, good.state) == (CardState.REPLACED, CardState.SOLD)
    assert (case.replacement_id, good.unit_number) == (good.id, bad.unit_number)
    assert (attempt.status, attempt.parked, attempt.reorder_id) == (
        *(AttemptStatus.SUCCEEDED, True),
        reorder.id,
    )
    claim = await aftersale.SupplierClaim.get()
    assert (claim.dispute_id, claim.amount) == (dispute.id, COST)
    assert await balance(AccountKind.SUPPLIER_CLAIM, claim.supplier_id) == -COST
    assert await balance(AccountKind.SUPPLIER, attempt.supplier_id) == COST
    assert await balance(AccountKind.INVENTORY) == 0
    assert await SupplyIncident.all().count() == 0
    async with connection() as conn:  # it did well, and is asked again as gladly
        gates = await conn.fetch("SELECT failures, success FROM offer_gates WHERE samples > 0")
    assert [(row["failures"], row["success"]) for row in gates] == [(0, 10_000)]
    assert (await DisputeReorder.get()).state is ReorderState.DONE
    assert await aftersale.due_reorders(10) == []
    await all_is_well()


async def test_a_card_on_the_shelf_is_taken_before_anybody_is_asked() -> None:
    _, _, _, dispute = await a_case(stock=2, supplied=True)
    case = await decide(dispute, Decision.REPLACE, from_supplier=True)
    assert case.state is DisputeState.REPLACED
    assert await DisputeReorder.all().count() == 0


async def test_what_is_uncertain_is_only_asked_about_and_nothing_else_is_decided(
    port: Scripted,
) -> None:
    line, dispute, reorder = await ordered()
    port.submits = {"one": [Uncertain(Category.UNKNOWN)]}
    await aftersale.run_reorder(reorder.id)
    (first,) = await FulfilmentAttempt.all()
    for decision in Decision:
        key = f"another {decision}"
        assert await refusal(decide(dispute, decision, key)) == "REPLACEMENT_ORDERED"
    with make.later(seconds=40):
        await aftersale.run_reorder(reorder.id)  # while it is open there is no other one
        assert await FulfilmentAttempt.all().count() == 1
        assert await aftersale.due_reorders(10) == []
        port.queries = {"one": [CAME]}
        await fulfilment.query_attempt(first.id)
    assert (await FulfilmentAttempt.get()).reference == first.reference
    assert len(port.submitted) == 1
    assert (await case_of(dispute)).state is DisputeState.REPLACED
    assert len(await cards_of(line)) == 2
    await all_is_well()


async def test_a_worker_that_dies_before_it_asks_leaves_one_attempt_to_be_asked_about(
    port: Scripted,
) -> None:
    _, dispute, reorder = await ordered()
    attempt = await reordering._next_attempt(reorder.id)  # and then its process is gone
    assert attempt is not None
    with make.later(seconds=40):
        await aftersale.run_reorder(reorder.id)
        assert (await FulfilmentAttempt.get()).id == attempt.id
        port.queries = {"one": [CAME]}
        await fulfilment.query_attempt(attempt.id)
    assert port.submitted == []
    assert (await case_of(dispute)).state is DisputeState.REPLACED
    await all_is_well()


async def test_workers_that_are_at_one_reorder_at_once_buy_one_card(port: Scripted) -> None:
    line, _, reorder = await ordered("one", "two")
    port.submits = {each: [replace(CAME, upstream_id=each)] for each in ("one", "two")}
    port.pause = 0.05
    await asyncio.gather(*(aftersale.run_reorder(reorder.id) for _ in range(4)))
    assert len(port.submitted) == await FulfilmentAttempt.all().count() == 1
    assert len(await cards_of(line)) == 2
    await all_is_well()


async def test_a_sure_no_goes_to_the_next_offer_and_nobody_left_leaves_the_case_open(
    port: Scripted,
) -> None:
    _, dispute, reorder = await ordered("one", "two")
    port.submits = {each: [Rejected(Category.OUT_OF_STOCK)] for each in ("one", "two")}
    await aftersale.run_reorder(reorder.id)
    assert len({each.offer_id for each in await FulfilmentAttempt.all()}) == 2
    assert (await case_of(dispute)).state is DisputeState.OPEN
    over = await DisputeReorder.get()
    assert (over.state, over.failure) == (ReorderState.FAILED, "NO_SUPPLIER")
    refunded = await decide(dispute, Decision.REFUND, "refund", invalid=True)
    assert refunded.state is DisputeState.REFUNDED
    await all_is_well()


async def test_what_comes_for_a_case_that_was_settled_meanwhile_is_stock(port: Scripted) -> None:
    line, dispute, reorder = await ordered()
    port.submits = {"one": [Accepted("U1")]}
    await aftersale.run_reorder(reorder.id)
    (card,) = await cards_of(line)
    async with transaction() as conn:
        wish = (dispute.order_id, [card.id], RefundReason.GOODWILL, RefundDestination.CHANNEL, "")
        await refunds.refund_cards(conn, make.OPERATOR, *wish)
    attempt = await FulfilmentAttempt.get()
    assert not await fulfilment.book(attempt, CAME)
    fresh = await Card.get(state=CardState.AVAILABLE)
    assert (fresh.variant_id, fresh.order_line_id) == (line.variant_id, None)
    over = await DisputeReorder.get()
    assert (over.state, over.failure) == (ReorderState.FAILED, "CARD_NOT_DISPUTABLE")
    assert (await case_of(dispute)).state is DisputeState.OPEN
    assert await balance(AccountKind.INVENTORY) == -COST
    await all_is_well()


async def test_a_code_that_is_here_already_replaces_nothing_and_is_told(port: Scripted) -> None:
    who, order, line = await bought(supplied=True)
    (same,) = await orders.reveal_cards(who, order.id, None)
    (dispute,) = await complain(who, order, await cards_of(line))
    await offered(line, "one")
    await decide(dispute, Decision.REPLACE, invalid=True, from_supplier=True)
    port.submits = {"one": [Completed("U1", (SuppliedCode(same.number or "", same.secret),), COST)]}
    await aftersale.run_reorder((await DisputeReorder.get()).id)
    over = await DisputeReorder.get()
    assert (over.state, over.failure) == (ReorderState.FAILED, "REPLACEMENT_SHORT")
    assert [each.kind for each in await SupplyIncident.all()] == [IncidentKind.NOT_WHOLE]
    assert (await case_of(dispute)).state is DisputeState.OPEN
    await all_is_well()


async def test_only_a_replacement_of_a_card_that_somebody_offers_is_ordered() -> None:
    _, _, _, dispute = await a_case()  # nobody offers it
    wish = {"from_supplier": True}
    assert await refusal(decide(dispute, Decision.REPLACE, **wish)) == "REPLACEMENT_SHORT"
    assert await refusal(decide(dispute, Decision.REFUND, "b", **wish)) == "INVALID"
    assert await refusal(decide(dispute, Decision.REPLACE, "c", note="x", **wish)) == "INVALID"
    assert await DisputeReorder.all().count() == 0
    assert await state_of(await Card.get(id=dispute.card_id)) is CardState.DISPUTED


async def test_whoever_rejected_a_case_orders_nothing_on_its_appeal(port: Scripted) -> None:
    who, _, line, dispute = await a_case(supplied=True)
    await offered(line, "one")
    await decide(dispute, Decision.REJECT)
    await aftersale.appeal(who, aftersale.AppealWish(dispute.id, "look again", "appeal"))
    bought_again = decide(dispute, Decision.REPLACE, "mine", from_supplier=True)
    assert await refusal(bought_again) == "DISPUTE_SAME_JUDGE"
    await decide(dispute, Decision.REPLACE, "other", OTHER_OPERATOR, from_supplier=True)
    assert (await DisputeReorder.get()).asked_by == OTHER_OPERATOR.user_id


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE dispute_reorders SET reason = 'else'", "reorder_fixed"),
        ("DELETE FROM dispute_reorders", "reorder_fixed"),
        ("UPDATE dispute_reorders SET state = 'DONE'", "reorder_ends_whole"),
        (
            "INSERT INTO dispute_reorders (id, dispute_id, state, reason, asked_by, asked_at,"
            " due_at, failure) SELECT gen_random_uuid(), dispute_id, state, reason, asked_by,"
            " asked_at, due_at, '' FROM dispute_reorders",
            "reorder_one_running",
        ),
        ("UPDATE fulfilment_attempts SET reorder_id = NULL", "attempt_reorder_fixed"),
        (
            "UPDATE fulfilment_attempts SET status = 'succeeded', next_query_at = NULL,"
            " finished_at = now()",
            "attempt_of_a_reorder_is_stock",
        ),
        (
            "UPDATE disputes SET state = 'REJECTED', rejected_by = gen_random_uuid(),"
            " appeal_until = now(), decide_by = NULL, decided_at = now(), ask_at = NULL,"
            " decision = 'no', decided_by = gen_random_uuid()",
            "dispute_waits_for_its_reorder",
        ),
    ],
)
async def test_plain_sql_cannot_do_it_otherwise(
    port: Scripted, statement: str, constraint: str
) -> None:
    _, _, reorder = await ordered()
    port.submits = {"one": [Accepted("U1")]}
    await aftersale.run_reorder(reorder.id)
    async with connection() as conn:
        with pytest.raises(asyncpg.PostgresError) as refused:
            await conn.execute(statement)
    assert constraint in (refused.value.constraint_name or str(refused.value))
