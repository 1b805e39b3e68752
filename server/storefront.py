"""Which site a request is for: the header `Kameng-Site`, else the host that was called."""

from starlette.datastructures import Headers

from domain import sites
from domain.kernel import Refused
from schema.faults import RequestRefused

SITE_HEADER = "kameng-site"
SHOP_DOOR = "shop"
ADMIN_DOOR = "admin"


async def site_for(headers: Headers, door: str) -> sites.Site:
    """The site that this door shows.

    Visitors are at the site of the host they called, or at the one they name; partners at the main
    site unless they name another; operators always work for the whole installation.
    """
    if door == ADMIN_DOOR:
        return await sites.get_site(sites.MAIN_ID)
    host = headers.get("host", "") if door == SHOP_DOOR else ""
    try:
        return await sites.site_of_request(headers.get(SITE_HEADER), host)
    except Refused as refused:
        refusal = refused.refusals[0]
        if isinstance(refusal, sites.SiteUnknown | sites.SiteClosed):
            raise RequestRefused(refusal.code, site=refusal.site) from None
        raise
