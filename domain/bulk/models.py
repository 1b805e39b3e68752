"""Long work of the back office: a job with its progress, its input, and the rows it left out."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class JobState(StrEnum):
    """Where a job stands; moves are held by a trigger."""

    RECEIVING = "receiving"  # its input is still on the way
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Model):
    """One piece of long work. `done` of `total` bytes of its input are worked off."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    kind = fields.CharField(max_length=32)
    state = fields.CharEnumField(JobState, max_length=16)
    wish = fields.JSONField[dict[str, Any]]()  # what is wanted, in the words of its kind
    actor = fields.JSONField[dict[str, Any]]()  # who asked, as they were allowed to then
    actor_id = fields.UUIDField(null=True)
    total = fields.BigIntField(default=0)
    done = fields.BigIntField(default=0)
    wrapped_key = fields.BinaryField(null=True)  # of the data key that seals the input
    key_version = fields.IntField(null=True)
    result = fields.JSONField[dict[str, Any] | None](null=True)
    subject = fields.UUIDField(null=True)  # what it made, such as a card batch
    fault = fields.JSONField[dict[str, Any] | None](null=True)  # code, reason, line
    attempts = fields.IntField(default=0)
    due_at = fields.DatetimeField(null=True)  # when the sweep looks at it; a lease while it runs
    cancel_asked_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "bulk_jobs"
        indexes = (("actor_id", "id"),)
        constraints = (
            CheckConstraint(
                check="state IN ('receiving', 'queued', 'running', 'succeeded', 'failed',"
                " 'cancelled')",
                name="job_state_known",
            ),
            CheckConstraint(
                check="(state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
                name="job_finished_at_its_end",
            ),
            CheckConstraint(
                check="(state IN ('queued', 'running')) = (due_at IS NOT NULL)",
                name="job_open_is_due",
            ),
            CheckConstraint(
                check="(state = 'succeeded') = (result IS NOT NULL)", name="job_success_tells"
            ),
            CheckConstraint(
                check="(state = 'failed') = (fault IS NOT NULL)", name="job_failure_tells"
            ),
        )


class JobPiece(Model):
    """A piece of a job's input, sealed: a file of codes lies nowhere in the open."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    job: fields.ForeignKeyRelation[Job] = fields.ForeignKeyField("domain.Job")
    number = fields.IntField()
    sealed = fields.BinaryField()

    class Meta:
        table = "bulk_pieces"
        unique_together = (("job", "number"),)


class LeftOut(Model):
    """Rows of an input that were left out for one reason: lines `line` to `until_line`.

    `subject` is the job, or what the input became. `text` is the value at fault of a row that holds
    no secret; of a card it is empty.
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    subject = fields.UUIDField()
    file = fields.CharField(max_length=64, default="")
    line = fields.IntField()
    until_line = fields.IntField()
    reason = fields.CharField(max_length=48)
    text = fields.CharField(max_length=64, default="")
    at = fields.DatetimeField()

    class Meta:
        table = "bulk_left_out"
        indexes = (("subject", "id"),)
        constraints = (CheckConstraint(check="until_line >= line", name="left_out_lines_in_order"),)
