"""How long buyers wait for what they have paid (mission row C6).

Read from the newest lines along their ids, which carry the time they were made, so it costs the
purchase nothing and needs no index.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.catalog import DeliveryKind
from domain.kernel import Actor, Invalid, clock, connection, refuse_unless
from domain.orders.moves import OPEN_LINES

READ_SCOPE = "orders:read"
MAX_PERIOD = timedelta(days=31)
MAX_LINES = 100_000  # the newest of a period
_TIMES = """
WITH newest AS (
    SELECT l.delivery_kind, l.status, l.delivered_at, o.paid_at,
        extract(epoch FROM l.delivered_at - o.paid_at) AS seconds
    FROM order_lines l JOIN orders o ON o.id = l.order_id
    WHERE l.id >= $1 AND l.id < $2 AND o.paid_at IS NOT NULL
    ORDER BY l.id DESC LIMIT $3
), told AS (
    SELECT delivery_kind, count(seconds) AS delivered,
        count(*) FILTER (WHERE seconds IS NULL AND status = ANY($4)) AS waiting,
        count(*) FILTER (WHERE seconds IS NULL AND status = ANY($4) AND paid_at < $5) AS overdue,
        count(*) FILTER (WHERE seconds <= $6) AS in_time,
        percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY seconds) AS seconds
    FROM newest GROUP BY delivery_kind
)
SELECT delivery_kind AS kind, delivered, waiting, overdue, in_time,
    seconds[1]::float AS p50, seconds[2]::float AS p95, seconds[3]::float AS p99
FROM told WHERE delivered > 0 OR waiting > 0 ORDER BY delivery_kind
"""


class Pace:
    """How soon after its payment a line should be delivered. Set by the wiring."""

    target: timedelta = timedelta(seconds=30)


pace = Pace()


@dataclass(frozen=True, slots=True)
class DeliveryTimes:
    """How fast paid lines of one kind were delivered, in seconds from payment to delivery.

    `overdue` of those `waiting` wait longer than the target; `in_time` were delivered within it.
    """

    kind: DeliveryKind
    delivered: int
    waiting: int
    overdue: int
    in_time: int
    p50: float | None
    p95: float | None
    p99: float | None

    @property
    def share_in_time(self) -> float | None:
        """Of all that was delivered, or should have been by now; None while there is nothing."""
        due = self.delivered + self.overdue
        return self.in_time / due if due else None


async def delivery_times(actor: Actor, since: datetime, until: datetime) -> list[DeliveryTimes]:
    """The times of lines that were ordered in a period, by kind of delivery; of at most its newest
    100,000 lines. Needs `orders:read`. Refuses a period that is empty or above 31 days."""
    actor.require_scope(READ_SCOPE)
    fits = since < until and until - since <= MAX_PERIOD
    refuse_unless(fits, Invalid(reason="pace_period", field=("until",)))
    return await times_between(since, until, MAX_LINES)


async def times_between(since: datetime, until: datetime, most: int) -> list[DeliveryTimes]:
    """The same for the house itself, of at most so many lines."""
    late, target = clock.now() - pace.target, pace.target.total_seconds()
    still = [status.value for status in OPEN_LINES]
    async with connection() as conn:
        rows = await conn.fetch(
            _TIMES, _first_id(since), _first_id(until), most, still, late, target
        )
    return [DeliveryTimes(DeliveryKind(row["kind"]), *tuple(row)[1:]) for row in rows]


def _first_id(moment: datetime) -> UUID:
    """The smallest id of that moment."""
    return UUID(int=int(moment.timestamp() * 1_000) << 80)
