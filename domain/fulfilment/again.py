"""Buying one piece more for a line that is closed: a case replaces a bad card and none is on the
shelf (row M2).

By the rules of every purchase: the attempt is committed before anything leaves, its reference
stays, only a sure rejection leads to the next offer, and what is uncertain is only asked about. The
goods are no second delivery of the line: they are stock, owed to who brought them, and whoever
ordered them takes the card from there in the same transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import orders, routing, suppliers
from domain.fulfilment.attempts import attempts_of_line, insert_attempt
from domain.fulfilment.models import OPEN, FulfilmentAttempt
from domain.fulfilment.outcomes import open_attempts
from domain.fulfilment.rules import LINE_LEASE
from domain.fulfilment.service import submission_of
from domain.kernel import Connection, clock
from domain.suppliers import SubmitResult


@dataclass(frozen=True, slots=True)
class NextTry:
    """The attempt to submit now; or when to look again; or neither, when nobody is left."""

    attempt: FulfilmentAttempt | None
    wait_until: datetime | None = None


async def open_again(conn: Connection, line: orders.LockedLine, reorder_id: UUID) -> NextTry:
    """The next attempt to buy one piece more, in the caller's transaction, which holds the line.

    Offers that this reorder has asked are not asked again. While any attempt of the line is open
    there is no other one. No piece may cost more than the line's guard says.
    """
    before = await attempts_of_line(conn, line.id)
    if any(each.status in OPEN for each in before):
        return NextTry(None, clock.now() + LINE_LEASE)
    need = routing.Need(
        line_id=line.id,
        number=len(before) + 1,
        variant_id=line.variant_id,
        quantity=1,
        max_unit_cost=line.max_unit_cost,
        tried={each.offer_id for each in before if each.reorder_id == reorder_id},
    )
    choice = await routing.choose(conn, need, open_attempts)
    if choice.candidate is None:
        return NextTry(None, choice.wait_until)
    return NextTry(await insert_attempt(conn, line, choice, need, reorder_id))


async def submit(attempt: FulfilmentAttempt) -> SubmitResult:
    """Place a committed attempt with its supplier, outside any transaction; `book` what it says."""
    adapter, connection = await suppliers.connection_of(attempt.supplier_id)
    return await suppliers.port_of(adapter).submit(connection, submission_of(attempt))
