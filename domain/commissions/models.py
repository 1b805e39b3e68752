"""Commission rules and what they earned. A commission stands on a delivered consumer sale."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class RuleScope(StrEnum):
    """Of which goods a rule is; the narrowest that fits wins."""

    DEFAULT = "default"
    CATEGORY = "category"
    VARIANT = "variant"


class RuleKind(StrEnum):
    """How an amount is worked out (mission row H1)."""

    PERCENT = "percent"  # of the net price; value 10000 = 1 %
    MARGIN_PERCENT = "margin_percent"  # of the price less the cost; value 10000 = 1 %
    FIXED = "fixed"  # per unit sold; value in units of 1/10000
    PRICE_DIFFERENCE = "price_difference"  # between own tier price and the next one's down


class CommissionRule(Model):
    """What an agent earns, one version; nothing but a sale triggers it.

    It is for whoever stands at `level` (1 = nearest to the sale), or for one agent at any level. A
    version is never changed but for its end: what was sold under it stays explained.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    scope = fields.CharEnumField(RuleScope, max_length=16)
    scope_id = fields.UUIDField(null=True)
    agent_id = fields.UUIDField(null=True)
    level = fields.SmallIntField(null=True)
    version = fields.IntField(default=1, db_default=1)
    kind = fields.CharEnumField(RuleKind, max_length=24)
    value = fields.BigIntField()
    hold_days = fields.SmallIntField(default=3, db_default=3)  # the n of T+n
    valid_from = fields.DatetimeField()
    valid_until = fields.DatetimeField(null=True)

    class Meta:
        table = "commission_rules"
        constraints = (
            CheckConstraint(check="level BETWEEN 1 AND 3", name="rule_level_at_most_three"),
            CheckConstraint(
                check="(agent_id IS NULL) = (level IS NOT NULL)", name="rule_of_a_level_or_agent"
            ),
            CheckConstraint(check="value >= 0", name="rule_value_not_negative"),
            CheckConstraint(
                check="kind NOT IN ('percent', 'margin_percent') OR value <= 1000000",
                name="rule_percent_at_most_hundred",
            ),
            CheckConstraint(
                check="(scope = 'default') = (scope_id IS NULL)", name="rule_scope_has_its_object"
            ),
            CheckConstraint(
                check="kind IN ('percent', 'margin_percent', 'fixed', 'price_difference')",
                name="rule_kind_known",
            ),
            CheckConstraint(check="hold_days BETWEEN 0 AND 90", name="rule_hold_at_most_ninety"),
            CheckConstraint(
                check="valid_until IS NULL OR valid_until >= valid_from", name="rule_ends_later"
            ),
        )


class Commission(Model):
    """What one agent earned on one delivered line, with the rule as it was then.

    It is pending until the agent's book is released up to `release_at` or later. No row is changed
    by that: the state of a million commissions is a few words in the books of their agents.
    """

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
    release_at = fields.DatetimeField()

    class Meta:
        table = "commissions"
        unique_together = (("order_line_id", "level"), ("order_line_id", "agent_id"))
        indexes = (Index(fields=("agent_id", "id")), Index(fields=("release_at",)))
        constraints = (
            CheckConstraint(check="level BETWEEN 1 AND 3", name="commission_level_at_most_three"),
            CheckConstraint(check="amount > 0", name="commission_above_zero"),
            CheckConstraint(check="consumer", name="commission_on_consumer_sale_only"),
        )


class AwardKind(StrEnum):
    """By what plan an award was earned (domain/bonuses). There is no other."""

    PERFORMANCE = "performance"
    PROMOTION = "promotion"
    TEAM = "team"
    REFERRAL = "referral"


class CommissionAward(Model):
    """What an agent earned by a plan for a month of settled sales, beside what each line earned.

    It waits, is released and is taken back as commissions are. Never changed. The database asks
    its plan whether it may be, and holds it within the plan's share of the margin.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    plan_id = fields.UUIDField()
    kind = fields.CharEnumField(AwardKind, max_length=16)
    agent_id = fields.UUIDField()
    # Of a referral: the agent or the buyer that was brought, for whose sales or purchases it is.
    subject_id = fields.UUIDField(null=True)
    month = fields.DateField()  # its first day
    lines = fields.IntField()  # delivered lines of consumers' orders that it stands on
    sales = fields.BigIntField()  # what they cost, less refunds
    margin = fields.BigIntField()  # of those whose cost is known, after commissions
    uncosted = fields.BigIntField()  # price of the others, after commissions
    rate = fields.IntField()  # in 1/10000 of the sales
    wished = fields.BigIntField()  # before the caps
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    terms = fields.JSONField[dict[str, Any]]()  # of its plan, as they were
    earned_at = fields.DatetimeField()
    release_at = fields.DatetimeField()

    class Meta:
        table = "commission_awards"
        indexes = (Index(fields=("agent_id", "id")), Index(fields=("release_at",)))
        constraints = (
            UniqueConstraint(
                fields=("plan_id", "agent_id", "month"),
                name="commission_award_once",
                condition="subject_id IS NULL",
            ),
            UniqueConstraint(
                fields=("subject_id",),
                name="award_once_for_a_party",
                condition="subject_id IS NOT NULL",
            ),
            CheckConstraint(
                check="kind IN ('performance', 'promotion', 'team', 'referral')",
                name="award_kind_known",
            ),
            CheckConstraint(
                check="(kind = 'referral') = (subject_id IS NOT NULL)"
                " AND subject_id IS DISTINCT FROM agent_id",
                name="award_of_a_referral_for_a_party",
            ),
            CheckConstraint(
                check="lines > 0 AND sales > 0 AND rate BETWEEN 1 AND 9999"
                " AND wished <= sales::numeric * rate / 10000 AND amount BETWEEN 1 AND wished",
                name="award_stands_on_sales",
            ),
        )


class CommissionAwardClawback(Model):
    """What refunds took back of an award, and where from. Never changed, never more than it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    award_id = fields.UUIDField()
    agent_id = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    release_at = fields.DatetimeField()  # of the award
    amount = fields.BigIntField()
    pending = fields.BigIntField()
    available = fields.BigIntField()
    owed = fields.BigIntField()
    taken_at = fields.DatetimeField()

    class Meta:
        table = "commission_award_clawbacks"
        indexes = (("award_id",), ("agent_id", "release_at"))
        constraints = (
            CheckConstraint(check="amount > 0", name="award_clawback_above_zero"),
            CheckConstraint(
                check="pending >= 0 AND available >= 0 AND owed >= 0"
                " AND amount = pending + available + owed",
                name="award_clawback_from_somewhere",
            ),
            CheckConstraint(
                check="pending IN (0, amount)", name="award_clawback_pending_or_released"
            ),
        )


class CommissionBook(Model):
    """How far the commissions of one agent in one currency are released.

    Whoever moves released commission, or decides whether some is released, locks it first.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    released_up_to = fields.DatetimeField(null=True)  # all until then is released
    due_up_to = fields.DatetimeField(null=True)  # all until then is marked to be
    due_amount = fields.BigIntField(default=0)  # of what is marked, before clawbacks
    due_lines = fields.IntField(default=0)

    class Meta:
        table = "commission_books"
        unique_together = (("agent_id", "currency"),)
        constraints = (
            CheckConstraint(check="due_amount >= 0 AND due_lines >= 0", name="book_not_negative"),
            CheckConstraint(
                check="(due_lines = 0) = (due_up_to IS NOT DISTINCT FROM released_up_to)",
                name="book_due_when_marked",
            ),
        )


class CommissionSweep(Model):
    """One look for commissions whose time has come. Each follows the one before, so that none of
    them is counted twice and none is passed over, however many look."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    follows = fields.DatetimeField(unique=True)
    up_to = fields.DatetimeField(unique=True)
    lines = fields.IntField()
    amount = fields.BigIntField()
    at = fields.DatetimeField()

    class Meta:
        table = "commission_sweeps"
        constraints = (CheckConstraint(check="follows < up_to", name="sweep_goes_on"),)


class CommissionRelease(Model):
    """What became available to one agent at once, and of which commissions: those between."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    follows = fields.DatetimeField(null=True)
    up_to = fields.DatetimeField()
    lines = fields.IntField()
    earned = fields.BigIntField()
    clawed_back = fields.BigIntField()  # of it, while it was pending
    offset_debt = fields.BigIntField()  # of the rest, what the agent owed
    released_at = fields.DatetimeField()

    class Meta:
        table = "commission_releases"
        unique_together = (("agent_id", "currency", "up_to"),)
        constraints = (
            CheckConstraint(
                check="clawed_back BETWEEN 0 AND earned"
                " AND offset_debt BETWEEN 0 AND earned - clawed_back",
                name="release_within_earned",
            ),
        )


class CommissionClawback(Model):
    """What a refund took back of a commission, and where from. Never changed; never more than was
    earned. What is owed was paid out before, and later commissions make it up."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    commission_id = fields.UUIDField()
    refund_id = fields.UUIDField()
    agent_id = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    release_at = fields.DatetimeField()  # of the commission
    amount = fields.BigIntField()
    pending = fields.BigIntField()
    available = fields.BigIntField()
    owed = fields.BigIntField()
    taken_at = fields.DatetimeField()

    class Meta:
        table = "commission_clawbacks"
        unique_together = (("commission_id", "refund_id"),)
        indexes = (("refund_id",), ("agent_id", "release_at"), ("agent_id", "id"))
        constraints = (
            CheckConstraint(check="amount > 0", name="clawback_above_zero"),
            CheckConstraint(
                check="pending >= 0 AND available >= 0 AND owed >= 0"
                " AND amount = pending + available + owed",
                name="clawback_from_somewhere",
            ),
            CheckConstraint(check="pending IN (0, amount)", name="clawback_pending_or_released"),
        )
