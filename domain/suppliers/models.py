"""Suppliers and what they offer."""

from enum import StrEnum

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.migrations.constraints import CheckConstraint
from tortoise.models import Model

from domain.kernel.ids import new_id

_NO_SETTINGS = SqlDefault("'{}'::jsonb")


class SupplierState(StrEnum):
    """Whether new attempts may go to a supplier."""

    ACTIVE = "active"
    PAUSED = "paused"


class Supplier(Model):
    """An upstream party, spoken to by the adapter of this name."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    code = fields.CharField(max_length=32, unique=True)
    name = fields.CharField(max_length=64)
    adapter = fields.CharField(max_length=32)
    base_url = fields.CharField(max_length=300)
    secret_sealed = fields.BinaryField()
    # The operator's, for this connection; no secrets. What they mean, its adapter knows.
    settings = fields.JSONField[dict[str, str]](default=dict, db_default=_NO_SETTINGS)
    state = fields.CharEnumField(SupplierState, max_length=16)
    priority = fields.IntField(default=100)
    max_open: int | None = fields.IntField(null=True)  # attempts without an outcome at once
    pace_calls: int | None = fields.IntField(null=True)  # so many purchases in so many seconds
    pace_seconds: int | None = fields.IntField(null=True)
    pause_reason = fields.CharField(max_length=200, default="")
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()

    class Meta:
        table = "suppliers"
        constraints = (
            CheckConstraint(check="state IN ('active', 'paused')", name="supplier_state_known"),
            CheckConstraint(
                check="jsonb_typeof(settings) = 'object'", name="supplier_settings_named"
            ),
            CheckConstraint(
                check="(pace_calls IS NULL) = (pace_seconds IS NULL)"
                " AND coalesce(pace_calls, 1) > 0 AND coalesce(pace_seconds, 1) > 0"
                " AND coalesce(max_open, 1) > 0",
                name="supplier_pace_whole",
            ),
        )


class SupplierOffer(Model):
    """A supplier's item that can fulfil a variant, with its cost in units of 1/10000."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    supplier: fields.ForeignKeyRelation[Supplier] = fields.ForeignKeyField(
        "domain.Supplier", on_delete=fields.RESTRICT
    )
    variant_id = fields.UUIDField()
    item = fields.CharField(max_length=96)
    # The supplier's name of each parameter, and the key of our field; without any: the same names.
    field_mapping: dict[str, str] | None = fields.JSONField(null=True)
    cost = fields.BigIntField()
    fee = fields.BigIntField(default=0, db_default=0)  # what a piece costs us beside its price
    weight = fields.IntField(default=100, db_default=100)  # its share, where lines are shared out
    currency = fields.CharField(max_length=3)
    priority = fields.IntField(default=100)
    enabled = fields.BooleanField(default=True)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "supplier_offers"
        unique_together = (("supplier", "variant_id", "item"),)
        indexes = (("variant_id",),)
        constraints = (
            CheckConstraint(check="cost > 0", name="offer_cost_above_zero"),
            CheckConstraint(check="fee >= 0 AND weight >= 0", name="offer_fee_and_weight"),
        )
