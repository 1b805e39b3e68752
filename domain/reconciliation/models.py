"""What the reconciler has compared, what waits for its other side, and what does not agree."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id


class Matter(StrEnum):
    """What is compared between the books."""

    STORED = "stored"  # goods that came in: their purchase, their cards; by batch
    SOLD = "sold"  # goods that were sold: their cost and units; by order line
    LEFT = "left"  # goods written off, returned, undone; by batch
    SUPPLIED = "supplied"  # what a supplier is owed, and what it charged; by attempt
    INVENTORY = "inventory"  # the account as a whole, and the cost of all units in stock
    STORE = "store"  # the book of cards, and the cards that lie in the store; by batch
    WALLET = "wallet"  # a kept balance, and its entries; by account
    GIFT_CARDS = "gift_cards"  # what is owed on gift cards, and what they hold
    UNEXPLAINED = "unexplained"  # stock moved by a transfer that the reconciler does not know


class FindingState(StrEnum):
    """How far a difference has come."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"  # the other side came: the books agree
    SETTLED = "SETTLED"  # an operator has explained it


class ReconciliationPosition(Model):
    """How far one pass through the books has come; the lasting one has the id zero."""

    scope = fields.UUIDField(primary_key=True)
    money_link = fields.BigIntField(default=0)
    card_link = fields.BigIntField(default=0)
    entry = fields.BigIntField(default=0)  # entries up to it are in `reconciled_balances`
    whole_at = fields.DatetimeField(null=True)  # when stores and accounts were compared last
    ran_at = fields.DatetimeField()

    class Meta:
        table = "reconciliation_positions"


class ReconciliationItem(Model):
    """One side of a matter whose other side was not met yet. Gone as soon as both agree."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    scope = fields.UUIDField()
    matter = fields.CharEnumField(Matter, max_length=16)
    reference = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    money = fields.BigIntField()
    goods = fields.BigIntField()
    money_units = fields.BigIntField()
    goods_units = fields.BigIntField()
    at = fields.DatetimeField()
    finding_id = fields.UUIDField(null=True)  # it was told already

    class Meta:
        table = "reconciliation_items"
        unique_together = (("scope", "matter", "reference", "currency"),)


class ReconciledBalance(Model):
    """The sum of an account's entries up to one entry, as the reconciler added them itself."""

    account_id = fields.UUIDField(primary_key=True)
    amount = fields.BigIntField()

    class Meta:
        table = "reconciled_balances"


class ReconciliationDay(Model):
    """What agreed, and what moved, on one day: one line of the daily report."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    day = fields.DateField()
    currency = fields.CharField(max_length=3)
    line = fields.CharField(max_length=40)  # a matter, or `account.` and the kind of one
    number = fields.BigIntField()
    amount = fields.BigIntField()

    class Meta:
        table = "reconciliation_days"
        unique_together = (("day", "currency", "line"),)


class ReconciliationFinding(Model):
    """A difference between the books, told once. Amounts in units of 1/10000 of `currency`."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    matter = fields.CharEnumField(Matter, max_length=16)
    kind = fields.CharField(max_length=32)
    reference = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    money = fields.BigIntField()
    goods = fields.BigIntField()
    money_units = fields.BigIntField()
    goods_units = fields.BigIntField()
    day = fields.DateField()
    details = fields.JSONField[dict[str, Any]]()
    state = fields.CharEnumField(FindingState, max_length=16)
    found_at = fields.DatetimeField()
    closed_at = fields.DatetimeField(null=True)
    closed_by = fields.UUIDField(null=True)
    note = fields.CharField(max_length=500, default="")

    class Meta:
        table = "reconciliation_findings"
        indexes = (("day",),)
        constraints = (
            CheckConstraint(
                check="state IN ('OPEN', 'RESOLVED', 'SETTLED')", name="finding_state_known"
            ),
            CheckConstraint(
                check="(state = 'OPEN') = (closed_at IS NULL)", name="finding_closed_once"
            ),
            CheckConstraint(
                check="state <> 'SETTLED' OR note <> ''", name="finding_settled_with_a_note"
            ),
            UniqueConstraint(
                fields=(
                    "kind",
                    "reference",
                    "currency",
                    "money",
                    "goods",
                    "money_units",
                    "goods_units",
                ),
                name="finding_told_once",
            ),
        )
