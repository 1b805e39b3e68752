"""Reads of fulfilment."""

from collections.abc import Sequence
from uuid import UUID

from domain.fulfilment.models import FulfilmentAttempt
from domain.fulfilment.service import DueWork
from domain.kernel import Actor, clock, connection

_DUE_LINES = "SELECT id FROM order_lines WHERE due_at <= $1 ORDER BY due_at LIMIT $2"
_DUE_ATTEMPTS = """
SELECT id FROM fulfilment_attempts WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT $2
"""


async def list_due(limit: int) -> DueWork:
    """Lines and attempts that somebody must look at now; at most `limit` of each."""
    moment = clock.now()
    async with connection() as conn:
        lines = await conn.fetch(_DUE_LINES, moment, limit)
        attempts = await conn.fetch(_DUE_ATTEMPTS, moment, limit)
    return DueWork([row["id"] for row in lines], [row["id"] for row in attempts])


async def attempts_of_order(actor: Actor, order_id: UUID) -> list[FulfilmentAttempt]:
    """All attempts for the lines of an order, oldest first; needs `suppliers:read`."""
    actor.require_scope("suppliers:read")
    sql = "SELECT id FROM order_lines WHERE order_id = $1"
    async with connection() as conn:
        lines = [row["id"] for row in await conn.fetch(sql, order_id)]
    return await attempts_of(lines)


async def attempts_of(line_ids: Sequence[UUID]) -> list[FulfilmentAttempt]:
    """All attempts for some lines, oldest first."""
    return await FulfilmentAttempt.filter(line_id__in=list(line_ids)).order_by("opened_at")


async def find_attempt(attempt_id: UUID) -> FulfilmentAttempt | None:
    """An attempt by its id, for the trace of the cards that it brought."""
    return await FulfilmentAttempt.filter(id=attempt_id).first()
