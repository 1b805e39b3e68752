"""Money of delivered goods goes back: whole, in part, by line, by card; books and agents follow."""

from contextlib import suppress
from uuid import UUID

import asyncpg
import pytest

from domain import checkout, ledger, orders, refunds
from domain.cards.models import Card, CardState
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind, list_commissions
from domain.commissions.models import CommissionClawback
from domain.invariants import find_violations
from domain.kernel import Actor, Refused, connection, page_request, transaction
from domain.ledger import AccountKind, account_id
from domain.orders import LineStatus, Order, OrderLine, OrderStatus
from domain.refunds import RefundDestination, RefundReason, RefundWish
from tests import make

pytestmark = pytest.mark.usefixtures("db")
WALLET, CHANNEL = RefundDestination.WALLET, RefundDestination.CHANNEL
GOODWILL, INVALID = RefundReason.GOODWILL, RefundReason.CODE_INVALID


async def bought(
    quantity: int = 3,
    *,
    price: str = "49",
    cost: str = "40",
    buyer: Actor | None = None,
    **changes: object,
) -> tuple[Actor, Order, OrderLine]:
    """A delivered order of one line."""
    who = buyer or await make.buyer()
    unit_cost = make.yuan(cost)
    variant = await make.variant(
        price=make.yuan(price), cards=quantity, unit_cost=unit_cost, **changes
    )
    purchase = Purchase((LineWish(variant.sku, quantity),), f"key-{variant.sku}")
    order = (await checkout.place_order(who, purchase)).order
    assert order.status is OrderStatus.DELIVERED
    return who, order, await OrderLine.get(order_id=order.id)


async def all_is_well() -> None:
    assert [each for each in await find_violations() if each.violations] == []


async def balance(kind: AccountKind, owner: UUID | None = None) -> int:
    return await ledger.balance_of(account_id(kind, owner, make.CNY))


async def wallet(who: Actor) -> int:
    return await balance(AccountKind.WALLET, who.user_id)


async def give_back(order: Order, key: str = "refund", **wish: object) -> refunds.Refund:
    """As an operator would, into the wallet."""
    values = {"order_id": order.id, "reason": GOODWILL, "destination": WALLET, **wish}
    done = await refunds.refund_order(make.OPERATOR, RefundWish(**values), key)  # type: ignore[arg-type]
    return done.refund


async def refused(order: Order, **wish: object) -> str:
    with pytest.raises(Refused) as caught:
        await give_back(order, **wish)
    return caught.value.refusals[0].code


async def cards_of(line: OrderLine) -> list[Card]:
    return await Card.filter(order_line_id=line.id).order_by("unit_number")


async def test_a_whole_order_goes_back() -> None:
    buyer, order, line = await bought(3)
    before = await wallet(buyer)
    refund = await give_back(order)
    assert (refund.amount, refund.destination) == (make.yuan(147), WALLET)
    assert await wallet(buyer) == before + make.yuan(147)
    assert {card.state for card in await cards_of(line)} == {CardState.REFUNDED}
    stored = await OrderLine.get(id=line.id)
    assert (stored.status, stored.refunded_quantity) == (LineStatus.DELIVERED, 3)
    assert (await Order.get(id=order.id)).status is OrderStatus.REFUNDED
    assert await balance(AccountKind.REVENUE) == await balance(AccountKind.COST) == 0
    assert await balance(AccountKind.LOSS) == -make.yuan(120)
    assert await refused(order, key="again") == "ORDER_NOT_REFUNDABLE"
    await all_is_well()


async def test_the_cards_of_a_line_sum_to_what_was_paid_for_it() -> None:
    buyer, order, line = await bought(3)
    first, second, third = await cards_of(line)
    assert (await give_back(order, "a", lines={line.id: make.yuan("0.01")})).amount == 100
    assert (await give_back(order, "b", card_ids=(second.id,))).amount == (1_470_000 - 100) // 3
    assert (await Order.get(id=order.id)).status is OrderStatus.DELIVERED
    await all_is_well()
    await give_back(order, "c", card_ids=(first.id, third.id))
    assert await wallet(buyer) == make.yuan(1_000)
    assert (await Order.get(id=order.id)).status is OrderStatus.REFUNDED
    await all_is_well()


async def test_a_card_goes_back_once_and_is_shown_no_more() -> None:
    buyer, order, line = await bought(2)
    one, other = await cards_of(line)
    await give_back(order, "a", card_ids=(one.id,))
    assert await refused(order, key="b", card_ids=(one.id,)) == "LINE_NOT_REFUNDABLE"
    assert await refused(order, key="c", card_ids=(one.id, other.id)) == "LINE_NOT_REFUNDABLE"
    with pytest.raises(Refused, match="CARD_NOT_SHOWN"):
        await orders.reveal_cards(buyer, order.id, [one.id])
    assert [each.card_id for each in await orders.reveal_cards(buyer, order.id, None)] == [other.id]
    await all_is_well()


async def test_a_card_that_was_seen_is_a_loss_with_its_reason() -> None:
    buyer, order, line = await bought(1)
    await orders.reveal_cards(buyer, order.id, None)
    refund = await give_back(order, reason=INVALID)
    (part,) = await refunds.RefundPart.filter(refund_id=refund.id)
    assert (part.seen, part.lost_cost) == (True, make.yuan(40))
    assert (await cards_of(line))[0].state is CardState.REFUNDED
    assert await balance(AccountKind.LOSS) == -make.yuan(40)
    await all_is_well()


async def test_money_alone_leaves_the_goods_with_their_buyer() -> None:
    buyer, order, line = await bought(2)
    refund = await give_back(order, lines={line.id: make.yuan(10)})
    assert refund.amount == make.yuan(10)
    assert {card.state for card in await cards_of(line)} == {CardState.SOLD}
    assert await balance(AccountKind.LOSS) == 0
    assert len(await orders.reveal_cards(buyer, order.id, None)) == 2
    assert await refused(order, key="b", lines={line.id: make.yuan(89)}) == "REFUND_TOO_LARGE"
    await give_back(order, "c", lines={line.id: make.yuan(88)})
    assert (await Order.get(id=order.id)).status is OrderStatus.REFUNDED
    await all_is_well()


async def test_other_contexts_refund_within_their_own_transaction() -> None:
    buyer, order, line = await bought(2)
    one, other = await cards_of(line)
    async with transaction() as conn:
        await orders.lock_order(conn, order.id)
        await refunds.refund_cards(conn, make.OPERATOR, order.id, [one.id], INVALID, CHANNEL)
    async with transaction() as conn:
        await orders.lock_order(conn, order.id)
        await refunds.refund_lines(conn, make.OPERATOR, order.id, {line.id: None}, INVALID, CHANNEL)
    assert await wallet(buyer) == make.yuan(1_000)
    assert (await Card.get(id=other.id)).state is CardState.REFUNDED
    _, second, line = await bought(1)
    with suppress(RuntimeError):
        async with transaction() as conn:
            ids = [card.id for card in await cards_of(line)]
            await refunds.refund_cards(conn, make.OPERATOR, second.id, ids, INVALID, CHANNEL)
            raise RuntimeError("the caller thinks again")
    assert await refunds.Refund.all().count() == 2
    await all_is_well()


async def test_commissions_go_back_in_proportion_below_zero_if_need_be() -> None:
    top, middle, low = await make.agent_chain()
    for level, percent in ((1, 3), (2, 2), (3, 1)):
        await make.rule(level, RuleKind.PERCENT, percent * 10_000)
    buyer = await make.buyer(referrer=low.id)
    _, order, line = await bought(3, price="10.01", cost="1", buyer=buyer)
    assert await balance(AccountKind.COMMISSION, low.id) == 9_009
    first = (await cards_of(line))[0]
    await give_back(order, "a", card_ids=(first.id,))
    taken = {each["agent_id"]: each for each in await _clawed()}
    assert taken[low.id]["amount"] == 3_003
    (shown,) = (await list_commissions(low.id, page_request("commissions", 5, None))).rows
    assert (shown.amount.units, shown.clawed_back.units) == (9_009, 3_003)
    await give_back(order, "b", lines={line.id: make.yuan("0.0001")})
    await give_back(order, "c", lines={line.id: None})
    for each in (top, middle, low):
        assert await balance(AccountKind.COMMISSION, each.id) == 0
    assert await balance(AccountKind.COMMISSION_EXPENSE) == 0
    assert await wallet(buyer) == make.yuan(1_000)
    await all_is_well()


async def _clawed() -> list[asyncpg.Record]:
    async with connection() as conn:
        return await conn.fetch(
            "SELECT c.agent_id, sum(b.amount)::bigint AS amount FROM commission_clawbacks b"
            " JOIN commissions c ON c.id = b.commission_id GROUP BY 1"
        )


async def test_the_house_may_bear_the_commission_itself() -> None:
    (agent,) = [await make.agent()]
    await make.rule(1, RuleKind.PERCENT, 30_000)
    buyer = await make.buyer(referrer=agent.id)
    _, order, line = await bought(2, cost="1", buyer=buyer)
    earned = await balance(AccountKind.COMMISSION, agent.id)
    await give_back(order, "a", lines={line.id: make.yuan(49)}, clawback=False)
    assert await CommissionClawback.all().count() == 0
    # What the house has borne is not made up for by the next refund.
    await give_back(order, "b", lines={line.id: None})
    assert await balance(AccountKind.COMMISSION, agent.id) == earned - earned // 2
    await all_is_well()


BREACHES = {
    "I8-refund": (
        "UPDATE order_lines SET refunded_amount = refunded_amount - 1",
        "UPDATE order_lines SET refunded_quantity = 0",
        "UPDATE refunds SET amount = amount - 1",
        "UPDATE refund_parts SET lost_cost = 0",
        "UPDATE cards SET state = 'revealed' WHERE state = 'refunded'",
        "UPDATE cards SET state = 'refunded' WHERE state = 'sold'",
        "UPDATE orders SET status = 'REFUNDED'",
        "DELETE FROM transfers WHERE kind = 'delivered_refund'",
    ),
    "H10": (
        "UPDATE commission_clawbacks SET amount = amount + 1, pending = pending + 1",
        "UPDATE commission_clawbacks SET pending = 0, available = amount",
        "UPDATE commission_clawbacks SET release_at = now()",
        "DELETE FROM commission_clawbacks",
        "UPDATE commissions SET amount = 1",
    ),
}


@pytest.mark.parametrize(
    ("promise", "breach"), [(name, sql) for name, all_ in BREACHES.items() for sql in all_]
)
async def test_a_broken_promise_is_found(promise: str, breach: str) -> None:
    agent = await make.agent()
    await make.rule(1, RuleKind.PERCENT, 30_000)
    _, order, line = await bought(3, buyer=await make.buyer(referrer=agent.id))
    await give_back(order, card_ids=((await cards_of(line))[0].id,))
    await all_is_well()
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")  # past all triggers
        assert await conn.execute(breach) not in ("UPDATE 0", "DELETE 0")
    assert promise in {each.name for each in await find_violations() if each.violations}
