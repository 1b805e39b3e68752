"""Reads of the sites."""

from uuid import UUID

from domain.kernel import Actor, Page, PageRequest, page_of
from domain.sites.models import Site

READ_SCOPE = "sites:read"


async def find_site(actor: Actor, slug: str) -> Site | None:
    """One site by its short name; needs `sites:read`."""
    actor.require_scope(READ_SCOPE)
    return await Site.filter(slug=slug).first()


async def list_sites(actor: Actor, page: PageRequest) -> Page[Site]:
    """All sites, oldest first; needs `sites:read`."""
    actor.require_scope(READ_SCOPE)
    rows = Site.all().order_by("id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__gt=UUID(page.after[0]))
    return page_of(page, await rows, lambda site: (site.id,))
