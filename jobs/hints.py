"""Tells the API's processes which orders have changed: ids and numbers, never data.

A hint is sent after the change was committed, and may be lost: whoever listens compares versions
with the database at intervals (server/live.py).
"""

import asyncio
from collections.abc import Iterable

import dramatiq
import orjson
import structlog
from dramatiq.brokers.redis import RedisBroker
from redis.exceptions import RedisError

from domain.kernel import OutboxRow

CHANNEL = "kameng:orders"
ABOUT_ORDERS = "order."

log = structlog.get_logger(__name__)


def hint_of(rows: Iterable[OutboxRow]) -> bytes | None:
    """The orders that these events tell of, each with its highest sequence; None without any."""
    newest: dict[str, int] = {}
    for row in rows:
        if row.type.startswith(ABOUT_ORDERS):
            order = str(row.subject)
            newest[order] = max(row.sequence, newest.get(order, 0))
    return orjson.dumps(newest) if newest else None


async def publish(hint: bytes | None) -> None:
    """Send a hint; off the loop, because the queue's client blocks. A lost one is only told."""
    broker = dramatiq.get_broker()
    if hint is None or not isinstance(broker, RedisBroker):
        return
    try:
        await asyncio.to_thread(broker.client.publish, CHANNEL, hint)
    except (RedisError, OSError) as error:
        log.warning("order_hint_lost", problem=type(error).__name__)
