"""Webhook endpoints and their delivery log."""

from enum import StrEnum

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint

from domain.kernel import Model
from domain.kernel.ids import new_id
from domain.kernel.models import OutboxEvent


class WebhookEndpoint(Model):
    """Where an owner's events go. An owner without `all_orders` hears of own orders only."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    owner_id = fields.UUIDField()
    site_id = fields.UUIDField(null=True)  # where it was made, whose prices are told; None: main
    all_orders = fields.BooleanField(default=False)
    url = fields.CharField(max_length=500)
    events = ArrayField(element_type="text", default=list)
    secret_sealed = fields.BinaryField()
    api_version = fields.CharField(max_length=10)
    enabled = fields.BooleanField(default=True)
    disabled_because = fields.CharField(max_length=64, null=True)
    failing_since = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "webhook_endpoints"
        indexes = (("owner_id",),)


class DeliveryState(StrEnum):
    """Where one delivery stands."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    DEAD = "dead"


class WebhookDelivery(Model):
    """One event for one endpoint, and what became of it. The body is fixed when it is made."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    endpoint: fields.ForeignKeyRelation[WebhookEndpoint] = fields.ForeignKeyField(
        "domain.WebhookEndpoint"
    )
    event: fields.ForeignKeyRelation[OutboxEvent] = fields.ForeignKeyField("domain.OutboxEvent")
    subject = fields.UUIDField()
    sequence = fields.IntField()
    body = fields.TextField()
    state = fields.CharEnumField(DeliveryState, max_length=16)
    attempts = fields.IntField(default=0)
    next_attempt_at = fields.DatetimeField(null=True)
    last_status = fields.IntField(null=True)
    last_error = fields.CharField(max_length=64, null=True)
    last_answer = fields.CharField(max_length=2048, null=True)
    last_duration_ms = fields.IntField(null=True)
    created_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "webhook_deliveries"
        unique_together = (("endpoint", "event"),)
        indexes = (("endpoint_id", "subject", "sequence"),)
        constraints = (
            CheckConstraint(
                check="(state = 'pending') = (next_attempt_at IS NOT NULL)",
                name="delivery_pending_is_due",
            ),
        )
