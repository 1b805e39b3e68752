"""How the fields of withdrawals and payouts are answered."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import agents, payouts
from domain.checkout import CURRENCY
from domain.kernel import Money, Page, Prefix, decode_id, encode_id, page_request, refuse_unless
from domain.payouts import BatchStatus, DestinationKind, Payout, PayoutChannel, PayoutStatus
from resolvers.agents import is_own
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of
from resolvers.payments import ChannelValueInput


@dataclass(frozen=True, slots=True)
class ConfirmValue:
    """One value that the receiver's app wants to confirm a payout."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WechatConfirm:
    """What `wx.requestMerchantTransfer` is called with."""

    mch_id: str
    app_id: str
    package: str = field(repr=False)


# --- agents -------------------------------------------------------------------------------------


async def withdrawals(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[Payout] | None:
    """What an agent asked to be paid out; only itself and the back office see it."""
    page = page_request("withdrawals", first, after)
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await payouts.payouts_of_agent(agent.id, page)


async def destinations(
    agent: Parent[agents.Agent], info: Info
) -> list[payouts.PayoutDestination] | None:
    """Where an agent wants its money, masked; only itself and the back office see it."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await payouts.destinations_of(agent.id)


async def in_payout(agent: Parent[agents.Agent], info: Info) -> Money | None:
    """What is on its way out; only itself and the back office see it."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await payouts.in_payout(agent.id, CURRENCY)


async def offered_channels(info: Info) -> list[PayoutChannel]:
    """What an agent may choose from."""
    return await payouts.offered_channels(CURRENCY)


async def withdrawal_request(
    info: Info, channel_id: strawberry.ID, amount: MoneyInput, idempotency_key: str
) -> dict[str, object]:
    """The caller wants available commission paid out."""
    channel = decode_id(Prefix.PAYOUT_CHANNEL, channel_id, field=("channelId",))
    money = money_of(amount, "amount", currency=CURRENCY)
    asked = await payouts.request_payout(info.context.actor, channel, money, idempotency_key)
    return {"withdrawal": asked.payout, "replayed": asked.replayed}


async def withdrawal_cancel(info: Info, id: strawberry.ID) -> Payout:
    """Take a withdrawal back."""
    return await payouts.cancel_payout(info.context.actor, decode_id(Prefix.PAYOUT, id))


async def payout_destination_save(
    info: Info,
    kind: DestinationKind,
    account: str,
    name: str = "",
    bank: str = "",
    branch: str = "",
) -> payouts.PayoutDestination:
    """Tell where the caller wants its money."""
    wish = payouts.DestinationWish(kind, account, name, bank, branch)
    return await payouts.save_destination(info.context.actor, wish)


# --- fields -------------------------------------------------------------------------------------


def amount(payout: Parent[Payout]) -> Money:
    """What is taken from what the agent has available."""
    return Money(payout.amount, payout.currency)


def fee(payout: Parent[Payout]) -> Money:
    """What the house keeps of it."""
    return Money(payout.fee, payout.currency)


def tax(payout: Parent[Payout]) -> Money:
    """What is withheld for the tax office."""
    return Money(payout.tax, payout.currency)


def net(payout: Parent[Payout]) -> Money:
    """What the receiver gets."""
    return Money(payouts.net_of(payout), payout.currency)


def destination_of(
    payout: Parent[Payout], info: Info
) -> "payouts.PayoutDestination | Awaitable[payouts.PayoutDestination]":
    """Where it goes, masked."""
    return info.context.loaders.payout_destinations.get(payout.destination_id)


def confirm(payout: Parent[Payout], info: Info) -> list[ConfirmValue]:
    """What the vendor's app needs, for the receiver itself; nobody else can use it."""
    if info.context.actor.agent_id != payout.agent_id:
        return []
    return [ConfirmValue(*pair) for pair in payouts.action_of(payout).items()]


def wechat_confirm(payout: Parent[Payout], info: Info) -> "WechatConfirm | None":
    """The same, typed, of a transfer of WeChat Pay."""
    if info.context.actor.agent_id != payout.agent_id:
        return None
    told = payouts.action_of(payout)
    if not {"mchId", "appId", "package"} <= set(told):
        return None
    return WechatConfirm(told["mchId"], told["appId"], told["package"])


def channel_name(channel: Parent[PayoutChannel], info: Info) -> str:
    """In the language asked for."""
    return channel.name_zh if info.context.language == "zh" else channel.name_en


def minimum(channel: Parent[PayoutChannel]) -> Money:
    """The least of one payout."""
    return Money(channel.minimum, channel.currency)


def maximum(channel: Parent[PayoutChannel]) -> Money:
    """The most of one payout."""
    return Money(channel.maximum, channel.currency)


def daily_cap(channel: Parent[PayoutChannel]) -> Money:
    """The most of all payouts of a day."""
    return Money(channel.daily_cap, channel.currency)


def fee_fixed(channel: Parent[PayoutChannel]) -> Money:
    """Of each payout."""
    return Money(channel.fee_fixed, channel.currency)


def kinds(channel: Parent[PayoutChannel]) -> list[DestinationKind]:
    """Where it can send money to."""
    return sorted(payouts.adapter_of(channel.adapter).capabilities.destinations)


def by_file(channel: Parent[PayoutChannel]) -> bool:
    """Whether files are carried to a bank."""
    return payouts.adapter_of(channel.adapter).capabilities.by_file


def batch_of(payout: Parent[Payout]) -> strawberry.ID | None:
    """The batch that it is in."""
    return _id(Prefix.PAYOUT_BATCH, payout.batch_id)


def approved_by(payout: Parent[Payout]) -> strawberry.ID | None:
    """Who approved it; null also where nobody had to."""
    return _id(Prefix.USER, payout.approved_by)


def batch_total(batch: Parent[payouts.PayoutBatch]) -> Money:
    """Of all that it held when it was proposed."""
    return Money(batch.total, batch.currency)


def batch_decided_by(batch: Parent[payouts.PayoutBatch]) -> strawberry.ID | None:
    """Who approved or rejected it."""
    return _id(Prefix.USER, batch.decided_by)


# --- back office --------------------------------------------------------------------------------


async def all_payouts(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    statuses: list[PayoutStatus] | None = None,
    channel_id: strawberry.ID | None = None,
) -> Page[Payout]:
    """All payouts, or those in some states; oldest first."""
    page = page_request("payouts", first, after)
    channel = _channel(channel_id)
    return await payouts.list_payouts(info.context.actor, page, statuses, channel)


async def all_batches(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    status: BatchStatus | None = None,
) -> Page[payouts.PayoutBatch]:
    """Batches, newest first."""
    page = page_request("payoutBatches", first, after)
    return await payouts.list_batches(info.context.actor, page, status)


async def all_callbacks(
    info: Info,
    channel_id: strawberry.ID | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page[payouts.PayoutCallback]:
    """What was called back, and what became of it."""
    page = page_request("payoutCallbacks", first, after)
    return await payouts.list_callbacks(info.context.actor, page, _channel(channel_id))


def callback_payout(callback: Parent[payouts.PayoutCallback]) -> strawberry.ID | None:
    """The payout that it is about."""
    return _id(Prefix.PAYOUT, callback.payout_id)


def callback_url(channel: Parent[PayoutChannel]) -> str | None:
    """Where the vendor calls back; null where none does."""
    if not payouts.adapter_of(channel.adapter).capabilities.callback:
        return None
    return payouts.callback_url(channel)


async def all_channels(info: Info) -> list[PayoutChannel]:
    """All payout channels."""
    return await payouts.list_channels(info.context.actor)


async def payout_channel_save(
    info: Info,
    code: str,
    adapter: str,
    merchant: str,
    name_zh: str,
    name_en: str,
    minimum: MoneyInput,
    maximum: MoneyInput,
    daily_cap: MoneyInput,
    base_url: str = "",
    settings: list[ChannelValueInput] | None = None,
    secrets: list[ChannelValueInput] | None = None,
    fee_fixed: MoneyInput | None = None,
    fee_rate: int = 0,
    tax_rate: int = 0,
    enabled: bool = True,
    priority: int = 100,
) -> PayoutChannel:
    """Create a channel, or change the one of this code."""
    wish = payouts.ChannelWish(
        code=code,
        adapter=adapter,
        merchant=merchant,
        name_zh=name_zh,
        name_en=name_en,
        base_url=base_url,
        minimum=_units(minimum, "minimum"),
        maximum=_units(maximum, "maximum"),
        daily_cap=_units(daily_cap, "dailyCap"),
        currency=CURRENCY,
        settings={each.name: each.value for each in settings or ()},
        secrets=None if secrets is None else {each.name: each.value for each in secrets},
        fee_fixed=_units(fee_fixed, "feeFixed") if fee_fixed else 0,
        fee_rate=fee_rate,
        tax_rate=tax_rate,
        enabled=enabled,
        priority=priority,
    )
    return await payouts.save_channel(info.context.actor, wish)


async def payout_approve(info: Info, id: strawberry.ID) -> Payout:
    """Approve one payout."""
    return await payouts.approve_payout(info.context.actor, decode_id(Prefix.PAYOUT, id))


async def payout_refuse(info: Info, id: strawberry.ID, note: str) -> Payout:
    """Refuse one payout that was not sent yet."""
    return await payouts.refuse_payout(info.context.actor, decode_id(Prefix.PAYOUT, id), note)


async def payout_batch_propose(
    info: Info,
    payout_ids: list[strawberry.ID] | None = None,
    channel_id: strawberry.ID | None = None,
    note: str = "",
) -> payouts.PayoutBatch:
    """Put payouts that wait into a batch."""
    ids = None
    if payout_ids is not None:
        ids = [decode_id(Prefix.PAYOUT, each, field=("payoutIds",)) for each in payout_ids]
    return await payouts.propose_batch(info.context.actor, ids, _channel(channel_id), note)


async def payout_batch_decide(
    info: Info, id: strawberry.ID, approve: bool, note: str = ""
) -> payouts.PayoutBatch:
    """Approve or reject a batch that somebody else proposed."""
    batch = decode_id(Prefix.PAYOUT_BATCH, id)
    return await payouts.decide_batch(info.context.actor, batch, approved=approve, note=note)


async def payout_destination_block(
    info: Info, destination_id: strawberry.ID, reason: str
) -> payouts.PayoutDestination:
    """Send no money to this account any more."""
    destination = decode_id(Prefix.PAYOUT_DESTINATION, destination_id, field=("destinationId",))
    await payouts.block_destination(info.context.actor, destination, reason)
    return (await payouts.destinations_by_id([destination]))[destination]


def _channel(channel_id: strawberry.ID | None) -> UUID | None:
    if channel_id is None:
        return None
    return decode_id(Prefix.PAYOUT_CHANNEL, channel_id, field=("channelId",))


def _units(given: MoneyInput, name: str) -> int:
    return money_of(given, name, currency=CURRENCY).units


def _id(prefix: Prefix, value: UUID | None) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(encode_id(prefix, value))
