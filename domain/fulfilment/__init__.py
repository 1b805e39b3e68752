"""The face of fulfilment."""

from domain.fulfilment.models import AttemptStatus, FulfilmentAttempt
from domain.fulfilment.queries import attempts_of, attempts_of_order, list_due
from domain.fulfilment.service import DueWork, fulfil_line, query_attempt

__all__ = [
    "AttemptStatus",
    "DueWork",
    "FulfilmentAttempt",
    "attempts_of",
    "attempts_of_order",
    "fulfil_line",
    "list_due",
    "query_attempt",
]
