"""Which site a request is for, answered from memory.

Each process keeps all sites at hand and reads them again after two seconds, so a change is seen
everywhere within that time; a process sees its own changes at once. What decides about money reads
the site's row itself (checkout's READ).
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from domain.kernel import MAIN_SITE_ID, Refused
from domain.sites.models import Site, SiteStatus
from domain.sites.refusals import SiteClosed, SiteUnknown
from domain.sites.rules import host_of

FRESH_SECONDS = 2.0


@dataclass(frozen=True)
class _Directory:
    """All sites at one moment."""

    read_at: float
    by_id: Mapping[UUID, Site]
    by_slug: Mapping[str, Site] = field(init=False)
    by_host: Mapping[str, Site] = field(init=False)

    def __post_init__(self) -> None:
        sites = self.by_id.values()
        object.__setattr__(self, "by_slug", {site.slug: site for site in sites})
        object.__setattr__(self, "by_host", {host: site for site in sites for host in site.hosts})


_known: _Directory | None = None
_changes = 0  # made by this process
_reading: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}


async def get_site(site_id: UUID) -> Site:
    """A site by its id, open or closed; sites are never deleted. Do not change the row."""
    found = (await _directory()).by_id.get(site_id)
    if found is None:  # younger than what is at hand
        forget_sites()
        found = (await _directory()).by_id[site_id]
    return found


def all_sell_in(currency: str) -> bool:
    """Whether no site sells in another currency, as far as this process knows."""
    return _known is not None and all(each.currency == currency for each in _known.by_id.values())


async def sold_in(currency: str) -> bool:
    """Whether a site sells in this currency."""
    return any(each.currency == currency for each in (await _directory()).by_id.values())


async def site_of_request(slug: str | None, host: str = "") -> Site:
    """The site that a request is for: the one named, else its host's, else the main site.

    An address that belongs to a site serves no other one. Refuses an unknown site, another site's
    address (both SITE_UNKNOWN) and a closed site (SITE_CLOSED).
    """
    known = await _directory()
    here = known.by_host.get(host_of(host))
    named = known.by_slug.get(slug) if slug is not None else here
    if slug is not None and (named is None or (here is not None and here.id != named.id)):
        raise Refused(SiteUnknown(site=slug[:64]))
    found = named or known.by_id[MAIN_SITE_ID]
    if found.status is not SiteStatus.OPEN:
        raise Refused(SiteClosed(site=found.slug))
    return found


def forget_sites() -> None:
    """Read the sites again at the next question: something in them was changed here."""
    global _known, _changes
    _known = None
    _changes += 1


async def _directory() -> _Directory:
    found = _known
    if found is not None and time.monotonic() - found.read_at < FRESH_SECONDS:
        return found
    loop = asyncio.get_running_loop()
    async with _reading.setdefault(loop, asyncio.Lock()):
        return await _read()


async def _read() -> _Directory:
    """One reader at a time; who waited for it takes what it has read."""
    global _known
    moment, changes = time.monotonic(), _changes
    if _known is not None and moment - _known.read_at < FRESH_SECONDS:
        return _known
    found = _Directory(moment, {site.id: site for site in await Site.all()})
    if changes == _changes:  # else it may be older than a change made meanwhile
        _known = found
    return found
