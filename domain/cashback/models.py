"""Cashback: what a buyer gets back for goods that were delivered and kept (mission rows H11, J7).

Nothing of it is written with a sale. A look along the ledger's sealed chain finds what was sold,
and what of it went back.
"""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class CashbackScope(StrEnum):
    """Of which goods a rule is; the narrowest that fits counts."""

    ALL = "all"
    CATEGORY = "category"
    PRODUCT = "product"


class CashbackBearer(StrEnum):
    """Who pays for it in the end. The house pays the buyer; with a supplier it is settled
    outside."""

    PLATFORM = "platform"
    SUPPLIER = "supplier"


class CashbackState(StrEnum):
    """How far what a buyer gets for one line has come."""

    WAITING = "waiting"  # for the time in which goods are given back
    CREDITED = "credited"
    NOTHING = "nothing"  # the goods went back, or nothing is left above the floor


class CashbackRule(Model):
    """What is given back, one rule; never changed but for an earlier end.

    `rate` in 1/10000 of what was paid, or `fixed` units for each piece; of a line at most `cap`.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    name = fields.CharField(max_length=64)
    scope = fields.CharEnumField(CashbackScope, max_length=16)
    scope_id = fields.UUIDField(null=True)
    site_id = fields.UUIDField(null=True)
    rate = fields.IntField(null=True)
    fixed = fields.BigIntField(null=True)
    cap = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    bearer = fields.CharEnumField(CashbackBearer, max_length=16)
    hold_days = fields.SmallIntField()  # after the delivery
    valid_from = fields.DatetimeField()
    valid_until = fields.DatetimeField()
    saved_by = fields.UUIDField(null=True)
    saved_at = fields.DatetimeField()

    class Meta:
        table = "cashback_rules"
        constraints = (
            CheckConstraint(
                check="(rate IS NULL) <> (fixed IS NULL) AND (rate IS NULL OR rate BETWEEN 1 AND"
                " 5000) AND (fixed IS NULL OR fixed > 0) AND cap > 0",
                name="cashback_within_a_cap",
            ),
            CheckConstraint(
                check="(scope = 'all') = (scope_id IS NULL) AND scope IN ('all', 'category',"
                " 'product')",
                name="cashback_scope_has_its_object",
            ),
            CheckConstraint(
                check="bearer IN ('platform', 'supplier')", name="cashback_bearer_known"
            ),
            CheckConstraint(
                check="hold_days BETWEEN 0 AND 90 AND valid_from >= saved_at AND valid_until"
                " BETWEEN valid_from AND valid_from + interval '366 days'",
                name="cashback_valid_for_a_time",
            ),
        )


class Cashback(Model):
    """What a buyer gets for one delivered line, once.

    `basis` is what was left of its price when it was credited: what goes back later is counted
    against it. `offset_short` is what earlier cashback, which could not be taken back in full, took
    of this one. `reserved` (in 1/10000 of the margin) is what it left to the bonus plans
    `left_for`: those that were approved by then. Later ones stand on what it left of the margin.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    order_line_id = fields.UUIDField(unique=True)
    buyer_id = fields.UUIDField()
    rule_id = fields.UUIDField()
    terms = fields.JSONField[dict[str, Any]]()  # of the rule
    currency = fields.CharField(max_length=3)
    state = fields.CharEnumField(CashbackState, max_length=16)
    due_at = fields.DatetimeField()
    basis = fields.BigIntField(default=0)
    refunded = fields.BigIntField(default=0)  # of the line, before it was credited
    amount = fields.BigIntField(default=0)
    offset_short = fields.BigIntField(default=0)
    reserved = fields.IntField(default=0, db_default=0)
    left_for = ArrayField(element_type="uuid", default=list, db_default=[])
    found_at = fields.DatetimeField()
    credited_at = fields.DatetimeField(null=True)

    class Meta:
        table = "cashbacks"
        indexes = (Index(fields=("buyer_id", "id")),)
        constraints = (
            CheckConstraint(
                check="state IN ('waiting', 'credited', 'nothing')", name="cashback_state_known"
            ),
            CheckConstraint(
                check="(state = 'credited') = (amount > 0) AND amount <= basis"
                " AND offset_short BETWEEN 0 AND amount AND refunded >= 0"
                " AND (state = 'waiting') = (credited_at IS NULL)",
                name="cashback_credited_of_something",
            ),
            CheckConstraint(
                check="reserved BETWEEN 0 AND 10000 AND (amount = 0 OR reserved < 10000)",
                name="cashback_beside_what_is_reserved",
            ),
        )


class CashbackReturn(Model):
    """What went back of a cashback with its goods: out of the wallet, and what was not there
    (`short`), which later cashback makes up. Never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    cashback_id = fields.UUIDField()
    buyer_id = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    amount = fields.BigIntField()
    short = fields.BigIntField()
    taken_at = fields.DatetimeField()

    class Meta:
        table = "cashback_returns"
        indexes = (("cashback_id",), ("buyer_id",))
        constraints = (
            CheckConstraint(
                check="amount > 0 AND short BETWEEN 0 AND amount", name="cashback_return_above_zero"
            ),
        )


class CashbackCursor(Model):
    """How far the ledger's chain is looked at; one row, and the lock that keeps credits and refunds
    from passing each other by."""

    id = fields.SmallIntField(primary_key=True)
    sequence = fields.BigIntField()

    class Meta:
        table = "cashback_cursor"
        constraints = (CheckConstraint(check="id = 1", name="cashback_cursor_is_one"),)
