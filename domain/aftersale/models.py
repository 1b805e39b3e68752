"""Cases of after-sale: what a buyer says of a card, what was decided, what its supplier owes."""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id
from domain.papers import MediaType


class DisputeReason(StrEnum):
    """What a buyer says of goods; for OTHER the text says it."""

    NOT_ARRIVED = "NOT_ARRIVED"  # a top-up, or what an operator handed over

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
    """What the supplier says of goods; INVALID: they are bad, or surely never arrived."""

    VALID = "VALID"
    INVALID = "INVALID"
    UNKNOWN = "UNKNOWN"


class ClaimState(StrEnum):
    """What became of a supplier's debt for a bad card."""

    OPEN = "OPEN"
    PAID = "PAID"  # money came
    CREDITED = "CREDITED"  # it lowers what we owe the supplier
    WRITTEN_OFF = "WRITTEN_OFF"  # the supplier refuses: a loss


class ReorderState(StrEnum):
    """Where a replacement that is ordered from a supplier stands."""

    RUNNING = "RUNNING"
    DONE = "DONE"  # it came, and is in the bad card's place
    FAILED = "FAILED"  # nobody had it, or the case was settled otherwise


class Side(StrEnum):
    """Who lays something before the other."""

    BUYER = "BUYER"
    STAFF = "STAFF"


class FileState(StrEnum):
    """Whether a file of evidence is here."""

    AWAITED = "AWAITED"  # somebody may send it, for a while
    STORED = "STORED"
    ERASED = "ERASED"  # that it was here stays, what it showed does not


class Dispute(Model):
    """The case of one card, for its whole life. What the buyer wrote is sealed: people paste codes.

    Without a card it is of a line that has none of its own. `card_was`, `seen_at` and `looks` are
    the goods as they were found when the case was opened.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    order_id = fields.UUIDField()
    line_id = fields.UUIDField()
    card_id = fields.UUIDField(null=True)
    quantity = fields.IntField(default=1, db_default=1)  # of how many pieces, when of a line
    reason = fields.CharEnumField(DisputeReason, max_length=16)
    text_sealed = fields.BinaryField(null=True)
    state = fields.CharEnumField(DisputeState, max_length=16)
    opened_by = fields.UUIDField(null=True)  # None: somebody who proved to be a guest buyer
    opened_at = fields.DatetimeField()
    decide_by = fields.DatetimeField(null=True)  # while somebody has to decide
    card_was = fields.CharField(max_length=16, null=True)
    seen_at = fields.DatetimeField(null=True)
    looks = fields.IntField()
    attempt_id = fields.UUIDField(null=True)  # that brought the goods, where a supplier did
    ask_at = fields.DatetimeField(null=True)  # when the supplier is asked over its port
    asks = fields.IntField(default=0, db_default=0)
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
    handed_sealed = fields.BinaryField(null=True)  # what was handed over in place of a line's goods
    handed_cost = fields.BigIntField(null=True)  # what that cost us, in units of 1/10000
    refund_id = fields.UUIDField(null=True)
    proved = fields.BooleanField(default=False, db_default=False)  # the goods were bad

    class Meta:
        table = "disputes"
        indexes = (("order_id",), ("line_id",))
        constraints = (
            UniqueConstraint(fields=("card_id",), name="dispute_once_per_card"),
            UniqueConstraint(
                fields=("line_id",), name="dispute_once_per_line", condition="card_id IS NULL"
            ),
            CheckConstraint(
                check="(card_id IS NULL) = (card_was IS NULL) AND quantity > 0"
                " AND (card_id IS NULL OR quantity = 1 AND reason <> 'NOT_ARRIVED')",
                name="dispute_of_a_card_or_a_line",
            ),
            CheckConstraint(
                check="NOT proved OR state IN ('REPLACED', 'REFUNDED')",
                name="dispute_proved_is_made_good",
            ),
            CheckConstraint(
                check="ask_at IS NULL OR attempt_id IS NOT NULL"
                " AND state IN ('OPEN', 'CHECKING', 'APPEALED')",
                name="dispute_asked_while_open",
            ),
            UniqueConstraint(
                fields=("replacement_id",),
                name="dispute_replaced_by_its_own",
                condition="replacement_id IS NOT NULL",
            ),
            CheckConstraint(
                check="reason IN ('NOT_ARRIVED', 'CODE_INVALID', 'CODE_USED', 'CODE_EXPIRED',"
                " 'WRONG_GOODS', 'OTHER')",
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
                check="(state = 'REPLACED') = (num_nonnulls(replacement_id, handed_sealed) = 1)"
                " AND num_nonnulls(replacement_id, handed_sealed) < 2"
                " AND (state = 'REFUNDED') = (refund_id IS NOT NULL)"
                " AND (replacement_id IS NULL OR card_id <> replacement_id)"
                " AND (replacement_id IS NULL) >= (card_id IS NULL)"
                " AND (handed_sealed IS NULL) >= (card_id IS NOT NULL)"
                " AND (handed_sealed IS NULL) = (handed_cost IS NULL) AND handed_cost >= 0",
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


class DisputeReorder(Model):
    """A replacement of one case that is ordered from a supplier.

    `invalid` and `reason` are what whoever decided so said; the case is decided by them once the
    card is here. `due_at`: when it is looked at again.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    dispute_id = fields.UUIDField()
    state = fields.CharEnumField(ReorderState, max_length=8)
    reason = fields.CharField(max_length=500)
    invalid = fields.BooleanField(null=True)
    asked_by = fields.UUIDField()
    asked_at = fields.DatetimeField()
    due_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    failure = fields.CharField(max_length=32, default="")  # a stable code; empty when it came

    class Meta:
        table = "dispute_reorders"
        indexes = (("dispute_id",),)
        constraints = (
            CheckConstraint(
                check="state IN ('RUNNING', 'DONE', 'FAILED')", name="reorder_state_known"
            ),
            CheckConstraint(
                check="(state = 'RUNNING') = (due_at IS NOT NULL)"
                " AND (state = 'RUNNING') = (ended_at IS NULL)"
                " AND (state = 'FAILED') = (failure <> '') AND reason <> ''",
                name="reorder_ends_whole",
            ),
            UniqueConstraint(
                fields=("dispute_id",),
                name="reorder_one_running",
                condition="state = 'RUNNING'",
            ),
        )


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


class Evidence(Model):
    """A picture or a PDF that one side of a case laid before the other."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    dispute_id = fields.UUIDField()
    side = fields.CharEnumField(Side, max_length=8)
    added_by = fields.UUIDField(null=True)  # None: somebody who proved to be a guest buyer
    name_sealed = fields.BinaryField(null=True)  # people write codes into names, too
    state = fields.CharEnumField(FileState, max_length=8)
    asked_at = fields.DatetimeField()
    media_type = fields.CharEnumField(MediaType, max_length=32, null=True)
    bytes = fields.IntField(null=True)
    added_at = fields.DatetimeField(null=True)
    erased_at = fields.DatetimeField(null=True)
    erased_by = fields.UUIDField(null=True)  # None: its time was over, or a guest

    class Meta:
        table = "evidence"
        indexes = (("dispute_id",),)
        constraints = (
            CheckConstraint(check="side IN ('BUYER', 'STAFF')", name="evidence_side_known"),
            CheckConstraint(
                check="state IN ('AWAITED', 'STORED', 'ERASED')", name="evidence_state_known"
            ),
            CheckConstraint(
                check="(state = 'AWAITED') = (media_type IS NULL)"
                " AND (media_type IS NULL) = (bytes IS NULL)"
                " AND (media_type IS NULL) = (added_at IS NULL)",
                name="evidence_whole",
            ),
            CheckConstraint(
                check="(state = 'ERASED') = (erased_at IS NOT NULL)"
                " AND (state = 'ERASED') = (name_sealed IS NULL)",
                name="evidence_erased",
            ),
            CheckConstraint(check="bytes BETWEEN 1 AND 5242880", name="evidence_bounded"),
        )


class EvidenceContent(Model):
    """The file itself, sealed under a key of its own. It goes when the file is erased."""

    evidence_id = fields.UUIDField(primary_key=True, default=new_id)
    wrapped_key = fields.BinaryField()
    key_version = fields.IntField()
    sealed = fields.BinaryField()

    class Meta:
        table = "evidence_contents"


class ComplaintLevel(Model):
    """How much was complained about one product, supplier, agent or site when it was last counted,
    and whether that is above the threshold. `turns` counts the crossings, both ways."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    by = fields.CharField(max_length=16)
    subject = fields.UUIDField()
    delivered = fields.BigIntField()
    disputed = fields.BigIntField()
    invalid = fields.BigIntField()
    high = fields.BooleanField()
    turns = fields.IntField()
    counted_at = fields.DatetimeField()
    turned_at = fields.DatetimeField()

    class Meta:
        table = "complaint_levels"
        unique_together = (("by", "subject"),)
        constraints = (
            CheckConstraint(
                check="by IN ('PRODUCT', 'SUPPLIER', 'AGENT', 'SITE')", name="complaint_by_known"
            ),
        )
