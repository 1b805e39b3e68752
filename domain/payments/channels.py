"""Payment channels as operators keep them: several merchants of a vendor, by site (row F2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

import orjson

from domain import audit, ledger, sites
from domain.kernel import (
    Actor,
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
from domain.ledger import AccountKind
from domain.payments.models import PaymentChannel
from domain.payments.ports import Connection, Way
from domain.payments.refusals import ChannelAdapterUnknown
from domain.payments.registry import adapter_names, port_of
from domain.payments.rules import MILLION

WRITE_SCOPE, READ_SCOPE = "payments:write", "payments:read"
SECRET_PURPOSE = "payment-channel-secrets"
MAX_SETTING_LETTERS = 8_000


@dataclass(slots=True)
class Places:
    """How long a vendor may take; set once by the wiring."""

    timeout_seconds: float = 8.0


places = Places()
_SITE = "SELECT 1 FROM sites WHERE id = $1"


@dataclass(frozen=True, slots=True)
class ChannelWish:
    """A channel as it shall be. Secrets of None keep those that are stored."""

    code: str
    adapter: str
    merchant: str
    name_zh: str
    name_en: str
    base_url: str
    ways: tuple[Way, ...]
    currency: str = "CNY"
    site_id: UUID | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    enabled: bool = True
    priority: int = 100
    fee_rate: int = 0  # what the channel keeps, in millionths, until its statement tells
    fee_fixed: int = 0  # and of each payment, in units


async def save_channel(actor: Actor, wish: ChannelWish) -> PaymentChannel:
    """Create a channel, or change the one of this code. Needs `payments:write`; audited.

    Refuses an adapter that does not exist (PAYMENT_ADAPTER_UNKNOWN), ways and currencies that it
    cannot, and settings or secrets that it does not know or that are missing (INVALID). The adapter
    and the merchant of a channel stay: its payments are theirs.
    """
    actor.require_scope(WRITE_SCOPE)
    _check(wish)
    async with transaction() as conn:
        known = wish.site_id is None or await conn.fetchval(_SITE, wish.site_id)
        refuse_unless(bool(known), NotFound(what="site", field=("siteId",)))
        channel = await PaymentChannel.filter(code=wish.code).select_for_update().first()
        if channel is None:
            refuse_unless(wish.secrets is not None, _secrets_missing())
            channel = PaymentChannel(id=new_id(), code=wish.code, created_at=clock.now(), version=0)
        else:
            same = (channel.adapter, channel.merchant, channel.currency)
            stays = same == (wish.adapter, wish.merchant, wish.currency)
            refuse_unless(stays, Invalid(reason="payment_channel_stays", field=("merchant",)))
        _put(channel, wish)
        await channel.save(force_create=channel.version == 1)
        await ledger.open_accounts(conn, [(AccountKind.CHANNEL, channel.id, wish.currency)])
        details = {
            "code": wish.code,
            "adapter": wish.adapter,
            "merchant": wish.merchant,
            "enabled": wish.enabled,
            "secrets": wish.secrets is not None,
        }
        await audit.record(conn, actor, "payment_channel.save", channel.id, details)
    return channel


async def list_channels(actor: Actor) -> list[PaymentChannel]:
    """All channels, first choice first; needs `payments:read`."""
    actor.require_scope(READ_SCOPE)
    return await PaymentChannel.all().order_by("priority", "code")


async def channels_of_site(site_id: UUID) -> list[PaymentChannel]:
    """What a buyer may pay with at a site: its own channels and those of every site (row F2)."""
    found = await PaymentChannel.filter(enabled=True).order_by("priority", "code")
    return [channel for channel in found if channel.site_id in (None, site_id)]


async def channels_by_id(ids: Sequence[UUID]) -> dict[UUID, PaymentChannel]:
    """Channels of payments; one statement for all."""
    return {each.id: each for each in await PaymentChannel.filter(id__in=list(ids))}


async def find_channel(channel_id: UUID) -> PaymentChannel | None:
    """One channel, whether or not it is offered now."""
    return await PaymentChannel.filter(id=channel_id).first()


def callback_url(channel: PaymentChannel) -> str:
    """Where the vendor of a channel calls us back."""
    return sites.door(f"/callbacks/payments/{channel.id}")


def connection_of(channel: PaymentChannel) -> Connection:
    """How to reach a channel, with its secrets opened."""
    secrets = unseal_small(SECRET_PURPOSE, channel.secrets_sealed, str(channel.id))
    return Connection(
        channel_id=channel.id,
        merchant=channel.merchant,
        base_url=channel.base_url,
        notify_url=callback_url(channel),
        settings=channel.settings,
        secrets=orjson.loads(secrets),
        timeout_seconds=places.timeout_seconds,
    )


async def channel_of(channel_id: UUID) -> PaymentChannel:
    """One channel; refuses an unknown one."""
    channel = await find_channel(channel_id)
    if channel is None:
        raise Refused(NotFound(what="payment channel", field=("channelId",)))
    return channel


def _put(channel: PaymentChannel, wish: ChannelWish) -> None:
    channel.adapter, channel.merchant = wish.adapter, wish.merchant
    channel.name_zh, channel.name_en = wish.name_zh, wish.name_en
    channel.base_url, channel.site_id, channel.currency = wish.base_url, wish.site_id, wish.currency
    channel.ways, channel.settings = [way.value for way in wish.ways], dict(wish.settings)
    channel.enabled, channel.priority = wish.enabled, wish.priority
    channel.fee_rate, channel.fee_fixed = wish.fee_rate, wish.fee_fixed
    channel.split_capable = port_of(wish.adapter).capabilities.split
    channel.version += 1
    if wish.secrets is not None:
        text = orjson.dumps(dict(wish.secrets)).decode()
        channel.secrets_sealed = seal_small(SECRET_PURPOSE, text, str(channel.id))


def _check(wish: ChannelWish) -> None:
    refuse_unless(
        _fits(wish.code, 32) and wish.code.isascii(),
        Invalid(reason="payment_channel_code", field=("code",)),
    )
    known = adapter_names()
    refuse_unless(
        wish.adapter in known,
        ChannelAdapterUnknown(adapter=wish.adapter[:32], known=known, field=("adapter",)),
    )
    fee = 0 <= wish.fee_rate <= MILLION and wish.fee_fixed >= 0
    refuse_unless(fee, Invalid(reason="payment_fee", field=("feeRate",)))
    refuse_unless(_fits(wish.merchant, 64), Invalid(reason="payment_merchant", field=("merchant",)))
    named = _fits(wish.name_zh, 64) and _fits(wish.name_en, 64)
    refuse_unless(named, Invalid(reason="name", field=("nameZh",)))
    usable = len(wish.base_url) <= 300 and _is_address(wish.base_url)
    refuse_unless(usable, Invalid(reason="payment_url", field=("baseUrl",)))
    able = port_of(wish.adapter).capabilities
    ways = bool(wish.ways) and set(wish.ways) <= able.ways
    refuse_unless(ways, Invalid(reason="payment_ways", field=("ways",)))
    refuse_unless(wish.currency in able.currencies, Invalid(reason="currency", field=("currency",)))
    _check_names(wish)


def _check_names(wish: ChannelWish) -> None:
    port = port_of(wish.adapter)
    sized = all(len(value) <= MAX_SETTING_LETTERS for value in wish.settings.values())
    right = set(wish.settings) == port.setting_names and sized
    refuse_unless(right, Invalid(reason="payment_settings", field=("settings",)))
    if wish.secrets is not None:
        full = all(0 < len(value) <= MAX_SETTING_LETTERS for value in wish.secrets.values())
        refuse_unless(set(wish.secrets) == port.secret_names and full, _secrets_missing())


def _secrets_missing() -> Invalid:
    return Invalid(reason="payment_secrets", field=("secrets",))


def _fits(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text.isprintable()


def _is_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        _ = address.port  # raises when it is no number that a port may have
    except ValueError:
        return False
    return address.scheme in ("http", "https") and bool(address.hostname) and not address.username
