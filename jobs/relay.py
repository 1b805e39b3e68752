"""The relay: carries committed events to webhooks, messages and jobs (invariant I16).

Events are read and their deliveries made in one transaction; messages go out after it, because the
queue is on the network; then the events are marked. Whoever dies in between sends again, and all
receivers of messages can bear that.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import dramatiq
from dramatiq import Message

from domain import notifications, webhooks
from domain.kernel import (
    claim_unpublished,
    connection,
    crash_point,
    mark_published,
    transaction,
)
from jobs import notifications as notification_jobs
from jobs import webhooks as webhook_jobs
from jobs.hints import AGENTS_CHANNEL, agents_hint_of, hint_of, publish
from jobs.reactions import messages_for

BATCH = 200
LONG_QUEUE = 500  # messages that wait; the sweep adds nothing to such a queue


async def run_once() -> int:
    """Carry one batch of events; how many there were."""
    async with transaction() as conn:
        rows = await claim_unpublished(conn, BATCH)
        made = await webhooks.fan_out(conn, rows)
        told = {row.id: row.type for row in rows if row.type in notifications.EVENTS}
        written = await notifications.fan_out(conn, told) if told else []
    if not rows:
        return 0
    await publish(hint_of(rows))
    await publish(agents_hint_of(rows), AGENTS_CHANNEL)
    due = await webhooks.list_due(BATCH) if made else []
    deliveries = [webhook_jobs.deliver.message(str(delivery)) for delivery in due]
    messages = [notification_jobs.send.message(str(each)) for each in written]
    await enqueue([*messages_for(rows), *deliveries, *messages])
    crash_point("relay.sent")
    async with connection() as conn:  # one statement: a transaction of its own
        await mark_published(conn, [row.id for row in rows])
    crash_point("relay.marked")
    return len(rows)


async def enqueue(messages: Iterable[Message[Any]]) -> None:
    """Send messages to the queue; off the loop, because its client blocks."""
    waiting = list(messages)
    if waiting:
        await asyncio.to_thread(_send, waiting)


async def enqueue_where_room(messages: Iterable[Message[Any]]) -> int:
    """Send what is due to queues that are short; how many messages were sent.

    What is due stays due until it was worked off, so each sweep would send it once more. A queue
    that is long would be buried under its own repetitions, and what is new would wait behind them:
    it gets nothing until it is short again, and what was lost comes then.
    """
    waiting = list(messages)
    if not waiting:
        return 0
    return await asyncio.to_thread(_send_where_room, waiting)


def _send_where_room(messages: list[Message[Any]]) -> int:
    broker: Any = dramatiq.get_broker()
    queues = {message.queue_name for message in messages}
    # Those that are in the hands of workers, of dead ones too, are not in the list any more.
    short = {
        name for name in queues if broker.client.llen(f"{broker.namespace}:{name}") < LONG_QUEUE
    }
    wanted = [message for message in messages if message.queue_name in short]
    _send(wanted)
    return len(wanted)


def _send(messages: list[Message[Any]]) -> None:
    broker = dramatiq.get_broker()
    for message in messages:
        broker.enqueue(message)
