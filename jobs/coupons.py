"""Jobs of coupons. Each may run any number of times: the domain sees what is left to do."""

from uuid import UUID

import dramatiq

from domain import checkout, coupons

QUEUE = "coupons"


@dramatiq.actor(queue_name=QUEUE)
async def make_batch(batch_id: str) -> None:
    """Make the codes of a batch, from where it stood."""
    await coupons.make_batch(UUID(batch_id))


@dramatiq.actor(queue_name=QUEUE)
async def give_back(order_id: str) -> None:
    """All money of an order went back: so do its coupons, where their campaigns say so."""
    await checkout.give_back_coupons(UUID(order_id))
