"""Selling a paid order its own cards, for whoever has just found it paid or released it."""

from domain import cards, fulfilment, orders
from domain.catalog import CARD_KINDS, DeliveryKind
from domain.kernel import Connection

_ANY_PRICE = 2**62
_ALLOWED = "SELECT id FROM variants WHERE id = ANY($1::uuid[]) AND sold_below_cost"


async def deliver_own(conn: Connection, order: orders.LockedOrder) -> None:
    """Sell the order its own cards and book each line that has all of its own.

    In the caller's transaction, which has locked the order.
    """
    allowed = {row["id"] for row in await conn.fetch(_ALLOWED, [x.variant_id for x in order.lines])}
    for line in sorted(order.lines, key=lambda each: each.variant_id):
        if line.delivery_kind not in CARD_KINDS:
            continue
        gift = line.delivery_kind is DeliveryKind.GIFT_CARD
        dearest = _ANY_PRICE if line.variant_id in allowed or gift else line.max_unit_cost
        need = cards.LineNeed(line.id, line.variant_id, line.quantity, order.site_id, dearest)
        cost = await cards.serve_line(conn, need)
        if cost is not None:
            locked = await orders.lock_line(conn, line.id)
            await fulfilment.book_sale(conn, locked, cost, None)
