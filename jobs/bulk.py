"""Long work of the back office: imports of large files."""

from uuid import UUID

import dramatiq

from domain import bulk

QUEUE = "bulk"
TIME_LIMIT_MS = 6 * 60 * 60 * 1000


@dramatiq.actor(queue_name=QUEUE, time_limit=TIME_LIMIT_MS, max_retries=0)
async def run_job(job_id: str) -> None:
    """Work a job off, from where it stood."""
    await bulk.run_job(UUID(job_id))
