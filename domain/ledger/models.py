"""The money ledger: accounts, transfers, entries, seals. Append-only; the database keeps it so.

Sign: an entry above zero is a credit, below zero a debit. A wallet is a liability, so what its
owner has is a positive balance; bank, inventory and costs run negative. All accounts sum to 0.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model

from domain.kernel.ids import new_id


class AccountKind(StrEnum):
    """What an account stands for."""

    WALLET = "wallet"  # a buyer's spending money: kept balance, never negative
    DEPOSIT = "deposit"  # an agent's refundable deposit: kept balance, never negative
    COMMISSION = "commission"  # what an agent has earned; append-only
    SUPPLIER = "supplier"  # what we owe a supplier (or have prepaid, then negative)
    SUPPLIER_CLAIM = "supplier_claim"  # what a supplier is to make good: negative, an asset
    BANK = "bank"  # money outside
    PREPAYMENT = "prepayment"  # paid by buyers, not yet delivered
    REVENUE = "revenue"
    COST = "cost"  # cost of goods sold
    INVENTORY = "inventory"
    COMMISSION_EXPENSE = "commission_expense"
    LOSS = "loss"
    CHANNEL = "channel"  # what a payment channel holds for us: negative, an asset; append-only
    SUSPENSE = "suspense"  # money that came without an order that needs it
    REFUND_DUE = "refund_due"  # owed to buyers until their channel has given it back
    GIFT_CARD = "gift_card"  # what we owe on our own gift cards that were sold


class Account(Model):
    """One account. `balance` is kept, by a trigger, only where `keeps_balance` says so."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    kind = fields.CharEnumField(AccountKind, max_length=24)
    owner_id = fields.UUIDField(null=True)  # user, agent or supplier; none for the platform's own
    currency = fields.CharField(max_length=3)
    keeps_balance = fields.BooleanField()
    credit_limit = fields.BigIntField(default=0)
    balance = fields.BigIntField(default=0)
    created_at = fields.DatetimeField()

    class Meta:
        table = "accounts"
        constraints = (
            CheckConstraint(
                check="NOT keeps_balance OR balance + credit_limit >= 0",
                name="account_not_overdrawn",
            ),
            CheckConstraint(
                check="keeps_balance OR balance = 0", name="account_balance_only_if_kept"
            ),
            CheckConstraint(
                check="keeps_balance = (kind IN ('wallet', 'deposit'))",
                name="account_kind_keeps_balance",
            ),
            UniqueConstraint(
                fields=("kind", "owner_id", "currency"),
                name="account_once",
                condition="owner_id IS NOT NULL",
            ),
            UniqueConstraint(
                fields=("kind", "currency"),
                name="platform_account_once",
                condition="owner_id IS NULL",
            ),
        )


class TransferKind(StrEnum):
    """Why money moved. One kind and one reference are booked at most once."""

    TOPUP = "topup"  # reference: idempotent operation
    PAYMENT = "payment"  # reference: order
    SALE = "sale"  # reference: order line
    REFUND = "refund"  # of a line that nobody could deliver; reference: order line
    DELIVERED_REFUND = "delivered_refund"  # reference: refund
    CARD_PURCHASE = "card_purchase"  # reference: card batch
    CARD_PURCHASE_UNDONE = "card_purchase_undone"  # reference: card batch
    SUPPLY = "supply"  # reference: fulfilment attempt
    GIFT_CARD_REDEMPTION = "gift_card_redemption"  # reference: redemption
    GIFT_CARD_VOID = "gift_card_void"  # reference: card
    GIFT_CARD_BREAKAGE = "gift_card_breakage"  # reference: card
    SUSPENSE = "suspense"  # reference: payment
    REFUND_REQUEST = "refund_request"  # out of suspense; reference: payment refund
    REFUND_SENT = "refund_sent"  # by the channel; reference: payment refund
    REFUND_FAILED = "refund_failed"  # to the wallet instead; reference: payment refund
    CARD_WRITE_OFF = "card_write_off"  # reference: card write-off
    CARD_RETURN = "card_return"  # reference: card write-off
    REPLACEMENT = "replacement"  # of a disputed card; reference: dispute
    SUPPLIER_CLAIM = "supplier_claim"  # reference: supplier claim
    SUPPLIER_CLAIM_SETTLED = "supplier_claim_settled"  # reference: supplier claim


class Transfer(Model):
    """One balanced movement of one currency."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    kind = fields.CharEnumField(TransferKind, max_length=24)
    reference = fields.UUIDField()
    currency = fields.CharField(max_length=3)
    note = fields.CharField(max_length=200, default="")
    posted_at = fields.DatetimeField()

    class Meta:
        table = "transfers"
        unique_together = (("kind", "reference"),)


class Entry(Model):
    """One leg of a transfer. The entries of a transfer arrive in one statement and sum to zero."""

    id = fields.BigIntField(primary_key=True, generated=True)
    transfer: fields.ForeignKeyRelation[Transfer] = fields.ForeignKeyField("domain.Transfer")
    account_id = fields.UUIDField()  # no foreign key: its row lock would queue all buyers
    amount = fields.BigIntField()

    class Meta:
        table = "entries"
        indexes = (("account_id", "id"),)
        constraints = (CheckConstraint(check="amount <> 0", name="entry_moves_something"),)


class Seal(Model):
    """A link of the hash chain, written by the sealer after the transfer was committed."""

    sequence = fields.BigIntField(primary_key=True, generated=False)
    transfer: fields.OneToOneRelation[Transfer] = fields.OneToOneField("domain.Transfer")
    digest = fields.BinaryField()
    sealed_at = fields.DatetimeField()

    class Meta:
        table = "seals"


class Checkpoint(Model):
    """Sum of an append-only account up to and including one entry, so that reading stays short."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    account_id = fields.UUIDField()
    up_to_entry = fields.BigIntField()
    balance = fields.BigIntField()
    taken_at = fields.DatetimeField()

    class Meta:
        table = "checkpoints"
        unique_together = (("account_id", "up_to_entry"),)
