"""News of an order that change neither its status nor its lines: cases of after-sale (row M1)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from domain.kernel import Connection, record_events
from domain.orders.events import order_event
from domain.orders.unpaid import LockedOrder

_TOLD = "UPDATE orders SET event_count = $2, version = version + 1 WHERE id = $1"


async def order_told(
    conn: Connection, order: LockedOrder, event: str, details: Mapping[str, Any]
) -> None:
    """The next event of an order that the caller has locked; whoever watches it live looks again.

    `details` are plain values, added to the snapshot that every event of an order carries.
    """
    order.event_count += 1
    await conn.execute(_TOLD, order.id, order.event_count)
    told = order_event(event, order.event_count, order, order.lines)
    await record_events(conn, [replace(told, payload={**told.payload, **details})])
