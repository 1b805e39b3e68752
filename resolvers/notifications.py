"""How the fields of messages are answered (back office)."""

from uuid import UUID

import strawberry
from strawberry import Parent

from domain import notifications, sites
from domain.kernel import Page, Prefix, decode_id, encode_id, page_request
from domain.notifications import Medium, NotificationState
from resolvers.context import Info


@strawberry.input(description="What a template says.")
class NotificationTextInput:
    subject: str
    body: str


async def notifications_of(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    order_id: strawberry.ID | None = None,
    state: NotificationState | None = None,
) -> Page[notifications.Notification]:
    """Messages, newest first."""
    order = None
    if order_id is not None:
        order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    page = page_request("notifications", first, after)
    return await notifications.list_notifications(info.context.actor, page, order, state)


async def channels(info: Info) -> list[notifications.NotificationChannel]:
    """All channels."""
    return await notifications.list_channels(info.context.actor)


async def templates(info: Info) -> list[notifications.NotificationTemplate]:
    """All saved templates."""
    return await notifications.list_templates(info.context.actor)


async def notification_retry(info: Info, id: strawberry.ID) -> notifications.Notification:
    """Send a failed or uncertain message again."""
    found = await notifications.retry(info.context.actor, decode_id(Prefix.NOTIFICATION, id))
    await found.fetch_related("channel")
    return found


async def notification_channel_save(
    info: Info,
    code: str,
    medium: Medium,
    events: list[str],
    url: str | None = None,
    secret: str | None = None,
    enabled: bool = True,
    site_id: strawberry.ID | None = None,
    expected_version: int | None = None,
) -> notifications.NotificationChannel:
    """Make or change a channel."""
    wish = notifications.ChannelWish(
        code, medium, events, url, secret, enabled, _site(site_id), expected_version
    )
    return await notifications.save_channel(info.context.actor, wish)


async def notification_template_save(
    info: Info,
    event: str,
    medium: Medium,
    language: str,
    text: NotificationTextInput,
    site_id: strawberry.ID | None = None,
) -> notifications.NotificationTemplate:
    """Make or change a template."""
    wish = _template(event, medium, language, text, site_id)
    return await notifications.save_template(info.context.actor, wish)


async def notification_template_preview(
    info: Info,
    event: str,
    medium: Medium,
    language: str,
    text: NotificationTextInput,
    site_id: strawberry.ID | None = None,
) -> notifications.Text:
    """A template with made-up values."""
    wish = _template(event, medium, language, text, site_id)
    return await notifications.preview_template(info.context.actor, wish)


async def notification_settings_save(
    info: Info,
    notify_codes: bool,
    link_days: int = 7,
    site_id: strawberry.ID | None = None,
) -> notifications.NotificationSettings:
    """What a site allows its messages."""
    actor = info.context.actor
    return await notifications.save_settings(actor, _site(site_id), notify_codes, link_days)


def channel_code(message: Parent[notifications.Notification]) -> str:
    """The channel it goes by."""
    return message.channel.code


def order_id(message: Parent[notifications.Notification]) -> strawberry.ID | None:
    """The order that it tells of."""
    found = message.order_id
    return strawberry.ID(encode_id(Prefix.ORDER, found)) if found else None


def _template(
    event: str,
    medium: Medium,
    language: str,
    text: NotificationTextInput,
    site_id: strawberry.ID | None,
) -> notifications.TemplateWish:
    said = notifications.Text(text.subject, text.body)
    return notifications.TemplateWish(event, medium, language, said, _site(site_id))


def _site(site_id: strawberry.ID | None) -> UUID:
    if site_id is None:
        return sites.MAIN_ID
    return decode_id(Prefix.SITE, site_id, field=("siteId",))
