"""A purchase for stock whose supplier does not tell, ended by an operator who has asked it."""

from uuid import UUID

from domain import audit, fulfilment
from domain.fulfilment import OPEN
from domain.kernel import (
    Actor,
    Invalid,
    NotFound,
    Refused,
    clock,
    crash_point,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.replenishment.approving import APPROVE_SCOPE, MAX_NOTE
from domain.replenishment.booking import book_locked
from domain.replenishment.models import ProposalState, PurchaseProposal, StockPurchase
from domain.suppliers import Category, Rejected


async def give_up(actor: Actor, purchase_id: UUID, reason: str) -> StockPurchase:
    """Say that an open purchase was surely not sold: its money is free again, and its proposal goes
    on to the next offer. Needs `purchases:approve` and a reason; audited.

    The supplier is asked again for some days, as long as it answers; what turns up becomes stock.
    Refuses a purchase that is over (ATTEMPT_CLOSED).
    """
    actor.require_scope(APPROVE_SCOPE)
    told = reason.strip()
    fits = 0 < len(told) <= MAX_NOTE and told.isprintable()
    refuse_unless(fits, Invalid(reason="review_reason", field=("reason",)))
    known = await StockPurchase.filter(id=purchase_id).first()
    if known is None:
        raise Refused(NotFound(what="purchase", field=("purchaseId",)))
    async with transaction() as conn:
        owner = PurchaseProposal.filter(id=known.proposal_id)
        proposal = await owner.select_for_update().get()
        purchase = await StockPurchase.filter(id=purchase_id).select_for_update().get()
        is_open = purchase.status in OPEN
        refuse_unless(is_open, fulfilment.AttemptClosed(field=("purchaseId",)))
        purchase.recheck_at = clock.now() + fulfilment.recheck_in(0)
        rejected = Rejected(Category.PROVIDER_DOWN, "by_operator")
        await book_locked(conn, proposal, purchase, rejected, None)
        if proposal.state is ProposalState.BUYING:
            proposal.due_at = clock.now()
            await proposal.save(update_fields=["due_at"])
        details = {"purchase": str(purchase_id), "reason": told, "reserved": purchase.reserved}
        await audit.record(conn, actor, "purchase.give_up", proposal.id, details)
        crash_point("replenishment.given_up_written")
    wake_relay()
    return purchase
