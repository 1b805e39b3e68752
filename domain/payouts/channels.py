"""Payout channels as operators keep them: accounts at vendors and banks that money is sent from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

import orjson

from domain import audit
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
from domain.payouts.models import PayoutChannel
from domain.payouts.ports import Connection
from domain.payouts.refusals import PayoutAdapterUnknown
from domain.payouts.registry import adapter_names, adapter_of
from domain.payouts.rules import RATE_SCALE, Terms

WRITE_SCOPE, READ_SCOPE = "payouts:write", "payouts:read"
SECRET_PURPOSE = "payout-channel-secrets"
MAX_SETTING_LETTERS = 8_000
MAX_RATE = RATE_SCALE // 2


@dataclass(slots=True)
class Times:
    """How long a vendor is waited for, and where it reaches us; set once by the wiring."""

    timeout_seconds: float = 8.0
    public_url: str = "http://127.0.0.1:8000"


times = Times()


@dataclass(frozen=True, slots=True)
class ChannelWish:
    """A channel as it shall be. Secrets of None keep those that are stored. Amounts in units of
    1/10000, rates in 1/10000."""

    code: str
    adapter: str
    merchant: str
    name_zh: str
    name_en: str
    base_url: str
    minimum: int
    maximum: int
    daily_cap: int
    currency: str = "CNY"
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] | None = field(default=None, repr=False)
    fee_fixed: int = 0
    fee_rate: int = 0
    tax_rate: int = 0
    enabled: bool = True
    priority: int = 100


async def save_channel(actor: Actor, wish: ChannelWish) -> PayoutChannel:
    """Create a channel, or change the one of this code. Needs `payouts:write`; audited.

    Refuses an adapter that does not exist (PAYOUT_ADAPTER_UNKNOWN), and bounds, rates, settings or
    secrets that do not fit it (INVALID). Adapter, merchant and currency of a channel stay: its
    payouts are theirs.
    """
    actor.require_scope(WRITE_SCOPE)
    _check(wish)
    async with transaction() as conn:
        channel = await PayoutChannel.filter(code=wish.code).select_for_update().first()
        if channel is None:
            refuse_unless(wish.secrets is not None, _secrets_missing())
            channel = PayoutChannel(id=new_id(), code=wish.code, created_at=clock.now(), version=0)
        else:
            same = (channel.adapter, channel.merchant, channel.currency)
            stays = same == (wish.adapter, wish.merchant, wish.currency)
            refuse_unless(stays, Invalid(reason="payout_channel_stays", field=("merchant",)))
        _put(channel, wish)
        await channel.save(force_create=channel.version == 1)
        details = {
            "code": wish.code,
            "adapter": wish.adapter,
            "merchant": wish.merchant,
            "enabled": wish.enabled,
            "secrets": wish.secrets is not None,
            "bounds": [wish.minimum, wish.maximum, wish.daily_cap],
            "kept": [wish.fee_fixed, wish.fee_rate, wish.tax_rate],
        }
        await audit.record(conn, actor, "payout_channel.save", channel.id, details)
    return channel


async def list_channels(actor: Actor) -> list[PayoutChannel]:
    """All channels, first choice first; needs `payouts:read`."""
    actor.require_scope(READ_SCOPE)
    return await PayoutChannel.all().order_by("priority", "code")


async def offered_channels(currency: str) -> list[PayoutChannel]:
    """What an agent may choose from, first choice first."""
    rows = PayoutChannel.filter(enabled=True, currency=currency)
    return await rows.order_by("priority", "code")


async def channel_of(channel_id: UUID) -> PayoutChannel:
    """One channel, whether or not it is offered now; refuses an unknown one."""
    channel = await PayoutChannel.filter(id=channel_id).first()
    if channel is None:
        raise Refused(NotFound(what="payout channel", field=("channelId",)))
    return channel


async def channels_by_id(ids: list[UUID]) -> dict[UUID, PayoutChannel]:
    """Channels of payouts; one statement for all."""
    return {each.id: each for each in await PayoutChannel.filter(id__in=ids)}


async def find_channel(channel_id: UUID) -> PayoutChannel | None:
    """One channel, or None."""
    return await PayoutChannel.filter(id=channel_id).first()


def callback_url(channel: PayoutChannel) -> str:
    """Where the vendor of a channel calls us back."""
    return f"{times.public_url.rstrip('/')}/callbacks/payouts/{channel.id}"


def connection_of(channel: PayoutChannel) -> Connection:
    """How to reach a channel, with its secrets opened."""
    secrets = unseal_small(SECRET_PURPOSE, channel.secrets_sealed, str(channel.id))
    return Connection(
        channel_id=channel.id,
        merchant=channel.merchant,
        base_url=channel.base_url,
        settings=channel.settings,
        secrets=orjson.loads(secrets),
        timeout_seconds=times.timeout_seconds,
        notify_url=callback_url(channel),
    )


def terms_of(channel: PayoutChannel) -> Terms:
    """What a channel keeps of a payout."""
    return Terms(channel.fee_fixed, channel.fee_rate, channel.tax_rate)


def _put(channel: PayoutChannel, wish: ChannelWish) -> None:
    channel.adapter, channel.merchant = wish.adapter, wish.merchant
    channel.name_zh, channel.name_en = wish.name_zh, wish.name_en
    channel.base_url, channel.currency = wish.base_url, wish.currency
    channel.minimum, channel.maximum, channel.daily_cap = wish.minimum, wish.maximum, wish.daily_cap
    channel.fee_fixed, channel.fee_rate, channel.tax_rate = (
        wish.fee_fixed,
        wish.fee_rate,
        wish.tax_rate,
    )
    channel.settings, channel.enabled = dict(wish.settings), wish.enabled
    channel.priority, channel.version = wish.priority, channel.version + 1
    if wish.secrets is not None:
        text = orjson.dumps(dict(wish.secrets)).decode()
        channel.secrets_sealed = seal_small(SECRET_PURPOSE, text, str(channel.id))


def _check(wish: ChannelWish) -> None:
    coded = _fits(wish.code, 32) and wish.code.isascii()
    refuse_unless(coded, Invalid(reason="payment_channel_code", field=("code",)))
    known = adapter_names()
    unknown = PayoutAdapterUnknown(adapter=wish.adapter[:32], known=known, field=("adapter",))
    refuse_unless(wish.adapter in known, unknown)
    refuse_unless(_fits(wish.merchant, 64), Invalid(reason="payment_merchant", field=("merchant",)))
    named = _fits(wish.name_zh, 64) and _fits(wish.name_en, 64)
    refuse_unless(named, Invalid(reason="name", field=("nameZh",)))
    port = adapter_of(wish.adapter)
    reached = port.capabilities.by_file or _is_address(wish.base_url)
    refuse_unless(reached, Invalid(reason="payment_url", field=("baseUrl",)))
    paid_in = wish.currency in port.capabilities.currencies
    refuse_unless(paid_in, Invalid(reason="currency", field=("currency",)))
    bounds = 0 < wish.minimum <= min(wish.maximum, wish.daily_cap)
    refuse_unless(bounds, Invalid(reason="payout_bounds", field=("minimum",)))
    rates = all(0 <= rate <= MAX_RATE for rate in (wish.fee_rate, wish.tax_rate))
    refuse_unless(rates and wish.fee_fixed >= 0, Invalid(reason="payout_rates", field=("feeRate",)))
    sized = all(len(value) <= MAX_SETTING_LETTERS for value in wish.settings.values())
    choices = port.capabilities.setting_choices
    chosen = all(wish.settings.get(name) in among for name, among in choices.items())
    right = set(wish.settings) == port.setting_names and sized and chosen
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
    known = address.scheme in ("http", "https") and bool(address.hostname)
    return len(text) <= 300 and known and not address.username
