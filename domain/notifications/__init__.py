"""The face of messages to buyers and staff."""

from domain.notifications.models import (
    Medium,
    Notification,
    NotificationChannel,
    NotificationSettings,
    NotificationState,
    NotificationTemplate,
)
from domain.notifications.notices import AgentNotice, NoticeKind, notices_of
from domain.notifications.ports import MessageSender, OutgoingMessage, SendReport, SendResult
from domain.notifications.queries import costs_of, list_channels, list_notifications, list_templates
from domain.notifications.refusals import (
    ChannelAddressInvalid,
    ChannelTaken,
    CodesNotAllowed,
    NotRetryable,
    PlaceholderUnknown,
)
from domain.notifications.rules import EVENTS, MOVES, Text
from domain.notifications.sending import (
    fan_out,
    list_due,
    message_prices,
    reaches,
    register_sender,
    send,
)
from domain.notifications.service import (
    ChannelWish,
    TemplateWish,
    allowed,
    preview_template,
    retry,
    save_channel,
    save_settings,
    save_template,
    settings_of,
)

__all__ = [
    "EVENTS",
    "MOVES",
    "AgentNotice",
    "ChannelAddressInvalid",
    "ChannelTaken",
    "ChannelWish",
    "CodesNotAllowed",
    "Medium",
    "MessageSender",
    "NotRetryable",
    "NoticeKind",
    "Notification",
    "NotificationChannel",
    "NotificationSettings",
    "NotificationState",
    "NotificationTemplate",
    "OutgoingMessage",
    "PlaceholderUnknown",
    "SendReport",
    "SendResult",
    "TemplateWish",
    "Text",
    "allowed",
    "costs_of",
    "fan_out",
    "list_channels",
    "list_due",
    "list_notifications",
    "list_templates",
    "message_prices",
    "notices_of",
    "preview_template",
    "reaches",
    "register_sender",
    "retry",
    "save_channel",
    "save_settings",
    "save_template",
    "send",
    "settings_of",
]
