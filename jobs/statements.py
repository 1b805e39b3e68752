"""Statements of partners, asked for in the background."""

from uuid import UUID

import dramatiq

from domain import statements

QUEUE = "bulk"
TIME_LIMIT_MS = 2 * 60 * 60 * 1000


@dramatiq.actor(queue_name=QUEUE, time_limit=TIME_LIMIT_MS, max_retries=0)
async def pull_statements(source_id: str) -> None:
    """Ask a partner for the days that are not here yet."""
    await statements.pull(UUID(source_id))
