"""Tables of the kernel: the outbox and the idempotency keys."""

from typing import Any

from tortoise import fields

from domain.kernel.ids import new_id
from domain.kernel.tables import Model


class OutboxEvent(Model):
    """A fact written with the state it tells of. `sequence` counts the events of one subject."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    type = fields.CharField(max_length=64)
    subject = fields.UUIDField()
    sequence = fields.IntField()
    payload = fields.JSONField[dict[str, Any]]()
    occurred_at = fields.DatetimeField()
    published_at = fields.DatetimeField(null=True)

    class Meta:
        table = "outbox_events"
        unique_together = (("subject", "sequence"),)


class IdempotencyKey(Model):
    """One effect of one actor's operation, and what it made. Kept for seven days."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    actor = fields.UUIDField()
    operation = fields.CharField(max_length=48)
    key = fields.CharField(max_length=255)
    input_hash = fields.BinaryField()
    result = fields.UUIDField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "idempotency_keys"
        unique_together = (("actor", "operation", "key"),)
