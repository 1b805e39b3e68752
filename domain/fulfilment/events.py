"""What fulfilment tells the operators: never a code, never a supplier's secret."""

from typing import Any
from uuid import UUID

from domain.fulfilment.models import FulfilmentAttempt, IncidentKind
from domain.kernel import Connection, Event, Prefix, clock, encode_id, new_id, record_events
from domain.orders import LockedLine

UNCERTAIN, REROUTED, INCIDENT = "delivery.uncertain", "delivery.rerouted", "delivery.incident"
NEXT_STEP, UNCERTAIN_LONG = "delivery.next_step", "delivery.uncertain_long"

# One attempt may be told of often (rerouted to, uncertain, then an incident a day), so its events
# are counted. Two cannot count at once: whoever tells holds the lock of the line's order.
_OPEN_INCIDENT = """
INSERT INTO supply_incidents (id, kind, attempt_id, line_id, supplier_id, opened_at, currency, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, '')
ON CONFLICT (attempt_id, kind) WHERE resolution IS NULL DO NOTHING
"""
_NEXT_SEQUENCE = "SELECT coalesce(max(sequence), 0) + 1 FROM outbox_events WHERE subject = $1"


async def tell_uncertain(conn: Connection, attempt: FulfilmentAttempt, line: LockedLine) -> None:
    """Nobody knows whether a supplier has bought; it is queried until it is known."""
    await _tell(conn, UNCERTAIN, attempt, line, attempt.category or "unknown")


async def tell_rerouted(conn: Connection, attempt: FulfilmentAttempt, line: LockedLine) -> None:
    """A supplier rejected for sure, and the next one is asked."""
    await record_events(conn, [rerouted(attempt, line)])


def rerouted(attempt: FulfilmentAttempt, line: LockedLine) -> Event:
    """The same, for the caller to record: the first event of an attempt."""
    return Event(REROUTED, attempt.id, 1, _payload(attempt, line, "next_supplier"))


async def tell_uncertain_long(
    conn: Connection, attempt: FulfilmentAttempt, line: LockedLine
) -> None:
    """An attempt has been open for longer than it should be: it waits for a person, too."""
    await _tell(conn, UNCERTAIN_LONG, attempt, line, attempt.category or attempt.status.value)


async def tell_incident(
    conn: Connection, attempt: FulfilmentAttempt, line: LockedLine, kind: IncidentKind
) -> None:
    """Something that a person should look at: money or goods are not where they should be. It is
    kept as an incident until somebody has."""
    about = (attempt.id, attempt.line_id, attempt.supplier_id)
    told = (new_id(), kind.value, *about, clock.now(), attempt.currency)
    await conn.execute(_OPEN_INCIDENT, *told)
    await _tell(conn, INCIDENT, attempt, line, kind.value)


async def tell_next(conn: Connection, subject: UUID, attempt: FulfilmentAttempt, then: str) -> None:
    """A job is to go on with an attempt at once: `query`, `recheck`, or `go_on` with its line.
    Each `subject` (a callback, a verdict) tells so once."""
    payload = {"attemptId": str(attempt.id), "lineId": str(attempt.line_id), "then": then}
    await record_events(conn, [Event(NEXT_STEP, subject, 1, payload)])


async def _tell(
    conn: Connection, kind: str, attempt: FulfilmentAttempt, line: LockedLine, why: str
) -> None:
    sequence = await conn.fetchval(_NEXT_SEQUENCE, attempt.id)
    await record_events(conn, [Event(kind, attempt.id, sequence, _payload(attempt, line, why))])


def _payload(attempt: FulfilmentAttempt, line: LockedLine, why: str) -> dict[str, Any]:
    return {
        "orderId": encode_id(Prefix.ORDER, line.order_id),
        "lineId": encode_id(Prefix.ORDER_LINE, line.id),
        "attemptId": encode_id(Prefix.ATTEMPT, attempt.id),
        "attempt": attempt.number,
        "sku": line.sku,
        "reason": why,
    }
