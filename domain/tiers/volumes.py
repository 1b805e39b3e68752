"""What agents turned over in a month, counted from the order lines for the price book (row E1).

Purchases for their own stock and sales to their own customers; never what somebody below them
bought or sold, which would be pay for a downline (money.md part 7).
"""

from datetime import timedelta

from domain import pricebook
from domain.kernel import clock, transaction
from domain.tiers.rules import due_month, first_id, next_month, start_of, times
from domain.tiers.statements import SLOW_DELIVERY_DAYS, VOLUMES
from domain.tiers.terms import CURRENCY


async def count_volumes() -> int:
    """Count the last month that is over for long enough, once; how many agents turned something
    over. What it brings is in force until the next month is counted."""
    month = due_month(clock.now())
    begins, ends = start_of(month), start_of(next_month(month))
    following = start_of(next_month(next_month(month)))
    async with transaction() as conn:
        if not await pricebook.wants_volumes(conn, month):
            return 0
        oldest = first_id(begins - timedelta(days=SLOW_DELIVERY_DAYS))
        rows = await conn.fetch(VOLUMES, begins, ends, oldest, CURRENCY)
        volumes = {row["agent_id"]: row["volume"] for row in rows}
        valid = (ends + times.settle, following + times.settle)
        return await pricebook.keep_volumes(conn, month, volumes, valid)
