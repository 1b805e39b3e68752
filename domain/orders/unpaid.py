"""Orders that somebody has to pay first: placed, paid, given up (decision 0030).

Everything here runs in the caller's transaction. The order is locked before anything else of it:
payment, cancellation and expiry decide their race by that one lock.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain.catalog import DeliveryKind
from domain.kernel import Connection, NotFound, Refused, clock, record_events
from domain.orders import events
from domain.orders.events import manual_waiting, order_event
from domain.orders.models import LineStatus, Order, OrderLine, OrderStatus
from domain.orders.rules import MANUAL_DUE

_LOCK = """
SELECT id, number, buyer_id, status, currency, total, tier, external_id, event_count, site_id,
    expires_at FROM orders WHERE id = $1 FOR UPDATE
"""
_LINES = """
SELECT id, sku, quantity, status, max_unit_cost, variant_id, delivery_kind
FROM order_lines WHERE order_id = $1 ORDER BY position FOR UPDATE
"""
_PAY = """
UPDATE orders SET status = $2, paid_at = coalesce(paid_at, $3), closed_at = NULL, event_count = $4,
    version = version + 1 WHERE id = $1
"""
_QUEUE = """
UPDATE order_lines SET status = 'QUEUED',
    due_at = CASE WHEN delivery_kind = 'MANUAL' THEN $3 ELSE $2::timestamptz END
WHERE order_id = $1 AND status IN ('WAITING', 'CANCELLED')
"""
_WAIT = "UPDATE order_lines SET status = 'WAITING' WHERE order_id = $1 AND status = 'CANCELLED'"
_END = """
UPDATE orders SET status = $2, closed_at = $3, event_count = $4, version = version + 1
WHERE id = $1
"""
_CANCEL = "UPDATE order_lines SET status = 'CANCELLED' WHERE order_id = $1 AND status = 'WAITING'"
_DUE = """
SELECT id FROM orders WHERE status = 'PENDING_PAYMENT' AND expires_at <= $1
ORDER BY expires_at LIMIT $2
"""
_INSERT_ORDER = """
INSERT INTO orders (id, number, buyer_id, api_key_id, external_id, status, currency, total, tier,
    consumer, agent_chain, event_count, version, placed_at, site_id, expires_at, barred,
    promo_link_id)
VALUES ($1, $2, $3, $4, $5, 'PENDING_PAYMENT', $6, $7, $8, $9, $10, 1, 1, $11, $12, $13, $14,
    $15)
"""
_INSERT_LINE = """
INSERT INTO order_lines (id, order_id, position, variant_id, sku, quantity, unit_price,
    max_unit_cost, status, consumer, delivered_quantity, cost, terms, delivery_kind, type_id,
    type_version, account_sealed, account_masked, bundle_sku, bundle_position, gift, discount)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'WAITING', $9, 0, 0, $10, $11, $12, $13, $14, $15, $16, $17,
    $18, $19)
"""
_REJECT = """
UPDATE order_lines SET status = 'REFUNDED', failure_code = $2
WHERE order_id = $1 AND status = 'WAITING'
"""
ENDED = {
    OrderStatus.CANCELLED: events.CANCELLED,
    OrderStatus.EXPIRED: events.EXPIRED,
    OrderStatus.FAILED: events.FAILED,
}


@dataclass(slots=True)
class UnpaidLine:
    """A line of a locked order."""

    id: UUID
    sku: str
    quantity: int
    status: LineStatus
    max_unit_cost: int
    variant_id: UUID
    delivery_kind: DeliveryKind


@dataclass(slots=True)
class LockedOrder:
    """An order that the caller's transaction has locked, with its lines."""

    id: UUID
    number: str
    buyer_id: UUID
    external_id: str | None
    status: OrderStatus
    currency: str
    total: int
    event_count: int
    site_id: UUID
    expires_at: datetime | None
    lines: list[UnpaidLine]


async def lock_order(conn: Connection, order_id: UUID) -> LockedOrder:
    """Lock an order, then its lines, and read both; refuses an unknown one."""
    row = await conn.fetchrow(_LOCK, order_id)
    if row is None:
        raise Refused(NotFound(what="order", field=("orderId",)))
    lines = await conn.fetch(_LINES, order_id)
    return LockedOrder(
        id=row["id"],
        number=row["number"],
        buyer_id=row["buyer_id"],
        external_id=row["external_id"],
        status=OrderStatus(row["status"]),
        currency=row["currency"],
        total=row["total"],
        event_count=row["event_count"],
        site_id=row["site_id"],
        expires_at=row["expires_at"],
        lines=[_line_of(line) for line in lines],
    )


async def insert_unpaid(conn: Connection, order: Order, lines: list[OrderLine]) -> None:
    """Write an order that waits for its payment, and tell that it was placed."""
    await conn.execute(
        _INSERT_ORDER,
        order.id,
        order.number,
        order.buyer_id,
        order.api_key_id,
        order.external_id,
        order.currency,
        order.total,
        order.tier,
        order.consumer,
        order.agent_chain,
        order.placed_at,
        order.site_id,
        order.expires_at,
        orjson.dumps(order.barred).decode() if order.barred else None,
        order.promo_link_id,
    )
    await conn.executemany(_INSERT_LINE, [_line_columns(order.id, line) for line in lines])
    await record_events(conn, [order_event(events.PLACED, 1, order, lines)])


async def order_paid(conn: Connection, order: LockedOrder, *, review: bool = False) -> None:
    """The order's money is here: its lines are due from now on, or it waits for a second look.

    The caller has checked that the order was unpaid, and books the money; or that it was held, and
    has been looked at: its lines are due as if it were paid now.
    """
    moment = clock.now()
    order.event_count += 1
    order.status = OrderStatus.RISK_REVIEW if review else OrderStatus.PAID
    await conn.execute(_PAY, order.id, order.status.value, moment, order.event_count)
    if review:
        await conn.execute(_WAIT, order.id)
        to, event = LineStatus.WAITING, events.HELD
    else:
        await conn.execute(_QUEUE, order.id, moment, moment + MANUAL_DUE)
        to, event = LineStatus.QUEUED, events.PAID
    for line in order.lines:
        line.status = to
    told = [order_event(event, order.event_count, order, order.lines)]
    by_hand = [line for line in order.lines if line.delivery_kind is DeliveryKind.MANUAL]
    if not review:
        told += [manual_waiting(order, line) for line in by_hand]
    await record_events(conn, told)


async def order_ended(conn: Connection, order: LockedOrder, status: OrderStatus) -> None:
    """Nobody is asked to pay it any more; the caller gives its reservations back."""
    order.event_count += 1
    order.status = status
    await conn.execute(_END, order.id, status.value, clock.now(), order.event_count)
    await conn.execute(_CANCEL, order.id)
    for line in order.lines:
        line.status = LineStatus.CANCELLED
    event = order_event(ENDED[status], order.event_count, order, order.lines)
    await record_events(conn, [event])


async def order_rejected(conn: Connection, order: LockedOrder, failure_code: str) -> None:
    """A held order is never delivered, and its lines are refunded; the caller books the money."""
    order.event_count += 1
    order.status = OrderStatus.REFUNDED
    await conn.execute(_END, order.id, order.status.value, clock.now(), order.event_count)
    await conn.execute(_REJECT, order.id, failure_code)
    for line in order.lines:
        line.status = LineStatus.REFUNDED
    event = order_event(events.DELIVERY_FAILED, order.event_count, order, order.lines)
    await record_events(conn, [event])


async def expired_orders(conn: Connection, limit: int) -> list[UUID]:
    """Unpaid orders whose time is over, the longest overdue first. Nothing is locked."""
    return [row["id"] for row in await conn.fetch(_DUE, clock.now(), limit)]


def _line_of(row: Any) -> UnpaidLine:
    return UnpaidLine(
        id=row["id"],
        sku=row["sku"],
        quantity=row["quantity"],
        status=LineStatus(row["status"]),
        max_unit_cost=row["max_unit_cost"],
        variant_id=row["variant_id"],
        delivery_kind=DeliveryKind(row["delivery_kind"]),
    )


def _line_columns(order_id: UUID, line: OrderLine) -> list[Any]:
    return [
        line.id,
        order_id,
        line.position,
        line.variant_id,
        line.sku,
        line.quantity,
        line.unit_price,
        line.max_unit_cost,
        line.consumer,
        orjson.dumps(line.terms).decode() if line.terms else None,
        line.delivery_kind.value,
        line.type_id,
        line.type_version,
        line.account_sealed,
        orjson.dumps(line.account_masked).decode() if line.account_masked else None,
        line.bundle_sku,
        line.bundle_position,
        line.gift,
        line.discount,
    ]
