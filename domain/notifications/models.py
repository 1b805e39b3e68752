"""Tables of messages: channels, templates, what a site allows, and one row for each message."""

from enum import StrEnum
from uuid import UUID

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint

from domain.kernel import Model, new_id


class Medium(StrEnum):
    """How a message travels, and so to whom: a buyer's address or number, or a group of staff."""

    EMAIL = "email"
    SMS = "sms"
    GROUP = "group"


class NotificationState(StrEnum):
    """The life of a message; moves are listed in rules.py and held by a trigger."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"  # surely not sent
    UNCERTAIN = "uncertain"  # perhaps sent: never repeated but by a person


class NotificationChannel(Model):
    """A way to send, of one site; sites without an own one use the main site's.

    The address with its password or secret is sealed; `address_masked` says where it leads.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    site_id = fields.UUIDField()
    code = fields.CharField(max_length=64)
    medium = fields.CharEnumField(Medium, max_length=8)
    events = ArrayField(element_type="text", default=list)
    address_sealed = fields.BinaryField()
    address_masked = fields.CharField(max_length=300)
    enabled = fields.BooleanField(default=True)
    version = fields.IntField(default=1)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "notification_channels"
        unique_together = (("site_id", "code"),)
        constraints = (
            CheckConstraint(
                check="medium IN ('email', 'sms', 'group')", name="channel_medium_known"
            ),
            UniqueConstraint(
                fields=("site_id", "medium"),
                name="channel_one_to_buyers",
                condition="enabled AND medium <> 'group'",
            ),
        )


class NotificationTemplate(Model):
    """What a site says of an event, in one language, on one medium. Placeholders in braces."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    site_id = fields.UUIDField()
    event = fields.CharField(max_length=64)
    medium = fields.CharEnumField(Medium, max_length=8)
    language = fields.CharField(max_length=2)
    subject = fields.CharField(max_length=200)
    body = fields.TextField()
    version = fields.IntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "notification_templates"
        unique_together = (("site_id", "event", "medium", "language"),)
        constraints = (
            CheckConstraint(check="length(body) BETWEEN 1 AND 4000", name="template_body_length"),
            CheckConstraint(
                check="medium <> 'group' OR (body || subject) !~ '\\{(secrets|link|code)\\}'",
                name="template_of_a_group_opens_nothing",
            ),
        )


class NotificationSettings(Model):
    """What a site allows its messages; a site without a row allows no codes in them."""

    site_id = fields.UUIDField(primary_key=True)
    notify_codes = fields.BooleanField(default=False)
    link_days = fields.IntField(default=7)
    version = fields.IntField(default=1)
    updated_at = fields.DatetimeField()

    class Meta:
        table = "notification_settings"
        constraints = (
            CheckConstraint(check="link_days BETWEEN 1 AND 90", name="settings_link_days"),
        )


class Notification(Model):
    """One message of one event to one recipient, whatever becomes of it: it is never made twice.

    Neither the recipient nor the text stands here: both are put together when it is sent.
    """

    id = fields.UUIDField(primary_key=True, default=new_id)
    subject = fields.UUIDField()  # of the event: an order, a challenge of a claim link, a case
    order_id = fields.UUIDField(null=True)  # None: it tells an agent of its case
    site_id = fields.UUIDField()
    event = fields.CharField(max_length=64)
    channel: fields.ForeignKeyRelation[NotificationChannel] = fields.ForeignKeyField(
        "domain.NotificationChannel", on_delete=fields.RESTRICT
    )
    medium = fields.CharEnumField(Medium, max_length=8)
    recipient_digest = fields.BinaryField()
    recipient_masked = fields.CharField(max_length=300)
    language = fields.CharField(max_length=2)
    state = fields.CharEnumField(NotificationState, max_length=16)
    attempts = fields.IntField(default=0)
    next_attempt_at = fields.DatetimeField(null=True)
    lease_ends_at = fields.DatetimeField(null=True)
    last_error = fields.CharField(max_length=64, null=True)
    provider_reference = fields.CharField(max_length=128, null=True)
    cost = fields.BigIntField(default=0, db_default=0)  # of the tries that left, or perhaps did
    created_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)

    channel_id: UUID

    class Meta:
        table = "notifications"
        indexes = (("order_id",),)
        constraints = (
            UniqueConstraint(
                fields=("subject", "event", "medium", "recipient_digest"), name="notification_once"
            ),
            CheckConstraint(
                check="state IN ('pending', 'sending', 'sent', 'failed', 'uncertain')",
                name="notification_state_known",
            ),
            CheckConstraint(
                check="(state = 'pending') = (next_attempt_at IS NOT NULL)",
                name="notification_pending_is_due",
            ),
            CheckConstraint(
                check="(state = 'sending') = (lease_ends_at IS NOT NULL)",
                name="notification_sending_is_leased",
            ),
            CheckConstraint(
                check="state = 'pending' OR attempts > 0", name="notification_counted_before_sent"
            ),
        )
