"""Payouts of commission: what agents take out, and the back office's queue."""

from datetime import datetime

import strawberry

from domain import payouts
from domain.kernel import Prefix
from domain.payouts import BatchStatus, DestinationKind, PayoutCallbackOutcome, PayoutStatus
from resolvers import payouts as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="Where an agent wants its money. The account itself is never shown.")
@presents(payouts.PayoutDestination)
class PayoutDestination:
    id: strawberry.ID = id_field(Prefix.PAYOUT_DESTINATION)
    kind: DestinationKind
    masked: str = field(description="The end of the account.")
    usable_from: datetime = field(description="A changed one cools off before it is used.")


@strawberry.type(description="A way to be paid out.")
@presents(payouts.PayoutChannel)
class PayoutMethod:
    id: strawberry.ID = id_field(Prefix.PAYOUT_CHANNEL)
    name: str = field(resolvers.channel_name)
    kinds: list[DestinationKind] = field(
        resolvers.kinds, description="Of which kind the agent's destination must be."
    )
    minimum: Money = field(resolvers.minimum)
    maximum: Money = field(resolvers.maximum)
    fee_fixed: Money = field(resolvers.fee_fixed, description="Of each withdrawal.")
    fee_rate: int = field(description="Of the amount, in 1/10000.")
    tax_rate: int = field(description="Of the amount, in 1/10000; withheld.")


@strawberry.type(description="One value that the vendor's app is called with.")
@presents(resolvers.ConfirmValue)
class ConfirmValue:
    name: str
    value: str


@strawberry.type(description="What wx.requestMerchantTransfer is called with in WeChat.")
@presents(resolvers.WechatConfirm)
class WechatConfirm:
    mch_id: str
    app_id: str
    package: str


@strawberry.type(description="Commission on its way out to an agent.")
@presents(payouts.Payout)
class Withdrawal:
    id: strawberry.ID = id_field(Prefix.PAYOUT)
    status: PayoutStatus
    amount: Money = field(resolvers.amount, description="Taken from what was available.")
    fee: Money = field(resolvers.fee)
    tax: Money = field(resolvers.tax, description="Withheld for the tax office.")
    net: Money = field(resolvers.net, description="What the receiver gets.")
    destination: PayoutDestination = field(resolvers.destination_of)
    why: str = field(description="Why it failed, or is not known; empty otherwise.")
    note: str = field(description="Of who refused it.")
    waits: bool = field(description="Until its receiver confirms it, by `confirm`.")
    confirm: list[ConfirmValue] = field(
        resolvers.confirm, size=3, description="For the vendor's app, where one must confirm."
    )
    wechat_confirm: WechatConfirm | None = field(
        resolvers.wechat_confirm, description="The same, typed, of a transfer by WeChat Pay."
    )
    requested_at: datetime
    finished_at: datetime | None


@strawberry.type
class WithdrawalPayload:
    withdrawal: Withdrawal | None
    replayed: bool = False
    user_errors: list[UserError]


@strawberry.type
class PayoutDestinationPayload:
    destination: PayoutDestination | None
    user_errors: list[UserError]


@strawberry.type(description="Less or more than one payout of this channel may be.")
@presents(payouts.PayoutAmount)
class PayoutAmountError(UserError):
    minimum: Money
    maximum: Money


@strawberry.type(description="So much of today's cap is left.")
@presents(payouts.PayoutCap)
class PayoutCapError(UserError):
    left: Money


@strawberry.type(description="The destination was changed a short time ago.")
@presents(payouts.DestinationCooling)
class PayoutCoolingError(UserError):
    usable_from: datetime


SHOP_ERRORS = (PayoutAmountError, PayoutCapError, PayoutCoolingError)


@strawberry.type
class PayoutQuery:
    payout_methods: list[PayoutMethod] = field(
        resolvers.offered_channels,
        permissions=[SignedIn()],
        size=5,
        description="How an agent may be paid out.",
    )


@strawberry.type
class PayoutMutation:
    withdrawal_request: WithdrawalPayload = mutation(
        resolvers.withdrawal_request,
        payload=WithdrawalPayload,
        permissions=[SignedIn()],
        description="Ask for available commission. It is held at once and sent when somebody has"
        " approved it. The same `idempotencyKey` again answers the same withdrawal.",
    )
    withdrawal_cancel: WithdrawalPayload = mutation(
        resolvers.withdrawal_cancel,
        payload=WithdrawalPayload,
        entity="withdrawal",
        permissions=[SignedIn()],
        description="Take a withdrawal back that nobody has approved, or that waits for the caller"
        " to confirm it.",
    )
    payout_destination_save: PayoutDestinationPayload = mutation(
        resolvers.payout_destination_save,
        payload=PayoutDestinationPayload,
        entity="destination",
        permissions=[SignedIn()],
        description="Tell where the money shall go; needs a fresh step-up. One of each kind is in"
        " use, and a changed one cools off first.",
    )


# --- back office --------------------------------------------------------------------------------


@strawberry.type(description="One account that money is sent from. Its secrets are never shown.")
@presents(payouts.PayoutChannel)
class PayoutChannel:
    id: strawberry.ID = id_field(Prefix.PAYOUT_CHANNEL)
    code: str
    adapter: str
    merchant: str
    name_zh: str
    name_en: str
    base_url: str
    kinds: list[DestinationKind] = field(resolvers.kinds)
    by_file: bool = field(resolvers.by_file, description="Files are carried to a bank.")
    callback_url: str | None = field(resolvers.callback_url)
    minimum: Money = field(resolvers.minimum)
    maximum: Money = field(resolvers.maximum)
    daily_cap: Money = field(resolvers.daily_cap)
    fee_fixed: Money = field(resolvers.fee_fixed)
    fee_rate: int
    tax_rate: int
    enabled: bool
    priority: int
    version: int


@strawberry.type(description="A payout as the books have it.")
@presents(payouts.Payout)
class Payout:
    id: strawberry.ID = id_field(Prefix.PAYOUT)
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    channel_id: strawberry.ID = id_field(Prefix.PAYOUT_CHANNEL, "channel_id")
    destination: PayoutDestination = field(resolvers.destination_of)
    reference: str = field(description="Ours, told to the channel; stable for life.")
    provider_id: str | None = field(description="The channel's own number.")
    status: PayoutStatus
    amount: Money = field(resolvers.amount)
    fee: Money = field(resolvers.fee)
    tax: Money = field(resolvers.tax)
    net: Money = field(resolvers.net)
    risks: list[str] = field(
        size=3,
        description="What a person should look at: first_payout, shared_account, many_refunds,"
        " owes.",
    )
    why: str
    note: str
    waits: bool = field(description="For its receiver.")
    batch_id: strawberry.ID | None = field(resolvers.batch_of)
    approved_by: strawberry.ID | None = field(resolvers.approved_by)
    submissions: int = field(description="How often it was sent, always under its reference.")
    tries: int
    requested_at: datetime
    approved_at: datetime | None
    submitted_at: datetime | None
    finished_at: datetime | None


@strawberry.type(description="What was called back to a payout channel. Its body stays sealed.")
@presents(payouts.PayoutCallback)
class PayoutCallback:
    id: strawberry.ID = id_field(Prefix.PAYOUT_CALLBACK)
    channel_id: strawberry.ID = id_field(Prefix.PAYOUT_CHANNEL, "channel_id")
    payout_id: strawberry.ID | None = field(resolvers.callback_payout)
    received_at: datetime
    reference: str | None
    outcome: PayoutCallbackOutcome
    why: str = field(description="Why it was not believed; empty otherwise.")


@strawberry.type(description="Payouts that one operator proposes and another one approves.")
@presents(payouts.PayoutBatch)
class PayoutBatch:
    id: strawberry.ID = id_field(Prefix.PAYOUT_BATCH)
    status: BatchStatus
    count: int
    total: Money = field(resolvers.batch_total)
    note: str
    proposed_by: strawberry.ID = id_field(Prefix.USER, "proposed_by")
    proposed_at: datetime
    decided_by: strawberry.ID | None = field(resolvers.batch_decided_by)
    decided_at: datetime | None
    decision: str


@strawberry.type
class PayoutPayload:
    payout: Payout | None
    user_errors: list[UserError]


@strawberry.type
class PayoutBatchPayload:
    batch: PayoutBatch | None
    user_errors: list[UserError]


@strawberry.type
class PayoutChannelPayload:
    channel: PayoutChannel | None
    user_errors: list[UserError]


@strawberry.type
class PayoutsAdminQuery:
    payouts: Connection[Payout] = field(
        resolvers.all_payouts,
        permissions=[Scope("payouts:read")],
        description="The queue, oldest first: REQUESTED ones wait for approval.",
    )
    payout_batches: Connection[PayoutBatch] = field(
        resolvers.all_batches, permissions=[Scope("payouts:read")], description="Newest first."
    )
    payout_callbacks: Connection[PayoutCallback] = field(
        resolvers.all_callbacks,
        permissions=[Scope("payouts:read")],
        description="What was called back, newest first, and what became of it.",
    )
    payout_channels: list[PayoutChannel] = field(
        resolvers.all_channels, permissions=[Scope("payouts:read")], size=10
    )


@strawberry.type
class PayoutsAdminMutation:
    payout_channel_save: PayoutChannelPayload = mutation(
        resolvers.payout_channel_save,
        payload=PayoutChannelPayload,
        entity="channel",
        permissions=[Scope("payouts:write")],
        description="Create a channel, or change the one of this code. Without `secrets` those that"
        " are stored stay. Audited.",
    )
    payout_approve: PayoutPayload = mutation(
        resolvers.payout_approve,
        payload=PayoutPayload,
        entity="payout",
        permissions=[Scope("payouts:approve")],
        description="Approve one payout; needs a fresh step-up. Audited.",
    )
    payout_refuse: PayoutPayload = mutation(
        resolvers.payout_refuse,
        payload=PayoutPayload,
        entity="payout",
        permissions=[Scope("payouts:approve")],
        description="Refuse a payout that was not sent yet; its agent has the money again."
        " Audited.",
    )
    payout_batch_propose: PayoutBatchPayload = mutation(
        resolvers.payout_batch_propose,
        payload=PayoutBatchPayload,
        entity="batch",
        permissions=[Scope("payouts:propose")],
        description="Put payouts that wait into a batch: these, or all, of a channel or of all."
        " Audited.",
    )
    payout_batch_decide: PayoutBatchPayload = mutation(
        resolvers.payout_batch_decide,
        payload=PayoutBatchPayload,
        entity="batch",
        permissions=[Scope("payouts:approve")],
        description="Approve a batch that another operator proposed, or reject it; needs a fresh"
        " step-up. Audited.",
    )
    payout_destination_block: PayoutDestinationPayload = mutation(
        resolvers.payout_destination_block,
        payload=PayoutDestinationPayload,
        entity="destination",
        permissions=[Scope("payouts:write")],
        description="Send no money to this account any more, whosever it is. Audited.",
    )
