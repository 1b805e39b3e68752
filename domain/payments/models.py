"""Payment channels, payments, what vendors called back, and refunds to channels."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id


class PaymentStatus(StrEnum):
    """The life of a payment; allowed moves stand in moves.py and in a trigger."""

    STARTING = "STARTING"  # committed here; whether the vendor knows it is not sure
    PENDING = "PENDING"  # the vendor knows it, the buyer has to pay
    PAID = "PAID"  # and the order has it
    SUSPENDED = "SUSPENDED"  # paid, but no order needs it: in suspense
    CLOSED = "CLOSED"  # surely unpaid
    FAILED = "FAILED"  # the vendor refused to begin


class RefundStatus(StrEnum):
    """The life of a refund through a channel."""

    REQUESTED = "REQUESTED"
    SUBMITTING = "SUBMITTING"  # sent, or about to be; the answer is not known
    ACCEPTED = "ACCEPTED"  # the vendor works on it
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"  # surely not: the buyer's wallet has the money


class CallbackOutcome(StrEnum):
    """What became of something that was called back."""

    RECEIVED = "RECEIVED"  # stored, not judged yet
    TAKEN = "TAKEN"  # a payment was confirmed by it
    SUSPENDED = "SUSPENDED"  # it told of money that no order needs
    DUPLICATE = "DUPLICATE"  # known already
    NOTED = "NOTED"  # true, and nothing to do but ask
    UNPROVEN = "UNPROVEN"  # the vendor could not be asked; asked again later
    REFUSED = "REFUSED"  # not believed


class PaymentChannel(Model):
    """One merchant's account at one vendor, offered at one site or at all."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    code = fields.CharField(max_length=32, unique=True)
    adapter = fields.CharField(max_length=32)
    merchant = fields.CharField(max_length=64)
    name_zh = fields.CharField(max_length=64)
    name_en = fields.CharField(max_length=64)
    base_url = fields.CharField(max_length=300)
    site_id = fields.UUIDField(null=True)  # None: at every site
    ways = ArrayField(element_type="varchar(16)")
    currency = fields.CharField(max_length=3)
    settings = fields.JSONField[dict[str, Any]]()
    secrets_sealed = fields.BinaryField()
    split_capable = fields.BooleanField()
    # What it keeps of a payment, until its statement tells: so many millionths, and so many units.
    fee_rate = fields.IntField(default=0, db_default=0)
    fee_fixed = fields.BigIntField(default=0, db_default=0)
    enabled = fields.BooleanField(default=True)
    priority = fields.IntField(default=100)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()

    class Meta:
        table = "payment_channels"
        constraints = (
            CheckConstraint(check="cardinality(ways) > 0", name="payment_channel_has_a_way"),
            CheckConstraint(
                check="fee_rate BETWEEN 0 AND 1000000 AND fee_fixed >= 0",
                name="payment_channel_fee",
            ),
        )


class Payment(Model):
    """One try to pay an order. Amounts in units of 1/10000 of `currency`."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    order_id = fields.UUIDField()
    channel_id = fields.UUIDField()
    reference = fields.CharField(max_length=32, unique=True)
    way = fields.CharField(max_length=16)
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    status = fields.CharEnumField(PaymentStatus, max_length=16)
    provider_id = fields.CharField(max_length=96, null=True)
    fee_estimate = fields.BigIntField(default=0, db_default=0)
    paid_amount = fields.BigIntField(null=True)
    paid_at = fields.DatetimeField(null=True)  # as the vendor says
    action_sealed = fields.BinaryField(null=True)
    why = fields.CharField(max_length=32, default="")
    confirmed_by = fields.CharField(max_length=16, null=True)
    started_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    next_query_at = fields.DatetimeField(null=True)
    queries = fields.IntField(default=0)
    version = fields.IntField(default=1)

    class Meta:
        table = "payments"
        indexes = (("order_id", "id"),)
        constraints = (
            CheckConstraint(check="amount > 0", name="payment_above_zero"),
            CheckConstraint(
                check="(status IN ('PAID', 'SUSPENDED')) = (provider_id IS NOT NULL)"
                " AND (status IN ('PAID', 'SUSPENDED')) = (paid_amount IS NOT NULL)",
                name="payment_paid_whole",
            ),
            CheckConstraint(
                check="status <> 'PAID' OR paid_amount = amount", name="payment_of_its_amount"
            ),
            CheckConstraint(
                check="(status IN ('STARTING', 'PENDING')) = (next_query_at IS NOT NULL)",
                name="payment_open_is_asked",
            ),
            UniqueConstraint(
                fields=("channel_id", "provider_id"),
                name="payment_provider_id_once",
                condition="provider_id IS NOT NULL",
            ),
            UniqueConstraint(
                fields=("order_id",), name="payment_of_order_once", condition="status = 'PAID'"
            ),
        )


class PaymentCallback(Model):
    """What a vendor, or somebody else, sent: kept sealed, before anybody judged it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    channel_id = fields.UUIDField()
    received_at = fields.DatetimeField()
    raw_sealed = fields.BinaryField()  # headers and body
    digest = fields.BinaryField()  # of the body
    reference = fields.CharField(max_length=64, null=True)
    payment_id = fields.UUIDField(null=True)
    outcome = fields.CharEnumField(CallbackOutcome, max_length=16)
    why = fields.CharField(max_length=32, default="")
    judged_at = fields.DatetimeField(null=True)

    class Meta:
        table = "payment_callbacks"
        indexes = (("channel_id", "id"),)
        constraints = (
            CheckConstraint(
                check="(outcome = 'RECEIVED') = (judged_at IS NULL)", name="callback_judged"
            ),
        )


class PaymentRefund(Model):
    """Money on its way back through the channel it came by. What it is of is owed until then."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    payment_id = fields.UUIDField()
    buyer_id = fields.UUIDField()  # whose wallet has it when the channel refuses
    line_id = fields.UUIDField(null=True)
    reference = fields.CharField(max_length=32, unique=True)
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    reason = fields.CharField(max_length=64)
    status = fields.CharEnumField(RefundStatus, max_length=16)
    provider_id = fields.CharField(max_length=96, null=True)
    why = fields.CharField(max_length=32, default="")
    tries = fields.IntField(default=0)
    next_try_at = fields.DatetimeField(null=True)
    requested_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "payment_refunds"
        indexes = (("payment_id", "id"),)
        constraints = (
            CheckConstraint(check="amount > 0", name="payment_refund_above_zero"),
            CheckConstraint(
                check="(status IN ('COMPLETED', 'REJECTED')) = (finished_at IS NOT NULL)"
                " AND (finished_at IS NULL) = (next_try_at IS NOT NULL)",
                name="payment_refund_finished",
            ),
        )
