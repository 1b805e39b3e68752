"""Prices per variant and tier."""

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from domain.kernel.ids import new_id


class Price(Model):
    """The unit price of a variant for one tier, in units of 1/10000 of the currency."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField()
    tier = fields.CharField(max_length=16)
    currency = fields.CharField(max_length=3)
    amount = fields.BigIntField()
    compare_at = fields.BigIntField(null=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "prices"
        unique_together = (("variant_id", "tier", "currency"),)
        constraints = (
            CheckConstraint(check="amount > 0", name="price_above_zero"),
            CheckConstraint(
                check="compare_at IS NULL OR compare_at > amount",
                name="price_compare_at_above",
            ),
            CheckConstraint(
                check="tier IN ('retail', 'bronze', 'silver', 'gold')",
                name="price_tier_known",
            ),
        )
