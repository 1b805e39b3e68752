"""Campaigns as operators keep them: saved as a draft, started, paused, ended (rows J1, J15)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg

from domain import audit, catalog, sites
from domain.agents import Tier
from domain.coupons.events import told
from domain.coupons.models import Campaign, CampaignKind, CampaignState, CampaignVersion
from domain.coupons.refusals import CampaignStateWrong, CampaignTermsFixed, LimitBelowUse
from domain.coupons.rules import PERCENT_SCALE, WHOLE
from domain.kernel import (
    Actor,
    Conflict,
    Connection,
    IntegrityError,
    Invalid,
    NotFound,
    Refused,
    clock,
    new_id,
    record_events,
    refuse_unless,
    transaction,
    wake_relay,
)

WRITE_SCOPE = "coupons:write"
MAX_NAME = 64
MAX_STEPS = 10
MAX_SCOPE = 200
MAX_LIMIT = 100_000_000
MAX_AMOUNT = 10**13  # a thousand million of the currency unit
WORD = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
# What a buyer was promised by; whoever wants it otherwise makes another campaign.
FIXED_ONCE_RUN = ("kind", "currency", "automatic", "public_code", "first_order")
MOVES: Mapping[CampaignState, frozenset[CampaignState]] = {
    CampaignState.DRAFT: frozenset({CampaignState.RUNNING, CampaignState.ENDED}),
    CampaignState.RUNNING: frozenset({CampaignState.PAUSED, CampaignState.ENDED}),
    CampaignState.PAUSED: frozenset({CampaignState.RUNNING, CampaignState.ENDED}),
    CampaignState.ENDED: frozenset(),
}

_OPEN_COUNTER = """
INSERT INTO coupon_counters (campaign_id, uses, amount) VALUES ($1, 0, 0)
ON CONFLICT (campaign_id) DO NOTHING
"""
_LOCK_COUNTER = "SELECT 1 FROM coupon_counters WHERE campaign_id = $1 FOR UPDATE"
_COUNT = """
UPDATE coupon_counters SET max_uses = $2, budget = $3,
    uses = CASE WHEN $4 THEN held.number ELSE 0 END,
    amount = CASE WHEN $4 THEN held.amount ELSE 0 END
FROM (SELECT count(*)::int AS number, coalesce(sum(amount), 0)::bigint AS amount FROM coupon_uses
    WHERE campaign_id = $1 AND state IN ('locked', 'used')) held
WHERE campaign_id = $1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignWish:
    """A campaign as it shall be; see `Campaign`. What is in scope is named by slugs and skus."""

    name_zh: str
    name_en: str
    kind: CampaignKind
    currency: str
    starts_at: datetime
    ends_at: datetime | None = None
    automatic: bool = False
    public_code: str | None = None
    value: int = 0
    cap: int | None = None
    steps: Sequence[tuple[int, int]] = ()
    repeats: bool = False
    free_sku: str | None = None
    beside: int = 0
    minimum: int = 0
    skus: Sequence[str] = ()
    categories: Sequence[str] = ()
    sites: Sequence[str] = ()
    tiers: Sequence[Tier] = ()
    first_order: bool = False
    max_uses: int | None = None
    budget: int | None = None
    per_user: int | None = None
    per_device: int | None = None
    stack_group: str | None = None
    priority: int = 100
    platform_share: int = WHOLE
    agent_share: int = 0
    supplier_share: int = 0
    given_back: bool = False


async def save_campaign(
    actor: Actor,
    wish: CampaignWish,
    campaign_id: UUID | None = None,
    expected_version: int | None = None,
) -> Campaign:
    """Make a campaign as a draft, or change one. Needs `coupons:write`; audited, versions are kept.

    What an order was placed by stays as it was. Refuses values out of their limits, unknown goods,
    categories and sites, a public code that another campaign has (CONFLICT), one that has ended
    (CAMPAIGN_STATE_WRONG), and another kind, currency or code once it has run
    (CAMPAIGN_TERMS_FIXED).
    """
    actor.require_scope(WRITE_SCOPE)
    _check(wish)
    values = await _values(wish)
    try:
        async with transaction() as conn:
            campaign = await _to_save(campaign_id, expected_version)
            if campaign.started_at is not None:
                same = all(getattr(campaign, each) == values[each] for each in FIXED_ONCE_RUN)
                refuse_unless(same, CampaignTermsFixed())
            campaign.update_from_dict(values)
            campaign.version, campaign.updated_at = campaign.version + 1, clock.now()
            await campaign.save(force_create=campaign.version == 1)
            await _keep_limits(conn, campaign)
            terms = _plain(values)
            await CampaignVersion.create(
                campaign_id=campaign.id,
                version=campaign.version,
                terms=terms,
                saved_by=actor.user_id,
                saved_at=campaign.updated_at,
            )
            await audit.record(conn, actor, "coupon_campaign.save", campaign.id, terms)
            await record_events(conn, [told(campaign)])
    except IntegrityError as error:
        raise Refused(Conflict(what="public code", field=("campaign", "publicCode"))) from error
    wake_relay()
    return campaign


async def move_campaign(actor: Actor, campaign_id: UUID, to: CampaignState) -> Campaign:
    """Start, pause or end a campaign. Needs `coupons:write`; audited. The same again changes
    nothing.

    Refuses a step that does not lead there (CAMPAIGN_STATE_WRONG). What is locked in orders stays.
    """
    actor.require_scope(WRITE_SCOPE)
    async with transaction() as conn:
        campaign = await _locked(campaign_id)
        if campaign.state is to:
            return campaign
        allowed = to in MOVES[campaign.state]
        refuse_unless(allowed, CampaignStateWrong(state=campaign.state.value, field=("id",)))
        moment = clock.now()
        campaign.state, campaign.updated_at = to, moment
        campaign.version += 1
        if to is CampaignState.RUNNING and campaign.started_at is None:
            campaign.started_at = moment
        if to is CampaignState.ENDED:
            campaign.ended_at = moment
        await campaign.save(force_update=True)
        await audit.record(conn, actor, f"coupon_campaign.{to.value}", campaign.id, {})
        await record_events(conn, [told(campaign)])
    wake_relay()
    return campaign


async def _keep_limits(conn: Connection, campaign: Campaign) -> None:
    """The campaign's limits, and what of them is taken: counted anew, once all who took something
    without a limit are done. Refuses limits below that."""
    await conn.execute(_OPEN_COUNTER, campaign.id)
    await conn.execute(_LOCK_COUNTER, campaign.id)
    limited = campaign.max_uses is not None or campaign.budget is not None
    try:
        await conn.execute(_COUNT, campaign.id, campaign.max_uses, campaign.budget, limited)
    except asyncpg.CheckViolationError as error:
        if error.constraint_name not in ("campaign_uses_within", "campaign_budget_within"):
            raise
        name = "maxUses" if error.constraint_name == "campaign_uses_within" else "budget"
        raise Refused(LimitBelowUse(field=("campaign", name))) from error


async def _to_save(campaign_id: UUID | None, expected_version: int | None) -> Campaign:
    if campaign_id is None:
        return Campaign(id=new_id(), state=CampaignState.DRAFT, version=0, created_at=clock.now())
    campaign = await _locked(campaign_id)
    known = expected_version in (None, campaign.version)
    refuse_unless(known, Conflict(what="campaign", field=("expectedVersion",)))
    over = campaign.state is CampaignState.ENDED
    refuse_unless(not over, CampaignStateWrong(state=campaign.state.value, field=("id",)))
    return campaign


async def _locked(campaign_id: UUID) -> Campaign:
    campaign = await Campaign.filter(id=campaign_id).select_for_update().first()
    if campaign is None:
        raise Refused(NotFound(what="campaign", field=("id",)))
    return campaign


def _check(wish: CampaignWish) -> None:
    """Every value within its limits, and only those that its kind uses."""
    for name in ("name_zh", "name_en"):
        text = getattr(wish, name)
        fits = 0 < len(text.strip()) <= MAX_NAME and text.isprintable()
        refuse_unless(fits, Invalid(reason="campaign_name", field=("campaign", _camel(name))))
    for name in ("cap", "max_uses", "budget", "per_user", "per_device"):
        value = getattr(wish, name)
        most = MAX_AMOUNT if name in ("cap", "budget") else MAX_LIMIT
        fits = value is None or 0 < value <= most
        refuse_unless(fits, Invalid(reason="campaign_limit", field=("campaign", _camel(name))))
    in_range = 0 <= wish.minimum <= MAX_AMOUNT and 0 <= wish.priority <= 1000
    refuse_unless(in_range, Invalid(reason="campaign_limit", field=("campaign", "minimum")))
    group = wish.stack_group
    fits = group is None or (0 < len(group) <= 16 and group.isalnum() and group.isascii())
    refuse_unless(fits, Invalid(reason="campaign_group", field=("campaign", "stackGroup")))
    later = wish.ends_at is None or wish.ends_at > wish.starts_at
    refuse_unless(later, Invalid(reason="campaign_times", field=("campaign", "endsAt")))
    shares = (wish.platform_share, wish.agent_share, wish.supplier_share)
    whole = all(share >= 0 for share in shares) and sum(shares) == WHOLE
    refuse_unless(whole, Invalid(reason="campaign_shares", field=("campaign", "shares")))
    once = not wish.first_order or wish.per_user == 1
    refuse_unless(once, Invalid(reason="campaign_first_order", field=("campaign", "perUser")))
    _check_code(wish)
    _check_amounts(wish)


def _check_code(wish: CampaignWish) -> None:
    if wish.public_code is None:
        return
    refuse_unless(
        not wish.automatic, Invalid(reason="campaign_code", field=("campaign", "publicCode"))
    )
    word = public_word(wish.public_code)
    fits = word is not None and 3 <= len(word) <= 16
    refuse_unless(fits, Invalid(reason="campaign_code", field=("campaign", "publicCode")))


def public_word(typed: str) -> str | None:
    """A public code as it is kept, whatever case and blanks it came with; None when it is none."""
    word = typed.strip().upper()
    return word if 0 < len(word) <= 32 and set(word) <= WORD else None


def _check_amounts(wish: CampaignWish) -> None:
    """What comes off: said by the values of its kind, and by no others."""
    kind = wish.kind
    amount = 0 < wish.value <= MAX_AMOUNT
    percent = 0 < wish.value <= PERCENT_SCALE
    said = {CampaignKind.FIXED: amount, CampaignKind.PERCENT: percent}.get(kind, wish.value == 0)
    told = "rate" if kind is CampaignKind.PERCENT else "off"
    refuse_unless(said, Invalid(reason="campaign_value", field=("campaign", told)))
    steps = list(wish.steps)
    rising = all(one[0] < two[0] and one[1] < two[1] for one, two in pairwise(steps))
    sound = all(0 < off <= least <= MAX_AMOUNT for least, off in steps)
    fits = len(steps) <= MAX_STEPS and rising and sound
    fits = fits and bool(steps) is (kind is CampaignKind.THRESHOLD)
    fits = fits and (not wish.repeats or len(steps) == 1)
    refuse_unless(fits, Invalid(reason="campaign_steps", field=("campaign", "steps")))
    free = kind is CampaignKind.FREE_ITEM
    fits = 1 <= wish.beside <= 1000 if free else wish.beside == 0 and wish.free_sku is None
    refuse_unless(fits, Invalid(reason="campaign_free_item", field=("campaign", "beside")))


async def _values(wish: CampaignWish) -> dict[str, Any]:
    """The columns; refuses what is not known."""
    for name in ("skus", "categories", "sites"):
        fits = len(getattr(wish, name)) <= MAX_SCOPE
        refuse_unless(fits, Invalid(reason="campaign_scope", field=("campaign", name)))
    free = [] if wish.free_sku is None else [wish.free_sku]
    variants = await catalog.variants_by_sku([*wish.skus, *free])
    for place, sku in enumerate(wish.skus):
        known = sku in variants
        refuse_unless(known, NotFound(what="variant", field=("campaign", "skus", str(place))))
    known = wish.free_sku is None or wish.free_sku in variants
    refuse_unless(known, NotFound(what="variant", field=("campaign", "freeSku")))
    plain_ones = {each.name for each in fields(wish)} - {
        *("skus", "categories", "sites", "tiers", "steps", "free_sku", "public_code"),
    }
    return {
        **{name: getattr(wish, name) for name in sorted(plain_ones)},
        "public_code": wish.public_code and public_word(wish.public_code),
        "steps": [{"from": least, "off": off} for least, off in wish.steps],
        "free_variant_id": variants[wish.free_sku].id if wish.free_sku else None,
        "variant_ids": sorted({variants[sku].id for sku in wish.skus}),
        "category_ids": await _categories(wish.categories),
        "site_ids": await _sites(wish.sites),
        "tiers": sorted({tier.value for tier in wish.tiers}),
    }


async def _categories(slugs: Sequence[str]) -> list[UUID]:
    if not slugs:
        return []
    shelves = catalog.flatten(await catalog.category_tree())
    found = {each.slug: each.id for each in shelves.values()}
    for place, slug in enumerate(slugs):
        known = slug in found
        refuse_unless(
            known, NotFound(what="category", field=("campaign", "categories", str(place)))
        )
    return sorted({found[slug] for slug in slugs})


async def _sites(slugs: Sequence[str]) -> list[UUID]:
    if not slugs:
        return []
    found = {each.slug: each.id for each in await sites.Site.filter(slug__in=list(slugs))}
    for place, slug in enumerate(slugs):
        known = slug in found
        refuse_unless(known, NotFound(what="site", field=("campaign", "sites", str(place))))
    return sorted({found[slug] for slug in slugs})


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As a version keeps it."""

    def told_as(value: Any) -> Any:
        if isinstance(value, UUID | datetime):
            return str(value)
        if isinstance(value, list):
            return [told_as(each) for each in value]
        return value.value if isinstance(value, CampaignKind) else value

    return {name: told_as(value) for name, value in values.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
