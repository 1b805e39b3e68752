"""What fulfilment tells the operators: never a code, never a supplier's secret."""

from typing import Any

from domain.fulfilment.models import FulfilmentAttempt
from domain.kernel import Connection, Event, Prefix, encode_id, record_events
from domain.orders import LockedLine

UNCERTAIN, REROUTED, INCIDENT = "delivery.uncertain", "delivery.rerouted", "delivery.incident"

# One attempt may be told of often (rerouted to, uncertain, then an incident a day), so its events
# are counted. Two cannot count at once: whoever tells holds the lock of the line's order.
_NEXT_SEQUENCE = "SELECT coalesce(max(sequence), 0) + 1 FROM outbox_events WHERE subject = $1"


async def tell_uncertain(conn: Connection, attempt: FulfilmentAttempt, line: LockedLine) -> None:
    """Nobody knows whether a supplier has bought; it is queried until it is known."""
    await _tell(conn, UNCERTAIN, attempt, line, attempt.category or "unknown")


async def tell_rerouted(conn: Connection, attempt: FulfilmentAttempt, line: LockedLine) -> None:
    """A supplier rejected for sure, and the next one is asked."""
    await _tell(conn, REROUTED, attempt, line, "next_supplier")


async def tell_incident(
    conn: Connection, attempt: FulfilmentAttempt, line: LockedLine, why: str
) -> None:
    """Something that a person should look at: money or goods are not where they should be."""
    await _tell(conn, INCIDENT, attempt, line, why)


async def _tell(
    conn: Connection, kind: str, attempt: FulfilmentAttempt, line: LockedLine, why: str
) -> None:
    payload: dict[str, Any] = {
        "orderId": encode_id(Prefix.ORDER, line.order_id),
        "lineId": encode_id(Prefix.ORDER_LINE, line.id),
        "attemptId": encode_id(Prefix.ATTEMPT, attempt.id),
        "attempt": attempt.number,
        "sku": line.sku,
        "reason": why,
    }
    sequence = await conn.fetchval(_NEXT_SEQUENCE, attempt.id)
    await record_events(conn, [Event(kind, attempt.id, sequence, payload)])
