"""Reads of messages, for the back office. None of them shows a recipient, an address or a text."""

from collections.abc import Sequence
from uuid import UUID

from domain.kernel import Actor, Page, PageRequest, connection, page_of
from domain.notifications.models import (
    Notification,
    NotificationChannel,
    NotificationState,
    NotificationTemplate,
)
from domain.notifications.service import READ

_COSTS = """
SELECT order_id, sum(cost)::bigint AS cost FROM notifications WHERE order_id = ANY($1) GROUP BY 1
"""


async def list_notifications(
    actor: Actor,
    page: PageRequest,
    order_id: UUID | None = None,
    state: NotificationState | None = None,
) -> Page[Notification]:
    """Messages, newest first, of one order or in one state; needs `notifications:read`."""
    actor.require_scope(READ)
    rows = Notification.all().select_related("channel").order_by("-id").limit(page.first + 1)
    if order_id is not None:
        rows = rows.filter(order_id=order_id)
    if state is not None:
        rows = rows.filter(state=state)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def list_channels(actor: Actor) -> list[NotificationChannel]:
    """All channels; needs `notifications:read`."""
    actor.require_scope(READ)
    return await NotificationChannel.all().order_by("site_id", "code")


async def list_templates(actor: Actor) -> list[NotificationTemplate]:
    """All templates that were saved; needs `notifications:read`."""
    actor.require_scope(READ)
    rows = NotificationTemplate.all()
    return await rows.order_by("site_id", "event", "medium", "language")


async def costs_of(order_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What the messages of orders have cost, in units; one statement for all."""
    async with connection() as conn:
        rows = await conn.fetch(_COSTS, list(order_ids))
    return {row["order_id"]: row["cost"] for row in rows}
