"""Jobs of real names: providers asked. Each may run any number of times."""

from uuid import UUID

import dramatiq

from domain import realname

QUEUE = "realname"


@dramatiq.actor(queue_name=QUEUE)
async def check_name(case_id: str) -> None:
    """Ask the provider about a case that is due."""
    await realname.check_case(UUID(case_id))
