"""Cases of after-sale: what a buyer says of a card, what was decided, what its supplier owes."""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model

from domain.kernel import new_id


class DisputeReason(StrEnum):
    """What a buyer says of a card; for OTHER the text says it."""

    CODE_INVALID = "CODE_INVALID"
    CODE_USED = "CODE_USED"  # somebody had redeemed it before it was sold
    CODE_EXPIRED = "CODE_EXPIRED"
    WRONG_GOODS = "WRONG_GOODS"  # another product or region than was shown
    OTHER = "OTHER"


class DisputeState(StrEnum):
    """Where a case stands; the moves are listed in moves.py and held by a trigger."""

    OPEN = "OPEN"
    CHECKING = "CHECKING"  # its supplier, or whoever issued the card, is asked
    REPLACED = "REPLACED"
    REFUNDED = "REFUNDED"
    REJECTED = "REJECTED"  # its buyer may appeal, for a time
    APPEALED = "APPEALED"
    UPHELD = "UPHELD"  # somebody else has looked, and rejects it too


class CheckResult(StrEnum):
    """What the supplier says of a card."""

    VALID = "VALID"
    INVALID = "INVALID"
    UNKNOWN = "UNKNOWN"


class ClaimState(StrEnum):
    """What became of a supplier's debt for a bad card."""

    OPEN = "OPEN"
    PAID = "PAID"  # money came
    CREDITED = "CREDITED"  # it lowers what we owe the supplier
    WRITTEN_OFF = "WRITTEN_OFF"  # the supplier refuses: a loss


class Dispute(Model):
    """The case of one card, for its whole life. What the buyer wrote is sealed: people paste codes.

    `card_was`, `seen_at` and `looks` are the card as it was found when the case was opened.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    order_id = fields.UUIDField()
    line_id = fields.UUIDField()
    card_id = fields.UUIDField()
    reason = fields.CharEnumField(DisputeReason, max_length=16)
    text_sealed = fields.BinaryField(null=True)
    state = fields.CharEnumField(DisputeState, max_length=16)
    opened_by = fields.UUIDField(null=True)  # None: somebody who proved to be a guest buyer
    opened_at = fields.DatetimeField()
    decide_by = fields.DatetimeField(null=True)  # while somebody has to decide
    card_was = fields.CharField(max_length=16)
    seen_at = fields.DatetimeField(null=True)
    looks = fields.IntField()
    ticket = fields.CharField(max_length=200, default="")  # the supplier's number for our question
    check_result = fields.CharEnumField(CheckResult, max_length=8, null=True)
    check_answer = fields.CharField(max_length=1000, default="")
    checked_by = fields.UUIDField(null=True)
    checked_at = fields.DatetimeField(null=True)
    decision = fields.CharField(max_length=500, default="")  # the reason, for the buyer's eyes
    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)
    rejected_by = fields.UUIDField(null=True)  # who may not decide on the appeal
    appeal_until = fields.DatetimeField(null=True)
    appeal_sealed = fields.BinaryField(null=True)
    appealed_at = fields.DatetimeField(null=True)
    replacement_id = fields.UUIDField(null=True)
    refund_id = fields.UUIDField(null=True)

    class Meta:
        table = "disputes"
        indexes = (("order_id",), ("line_id",))
        constraints = (
            UniqueConstraint(fields=("card_id",), name="dispute_once_per_card"),
            UniqueConstraint(
                fields=("replacement_id",),
                name="dispute_replaced_by_its_own",
                condition="replacement_id IS NOT NULL",
            ),
            CheckConstraint(
                check="reason IN ('CODE_INVALID', 'CODE_USED', 'CODE_EXPIRED', 'WRONG_GOODS',"
                " 'OTHER')",
                name="dispute_reason_known",
            ),
            CheckConstraint(
                check="state IN ('OPEN', 'CHECKING', 'REPLACED', 'REFUNDED', 'REJECTED',"
                " 'APPEALED', 'UPHELD')",
                name="dispute_state_known",
            ),
            CheckConstraint(
                check="(state IN ('OPEN', 'CHECKING', 'APPEALED')) = (decide_by IS NOT NULL)",
                name="dispute_open_is_due",
            ),
            CheckConstraint(
                check="(state IN ('OPEN', 'CHECKING')) = (decided_at IS NULL)"
                " AND (decided_at IS NULL) = (decision = '')"
                " AND (decided_at IS NULL) = (decided_by IS NULL)",
                name="dispute_decided_with_reason",
            ),
            CheckConstraint(
                check="(state = 'REPLACED') = (replacement_id IS NOT NULL)"
                " AND (state = 'REFUNDED') = (refund_id IS NOT NULL)"
                " AND replacement_id IS DISTINCT FROM card_id",
                name="dispute_made_good",
            ),
            CheckConstraint(
                check="(rejected_by IS NOT NULL) = (appeal_until IS NOT NULL)"
                " AND (appealed_at IS NULL OR rejected_by IS NOT NULL)"
                " AND (state <> 'REJECTED' OR rejected_by IS NOT NULL AND appealed_at IS NULL)"
                " AND (state NOT IN ('APPEALED', 'UPHELD') OR appealed_at IS NOT NULL)",
                name="dispute_appealed_once",
            ),
            CheckConstraint(
                check="appealed_at IS NULL OR state = 'APPEALED' OR decided_by <> rejected_by",
                name="dispute_appeal_four_eyes",
            ),
            CheckConstraint(
                check="check_result IN ('VALID', 'INVALID', 'UNKNOWN')",
                name="dispute_check_known",
            ),
            CheckConstraint(
                check="(check_result IS NULL) = (checked_at IS NULL)"
                " AND (check_result IS NULL OR check_answer <> '')",
                name="dispute_checked_with_answer",
            ),
        )


class DisputeStep(Model):
    """One step of a case. Written by a trigger with the step itself; never changed."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    dispute_id = fields.UUIDField()
    number = fields.IntField()
    state = fields.CharEnumField(DisputeState, max_length=16)
    actor_kind = fields.CharField(max_length=16)
    actor_id = fields.UUIDField(null=True)
    at = fields.DatetimeField()

    class Meta:
        table = "dispute_steps"
        unique_together = (("dispute_id", "number"),)


class SupplierClaim(Model):
    """What a supplier is to make good for one bad card. Amounts in units of 1/10000."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    dispute_id = fields.UUIDField(unique=True)
    supplier_id = fields.UUIDField()
    amount = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    state = fields.CharEnumField(ClaimState, max_length=16)
    recovered = fields.BigIntField(default=0)
    note = fields.CharField(max_length=500, default="")  # the receipt, or why it is given up
    opened_at = fields.DatetimeField()
    settled_by = fields.UUIDField(null=True)
    settled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "supplier_claims"
        indexes = (("supplier_id", "id"),)
        constraints = (
            CheckConstraint(
                check="state IN ('OPEN', 'PAID', 'CREDITED', 'WRITTEN_OFF')",
                name="claim_state_known",
            ),
            CheckConstraint(
                check="amount > 0 AND recovered BETWEEN 0 AND amount", name="claim_within_amount"
            ),
            CheckConstraint(
                check="(state = 'OPEN') = (settled_at IS NULL)"
                " AND (settled_at IS NULL) = (note = '')",
                name="claim_settled_with_note",
            ),
            CheckConstraint(
                check="(state IN ('PAID', 'CREDITED')) = (recovered > 0)",
                name="claim_recovered_when_paid",
            ),
        )
