"""What operators set of messages (mission row C7): channels, templates, what a site allows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain import audit, identity, sites
from domain.kernel import (
    Actor,
    Conflict,
    IntegrityError,
    Invalid,
    NotFound,
    Refused,
    clock,
    new_id,
    refuse_unless,
    seal_small,
    transaction,
    unseal_small,
)
from domain.notifications import statements
from domain.notifications.models import (
    Medium,
    Notification,
    NotificationChannel,
    NotificationSettings,
    NotificationTemplate,
)
from domain.notifications.refusals import (
    ChannelAddressInvalid,
    ChannelTaken,
    CodesNotAllowed,
    NotRetryable,
    PlaceholderUnknown,
)
from domain.notifications.rules import (
    EVENTS,
    LANGUAGES,
    MAX_BODY_LETTERS,
    MAX_SUBJECT_LETTERS,
    SCHEMES,
    Text,
    address_fault,
    address_masked,
    filled,
    known_placeholders,
    placeholders,
)

READ, WRITE = "notifications:read", "notifications:write"
SEAL_PURPOSE = "notification-channel"
MAX_CODE_LETTERS = 64
MIN_SECRET_LETTERS = 16


@dataclass(slots=True)
class Allowed:
    """Set once by the wiring: whether channels may lead to private addresses (development)."""

    private_addresses: bool = False


allowed = Allowed()


@dataclass(frozen=True, slots=True)
class ChannelWish:
    """A channel as it shall be. Without `url` the address that is stored stays."""

    code: str
    medium: Medium
    events: Sequence[str]
    url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)  # signs what goes to an SMS provider
    enabled: bool = True
    site_id: UUID = sites.MAIN_ID
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class TemplateWish:
    """A template as it shall be."""

    event: str
    medium: Medium
    language: str
    text: Text
    site_id: UUID = sites.MAIN_ID


async def save_channel(actor: Actor, wish: ChannelWish) -> NotificationChannel:
    """Make or change a channel; needs `notifications:write`. Its address is never shown again.

    A new address needs a fresh second factor: messages carry links and codes that open cards.
    Refuses an address of another kind or inside the house (CHANNEL_ADDRESS_INVALID), and a second
    channel to buyers by the same medium (CHANNEL_TAKEN).
    """
    actor.require_scope(WRITE)
    _check_channel(wish)
    await sites.get_site(wish.site_id)
    moment = clock.now()
    try:
        async with transaction() as conn:
            if wish.url is not None:
                await identity.require_step_up(actor)
            stored = NotificationChannel.filter(site_id=wish.site_id, code=wish.code)
            found = await stored.select_for_update().first()
            if found is not None and wish.expected_version not in (None, found.version):
                raise Refused(Conflict(what="notification channel", field=("expectedVersion",)))
            row = _merged(found, wish)
            row.updated_at = moment
            if found is None:
                row.created_at = moment
            await row.save(force_create=found is None)
            details = {"code": row.code, "address": row.address_masked, "enabled": row.enabled}
            await audit.record(conn, actor, "notification_channel.save", row.id, details)
    except IntegrityError as error:
        raise Refused(ChannelTaken(field=("medium",))) from error
    return row


async def save_template(actor: Actor, wish: TemplateWish) -> NotificationTemplate:
    """Make or change a template; needs `notifications:write`.

    Refuses placeholders that its event does not have (PLACEHOLDER_UNKNOWN), and `{secrets}` on a
    site that does not allow codes in messages (NOTIFY_CODES_NOT_ALLOWED).
    """
    actor.require_scope(WRITE)
    await check_template(wish)
    key = {
        "site_id": wish.site_id,
        "event": wish.event,
        "medium": wish.medium,
        "language": wish.language,
    }
    async with transaction() as conn:
        row = await NotificationTemplate.filter(**key).select_for_update().first()
        fresh = row is None
        row = row or NotificationTemplate(id=new_id(), version=0, **key)
        row.subject, row.body, row.updated_at = wish.text.subject, wish.text.body, clock.now()
        row.version += 1
        await row.save(force_create=fresh)
        named = {name: str(value) for name, value in key.items()}
        await audit.record(conn, actor, "notification_template.save", row.id, named)
    return row


async def preview_template(actor: Actor, wish: TemplateWish) -> Text:
    """A template filled with made-up values; needs `notifications:read`. Refuses as saving does."""
    actor.require_scope(READ)
    await check_template(wish)
    site = await sites.get_site(wish.site_id)
    return filled(wish.text, {**SAMPLES, "site": _name_of(site, wish.language)})


async def check_template(wish: TemplateWish) -> None:
    """Refuses a template that could not be sent, or that would tell too much."""
    refuse_unless(wish.event in EVENTS, Invalid(reason="notification_event", field=("event",)))
    spoken = wish.language in LANGUAGES
    refuse_unless(spoken, Invalid(reason="notification_language", field=("language",)))
    subject, body = wish.text.subject, wish.text.body
    fits = 0 < len(body.strip()) <= len(body) <= MAX_BODY_LETTERS
    refuse_unless(fits, Invalid(reason="notification_body", field=("body",)))
    short = 0 < len(subject.strip()) <= len(subject) <= MAX_SUBJECT_LETTERS
    refuse_unless(short, Invalid(reason="notification_subject", field=("subject",)))
    known, asked = known_placeholders(wish.event, wish.medium), placeholders(wish.text)
    unknown = PlaceholderUnknown(known=known, field=("body",))
    refuse_unless(asked <= set(known), unknown)
    if "secrets" in asked:
        settings = await settings_of(wish.site_id)
        refuse_unless(settings.notify_codes, CodesNotAllowed(field=("body",)))


async def save_settings(
    actor: Actor, site_id: UUID, notify_codes: bool, link_days: int
) -> NotificationSettings:
    """What a site allows its messages; needs `notifications:codes`, a scope of its own, and a
    fresh second factor.

    With `notify_codes` a template may name `{secrets}`: the codes then leave the house in clear.
    """
    actor.require_scope("notifications:codes")
    lasts = 1 <= link_days <= 90
    refuse_unless(lasts, Invalid(reason="notification_link_days", field=("linkDays",)))
    await sites.get_site(site_id)
    async with transaction() as conn:
        await identity.require_step_up(actor)
        row = await NotificationSettings.filter(site_id=site_id).select_for_update().first()
        fresh = row is None
        row = row or NotificationSettings(site_id=site_id, version=0)
        row.notify_codes, row.link_days, row.updated_at = notify_codes, link_days, clock.now()
        row.version += 1
        await row.save(force_create=fresh)
        details = {"notifyCodes": notify_codes, "linkDays": link_days}
        await audit.record(conn, actor, "notification_settings.save", site_id, details)
    return row


async def settings_of(site_id: UUID) -> NotificationSettings:
    """A site's settings, saved or as they are before."""
    found = await NotificationSettings.filter(site_id=site_id).first()
    return found or NotificationSettings(site_id=site_id, updated_at=clock.now())


async def retry(actor: Actor, notification_id: UUID) -> Notification:
    """Send a failed or uncertain message again; needs `notifications:write`, and is audited.

    Of an uncertain one the recipient may have the first copy already: a person decides that.
    """
    actor.require_scope(WRITE)
    async with transaction() as conn:
        found = await Notification.filter(id=notification_id).select_for_update().first()
        if found is None:
            raise Refused(NotFound(what="notification", field=("id",)))
        attempts = await conn.fetchval(statements.RETRY, notification_id, clock.now())
        refuse_unless(attempts is not None, NotRetryable(state=found.state, field=("id",)))
        details = {"from": found.state.value, "attempts": attempts}
        await audit.record(conn, actor, "notification.retry", notification_id, details)
        await found.refresh_from_db()
    return found


def sealed_address(channel_id: UUID, url: str, secret: str | None) -> bytes:
    """An address with its secret, as it is stored."""
    return seal_small(SEAL_PURPOSE, f"{url}\n{secret or ''}", str(channel_id))


def opened_address(channel_id: UUID, sealed: bytes) -> str:
    """The address and, behind a line break, its secret: for the sender alone."""
    return unseal_small(SEAL_PURPOSE, sealed, str(channel_id))


SAMPLES = {
    "number": "260131-ABCDEFGHJK",
    "products": "Steam 50 × 2",
    "cards": "••••1234, ••••5678",
    "total": "¥98.00",
    "outcome": "you have another card",
    "link": "https://shop.example/c/#kml_…",
    "secrets": "••••••••",
    "code": "000000",
    "minutes": "10",
    "amount": "¥49.00",
    "left": "¥51.00",
    "way": "…",
    "agent": "AGENT123",
    "violation": "…",
    "step": "…",
    "until": "2026-01-31 12:00",
}


def _name_of(site: sites.Site, language: str) -> str:
    return site.name_zh if language == "zh" else site.name_en


def _merged(found: NotificationChannel | None, wish: ChannelWish) -> NotificationChannel:
    row = found or NotificationChannel(
        id=new_id(), site_id=wish.site_id, code=wish.code, medium=wish.medium, version=0
    )
    kind_stays = row.medium is wish.medium
    refuse_unless(kind_stays, Conflict(what="notification channel", field=("medium",)))
    if wish.url is not None:
        row.address_sealed = sealed_address(row.id, wish.url, wish.secret)
        row.address_masked = address_masked(wish.url)
    elif found is None:
        raise Refused(ChannelAddressInvalid(known=SCHEMES[wish.medium], field=("url",)))
    row.events, row.enabled = list(dict.fromkeys(wish.events)), wish.enabled
    row.version += 1
    return row


def _check_channel(wish: ChannelWish) -> None:
    named = 0 < len(wish.code) <= MAX_CODE_LETTERS and wish.code.isprintable()
    refuse_unless(named, Invalid(reason="name", field=("code",)))
    known = set(wish.events) <= set(EVENTS)
    refuse_unless(known, Invalid(reason="notification_event", field=("events",)))
    if wish.url is not None:
        fault = address_fault(wish.medium, wish.url, private=allowed.private_addresses)
        invalid = ChannelAddressInvalid(known=SCHEMES[wish.medium], field=("url",))
        refuse_unless(not fault, invalid)
        signed = wish.medium is not Medium.SMS or len(wish.secret or "") >= MIN_SECRET_LETTERS
        refuse_unless(signed, Invalid(reason="notification_secret", field=("secret",)))
