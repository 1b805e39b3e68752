"""Use cases of orders after the purchase: how lines move, and who may see the codes.

Everything here runs in the caller's transaction and locks the order before its line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

import orjson

from domain import audit, cards
from domain.catalog import DeliveryKind
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    Event,
    NotFound,
    Refused,
    act_as,
    clock,
    connection,
    named,
    refuse_unless,
    seal_small,
    transaction,
)
from domain.kernel.outbox import INSERT_EVENTS, event_columns
from domain.orders import events
from domain.orders.models import LineStatus, OrderStatus
from domain.orders.refusals import CardNotShown
from domain.orders.rules import status_of

# Rows are locked in the order in which FROM names their tables, and each row that was waited for is
# read again as it is then. Lines are never added to an order, so all of them are found.
_LOCK = """
SELECT o.id AS order_id, o.number, o.buyer_id, o.status AS order_status, o.currency, o.total,
    o.tier, o.external_id, o.event_count,
    l.id, l.sku, l.quantity, l.status, l.unit_price, l.max_unit_cost, l.variant_id, l.consumer,
    l.terms, l.delivery_kind, l.due_at,
    l.refunded_amount > 0 AND l.refunded_amount = l.unit_price * l.quantity AS paid_back,
    l.status = 'DELIVERED' AND l.delivered_quantity < l.quantity AS partly
FROM orders o JOIN order_lines l ON l.order_id = o.id
WHERE o.id = (SELECT order_id FROM order_lines WHERE id = $1) ORDER BY l.position FOR UPDATE
"""
_DUE = "UPDATE order_lines SET due_at = $2 WHERE id = $1 AND due_at IS NOT NULL"
_MOVE_ORDER = """
UPDATE orders SET status = :status::varchar, event_count = :event_count, version = version + 1,
    closed_at = CASE WHEN :status::varchar IN ('DELIVERED', 'PARTIALLY_DELIVERED', 'REFUNDED')
        THEN :moment::timestamptz END
WHERE id = :order_id
"""


class _Move:
    """How a line's row moves: alone, and together with its order and the event that tells it."""

    def __init__(self, line: str) -> None:
        self.line = named(line)
        self.told = named(f"WITH line AS ({line}), told AS ({INSERT_EVENTS}) {_MOVE_ORDER}")


_DELIVERING = _Move("UPDATE order_lines SET status = 'DELIVERING', due_at = :due WHERE id = :line")
_DELIVERED = _Move("""
UPDATE order_lines SET status = 'DELIVERED', delivered_quantity = coalesce(:pieces::int, quantity),
    cost = :cost, delivered_at = :at, due_at = NULL, receipt = :receipt, note_sealed = :note,
    failure_code = :lacking
WHERE id = :line
""")
_REFUNDED = _Move("""
UPDATE order_lines SET status = 'REFUNDED', due_at = NULL, failure_code = :code WHERE id = :line
""")
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
_HIDDEN = """
SELECT c.masked, c.state FROM cards c JOIN order_lines l ON l.id = c.order_line_id
WHERE l.order_id = $1 AND c.id = ANY($2) ORDER BY c.id
"""
NOTE_PURPOSE = "line-note"
NEARLY = 100  # a look is moved when it would come earlier by more than this part of its time
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
    partly: bool = False  # fewer pieces were delivered than were ordered

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
    lines = await conn.fetch(_LOCK, line_id)
    if not lines:
        raise Refused(NotFound(what="order line"))
    own = next(line for line in lines if line["id"] == line_id)
    return LockedLine(
        id=line_id,
        order_id=own["order_id"],
        number=own["number"],
        buyer_id=own["buyer_id"],
        external_id=own["external_id"],
        order_status=OrderStatus(own["order_status"]),
        total=own["total"],
        status=LineStatus(own["status"]),
        delivery_kind=DeliveryKind(own["delivery_kind"]),
        variant_id=own["variant_id"],
        sku=own["sku"],
        quantity=own["quantity"],
        unit_price=own["unit_price"],
        max_unit_cost=own["max_unit_cost"],
        currency=own["currency"],
        consumer=own["consumer"],
        terms=orjson.loads(own["terms"]) if own["terms"] else None,
        due_at=own["due_at"],
        tier=own["tier"],
        event_count=own["event_count"],
        siblings=[
            SiblingLine(
                line["id"],
                line["sku"],
                line["quantity"],
                LineStatus(line["status"]),
                line["paid_back"],
                line["partly"],
            )
            for line in lines
        ],
    )


async def line_delivering(conn: Connection, line: LockedLine, due_at: datetime) -> None:
    """Somebody works on the line; look at it again at `due_at` at the latest.

    Where somebody does already, and looks again about then, nothing is written.
    """
    if line.status is LineStatus.DELIVERING and _is_about(line.due_at, due_at):
        return
    first = line.order_status is OrderStatus.PAID
    event = events.DELIVERING if first else None
    await _move(conn, line, LineStatus.DELIVERING, event, _DELIVERING, {"due": due_at})


async def line_part_arrived(conn: Connection, line: LockedLine, due_at: datetime) -> None:
    """Some of its pieces are here and wait for the rest; look at it again at `due_at`."""
    told = events.PART_ARRIVED
    await _move(conn, line, LineStatus.DELIVERING, told, _DELIVERING, {"due": due_at})


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
    pieces: int | None = None,
) -> None:
    """The line's goods are the buyer's; `cost` in units is what all of them cost us.

    A direct top-up has the supplier's receipt, a manual line the operator's note, which is sealed.
    `lacking` is the code that tells the buyer why a part of it did not come; `pieces` how many are
    the buyer's, None: all of them.
    """
    written = {
        "cost": cost,
        "at": clock.now(),
        "receipt": receipt,
        "note": None if note is None else seal_small(NOTE_PURPOSE, note, str(line.id)),
        "lacking": lacking,
        "pieces": pieces,
    }
    for sibling in line.siblings:
        if sibling.id == line.id:
            sibling.partly = pieces is not None and pieces < line.quantity
    await _move(conn, line, LineStatus.DELIVERED, events.LINE_DELIVERED, _DELIVERED, written)


async def line_refunded(conn: Connection, line: LockedLine, failure_code: str) -> None:
    """Nobody could deliver the line, and its price went back to the wallet."""
    told, written = events.LINE_REFUNDED, {"code": failure_code}
    await _move(conn, line, LineStatus.REFUNDED, told, _REFUNDED, written)


def _is_about(before: datetime | None, wanted: datetime) -> bool:
    """Whether a look that is planned is early enough, and hardly earlier than it has to be."""
    if before is None or before > wanted:
        return False
    return wanted - before <= (wanted - clock.now()) / NEARLY


async def _move(
    conn: Connection,
    line: LockedLine,
    to: LineStatus,
    event: str | None,
    move: _Move,
    written: dict[str, Any],
) -> None:
    """Book the line's new status, what it makes of the order, and the one event that tells it: one
    statement. `written` are the further columns of the line."""
    written["line"] = line.id
    line.status = to
    for sibling in line.siblings:
        if sibling.id == line.id:
            sibling.status = to
    before, line.order_status = line.order_status, status_of(s.adds for s in line.siblings)
    if line.order_status is OrderStatus.DELIVERED and any(s.partly for s in line.siblings):
        line.order_status = OrderStatus.PARTIALLY_DELIVERED
    if line.order_status is not before:
        event = CLOSING_EVENTS.get(line.order_status, event)
    if event is None and line.order_status is before:
        await conn.execute(move.line.text, *move.line.values(written))
        return  # nothing of the order has changed
    told: list[Event] = []
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
        told = [events.order_event(event, line.event_count, facts, line.siblings)]
    of_order = {
        "order_id": line.order_id,
        "status": line.order_status,
        "event_count": line.event_count,
        "moment": clock.now(),
    }
    values = move.told.values({**written, **of_order, **event_columns(told)})
    await conn.execute(move.told.text, *values)


async def reveal_cards(
    actor: Actor, order_id: UUID, card_ids: list[UUID] | None
) -> "list[cards.OpenedCard]":
    """The codes of the caller's own order (mission rows B3, C1); all of them when no ids are given.

    One audit row per card is committed before anything is decrypted. An order that is not the
    caller's, and a card that is not the order's, sound like one that does not exist. Refuses a card
    of the order that is not shown now (CARD_NOT_SHOWN), one that does not open (CARD_SEAL_BROKEN),
    and keys that are wrong or missing.
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
        await _refuse_hidden(conn, order_id, sorted(set(card_ids) - set(found)))
    told = {"orderId": str(order_id), **details}
    for card in found:
        await audit.record(conn, actor, "card.reveal", card, told)
    return await cards.find_sealed(conn, found)


async def _refuse_hidden(conn: Connection, order_id: UUID, card_ids: list[UUID]) -> NoReturn:
    """Say why cards are not shown, when all of them are the order's; else there are none such."""
    rows = await conn.fetch(_HIDDEN, order_id, card_ids)
    if len(rows) < len(card_ids):
        raise Refused(NotFound(what="card", field=("cardIds",)))
    raise Refused(
        *(
            CardNotShown(
                card=row["masked"], reason=f"card_not_shown_{row['state']}", field=("cardIds",)
            )
            for row in rows
        )
    )


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
