"""The audit log: who did what to what, when, from where. Append-only, refused otherwise in SQL."""

from typing import Any

from tortoise import fields

from domain.kernel import Model
from domain.kernel.ids import new_id


class AuditEntry(Model):
    """One audited deed, written in the deed's own transaction."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    at = fields.DatetimeField()
    actor_kind = fields.CharField(max_length=16)
    actor_id = fields.UUIDField(null=True)
    action = fields.CharField(max_length=64)
    target = fields.UUIDField(null=True)
    details = fields.JSONField[dict[str, Any]]()
    ip = fields.CharField(max_length=64, default="")
    request_id = fields.CharField(max_length=64, default="")

    class Meta:
        table = "audit_entries"
        indexes = (("target",), ("action", "at"))
