"""What suppliers list of their goods, and the runs that read those lists."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id
from domain.suppliers import Availability, Pushes

_NO_FIELDS = SqlDefault("'[]'::jsonb")


class SyncPolicy(Model):
    """How a supplier's list is followed. Without one it is not followed at all.

    A change of cost below `tolerance` (1/10000) counts once it has stood for `settle_seconds`, and
    so does an item that is back. A list that lacks more than `missing_rate` (1/10000) of what was
    there is not believed.
    """

    supplier_id = fields.UUIDField(primary_key=True)
    enabled = fields.BooleanField(default=True)
    every_seconds = fields.IntField(default=900)
    pause_ms = fields.IntField(default=200)  # between two calls
    tolerance = fields.IntField(default=50)
    settle_seconds = fields.IntField(default=600)
    missing_rate = fields.IntField(default=2_000)
    next_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    pushes = fields.CharEnumField(
        Pushes, max_length=8, default=Pushes.UNKNOWN, db_default="unknown"
    )
    pushed_at = fields.DatetimeField(null=True)  # when it last told of a change

    class Meta:
        table = "sync_policies"
        constraints = (
            CheckConstraint(
                check="every_seconds BETWEEN 10 AND 604800 AND pause_ms BETWEEN 0 AND 60000"
                " AND tolerance BETWEEN 0 AND 10000 AND settle_seconds BETWEEN 0 AND 86400"
                " AND missing_rate BETWEEN 0 AND 10000",
                name="sync_policy_within_limits",
            ),
        )


class SupplierItem(Model):
    """One item of a supplier's list. Amounts in units of 1/10000 of `currency`, the supplier's own.

    `told_cost` and `told` are what its list said last, `cost` and `availability` what counts: see
    `rules.settled`. What is missing in `missed` whole lists in a row is gone.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    supplier_id = fields.UUIDField()
    item = fields.CharField(max_length=96)
    name = fields.CharField(max_length=200)
    currency = fields.CharField(max_length=3)
    told_cost: int | None = fields.BigIntField(null=True)
    cost: int | None = fields.BigIntField(null=True)  # None: it depends, and is quoted
    cost_since = fields.DatetimeField()
    told = fields.CharEnumField(Availability, max_length=8)
    availability = fields.CharEnumField(Availability, max_length=8)
    told_since = fields.DatetimeField()
    stock: int | None = fields.IntField(null=True)  # None: not told, which is not zero
    unlimited = fields.BooleanField(default=False)
    min_quantity = fields.IntField(default=1)
    max_quantity: int | None = fields.IntField(null=True)
    face_value: int | None = fields.BigIntField(null=True)
    account_fields = fields.JSONField[list[str]](default=list, db_default=_NO_FIELDS)
    missed = fields.IntField(default=0)
    seen_run: UUID | None = fields.UUIDField(null=True)
    first_seen_at = fields.DatetimeField()
    seen_at = fields.DatetimeField()
    # When the supplier was asked for what counts here: what was asked earlier never overwrites it.
    read_at = fields.DatetimeField(db_default=SqlDefault("now()"))

    class Meta:
        table = "supplier_items"
        constraints = (
            UniqueConstraint(fields=("supplier_id", "item"), name="supplier_item_once"),
            CheckConstraint(
                check="coalesce(told_cost, 1) > 0 AND coalesce(cost, 1) > 0 AND stock >= 0",
                name="supplier_item_amounts",
            ),
        )


class ToldItem(Model):
    """An item of which its supplier said that it changed, until the supplier was asked for it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    supplier_id = fields.UUIDField()
    item = fields.CharField(max_length=96)
    told_at = fields.DatetimeField()
    due_at = fields.DatetimeField()
    tries = fields.SmallIntField(default=0)

    class Meta:
        table = "told_items"
        indexes = (("due_at",),)
        constraints = (UniqueConstraint(fields=("supplier_id", "item"), name="told_item_once"),)


class RunState(StrEnum):
    """How far the reading of a list has come."""

    READING = "reading"
    CONFIRMING = "confirming"  # all pages are here; what is missing is asked about
    DONE = "done"
    SUSPICIOUS = "suspicious"  # too much is missing to be believed; an operator decides
    FAILED = "failed"


class CatalogueRun(Model):
    """One reading of a supplier's list, page by page; whoever is killed goes on at `cursor`."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    supplier_id = fields.UUIDField()
    state = fields.CharEnumField(RunState, max_length=12)
    cursor = fields.CharField(max_length=500, null=True)
    pages = fields.IntField(default=0)
    items = fields.IntField(default=0)
    changed = fields.IntField(default=0)  # offers whose cost or availability changed
    missing = fields.IntField(default=0)
    failures = fields.IntField(default=0)  # in a row
    detail = fields.CharField(max_length=200, default="")
    started_at = fields.DatetimeField()
    next_at = fields.DatetimeField(null=True)  # when the next call may be made
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "catalogue_runs"
        indexes = (("supplier_id", "id"),)
        constraints = (
            CheckConstraint(
                check="state IN ('reading', 'confirming', 'done', 'suspicious', 'failed')",
                name="catalogue_run_state_known",
            ),
            CheckConstraint(
                check="(state IN ('reading', 'confirming')) = (next_at IS NOT NULL)"
                " AND (next_at IS NULL) = (finished_at IS NOT NULL)",
                name="catalogue_run_open_is_due",
            ),
            UniqueConstraint(
                fields=("supplier_id",),
                name="catalogue_run_one_open",
                condition="state IN ('reading', 'confirming')",
            ),
        )
