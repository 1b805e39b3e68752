"""Use cases of orders after the purchase: how lines move, and who may see the codes.

Everything here runs in the caller's transaction and locks the order before its line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain import audit, cards
from domain.catalog import DeliveryKind
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    NotFound,
    Refused,
    act_as,
    clock,
    connection,
    record_events,
    refuse_unless,
    seal_small,
    transaction,
)
from domain.orders import events
from domain.orders.models import LineStatus, OrderStatus
from domain.orders.rules import status_of

_LOCK_ORDER = """
SELECT o.id, o.number, o.buyer_id, o.status, o.currency, o.total, o.tier, o.external_id,
    o.event_count
FROM orders o WHERE o.id = (SELECT order_id FROM order_lines WHERE id = $1) FOR UPDATE
"""
_LINES = """
SELECT id, sku, quantity, status, unit_price, max_unit_cost, variant_id, consumer, terms,
    delivery_kind, due_at,
    refunded_amount > 0 AND refunded_amount = unit_price * quantity AS paid_back
FROM order_lines WHERE order_id = $1 ORDER BY position FOR UPDATE
"""
_DELIVERING = "UPDATE order_lines SET status = 'DELIVERING', due_at = $2 WHERE id = $1"
_DUE = "UPDATE order_lines SET due_at = $2 WHERE id = $1 AND due_at IS NOT NULL"
_DELIVERED = """
UPDATE order_lines SET status = 'DELIVERED', delivered_quantity = quantity, cost = $2,
    delivered_at = $3, due_at = NULL, receipt = $4, note_sealed = $5, failure_code = $6
WHERE id = $1
"""
_REFUNDED = """
UPDATE order_lines SET status = 'REFUNDED', due_at = NULL, failure_code = $2 WHERE id = $1
"""
_MOVE_ORDER = """
UPDATE orders SET status = $2::varchar, event_count = $3, version = version + 1,
    closed_at = CASE WHEN $2::varchar IN ('DELIVERED', 'PARTIALLY_DELIVERED', 'REFUNDED')
        THEN $4::timestamptz END
WHERE id = $1
"""
_CARDS_TO_REVEAL = """
SELECT id FROM (
    SELECT c.id, l.position, c.unit_number FROM cards c JOIN order_lines l ON l.id = c.order_line_id
    WHERE l.order_id = $1 AND card_open_to_buyer(c.state, c.first_revealed_at)
    UNION ALL
    SELECT d.card_id, l.position, d.unit_number FROM shared_deliveries d
    JOIN order_lines l ON l.id = d.order_line_id WHERE l.order_id = $1 AND d.unit_number = 1
        AND l.refunded_quantity < l.quantity
) shown
WHERE $2::uuid[] IS NULL OR id = ANY($2) ORDER BY position, unit_number
"""
NOTE_PURPOSE = "line-note"
CLOSING_EVENTS = {
    OrderStatus.DELIVERED: events.DELIVERED,
    OrderStatus.PARTIALLY_DELIVERED: events.PARTIALLY_DELIVERED,
    OrderStatus.REFUNDED: events.DELIVERY_FAILED,
}


@dataclass(slots=True)
class LockedLine:
    """A line whose order is locked by the caller's transaction."""

    id: UUID
    order_id: UUID
    number: str
    buyer_id: UUID
    external_id: str | None
    order_status: OrderStatus
    total: int
    status: LineStatus
    delivery_kind: DeliveryKind
    variant_id: UUID
    sku: str
    quantity: int
    unit_price: int
    max_unit_cost: int
    currency: str
    consumer: bool
    terms: dict[str, Any] | None
    due_at: datetime | None
    tier: str
    event_count: int
    siblings: list["SiblingLine"]


@dataclass(slots=True)
class SiblingLine:
    """What an event tells of each line of the order, this one included."""

    id: UUID
    sku: str
    quantity: int
    status: LineStatus
    paid_back: bool  # delivered, and then refunded whole

    @property
    def adds(self) -> LineStatus:
        """What it adds to the order's status."""
        return LineStatus.REFUNDED if self.paid_back else self.status


@dataclass(frozen=True, slots=True)
class _Facts:
    id: UUID
    number: str
    status: OrderStatus
    currency: str
    total: int
    external_id: str | None


async def lock_line(conn: Connection, line_id: UUID) -> LockedLine:
    """Lock a line's order, then its lines, and read both; refuses an unknown line."""
    order = await conn.fetchrow(_LOCK_ORDER, line_id)
    if order is None:
        raise Refused(NotFound(what="order line"))
    lines = await conn.fetch(_LINES, order["id"])
    own = next(line for line in lines if line["id"] == line_id)
    return LockedLine(
        id=line_id,
        order_id=order["id"],
        number=order["number"],
        buyer_id=order["buyer_id"],
        external_id=order["external_id"],
        order_status=OrderStatus(order["status"]),
        total=order["total"],
        status=LineStatus(own["status"]),
        delivery_kind=DeliveryKind(own["delivery_kind"]),
        variant_id=own["variant_id"],
        sku=own["sku"],
        quantity=own["quantity"],
        unit_price=own["unit_price"],
        max_unit_cost=own["max_unit_cost"],
        currency=order["currency"],
        consumer=own["consumer"],
        terms=orjson.loads(own["terms"]) if own["terms"] else None,
        due_at=own["due_at"],
        tier=order["tier"],
        event_count=order["event_count"],
        siblings=[
            SiblingLine(
                line["id"],
                line["sku"],
                line["quantity"],
                LineStatus(line["status"]),
                line["paid_back"],
            )
            for line in lines
        ],
    )


async def line_delivering(conn: Connection, line: LockedLine, due_at: datetime) -> None:
    """Somebody works on the line; look at it again at `due_at` at the latest."""
    await conn.execute(_DELIVERING, line.id, due_at)
    first = line.order_status is OrderStatus.PAID
    await _move(conn, line, LineStatus.DELIVERING, events.DELIVERING if first else None)


async def look_again(conn: Connection, line: LockedLine, due_at: datetime) -> None:
    """Nothing happened to an open line; look at it again at `due_at` at the latest."""
    await conn.execute(_DUE, line.id, due_at)


async def line_delivered(
    conn: Connection,
    line: LockedLine,
    cost: int,
    *,
    receipt: str | None = None,
    note: str | None = None,
    lacking: str | None = None,
) -> None:
    """The line's goods are the buyer's; `cost` in units is what all of them cost us.

    A direct top-up has the supplier's receipt, a manual line the operator's note, which is sealed.
    `lacking` is the code that tells the buyer why a part of it did not come.
    """
    sealed = None if note is None else seal_small(NOTE_PURPOSE, note, str(line.id))
    await conn.execute(_DELIVERED, line.id, cost, clock.now(), receipt, sealed, lacking)
    await _move(conn, line, LineStatus.DELIVERED, events.LINE_DELIVERED)


async def line_refunded(conn: Connection, line: LockedLine, failure_code: str) -> None:
    """Nobody could deliver the line, and its price went back to the wallet."""
    await conn.execute(_REFUNDED, line.id, failure_code)
    await _move(conn, line, LineStatus.REFUNDED, events.LINE_REFUNDED)


async def _move(conn: Connection, line: LockedLine, to: LineStatus, event: str | None) -> None:
    """Book the line's new status, what it makes of the order, and the one event that tells it."""
    line.status = to
    for sibling in line.siblings:
        if sibling.id == line.id:
            sibling.status = to
    before, line.order_status = line.order_status, status_of(s.adds for s in line.siblings)
    if line.order_status is not before:
        event = CLOSING_EVENTS.get(line.order_status, event)
    if event is not None:
        line.event_count += 1
        facts = _Facts(
            line.order_id,
            line.number,
            line.order_status,
            line.currency,
            line.total,
            line.external_id,
        )
        await record_events(
            conn, [events.order_event(event, line.event_count, facts, line.siblings)]
        )
    await conn.execute(_MOVE_ORDER, line.order_id, line.order_status, line.event_count, clock.now())


async def reveal_cards(
    actor: Actor, order_id: UUID, card_ids: list[UUID] | None
) -> "list[cards.OpenedCard]":
    """The codes of the caller's own order (mission rows B3, C1); all of them when no ids are given.

    One audit row per card is committed before anything is decrypted. An order that is not the
    caller's, and a card that is not the order's, sound like one that does not exist. Refuses a card
    that does not open (CARD_SEAL_BROKEN), and keys that are wrong or missing.
    """
    buyer = actor.require_user()
    async with connection() as conn:
        owner = await conn.fetchval("SELECT buyer_id FROM orders WHERE id = $1", order_id)
    if owner != buyer:
        raise Refused(NotFound(what="order", field=("orderId",)))
    return await reveal_found(actor, order_id, card_ids, {})


async def reveal_found(
    actor: Actor, order_id: UUID, card_ids: list[UUID] | None, details: dict[str, Any]
) -> "list[cards.OpenedCard]":
    """The codes of an order that the caller has proved to be allowed to see; see `reveal_cards`.

    `details` says in the audit log how it was proved.
    """
    async with transaction() as conn:
        sealed = await audited_cards(conn, actor, order_id, card_ids, details)
    return await open_audited(actor, sealed, order_id)


async def audited_cards(
    conn: Connection,
    actor: Actor,
    order_id: UUID,
    card_ids: list[UUID] | None,
    details: dict[str, Any],
) -> "list[cards.SealedCard]":
    """The cards of an order that are about to be shown, with an audit row for each.

    They are opened by `open_audited` once the caller's transaction has committed.
    """
    found = await openable_cards(conn, order_id, card_ids)
    if card_ids is not None and set(found) != set(card_ids):
        raise Refused(NotFound(what="card", field=("cardIds",)))
    told = {"orderId": str(order_id), **details}
    for card in found:
        await audit.record(conn, actor, "card.reveal", card, told)
    return await cards.find_sealed(conn, found)


async def open_audited(
    actor: Actor, sealed: "Sequence[cards.SealedCard]", order_id: UUID
) -> "list[cards.OpenedCard]":
    """The codes of cards whose audit rows are committed, and the mark that they were shown.

    The mark decides the race with a refund or a dispute: it is set before any code is answered, and
    a card that went away meanwhile is refused (CONFLICT) with all others.
    """
    opened = await cards.open_codes(actor, sealed)
    wanted = [card.card_id for card in sealed]
    async with transaction() as conn:
        await act_as(conn, actor)
        marked = await cards.mark_revealed(conn, wanted, order_id)
        refuse_unless(marked == set(wanted), Conflict(what="card", field=("cardIds",)))
    return opened


async def openable_cards(
    conn: Connection, order_id: UUID, card_ids: list[UUID] | None
) -> list[UUID]:
    """Which of these cards (all of the order without ids) its buyer may be shown now."""
    rows = await conn.fetch(_CARDS_TO_REVEAL, order_id, card_ids)
    return [row["id"] for row in rows]
