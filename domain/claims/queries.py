"""Reads of claim links."""

from uuid import UUID

from domain.claims.models import ClaimLink
from domain.kernel import (
    Actor,
    NotFound,
    Page,
    PageRequest,
    connection,
    page_of,
    refuse_unless,
)


async def links_of_order(actor: Actor, order_id: UUID, page: PageRequest) -> Page[ClaimLink]:
    """The links to an order's cards, newest first; of any order for staff with `orders:read`.

    Another's order sounds like none.
    """
    async with connection() as conn:
        buyer = await conn.fetchval("SELECT buyer_id FROM orders WHERE id = $1", order_id)
    may = buyer is not None and (buyer == actor.user_id or actor.is_staff("orders:read"))
    refuse_unless(may, NotFound(what="order", field=("orderId",)))
    rows = ClaimLink.filter(order_id=order_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda link: (link.id,))
