"""Reads of promotion links; an agent sees its own, staff with `agents:read` all."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from domain.kernel import Page, PageRequest, connection, page_of
from domain.promotion import statements
from domain.promotion.models import PromoLink


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a link. Orders that were paid and not refunded as a whole; `sold` is what they
    cost their buyers, `earned` what its agent got of them less what refunds took back; both in
    1/10000 of the house's currency."""

    clicks: int
    orders: int
    sold: int
    earned: int


NOTHING = Figures(0, 0, 0, 0)


async def list_links(agent_id: UUID, page: PageRequest) -> Page[PromoLink]:
    """The links of an agent, newest first, the ended ones among them."""
    rows = PromoLink.filter(agent_id=agent_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda link: (link.id,))


async def figures_of(link_ids: Sequence[UUID]) -> dict[UUID, Figures]:
    """What came of each link, in one statement."""
    async with connection() as conn:
        rows = await conn.fetch(statements.FIGURES, list(link_ids))
    return {
        row["id"]: Figures(row["clicks"], row["orders"], row["total"], row["earned"])
        for row in rows
    }
