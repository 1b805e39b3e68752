"""Cases of what has no card of its own: top-ups, what was handed over, shared codes (row M1)."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from domain import aftersale, cards, checkout, fulfilment, orders, refunds, suppliers
from domain.aftersale import (
    AppealWish,
    CheckNote,
    CheckResult,
    Decision,
    Dispute,
    DisputeReason,
    DisputeState,
    DisputeWish,
    SupplierClaim,
)
from domain.catalog import DeliveryKind
from domain.checkout import LineWish, Purchase
from domain.fulfilment import FulfilmentAttempt, HandOver
from domain.invariants import find_violations
from domain.kernel import Actor, connection, new_id, transaction
from domain.ledger import AccountKind
from domain.orders import LineStatus, Order, OrderLine
from domain.refunds import RefundDestination, RefundReason, RefundWish
from domain.suppliers import (
    Accepted,
    Category,
    Completed,
    NotFound,
    QueryResult,
    Rejected,
    Uncertain,
)
from tests import make
from tests.domain.aftersale.test_disputes import (
    OTHER_OPERATOR,
    all_is_well,
    balance,
    bought,
    cards_of,
    complain,
    decide,
    refusal,
)
from tests.domain.cards.test_shared import shared
from tests.domain.fulfilment.test_fulfilment import (
    CAPABILITIES,
    COST,
    NOT_ASKED,
    Scripted,
    paid_line,
)
from tests.domain.fulfilment.test_fulfilment import goods as codes
from tests.domain.fulfilment.test_topup import ACCOUNT, done, offered

pytestmark = pytest.mark.usefixtures("db")
GONE = Rejected(Category.UNKNOWN)


@pytest.fixture
def port() -> Scripted:
    made = Scripted()
    suppliers.register("scripted", made)
    return made


async def topped_up(port: Scripted, quantity: int = 1) -> tuple[Actor, Order, OrderLine]:
    """A delivered top-up of 100 yuan a piece, which cost 80 in all."""
    who = await make.buyer()
    wish = LineWish(await offered(["first"]), quantity, account=ACCOUNT)
    placed = await checkout.place_order(who, Purchase((wish,), "key"))
    port.submits = {"first": [done()]}
    await fulfilment.fulfil_line(placed.lines[0].id)
    line = await OrderLine.get(id=placed.lines[0].id)
    assert line.status is LineStatus.DELIVERED
    return who, placed.order, line


async def by_hand(quantity: int = 1) -> tuple[Actor, Order, OrderLine]:
    """A line of 100 yuan a piece that an operator handed over for 30."""
    variant = await make.variant(price=make.yuan(100), delivery_kind=DeliveryKind.MANUAL)
    who = await make.buyer()
    placed = await checkout.place_order(who, Purchase((LineWish(variant.sku, quantity),), "key"))
    line_id = placed.lines[0].id
    await fulfilment.claim_line(make.OPERATOR, line_id)
    handed = HandOver(line_id, "log in with 1234", "ticket", make.yuan(30), f"hand{line_id}")
    await fulfilment.deliver_line(make.OPERATOR, handed)
    return who, placed.order, await OrderLine.get(id=line_id)


async def complain_of(
    who: Actor, order: Order, lines: Mapping[UUID, int | None], key: str = "open", **more: object
) -> list[Dispute]:
    values = {"reason": DisputeReason.NOT_ARRIVED, "text": "nothing came", **more}
    wish = DisputeWish(card_ids=(), idempotency_key=key, lines=lines, **values)  # type: ignore[arg-type]
    return await aftersale.open_disputes(who, order.id, wish)


async def supplier_of(line: OrderLine) -> UUID:
    (attempt,) = await fulfilment.attempts_of([line.id])
    return attempt.supplier_id


async def asked(case: Dispute, after: timedelta = timedelta()) -> Dispute:
    """The case once its supplier was asked, if that is due then."""
    with make.later(seconds=int(after.total_seconds())):
        for dispute_id in await aftersale.due_questions(10):
            await aftersale.ask_supplier(dispute_id)
    return await Dispute.get(id=case.id)


async def test_a_top_up_that_never_came_is_paid_back_and_its_supplier_owes(port: Scripted) -> None:
    who, order, line = await topped_up(port)
    version = (await Order.get(id=order.id)).version
    (case,) = await complain_of(who, order, {line.id: None})
    assert (case.card_id, case.quantity, case.state) == (None, 1, DisputeState.OPEN)
    assert (await Order.get(id=order.id)).version == version + 1
    port.queries = {"first": [GONE]}
    case = await asked(case)
    assert (case.state, case.check_result) == (DisputeState.CHECKING, CheckResult.INVALID)
    assert case.check_answer == "query: rejected unknown"
    assert (case.checked_by, case.ask_at) == (None, None)
    assert port.queried[-1].reference == port.submitted[-1].reference  # asked, not bought again
    assert len(port.submitted) == 1
    done_case = await decide(case, Decision.REFUND)
    assert done_case.state is DisputeState.REFUNDED
    assert await balance(AccountKind.WALLET, who.user_id) == make.yuan(1_000)
    refund = await refunds.Refund.get(id=done_case.refund_id)
    assert refund.reason is RefundReason.NOT_DELIVERED
    assert await balance(AccountKind.SUPPLIER_CLAIM, await supplier_of(line)) == -COST
    assert await balance(AccountKind.LOSS) == 0
    await all_is_well()


async def test_what_a_supplier_says_it_delivered_is_not_delivered_twice(port: Scripted) -> None:
    who, order, line = await topped_up(port)
    (case,) = await complain_of(who, order, {line.id: None})
    port.queries = {"first": [done()]}
    case = await asked(case)
    assert (case.check_result, case.check_answer) == (CheckResult.VALID, "query: completed")
    again = decide(case, Decision.REPLACE, note="paid by hand", cost=make.yuan(80))
    assert await refusal(again) == "NOT_SURELY_UNDELIVERED"
    assert (await decide(case, Decision.REJECT, "no")).state is DisputeState.REJECTED
    await aftersale.appeal(who, AppealWish(case.id, "look at my account", "appeal"))
    knows = {"note": "paid by hand", "cost": make.yuan(80), "invalid": True}
    last = await decide(case, Decision.REPLACE, "yes", OTHER_OPERATOR, **knows)
    assert last.state is DisputeState.REPLACED
    await all_is_well()


async def test_what_was_handed_over_badly_is_handed_over_again() -> None:
    who, order, line = await by_hand()
    bank = await balance(AccountKind.BANK)
    (case,) = await complain_of(who, order, {line.id: None}, reason=DisputeReason.WRONG_GOODS)
    assert (case.attempt_id, case.ask_at) == (None, None)  # nobody to ask
    assert await refusal(decide(case, Decision.REPLACE, "a", invalid=True)) == "INVALID"
    assert await refusal(decide(case, Decision.REPLACE, "b", note="x")) == "NOT_SURELY_UNDELIVERED"
    fresh = {"note": "log in with 5678", "cost": make.yuan(12), "invalid": True}
    made = await decide(case, Decision.REPLACE, "c", **fresh)
    assert made.state is DisputeState.REPLACED
    assert b"5678" not in (made.handed_sealed or b"")
    words = aftersale.words_of(aftersale.HANDED_PURPOSE, made.handed_sealed, made.id)
    assert words == "log in with 5678"
    assert await balance(AccountKind.BANK) == bank + make.yuan(12)
    assert await balance(AccountKind.LOSS) == -make.yuan(12)
    assert await SupplierClaim.all().count() == 0
    async with connection() as conn:
        for table, column in (("outbox_events", "payload"), ("audit_entries", "details")):
            sql = f"SELECT count(*) FROM {table} WHERE {column}::text LIKE '%5678%'"
            assert await conn.fetchval(sql) == 0
    await all_is_well()


async def test_a_shared_code_is_a_case_of_its_line_that_tells_how_often_it_was_seen() -> None:
    variant, who = await shared(), await make.buyer()
    placed = await checkout.place_order(who, Purchase((LineWish(variant.sku, 1),), "key"))
    line = await OrderLine.get(order_id=placed.order.id)
    await orders.reveal_cards(who, placed.order.id, None)
    wish = {"reason": DisputeReason.CODE_USED}
    (case,) = await complain_of(who, placed.order, {line.id: None}, **wish)
    assert (case.card_id, case.looks) == (None, 1)
    assert case.seen_at is not None
    (card,) = await cards.Card.filter(variant_id=variant.id)
    assert card.state is cards.CardState.SHARED  # many others have it
    await decide(case, Decision.REFUND)
    assert await balance(AccountKind.WALLET, who.user_id) == make.yuan(1_000)
    await all_is_well()


async def test_some_pieces_of_a_line_go_back_at_their_share() -> None:
    who, order, line = await by_hand(3)
    (case,) = await complain_of(who, order, {line.id: 2})
    assert case.quantity == 2
    made = await decide(case, Decision.REFUND)
    assert await balance(AccountKind.WALLET, who.user_id) == make.yuan(1_000 - 100)
    (part,) = await refunds.RefundPart.filter(refund_id=made.refund_id)
    assert (part.quantity, part.amount, part.lost_cost) == (2, make.yuan(200), make.yuan(20))
    assert (await OrderLine.get(id=line.id)).refunded_quantity == 2
    await all_is_well()


async def test_what_an_operator_gave_back_meanwhile_ends_the_case(port: Scripted) -> None:
    who, order, line = await topped_up(port)
    (case,) = await complain_of(who, order, {line.id: None})
    wish = RefundWish(order.id, RefundReason.GOODWILL, RefundDestination.WALLET)
    made = (await refunds.refund_order(make.OPERATOR, wish, "refund")).refund
    hand = decide(case, Decision.REPLACE, "a", note="x", invalid=True)
    assert await refusal(hand) == "LINE_NOT_DISPUTABLE"
    assert (await decide(case, Decision.REFUND, "b")).refund_id == made.id
    assert await balance(AccountKind.WALLET, who.user_id) == make.yuan(1_000)
    await all_is_well()


async def test_only_delivered_lines_without_cards_in_time_and_once(port: Scripted) -> None:
    who, order, line = await topped_up(port)
    _, foreign_order, foreign = await by_hand()
    _, by_card, carded = await bought()
    buyer = await make.buyer()
    open_order = await checkout.place_order(
        buyer, Purchase((LineWish(line.sku, 1, account=ACCOUNT),), "waits")
    )
    waiting = {open_order.lines[0].id: None}
    assert await refusal(complain_of(buyer, open_order.order, waiting)) == "LINE_NOT_DISPUTABLE"
    assert await refusal(complain_of(who, order, {foreign.id: None})) == "NOT_FOUND"
    assert await refusal(complain_of(who, foreign_order, {foreign.id: None})) == "NOT_FOUND"
    owner = Actor(kind=who.kind, user_id=by_card.buyer_id)
    assert await refusal(complain_of(owner, by_card, {carded.id: None})) == "LINE_NOT_DISPUTABLE"
    arrived = complain(owner, by_card, await cards_of(carded), reason=DisputeReason.NOT_ARRIVED)
    assert await refusal(arrived) == "INVALID"
    for quantity in (0, -1, 2):
        assert await refusal(complain_of(who, order, {line.id: quantity})) == "INVALID"
    with make.later(days=8):
        assert await refusal(complain_of(who, order, {line.id: None})) == "DISPUTE_TOO_LATE"
    assert await Dispute.all().count() == 0
    first = await complain_of(who, order, {line.id: None})
    assert [each.id for each in await complain_of(who, order, {line.id: None})] == [first[0].id]
    again = complain_of(who, order, {line.id: None}, "other")
    assert await refusal(again) == "LINE_NOT_DISPUTABLE"
    await all_is_well()


async def test_cards_and_lines_of_one_order_are_complained_about_at_once() -> None:
    carded = await make.variant(cards=1)
    hand = await make.variant(delivery_kind=DeliveryKind.MANUAL)
    who = await make.buyer()
    wishes = (LineWish(carded.sku, 1), LineWish(hand.sku, 1))
    placed = await checkout.place_order(who, Purchase(wishes, "key"))
    await fulfilment.claim_line(make.OPERATOR, placed.lines[1].id)
    await fulfilment.deliver_line(
        make.OPERATOR, HandOver(placed.lines[1].id, "here", "t", make.yuan(1), "hand")
    )
    (card,) = await cards_of(placed.lines[0])
    wish = DisputeWish(
        (card.id,), DisputeReason.WRONG_GOODS, "", "both", {placed.lines[1].id: None}
    )
    cases = await aftersale.open_disputes(who, placed.order.id, wish)
    assert {(each.line_id, each.card_id) for each in cases} == {
        (placed.lines[0].id, card.id),
        (placed.lines[1].id, None),
    }
    await all_is_well()


async def test_a_line_has_one_case_however_often_at_once() -> None:
    who, order, line = await by_hand()
    work = [complain_of(who, order, {line.id: None}, f"key{n}") for n in range(10)]
    said = await asyncio.gather(*work, return_exceptions=True)
    assert sum(isinstance(each, list) for each in said) == 1
    assert await Dispute.all().count() == 1


async def test_a_decision_and_a_refund_of_one_line_at_once_give_its_money_once() -> None:
    for number in range(10):
        who, order, line = await by_hand()
        (case,) = await complain_of(who, order, {line.id: None})
        wish = RefundWish(order.id, RefundReason.GOODWILL, RefundDestination.WALLET)
        await asyncio.gather(
            decide(case, Decision.REFUND, f"d{number}"),
            refunds.refund_order(make.OPERATOR, wish, f"r{number}"),
            return_exceptions=True,
        )
        assert await balance(AccountKind.WALLET, who.user_id) == make.yuan(1_000)
    await all_is_well()


async def test_an_answer_that_says_nothing_is_asked_for_again_and_then_noted(
    port: Scripted,
) -> None:
    who, order, line = await topped_up(port)
    (case,) = await complain_of(who, order, {line.id: None})
    answers: list[QueryResult] = [Uncertain(), Accepted("up-1"), Uncertain(), Uncertain()]
    port.queries = {"first": [*answers, Uncertain(), Uncertain(Category.AUTH)]}
    for asks in range(1, 6):
        case = await asked(case, timedelta(hours=3 * asks))
        assert (case.asks, case.state, case.check_result) == (asks, DisputeState.OPEN, None)
        assert case.ask_at is not None
    case = await asked(case, timedelta(hours=20))
    assert (case.check_result, case.ask_at) == (CheckResult.UNKNOWN, None)
    assert case.check_answer == "query: uncertain auth"
    assert await aftersale.due_questions(10) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (done(), CheckResult.VALID),
        (done(whole=False), CheckResult.UNKNOWN),
        (GONE, CheckResult.INVALID),
        (NotFound(), CheckResult.UNKNOWN),
    ],
)
async def test_each_answer_says_what_it_surely_says(
    port: Scripted, answer: QueryResult, said: CheckResult
) -> None:
    who, order, line = await topped_up(port)
    (case,) = await complain_of(who, order, {line.id: None})
    port.queries = {"first": [answer]}
    assert (await asked(case)).check_result is said
    (attempt,) = await FulfilmentAttempt.filter(line_id=line.id)
    assert attempt.status.value == "succeeded"  # a look books nothing
    await all_is_well()


@pytest.mark.parametrize(
    ("answer", "said"), [(codes(), None), (GONE, CheckResult.INVALID), (NotFound(), None)]
)
async def test_of_a_card_only_a_no_is_noted(
    port: Scripted, answer: QueryResult, said: CheckResult | None
) -> None:
    who, line_id = await paid_line(["first"])
    port.submits = {"first": [codes()]}
    await fulfilment.fulfil_line(line_id)
    line = await OrderLine.get(id=line_id)
    order = await Order.get(id=line.order_id)  # type: ignore[attr-defined]
    (case,) = await complain(who, order, await cards_of(line))
    port.queries = {"first": [answer]}
    case = await asked(case)
    assert (case.check_result, case.asks, case.ask_at) == (said, 1, None)
    assert case.state is (DisputeState.CHECKING if said else DisputeState.OPEN)
    await all_is_well()


async def test_who_can_tell_nothing_is_not_asked(port: Scripted) -> None:
    who, order, line = await topped_up(port)
    await FulfilmentAttempt.filter(line_id=line.id).update(upstream_id=None)
    (case,) = await complain_of(who, order, {line.id: None})
    port.capabilities = NOT_ASKED
    case = await asked(case)
    assert (case.state, case.asks, case.ask_at) == (DisputeState.OPEN, 1, None)
    assert port.queried == []


async def test_orders_that_a_supplier_has_forgotten_are_not_asked_about(port: Scripted) -> None:
    who, order, line = await topped_up(port)
    (case,) = await complain_of(who, order, {line.id: None})
    port.capabilities = replace(CAPABILITIES, retention_days=3)
    case = await asked(case, timedelta(days=4))
    assert (case.check_result, port.queried) == (None, [])


async def test_what_an_operator_noted_is_left_alone(port: Scripted) -> None:
    who, order, line = await topped_up(port)
    (case,) = await complain_of(who, order, {line.id: None})
    port.queries = {"first": [done()]}
    real = port.query

    async def slow(
        connection: suppliers.Connection, submission: suppliers.Submission
    ) -> QueryResult:
        note = CheckNote("", CheckResult.INVALID, "they say so by telephone")
        await aftersale.note_check(make.OPERATOR, case.id, note)
        return await real(connection, submission)

    port.query = slow  # type: ignore[method-assign]
    case = await asked(case)
    assert (case.check_result, case.check_answer) == (
        CheckResult.INVALID,
        "they say so by telephone",
    )
    assert await aftersale.due_questions(10) == []


async def test_a_decided_case_is_not_asked_about(port: Scripted) -> None:
    who, order, line = await topped_up(port)
    (case,) = await complain_of(who, order, {line.id: None})
    await decide(case, Decision.REFUND)
    assert (await asked(case)).asks == 0
    assert port.queried == []


async def test_ten_askers_ask_once(port: Scripted) -> None:
    who, order, line = await topped_up(port)
    (case,) = await complain_of(who, order, {line.id: None})
    port.queries = {"first": [Completed("up-1", (), COST, "R-1")]}
    await asyncio.gather(*(aftersale.ask_supplier(case.id) for _ in range(10)))
    assert len(port.queried) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE disputes SET quantity = 2",
        "UPDATE disputes SET line_id = gen_random_uuid()",
        "UPDATE disputes SET card_id = gen_random_uuid()",
        "UPDATE disputes SET handed_cost = 1, handed_sealed = ''",
        "UPDATE disputes SET quantity = 0",
    ],
)
async def test_the_database_keeps_what_a_case_is_about(sql: str) -> None:
    who, order, line = await by_hand()
    await complain_of(who, order, {line.id: None})
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with transaction() as conn:
            await conn.execute(sql)
    assert isinstance(caught.value, asyncpg.RestrictViolationError | asyncpg.CheckViolationError)


async def test_a_second_case_of_a_line_is_refused_by_the_database() -> None:
    who, order, line = await by_hand()
    (case,) = await complain_of(who, order, {line.id: None})
    values = dict(case)
    with pytest.raises(Exception, match="dispute_once_per_line"):
        await Dispute.create(**{**values, "id": new_id()})


BREACHES = (
    "DELETE FROM transfers WHERE kind = 'replacement'",
    "UPDATE disputes SET handed_cost = handed_cost + 1 WHERE handed_cost IS NOT NULL",
    "DELETE FROM refund_parts",
)


@pytest.mark.parametrize("breach", BREACHES)
async def test_a_broken_promise_is_found(breach: str) -> None:
    for decision, more in (
        (Decision.REPLACE, {"note": "x", "cost": make.yuan(3), "invalid": True}),
        (Decision.REFUND, {}),
    ):
        who, order, line = await by_hand()
        (case,) = await complain_of(who, order, {line.id: None})
        await decide(case, decision, decision, **more)
    await all_is_well()
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        assert await conn.execute(breach) not in ("UPDATE 0", "DELETE 0")
    assert "M1" in {each.name for each in await find_violations() if each.violations}
