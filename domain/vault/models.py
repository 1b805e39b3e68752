"""Tables of vault: looks of the staff at cards, and exports; both with a second person."""

from enum import StrEnum

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class RevealStatus(StrEnum):
    """Where a look of the staff stands. GRANTED needed nobody else."""

    GRANTED = "granted"
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


class ExportStatus(StrEnum):
    """Where an export stands. READY can be fetched once; the last four are final."""

    WAITING = "waiting"
    APPROVED = "approved"
    READY = "ready"
    REJECTED = "rejected"
    TAKEN = "taken"
    EXPIRED = "expired"
    FAILED = "failed"


class StaffReveal(Model):
    """An operator's wish to see the codes of some cards, and who let it."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    requester_id = fields.UUIDField()
    card_ids = ArrayField(element_type="uuid", default=list)
    reason = fields.CharField(max_length=500)
    case_id = fields.CharField(max_length=64, default="")
    status = fields.CharEnumField(RevealStatus, max_length=16)
    approver_id = fields.UUIDField(null=True)
    decision = fields.CharField(max_length=500, default="")  # why it was rejected
    requested_at = fields.DatetimeField()
    decided_at = fields.DatetimeField(null=True)
    good_until = fields.DatetimeField(null=True)  # after that the codes are not shown any more
    event_count = fields.IntField(default=0)

    class Meta:
        table = "staff_reveals"
        indexes = (("requester_id", "id"),)
        constraints = (
            CheckConstraint(
                check="status IN ('granted', 'waiting', 'approved', 'rejected')",
                name="reveal_status_known",
            ),
            CheckConstraint(
                check="approver_id IS DISTINCT FROM requester_id", name="reveal_of_four_eyes"
            ),
            CheckConstraint(
                check="(status IN ('approved', 'rejected')) = (approver_id IS NOT NULL)"
                " AND (approver_id IS NULL) = (decided_at IS NULL)",
                name="reveal_decided_by_somebody",
            ),
            CheckConstraint(
                check="cardinality(card_ids) BETWEEN 1 AND 20", name="reveal_of_few_cards"
            ),
        )


class StaffLook(Model):
    """One card that was shown to an operator; looks of buyers are counted on the card."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    reveal: fields.ForeignKeyRelation[StaffReveal] = fields.ForeignKeyField(
        "domain.StaffReveal", on_delete=fields.RESTRICT
    )
    card_id = fields.UUIDField()
    operator_id = fields.UUIDField()
    at = fields.DatetimeField()

    class Meta:
        table = "staff_looks"
        indexes = (("operator_id", "at"), ("card_id",))


class CardExport(Model):
    """An operator's wish to take unsold cards out, sealed for a public key; and its archive."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    requester_id = fields.UUIDField()
    variant_id = fields.UUIDField()
    batch_id = fields.UUIDField(null=True)  # else all of the variant
    recipient = fields.CharField(max_length=500)  # a public key
    reason = fields.CharField(max_length=500)
    watermark = fields.UUIDField()
    canaries = fields.IntField(default=0)  # planted for this export alone
    status = fields.CharEnumField(ExportStatus, max_length=16)
    approver_id = fields.UUIDField(null=True)
    decision = fields.CharField(max_length=500, default="")
    cards = fields.IntField(default=0)  # expected, then written
    bytes = fields.BigIntField(default=0)
    attempts = fields.IntField(default=0)
    failure_code = fields.CharField(max_length=32, null=True)
    requested_at = fields.DatetimeField()
    decided_at = fields.DatetimeField(null=True)
    due_at = fields.DatetimeField(null=True)  # when a job must look at it
    ready_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)
    taken_at = fields.DatetimeField(null=True)
    event_count = fields.IntField(default=0)

    class Meta:
        table = "card_exports"
        indexes = (("requester_id", "id"),)
        constraints = (
            CheckConstraint(
                check="status IN ('waiting', 'approved', 'ready', 'rejected', 'taken', 'expired',"
                " 'failed')",
                name="export_status_known",
            ),
            CheckConstraint(
                check="approver_id IS DISTINCT FROM requester_id", name="export_of_four_eyes"
            ),
            CheckConstraint(
                check="status IN ('waiting', 'expired') OR approver_id IS NOT NULL",
                name="export_decided_by_somebody",
            ),
            CheckConstraint(
                check="(status = 'approved') = (due_at IS NOT NULL)", name="export_open_is_due"
            ),
            UniqueConstraint(fields=("watermark",), name="export_watermark_once"),
        )


class CardExportPart(Model):
    """A part of an archive: an age file. Its bytes go when it is fetched or expires; which cards
    were in it stays."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    export: fields.ForeignKeyRelation[CardExport] = fields.ForeignKeyField(
        "domain.CardExport", on_delete=fields.RESTRICT
    )
    number = fields.IntField()
    name = fields.CharField(max_length=64)
    card_ids = ArrayField(element_type="uuid", default=list)
    last_card_id = fields.UUIDField(null=True)  # where the next part goes on
    digest = fields.BinaryField()  # SHA-256 of the age file
    sealed = fields.BinaryField(null=True)

    class Meta:
        table = "card_export_parts"
        unique_together = (("export", "number"),)
