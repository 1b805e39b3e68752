"""Refunds of delivered goods and what each of them is made of. Written once, never changed."""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id


class RefundReason(StrEnum):
    """Why the money of delivered goods goes back; for OTHER the note says it."""

    CODE_INVALID = "CODE_INVALID"  # the code does not work
    CODE_USED = "CODE_USED"  # somebody had redeemed it before it was sold
    CODE_EXPIRED = "CODE_EXPIRED"
    WRONG_GOODS = "WRONG_GOODS"  # another product or region than was shown
    DELIVERED_LATE = "DELIVERED_LATE"
    BOUGHT_BY_MISTAKE = "BOUGHT_BY_MISTAKE"
    NOT_DELIVERED = "NOT_DELIVERED"  # the supplier topped up a part of it
    GOODWILL = "GOODWILL"
    FRAUD = "FRAUD"
    OTHER = "OTHER"


class RefundDestination(StrEnum):
    """Where the money goes."""

    CHANNEL = "CHANNEL"  # back the way it came
    WALLET = "WALLET"  # into the buyer's wallet


class Refund(Model):
    """Money of an order's delivered goods that went back. `amount` in units of 1/10000."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    order_id = fields.UUIDField()
    reason = fields.CharEnumField(RefundReason, max_length=24)
    note = fields.CharField(max_length=500, default="")  # the operators' own words
    destination = fields.CharEnumField(RefundDestination, max_length=8)  # as it was begun
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    clawback = fields.BooleanField()  # whether agents give their share back
    payment_refund_id = fields.UUIDField(null=True)  # of the channel that gives the money back
    requested_by = fields.UUIDField(null=True)  # None: the system itself
    requested_at = fields.DatetimeField()

    class Meta:
        table = "refunds"
        indexes = (("order_id", "id"),)
        constraints = (
            CheckConstraint(check="amount > 0", name="refund_above_zero"),
            CheckConstraint(
                check="(destination = 'CHANNEL') = (payment_refund_id IS NOT NULL)",
                name="refund_by_its_channel",
            ),
            CheckConstraint(
                check="reason IN ('CODE_INVALID', 'CODE_USED', 'CODE_EXPIRED', 'WRONG_GOODS',"
                " 'DELIVERED_LATE', 'BOUGHT_BY_MISTAKE', 'NOT_DELIVERED', 'GOODWILL', 'FRAUD',"
                " 'OTHER')",
                name="refund_reason_known",
            ),
            CheckConstraint(
                check="reason <> 'OTHER' OR note <> ''", name="refund_of_another_reason_told"
            ),
            UniqueConstraint(
                fields=("payment_refund_id",),
                name="refund_of_a_channel_once",
                condition="payment_refund_id IS NOT NULL",
            ),
        )


class RefundPart(Model):
    """What a refund gives back of one line, or of one card of it.

    `quantity` counts the pieces that are their buyer's no more: 0 when money alone went back.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    refund_id = fields.UUIDField()
    line_id = fields.UUIDField()
    card_id = fields.UUIDField(null=True)
    quantity = fields.IntField()
    amount = fields.BigIntField()
    lost_cost = fields.BigIntField()  # what these pieces had cost: nobody sells them again
    seen = fields.BooleanField()  # its code was shown to its buyer

    class Meta:
        table = "refund_parts"
        indexes = (("refund_id",), ("line_id",))
        constraints = (
            CheckConstraint(
                check="amount >= 0 AND quantity >= 0 AND lost_cost >= 0 AND amount + quantity > 0",
                name="refund_part_of_something",
            ),
            CheckConstraint(
                check="card_id IS NULL OR quantity = 1", name="refund_part_of_one_card"
            ),
            UniqueConstraint(
                fields=("card_id",), name="refund_of_a_card_once", condition="card_id IS NOT NULL"
            ),
        )
