"""Printed gift cards sold over a counter (mission row K1): an order like any, paid on the spot.

One transaction: the cards are locked, the order is placed, paid and delivered, and the cards are
good from then on. It is no hot path, so that it goes the way of orders that are paid later.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from domain import audit, cards, fulfilment, giftcards, identity, ledger, orders
from domain.catalog import DeliveryKind
from domain.checkout.refusals import NotForSale, PriceBelowCost
from domain.checkout.rules import RETAIL
from domain.giftcards import CardsAtCounter, CounterPayment, CounterWish
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Money,
    Refused,
    act_as,
    claim_key,
    clock,
    crash_point,
    input_hash,
    is_payable,
    new_id,
    plain,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.orders import LineStatus, Order, OrderLine, OrderStatus

SCOPE = "giftcards:sell"
OPERATION = "giftCardCounterSell"
MAX_NOTE_LETTERS = 200
UNPAID_FOR = timedelta(minutes=1)  # it is paid in the same transaction

_VARIANT = """
SELECT v.sku, v.type_id, t.version AS type_version, v.sold_below_cost,
    v.status = 'active' AND p.status = 'approved' AS for_sale
FROM variants v JOIN products p ON p.id = v.product_id JOIN product_types t ON t.id = v.type_id
WHERE v.id = $1
"""


@dataclass(frozen=True, slots=True)
class AtCounter:
    """What goes over a counter. `login` names the buyer; left out, somebody who just walked in."""

    cards: CounterWish
    unit_price: Money
    paid_by: CounterPayment
    login: str | None = None
    note: str = ""

    def plain(self) -> list[Any]:
        """The values that make two sales the same one."""
        price = [self.unit_price.units, self.unit_price.currency]
        return [*self.cards.plain(), *price, self.paid_by.value, self.login, self.note]


@dataclass(frozen=True, slots=True)
class SoldAtCounter:
    """The order of a sale over a counter; `replayed`: an earlier call with the same key made it."""

    order: Order
    quantity: int
    replayed: bool


async def sell_at_counter(actor: Actor, sale: AtCounter, idempotency_key: str) -> SoldAtCounter:
    """Sell printed gift cards for money that was received, and make them good: all or none.

    Needs `giftcards:sell`, and `users:read` to name a buyer; audited. Refuses what
    `giftcards.lock_for_counter` refuses, a product that is not on the shelf (NOT_FOR_SALE), a price
    below what the card holds unless the variant allows it (PRICE_BELOW_COST), and one in another
    currency or not payable (INVALID).
    """
    actor.require_scope(SCOPE)
    seller = actor.require_user()
    _check(sale)
    buyer = None if sale.login is None else await identity.get_by_login(actor, sale.login)
    order_id, hashed = new_id(), input_hash(sale.plain())
    async with transaction() as conn:
        known = await claim_key(conn, seller, OPERATION, idempotency_key, hashed, order_id)
        if known is not None:
            return await _replay(known)
        taken = await giftcards.lock_for_counter(conn, sale.cards)
        order, line = await _draft(conn, actor, order_id, sale, taken, buyer)
        await _sell(conn, actor, order, line, sale, taken)
        await giftcards.note_counter_sale(
            conn, order_id, seller, sale.paid_by, sale.note, walk_in=buyer is None
        )
        details = {
            "cards": line.quantity,
            "total": plain(order.total),
            "currency": order.currency,
            "paidBy": sale.paid_by.value,
            "note": sale.note,
        }
        await audit.record(conn, actor, "gift_card.counter_sale", order_id, details)
        crash_point("checkout.counter_written")
    crash_point("checkout.counter_sold")
    wake_relay()
    return await _sold(order_id, replayed=False)


def _check(sale: AtCounter) -> None:
    price, note = sale.unit_price, sale.note
    payable = price.units > 0 and is_payable(price.units, price.currency)
    refuse_unless(payable, Invalid(reason="amount_not_payable", field=("unitPrice",)))
    fits = len(note) <= MAX_NOTE_LETTERS and (not note or note.isprintable())
    refuse_unless(fits, Invalid(reason="gift_counter_note", field=("note",)))


async def _draft(
    conn: Connection,
    actor: Actor,
    order_id: UUID,
    sale: AtCounter,
    taken: CardsAtCounter,
    buyer: identity.User | None,
) -> tuple[Order, OrderLine]:
    """The order and its one line, as they stand before they are paid."""
    variant = await conn.fetchrow(_VARIANT, taken.variant_id)
    if not variant["for_sale"]:
        raise Refused(NotForSale(sku=variant["sku"], field=("numbers",)))
    price = sale.unit_price
    own = price.currency == taken.currency
    refuse_unless(own, Invalid(reason="currency", field=("unitPrice",)))
    if price.units < taken.unit_cost and not variant["sold_below_cost"]:
        raise Refused(PriceBelowCost(sku=variant["sku"], field=("unitPrice",)))
    moment, quantity = clock.now(), len(taken.card_ids)
    order = Order(
        id=order_id,
        number=orders.new_number(moment),
        buyer_id=buyer.id if buyer else await _walk_in(),
        site_id=actor.site_id,
        status=OrderStatus.PENDING_PAYMENT,
        currency=taken.currency,
        total=price.units * quantity,
        tier=RETAIL,
        consumer=True,
        agent_chain=[],
        event_count=1,
        placed_at=moment,
        expires_at=moment + UNPAID_FOR,
    )
    line = OrderLine(
        id=new_id(),
        order_id=order_id,
        position=0,
        variant_id=taken.variant_id,
        sku=variant["sku"],
        quantity=quantity,
        unit_price=price.units,
        max_unit_cost=price.units,
        delivery_kind=DeliveryKind.GIFT_CARD,
        type_id=variant["type_id"],
        type_version=variant["type_version"],
        status=LineStatus.WAITING,
        consumer=True,
    )
    return order, line


async def _walk_in() -> UUID:
    """A guest of a device that there is not: nobody ever signs in as this buyer, who has the card
    in hand, and no staff may look at its code as the buyer of it."""
    guest = await identity.save_user(identity.draft_guest(secrets.token_urlsafe(32)))
    found: UUID = guest.id
    return found


async def _sell(
    conn: Connection,
    actor: Actor,
    order: Order,
    line: OrderLine,
    sale: AtCounter,
    taken: CardsAtCounter,
) -> None:
    """Place, pay, deliver and activate."""
    await orders.insert_unpaid(conn, order, [line])
    locked = await orders.lock_order(conn, order.id)
    note = f"{order.number} {sale.paid_by.value} {sale.note}".strip()[:MAX_NOTE_LETTERS]
    posting = orders.counter_payment_posting(order.id, order.total, order.currency, note)
    await ledger.post(conn, [posting])
    await orders.order_paid(conn, locked)
    await act_as(conn, actor, "sold at a counter")
    await cards.sell(conn, taken.card_ids, line.id)
    cost = taken.unit_cost * line.quantity
    await fulfilment.book_sale(conn, await orders.lock_line(conn, line.id), cost, None)
    await giftcards.activate_sold(conn, actor, taken.card_ids)


async def _replay(order_id: UUID) -> SoldAtCounter:
    return await _sold(order_id, replayed=True)


async def _sold(order_id: UUID, *, replayed: bool) -> SoldAtCounter:
    order = await Order.get(id=order_id)
    (line,) = (await orders.lines_of([order_id]))[order_id]
    return SoldAtCounter(order, line.quantity, replayed)
