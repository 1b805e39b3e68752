"""Bonus plans: what agents may get for a month of settled sales, and for nothing else (row H5).

There is no column for recruits, deposits, purchases of one's own or time that passes, and none of
these could be a basis: the list is closed by CHECKs, and so are depth and caps.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint

from domain.commissions import AwardKind
from domain.kernel import Model
from domain.kernel.ids import new_id


class BonusBasis(StrEnum):
    """Which settled sales to consumers a plan stands on."""

    OWN_SALES = "own_sales"  # to the agent's own customers
    LINK_SALES = "link_sales"  # of these, by its promotion links
    NEW_CUSTOMER_SALES = "new_customer_sales"  # of these, to whoever had never paid here before
    REFERRED_AGENT_SALES = "referred_agent_sales"  # of one agent that it invited, once
    REFERRED_BUYER_PURCHASES = "referred_buyer_purchases"  # of one buyer that it brought, once
    TEAM_SALES = "team_sales"  # to its own customers, and to those of agents below it


class BonusState(StrEnum):
    """How far a plan has come."""

    PROPOSED = "proposed"  # pays nobody
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"  # before its first month


class BonusPlan(Model):
    """One plan. Never changed, but decided once by another person, and ended earlier.

    `rates[i]` (in 1/10000 of all sales) from `from_sales[i]` (in units) on; one step at least, and
    none from zero. What it pays one agent stays within `cap_margin_rate` of the margin of the sales
    that it stands on, and within `cap_sales_rate` of those whose cost is not known.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    kind = fields.CharEnumField(AwardKind, max_length=16)
    name = fields.CharField(max_length=64)
    basis = fields.CharEnumField(BonusBasis, max_length=24)
    depth = fields.SmallIntField()  # levels of agents whose customers' purchases count
    currency = fields.CharField(max_length=3)
    from_sales = ArrayField(element_type="bigint")
    rates = ArrayField(element_type="int")
    min_own_sales = fields.BigIntField()  # that the agent itself must have made
    cap_margin_rate = fields.IntField()
    cap_sales_rate = fields.IntField()
    cap_each = fields.BigIntField(null=True)  # what one agent has of it in a month, at the most
    cap_month = fields.BigIntField(null=True)  # of referrals: for all that one agent brought
    hold_days = fields.SmallIntField()  # for how long an award is pending
    first_month = fields.DateField()
    last_month = fields.DateField()
    state = fields.CharEnumField(BonusState, max_length=16)
    note = fields.CharField(max_length=500)
    proposed_by = fields.UUIDField()
    proposed_at = fields.DatetimeField()
    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)

    class Meta:
        table = "bonus_plans"
        constraints = (
            CheckConstraint(
                check="kind = 'performance' AND basis = 'own_sales'"
                " OR kind = 'promotion' AND basis IN ('link_sales', 'new_customer_sales')"
                " OR kind = 'team' AND basis = 'team_sales'"
                " OR kind = 'referral' AND basis IN ('referred_agent_sales',"
                " 'referred_buyer_purchases')",
                name="bonus_stands_on_sales_of_its_kind",
            ),
            CheckConstraint(
                check="depth BETWEEN 1 AND 3 AND (depth > 1) = (kind = 'team')",
                name="bonus_depth_at_most_three",
            ),
            CheckConstraint(
                check="kind <> 'team' OR min_own_sales > 0",
                name="bonus_of_a_team_that_sells_itself",
            ),
            CheckConstraint(
                check="cap_margin_rate BETWEEN 1 AND 5000 AND cap_sales_rate BETWEEN 0 AND 1000"
                " AND min_own_sales >= 0 AND (cap_each IS NULL OR cap_each > 0)",
                name="bonus_within_its_caps",
            ),
            CheckConstraint(
                check="extract(day FROM first_month) = 1 AND extract(day FROM last_month) = 1"
                " AND last_month BETWEEN first_month AND first_month + 366"
                " AND first_month > (proposed_at AT TIME ZONE 'UTC')::date - 33",
                name="bonus_valid_for_a_time",
            ),
            CheckConstraint(
                check="(kind = 'referral') = (cap_month IS NOT NULL)"
                " AND (kind <> 'referral' OR cap_each IS NOT NULL AND cap_month >= cap_each)",
                name="bonus_of_referrals_within_a_month",
            ),
            CheckConstraint(check="hold_days BETWEEN 0 AND 90", name="bonus_hold_at_most_ninety"),
            CheckConstraint(
                check="(state = 'proposed') = (decided_by IS NULL)"
                " AND (decided_by IS NULL) = (decided_at IS NULL)"
                " AND decided_by IS DISTINCT FROM proposed_by",
                name="bonus_decided_by_another",
            ),
            CheckConstraint(
                check="state IN ('proposed', 'approved', 'rejected', 'withdrawn')",
                name="bonus_state_known",
            ),
        )


class BonusReferralRefusal(Model):
    """A referral that earns nothing, because both are one hand; once for each party and plan."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    plan_id = fields.UUIDField()
    agent_id = fields.UUIDField()
    subject_id = fields.UUIDField()
    month = fields.DateField()
    reason = fields.CharField(max_length=16)
    at = fields.DatetimeField()

    class Meta:
        table = "bonus_referral_refusals"
        unique_together = (("plan_id", "subject_id"),)
        constraints = (
            CheckConstraint(
                check="reason IN ('self', 'marked', 'device', 'address')",
                name="bonus_refusal_known",
            ),
        )


class BonusRun(Model):
    """How far the agents of one plan and month are looked at; once for each of both."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    plan_id = fields.UUIDField()
    month = fields.DateField()
    cursor = fields.UUIDField()  # the last agent that was looked at
    awards = fields.IntField(default=0)
    amount = fields.BigIntField(default=0)
    begun_at = fields.DatetimeField()
    done_at = fields.DatetimeField(null=True)

    class Meta:
        table = "bonus_runs"
        unique_together = (("plan_id", "month"),)
        constraints = (
            CheckConstraint(check="awards >= 0 AND amount >= awards", name="bonus_run_counts_up"),
        )


class BonusCursor(Model):
    """How far refunds in the ledger's chain are looked at for awards; one row, and the lock that
    keeps awards and refunds from passing each other by."""

    id = fields.SmallIntField(primary_key=True)
    sequence = fields.BigIntField()

    class Meta:
        table = "bonus_cursor"
        constraints = (CheckConstraint(check="id = 1", name="bonus_cursor_is_one"),)
