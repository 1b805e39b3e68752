"""What fulfilment tells the operators: never a code, never a supplier's secret."""

from typing import Any

from domain.fulfilment.models import FulfilmentAttempt
from domain.kernel import Event, Prefix, encode_id
from domain.orders import LockedLine

UNCERTAIN, REROUTED, INCIDENT = "delivery.uncertain", "delivery.rerouted", "delivery.incident"
_SEQUENCE = {UNCERTAIN: 1, REROUTED: 1, INCIDENT: 2}


def uncertain(attempt: FulfilmentAttempt, line: LockedLine) -> Event:
    """Nobody knows whether a supplier has bought; it is queried until it is known."""
    return _event(UNCERTAIN, attempt, line, attempt.category or "unknown")


def rerouted(attempt: FulfilmentAttempt, line: LockedLine) -> Event:
    """A supplier rejected for sure, and the next one is asked."""
    return _event(REROUTED, attempt, line, "next_supplier")


def incident(attempt: FulfilmentAttempt, line: LockedLine, why: str) -> Event:
    """Something that a person should look at: money or goods are not where they should be."""
    return _event(INCIDENT, attempt, line, why)


def _event(kind: str, attempt: FulfilmentAttempt, line: LockedLine, why: str) -> Event:
    payload: dict[str, Any] = {
        "orderId": encode_id(Prefix.ORDER, line.order_id),
        "lineId": encode_id(Prefix.ORDER_LINE, line.id),
        "attemptId": encode_id(Prefix.ATTEMPT, attempt.id),
        "attempt": attempt.number,
        "sku": line.sku,
        "reason": why,
    }
    return Event(kind, attempt.id, _SEQUENCE[kind], payload)
