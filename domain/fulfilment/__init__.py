"""The face of fulfilment."""

from domain.fulfilment.manual import (
    HandOver,
    ManualLine,
    claim_line,
    deliver_line,
    fail_line,
    manual_lines,
)
from domain.fulfilment.models import AttemptStatus, FulfilmentAttempt, ManualTask
from domain.fulfilment.queries import (
    attempts_of,
    attempts_of_order,
    find_attempt,
    list_due,
    route_plan,
)
from domain.fulfilment.refusals import LineClosed, LineNotClaimed, LineTaken
from domain.fulfilment.sale import book_refund, book_sale, give_back
from domain.fulfilment.service import DueWork, fulfil_line, query_attempt
from domain.fulfilment.topup import above

__all__ = [
    "AttemptStatus",
    "DueWork",
    "FulfilmentAttempt",
    "HandOver",
    "LineClosed",
    "LineNotClaimed",
    "LineTaken",
    "ManualLine",
    "ManualTask",
    "above",
    "attempts_of",
    "attempts_of_order",
    "book_refund",
    "book_sale",
    "claim_line",
    "deliver_line",
    "fail_line",
    "find_attempt",
    "fulfil_line",
    "give_back",
    "list_due",
    "manual_lines",
    "query_attempt",
    "route_plan",
]
