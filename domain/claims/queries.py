"""Reads of claim links."""

from uuid import UUID

from domain.claims.models import ClaimLink
from domain.kernel import Actor, Page, PageRequest, connection, page_of


async def links_of_order(actor: Actor, order_id: UUID, page: PageRequest) -> Page[ClaimLink]:
    """The links to an order's cards, newest first; of another's order with `orders:read`.

    Refuses (FORBIDDEN) whoever is neither the buyer nor may read orders.
    """
    async with connection() as conn:
        buyer = await conn.fetchval("SELECT buyer_id FROM orders WHERE id = $1", order_id)
    if buyer is None or buyer != actor.user_id:
        actor.require_scope("orders:read")
    rows = ClaimLink.filter(order_id=order_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda link: (link.id,))
