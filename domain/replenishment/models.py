"""Buying for stock: policies, budgets, proposals, purchases, and what was sold day by day."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.fulfilment import AttemptStatus
from domain.kernel import Model
from domain.kernel.ids import new_id


class ReplenishMode(StrEnum):
    """What becomes of a need that the planner finds."""

    OFF = "off"
    PROPOSE = "propose"  # somebody approves it
    AUTO = "auto"  # bought at once up to `auto_limit`, approved above


class ReplenishPolicy(Model):
    """How a variant is bought for stock; without a variant: all that have no policy of their own.

    Amounts in units of 1/10000. Without `cover_days` the variant's class says how long stock lasts.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id: UUID | None = fields.UUIDField(null=True)
    mode = fields.CharEnumField(ReplenishMode, max_length=8)
    lead_days = fields.IntField(default=1)
    cover_days: int | None = fields.IntField(null=True)
    max_quantity = fields.IntField(default=500)  # of one proposal
    auto_limit = fields.BigIntField(default=0)
    two_approvals_from = fields.BigIntField(default=100_000_000)
    version = fields.IntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "replenish_policies"
        constraints = (
            CheckConstraint(
                check="mode IN ('off', 'propose', 'auto')", name="replenish_mode_known"
            ),
            CheckConstraint(
                check="lead_days BETWEEN 0 AND 365 AND coalesce(cover_days, 1) BETWEEN 1 AND 365"
                " AND max_quantity BETWEEN 1 AND 100000 AND auto_limit >= 0"
                " AND two_approvals_from >= 0",
                name="replenish_policy_within_limits",
            ),
        )


class BudgetPeriod(StrEnum):
    """For how long a budget is."""

    DAY = "day"
    MONTH = "month"


class PurchaseBudget(Model):
    """What may be spent on stock in a day or a month (UTC), at one supplier or all together."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    supplier_id: UUID | None = fields.UUIDField(null=True)
    period = fields.CharEnumField(BudgetPeriod, max_length=8)
    amount = fields.BigIntField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "purchase_budgets"
        constraints = (
            CheckConstraint(
                check="period IN ('day', 'month')", name="purchase_budget_period_known"
            ),
            CheckConstraint(check="amount >= 0", name="purchase_budget_not_negative"),
        )


class ProposalState(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    APPROVED = "approved"
    BUYING = "buying"
    DONE = "done"  # all that could be bought of it came
    FAILED = "failed"  # nothing came, and nobody is left to ask
    DECLINED = "declined"
    EXPIRED = "expired"


RUNNING = (ProposalState.OPEN, ProposalState.APPROVED, ProposalState.BUYING)


class PurchaseProposal(Model):
    """So many pieces of a variant to be bought for stock, for at most `amount`; and why."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField()
    state = fields.CharEnumField(ProposalState, max_length=8)
    quantity = fields.IntField()
    unit_cost = fields.BigIntField()  # what a piece costs at the first choice
    amount = fields.BigIntField()
    received = fields.IntField(default=0)
    approvals_needed = fields.SmallIntField()
    reason = fields.JSONField[dict[str, Any]]()
    tried = fields.JSONField[list[dict[str, Any]]](default=list)
    proposed_by: UUID | None = fields.UUIDField(null=True)  # None: the planner
    first_by: UUID | None = fields.UUIDField(null=True)
    first_at = fields.DatetimeField(null=True)
    second_by: UUID | None = fields.UUIDField(null=True)
    second_at = fields.DatetimeField(null=True)
    note = fields.CharField(max_length=500, default="")
    proposed_at = fields.DatetimeField()
    due_at = fields.DatetimeField(null=True)  # when a worker must look at it, while it is bought
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "purchase_proposals"
        indexes = (("variant_id", "id"), ("state", "id"))
        constraints = (
            CheckConstraint(
                check="state IN ('open', 'approved', 'buying', 'done', 'failed', 'declined',"
                " 'expired')",
                name="purchase_proposal_state_known",
            ),
            CheckConstraint(
                check="(state IN ('open', 'approved', 'buying')) = (closed_at IS NULL)"
                " AND (state IN ('approved', 'buying')) = (due_at IS NOT NULL)",
                name="purchase_proposal_closed_or_not",
            ),
            CheckConstraint(
                check="quantity > 0 AND unit_cost > 0 AND amount >= unit_cost * quantity"
                " AND received >= 0 AND approvals_needed BETWEEN 0 AND 2",
                name="purchase_proposal_amounts",
            ),
            # Nobody approves twice, nor what oneself proposed; enough have approved what is bought.
            CheckConstraint(
                check="(second_by IS NULL OR second_by <> first_by)"
                " AND coalesce(proposed_by <> first_by, true)"
                " AND coalesce(proposed_by <> second_by, true)",
                name="purchase_proposal_four_eyes",
            ),
            CheckConstraint(
                check="state NOT IN ('approved', 'buying', 'done', 'failed')"
                " OR (approvals_needed < 1 OR first_by IS NOT NULL)"
                " AND (approvals_needed < 2 OR second_by IS NOT NULL)",
                name="purchase_proposal_approved",
            ),
            UniqueConstraint(
                fields=("variant_id",),
                name="purchase_proposal_one_running",
                condition="state IN ('open', 'approved', 'buying')",
            ),
        )


class StockPurchase(Model):
    """One try to buy for stock from one offer. `reference` is ours, stable for life.

    `reserved` is what it may cost at most; it counts against the budget of `budget_on` until it is
    known what it did cost.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    proposal_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    supplier_id = fields.UUIDField()
    offer_id = fields.UUIDField()
    item = fields.CharField(max_length=96)
    quantity = fields.IntField()
    reference = fields.CharField(max_length=40, unique=True)
    status = fields.CharEnumField(AttemptStatus, max_length=16)
    category = fields.CharField(max_length=32, null=True)
    max_unit_cost = fields.BigIntField()
    reserved = fields.BigIntField()
    cost: int | None = fields.BigIntField(null=True)
    currency = fields.CharField(max_length=3)
    budget_on = fields.DateField()
    upstream_id = fields.CharField(max_length=96, null=True)
    received = fields.IntField(default=0)
    duplicates = fields.IntField(default=0)
    batch_id: UUID | None = fields.UUIDField(null=True)
    queries = fields.IntField(default=0)
    not_found_answers = fields.IntField(default=0)
    next_query_at = fields.DatetimeField(null=True)
    recheck_at = fields.DatetimeField(null=True)  # of one that was given up without a clear no
    rechecks = fields.SmallIntField(default=0)
    opened_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "stock_purchases"
        indexes = (("proposal_id", "id"), ("budget_on", "supplier_id"))
        constraints = (
            CheckConstraint(
                check="status IN ('submitting', 'accepted', 'uncertain', 'succeeded', 'rejected')",
                name="stock_purchase_status_known",
            ),
            CheckConstraint(
                check="(status IN ('succeeded', 'rejected')) = (finished_at IS NOT NULL)"
                " AND (finished_at IS NULL) = (next_query_at IS NOT NULL)",
                name="stock_purchase_open_is_queried",
            ),
            CheckConstraint(
                check="quantity > 0 AND max_unit_cost > 0 AND reserved = max_unit_cost * quantity",
                name="stock_purchase_amounts",
            ),
            UniqueConstraint(
                fields=("proposal_id",),
                name="stock_purchase_one_open",
                condition="status IN ('submitting', 'accepted', 'uncertain')",
            ),
        )


class SalesDay(Model):
    """What was sold of a variant on a day (UTC) on which it was ordered; counted anew for days that
    are young. Amounts in units of 1/10000."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    variant_id = fields.UUIDField()
    day = fields.DateField()
    pieces = fields.IntField()
    revenue = fields.BigIntField()
    cost = fields.BigIntField()

    class Meta:
        table = "sales_days"
        indexes = (("day",),)
        constraints = (UniqueConstraint(fields=("variant_id", "day"), name="sales_day_once"),)
