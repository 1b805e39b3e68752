"""Use cases of the sites: an operator saves one."""

from dataclasses import asdict
from uuid import UUID

from domain import audit
from domain.kernel import (
    MAIN_SITE_ID,
    Actor,
    Conflict,
    Connection,
    Event,
    IntegrityError,
    Invalid,
    NotFound,
    Prefix,
    Refused,
    clock,
    connection,
    encode_id,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)
from domain.sites.directory import forget_sites
from domain.sites.models import Assortment, Site, SiteStatus
from domain.sites.rules import SiteDraft, site_faults

MAIN_ID = MAIN_SITE_ID
WRITE_SCOPE = "sites:write"

_OPEN_MAIN = """
INSERT INTO sites (id, slug, name_zh, name_en, hosts, currency, language, region, status,
    assortment, version, created_at, updated_at)
VALUES ($1, 'main', '主站', 'Main site', '{}', 'CNY', 'en', '', 'open', 'everything', 1, $2, $2)
ON CONFLICT DO NOTHING
"""
_SET_ASSORTMENT = """
UPDATE sites SET assortment = $2, version = version + 1, updated_at = $3 WHERE id = $1
RETURNING slug, version
"""


async def open_main_site() -> None:
    """Make the main site where it is missing: a database emptied by hand, or by a test."""
    async with connection() as conn:
        await conn.execute(_OPEN_MAIN, MAIN_ID, clock.now())
    forget_sites()


async def save_site(
    actor: Actor,
    draft: SiteDraft,
    *,
    site_id: UUID | None = None,
    expected_version: int | None = None,
) -> Site:
    """Create a site, or change the one of this id (mission row A11). Audited, with its event.

    Needs `sites:write`. Refuses each field with a wrong value (INVALID), an unknown site
    (NOT_FOUND), closing the main site, a short name or host that another site has, and a version
    other than the expected (CONFLICT).
    """
    actor.require_scope(WRITE_SCOPE)
    faults = site_faults(draft)
    if faults:
        raise Refused(*faults)
    status = SiteStatus(draft.status)
    closes_main = site_id == MAIN_ID and status is not SiteStatus.OPEN
    refuse_unless(not closes_main, Invalid(reason="main_site_open", field=("status",)))
    try:
        async with transaction() as conn:
            site = await _site_to_save(site_id, expected_version)
            site.update_from_dict({**asdict(draft), "hosts": list(draft.hosts), "status": status})
            site.updated_at = clock.now()
            await site.save(force_create=site_id is None, force_update=site_id is not None)
            await audit.record(conn, actor, "site.save", site.id, asdict(draft))
            await record_events(conn, [_saved(site.id, site.slug, site.version)])
    except IntegrityError as error:
        field = "hosts" if "site_hosts" in str(error) else "slug"
        raise Refused(Conflict(what="site", field=(field,))) from error
    forget_sites()
    wake_relay()
    return site


async def set_assortment(conn: Connection, site_id: UUID, assortment: Assortment) -> int:
    """Set what a site sells by default, in the caller's transaction; its new version.

    Refuses an unknown site. The caller calls `forget_sites` once it has committed.
    """
    row = await conn.fetchrow(_SET_ASSORTMENT, site_id, assortment.value, clock.now())
    if row is None:
        raise Refused(NotFound(what="site", field=("siteId",)))
    await record_events(conn, [_saved(site_id, row["slug"], row["version"])])
    version: int = row["version"]
    return version


async def _site_to_save(site_id: UUID | None, expected_version: int | None) -> Site:
    if site_id is None:
        moment = clock.now()
        return Site(id=new_id(), assortment=Assortment.EVERYTHING, version=1, created_at=moment)
    site = await Site.filter(id=site_id).select_for_update().first()
    if site is None:
        raise Refused(NotFound(what="site", field=("id",)))
    if expected_version not in (None, site.version):
        raise Refused(Conflict(what="site", field=("expectedVersion",)))
    site.version += 1
    return site


def _saved(site_id: UUID, slug: str, version: int) -> Event:
    """The event `site.saved`; its sequence is the site's version."""
    payload = {"siteId": encode_id(Prefix.SITE, site_id), "slug": slug, "version": version}
    return Event("site.saved", site_id, version, payload)
