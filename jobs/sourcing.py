"""Jobs that follow suppliers' lists. Each may run any number of times: only one reads at a time."""

from uuid import UUID

import dramatiq

from domain import pricing, sourcing

QUEUE = "sourcing"


@dramatiq.actor(queue_name=QUEUE)
async def read_list(supplier_id: str) -> None:
    """Read the next pages of a supplier's list."""
    await sourcing.read_list(UUID(supplier_id))


@dramatiq.actor(queue_name=QUEUE)
async def ask_told(supplier_id: str) -> None:
    """Ask a supplier for the goods that it said have changed."""
    await sourcing.ask_told(UUID(supplier_id))


@dramatiq.actor(queue_name=QUEUE)
async def convert_again(supplier_id: str) -> None:
    """A supplier was saved: its rate may be another one."""
    await sourcing.convert_again(UUID(supplier_id))


@dramatiq.actor(queue_name=QUEUE)
async def watch_prices(variant_ids: list[str]) -> None:
    """Costs of these variants changed: their prices are judged at once."""
    await pricing.watch_prices([UUID(each) for each in variant_ids])
