"""What agents turned over in a month, counted from the order lines for the price book (row E1).

Purchases for their own stock and sales to their own customers; never what somebody below them
bought or sold, which would be pay for a downline (money.md part 7).
"""

from datetime import datetime, timedelta
from uuid import UUID

from domain import pricebook
from domain.kernel import clock, connection, transaction
from domain.tiers.rules import due_month, first_id, next_month, start_of, times
from domain.tiers.statements import NEXT_AGENTS, SLOW_DELIVERY_DAYS, VOLUMES
from domain.tiers.terms import CURRENCY

SLICE = 200  # agents of one statement


async def count_volumes() -> int:
    """Count the last month that is over for long enough, once; how many agents turned something
    over. What it brings is in force until the next month is counted. Counted in slices of agents,
    outside of any transaction: what is over for so long changes no more."""
    month = due_month(clock.now())
    begins, ends = start_of(month), start_of(next_month(month))
    following = start_of(next_month(next_month(month)))
    async with connection() as conn:
        if not await pricebook.wants_volumes(conn, month):
            return 0
    volumes = await _turned_over(begins, ends)
    valid = (ends + times.settle, following + times.settle)
    async with transaction() as conn:
        if not await pricebook.wants_volumes(conn, month):
            return 0
        return await pricebook.keep_volumes(conn, month, volumes, valid)


async def _turned_over(begins: datetime, ends: datetime) -> dict[UUID, int]:
    """Units by agent, of those that turned something over between two moments."""
    oldest = first_id(begins - timedelta(days=SLOW_DELIVERY_DAYS))
    volumes: dict[UUID, int] = {}
    cursor = UUID(int=0)
    while True:
        async with connection() as conn:
            ids = [row["id"] for row in await conn.fetch(NEXT_AGENTS, cursor, SLICE)]
            rows = await conn.fetch(VOLUMES, ids, begins, ends, oldest, CURRENCY)
        if not ids:
            return volumes
        volumes.update((row["agent_id"], row["volume"]) for row in rows)
        cursor = ids[-1]
