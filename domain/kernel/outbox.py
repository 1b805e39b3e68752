"""The outbox: facts written in the transaction that makes them true.

The relay (jobs/relay.py) carries them on. Waking it is a hint sent after the commit and never in
it: NOTIFY inside a transaction would make all commits queue for one lock. A lost hint costs one
polling interval, nothing else.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from domain.kernel import clock
from domain.kernel.database import Connection
from domain.kernel.ids import new_id

INSERT_EVENTS = """
INSERT INTO outbox_events (id, type, subject, sequence, payload, occurred_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::jsonb[], $6::timestamptz[])
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact: `type` in the past tense, ids and plain values only, never a secret."""

    type: str
    subject: UUID
    sequence: int
    payload: dict[str, Any]


async def record_events(conn: Connection, events: Iterable[Event]) -> None:
    """Write events in the caller's transaction; the caller calls `wake_relay` after its commit."""
    rows = list(events)
    await conn.execute(INSERT_EVENTS, *event_columns(rows))


def event_columns(events: list[Event]) -> tuple[list[Any], ...]:
    """The six columns that `INSERT_EVENTS` unnests."""
    moment = clock.now()
    return (
        [new_id() for _ in events],
        [event.type for event in events],
        [event.subject for event in events],
        [event.sequence for event in events],
        [orjson.dumps(event.payload).decode() for event in events],
        [moment] * len(events),
    )


_wake: Callable[[], None] | None = None


def on_committed(wake: Callable[[], None]) -> None:
    """Register how this process wakes the relay; must return at once and never raise."""
    global _wake
    _wake = wake


def wake_relay() -> None:
    """Say that events were committed. Without a registered waker the relay's polling finds them."""
    if _wake is not None:
        _wake()


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A committed event, as the relay reads it."""

    id: UUID
    type: str
    subject: UUID
    sequence: int
    payload: dict[str, Any]


_UNPUBLISHED = """
SELECT id, type, subject, sequence, payload FROM outbox_events
WHERE published_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_PUBLISHED = "UPDATE outbox_events SET published_at = $2 WHERE id = ANY($1)"


async def claim_unpublished(conn: Connection, limit: int) -> list[OutboxRow]:
    """The oldest events that nobody has carried yet, locked for the caller's transaction."""
    rows = await conn.fetch(_UNPUBLISHED, limit)
    return [
        OutboxRow(
            row["id"], row["type"], row["subject"], row["sequence"], orjson.loads(row["payload"])
        )
        for row in rows
    ]


async def mark_published(conn: Connection, event_ids: list[UUID]) -> None:
    """Note that these events were carried."""
    await conn.execute(_PUBLISHED, event_ids, clock.now())
