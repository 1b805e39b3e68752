"""Ordering a replacement from a supplier, one attempt at a time, and giving it to its case (M2).

Order, line, case, reorder, batch and cards are locked in this order, as by every decision.
"""

from uuid import UUID

from domain import cards, fulfilment, orders
from domain.aftersale.deciding import SCOPE, decide_locked
from domain.aftersale.decisions import Decision, DecisionWish
from domain.aftersale.locking import Case, lock_case
from domain.aftersale.models import Dispute, DisputeReorder, ReorderState
from domain.aftersale.moves import UNDECIDED
from domain.aftersale.reorders import end_reorder
from domain.cards import CardState
from domain.fulfilment import FulfilmentAttempt
from domain.kernel import (
    SYSTEM,
    Actor,
    ActorKind,
    Connection,
    Refused,
    act_as,
    crash_point,
    transaction,
    wake_relay,
)

SETTLED = "CASE_SETTLED"


async def run_reorder(reorder_id: UUID) -> None:
    """Buy the replacement of a case: at the next offer, and on a sure no at the one after it.

    Does nothing while an attempt of the line is open, or when it is over: anybody may call it.
    """
    while (attempt := await _next_attempt(reorder_id)) is not None:
        crash_point("fulfilment.attempt_committed")
        result = await fulfilment.submit(attempt)
        crash_point("fulfilment.supplier_answered")
        again = await fulfilment.book(attempt, result)
        crash_point("fulfilment.outcome_committed")
        if not again:
            return


async def replacement_came(conn: Connection, reorder_id: UUID) -> None:
    """Give a card that a supplier has just brought for a case to it, in the transaction that puts
    it into the stock and holds the lock of the line's order.

    The goods are paid for whatever became of the case meanwhile: what it cannot take stays on the
    shelf, and the reorder says why.
    """
    known = await DisputeReorder.get(id=reorder_id)
    case = await lock_case(conn, known.dispute_id)
    reorder = await DisputeReorder.filter(id=reorder_id).select_for_update().get()
    if reorder.state is not ReorderState.RUNNING:
        return
    who = Actor(ActorKind.OPERATOR, user_id=reorder.asked_by, scopes=frozenset({SCOPE}))
    wish = DecisionWish(
        case.dispute.id, Decision.REPLACE, reorder.reason, str(reorder.id), reorder.invalid
    )
    try:
        async with conn.transaction():  # a savepoint: the goods are booked all the same
            await end_reorder(reorder)  # nothing is decided while it runs, says the database, too
            await decide_locked(conn, who, case, wish)
    except Refused as refused:
        await end_reorder(reorder, refused.refusals[0].code)


async def _next_attempt(reorder_id: UUID) -> FulfilmentAttempt | None:
    known = await DisputeReorder.get(id=reorder_id)
    dispute = await Dispute.get(id=known.dispute_id)
    async with transaction() as conn:
        await act_as(conn, SYSTEM, "replacement")
        line = await orders.lock_line(conn, dispute.line_id)
        case = await lock_case(conn, dispute.id)
        reorder = await DisputeReorder.filter(id=reorder_id).select_for_update().get()
        if reorder.state is not ReorderState.RUNNING:
            return None
        if not await _waits(conn, case):
            await end_reorder(reorder, SETTLED)
            return None
        found = await fulfilment.open_again(conn, line, reorder_id)
        if found.attempt is None and found.wait_until is None:
            await end_reorder(reorder, fulfilment.NO_SUPPLIER)
        else:
            # Should this process die now, the sweeper looks again from here.
            opened = found.attempt and found.attempt.opened_at + fulfilment.LINE_LEASE
            reorder.due_at = opened or found.wait_until
            await reorder.save(update_fields=["due_at"])
    wake_relay()
    return found.attempt


async def _waits(conn: Connection, case: Case) -> bool:
    """Whether a card in the bad one's place would still be of use."""
    if case.dispute.state not in UNDECIDED or case.dispute.card_id is None:
        return False
    (card,) = await cards.lock_sold(conn, [case.dispute.card_id])
    return card.state in (CardState.DISPUTED, CardState.INVALID_CONFIRMED)
