"""Booking direct top-ups: goods that nobody can put on a shelf (mission rows A1, C2).

What a supplier topped up is with the buyer whatever we book. So a whole one is the line's delivery.
A part of one is, too, and the rest of its price goes back in the same transaction; where the
supplier does not say how much it was, all of the price goes back. That, and what came when its line
was closed, is paid for and lost. A part of a top-up ends the line: asking the next supplier for all
of it would give twice.
"""

from domain import orders
from domain.fulfilment.events import tell_incident
from domain.fulfilment.models import AttemptStatus, FulfilmentAttempt, IncidentKind
from domain.fulfilment.outcomes import finish, post_supply
from domain.fulfilment.rules import lacking_of
from domain.fulfilment.sale import PARTLY_DELIVERED, above, book_refund, book_sale
from domain.kernel import SCALE, Connection, minor_step
from domain.ledger import AccountKind
from domain.suppliers import Completed

MAX_RECEIPT_LETTERS = 200


async def topup_completed(
    conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt, result: Completed
) -> bool:
    """Book what a supplier says it topped up; never True, as no other offer is asked after it."""
    if line.status not in orders.OPEN_LINES:
        await topup_late(conn, line, attempt, result)
        return False
    total = line.unit_price * line.quantity
    share = SCALE if result.whole else result.share
    lacking = lacking_of(total, share, minor_step(line.currency))
    if not result.whole:
        await tell_incident(conn, attempt, line, IncidentKind.NOT_WHOLE)
    if not share or lacking >= total > 0:
        await _finish_lost(conn, attempt, result)
        await book_refund(conn, line, PARTLY_DELIVERED)
        return False
    await finish(conn, attempt, AttemptStatus.SUCCEEDED, result.cost, result.upstream_id)
    receipt = (result.receipt or result.upstream_id or attempt.reference)[:MAX_RECEIPT_LETTERS]
    await book_sale(conn, line, result.cost, attempt.supplier_id, receipt=receipt, lacking=lacking)
    if lacking:
        if above.give_back is None:
            raise RuntimeError("nobody is registered to give back what was not delivered")
        await above.give_back(conn, line.order_id, line.id, lacking)
    if result.cost > total - lacking:
        await tell_incident(conn, attempt, line, IncidentKind.ABOVE_PRICE)
    if result.codes:
        await tell_incident(conn, attempt, line, IncidentKind.SURPLUS)
    return False


async def topup_late(
    conn: Connection, line: orders.LockedLine, attempt: FulfilmentAttempt, result: Completed
) -> None:
    """A top-up after its line was closed: the supplier is owed for it, and it is a loss."""
    await _finish_lost(conn, attempt, result)
    await tell_incident(conn, attempt, line, IncidentKind.CAME_LATE)


async def _finish_lost(conn: Connection, attempt: FulfilmentAttempt, result: Completed) -> None:
    attempt.parked = True
    await finish(conn, attempt, AttemptStatus.SUCCEEDED, result.cost, result.upstream_id)
    await post_supply(conn, attempt, inventory=0, lost=result.cost, to=AccountKind.LOSS)
