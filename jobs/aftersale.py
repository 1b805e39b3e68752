"""The jobs that ask suppliers about disputed goods, and buy what replaces them."""

from uuid import UUID

import dramatiq

from domain import aftersale

QUEUE = "aftersale"


@dramatiq.actor(queue_name=QUEUE)
async def buy_replacement(reorder_id: str) -> None:
    """Buy the card that replaces a bad one from the next supplier, and the next."""
    await aftersale.run_reorder(UUID(reorder_id))


@dramatiq.actor(queue_name=QUEUE)
async def ask_supplier(dispute_id: str) -> None:
    """Ask once, if it is due."""
    await aftersale.ask_supplier(UUID(dispute_id))
