"""How the fields of payments are answered."""

from dataclasses import dataclass, field
from decimal import Decimal

import strawberry
from strawberry import Parent

from domain import checkout, orders, payments, sites
from domain.kernel import (
    Invalid,
    Money,
    Page,
    Prefix,
    decode_id,
    page_request,
    parse_units,
    refuse_unless,
)
from domain.payments import Embedded, QrCode, Redirect, Way
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that the vendor's own script wants."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EmbeddedAction:
    """What the vendor's own script is called with."""

    parameters: list[Parameter] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StartOutcome:
    """What the payload shows of a payment that was begun."""

    payment: payments.Payment
    action: Redirect | QrCode | EmbeddedAction
    replayed: bool


async def payment_methods(info: Info) -> list[payments.PaymentChannel]:
    """What a buyer may pay with at this site; at one of another currency its wallet alone."""
    site = await sites.get_site(info.context.actor.site_id)
    return await payments.channels_of_site(site.id) if site.currency == checkout.HOUSE else []


def method_name(channel: Parent[payments.PaymentChannel], info: Info) -> str:
    """In the language asked for."""
    return channel.name_zh if info.context.language == "zh" else channel.name_en


def ways_of(channel: Parent[payments.PaymentChannel]) -> list[Way]:
    """How it can be paid."""
    return [Way(way) for way in channel.ways]


def callback_url(channel: Parent[payments.PaymentChannel]) -> str:
    """Where the vendor calls back."""
    return payments.callback_url(channel)


async def payment_start(
    info: Info,
    order_id: strawberry.ID,
    method_id: strawberry.ID,
    idempotency_key: str,
    way: Way = Way.PAGE,
    return_url: str | None = None,
    payer: str | None = None,
) -> StartOutcome:
    """Begin to pay an order."""
    there = return_url or ""
    fits = not there or (there.startswith(("https://", "http://")) and len(there) <= 500)
    refuse_unless(fits, Invalid(reason="payment_return_url", field=("returnUrl",)))
    wish = payments.StartWish(
        order_id=decode_id(Prefix.ORDER, order_id, field=("orderId",)),
        channel_id=decode_id(Prefix.PAYMENT_CHANNEL, method_id, field=("methodId",)),
        way=way,
        idempotency_key=idempotency_key,
        return_url=there,
        payer=(payer or "")[:128],
    )
    begun = await payments.start_payment(info.context.actor, wish)
    return StartOutcome(begun.payment, _shown(begun.action), begun.replayed)


def _shown(action: payments.PaymentAction) -> Redirect | QrCode | EmbeddedAction:
    if isinstance(action, Embedded):
        return EmbeddedAction([Parameter(*pair) for pair in action.parameters.items()])
    return action


async def payment(info: Info, id: strawberry.ID) -> payments.Payment | None:
    """A payment of the caller's own order."""
    return await payments.find_payment(info.context.actor, decode_id(Prefix.PAYMENT, id))


def payment_amount(payment: Parent[payments.Payment]) -> Money:
    """What is to be paid."""
    return Money(payment.amount, payment.currency)


async def order_cancel(info: Info, order_id: strawberry.ID) -> orders.Order:
    """Give up an unpaid order."""
    order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    return await checkout.cancel_order(info.context.actor, order)


# --- back office --------------------------------------------------------------------------------


@strawberry.input(description="One setting or secret that the adapter asks for, by its name.")
class ChannelValueInput:
    name: str
    value: str


def _millionths(rate: Decimal) -> int:
    scaled = rate * payments.MILLION
    refuse_unless(scaled == int(scaled), Invalid(reason="payment_fee", field=("feeRate",)))
    return int(scaled)


def fee_rate(channel: Parent[payments.PaymentChannel]) -> Decimal:
    """What the channel keeps of a payment."""
    return Decimal(channel.fee_rate) / payments.MILLION


def fee_fixed(channel: Parent[payments.PaymentChannel]) -> Money:
    """What it keeps of each one besides."""
    return Money(channel.fee_fixed, channel.currency)


async def all_channels(info: Info) -> list[payments.PaymentChannel]:
    """All payment channels."""
    return await payments.list_channels(info.context.actor)


async def payment_channel_save(
    info: Info,
    code: str,
    adapter: str,
    merchant: str,
    name_zh: str,
    name_en: str,
    base_url: str,
    ways: list[Way],
    currency: str = "CNY",
    site_id: strawberry.ID | None = None,
    settings: list[ChannelValueInput] | None = None,
    secrets: list[ChannelValueInput] | None = None,
    enabled: bool = True,
    priority: int = 100,
    fee_rate: Decimal | None = None,
    fee_fixed: Decimal | None = None,
) -> payments.PaymentChannel:
    """Create a channel, or change the one of this code."""
    kept = None if secrets is None else {each.name: each.value for each in secrets}
    wish = payments.ChannelWish(
        code=code,
        adapter=adapter,
        merchant=merchant,
        name_zh=name_zh,
        name_en=name_en,
        base_url=base_url,
        ways=tuple(dict.fromkeys(ways)),
        currency=currency,
        site_id=None if site_id is None else decode_id(Prefix.SITE, site_id, field=("siteId",)),
        settings={each.name: each.value for each in settings or ()},
        secrets=kept,
        enabled=enabled,
        priority=priority,
        fee_rate=_millionths(fee_rate or Decimal(0)),
        fee_fixed=parse_units(fee_fixed or Decimal(0), field=("feeFixed",)),
    )
    return await payments.save_channel(info.context.actor, wish)


async def payments_of_order(info: Info, order_id: strawberry.ID) -> list[payments.Payment]:
    """Every try to pay an order."""
    order = decode_id(Prefix.ORDER, order_id, field=("orderId",))
    return await payments.payments_of_order(info.context.actor, order)


async def suspended_payments(
    info: Info, given_back: bool = False, first: int | None = None, after: str | None = None
) -> Page[payments.Payment]:
    """Money that no order needs."""
    page = page_request("suspendedPayments", first, after)
    return await payments.suspended_payments(info.context.actor, page, given_back=given_back)


async def payment_callbacks(
    info: Info,
    channel_id: strawberry.ID | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[payments.PaymentCallback]:
    """What came in, and what became of it."""
    page = page_request("paymentCallbacks", first, after)
    channel = None
    if channel_id is not None:
        channel = decode_id(Prefix.PAYMENT_CHANNEL, channel_id, field=("channelId",))
    return await payments.list_callbacks(info.context.actor, page, channel)


async def refunds(record: Parent[payments.Payment]) -> list[payments.PaymentRefund]:
    """What went back of it."""
    return await payments.refunds_of_payment(record.id)


def refund_amount(refund: Parent[payments.PaymentRefund]) -> Money:
    """How much."""
    return Money(refund.amount, refund.currency)


def paid_amount(record: Parent[payments.Payment]) -> Money | None:
    """What came."""
    return None if record.paid_amount is None else Money(record.paid_amount, record.currency)


async def payment_refund(info: Info, payment_id: strawberry.ID) -> payments.PaymentRefund:
    """Give back money that no order needs."""
    payment = decode_id(Prefix.PAYMENT, payment_id, field=("paymentId",))
    return await payments.refund_suspended(info.context.actor, payment)


async def payment_confirm(
    info: Info, payment_id: strawberry.ID, provider_id: str, note: str, idempotency_key: str
) -> payments.Payment:
    """Say that the money is there."""
    payment = decode_id(Prefix.PAYMENT, payment_id, field=("paymentId",))
    await checkout.confirm_by_hand(info.context.actor, payment, provider_id, note, idempotency_key)
    return await payments.get_payment(payment)


async def channel_settlement_book(
    info: Info, channel_id: strawberry.ID, amount: MoneyInput, reference: str, note: str = ""
) -> dict[str, object]:
    """A channel has paid out to the bank."""
    done = await payments.book_settlement(
        info.context.actor,
        decode_id(Prefix.PAYMENT_CHANNEL, channel_id),
        money_of(amount, "amount"),
        reference,
        note,
    )
    return {"channel": done.channel, "held": done.held, "replayed": done.replayed}
