"""Real names (mission row L5): cases, and the level that a user has reached. All of it sealed."""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class RealNameLevel(StrEnum):
    """How sure the house is of who somebody is, least first."""

    NONE = "none"
    BASIC = "basic"  # a provider confirmed name and number
    FULL = "full"  # and staff have looked at documents


class RealNameState(StrEnum):
    """Where a case stands."""

    CHECKING = "checking"  # a provider is asked
    REVIEW = "review"  # staff look at it: at documents, or because no provider answers
    PASSED = "passed"
    FAILED = "failed"


class RealNameCase(Model):
    """Somebody says who they are. What they said is sealed; equal numbers have one keyed digest."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    user_id = fields.UUIDField()
    level = fields.CharEnumField(RealNameLevel, max_length=8)
    company = fields.BooleanField()
    state = fields.CharEnumField(RealNameState, max_length=16)
    name_sealed = fields.BinaryField()
    number_sealed = fields.BinaryField()
    number_digest = fields.BinaryField()
    tries = fields.IntField(default=0)
    due_at = fields.DatetimeField(null=True)  # when the provider is asked next
    reason = fields.CharField(max_length=32, default="")
    note = fields.CharField(max_length=500, default="")
    opened_at = fields.DatetimeField()
    decided_at = fields.DatetimeField(null=True)
    decided_by = fields.UUIDField(null=True)  # None: by the provider's answer

    class Meta:
        table = "real_name_cases"
        indexes = (("state", "due_at"), ("user_id", "id"))
        constraints = (
            CheckConstraint(check="level IN ('basic', 'full')", name="real_name_level_asked"),
            CheckConstraint(
                check="state IN ('checking', 'review', 'passed', 'failed')",
                name="real_name_state_known",
            ),
            CheckConstraint(
                check="(state = 'checking') = (due_at IS NOT NULL)"
                " AND (state IN ('passed', 'failed')) = (decided_at IS NOT NULL)"
                " AND (state <> 'failed' OR reason <> '')",
                name="real_name_case_whole",
            ),
            CheckConstraint(
                check="level <> 'full' OR state <> 'passed' OR decided_by IS NOT NULL",
                name="real_name_full_by_a_person",
            ),
            UniqueConstraint(
                fields=("user_id",),
                name="real_name_case_open_once",
                condition="state IN ('checking', 'review')",
            ),
        )


class RealName(Model):
    """The level that a user has reached, and by which case."""

    user_id = fields.UUIDField(primary_key=True)
    level = fields.CharEnumField(RealNameLevel, max_length=8)
    company = fields.BooleanField()
    number_digest = fields.BinaryField()
    case_id = fields.UUIDField()
    reached_at = fields.DatetimeField()

    class Meta:
        table = "real_names"
        indexes = (("number_digest",),)
        constraints = (CheckConstraint(check="level IN ('basic', 'full')", name="real_name_level"),)
