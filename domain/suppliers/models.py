"""Suppliers and what they offer."""

from enum import StrEnum

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id

_NO_SETTINGS = SqlDefault("'{}'::jsonb")


class SupplierState(StrEnum):
    """Whether new attempts may go to a supplier."""

    ACTIVE = "active"
    PAUSED = "paused"


class SupplierTier(StrEnum):
    """How far a supplier stands from who makes the goods (mission row D8)."""

    MAKER = "maker"
    FIRST_AGENT = "first_agent"
    RESELLER = "reseller"


class Availability(StrEnum):
    """Whether a supplier has an item, as its list says."""

    ON_SALE = "on_sale"
    SOLD_OUT = "sold_out"
    OFF_SALE = "off_sale"  # it lists it and does not sell it
    GONE = "gone"  # it lists it no longer


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
    tier = fields.CharEnumField(
        SupplierTier, max_length=12, default=SupplierTier.RESELLER, db_default=SupplierTier.RESELLER
    )
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
                check="tier IN ('maker', 'first_agent', 'reseller')", name="supplier_tier_known"
            ),
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
    # As the supplier's list calls it, where that is another name than `item`.
    listed_item = fields.CharField(max_length=96, null=True)
    units = fields.IntField(default=1, db_default=1)  # so many of the item make one piece
    follows = fields.BooleanField(default=True, db_default=True)  # its cost is what the list says
    availability = fields.CharEnumField(
        Availability, max_length=8, default=Availability.ON_SALE, db_default=Availability.ON_SALE
    )
    stock: int | None = fields.IntField(null=True)  # pieces; None: not told, which is not zero
    updated_at = fields.DatetimeField()

    class Meta:
        table = "supplier_offers"
        unique_together = (("supplier", "variant_id", "item"),)
        indexes = (("variant_id",),)
        constraints = (
            CheckConstraint(check="cost > 0", name="offer_cost_above_zero"),
            CheckConstraint(check="fee >= 0 AND weight >= 0", name="offer_fee_and_weight"),
            CheckConstraint(check="units > 0 AND stock >= 0", name="offer_units_and_stock"),
            CheckConstraint(
                check="availability IN ('on_sale', 'sold_out', 'off_sale', 'gone')",
                name="offer_availability_known",
            ),
        )


class OfferChange(Model):
    """What an offer cost and whether it could be had, and what became of that. Written by the
    database, whatever way the offer changes; never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    offer_id = fields.UUIDField()
    old_cost: int | None = fields.BigIntField(null=True)  # None: it was new
    new_cost = fields.BigIntField()
    old_fee: int | None = fields.BigIntField(null=True)
    new_fee = fields.BigIntField()
    old_availability = fields.CharField(max_length=8, null=True)
    new_availability = fields.CharField(max_length=8)
    at = fields.DatetimeField()

    class Meta:
        table = "offer_changes"
        indexes = (("offer_id", "id"),)


class SupplierContract(Model):
    """What was agreed with a supplier for a time (mission row D9). Amounts in units of 1/10000.

    `minimum` is to be bought within its time; from `rebate_from` on the supplier gives back
    `rebate_rate` (1/10000) of what was bought. It counts until `valid_until`, or until it is ended.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    supplier_id = fields.UUIDField()
    number = fields.CharField(max_length=64)
    valid_from = fields.DatetimeField()
    valid_until = fields.DatetimeField()
    minimum = fields.BigIntField(default=0)
    rebate_from = fields.BigIntField(default=0)
    rebate_rate = fields.IntField(default=0)
    note = fields.CharField(max_length=500, default="")
    ended_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "supplier_contracts"
        constraints = (
            UniqueConstraint(fields=("supplier_id", "number"), name="supplier_contract_once"),
            CheckConstraint(check="valid_until > valid_from", name="supplier_contract_lasts"),
            CheckConstraint(
                check="minimum >= 0 AND rebate_from >= 0 AND rebate_rate BETWEEN 0 AND 10000",
                name="supplier_contract_within_limits",
            ),
        )


class ContractTerm(Model):
    """What a contract says of one variant: its price, the least quantity of a purchase for stock,
    and whether it is bought from nobody else meanwhile."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    contract_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    unit_cost: int | None = fields.BigIntField(null=True)  # None: the list's
    min_quantity = fields.IntField(default=1)
    exclusive = fields.BooleanField(default=False)

    class Meta:
        table = "contract_terms"
        indexes = (("variant_id",),)
        constraints = (
            UniqueConstraint(fields=("contract_id", "variant_id"), name="contract_term_once"),
            CheckConstraint(
                check="coalesce(unit_cost, 1) > 0 AND min_quantity > 0",
                name="contract_term_within_limits",
            ),
        )
