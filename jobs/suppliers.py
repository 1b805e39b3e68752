"""Jobs that ask suppliers how they are. Each may run any number of times: the domain sees what is
due."""

from uuid import UUID

import dramatiq

from domain import routing

QUEUE = "suppliers"


@dramatiq.actor(queue_name=QUEUE)
async def poll_supplier(supplier_id: str) -> None:
    """Ask a supplier how it is, and what we have left there."""
    await routing.poll_supplier(UUID(supplier_id))
