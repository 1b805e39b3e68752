"""How the fields of sites are answered."""

import strawberry
from strawberry import Parent

from domain import orders, sites
from domain.kernel import Page, Prefix, decode_id, page_request
from resolvers.context import Info


async def site(info: Info) -> sites.Site:
    """The site that was asked."""
    return await sites.get_site(info.context.actor.site_id)


async def site_of_order(order: Parent[orders.Order]) -> sites.Site:
    """Where it was bought."""
    return await sites.get_site(order.site_id)


def site_name(site: Parent[sites.Site], info: Info) -> str:
    """In the language asked for."""
    return site.name_zh if info.context.language == "zh" else site.name_en


async def site_files(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[sites.Site]:
    """All sites, oldest first (back office)."""
    return await sites.list_sites(info.context.actor, page_request("siteFiles", first, after))


async def site_save(
    info: Info,
    slug: str,
    name_zh: str,
    name_en: str,
    currency: str,
    id: strawberry.ID | None = None,
    expected_version: int | None = None,
    hosts: list[str] | None = None,
    language: str = "en",
    region: str = "",
    status: sites.SiteStatus = sites.SiteStatus.OPEN,
) -> sites.Site:
    """Create a site, or replace the one of this id (back office)."""
    draft = sites.SiteDraft(
        slug=slug,
        name_zh=name_zh,
        name_en=name_en,
        currency=currency,
        language=language,
        region=region,
        hosts=tuple(hosts or ()),
        status=status,
    )
    site_id = None if id is None else decode_id(Prefix.SITE, id)
    return await sites.save_site(
        info.context.actor, draft, site_id=site_id, expected_version=expected_version
    )
