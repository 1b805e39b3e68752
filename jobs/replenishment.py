"""Jobs that buy for stock. Each may run any number of times: the domain sees what is left to do."""

from uuid import UUID

import dramatiq

from domain import replenishment

QUEUE = "replenishment"


@dramatiq.actor(queue_name=QUEUE)
async def plan_some(variant_ids: list[str]) -> None:
    """Propose what these variants need."""
    await replenishment.plan_some([UUID(each) for each in variant_ids])


@dramatiq.actor(queue_name=QUEUE)
async def buy(proposal_id: str) -> None:
    """Buy what a proposal says, until it is done or uncertain."""
    await replenishment.buy(UUID(proposal_id))


@dramatiq.actor(queue_name=QUEUE)
async def query_purchase(purchase_id: str) -> None:
    """Ask what became of a purchase."""
    await replenishment.query_purchase(UUID(purchase_id))


@dramatiq.actor(queue_name=QUEUE)
async def recheck_purchase(purchase_id: str) -> None:
    """Ask again about a purchase that was given up."""
    await replenishment.recheck_purchase(UUID(purchase_id))
