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
from domain.kernel.named import named

INSERT_EVENTS = """
INSERT INTO outbox_events (id, type, subject, sequence, payload, occurred_at)
SELECT * FROM unnest(:event_ids::uuid[], :event_types::text[], :event_subjects::uuid[],
    :event_sequences::int[], :event_payloads::jsonb[], :event_times::timestamptz[])
"""
_INSERT = named(INSERT_EVENTS)


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
    await conn.execute(_INSERT.text, *_INSERT.values(event_columns(rows)))


def event_columns(events: list[Event]) -> dict[str, list[Any]]:
    """The columns that `INSERT_EVENTS` unnests."""
    moment = clock.now()
    return {
        "event_ids": [new_id() for _ in events],
        "event_types": [event.type for event in events],
        "event_subjects": [event.subject for event in events],
        "event_sequences": [event.sequence for event in events],
        "event_payloads": [orjson.dumps(event.payload).decode() for event in events],
        "event_times": [moment] * len(events),
    }


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
