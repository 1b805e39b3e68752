"""Coupons and threshold campaigns (mission rows J1, J15): what they say, as data with versions."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class CampaignKind(StrEnum):
    """How much comes off."""

    FIXED = "fixed"  # an amount
    PERCENT = "percent"  # a part of the price, up to a cap
    THRESHOLD = "threshold"  # an amount by how much is bought
    FREE_ITEM = "free_item"  # the price of one piece


class CampaignState(StrEnum):
    """Where a campaign stands; moves are held by a trigger."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


class DiscountBearer(StrEnum):
    """Who pays for what buyers save."""

    PLATFORM = "platform"
    AGENT = "agent"  # the nearest one above the buyer, out of what it earns on the order
    SUPPLIER = "supplier"  # by agreement: it is told in the figures and settled outside


class Campaign(Model):
    """What a campaign says now. Amounts in units of 1/10000 of `currency`, shares in 1/10000."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    name_zh = fields.CharField(max_length=64)
    name_en = fields.CharField(max_length=64)
    kind = fields.CharEnumField(CampaignKind, max_length=16)
    state = fields.CharEnumField(CampaignState, max_length=8)
    automatic = fields.BooleanField()  # needs no code
    public_code = fields.CharField(max_length=32, null=True)  # one word for everybody
    currency = fields.CharField(max_length=3)
    value = fields.BigIntField(default=0)  # an amount; of a percentage 10000 stands for 1 %
    cap = fields.BigIntField(null=True)  # at most so much comes off
    steps = fields.JSONField[list[dict[str, int]]](default=list)  # of a threshold: from, off
    repeats = fields.BooleanField(default=False)  # the one step counts for each time it is reached
    free_variant_id = fields.UUIDField(null=True)  # None: the cheapest piece in scope
    beside = fields.IntField(default=0)  # so many pieces are paid beside the free one
    minimum = fields.BigIntField(default=0)  # of what is bought in scope, before coupons
    variant_ids = ArrayField(element_type="uuid", default=list)  # with none below: everything
    category_ids = ArrayField(element_type="uuid", default=list)  # and whatever stands below them
    site_ids = ArrayField(element_type="uuid", default=list)  # empty: all
    tiers = ArrayField(element_type="text", default=list)  # empty: all
    first_order = fields.BooleanField(default=False)
    starts_at = fields.DatetimeField()
    ends_at = fields.DatetimeField(null=True)
    max_uses = fields.IntField(null=True)
    budget = fields.BigIntField(null=True)
    per_user = fields.IntField(null=True)
    per_device = fields.IntField(null=True)
    stack_group = fields.CharField(max_length=16, null=True)  # None: combines with nothing
    priority = fields.SmallIntField(default=100)  # the lowest comes off first
    platform_share = fields.IntField(default=10_000)
    agent_share = fields.IntField(default=0)
    supplier_share = fields.IntField(default=0)
    given_back = fields.BooleanField(default=False)  # when all of its order's money went back
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    started_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "coupon_campaigns"
        constraints = (
            CheckConstraint(
                check="kind IN ('fixed', 'percent', 'threshold', 'free_item')",
                name="campaign_kind_known",
            ),
            CheckConstraint(
                check="state IN ('draft', 'running', 'paused', 'ended')",
                name="campaign_state_known",
            ),
            CheckConstraint(
                check="(state = 'ended') = (ended_at IS NOT NULL)"
                " AND (state IN ('draft', 'ended') OR started_at IS NOT NULL)",
                name="campaign_times_of_its_state",
            ),
            CheckConstraint(
                check="CASE kind WHEN 'fixed' THEN value > 0"
                " WHEN 'percent' THEN value BETWEEN 1 AND 1000000"
                " ELSE value = 0 END AND (kind = 'threshold') = (jsonb_array_length(steps) > 0)"
                " AND jsonb_array_length(steps) <= 10"
                " AND (NOT repeats OR jsonb_array_length(steps) = 1)"
                " AND (free_variant_id IS NULL OR kind = 'free_item')"
                " AND CASE WHEN kind = 'free_item' THEN beside BETWEEN 1 AND 1000"
                " ELSE beside = 0 END",
                name="campaign_says_how_much",
            ),
            CheckConstraint(
                check="minimum >= 0 AND cap > 0 AND max_uses > 0 AND budget > 0 AND per_user > 0"
                " AND per_device > 0",
                name="campaign_limits_above_zero",
            ),
            CheckConstraint(check="ends_at > starts_at", name="campaign_ends_after_it_starts"),
            CheckConstraint(
                check="NOT automatic OR public_code IS NULL", name="campaign_automatic_has_no_code"
            ),
            # Two first orders at once are told apart by nothing else.
            CheckConstraint(
                check="NOT first_order OR (per_user IS NOT NULL AND per_user = 1)",
                name="campaign_first_order_once",
            ),
            CheckConstraint(
                check="platform_share >= 0 AND agent_share >= 0 AND supplier_share >= 0"
                " AND platform_share + agent_share + supplier_share = 10000",
                name="campaign_is_borne_whole",
            ),
            UniqueConstraint(
                fields=("public_code",),
                name="campaign_public_code_once",
                condition="public_code IS NOT NULL AND state <> 'ended'",
            ),
        )


class CampaignVersion(Model):
    """What a campaign said from a moment on, and who said so. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    campaign_id = fields.UUIDField()
    version = fields.IntField()
    terms = fields.JSONField[dict[str, Any]]()
    saved_by = fields.UUIDField(null=True)
    saved_at = fields.DatetimeField()

    class Meta:
        table = "coupon_campaign_versions"
        constraints = (
            UniqueConstraint(fields=("campaign_id", "version"), name="campaign_version_once"),
        )


class CampaignCounter(Model):
    """What of a campaign's limits is taken, while it has any; moved by the trigger of uses alone.

    Apart from the campaign, so that whoever only reads that never waits.
    """

    campaign_id = fields.UUIDField(primary_key=True)
    max_uses = fields.IntField(null=True)
    budget = fields.BigIntField(null=True)
    uses = fields.IntField(default=0)
    amount = fields.BigIntField(default=0)

    class Meta:
        table = "coupon_counters"
        constraints = (
            CheckConstraint(check="uses >= 0 AND amount >= 0", name="campaign_taken_not_negative"),
            CheckConstraint(check="uses <= max_uses", name="campaign_uses_within"),
            CheckConstraint(check="amount <= budget", name="campaign_budget_within"),
        )


class CouponBatch(Model):
    """Codes of a campaign that are made together. They follow from a sealed seed, of which nothing
    is left some time after all were taken: each code is shown to one operator."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    campaign_id = fields.UUIDField()
    count = fields.IntField()
    made = fields.IntField(default=0)  # prints that are stored
    taken = fields.IntField(default=0)  # codes that were shown
    seed_sealed = fields.BinaryField(null=True)
    created_by = fields.UUIDField(null=True)
    created_at = fields.DatetimeField()
    due_at = fields.DatetimeField(null=True)  # when the sweep looks at it; None: all are made
    forget_at = fields.DatetimeField(null=True)  # when the seed goes, once all were taken
    voided_at = fields.DatetimeField(null=True)

    class Meta:
        table = "coupon_batches"
        indexes = (("campaign_id", "id"),)
        constraints = (
            CheckConstraint(
                check="count BETWEEN 1 AND 100000 AND made BETWEEN 0 AND count"
                " AND taken BETWEEN 0 AND made",
                name="coupon_batch_in_range",
            ),
            CheckConstraint(
                check="(due_at IS NOT NULL) = (made < count AND voided_at IS NULL)",
                name="coupon_batch_unmade_is_due",
            ),
            CheckConstraint(
                check="CASE WHEN seed_sealed IS NULL THEN forget_at IS NULL"
                " ELSE (taken = count) = (forget_at IS NOT NULL) END",
                name="coupon_batch_seed_goes",
            ),
        )


class CouponTake(Model):
    """Which codes of a batch were shown to whom. The same key shows them again for a while."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    batch_id = fields.UUIDField()
    start = fields.IntField()  # how many were taken before
    codes = fields.IntField()
    taken_by = fields.UUIDField()
    taken_at = fields.DatetimeField()

    class Meta:
        table = "coupon_takes"
        constraints = (
            CheckConstraint(
                check="start >= 0 AND codes BETWEEN 0 AND 1000", name="coupon_take_in_range"
            ),
            UniqueConstraint(
                fields=("batch_id", "start"), name="coupon_taken_once", condition="codes > 0"
            ),
        )


class Coupon(Model):
    """One code of a batch, as a keyed print; or a public code that somebody claimed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    campaign_id = fields.UUIDField()
    batch_id = fields.UUIDField(null=True)
    print = fields.BinaryField(null=True)
    owner_id = fields.UUIDField(null=True)
    claimed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "coupons"
        indexes = (("owner_id", "id"),)
        constraints = (
            UniqueConstraint(fields=("print",), name="coupon_code_once"),
            UniqueConstraint(
                fields=("campaign_id", "owner_id"),
                name="coupon_claimed_once",
                condition="print IS NULL",
            ),
            CheckConstraint(
                check="(owner_id IS NULL) = (claimed_at IS NULL)", name="coupon_claimed_by_somebody"
            ),
            CheckConstraint(
                check="(print IS NULL) = (batch_id IS NULL)"
                " AND (print IS NOT NULL OR owner_id IS NOT NULL)",
                name="coupon_of_a_batch_or_somebody",
            ),
        )


class UseState(StrEnum):
    """Where a use of a coupon stands; moves are held by a trigger."""

    LOCKED = "locked"  # in an order that waits for its payment
    USED = "used"
    RELEASED = "released"  # its order was cancelled or has expired
    RETURNED = "returned"  # all money of its order went back, and the campaign gives it back


class CouponUse(Model):
    """A campaign on an order, and who pays for it: as it was agreed then. Amounts in units of
    1/10000, `amount` and `parts` (by line) in the buyer's currency, the others in the books'."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    campaign_id = fields.UUIDField()
    campaign_version = fields.IntField()
    coupon_id = fields.UUIDField(null=True)
    order_id = fields.UUIDField()
    user_id = fields.UUIDField()
    device = fields.BinaryField(null=True)  # a keyed digest, where the campaign counts devices
    position = fields.SmallIntField()
    state = fields.CharEnumField(UseState, max_length=8)
    name_zh = fields.CharField(max_length=64)
    name_en = fields.CharField(max_length=64)
    currency = fields.CharField(max_length=3)
    amount = fields.BigIntField()
    parts = fields.JSONField[dict[str, int]]()
    house_amount = fields.BigIntField()
    platform_amount = fields.BigIntField()
    agent_amount = fields.BigIntField()
    supplier_amount = fields.BigIntField()
    given_back = fields.BooleanField()
    locked_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "coupon_uses"
        indexes = (("campaign_id", "user_id"), ("campaign_id", "device"))
        constraints = (
            CheckConstraint(
                check="state IN ('locked', 'used', 'released', 'returned')",
                name="coupon_use_state_known",
            ),
            CheckConstraint(
                check="amount > 0 AND house_amount >= 0 AND platform_amount >= 0"
                " AND agent_amount >= 0 AND supplier_amount >= 0"
                " AND platform_amount + agent_amount + supplier_amount = house_amount",
                name="coupon_use_borne_whole",
            ),
            CheckConstraint(
                check="(state IN ('used', 'returned')) = (used_at IS NOT NULL)"
                " AND (state IN ('released', 'returned')) = (ended_at IS NOT NULL)",
                name="coupon_use_times_of_its_state",
            ),
            UniqueConstraint(fields=("order_id", "campaign_id"), name="coupon_once_an_order"),
            UniqueConstraint(
                fields=("coupon_id",),
                name="coupon_used_once",
                condition="state IN ('locked', 'used')",
            ),
        )


class GuessKind(StrEnum):
    """Whose tries are counted."""

    USER = "user"
    ADDRESS = "address"


class CouponGuess(Model):
    """Codes that came to nothing, of one user or address, as a keyed digest."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    kind = fields.CharEnumField(GuessKind, max_length=8)
    subject = fields.BinaryField()
    tries = fields.IntField()
    locked_until = fields.DatetimeField(null=True)
    changed_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "coupon_guesses"
        constraints = (
            UniqueConstraint(fields=("kind", "subject"), name="coupon_guess_once"),
            CheckConstraint(check="tries >= 0", name="coupon_guess_tries"),
        )
