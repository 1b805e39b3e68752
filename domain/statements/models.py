"""Statements of partners, line by line, what became of each line, and the differences."""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id


class Party(StrEnum):
    """Whose statement it is."""

    CHANNEL = "CHANNEL"  # of a merchant's account at a payment vendor
    SUPPLIER = "SUPPLIER"
    PAYOUT = "PAYOUT"  # of a bank, or whoever else pays money out for us


class LineKind(StrEnum):
    """What one line is about."""

    PAYMENT = "PAYMENT"
    REFUND = "REFUND"
    PURCHASE = "PURCHASE"
    SUPPLIER_REFUND = "SUPPLIER_REFUND"  # a supplier gave money back
    PAYOUT = "PAYOUT"
    RETURN = "RETURN"  # a payout that came back
    OTHER = "OTHER"  # kept, and compared with nothing: a withdrawal, an adjustment


class Outcome(StrEnum):
    """How a line, or what we have of it, compares."""

    MATCHED = "MATCHED"
    MISSING_HERE = "MISSING_HERE"
    MISSING_THERE = "MISSING_THERE"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    DUPLICATE = "DUPLICATE"
    NOTED = "NOTED"


class DifferenceState(StrEnum):
    """How far a difference has come."""

    OPEN = "OPEN"
    ASKED = "ASKED"  # one operator has explained it, another has to agree
    RESOLVED = "RESOLVED"  # the other side came
    SETTLED = "SETTLED"


class StatementSource(Model):
    """Somebody whose statements come. A merchant with several channels is one source."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    party = fields.CharEnumField(Party, max_length=16)
    # The channel or supplier; of several channels of one merchant the one that was there first.
    # Without one: payouts by a name, from before channels of payouts were here.
    owner_id = fields.UUIDField(null=True)
    code = fields.CharField(max_length=64)
    offset_minutes = fields.IntField()  # of its calendar, east of UTC
    next_pull_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "statement_sources"
        unique_together = (("party", "code"),)
        constraints = (
            CheckConstraint(
                check="party IN ('CHANNEL', 'SUPPLIER', 'PAYOUT')"
                " AND (party = 'PAYOUT' OR owner_id IS NOT NULL)",
                name="statement_source_whose",
            ),
            CheckConstraint(
                check="offset_minutes BETWEEN -840 AND 840", name="statement_source_offset"
            ),
            UniqueConstraint(
                fields=("owner_id",),
                name="statement_source_once",
                condition="owner_id IS NOT NULL",
            ),
        )


class StatementFile(Model):
    """One file, or one day that was asked for. `done` lines of it are stored and compared."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    source: fields.ForeignKeyRelation[StatementSource] = fields.ForeignKeyField(
        "domain.StatementSource", on_delete=fields.RESTRICT
    )
    name = fields.CharField(max_length=128)
    digest = fields.BinaryField()
    first_day = fields.DateField(null=True)  # all lines of these days are in it
    last_day = fields.DateField(null=True)
    done = fields.IntField(default=0)
    fresh = fields.IntField(default=0)  # lines that no earlier file had
    left_out = fields.IntField(default=0)  # rows that could not be read
    began_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)
    imported_by = fields.UUIDField(null=True)

    class Meta:
        table = "statement_files"
        unique_together = (("source", "digest"),)
        constraints = (
            CheckConstraint(
                check="(first_day IS NULL) = (last_day IS NULL)"
                " AND coalesce(last_day >= first_day, true)",
                name="statement_file_days",
            ),
        )


class StatementDay(Model):
    """A day, by the source's calendar, of which all lines are here."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    source_id = fields.UUIDField()
    day = fields.DateField()
    file_id = fields.UUIDField()
    completed_at = fields.DatetimeField()
    judged_at = fields.DatetimeField(null=True)  # what we have of it was looked for

    class Meta:
        table = "statement_days"
        unique_together = (("source_id", "day"),)


class StatementLine(Model):
    """One line as it was told, kept for good. The same line again is the same row."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    source_id = fields.UUIDField()
    file_id = fields.UUIDField()
    number = fields.IntField()  # in the file
    day = fields.DateField()
    kind = fields.CharEnumField(LineKind, max_length=16)
    reference = fields.CharField(max_length=96)  # ours, as they were told it
    about = fields.CharField(max_length=96)  # of a refund: the payment's reference
    provider_id = fields.CharField(max_length=96)
    amount = fields.BigIntField()
    fee = fields.BigIntField()
    currency = fields.CharField(max_length=3)
    at = fields.DatetimeField()
    digest = fields.BinaryField()  # of all that it says
    occurrence = fields.IntField()  # which of several alike in one file
    seen_in = fields.UUIDField()  # the file that had it last
    raw_sealed = fields.BinaryField()  # as it came; it may name a buyer's account
    outcome = fields.CharEnumField(Outcome, max_length=16)
    subject_id = fields.UUIDField(null=True)  # our payment, refund, attempt or payout
    ours = fields.BigIntField(null=True)
    late = fields.BooleanField(default=False)  # ours is of another day
    owner_id = fields.UUIDField(null=True)  # the channel or supplier of ours
    fee_booked = fields.BooleanField(default=False)

    class Meta:
        table = "statement_lines"
        unique_together = (("source_id", "digest", "occurrence"),)
        indexes = (("source_id", "day", "id"),)
        constraints = (
            CheckConstraint(
                check="outcome IN ('MATCHED', 'MISSING_HERE', 'AMOUNT_DIFFERS', 'DUPLICATE',"
                " 'NOTED')",
                name="statement_line_outcome",
            ),
            CheckConstraint(
                check="outcome NOT IN ('MATCHED', 'AMOUNT_DIFFERS')"
                " OR subject_id IS NOT NULL AND ours IS NOT NULL",
                name="statement_line_of_ours",
            ),
            UniqueConstraint(
                fields=("subject_id", "kind"),
                name="statement_line_of_subject_once",
                condition="outcome IN ('MATCHED', 'AMOUNT_DIFFERS')",
            ),
        )


class StatementTally(Model):
    """How many lines of a day compared how, and their sums: the report, without reading lines."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    source_id = fields.UUIDField()
    day = fields.DateField()
    kind = fields.CharEnumField(LineKind, max_length=16)
    outcome = fields.CharEnumField(Outcome, max_length=16)
    currency = fields.CharField(max_length=3)
    number = fields.BigIntField()
    late = fields.BigIntField()
    theirs = fields.BigIntField()
    ours = fields.BigIntField()
    fee = fields.BigIntField()

    class Meta:
        table = "statement_tallies"
        unique_together = (("source_id", "day", "kind", "outcome", "currency"),)


class StatementDifference(Model):
    """What does not agree, told once, until somebody or something has made it agree."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    source_id = fields.UUIDField()
    day = fields.DateField()
    kind = fields.CharEnumField(LineKind, max_length=16)
    outcome = fields.CharEnumField(Outcome, max_length=16)
    code = fields.CharField(max_length=32)
    line_id = fields.UUIDField(null=True, unique=True)
    subject_id = fields.UUIDField(null=True)
    reference = fields.CharField(max_length=96)
    currency = fields.CharField(max_length=3)
    theirs = fields.BigIntField(null=True)
    ours = fields.BigIntField(null=True)
    state = fields.CharEnumField(DifferenceState, max_length=16)
    found_at = fields.DatetimeField()
    told_at = fields.DatetimeField(null=True)  # by an event
    looked_at = fields.DatetimeField()  # when it was compared last
    asked_by = fields.UUIDField(null=True)
    asked_at = fields.DatetimeField(null=True)
    note = fields.CharField(max_length=500, default="")
    closed_by = fields.UUIDField(null=True)
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "statement_differences"
        indexes = (("day", "id"), ("source_id", "day"))
        constraints = (
            CheckConstraint(
                check="(outcome = 'MISSING_THERE') = (line_id IS NULL)"
                " AND (line_id IS NOT NULL OR subject_id IS NOT NULL)",
                name="statement_difference_of_what",
            ),
            CheckConstraint(
                check="(state IN ('OPEN', 'ASKED')) = (closed_at IS NULL)"
                " AND (state <> 'ASKED' OR asked_at IS NOT NULL AND note <> '')"
                " AND (state <> 'SETTLED' OR note <> '')",
                name="statement_difference_closed",
            ),
            CheckConstraint(
                check="state <> 'SETTLED' OR closed_by IS DISTINCT FROM asked_by",
                name="statement_difference_four_eyes",
            ),
            UniqueConstraint(
                fields=("subject_id", "kind"),
                name="statement_missing_there_once",
                condition="line_id IS NULL",
            ),
        )


class StatementLayout(Model):
    """How a partner's own CSV reads: which of its columns holds what."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    code = fields.CharField(max_length=32, unique=True)
    layout = fields.JSONField[dict[str, object]]()
    saved_at = fields.DatetimeField()

    class Meta:
        table = "statement_layouts"
