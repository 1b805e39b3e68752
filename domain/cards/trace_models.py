"""Tables of the trace: what happened to each card, its hash chain, and signed checkpoints of it.

Events are written by triggers on the store's tables (migration `trace`), so that nobody who moves a
card can forget to tell it.
"""

from typing import Any

from tortoise import fields
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id


class CardEvent(Model):
    """One step in the life of a card; without `card_id`, of its batch or of many cards at once.

    `marks` are digests of `cards` cards between `first_card` and `last_card`: of row and sealed
    code. They vouch for a million cards without a million rows.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    card_id = fields.UUIDField(null=True)
    batch_id = fields.UUIDField()
    sequence = fields.IntField()  # 1, 2, 3 of the card; without a card, rising and no more
    at = fields.DatetimeField()
    action = fields.CharField(max_length=16)
    old_state = fields.CharField(max_length=32, null=True)
    new_state = fields.CharField(max_length=32, null=True)
    order_line_id = fields.UUIDField(null=True)
    unit_number = fields.IntField(null=True)
    attempt_id = fields.UUIDField(null=True)  # of the supplier that delivered the batch
    actor_kind = fields.CharField(max_length=16, null=True)  # none: the order's buyer, or nobody
    actor_id = fields.UUIDField(null=True)
    reason = fields.CharField(max_length=200, default="")
    details: Any = fields.JSONField(null=True)
    first_card = fields.UUIDField(null=True)
    last_card = fields.UUIDField(null=True)
    cards = fields.IntField(null=True)
    marks = fields.BinaryField(null=True)

    class Meta:
        table = "card_events"
        constraints = (
            UniqueConstraint(
                fields=("card_id", "sequence"),
                name="card_event_once",
                condition="card_id IS NOT NULL",
            ),
            UniqueConstraint(
                fields=("batch_id", "sequence"),
                name="batch_event_once",
                condition="card_id IS NULL",
            ),
            CheckConstraint(
                check="(marks IS NULL) = (cards IS NULL) AND (marks IS NULL) = (first_card IS NULL)"
                " AND (marks IS NULL) = (last_card IS NULL) AND (marks IS NULL OR card_id IS NULL)",
                name="card_event_marks_cards",
            ),
        )


class CardSeal(Model):
    """A link of the hash chain over card events, written once they were committed."""

    sequence = fields.BigIntField(primary_key=True, generated=False)
    event_id = fields.UUIDField(unique=True)
    digest = fields.BinaryField()
    sealed_at = fields.DatetimeField()

    class Meta:
        table = "card_seals"


class TraceCheckpoint(Model):
    """The heads of both chains at one moment, signed. A copy kept elsewhere proves the past."""

    number = fields.IntField(primary_key=True, generated=False)
    statement = fields.TextField()  # exactly what is signed: JSON with sorted names
    signature = fields.BinaryField()
    public_key = fields.BinaryField()
    taken_at = fields.DatetimeField()

    class Meta:
        table = "trace_checkpoints"
