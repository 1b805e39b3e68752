"""Tiers by sales (mission rows G6, G7): what a tier takes, what was found, what changes when.

What a tier may ask for are the columns of `TierTerms`, and no more: settled sales to consumers, by
whom and how good. There is none for recruits, deposits, purchases of one's own or a price, so
nobody can configure one (money.md part 7).
"""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.agents import Tier
from domain.kernel import Model
from domain.kernel.ids import new_id


class PromotionTiming(StrEnum):
    """When a promotion counts from; never before it was found."""

    AT_ONCE = "at_once"
    NEXT_PERIOD = "next_period"  # from the first day of the month after


class ReviewOutcome(StrEnum):
    """What came of looking at an agent for a month."""

    KEPT = "kept"
    PROMOTED = "promoted"
    WARNED = "warned"  # below what its tier takes, and within its grace
    DEMOTED = "demoted"
    PINNED = "pinned"  # staff have pinned it


class ChangeState(StrEnum):
    """Where a change stands."""

    WAITING = "waiting"
    APPLIED = "applied"
    CANCELLED = "cancelled"


class TierTerms(Model):
    """What a tier takes, and brings besides its prices, from a time on. Never changed; the newest
    counts."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    tier = fields.CharEnumField(Tier, max_length=16)
    months = fields.SmallIntField()  # how many complete months are looked at: 1, or rolling
    sales = fields.BigIntField()  # settled and net, in units, to consumers who came to this agent
    quantity = fields.IntField()
    customers = fields.IntField()
    max_complaints = fields.IntField(null=True)  # justified ones in 10,000 delivered pieces
    clean = fields.BooleanField()  # no penalty in these months
    grace = fields.SmallIntField()  # how many months in a row it may be missed
    timing = fields.CharEnumField(PromotionTiming, max_length=16)
    payout_daily_cap = fields.BigIntField(null=True)  # None: the house's
    effective_at = fields.DatetimeField()
    set_by = fields.UUIDField(null=True)
    set_at = fields.DatetimeField()

    class Meta:
        table = "tier_terms"
        indexes = (("tier", "effective_at"),)
        constraints = (
            # Bronze is where everybody begins; nothing is asked for it.
            CheckConstraint(check="tier IN ('silver', 'gold')", name="tier_terms_of_a_tier"),
            CheckConstraint(
                check="sales >= 0 AND quantity >= 0 AND customers >= 0"
                " AND sales + quantity + customers > 0",
                name="tier_terms_stand_on_sales",
            ),
            CheckConstraint(
                check="months BETWEEN 1 AND 12 AND grace BETWEEN 0 AND 12"
                " AND max_complaints BETWEEN 0 AND 10000 AND payout_daily_cap > 0",
                name="tier_terms_within_limits",
            ),
            CheckConstraint(
                check="timing IN ('at_once', 'next_period')", name="tier_terms_timing_known"
            ),
            CheckConstraint(check="effective_at >= set_at", name="tier_terms_not_for_the_past"),
        )


class TierReview(Model):
    """What was found of an agent for one month, once. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    month = fields.DateField()  # its first day
    tier = fields.CharEnumField(Tier, max_length=16)
    target = fields.CharEnumField(Tier, max_length=16, null=True)
    outcome = fields.CharEnumField(ReviewOutcome, max_length=16)
    misses = fields.SmallIntField()  # months in a row, with this one
    measures = fields.JSONField[dict[str, Any]]()  # by tier: what was asked, there, and met
    at = fields.DatetimeField()

    class Meta:
        table = "tier_reviews"
        indexes = (("agent_id", "id"),)
        constraints = (
            UniqueConstraint(fields=("agent_id", "month"), name="tier_reviewed_once"),
            CheckConstraint(
                check="outcome IN ('kept', 'promoted', 'warned', 'demoted', 'pinned')"
                " AND (outcome IN ('promoted', 'demoted')) = (target IS NOT NULL)"
                " AND coalesce(target <> tier, true) AND misses >= 0"
                " AND (outcome NOT IN ('warned', 'demoted') OR misses > 0)",
                name="tier_review_whole",
            ),
            CheckConstraint(check="extract(day FROM month) = 1", name="tier_review_of_a_month"),
        )


class TierChange(Model):
    """A change that a review found, from its time on; never before it was found."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    review_id = fields.UUIDField(unique=True)
    source = fields.CharEnumField(Tier, max_length=16)
    target = fields.CharEnumField(Tier, max_length=16)
    state = fields.CharEnumField(ChangeState, max_length=16)
    found_at = fields.DatetimeField()
    effective_at = fields.DatetimeField()
    next_try_at = fields.DatetimeField()
    hindrance = fields.CharField(max_length=64, default="")  # the code of what refused it last
    ended_at = fields.DatetimeField(null=True)

    class Meta:
        table = "tier_changes"
        indexes = (("state", "next_try_at"),)
        constraints = (
            CheckConstraint(
                check="state IN ('waiting', 'applied', 'cancelled')"
                " AND (state = 'waiting') = (ended_at IS NULL) AND source <> target",
                name="tier_change_whole",
            ),
            CheckConstraint(
                check="effective_at >= found_at AND next_try_at >= effective_at"
                " AND (state <> 'applied' OR ended_at >= effective_at)",
                name="tier_change_never_retroactive",
            ),
            UniqueConstraint(
                fields=("agent_id",),
                name="tier_change_waits_once",
                condition="state = 'waiting'",
            ),
        )


class TierPin(Model):
    """Staff give an agent a tier by hand, until a time: reviews go on and change nothing."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    tier = fields.CharEnumField(Tier, max_length=16)
    until = fields.DatetimeField()
    note = fields.CharField(max_length=500)
    pinned_by = fields.UUIDField()
    pinned_at = fields.DatetimeField()
    lifted_by = fields.UUIDField(null=True)
    lifted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "tier_pins"
        indexes = (("agent_id", "id"),)
        constraints = (
            CheckConstraint(
                check="note <> '' AND until > pinned_at"
                " AND until <= pinned_at + interval '366 days'"
                " AND (lifted_at IS NULL) = (lifted_by IS NULL)"
                " AND tier IN ('bronze', 'silver', 'gold')",
                name="tier_pin_whole",
            ),
            UniqueConstraint(
                fields=("agent_id",), name="tier_pinned_once", condition="lifted_at IS NULL"
            ),
        )
