"""The money ledger: accounts, transfers, entries, seals. Append-only; the database keeps it so.

Sign: an entry above zero is a credit, below zero a debit. A wallet is a liability, so what its
owner has is a positive balance; bank, inventory and costs run negative. All accounts sum to 0.
"""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class AccountKind(StrEnum):
    """What an account stands for."""

    WALLET = "wallet"  # a buyer's spending money: kept balance, never negative
    DEPOSIT = "deposit"  # an agent's refundable deposit: kept balance, never negative
    COMMISSION = "commission"  # what an agent has earned and waits for; append-only
    COMMISSION_AVAILABLE = "commission_available"  # an agent may take it out: kept, never negative
    COMMISSION_DEBT = "commission_debt"  # what an agent owes for refunds: kept, never above zero
    PAYOUT_HELD = "payout_held"  # asked for by agents, not sent yet
    PAYOUT_TRANSIT = "payout_transit"  # sent to a payout channel, whose last word is awaited
    PAYOUT_FEE = "payout_fee"  # what the house keeps of payouts
    TAX_WITHHELD = "tax_withheld"  # kept back of payouts for the tax office
    SUPPLIER = "supplier"  # what we owe a supplier (or have prepaid, then negative)
    PROVIDER = "provider"  # what we owe a service provider by its statements
    PROVIDER_TRANSIT = "provider_transit"  # in a file for a bank, whose word is awaited
    SUPPLIER_CLAIM = "supplier_claim"  # what a supplier is to make good: negative, an asset
    BANK = "bank"  # money outside
    PREPAYMENT = "prepayment"  # paid by buyers, not yet delivered
    REVENUE = "revenue"
    COST = "cost"  # cost of goods sold
    INVENTORY = "inventory"
    COMMISSION_EXPENSE = "commission_expense"
    PROVIDER_EXPENSE = "provider_expense"  # what service providers cost
    CASHBACK = "cashback"  # what buyers got back for goods that they kept
    BONUS_EXPENSE = "bonus_expense"  # what the house gives by plans: awards
    LOSS = "loss"
    CHANNEL = "channel"  # what a payment channel holds for us: negative, an asset; append-only
    SUSPENSE = "suspense"  # money that came without an order that needs it
    REFUND_DUE = "refund_due"  # owed to buyers until their channel has given it back
    CHANNEL_FEE = "channel_fee"  # what payment channels kept for their service
    PENALTY = "penalty"  # taken from agents' deposits by penalty cases
    EXCHANGE = "exchange"  # where money of one currency meets that of another; one a currency
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
                check="keeps_balance = (kind IN"
                " ('wallet', 'deposit', 'commission_available', 'commission_debt'))",
                name="account_kind_keeps_balance",
            ),
            CheckConstraint(
                check="kind <> 'commission_debt' OR balance <= 0",
                name="account_debt_not_above_zero",
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
    SUPPLY_REFUND = "supply_refund"  # by a supplier, without goods; reference: supply incident
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
    CHANNEL_FEE = "channel_fee"  # reference: statement line
    CHANNEL_SETTLED = "channel_settled"  # to the bank; reference: the vendor's payout of a channel
    EXCHANGE = "exchange"  # out of a wallet of another currency; reference: order
    EXCHANGE_BACK = "exchange_back"  # and back into it; reference: order line, or refund
    COMMISSION_RELEASED = "commission_released"  # its time is over; reference: commission release
    COMMISSION_TO_WALLET = "commission_to_wallet"  # reference: idempotent operation
    CASHBACK_CREDITED = "cashback_credited"  # reference: cashback
    CASHBACK_TAKEN_BACK = "cashback_taken_back"  # reference: cashback return
    BONUS_AWARDED = "bonus_awarded"  # reference: commission award
    BONUS_TAKEN_BACK = "bonus_taken_back"  # by refunds; reference: award clawback
    DEPOSIT_PAID = "deposit_paid"  # by an agent's wallet; reference: deposit movement
    DEPOSIT_RETURNED = "deposit_returned"  # to it; reference: deposit movement
    DEPOSIT_DEDUCTED = "deposit_deducted"  # by a penalty case; reference: deposit movement
    DEPOSIT_RESTORED = "deposit_restored"  # after an appeal; reference: deposit movement
    PAYOUT_REQUESTED = "payout_requested"  # reference: payout; so for the five below
    PAYOUT_GIVEN_UP = "payout_given_up"  # before it was sent
    PAYOUT_SUBMITTED = "payout_submitted"
    PAYOUT_PAID = "payout_paid"
    PAYOUT_FAILED = "payout_failed"  # surely not paid
    PAYOUT_RETURNED = "payout_returned"  # paid, and it came back
    PROVIDER_STATEMENT = "provider_statement"  # approved; reference: provider statement
    PROVIDER_SUBMITTED = "provider_submitted"  # reference: provider payment; so for the three below
    PROVIDER_PAID = "provider_paid"
    PROVIDER_FAILED = "provider_failed"  # surely not paid
    PROVIDER_RETURNED = "provider_returned"  # paid, and it came back


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
