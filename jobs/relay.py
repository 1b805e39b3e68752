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
from domain.kernel import claim_unpublished, crash_point, mark_published, transaction
from jobs import notifications as notification_jobs
from jobs import webhooks as webhook_jobs
from jobs.hints import hint_of, publish
from jobs.reactions import messages_for

BATCH = 200


async def run_once() -> int:
    """Carry one batch of events; how many there were."""
    async with transaction() as conn:
        rows = await claim_unpublished(conn, BATCH)
        made = await webhooks.fan_out(conn, rows)
        told = [row.id for row in rows if row.type in notifications.EVENTS]
        written = await notifications.fan_out(conn, told) if told else []
    if not rows:
        return 0
    await publish(hint_of(rows))
    due = await webhooks.list_due(BATCH) if made else []
    deliveries = [webhook_jobs.deliver.message(str(delivery)) for delivery in due]
    messages = [notification_jobs.send.message(str(each)) for each in written]
    await enqueue([*messages_for(rows), *deliveries, *messages])
    crash_point("relay.sent")
    async with transaction() as conn:
        await mark_published(conn, [row.id for row in rows])
    crash_point("relay.marked")
    return len(rows)


async def enqueue(messages: Iterable[Message[Any]]) -> None:
    """Send messages to the queue; off the loop, because its client blocks."""
    waiting = list(messages)
    if waiting:
        await asyncio.to_thread(_send, waiting)


def _send(messages: list[Message[Any]]) -> None:
    broker = dramatiq.get_broker()
    for message in messages:
        broker.enqueue(message)
