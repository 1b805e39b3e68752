"""Whom buyers complain about more than they should, told once when it begins (row M3).

What was counted last is kept, so that nobody counts for a scrape of the figures, and so that each
crossing of the threshold is one event, whoever counts and however often.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from domain.aftersale.queries import SUBJECTS, ComplaintRate, RateBy, rates_between
from domain.kernel import Connection, Event, clock, encode_id, new_id, record_events, transaction
from domain.kernel import wake_relay as wake

HIGH, RECOVERED = "complaints.high", "complaints.recovered"
WATCHED = (RateBy.PRODUCT, RateBy.SUPPLIER, RateBy.AGENT, RateBy.SITE)  # batches freeze themselves
MAX_SUBJECTS = 1_000
_KEEP = """
INSERT INTO complaint_levels AS t (id, by, subject, delivered, disputed, invalid, high, turns,
    counted_at, turned_at)
SELECT n.id, $1, n.subject, n.delivered, n.disputed, n.invalid, n.high, n.high::int, $2, $2
FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bool[])
    AS n (id, subject, delivered, disputed, invalid, high)
ON CONFLICT (by, subject) DO UPDATE SET delivered = EXCLUDED.delivered,
    disputed = EXCLUDED.disputed, invalid = EXCLUDED.invalid, high = EXCLUDED.high,
    turns = t.turns + (t.high <> EXCLUDED.high)::int, counted_at = EXCLUDED.counted_at,
    turned_at = CASE WHEN t.high <> EXCLUDED.high THEN EXCLUDED.turned_at ELSE t.turned_at END
RETURNING new.id, new.subject, new.delivered, new.disputed, new.invalid, new.high, new.turns,
    coalesce(old.high, false) <> new.high AS turned
"""
# Nobody complains about these any more.
_CALM = """
UPDATE complaint_levels SET delivered = 0, disputed = 0, invalid = 0, high = false,
    turns = turns + 1, counted_at = $2, turned_at = $2
WHERE by = $1 AND high AND NOT subject = ANY($3::uuid[])
RETURNING id, subject, delivered, disputed, invalid, high, turns, true AS turned
"""
_FORGET = """
DELETE FROM complaint_levels WHERE by = $1 AND NOT high AND NOT subject = ANY($2::uuid[])
    AND turned_at < $3
"""


@dataclass(slots=True)
class Alarm:
    """From which share on, over which time, and with how many complaints at least, somebody is
    told. Set by the wiring."""

    window: timedelta = timedelta(days=7)
    percent: float = 5.0  # 0: never
    least: int = 5

    def is_high(self, rate: ComplaintRate) -> bool:
        """Whether it is above the threshold."""
        enough = self.percent > 0 and rate.disputed >= self.least
        return enough and rate.disputed * 100 >= self.percent * rate.delivered


alarm = Alarm()


async def watch_complaints() -> int:
    """Count the complaints about what was ordered lately, and tell each crossing of the threshold;
    how many were told."""
    told = 0
    for by in WATCHED:
        moment = clock.now()
        found = await rates_between(by, moment - alarm.window, moment, MAX_SUBJECTS)
        found.sort(key=lambda rate: rate.subject)  # so that two who count never wait in a circle
        async with transaction() as conn:
            told += await _keep(conn, by, found)
    if told:
        wake()
    return told


async def _keep(conn: Connection, by: RateBy, found: Sequence[ComplaintRate]) -> int:
    moment, subjects = clock.now(), [rate.subject for rate in found]
    rows = await conn.fetch(
        _KEEP,
        by.value,
        moment,
        [new_id() for _ in found],
        subjects,
        [rate.delivered for rate in found],
        [rate.disputed for rate in found],
        [rate.invalid for rate in found],
        [alarm.is_high(rate) for rate in found],
    )
    rows += await conn.fetch(_CALM, by.value, moment, subjects)
    await conn.execute(_FORGET, by.value, subjects, moment - alarm.window)
    turned = [_event(by, row) for row in rows if row["turned"]]
    await record_events(conn, turned)
    return len(turned)


def _event(by: RateBy, row: Any) -> Event:
    payload = {
        "by": by.value,
        "subjectId": encode_id(SUBJECTS[by], row["subject"]),
        "delivered": row["delivered"],
        "disputed": row["disputed"],
        "invalid": row["invalid"],
        "percent": alarm.percent,
        "days": alarm.window.days,
    }
    kind = HIGH if row["high"] else RECOVERED
    return Event(kind, row["id"], row["turns"], payload)
