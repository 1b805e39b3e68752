"""The job that sends messages to buyers and staff."""

from uuid import UUID

import dramatiq

from domain import notifications

QUEUE = "notifications"


@dramatiq.actor(queue_name=QUEUE)
async def send(notification_id: str) -> None:
    """Try one message, once."""
    await notifications.send(UUID(notification_id))
