"""Placing an order that is paid through a channel: priced, its cards held, answered at once.

One transaction, which writes no money: READ and rules are those of the purchase by wallet. The
cards are held until a little after the order's time is over (mission row F7, field bug 24).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from domain import cards, ledger, orders, payments, quotes, risk
from domain.checkout.couponing import Basket, record_uses
from domain.checkout.exchanging import Paid
from domain.checkout.guards import refuse_below_cost
from domain.checkout.rules import BuyerFacts, PlannedLine, Purchase
from domain.checkout.screening import screen
from domain.checkout.writing import (
    CURRENCY,
    KeyTaken,
    draft_order,
    payment_postings,
    terms_kept,
)
from domain.coupons import UseState
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    claim_key,
    clock,
    crash_point,
    input_hash,
    is_payable,
    new_id,
    refuse_unless,
)
from domain.orders import LineStatus, Order, OrderLine, OrderStatus
from domain.risk import Verdict

OPERATION = "orderCreate"


async def place_unpaid(
    conn: Connection,
    actor: Actor,
    purchase: Purchase,
    buyer: BuyerFacts,
    basket: Basket,
    newest: UUID | None,
) -> tuple[Order, list[OrderLine]]:
    """Write the order and hold its cards, in the caller's transaction. `newest`: of the rules of
    risk, which judge it now and again when it is paid.

    Raises `KeyTaken` when a call with the same key was faster. Refuses cards chosen by hand, a
    total that no channel can charge (INVALID), fewer cards than asked for, and more held cards than
    one buyer may have.
    """
    planned = basket.planned
    refuse_chosen(planned)
    total = sum(line.unit_price * line.quantity for line in planned)
    refuse_unless(is_payable(total, CURRENCY), Invalid(reason="total_not_payable"))
    order_id = new_id()
    order, lines = await _write(conn, actor, purchase, buyer, basket, order_id, held=False)
    await screen(conn, actor, purchase, planned, newest, order_id)
    crash_point("checkout.unpaid_written")
    return order, lines


async def place_held(
    conn: Connection,
    actor: Actor,
    purchase: Purchase,
    buyer: BuyerFacts,
    basket: Basket,
    verdict: Verdict,
    paid: Paid | None,
) -> tuple[Order, list[OrderLine]]:
    """Write an order that the wallet pays at once and that nobody delivers before a second look.

    In the caller's transaction. It holds no cards: whoever is suspected must not empty the shelf.
    Raises `KeyTaken` as `place_unpaid`; refuses cards chosen by hand.
    """
    refuse_chosen(basket.planned)
    order_id = new_id()
    order, lines = await _write(conn, actor, purchase, buyer, basket, order_id, held=True)
    costs = paid.of({line.position: line.id for line in lines}) if paid else None
    if costs is not None:
        await orders.record_exchange(conn, order.id, costs)
    await ledger.post(conn, payment_postings(order, costs))
    locked = await orders.lock_order(conn, order.id)
    await orders.order_paid(conn, locked, review=True)
    await risk.open_case(conn, order.id, verdict)
    crash_point("checkout.held_written")
    return await Order.get(id=order.id), (await orders.lines_of([order.id]))[order.id]


def refuse_chosen(planned: list[PlannedLine]) -> None:
    """A card that was chosen by hand is sold at once or not at all."""
    chosen = any(line.chosen for line in planned)
    refuse_unless(not chosen, Invalid(reason="chosen_by_wallet_only", field=("lines",)))


async def _write(
    conn: Connection,
    actor: Actor,
    purchase: Purchase,
    buyer: BuyerFacts,
    basket: Basket,
    order_id: UUID,
    *,
    held: bool,
) -> tuple[Order, list[OrderLine]]:
    """The order as nobody has paid it yet; it holds cards unless it waits for a second look. Its
    coupons are locked, or used where the wallet pays at once."""
    moment, planned = clock.now(), basket.planned
    total = sum(line.unit_price * line.quantity for line in planned)
    key = (actor.key_id or buyer.user_id, OPERATION, purchase.idempotency_key)
    if await claim_key(conn, *key, input_hash(purchase.plain()), order_id) is not None:
        raise KeyTaken
    line_ids = {line.position: new_id() for line in planned}
    expires_at = moment + payments.times.unpaid
    costs: dict[int, list[int]] = {line.position: [] for line in planned}
    if not held:
        costs = await _hold_all(conn, actor, planned, line_ids, expires_at + payments.HELD_BEYOND)
    refuse_below_cost(planned, costs)
    order, lines = _draft(actor, purchase, buyer, planned, line_ids, order_id, total)
    order.expires_at = expires_at
    await orders.insert_unpaid(conn, order, lines)
    state = UseState.USED if held else UseState.LOCKED
    uses = basket.uses(line_ids, buyer)
    await record_uses(conn, actor, purchase, order, uses, state)
    if purchase.quote_id is not None:
        await quotes.use_quote(conn, purchase.quote_id, order_id)
    if purchase.keepsake is not None:
        await purchase.keepsake.record(conn, order_id)
    return order, lines


async def _hold_all(
    conn: Connection,
    actor: Actor,
    planned: list[PlannedLine],
    line_ids: dict[int, UUID],
    until: datetime,
) -> dict[int, list[int]]:
    """Hold the cards of lines from our own stock; what each of them cost, by position."""
    costs: dict[int, list[int]] = {line.position: [] for line in planned}
    own = [line for line in planned if line.from_own_stock and not line.shared]
    for line in sorted(own, key=lambda each: each.variant_id):
        wish = cards.HoldWish(line.variant_id, line.quantity, until, line_ids[line.position])
        hold = await cards.reserve_cards(conn, actor, wish)
        costs[line.position] = await cards.held_costs(conn, hold.id)
    return costs


def _draft(
    actor: Actor,
    purchase: Purchase,
    buyer: BuyerFacts,
    planned: list[PlannedLine],
    line_ids: dict[int, UUID],
    order_id: UUID,
    total: int,
) -> tuple[Order, list[OrderLine]]:
    """The order and its lines as they stand before anybody has paid."""
    moment = clock.now()
    none: dict[UUID, list[Any]] = {line_id: [] for line_id in line_ids.values()}
    order, lines = draft_order(
        actor, purchase, buyer, planned, line_ids, none, total, order_id, moment
    )
    order.status, order.event_count = OrderStatus.PENDING_PAYMENT, 1
    order.paid_at = order.closed_at = None
    for line, plan in zip(lines, planned, strict=True):
        line.status, line.due_at, line.delivered_at = LineStatus.WAITING, None, None
        line.delivered_quantity = line.cost = 0
        if order.consumer:
            line.terms = terms_kept(plan)
    return order, lines
