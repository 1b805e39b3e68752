"""A held order gets its second look: released to be delivered, or rejected and refunded (row C9).

The order is locked before its case, its lines, its payment and its cards, as everywhere: of two
reviewers at once the second finds the case decided.
"""

from enum import StrEnum
from uuid import UUID

import asyncpg

from domain import cards, fulfilment, ledger, orders, risk
from domain.checkout.delivering import deliver_own
from domain.kernel import (
    Actor,
    Busy,
    Connection,
    Refused,
    act_as,
    crash_point,
    transaction,
    wake_relay,
)
from domain.ledger import AccountKind
from domain.risk import RiskCase, RiskCaseState

REJECTED = "RISK_REJECTED"
SCOPE = "risk:write"
TRIES = 5


class ReviewDecision(StrEnum):
    """What a reviewer says."""

    RELEASE = "RELEASE"
    REJECT = "REJECT"


_ENDS = {
    ReviewDecision.RELEASE: RiskCaseState.RELEASED,
    ReviewDecision.REJECT: RiskCaseState.REJECTED,
}


async def decide_case(actor: Actor, case_id: UUID, decision: ReviewDecision, note: str) -> RiskCase:
    """Release a held order, or reject it. Needs `risk:write`; audited; once for each case.

    A released order is delivered as if it were paid now: from the cards that it still holds, the
    shelf, a supplier, and what nobody delivers is refunded. A rejected one is refunded whole, the
    way its money came. Refuses a case that is decided otherwise or by somebody else, or that
    another reviewer has claimed; the same decision again answers what came of it.
    """
    actor.require_scope(SCOPE)
    for _ in range(TRIES):
        try:
            async with transaction() as conn:
                case = await _decide(conn, actor, case_id, decision, note)
                crash_point("checkout.review_written")
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "shared_use_once":
                raise
            continue  # another buyer took the same use of a shared code
        crash_point("checkout.reviewed")
        wake_relay()
        return case
    raise Refused(Busy())


async def _decide(
    conn: Connection, actor: Actor, case_id: UUID, decision: ReviewDecision, note: str
) -> RiskCase:
    order = await orders.lock_order(conn, await risk.order_of_case(conn, case_id))
    earlier = await RiskCase.get(id=case_id)
    if earlier.decided_by == actor.user_id and earlier.state is _ENDS[decision]:
        return earlier  # the same word again: its answer was lost
    case = await risk.lock_case(actor, case_id)
    if decision is ReviewDecision.RELEASE:
        await risk.close_case(conn, actor, case, RiskCaseState.RELEASED, note)
        await orders.order_paid(conn, order)
        await deliver_own(conn, order)
    else:
        await risk.close_case(conn, actor, case, RiskCaseState.REJECTED, note)
        await _reject(conn, actor, order)
    return case


async def _reject(conn: Connection, actor: Actor, order: orders.LockedOrder) -> None:
    await orders.order_rejected(conn, order, REJECTED)
    wallet = (AccountKind.WALLET, order.buyer_id, order.currency)
    await ledger.open_accounts(conn, [wallet])
    for line in order.lines:
        locked = await orders.lock_line(conn, line.id)
        await fulfilment.give_back(conn, locked, REJECTED)
    await act_as(conn, actor, "order rejected")
    for hold in await cards.holds_of_lines(conn, [line.id for line in order.lines]):
        await cards.release_hold(conn, hold)
