"""Who lets a purchase happen: one operator, or two for a large one, never whoever proposed it."""

from datetime import datetime
from uuid import UUID

from domain import audit
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Refused,
    clock,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.replenishment import events
from domain.replenishment.models import ProposalState, PurchaseProposal
from domain.replenishment.refusals import OtherEyesNeeded, ProposalOver

APPROVE_SCOPE = "purchases:approve"
MAX_NOTE = 500


async def approve(actor: Actor, proposal_id: UUID, note: str = "") -> PurchaseProposal:
    """Approve an open proposal; with the last approval that it needs it is bought. Audited.

    Needs `purchases:approve`. Refuses one that is not open (PROPOSAL_OVER), and whoever proposed or
    approved it already (OTHER_EYES_NEEDED).
    """
    actor.require_scope(APPROVE_SCOPE)
    eyes, moment = actor.require_user(), clock.now()
    refuse_unless(len(note) <= MAX_NOTE, Invalid(reason="contract_note", field=("note",)))
    async with transaction() as conn:
        proposal = await _open_one(proposal_id)
        other = eyes not in (proposal.proposed_by, proposal.first_by)
        refuse_unless(other, OtherEyesNeeded(field=("proposalId",)))
        _take(proposal, eyes, moment)
        proposal.note = note.strip() or proposal.note
        given = 1 + (proposal.second_by is not None)
        if given >= proposal.approvals_needed:
            proposal.state, proposal.due_at = ProposalState.APPROVED, moment
        await proposal.save()
        details = {"approval": given, "of": proposal.approvals_needed, "note": note.strip()}
        await audit.record(conn, actor, "purchase.approve", proposal.id, details)
        if proposal.state is ProposalState.APPROVED:
            await events.tell_purchase(conn, events.APPROVED, proposal)
    wake_relay()
    return proposal


async def decline(actor: Actor, proposal_id: UUID, reason: str) -> PurchaseProposal:
    """Decline an open proposal. Needs `purchases:approve` and a reason; audited."""
    actor.require_scope(APPROVE_SCOPE)
    told = reason.strip()
    fits = 0 < len(told) <= MAX_NOTE
    refuse_unless(fits, Invalid(reason="review_reason", field=("reason",)))
    async with transaction() as conn:
        proposal = await _open_one(proposal_id)
        proposal.state, proposal.note, proposal.closed_at = (
            ProposalState.DECLINED,
            told,
            clock.now(),
        )
        await proposal.save()
        await _declined(conn, actor, proposal, told)
    wake_relay()
    return proposal


def _take(proposal: PurchaseProposal, eyes: UUID, moment: datetime) -> None:
    if proposal.first_by is None:
        proposal.first_by, proposal.first_at = eyes, moment
    else:
        proposal.second_by, proposal.second_at = eyes, moment


async def _open_one(proposal_id: UUID) -> PurchaseProposal:
    proposal = await PurchaseProposal.filter(id=proposal_id).select_for_update().first()
    if proposal is None:
        raise Refused(NotFound(what="purchase proposal", field=("proposalId",)))
    is_open = proposal.state is ProposalState.OPEN
    refuse_unless(is_open, ProposalOver(state=proposal.state.value, field=("proposalId",)))
    return proposal


async def _declined(
    conn: Connection, actor: Actor, proposal: PurchaseProposal, reason: str
) -> None:
    await audit.record(conn, actor, "purchase.decline", proposal.id, {"reason": reason})
    await events.tell_purchase(conn, events.DECLINED, proposal)
