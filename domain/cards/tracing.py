"""The hash chain over card events (mission row B6): it follows the commits, like the ledger's.

A purchase writes its event and knows nothing of the chain. Ids of events are made of the
database's own clock, so an event that is not sealed yet is never older than the oldest transaction
that ran when the sealer last looked (docs/decisions/0004, 0014).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from domain.cards.trace_rules import FIRST_DIGEST, event_digest
from domain.kernel import Connection, transaction

BATCH_EVENTS = 2_000
BATCHES_A_TURN = 10
WINDOW_SECONDS = 120
WHOLE_WINDOW_EVERY = 20  # turns of one process
SKEW_SECONDS = 5
_LOCK = 7_251_021
_turns = count()

# Whose an order is belongs to what is sealed; the purchase need not write it once more.
EVENT = """
e.id, e.card_id, e.batch_id, e.sequence, e.at, e.action, e.old_state, e.new_state,
e.order_line_id, e.unit_number, e.attempt_id, e.actor_kind, e.actor_id, e.reason,
e.details::text AS details, e.first_card, e.last_card, e.cards, sha256(e.marks) AS marks,
o.order_id, o.buyer_id
"""
# LIMIT 1 makes each of these a look along an index: of `LIMIT $n` and of arrays the planner expects
# so many rows that it would rather read whole tables.
ORDER_OF_EVENT = """
LEFT JOIN LATERAL (
    SELECT o.id AS order_id, o.buyer_id FROM order_lines l JOIN orders o ON o.id = l.order_id
    WHERE l.id = e.order_line_id LIMIT 1) o ON true
"""
_LAST = "SELECT sequence, digest, sealed_at FROM card_seals ORDER BY sequence DESC LIMIT 1"
_OLDEST = """
SELECT clock_timestamp() AS now, coalesce(min(xact_start), clock_timestamp()) AS oldest
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_UNSEALED = f"""
SELECT {EVENT} FROM card_events e {ORDER_OF_EVENT}
WHERE e.id >= $1 AND (SELECT true FROM card_seals s WHERE s.event_id = e.id) IS NULL
ORDER BY e.id LIMIT $2
"""  # noqa: S608
_SEAL = """
INSERT INTO card_seals (sequence, event_id, digest, sealed_at)
SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::timestamptz[])
"""
_HEAD = "SELECT sequence, digest FROM card_seals ORDER BY sequence DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of a chain; before the first one, number 0."""

    sequence: int = 0
    digest: bytes = FIRST_DIGEST


def floor_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 of that millisecond: ids are ordered by time."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


async def seal_card_events(*, wait: bool = False) -> int:
    """Extend the chain over events committed since; returns how many links were added. While
    somebody else is at it there is nothing to do, unless the caller waits to find it done."""
    added = 0
    for _ in range(BATCHES_A_TURN):
        more = await _seal_batch(wait=wait)
        added += more
        if more < BATCH_EVENTS:
            break
    return added


async def head_of(conn: Connection) -> Head:
    """The end of the chain as it is now."""
    row = await conn.fetchrow(_HEAD)
    return Head(row["sequence"], row["digest"]) if row else Head()


async def _seal_batch(*, wait: bool) -> int:
    async with transaction() as conn:
        if wait:
            await conn.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        elif not await conn.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
            return 0
        last = await conn.fetchrow(_LAST)
        running = await conn.fetchrow(_OLDEST)
        events = await conn.fetch(_UNSEALED, _floor(last, running["oldest"]), BATCH_EVENTS)
        if not events:
            return 0
        digest, sequence = (last["digest"], last["sequence"]) if last else (FIRST_DIGEST, 0)
        digests = []
        for event in events:
            digest = event_digest(digest, event)
            digests.append(digest)
        # The last row of a full batch bounds `sealed_at`, so that a backlog stays in the window.
        full = len(events) == BATCH_EVENTS
        moment = min(running["now"], events[-1]["at"]) if full else running["now"]
        numbers = list(range(sequence + 1, sequence + 1 + len(events)))
        ids = [event["id"] for event in events]
        await conn.execute(_SEAL, numbers, ids, digests, [moment] * len(ids))
    return len(events)


def _floor(last: Any, oldest: datetime) -> UUID:
    """From which id on something may be unsealed.

    A transaction that ended since the last turn is not running any more, and its events may be
    older than the last seal: the whole window is looked through now and then.
    """
    if last is None:
        return UUID(int=0)
    sealed_at: datetime = last["sealed_at"]
    if next(_turns) % WHOLE_WINDOW_EVERY == 0:
        return floor_of(sealed_at - timedelta(seconds=WINDOW_SECONDS))
    return floor_of(min(sealed_at, oldest) - timedelta(seconds=SKEW_SECONDS))
