"""Cases against agents (mission row G18): evidence, notice, an answer, two persons, an appeal.

Only what a case says is ever taken, and only of a deposit: no column here names a commission, so no
case can take what was earned (money.md parts 6 and 7).
"""

from datetime import datetime, timedelta
from enum import StrEnum

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class Violation(StrEnum):
    """What an agent is said to have done."""

    PRICING = "pricing"  # sold below the price that its terms allow
    PROMISES = "promises"  # promised what is not true, income above all
    FAKE_SALES = "fake_sales"  # sales to itself or to nobody
    BUYERS_HARMED = "buyers_harmed"
    PERSONAL_DATA = "personal_data"
    OTHER = "other"


class PenaltyStep(StrEnum):
    """The rungs of the ladder, mildest first."""

    WARNING = "warning"
    DEDUCTION = "deduction"  # of the deposit
    RESTRICTION = "restriction"  # for a time, which ends by itself
    REMOVAL = "removal"


class PenaltyState(StrEnum):
    """Where a case stands."""

    OPEN = "open"  # evidence is collected; the agent has not heard of it
    NOTICED = "noticed"  # the agent may answer
    WITHDRAWN = "withdrawn"
    DISMISSED = "dismissed"
    IMPOSED = "imposed"  # the agent may appeal
    APPEALED = "appealed"
    UPHELD = "upheld"
    OVERTURNED = "overturned"
    FINAL = "final"  # nobody appealed in time


class PenaltyCase(Model):
    """One case. Each group of columns is written once, by the move that it belongs to."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    violation = fields.CharEnumField(Violation, max_length=16)
    grave = fields.BooleanField()  # more than a warning, though it is the first
    facts = fields.CharField(max_length=2000)
    hearing = fields.UUIDField(unique=True)  # what the agent's own documents belong to
    state = fields.CharEnumField(PenaltyState, max_length=16)
    opened_by = fields.UUIDField()
    opened_at = fields.DatetimeField()

    step = fields.CharEnumField(PenaltyStep, max_length=16, null=True)
    amount = fields.BigIntField(null=True)  # of the deposit
    blocks = ArrayField(element_type="text")
    days = fields.SmallIntField(null=True)
    noticed_by = fields.UUIDField(null=True)
    noticed_at = fields.DatetimeField(null=True)
    answer_until = fields.DatetimeField(null=True)
    answer = fields.CharField(max_length=2000, default="")
    answered_at = fields.DatetimeField(null=True)

    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)
    reasons = fields.CharField(max_length=2000, default="")
    ordinal = fields.SmallIntField(null=True)  # how many violations stand, with this one
    appeal_until = fields.DatetimeField(null=True)
    appeal = fields.CharField(max_length=2000, default="")
    appealed_at = fields.DatetimeField(null=True)

    closed_by = fields.UUIDField(null=True)  # None: by its time
    closed_at = fields.DatetimeField(null=True)
    closing = fields.CharField(max_length=2000, default="")

    class Meta:
        table = "penalty_cases"
        indexes = (("agent_id", "id"), ("state", "id"), ("closed_at", "id"))
        constraints = (
            CheckConstraint(
                check="state IN ('open', 'noticed', 'withdrawn', 'dismissed', 'imposed',"
                " 'appealed', 'upheld', 'overturned', 'final')",
                name="penalty_state_known",
            ),
            CheckConstraint(
                check="violation IN ('pricing', 'promises', 'fake_sales', 'buyers_harmed',"
                " 'personal_data', 'other') AND facts <> ''",
                name="penalty_violation_told",
            ),
            CheckConstraint(
                check="(step IS NULL) = (noticed_at IS NULL)"
                " AND (noticed_by IS NULL) = (noticed_at IS NULL)"
                " AND (answer_until IS NULL) = (noticed_at IS NULL)"
                " AND coalesce(answer_until >= noticed_at + interval '1 day', true)"
                " AND step IN ('warning', 'deduction', 'restriction', 'removal')"
                " AND coalesce(step = 'deduction', false) = (amount IS NOT NULL)"
                " AND coalesce(step = 'restriction', false) = (days IS NOT NULL)"
                " AND coalesce(step = 'restriction', false) = (blocks <> '{}')"
                " AND blocks <@ ARRAY['trade', 'earn', 'recruit', 'payout']"
                " AND amount BETWEEN 1 AND 100000000 AND days BETWEEN 1 AND 90",
                name="penalty_notice_whole",
            ),
            CheckConstraint(
                check="(answer = '') = (answered_at IS NULL)"
                " AND (answered_at IS NULL OR noticed_at IS NOT NULL)",
                name="penalty_answer_whole",
            ),
            CheckConstraint(
                check="(decided_at IS NULL) = (decided_by IS NULL)"
                " AND (decided_at IS NULL) = (reasons = '')"
                " AND (decided_at IS NULL OR decided_by <> noticed_by AND decided_by <> opened_by"
                " AND (answered_at IS NOT NULL OR decided_at >= answer_until))",
                name="penalty_heard_and_decided_by_another",
            ),
            CheckConstraint(
                check="(state IN ('imposed', 'appealed', 'upheld', 'overturned', 'final'))"
                " = (appeal_until IS NOT NULL) AND (appeal_until IS NULL) = (ordinal IS NULL)"
                " AND coalesce(appeal_until >= decided_at + interval '1 day', true)"
                " AND (state NOT IN ('dismissed', 'imposed', 'appealed', 'upheld', 'overturned',"
                " 'final') OR decided_at IS NOT NULL)",
                name="penalty_imposed_whole",
            ),
            CheckConstraint(
                check="(appeal = '') = (appealed_at IS NULL)"
                " AND coalesce(appealed_at < appeal_until, appealed_at IS NULL)"
                " AND (state IN ('appealed', 'upheld', 'overturned')) = (appealed_at IS NOT NULL)"
                " AND (state NOT IN ('upheld', 'overturned') OR (closed_by IS NOT NULL"
                " AND closed_by NOT IN (opened_by, noticed_by, decided_by) AND closing <> ''))",
                name="penalty_appeal_by_a_third",
            ),
            CheckConstraint(
                check="(closed_at IS NULL) = (state IN ('open', 'noticed', 'imposed', 'appealed'))"
                " AND (state <> 'final' OR closed_at >= appeal_until)",
                name="penalty_closed_in_time",
            ),
            # The ladder: the third violation ends the agent, and none before it does.
            CheckConstraint(
                check="ordinal IS NULL OR (ordinal >= 3) = (step = 'removal')"
                " AND (step <> 'warning' OR ordinal = 1)"
                " AND (ordinal <> 1 OR step = 'warning' OR grave)",
                name="penalty_on_its_rung",
            ),
            UniqueConstraint(
                fields=("agent_id",),
                name="penalty_one_at_a_time",
                condition="state IN ('imposed', 'appealed')",
            ),
        )

    @property
    def restricted_until(self) -> datetime | None:
        """When a restriction that was imposed ends by itself; None: there is none, or it was
        overturned."""
        if self.days is None or self.ordinal is None or self.decided_at is None:
            return None
        ends: datetime = self.decided_at + timedelta(days=self.days)
        return None if self.state is PenaltyState.OVERTURNED else ends


class PenaltyRestriction(Model):
    """What an agent may not do, from a time to a time. Only an appeal that is won lifts it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    case_id = fields.UUIDField(unique=True)
    agent_id = fields.UUIDField()
    blocks = ArrayField(element_type="text")
    starts_at = fields.DatetimeField()
    ends_at = fields.DatetimeField(null=True)  # None: until a removal takes place
    lifted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "penalty_restrictions"
        indexes = (("agent_id",),)
        constraints = (
            CheckConstraint(
                check="blocks <> '{}' AND blocks <@ ARRAY['trade', 'earn', 'recruit', 'payout']"
                " AND ends_at > starts_at AND lifted_at >= starts_at",
                name="penalty_restriction_whole",
            ),
        )


class InspectionState(StrEnum):
    """What a sample found."""

    WAITING = "waiting"
    GOOD = "good"
    BAD = "bad"


class InspectionRound(Model):
    """One month's sample of agents, drawn once. With its seed anybody draws the same again, so that
    nobody can pick whom to look at. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    month = fields.DateField(unique=True)  # its first day
    seed = fields.CharField(max_length=32)
    active = fields.IntField()  # agents there were to draw from
    size = fields.IntField()
    drawn_at = fields.DatetimeField()

    class Meta:
        table = "inspection_rounds"
        constraints = (
            CheckConstraint(
                check="size BETWEEN 0 AND active AND extract(day FROM month) = 1 AND seed <> ''",
                name="inspection_round_whole",
            ),
        )


class Inspection(Model):
    """Look at what one agent does (mission row G17). A bad one may open a case, which has its id:
    so what was found is the evidence of that case."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    round_id = fields.UUIDField()
    agent_id = fields.UUIDField()
    state = fields.CharEnumField(InspectionState, max_length=8)
    findings = fields.CharField(max_length=2000, default="")
    opened_case = fields.BooleanField(default=False)
    inspected_by = fields.UUIDField(null=True)
    inspected_at = fields.DatetimeField(null=True)

    class Meta:
        table = "inspections"
        indexes = (("state", "id"), ("agent_id", "id"))
        constraints = (
            UniqueConstraint(fields=("round_id", "agent_id"), name="inspection_once_a_round"),
            CheckConstraint(
                check="state IN ('waiting', 'good', 'bad')"
                " AND (state = 'waiting') = (inspected_by IS NULL)"
                " AND (state = 'waiting') = (inspected_at IS NULL)"
                " AND (state = 'waiting') = (findings = '') AND (state = 'bad' OR NOT opened_case)",
                name="inspection_whole",
            ),
        )
