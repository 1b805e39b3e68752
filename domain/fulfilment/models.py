"""Fulfilment attempts: one try with one offer. Committed before any call leaves the house."""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model

from domain.kernel.ids import new_id


class AttemptStatus(StrEnum):
    """`submitting`, `accepted` and `uncertain` are open: none of them permits another supplier."""

    SUBMITTING = "submitting"
    ACCEPTED = "accepted"
    UNCERTAIN = "uncertain"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"


OPEN = (AttemptStatus.SUBMITTING, AttemptStatus.ACCEPTED, AttemptStatus.UNCERTAIN)


class FulfilmentAttempt(Model):
    """One try to buy one line's units from one offer. `reference` is ours, stable for life."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    line_id = fields.UUIDField()
    number = fields.SmallIntField()
    supplier_id = fields.UUIDField()
    offer_id = fields.UUIDField()
    item = fields.CharField(max_length=96)
    quantity = fields.IntField()
    reference = fields.CharField(max_length=40, unique=True)
    status = fields.CharEnumField(AttemptStatus, max_length=16)
    category = fields.CharField(max_length=32, null=True)  # why rejected or uncertain
    max_unit_cost = fields.BigIntField()
    cost = fields.BigIntField(null=True)  # what the supplier charged for all units
    currency = fields.CharField(max_length=3)
    upstream_id = fields.CharField(max_length=96, null=True)
    queries = fields.IntField(default=0)
    not_found_answers = fields.IntField(default=0)
    next_query_at = fields.DatetimeField(null=True)
    parked = fields.BooleanField(default=False)  # the goods came too late and became stock
    opened_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "fulfilment_attempts"
        unique_together = (("line_id", "number"),)
        constraints = (
            CheckConstraint(
                check="status IN ('submitting', 'accepted', 'uncertain', 'succeeded', 'rejected')",
                name="attempt_status_known",
            ),
            CheckConstraint(
                check="(status IN ('succeeded', 'rejected')) = (finished_at IS NOT NULL)",
                name="attempt_finished_or_open",
            ),
            CheckConstraint(
                check="(status IN ('submitting', 'accepted', 'uncertain'))"
                " = (next_query_at IS NOT NULL)",
                name="attempt_open_is_queried",
            ),
            UniqueConstraint(
                fields=("line_id",),
                name="attempt_one_open_per_line",
                condition="status IN ('submitting', 'accepted', 'uncertain')",
            ),
            UniqueConstraint(
                fields=("line_id", "status"),
                name="attempt_one_success_per_line",
                condition="status = 'succeeded' AND NOT parked",
            ),
        )


class ManualTask(Model):
    """Who works on a manual line, and how it ended. What was handed over stands with the line."""

    line_id = fields.UUIDField(primary_key=True, default=new_id)
    claimed_by = fields.UUIDField()
    claimed_at = fields.DatetimeField()
    done_at = fields.DatetimeField(null=True)
    delivered = fields.BooleanField(null=True)
    evidence = fields.CharField(max_length=500, default="")  # for the back office only
    reason = fields.CharField(max_length=500, default="")  # why it could not be delivered

    class Meta:
        table = "manual_tasks"
        constraints = (
            CheckConstraint(
                check="(done_at IS NULL) = (delivered IS NULL)", name="manual_task_done_whole"
            ),
            CheckConstraint(
                check="delivered IS DISTINCT FROM false OR reason <> ''",
                name="manual_task_failure_told",
            ),
        )
