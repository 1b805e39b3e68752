"""The job that writes the archive of an approved export."""

from uuid import UUID

import dramatiq

from domain import vault

QUEUE = "exports"


@dramatiq.actor(queue_name=QUEUE)
async def write_export(export_id: str) -> None:
    """Write what is missing of an archive; does nothing when it is done or another one works."""
    await vault.write_export(UUID(export_id))
