"""Sealed documents: copies of identity cards, licences, evidence. Each under a key of its own."""

from enum import StrEnum

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id
from domain.papers.pictures import MediaType


class PaperState(StrEnum):
    """Where a document stands."""

    AWAITED = "awaited"
    STORED = "stored"
    ERASED = "erased"


class Paper(Model):
    """A document of one case (`subject`) of some context; `label` says what it shows."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    subject = fields.UUIDField()
    label = fields.CharField(max_length=32)
    sent_by = fields.UUIDField()
    state = fields.CharEnumField(PaperState, max_length=8)
    media_type = fields.CharEnumField(MediaType, max_length=32, null=True)
    bytes = fields.IntField(null=True)
    asked_at = fields.DatetimeField()
    added_at = fields.DatetimeField(null=True)
    erased_at = fields.DatetimeField(null=True)

    class Meta:
        table = "papers"
        indexes = (("subject",), ("state", "asked_at"))
        constraints = (
            CheckConstraint(
                check="state IN ('awaited', 'stored', 'erased')", name="paper_state_known"
            ),
            CheckConstraint(
                check="(state = 'awaited') = (media_type IS NULL)"
                " AND (media_type IS NULL) = (bytes IS NULL)"
                " AND (media_type IS NULL) = (added_at IS NULL)"
                " AND (state = 'erased') = (erased_at IS NOT NULL)",
                name="paper_whole",
            ),
            CheckConstraint(check="bytes BETWEEN 1 AND 5242880", name="paper_bounded"),
        )


class PaperContent(Model):
    """The document itself, sealed. It goes when the document is erased."""

    paper_id = fields.UUIDField(primary_key=True, default=new_id)
    wrapped_key = fields.BinaryField()
    key_version = fields.IntField()
    sealed = fields.BinaryField()

    class Meta:
        table = "paper_contents"
