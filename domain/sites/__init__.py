"""The face of the sites: the storefronts of one installation."""

from domain.sites.addresses import addresses, base_of, door
from domain.sites.directory import (
    all_sell_in,
    forget_sites,
    get_site,
    site_of_request,
    sold_in,
)
from domain.sites.models import Assortment, Site, SiteStatus
from domain.sites.queries import find_site, list_sites
from domain.sites.refusals import SiteClosed, SiteUnknown
from domain.sites.rules import SiteDraft
from domain.sites.service import MAIN_ID, open_main_site, save_site, set_assortment

__all__ = [
    "MAIN_ID",
    "Assortment",
    "Site",
    "SiteClosed",
    "SiteDraft",
    "SiteStatus",
    "SiteUnknown",
    "addresses",
    "all_sell_in",
    "base_of",
    "door",
    "find_site",
    "forget_sites",
    "get_site",
    "list_sites",
    "open_main_site",
    "save_site",
    "set_assortment",
    "site_of_request",
    "sold_in",
]
