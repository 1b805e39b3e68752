"""Messages to buyers and staff, for the back office. No field shows an address, a code, a text."""

from datetime import datetime

import strawberry

from domain import notifications
from domain.kernel import Prefix
from domain.notifications import Medium, NotificationState
from resolvers import notifications as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import id_field

READ, WRITE = "notifications:read", "notifications:write"


@strawberry.type(description="One message of one event to one recipient; it is never made twice.")
@presents(notifications.Notification)
class Notification:
    id: strawberry.ID = id_field(Prefix.NOTIFICATION)
    order_id: strawberry.ID | None = field(
        resolvers.order_id, description="Null: it tells an agent of its case."
    )
    event: str
    medium: Medium
    channel: str = field(resolvers.channel_code, description="The channel's code.")
    recipient_masked: str
    language: str
    state: NotificationState
    attempts: int = field(description="Counted before each try.")
    next_attempt_at: datetime | None
    last_error: str | None = field(description="Stable key, such as mail_refused_550.")
    provider_reference: str | None
    created_at: datetime
    finished_at: datetime | None


@strawberry.type(description="A way to send. Its address is shown masked, and nowhere else.")
@presents(notifications.NotificationChannel)
class NotificationChannel:
    id: strawberry.ID = id_field(Prefix.NOTIFICATION_CHANNEL)
    site_id: strawberry.ID = id_field(Prefix.SITE, "site_id")
    code: str
    medium: Medium
    events: list[str] = field(description="What it tells of.")
    address_masked: str
    enabled: bool
    version: int


@strawberry.type(description="What a site says of an event, instead of our own words.")
@presents(notifications.NotificationTemplate)
class NotificationTemplate:
    id: strawberry.ID = id_field(Prefix.NOTIFICATION_TEMPLATE)
    site_id: strawberry.ID = id_field(Prefix.SITE, "site_id")
    event: str
    medium: Medium
    language: str
    subject: str
    body: str
    version: int


@strawberry.type(description="A template filled with made-up values.")
@presents(notifications.Text)
class NotificationText:
    subject: str
    body: str


@strawberry.type(description="What a site allows its messages.")
@presents(notifications.NotificationSettings)
class NotificationSettings:
    site_id: strawberry.ID = id_field(Prefix.SITE, "site_id")
    notify_codes: bool = field(description="Templates may name {secrets}: codes leave in clear.")
    link_days: int = field(description="How long a claim link in a message lives.")
    version: int


@strawberry.type
class NotificationPayload:
    notification: Notification | None
    user_errors: list[UserError]


@strawberry.type
class NotificationChannelPayload:
    channel: NotificationChannel | None
    user_errors: list[UserError]


@strawberry.type
class NotificationTemplatePayload:
    template: NotificationTemplate | None
    user_errors: list[UserError]


@strawberry.type
class NotificationPreviewPayload:
    text: NotificationText | None
    user_errors: list[UserError]


@strawberry.type
class NotificationSettingsPayload:
    settings: NotificationSettings | None
    user_errors: list[UserError]


@strawberry.type
class NotificationsAdminQuery:
    notifications: Connection[Notification] = field(
        resolvers.notifications_of,
        permissions=[Scope(READ)],
        description="Newest first; of one order, or in one state.",
    )
    notification_channels: list[NotificationChannel] = field(
        resolvers.channels, permissions=[Scope(READ)], description="Of all sites."
    )
    notification_templates: list[NotificationTemplate] = field(
        resolvers.templates, permissions=[Scope(READ)], description="Those that were saved."
    )


@strawberry.type
class NotificationsAdminMutation:
    notification_retry: NotificationPayload = mutation(
        resolvers.notification_retry,
        payload=NotificationPayload,
        entity="notification",
        permissions=[Scope(WRITE)],
        description="Send a FAILED or UNCERTAIN message again. Of an uncertain one the recipient"
        " may have the first copy already: ask the provider before.",
    )
    notification_channel_save: NotificationChannelPayload = mutation(
        resolvers.notification_channel_save,
        payload=NotificationChannelPayload,
        entity="channel",
        permissions=[Scope(WRITE)],
        description="Make a channel, or change the one of this `code`. EMAIL:"
        " mailtos://user:password@host?from=...; SMS: the https:// address of a gateway, with the"
        " `secret` that signs; GROUP: wecombot://, dingtalk://, feishu://, lark://, tgram://,"
        " discord://, slack://. Without `url` the stored address stays; a new one needs a fresh"
        " second factor.",
    )
    notification_template_save: NotificationTemplatePayload = mutation(
        resolvers.notification_template_save,
        payload=NotificationTemplatePayload,
        entity="template",
        permissions=[Scope(WRITE)],
        description="Say it in your own words. Placeholders: {number} {site} {products} {cards}"
        " {total} {link}, of one-time codes {site} {code} {minutes}; {secrets} where the site's"
        " settings allow codes.",
    )
    notification_template_preview: NotificationPreviewPayload = mutation(
        resolvers.notification_template_preview,
        payload=NotificationPreviewPayload,
        entity="text",
        permissions=[Scope(READ)],
        description="A template with made-up values; nothing is saved. Refused as saving is.",
    )
    notification_settings_save: NotificationSettingsPayload = mutation(
        resolvers.notification_settings_save,
        payload=NotificationSettingsPayload,
        entity="settings",
        permissions=[Scope("notifications:codes")],
        description="What a site allows its messages. Needs a fresh second factor.",
    )
