"""Coupons and threshold campaigns: what buyers have, and what the back office keeps."""

from datetime import datetime

import strawberry

from domain import coupons
from domain.agents import Tier
from domain.coupons import CampaignKind, CampaignState, CouponState, DiscountBearer, UseState
from domain.kernel import Prefix
from resolvers import coupons as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import Rate, RateZone, field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="From so much on, so much comes off.")
@presents(resolvers.CampaignStep)
class CampaignStep:
    least: Money
    off: Money


@strawberry.type(description="Who pays for what buyers save, in 1/10000.")
@presents(resolvers.CampaignShares)
class CampaignShares:
    platform: int
    agent: int = field(description="The nearest above the buyer, as far as it earns.")
    supplier: int = field(description="Told in the figures, and settled outside.")


@strawberry.type(description="A campaign was saved. Never changed.")
@presents(coupons.CampaignVersion)
class CampaignVersion:
    version: int
    saved_by: strawberry.ID | None = field(resolvers.saved_by, description="Null: the system.")
    saved_at: datetime


@strawberry.type(description="A campaign on an order, as it was then.")
@presents(coupons.CouponUse)
class AppliedCoupon:
    name: str = field(resolvers.name_of_use)
    amount: Money = field(resolvers.amount_of_use, description="What it took off the order.")
    state: UseState


@strawberry.type(description="A coupon in the caller's account.")
@presents(coupons.Grant)
class Coupon:
    id: strawberry.ID = id_field(Prefix.COUPON)
    name: str = field(resolvers.name_of_grant)
    state: CouponState
    claimed_at: datetime
    starts_at: datetime
    ends_at: datetime | None


@strawberry.type(description="Codes of a campaign that are made together.")
@presents(coupons.CouponBatch)
class CouponBatch:
    id: strawberry.ID = id_field(Prefix.COUPON_BATCH)
    campaign_id: strawberry.ID = id_field(Prefix.COUPON_CAMPAIGN, "campaign_id")
    count: int
    made: int = field(description="How far it is; its codes can be taken once all are made.")
    taken: int = field(description="Codes that were shown, each once.")
    created_at: datetime
    voided_at: datetime | None


@strawberry.type(description="What somebody bears of what buyers saved, in the books' currency.")
@presents(resolvers.BorneCost)
class BorneCost:
    bearer: DiscountBearer
    amount: Money


@strawberry.type(description="What a campaign did so far.")
@presents(resolvers.CampaignFigures)
class CampaignFigures:
    issued: int = field(description="Codes that were made.")
    claimed: int
    locked: int = field(description="In orders that wait for their payment.")
    used: int
    released: int
    returned: int
    saved: Money = field(description="By those that are used, in the campaign's currency.")
    cost: list[BorneCost] = field(size=3, description="The same, by who bears it.")


@strawberry.type(description="What buyers save, when, and who pays for it.")
@presents(coupons.Campaign)
class Campaign:
    id: strawberry.ID = id_field(Prefix.COUPON_CAMPAIGN)
    name_zh: str
    name_en: str
    kind: CampaignKind
    state: CampaignState
    automatic: bool = field(description="It needs no code.")
    public_code: str | None = field(description="One word for everybody.")
    currency: str
    off: Money | None = field(resolvers.off_of, description="Of FIXED.")
    rate: int | None = field(resolvers.rate_of, description="Of PERCENT; 10000 stands for 1 %.")
    cap: Money | None = field(resolvers.cap_of, description="At most so much comes off an order.")
    steps: list[CampaignStep] = field(resolvers.steps_of, description="Of THRESHOLD.")
    repeats: bool = field(description="The one step counts for each time it is reached.")
    free_variant_id: strawberry.ID | None = field(
        resolvers.free_variant_of, description="Of FREE_ITEM; null: the cheapest piece in scope."
    )
    beside: int = field(description="So many pieces are paid beside the free one.")
    minimum: Money = field(
        resolvers.minimum_of, description="Of what is bought in scope, before coupons."
    )
    variant_ids: list[strawberry.ID] = field(
        resolvers.variants_of, description="With no categories either: everything."
    )
    category_ids: list[strawberry.ID] = field(
        resolvers.categories_of, description="And whatever stands below them."
    )
    site_ids: list[strawberry.ID] = field(resolvers.sites_of, description="Empty: all.")
    tiers: list[Tier] = field(resolvers.tiers_of, description="Empty: all.")
    first_order: bool = field(description="For those who have paid no order before.")
    starts_at: datetime
    ends_at: datetime | None
    max_uses: int | None
    budget: Money | None = field(resolvers.budget_of)
    per_user: int | None
    per_device: int | None = field(
        description="A device is that of a guest, else the address that somebody asks from."
    )
    stack_group: str | None = field(
        description="Of one group one applies, and groups combine; null: it stands alone."
    )
    priority: int = field(description="The lowest comes off first.")
    shares: CampaignShares = field(resolvers.shares_of)
    given_back: bool = field(
        description="When all money of its order went back, the coupon is good again."
    )
    version: int = field(description="Send it back as `expectedVersion`.")
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    versions: list[CampaignVersion] = field(
        resolvers.versions_of, size=5, description="Newest first."
    )
    batches: list[CouponBatch] = field(
        resolvers.batches_of, size=5, description="Newest first, 1,000 at most."
    )
    figures: CampaignFigures = field(resolvers.figures_of)


@strawberry.type
class CampaignSavePayload:
    campaign: Campaign | None
    user_errors: list[UserError]


@strawberry.type
class CampaignMovePayload:
    campaign: Campaign | None
    user_errors: list[UserError]


@strawberry.type
class CouponClaimPayload:
    coupon: Coupon | None
    user_errors: list[UserError]


@strawberry.type
class CouponBatchCreatePayload:
    batch: CouponBatch | None
    replayed: bool = field(
        default=False, description="The key came before: this is the batch of then."
    )
    user_errors: list[UserError]


@strawberry.type
class CouponCodesTakePayload:
    batch: CouponBatch | None
    codes: list[str] = field(
        default_factory=list,
        description="Shown here only. Empty when `recipientPublicKey` was sent, and once all were"
        " taken.",
    )
    sealed: str | None = field(
        description='The codes as an armoured age file for `recipientPublicKey`: {"codes": [...]}.'
    )
    replayed: bool = field(
        default=False, description="The key came before: these are the codes of then."
    )
    user_errors: list[UserError]


@strawberry.type
class CouponBatchVoidPayload:
    batch: CouponBatch | None
    user_errors: list[UserError]


@strawberry.type
class CouponMutation:
    coupon_claim: CouponClaimPayload = mutation(
        resolvers.coupon_claim,
        payload=CouponClaimPayload,
        entity="coupon",
        permissions=[SignedIn()],
        rate=Rate(RateZone.COUPON),
        description="Put a coupon into the caller's account: by its own code, after which nobody"
        " else may use that, or by a public one. Every code that is not to be had sounds the same.",
    )


@strawberry.type
class CouponsAdminQuery:
    coupon_batch: CouponBatch | None = field(
        resolvers.coupon_batch, permissions=[Scope("coupons:read")]
    )
    campaign: Campaign | None = field(resolvers.campaign, permissions=[Scope("coupons:read")])
    campaigns: Connection[Campaign] = field(
        resolvers.campaigns, permissions=[Scope("coupons:read")], description="Newest first."
    )


@strawberry.type
class CouponsAdminMutation:
    coupon_batch_create: CouponBatchCreatePayload = mutation(
        resolvers.coupon_batch_create,
        payload=CouponBatchCreatePayload,
        permissions=[Scope("coupons:write")],
        description="Order up to 100,000 codes of a campaign; ask `couponBatch` how far it is.",
    )
    coupon_codes_take: CouponCodesTakePayload = mutation(
        resolvers.coupon_codes_take,
        payload=CouponCodesTakePayload,
        permissions=[Scope("coupons:write")],
        sensitive=True,
        description="The next codes of a batch, up to 1,000, in the open or sealed for a public key"
        " (`age1...` or `ssh-ed25519 ...`). Each is shown to one operator: the same key shows the"
        " same codes again for an hour, another key the next ones. Needs a second factor just now."
        " Audited.",
    )
    coupon_batch_void: CouponBatchVoidPayload = mutation(
        resolvers.coupon_batch_void,
        payload=CouponBatchVoidPayload,
        entity="batch",
        permissions=[Scope("coupons:write")],
        description="No code of it is good any more; orders that hold one keep it.",
    )
    campaign_save: CampaignSavePayload = mutation(
        resolvers.campaign_save,
        payload=CampaignSavePayload,
        entity="campaign",
        permissions=[Scope("coupons:write")],
        description="Make a campaign as a draft, or change one. Orders keep what they were placed"
        " by. Kind, currency and code stay once it has run.",
    )
    campaign_start: CampaignMovePayload = mutation(
        resolvers.campaign_start,
        payload=CampaignMovePayload,
        entity="campaign",
        permissions=[Scope("coupons:write")],
        description="Let it run, from `startsAt` on.",
    )
    campaign_pause: CampaignMovePayload = mutation(
        resolvers.campaign_pause,
        payload=CampaignMovePayload,
        entity="campaign",
        permissions=[Scope("coupons:write")],
        description="Keep it from new orders; orders that hold it keep it.",
    )
    campaign_end: CampaignMovePayload = mutation(
        resolvers.campaign_end,
        payload=CampaignMovePayload,
        entity="campaign",
        permissions=[Scope("coupons:write")],
        description="End it for good; orders that hold it keep it.",
    )
