"""The job that sends webhooks."""

from uuid import UUID

import dramatiq

from domain import webhooks

QUEUE = "webhooks"


@dramatiq.actor(queue_name=QUEUE)
async def deliver(delivery_id: str) -> None:
    """Try one delivery, and those of the same subject that waited for it."""
    await webhooks.deliver(UUID(delivery_id))
