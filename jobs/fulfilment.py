"""Jobs that buy upstream. Each may run any number of times: the domain sees what is left to do."""

from uuid import UUID

import dramatiq

from domain import fulfilment

QUEUE = "fulfilment"


@dramatiq.actor(queue_name=QUEUE)
async def fulfil_line(line_id: str) -> None:
    """Buy a line from the next supplier, and the next, until it is done or uncertain."""
    await fulfilment.fulfil_line(UUID(line_id))


@dramatiq.actor(queue_name=QUEUE)
async def query_attempt(attempt_id: str) -> None:
    """Ask what became of an attempt whose outcome is not known."""
    await fulfilment.query_attempt(UUID(attempt_id))


@dramatiq.actor(queue_name=QUEUE)
async def recheck_attempt(attempt_id: str) -> None:
    """Ask once more what became of an attempt that is over."""
    await fulfilment.recheck_attempt(UUID(attempt_id))
