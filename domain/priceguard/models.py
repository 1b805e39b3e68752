"""Price guards, terms of resale, and the inversions that were met."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class GuardAction(StrEnum):
    """What is done about a price that a cost has overtaken. In any case nobody buys at it."""

    REJECT = "reject"  # it stands; each order is refused until somebody changes it
    RAISE_TO_FLOOR = "raise_to_floor"  # and lowered again when the cost falls
    HIDE_VARIANT = "hide_variant"  # off the shelf until it covers the cost again


class PriceGuard(Model):
    """How much a sale must bring in beyond its cost, for a site and a tier; without: for all.

    `min_margin_rate` is a share of the cost in 1/10000, `min_margin` units for one piece: the
    larger one counts. The narrowest guard counts: site and tier, site, tier, all.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    site_id: UUID | None = fields.UUIDField(null=True)
    tier = fields.CharField(max_length=16, null=True)
    min_margin_rate = fields.IntField(default=0)
    min_margin = fields.BigIntField(default=0)
    action = fields.CharEnumField(GuardAction, max_length=16)
    version = fields.IntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "price_guards"
        constraints = (
            CheckConstraint(
                check="tier IS NULL OR tier IN ('retail', 'bronze', 'silver', 'gold')",
                name="price_guard_tier_known",
            ),
            CheckConstraint(
                check="action IN ('reject', 'raise_to_floor', 'hide_variant')",
                name="price_guard_action_known",
            ),
            CheckConstraint(
                check="min_margin_rate BETWEEN 0 AND 100000 AND min_margin >= 0",
                name="price_guard_within_limits",
            ),
        )


class ResaleTerms(Model):
    """What a brand, or we, allow resale prices to be: of a variant, of a brand's goods, of all.

    `min_price` in units, for a variant; `min_face_rate` the least share of the face value, and
    `max_discount_rate` the largest discount that may be shown, both in 1/10000.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id: UUID | None = fields.UUIDField(null=True)
    brand_id: UUID | None = fields.UUIDField(null=True)
    min_price: int | None = fields.BigIntField(null=True)
    min_face_rate: int | None = fields.IntField(null=True)
    max_discount_rate: int | None = fields.IntField(null=True)
    version = fields.IntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "resale_terms"
        constraints = (
            CheckConstraint(
                check="variant_id IS NULL OR brand_id IS NULL", name="resale_terms_one_scope"
            ),
            CheckConstraint(
                check="coalesce(min_face_rate, 0) BETWEEN 0 AND 10000"
                " AND coalesce(max_discount_rate, 0) BETWEEN 0 AND 10000"
                " AND coalesce(min_price, 1) > 0 AND (min_price IS NULL OR variant_id IS NOT NULL)",
                name="resale_terms_within_limits",
            ),
        )


class InversionCause(StrEnum):
    """Where a price was met that did not cover its cost."""

    SAVE = "save"  # somebody wanted to save it
    COST = "cost"  # a cost rose above it, or a guard or terms became stricter
    ORDER = "order"  # somebody wanted to buy at it


class PriceInversion(Model):
    """A price below its floor, and what was done. Amounts in units for one piece.

    Those of saves and orders count up over one day; that of a cost lasts until the price covers it
    again. `prevented` is what the refused pieces would have lost, all together.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField()
    site_id: UUID | None = fields.UUIDField(null=True)
    list_id: UUID | None = fields.UUIDField(null=True)  # of a price that a cost has overtaken
    tier = fields.CharField(max_length=16)
    cause = fields.CharEnumField(InversionCause, max_length=8)
    action = fields.CharEnumField(GuardAction, max_length=16)
    price = fields.BigIntField()
    cost = fields.BigIntField()
    floor = fields.BigIntField()
    raised_to: int | None = fields.BigIntField(null=True)
    refused = fields.IntField(default=0)  # how many orders or saves
    pieces = fields.BigIntField(default=0)
    prevented = fields.BigIntField(default=0)
    day = fields.DateField()
    opened_at = fields.DatetimeField()
    last_at = fields.DatetimeField()
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "price_inversions"
        indexes = (("variant_id", "id"),)
        constraints = (
            CheckConstraint(
                check="cause IN ('save', 'cost', 'order')", name="price_inversion_cause_known"
            ),
            CheckConstraint(
                check="action IN ('reject', 'raise_to_floor', 'hide_variant')",
                name="price_inversion_action_known",
            ),
            CheckConstraint(
                check="price < floor AND cost >= 0 AND prevented >= 0",
                name="price_inversion_below_floor",
            ),
            CheckConstraint(
                check="(cause = 'cost') = (list_id IS NOT NULL)", name="price_inversion_of_a_list"
            ),
        )
