"""Booking direct top-ups: goods that nobody can put on a shelf (mission rows A1, C2).

What a supplier topped up is with the buyer whatever we book. So a whole one is the line's delivery;
a part of one, and one that came when its line was closed, are paid for and lost, and are told to
people. A part of a top-up ends the line: asking the next supplier for all of it would give twice.
"""

from domain import orders
from domain.fulfilment.events import tell_incident
from domain.fulfilment.models import AttemptStatus, FulfilmentAttempt
from domain.fulfilment.outcomes import finish, post_supply
from domain.fulfilment.sale import book_refund, book_sale
from domain.kernel import Connection
from domain.ledger import AccountKind
from domain.suppliers import Completed

PARTLY_DELIVERED = "PARTLY_DELIVERED"
MAX_RECEIPT_LETTERS = 200


async def topup_completed(
    conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt, result: Completed
) -> bool:
    """Book what a supplier says it topped up; never True, as no other offer is asked after it."""
    if line.status not in orders.OPEN_LINES:
        await topup_late(conn, line, attempt, result)
        return False
    if not result.whole:
        await _finish_lost(conn, line, attempt, result, "not_whole")
        await book_refund(conn, line, PARTLY_DELIVERED)
        return False
    await finish(attempt, AttemptStatus.SUCCEEDED, result.cost, result.upstream_id)
    receipt = (result.receipt or result.upstream_id or attempt.reference)[:MAX_RECEIPT_LETTERS]
    await book_sale(conn, line, result.cost, attempt.supplier_id, receipt=receipt)
    if result.cost > line.unit_price * line.quantity:
        await tell_incident(conn, attempt, line, "above_price")
    if result.codes:
        await tell_incident(conn, attempt, line, "surplus")
    return False


async def topup_late(
    conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt, result: Completed
) -> None:
    """A top-up after its line was closed: the supplier is owed for it, and it is a loss."""
    await _finish_lost(conn, line, attempt, result, "came_late")


async def _finish_lost(
    conn: Connection,
    line: orders.LockedLine,
    attempt: FulfilmentAttempt,
    result: Completed,
    why: str,
) -> None:
    attempt.parked = True
    await finish(attempt, AttemptStatus.SUCCEEDED, result.cost, result.upstream_id)
    await post_supply(conn, attempt, inventory=0, lost=result.cost, to=AccountKind.LOSS)
    await tell_incident(conn, attempt, line, why)
