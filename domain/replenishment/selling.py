"""What was sold, day by day: counted from the order lines, so that plans need not read them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from domain.kernel import Connection, clock, connection, transaction
from domain.replenishment.models import SalesDay
from domain.replenishment.rules import MONTH

YOUNG_DAYS = 3  # counted anew each time: what was ordered then may be delivered only now
KEPT_DAYS = 400
FIRST_DAYS = 60  # of history that is counted when nothing was yet

# Ids are made in the order of time, so the lines of a day are one stretch of the primary key.
_COUNT = """
INSERT INTO sales_days (id, variant_id, day, pieces, revenue, cost)
SELECT gen_random_uuid(), variant_id, $3, sum(delivered_quantity), sum(unit_price * quantity),
    sum(cost)
FROM order_lines WHERE id >= $1 AND id < $2 AND status = 'DELIVERED' GROUP BY variant_id
ON CONFLICT (variant_id, day) DO UPDATE
    SET pieces = excluded.pieces, revenue = excluded.revenue, cost = excluded.cost
"""
_DAILY = """
SELECT variant_id, day, pieces FROM sales_days WHERE variant_id = ANY($1) AND day >= $2 AND day < $3
"""
_REVENUES = """
SELECT variant_id, sum(revenue)::bigint AS revenue FROM sales_days
WHERE day >= $1 AND day < $2 GROUP BY variant_id
"""


async def count_days() -> int:
    """Count the sales of the days that may still change; how many days."""
    today = clock.now().date()
    async with connection() as conn:
        newest = await conn.fetchval("SELECT max(day) FROM sales_days")
    first = today - timedelta(days=FIRST_DAYS)
    if newest is not None:
        first = max(first, min(newest, today) - timedelta(days=YOUNG_DAYS))
    days = [first + timedelta(days=each) for each in range((today - first).days + 1)]
    for day in days:
        async with transaction() as conn:
            await conn.execute(_COUNT, _first_id(day), _first_id(day + timedelta(days=1)), day)
    await SalesDay.filter(day__lt=today - timedelta(days=KEPT_DAYS)).delete()
    return len(days)


async def daily_of(
    conn: Connection, variant_ids: Sequence[UUID], today: date
) -> dict[UUID, list[int]]:
    """Pieces sold of variants on each of the last four weeks' days before today, oldest first."""
    first = today - timedelta(days=MONTH)
    found = {each: [0] * MONTH for each in variant_ids}
    for variant_id, day, pieces in await conn.fetch(_DAILY, list(variant_ids), first, today):
        found[variant_id][(day - first).days] = pieces
    return found


async def revenues(conn: Connection, today: date) -> Mapping[UUID, int]:
    """What each variant brought in during the last four weeks before today."""
    rows = await conn.fetch(_REVENUES, today - timedelta(days=MONTH), today)
    return {row["variant_id"]: row["revenue"] for row in rows}


def _first_id(day: date) -> UUID:
    """The smallest id that could have been made on a day; see `kernel.new_id`."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return UUID(int=int(midnight.timestamp() * 1000) << 80)
