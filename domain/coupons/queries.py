"""Reads of campaigns."""

from collections.abc import Sequence
from uuid import UUID

from domain.coupons.models import Campaign, CampaignState, CampaignVersion
from domain.kernel import Actor, Page, PageRequest, page_of

READ_SCOPE = "coupons:read"
MAX_VERSIONS = 100


async def list_campaigns(
    actor: Actor, page: PageRequest, states: Sequence[CampaignState] | None = None
) -> Page[Campaign]:
    """Campaigns, newest first; needs `coupons:read`."""
    actor.require_scope(READ_SCOPE)
    rows = Campaign.all().order_by("-id").limit(page.first + 1)
    if states is not None:
        rows = rows.filter(state__in=list(states))
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda each: (each.id,))


async def find_campaign(actor: Actor, campaign_id: UUID) -> Campaign | None:
    """One campaign; needs `coupons:read`."""
    actor.require_scope(READ_SCOPE)
    return await Campaign.filter(id=campaign_id).first()


async def versions_of(campaign_ids: Sequence[UUID]) -> dict[UUID, list[CampaignVersion]]:
    """What campaigns said before, newest first; one statement for all."""
    found: dict[UUID, list[CampaignVersion]] = {each: [] for each in campaign_ids}
    rows = CampaignVersion.filter(campaign_id__in=list(campaign_ids)).order_by("-version")
    for version in await rows.limit(MAX_VERSIONS * len(campaign_ids)):
        found[version.campaign_id].append(version)
    return found
