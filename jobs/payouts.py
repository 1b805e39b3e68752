"""The job that sends payouts and asks about them; it may run any number of times."""

from uuid import UUID

import dramatiq

from domain import payouts

QUEUE = "payouts"


@dramatiq.actor(queue_name=QUEUE)
async def run_payout(payout_id: str) -> None:
    """Send an approved payout, or ask what became of it."""
    await payouts.run_payout(UUID(payout_id))
