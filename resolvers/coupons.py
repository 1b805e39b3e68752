"""How campaigns and coupons are answered."""

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import coupons
from domain.agents import Tier
from domain.checkout import CURRENCY
from domain.coupons import Campaign, CampaignKind, CampaignState, CampaignVersion
from domain.kernel import (
    Invalid,
    Money,
    Page,
    Prefix,
    decode_id,
    encode_id,
    page_request,
    refuse_unless,
)
from resolvers.batches import there
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of
from resolvers.sealed import recipient_of


@strawberry.input(description="From so much on, so much comes off.")
class CampaignStepInput:
    least: MoneyInput
    off: MoneyInput


@strawberry.input(description="Who pays for what buyers save, in 1/10000; they sum to 10000.")
class CampaignSharesInput:
    platform: int = 10_000
    agent: int = 0
    supplier: int = 0


@strawberry.input(
    description="`off` is said of FIXED, `rate` of PERCENT, `steps` of THRESHOLD, `beside` (and"
    " `freeSku`) of FREE_ITEM. Without skus and categories everything is in scope; without sites"
    " and tiers all of them."
)
class CampaignInput:
    name_zh: str
    name_en: str
    kind: CampaignKind
    starts_at: datetime
    ends_at: datetime | None = None
    currency: str = "CNY"
    automatic: bool = False
    public_code: str | None = None
    off: MoneyInput | None = None
    rate: int | None = strawberry.field(default=None, description="10000 stands for 1 %.")
    cap: MoneyInput | None = None
    steps: list[CampaignStepInput] = strawberry.field(default_factory=list)
    repeats: bool = False
    free_sku: str | None = None
    beside: int = 0
    minimum: MoneyInput | None = None
    skus: list[str] = strawberry.field(default_factory=list)
    categories: list[str] = strawberry.field(default_factory=list, description="Slugs.")
    sites: list[str] = strawberry.field(default_factory=list, description="Slugs.")
    tiers: list[Tier] = strawberry.field(default_factory=list)
    first_order: bool = False
    max_uses: int | None = None
    budget: MoneyInput | None = None
    per_user: int | None = None
    per_device: int | None = None
    stack_group: str | None = None
    priority: int = 100
    shares: CampaignSharesInput = strawberry.field(default_factory=CampaignSharesInput)
    given_back: bool = False


_AS_SAID = (
    *("name_zh", "name_en", "kind", "currency", "starts_at", "ends_at", "automatic"),
    *("public_code", "repeats", "free_sku", "beside", "skus", "categories", "sites", "tiers"),
    *("first_order", "max_uses", "per_user", "per_device", "stack_group", "priority"),
    "given_back",
)


@dataclass(frozen=True, slots=True)
class CampaignStep:
    """From so much on, so much comes off."""

    least: Money
    off: Money


@dataclass(frozen=True, slots=True)
class CampaignShares:
    """Who pays for what buyers save, in 1/10000."""

    platform: int
    agent: int
    supplier: int


@dataclass(frozen=True, slots=True)
class BorneCost:
    """What somebody bears of what buyers saved."""

    bearer: coupons.DiscountBearer
    amount: Money


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """What a campaign did so far."""

    issued: int
    claimed: int
    locked: int
    used: int
    released: int
    returned: int
    saved: Money
    cost: list[BorneCost]


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What the payload shows of a batch that was ordered."""

    batch: coupons.CouponBatch
    replayed: bool


@dataclass(frozen=True, slots=True)
class TakenCodes:
    """Codes in the open, or sealed for a public key that the caller sent. A repr shows neither."""

    batch: coupons.CouponBatch
    codes: list[str] = dataclass_field(repr=False)
    sealed: str | None = dataclass_field(repr=False)
    replayed: bool


async def coupon_claim(info: Info, code: str) -> coupons.Grant:
    """Put a coupon into the caller's account."""
    return await coupons.claim_coupon(info.context.actor, code)


async def coupons_of_viewer(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    state: coupons.CouponState | None = None,
) -> Page[coupons.Grant]:
    """The caller's own coupons, newest first."""
    asked = page_request(f"coupons {state}", first, after)
    return await coupons.coupons_of(info.context.actor, asked, state)


async def coupon_batch(info: Info, id: strawberry.ID) -> coupons.CouponBatch | None:
    """One batch, with how far it is."""
    return await coupons.find_batch(info.context.actor, decode_id(Prefix.COUPON_BATCH, id))


async def coupon_batch_create(
    info: Info, idempotency_key: str, campaign_id: strawberry.ID, count: int
) -> BatchOutcome:
    """Order codes."""
    wanted = decode_id(Prefix.COUPON_CAMPAIGN, campaign_id, field=("campaignId",))
    made = await coupons.create_batch(info.context.actor, wanted, count, idempotency_key)
    return BatchOutcome(*made)


async def coupon_codes_take(
    info: Info,
    idempotency_key: str,
    batch_id: strawberry.ID,
    first: int = 1000,
    recipient_public_key: str | None = None,
) -> TakenCodes:
    """The next codes of a batch, or those that the same key took just before."""
    recipient = recipient_of(recipient_public_key)
    wanted = decode_id(Prefix.COUPON_BATCH, batch_id, field=("batchId",))
    actor = info.context.actor
    batch, codes, replayed = await coupons.take_codes(actor, wanted, first, idempotency_key)
    if recipient is None:
        return TakenCodes(batch, codes, None, replayed)
    return TakenCodes(batch, [], recipient.seal_json({"codes": codes}), replayed)


async def coupon_batch_void(info: Info, batch_id: strawberry.ID) -> coupons.CouponBatch:
    """No code of it is good any more."""
    wanted = decode_id(Prefix.COUPON_BATCH, batch_id, field=("batchId",))
    return await coupons.void_batch(info.context.actor, wanted)


def name_of_use(use: Parent[coupons.CouponUse], info: Info) -> str:
    """The campaign's name, as it was then."""
    name: str = use.name_zh if info.context.language == "zh" else use.name_en
    return name


def amount_of_use(use: Parent[coupons.CouponUse]) -> Money:
    """What it took off the order."""
    return Money(use.amount, use.currency)


def name_of_grant(grant: Parent[coupons.Grant], info: Info) -> str:
    """The campaign's name."""
    return grant.name_zh if info.context.language == "zh" else grant.name_en


async def batches_of(campaign: Parent[Campaign], info: Info) -> list[coupons.CouponBatch]:
    """Its batches of codes, newest first."""
    return await info.context.loaders.coupon_batches.load(campaign.id)


async def figures_of(campaign: Parent[Campaign], info: Info) -> CampaignFigures:
    """What it did so far."""
    found = there(await info.context.loaders.campaign_figures.load(campaign.id))
    return CampaignFigures(
        found.issued,
        found.claimed,
        found.locked,
        found.used,
        found.released,
        found.returned,
        Money(found.saved, campaign.currency),
        [BorneCost(bearer, Money(units, CURRENCY)) for bearer, units in found.cost.items()],
    )


async def campaigns(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    states: list[CampaignState] | None = None,
) -> Page[Campaign]:
    """Campaigns, newest first."""
    asked = page_request(f"campaigns {states}", first, after)
    return await coupons.list_campaigns(info.context.actor, asked, states)


async def campaign(info: Info, id: strawberry.ID) -> Campaign | None:
    """One campaign."""
    wanted = decode_id(Prefix.COUPON_CAMPAIGN, id)
    return await coupons.find_campaign(info.context.actor, wanted)


async def campaign_save(
    info: Info,
    campaign: CampaignInput,
    id: strawberry.ID | None = None,
    expected_version: int | None = None,
) -> Campaign:
    """Make a campaign, or change one."""
    wanted = None if id is None else decode_id(Prefix.COUPON_CAMPAIGN, id)
    actor = info.context.actor
    return await coupons.save_campaign(actor, _wish(campaign), wanted, expected_version)


def _wish(said: CampaignInput) -> coupons.CampaignWish:
    """The campaign in units and plain values; refuses amounts in another currency."""

    def units(money: MoneyInput | None, *place: str) -> int | None:
        if money is None:
            return None
        return money_of(money, "campaign", *place, currency=said.currency).units

    fixed, percent = said.kind is CampaignKind.FIXED, said.kind is CampaignKind.PERCENT
    for name, told, wanted in (("off", said.off, fixed), ("rate", said.rate, percent)):
        wrong = Invalid(reason="campaign_value", field=("campaign", name))
        refuse_unless((told is not None) is wanted, wrong)
    steps = [
        (
            units(each.least, "steps", str(place), "least") or 0,
            units(each.off, "steps", str(place), "off") or 0,
        )
        for place, each in enumerate(said.steps)
    ]
    plain = {name: getattr(said, name) for name in _AS_SAID}
    return coupons.CampaignWish(
        **plain,
        value=units(said.off, "off") or said.rate or 0,
        cap=units(said.cap, "cap"),
        budget=units(said.budget, "budget"),
        minimum=units(said.minimum, "minimum") or 0,
        steps=steps,
        platform_share=said.shares.platform,
        agent_share=said.shares.agent,
        supplier_share=said.shares.supplier,
    )


async def campaign_start(info: Info, id: strawberry.ID) -> Campaign:
    """Let it run."""
    return await _moved(info, id, CampaignState.RUNNING)


async def campaign_pause(info: Info, id: strawberry.ID) -> Campaign:
    """Keep it from new orders for a while."""
    return await _moved(info, id, CampaignState.PAUSED)


async def campaign_end(info: Info, id: strawberry.ID) -> Campaign:
    """End it for good."""
    return await _moved(info, id, CampaignState.ENDED)


async def _moved(info: Info, id: strawberry.ID, to: CampaignState) -> Campaign:
    wanted = decode_id(Prefix.COUPON_CAMPAIGN, id)
    return await coupons.move_campaign(info.context.actor, wanted, to)


async def versions_of(campaign: Parent[Campaign], info: Info) -> list[CampaignVersion]:
    """What it said before, newest first."""
    return await info.context.loaders.campaign_versions.load(campaign.id)


def off_of(campaign: Parent[Campaign]) -> Money | None:
    """What comes off at a fixed amount."""
    fixed = campaign.kind is CampaignKind.FIXED
    return Money(campaign.value, campaign.currency) if fixed else None


def rate_of(campaign: Parent[Campaign]) -> int | None:
    """What comes off in parts of the price; 10000 stands for 1 %."""
    return int(campaign.value) if campaign.kind is CampaignKind.PERCENT else None


def cap_of(campaign: Parent[Campaign]) -> Money | None:
    """At most so much comes off."""
    return None if campaign.cap is None else Money(campaign.cap, campaign.currency)


def budget_of(campaign: Parent[Campaign]) -> Money | None:
    """All that may come off."""
    return None if campaign.budget is None else Money(campaign.budget, campaign.currency)


def minimum_of(campaign: Parent[Campaign]) -> Money:
    """What has to be bought in scope."""
    return Money(campaign.minimum, campaign.currency)


def steps_of(campaign: Parent[Campaign]) -> list[CampaignStep]:
    """Steps of a threshold."""
    currency = campaign.currency
    return [
        CampaignStep(least=Money(each["from"], currency), off=Money(each["off"], currency))
        for each in campaign.steps
    ]


def shares_of(campaign: Parent[Campaign]) -> CampaignShares:
    """Who bears it."""
    return CampaignShares(
        platform=campaign.platform_share,
        agent=campaign.agent_share,
        supplier=campaign.supplier_share,
    )


def free_variant_of(campaign: Parent[Campaign]) -> strawberry.ID | None:
    """What is free."""
    return _id(Prefix.VARIANT, campaign.free_variant_id)


def variants_of(campaign: Parent[Campaign]) -> list[strawberry.ID]:
    """The variants in scope."""
    return _ids(Prefix.VARIANT, campaign.variant_ids)


def categories_of(campaign: Parent[Campaign]) -> list[strawberry.ID]:
    """The categories in scope."""
    return _ids(Prefix.CATEGORY, campaign.category_ids)


def sites_of(campaign: Parent[Campaign]) -> list[strawberry.ID]:
    """The sites in scope."""
    return _ids(Prefix.SITE, campaign.site_ids)


def tiers_of(campaign: Parent[Campaign]) -> list[Tier]:
    """The tiers in scope."""
    return [Tier(each) for each in campaign.tiers]


def saved_by(version: Parent[CampaignVersion]) -> strawberry.ID | None:
    """The operator; null for the system."""
    return _id(Prefix.USER, version.saved_by)


def _id(prefix: Prefix, value: UUID | None) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(encode_id(prefix, value))


def _ids(prefix: Prefix, values: list[UUID]) -> list[strawberry.ID]:
    return [strawberry.ID(encode_id(prefix, each)) for each in values]
