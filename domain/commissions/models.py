"""Commission rules and what they earned. A commission stands on a delivered consumer sale."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from domain.kernel.ids import new_id


class RuleScope(StrEnum):
    """How narrow a rule is; the narrowest that fits wins."""

    DEFAULT = "default"
    CATEGORY = "category"
    VARIANT = "variant"


class RuleKind(StrEnum):
    """How an amount is worked out (mission row H1)."""

    PERCENT = "percent"  # of the net price; value 10000 = 1 %
    FIXED = "fixed"  # per unit sold; value in units of 1/10000
    PRICE_DIFFERENCE = "price_difference"  # between own tier price and the next one's down


class CommissionRule(Model):
    """What the agent at `level` (1 = nearest to the sale) earns; nothing but a sale triggers it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    scope = fields.CharEnumField(RuleScope, max_length=16)
    scope_id = fields.UUIDField(null=True)
    level = fields.SmallIntField()
    kind = fields.CharEnumField(RuleKind, max_length=24)
    value = fields.BigIntField()
    valid_from = fields.DatetimeField()
    valid_until = fields.DatetimeField(null=True)

    class Meta:
        table = "commission_rules"
        constraints = (
            CheckConstraint(check="level BETWEEN 1 AND 3", name="rule_level_at_most_three"),
            CheckConstraint(check="value >= 0", name="rule_value_not_negative"),
            CheckConstraint(
                check="kind <> 'percent' OR value <= 1000000", name="rule_percent_at_most_hundred"
            ),
            CheckConstraint(
                check="(scope = 'default') = (scope_id IS NULL)", name="rule_scope_has_its_object"
            ),
            CheckConstraint(
                check="kind IN ('percent', 'fixed', 'price_difference')", name="rule_kind_known"
            ),
        )


class Commission(Model):
    """What one agent earned on one delivered line, with the rule as it was then."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    order_line_id = fields.UUIDField()
    consumer = fields.BooleanField(default=True)
    agent_id = fields.UUIDField()
    level = fields.SmallIntField()
    basis = fields.BigIntField()  # the amount that the rule was applied to
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    rule = fields.JSONField[dict[str, Any]]()
    earned_at = fields.DatetimeField()

    class Meta:
        table = "commissions"
        unique_together = (("order_line_id", "level"), ("order_line_id", "agent_id"))
        indexes = (("agent_id", "id"),)
        constraints = (
            CheckConstraint(check="level BETWEEN 1 AND 3", name="commission_level_at_most_three"),
            CheckConstraint(check="amount > 0", name="commission_above_zero"),
            CheckConstraint(check="consumer", name="commission_on_consumer_sale_only"),
        )


class CommissionClawback(Model):
    """What a refund took back of a commission. Never changed; never more than was earned."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    commission_id = fields.UUIDField()
    refund_id = fields.UUIDField()
    amount = fields.BigIntField()
    taken_at = fields.DatetimeField()

    class Meta:
        table = "commission_clawbacks"
        unique_together = (("commission_id", "refund_id"),)
        indexes = (("refund_id",),)
        constraints = (CheckConstraint(check="amount > 0", name="clawback_above_zero"),)
