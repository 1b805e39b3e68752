"""Tells the API's processes which orders and agents have changed: ids and numbers, never data.

A hint is sent after the change was committed, and may be lost: whoever listens compares with the
database at intervals (server/live.py). Whose an order is, is not said here: the listeners ask that
of the agents that they have at hand.
"""

import asyncio
from collections.abc import Iterable

import dramatiq
import orjson
import structlog
from dramatiq.brokers.redis import RedisBroker
from redis.exceptions import RedisError

from domain.kernel import OutboxRow, Prefix, decode_id

CHANNEL, AGENTS_CHANNEL = "kameng:orders", "kameng:agents"
ABOUT_ORDERS = "order."
ABOUT_EARNINGS = ("commission.", "payout.")

log = structlog.get_logger(__name__)


def hint_of(rows: Iterable[OutboxRow]) -> bytes | None:
    """The orders that these events tell of, each with its highest sequence; None without any."""
    newest: dict[str, int] = {}
    for row in rows:
        if row.type.startswith(ABOUT_ORDERS):
            order = str(row.subject)
            newest[order] = max(row.sequence, newest.get(order, 0))
    return orjson.dumps(newest) if newest else None


def agents_hint_of(rows: Iterable[OutboxRow]) -> bytes | None:
    """The agents whose commission moved by another way than an order's; None without any."""
    moved = {
        str(decode_id(Prefix.AGENT, row.payload["agentId"])): row.sequence
        for row in rows
        if row.type.startswith(ABOUT_EARNINGS) and "agentId" in row.payload
    }
    return orjson.dumps(moved) if moved else None


async def publish(hint: bytes | None, channel: str = CHANNEL) -> None:
    """Send a hint; off the loop, because the queue's client blocks. A lost one is only told."""
    broker = dramatiq.get_broker()
    if hint is None or not isinstance(broker, RedisBroker):
        return
    try:
        await asyncio.to_thread(broker.client.publish, channel, hint)
    except (RedisError, OSError) as error:
        log.warning("live_hint_lost", problem=type(error).__name__)
