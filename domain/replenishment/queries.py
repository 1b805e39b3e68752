"""Reads of proposals and purchases for stock."""

from collections.abc import Sequence
from uuid import UUID

from domain.kernel import Actor, Page, PageRequest, page_of
from domain.replenishment.models import ProposalState, PurchaseProposal, StockPurchase

READ_SCOPE = "purchases:read"


async def list_proposals(
    actor: Actor, page: PageRequest, states: Sequence[ProposalState] | None = None
) -> Page[PurchaseProposal]:
    """Proposals, newest first; needs `purchases:read`."""
    actor.require_scope(READ_SCOPE)
    rows = PurchaseProposal.all().order_by("-id").limit(page.first + 1)
    if states is not None:
        rows = rows.filter(state__in=list(states))
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def purchases_of(proposal_ids: Sequence[UUID]) -> dict[UUID, list[StockPurchase]]:
    """The purchases of proposals, oldest first; one statement for all."""
    found: dict[UUID, list[StockPurchase]] = {each: [] for each in proposal_ids}
    rows = StockPurchase.filter(proposal_id__in=list(proposal_ids)).order_by("id")
    for purchase in await rows:
        found[purchase.proposal_id].append(purchase)
    return found
