"""Payouts of commission: channels, destinations, and each payout from its wish to its end."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id
from domain.payouts.ports import DestinationKind


class PayoutStatus(StrEnum):
    """The life of a payout; allowed moves stand in moves.py and in a trigger."""

    REQUESTED = "REQUESTED"  # checked, its money held; somebody has to approve it
    APPROVED = "APPROVED"
    SUBMITTING = "SUBMITTING"  # sent, or about to be; the answer is not known
    ACCEPTED = "ACCEPTED"  # the channel works on it, or waits for its receiver
    UNKNOWN = "UNKNOWN"  # asked about until the channel knows
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"  # surely not paid: the agent has its money again
    RETURNED = "RETURNED"  # paid, and it came back: the agent has its money again
    REFUSED = "REFUSED"  # by an operator, before it was sent
    CANCELLED = "CANCELLED"  # by its agent, before it was sent


class BatchStatus(StrEnum):
    """Where a batch stands; what it holds is approved or refused together."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class PayoutChannel(Model):
    """One account at one vendor that money is sent from. Amounts in units of 1/10000."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    code = fields.CharField(max_length=32, unique=True)
    adapter = fields.CharField(max_length=32)
    merchant = fields.CharField(max_length=64)
    name_zh = fields.CharField(max_length=64)
    name_en = fields.CharField(max_length=64)
    base_url = fields.CharField(max_length=300)
    currency = fields.CharField(max_length=3)
    settings = fields.JSONField[dict[str, Any]]()
    secrets_sealed = fields.BinaryField()
    minimum = fields.BigIntField()
    maximum = fields.BigIntField()  # of one payout
    daily_cap = fields.BigIntField()  # of all payouts of a day
    fee_fixed = fields.BigIntField(default=0)
    fee_rate = fields.IntField(default=0)  # in 1/10000 of the amount
    tax_rate = fields.IntField(default=0)  # in 1/10000 of the amount, withheld
    enabled = fields.BooleanField(default=True)
    priority = fields.IntField(default=100)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()

    class Meta:
        table = "payout_channels"
        constraints = (
            CheckConstraint(
                check="minimum > 0 AND maximum >= minimum AND daily_cap >= minimum",
                name="payout_channel_bounds",
            ),
            CheckConstraint(
                check="fee_fixed >= 0 AND fee_rate BETWEEN 0 AND 5000"
                " AND tax_rate BETWEEN 0 AND 5000",
                name="payout_channel_rates",
            ),
        )


class PayoutDestination(Model):
    """Where an agent wants its money, sealed. One of each kind is in use."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    kind = fields.CharEnumField(DestinationKind, max_length=16)
    masked = fields.CharField(max_length=64)
    sealed = fields.BinaryField()
    digest = fields.CharField(
        max_length=64
    )  # keyed: to find the same account with another agent, or blocked
    created_at = fields.DatetimeField()
    usable_from = fields.DatetimeField()
    retired_at = fields.DatetimeField(null=True)

    class Meta:
        table = "payout_destinations"
        indexes = (("agent_id", "id"), ("digest",))
        constraints = (
            UniqueConstraint(
                fields=("agent_id", "kind"),
                name="payout_destination_in_use_once",
                condition="retired_at IS NULL",
            ),
        )


class PayoutBlock(Model):
    """An account that no money is sent to."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    digest = fields.CharField(max_length=64, unique=True)
    reason = fields.CharField(max_length=200)
    blocked_by = fields.UUIDField(null=True)
    blocked_at = fields.DatetimeField()

    class Meta:
        table = "payout_blocks"


class PayoutBatch(Model):
    """Payouts that one operator proposes and another one approves."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    status = fields.CharEnumField(BatchStatus, max_length=16)
    count = fields.IntField()
    total = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    note = fields.CharField(max_length=500, default="")
    run_id = fields.UUIDField(null=True)  # the settlement run that made it
    proposed_by = fields.UUIDField()
    proposed_at = fields.DatetimeField()
    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)
    decision = fields.CharField(max_length=500, default="")

    class Meta:
        table = "payout_batches"
        indexes = (("status", "id"),)
        constraints = (
            CheckConstraint(
                check="decided_by IS DISTINCT FROM proposed_by", name="payout_batch_of_four_eyes"
            ),
            CheckConstraint(
                check="(status = 'PROPOSED') = (decided_at IS NULL)"
                " AND (decided_at IS NULL) = (decided_by IS NULL)",
                name="payout_batch_decided_by_somebody",
            ),
            CheckConstraint(check="count > 0 AND total > 0", name="payout_batch_of_something"),
        )


class FileState(StrEnum):
    """Where a file for a bank stands; the last two are told from its payouts."""

    MADE = "MADE"
    HANDED_OVER = "HANDED_OVER"  # to the bank; nothing has come back
    PARTLY = "PARTLY"  # some of its payouts have ended
    DONE = "DONE"  # all of them have


class RowDifference(StrEnum):
    """In what a row of a bank's results is not what we have."""

    UNKNOWN_REFERENCE = "UNKNOWN_REFERENCE"  # not one of ours
    OTHER_FILE = "OTHER_FILE"  # ours, and not of this file
    AMOUNT = "AMOUNT"  # another one than was asked for
    CONTRADICTS = "CONTRADICTS"  # it had ended otherwise
    TWICE = "TWICE"  # a second row of one payout, and it says something else


class PayoutFile(Model):
    """A file for a bank: which payouts, its control totals, its sealed content.

    Of one batch and channel one is made, and taken away as often as somebody must."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    channel_id = fields.UUIDField()
    batch_id = fields.UUIDField(null=True)  # None: of payouts that were approved one by one
    number = fields.CharField(max_length=32, unique=True)
    count = fields.IntField()
    total = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    digest = fields.BinaryField()  # SHA-256 of the content
    sealed = fields.BinaryField()
    made_by = fields.UUIDField()
    made_at = fields.DatetimeField()
    handed_over_by = fields.UUIDField(null=True)
    handed_over_at = fields.DatetimeField(null=True)

    class Meta:
        table = "payout_files"
        indexes = (("channel_id", "id"),)
        constraints = (
            CheckConstraint(check="count > 0 AND total > 0", name="payout_file_of_something"),
            CheckConstraint(
                check="(handed_over_by IS NULL) = (handed_over_at IS NULL)",
                name="payout_file_handed_over_by_somebody",
            ),
            UniqueConstraint(
                fields=("batch_id", "channel_id"),
                name="payout_file_once_a_batch",
                condition="batch_id IS NOT NULL",
            ),
        )


class CaseKind(StrEnum):
    """What people have to look into."""

    UNKNOWN = "UNKNOWN"  # sent long ago, and nobody knows what became of it
    CONTRADICTED = "CONTRADICTED"  # it has ended here, and the channel says otherwise


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "OPEN"
    ASKED = "ASKED"  # somebody knows, and another one has to agree
    CLOSED = "CLOSED"


class CaseVerdict(StrEnum):
    """What people found out."""

    PAID = "PAID"
    NOT_PAID = "NOT_PAID"  # surely, and it never will be
    SETTLED = "SETTLED"  # what was contradicted is explained; nothing is moved


class PayoutCase(Model):
    """A payout that people have to look into, and what they found out."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    payout_id = fields.UUIDField()
    kind = fields.CharEnumField(CaseKind, max_length=16)
    state = fields.CharEnumField(CaseState, max_length=16)
    opened_at = fields.DatetimeField()
    verdict: CaseVerdict | None = fields.CharEnumField(  # type: ignore[assignment]
        CaseVerdict, max_length=16, null=True
    )
    note = fields.CharField(max_length=500, default="")
    asked_by = fields.UUIDField(null=True)
    asked_at = fields.DatetimeField(null=True)
    decided_by = fields.UUIDField(null=True)
    decided_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "payout_cases"
        constraints = (
            CheckConstraint(
                check="decided_by IS NULL OR decided_by <> asked_by",
                name="payout_case_of_four_eyes",
            ),
            CheckConstraint(
                check="(state = 'CLOSED') = (closed_at IS NOT NULL)", name="payout_case_closed"
            ),
            CheckConstraint(
                check="(verdict IS NULL) = (asked_by IS NULL)"
                " AND (asked_by IS NULL) = (asked_at IS NULL)"
                " AND (state = 'OPEN') <= (verdict IS NULL)"
                " AND (state <> 'ASKED' OR verdict IS NOT NULL)"
                " AND (decided_by IS NULL) = (decided_at IS NULL)"
                " AND (decided_by IS NOT NULL) = (state = 'CLOSED' AND verdict IS NOT NULL)",
                name="payout_case_decided_whole",
            ),
            CheckConstraint(
                check="verdict IS NULL OR (kind = 'CONTRADICTED') = (verdict = 'SETTLED')",
                name="payout_case_verdict_of_kind",
            ),
            UniqueConstraint(
                fields=("payout_id", "kind"),
                name="payout_case_open_once",
                condition="state <> 'CLOSED'",
            ),
        )


class PayoutCallbackOutcome(StrEnum):
    """What became of something that a payout channel called back."""

    RECEIVED = "RECEIVED"  # stored, not judged yet
    BOOKED = "BOOKED"  # the channel was asked, and what it said was booked
    KNOWN = "KNOWN"  # it was asked, or need not be: nothing is new
    NOTED = "NOTED"  # true, and about nothing of ours
    UNPROVEN = "UNPROVEN"  # it was asked and told nothing; it is asked again
    REFUSED = "REFUSED"  # not believed


class PayoutCallback(Model):
    """What a payout channel, or somebody else, sent: kept sealed, before anybody judged it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    channel_id = fields.UUIDField()
    received_at = fields.DatetimeField()
    raw_sealed = fields.BinaryField()  # headers and body
    digest = fields.BinaryField()  # of the body
    reference = fields.CharField(max_length=64, null=True)
    payout_id = fields.UUIDField(null=True)
    outcome = fields.CharEnumField(PayoutCallbackOutcome, max_length=16)
    why = fields.CharField(max_length=32, default="")
    judged_at = fields.DatetimeField(null=True)

    class Meta:
        table = "payout_callbacks"
        indexes = (("channel_id", "id"),)
        constraints = (
            CheckConstraint(
                check="(outcome = 'RECEIVED') = (judged_at IS NULL)", name="payout_callback_judged"
            ),
        )


class PayoutFileResult(Model):
    """A file of results that a bank gave back, as it was taken; the same one is taken once."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    file_id = fields.UUIDField()
    name = fields.CharField(max_length=96)
    digest = fields.BinaryField()  # SHA-256 of what came
    rows = fields.IntField()
    booked = fields.IntField()  # rows that ended a payout
    known = fields.IntField()  # rows that told what we knew
    taken_by = fields.UUIDField()
    taken_at = fields.DatetimeField()

    class Meta:
        table = "payout_file_results"
        constraints = (
            CheckConstraint(
                check="booked >= 0 AND known >= 0 AND rows >= booked + known",
                name="payout_result_counts",
            ),
            UniqueConstraint(fields=("file_id", "digest"), name="payout_result_taken_once"),
        )


class PayoutRowDifference(Model):
    """A row of a bank's results that is not what we have; nothing was booked for it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    result_id = fields.UUIDField()
    line = fields.IntField()
    kind = fields.CharEnumField(RowDifference, max_length=24)
    reference = fields.CharField(max_length=96)
    payout_id = fields.UUIDField(null=True)
    told = fields.CharField(max_length=16)  # paid, failed, returned
    amount = fields.BigIntField()  # as the bank tells it

    class Meta:
        table = "payout_row_differences"
        indexes = (("result_id", "line"),)


class Payout(Model):
    """Money leaving to an agent. `amount` is taken from what it has available; its receiver gets
    what fee and tax leave of it. Units of 1/10000 of `currency`."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    agent_id = fields.UUIDField()
    channel_id = fields.UUIDField()
    destination_id = fields.UUIDField()
    reference = fields.CharField(max_length=32, unique=True)
    amount = fields.BigIntField()
    fee = fields.BigIntField()
    tax = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    status = fields.CharEnumField(PayoutStatus, max_length=16)
    risks = ArrayField(element_type="varchar(32)", default=list)
    why = fields.CharField(max_length=32, default="")
    note = fields.CharField(max_length=500, default="")  # of who refused it
    provider_id = fields.CharField(max_length=96, null=True)
    waits = fields.BooleanField(default=False)  # for its receiver
    cancel_wanted = fields.BooleanField(default=False)
    action_sealed = fields.BinaryField(null=True)
    batch_id = fields.UUIDField(null=True)
    file_id = fields.UUIDField(null=True)
    run_id = fields.UUIDField(null=True)
    requested_at = fields.DatetimeField()
    approved_by = fields.UUIDField(null=True)  # None: within what needs nobody
    approved_at = fields.DatetimeField(null=True)
    submitted_at = fields.DatetimeField(null=True)  # the last time
    first_submitted_at = fields.DatetimeField(null=True)
    submissions = fields.IntField(default=0)
    tries = fields.IntField(default=0)
    not_found = fields.IntField(default=0)  # in a row
    next_try_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)
    event_count = fields.IntField(default=0)

    class Meta:
        table = "payouts"
        indexes = (
            Index(fields=("agent_id", "id")),
            Index(fields=("status", "id")),
            Index(fields=("batch_id",)),
        )
        constraints = (
            CheckConstraint(
                check="fee >= 0 AND tax >= 0 AND amount > fee + tax", name="payout_leaves_something"
            ),
            CheckConstraint(
                check="(status IN ('SUCCEEDED', 'FAILED', 'RETURNED', 'REFUSED', 'CANCELLED'))"
                " = (finished_at IS NOT NULL)",
                name="payout_finished",
            ),
            CheckConstraint(
                check="(next_try_at IS NULL OR file_id IS NULL"
                " AND status IN ('APPROVED', 'SUBMITTING', 'ACCEPTED', 'UNKNOWN'))"
                " AND (next_try_at IS NOT NULL OR file_id IS NOT NULL"
                " OR status NOT IN ('SUBMITTING', 'ACCEPTED', 'UNKNOWN'))",
                name="payout_open_is_tried",
            ),
            CheckConstraint(
                check="status IN ('REQUESTED', 'REFUSED', 'CANCELLED') OR approved_at IS NOT NULL",
                name="payout_approved_before_sent",
            ),
        )
