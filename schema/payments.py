"""Paying orders through channels: for buyers, and for the back office."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from domain import payments
from domain.kernel import Prefix
from domain.payments import CallbackOutcome, PaymentStatus, QrCode, Redirect, RefundStatus, Way
from resolvers import payments as resolvers
from resolvers.permissions import Scope, SignedIn
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.orders import Order
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="A way to pay at this site, through one merchant's account.")
@presents(payments.PaymentChannel)
class PaymentMethod:
    id: strawberry.ID = id_field(Prefix.PAYMENT_CHANNEL)
    code: str
    name: str = field(resolvers.method_name, description="In the language asked for.")
    ways: list[Way] = field(resolvers.ways_of)


@strawberry.type(description="One try to pay an order.")
@presents(payments.Payment)
class Payment:
    id: strawberry.ID = id_field(Prefix.PAYMENT)
    order_id: strawberry.ID = id_field(Prefix.ORDER, "order_id")
    status: PaymentStatus
    amount: Money = field(resolvers.payment_amount)
    started_at: datetime
    expires_at: datetime = field(description="Nobody should pay it after this.")


@strawberry.type(description="Send the buyer's browser there.")
@presents(Redirect)
class RedirectAction:
    url: str


@strawberry.type(description="Show this text as a QR code.")
@presents(QrCode)
class QrCodeAction:
    content: str


@strawberry.type
@presents(resolvers.Parameter)
class PaymentParameter:
    name: str
    value: str


@strawberry.type(description="Hand these to the vendor's own script, such as in a mini-program.")
@presents(resolvers.EmbeddedAction)
class EmbeddedAction:
    parameters: list[PaymentParameter]


PaymentAction = Annotated[
    RedirectAction | QrCodeAction | EmbeddedAction, strawberry.union("PaymentAction")
]


@strawberry.type
class PaymentStartPayload:
    payment: Payment | None
    action: PaymentAction | None = field(description="What to show the buyer now.")
    replayed: bool = field(
        default=False, description="The key came before: this is the payment begun then."
    )
    user_errors: list[UserError]


@strawberry.type
class OrderCancelPayload:
    order: Order | None
    user_errors: list[UserError]


@strawberry.type
class PaymentQuery:
    payment_methods: list[PaymentMethod] = field(
        resolvers.payment_methods,
        size=5,
        description="What a buyer may pay with at this site; at one of another currency than the"
        " house's nothing: there the wallet pays.",
    )
    payment: Payment | None = field(
        resolvers.payment, permissions=[SignedIn()], description="Of the caller's own order."
    )


@strawberry.type
class PaymentMutation:
    payment_start: PaymentStartPayload = mutation(
        resolvers.payment_start,
        payload=PaymentStartPayload,
        permissions=[SignedIn()],
        description="Begin to pay an order that is PENDING_PAYMENT. The same `idempotencyKey` again"
        " answers the same payment, also when the first answer was lost.",
    )
    order_cancel: OrderCancelPayload = mutation(
        resolvers.order_cancel,
        payload=OrderCancelPayload,
        entity="order",
        permissions=[SignedIn()],
        description="Give up an order that nobody has paid; its cards go back to the shelf.",
    )


# --- back office --------------------------------------------------------------------------------


@strawberry.type(description="One merchant's account at a vendor. Its secrets are never shown.")
@presents(payments.PaymentChannel)
class PaymentChannel:
    id: strawberry.ID = id_field(Prefix.PAYMENT_CHANNEL)
    code: str
    adapter: str
    merchant: str
    name_zh: str
    name_en: str
    base_url: str
    callback_url: str = field(
        resolvers.callback_url, description="Where the vendor calls us back, signed."
    )
    ways: list[Way] = field(resolvers.ways_of)
    currency: str
    split_capable: bool = field(description="The vendor can share a payment out.")
    fee_rate: Decimal = field(
        resolvers.fee_rate,
        description="What it keeps of a payment, such as 0.006, until its statement tells.",
    )
    fee_fixed: Money = field(resolvers.fee_fixed, description="And of each payment besides.")
    enabled: bool
    priority: int
    version: int


@strawberry.type(description="Money on its way back through the channel it came by.")
@presents(payments.PaymentRefund)
class PaymentRefund:
    id: strawberry.ID = id_field(Prefix.PAYMENT_REFUND)
    status: RefundStatus
    amount: Money = field(resolvers.refund_amount)
    reason: str
    tries: int
    why: str = field(description="Why the channel refused it; empty otherwise.")
    requested_at: datetime
    finished_at: datetime | None


@strawberry.type(description="One try to pay an order, as the books have it.")
@presents(payments.Payment)
class PaymentRecord:
    id: strawberry.ID = id_field(Prefix.PAYMENT)
    order_id: strawberry.ID = id_field(Prefix.ORDER, "order_id")
    channel_id: strawberry.ID = id_field(Prefix.PAYMENT_CHANNEL, "channel_id")
    reference: str = field(description="Ours, told to the vendor; stable for life.")
    provider_id: str | None = field(description="The vendor's own number.")
    status: PaymentStatus
    why: str = field(description="Why it is in suspense, closed or refused.")
    amount: Money = field(resolvers.payment_amount)
    paid_amount: Money | None = field(resolvers.paid_amount, description="What really came.")
    confirmed_by: str | None = field(description="callback, query or operator.")
    queries: int
    started_at: datetime
    paid_at: datetime | None
    refunds: list[PaymentRefund] = field(resolvers.refunds, size=2)


@strawberry.type(description="What was called back to a channel. Its body stays sealed.")
@presents(payments.PaymentCallback)
class PaymentCallback:
    id: strawberry.ID = id_field(Prefix.PAYMENT_CALLBACK)
    channel_id: strawberry.ID = id_field(Prefix.PAYMENT_CHANNEL, "channel_id")
    received_at: datetime
    reference: str | None
    outcome: CallbackOutcome
    why: str = field(description="Why it was not believed; empty otherwise.")


@strawberry.type
class PaymentChannelSavePayload:
    channel: PaymentChannel | None
    user_errors: list[UserError]


@strawberry.type
class ChannelSettlementBookPayload:
    channel: PaymentChannel | None
    held: Money | None = field(description="What the channel holds for the house now.")
    replayed: bool = False
    user_errors: list[UserError]


@strawberry.type
class PaymentRefundPayload:
    refund: PaymentRefund | None
    user_errors: list[UserError]


@strawberry.type
class PaymentConfirmPayload:
    payment: PaymentRecord | None
    user_errors: list[UserError]


@strawberry.type
class PaymentsAdminQuery:
    payment_channels: list[PaymentChannel] = field(
        resolvers.all_channels, permissions=[Scope("payments:read")], size=10
    )
    order_payments: list[PaymentRecord] = field(
        resolvers.payments_of_order,
        permissions=[Scope("payments:read")],
        size=3,
        description="Every try to pay an order, oldest first.",
    )
    suspended_payments: Connection[PaymentRecord] = field(
        resolvers.suspended_payments,
        permissions=[Scope("payments:read")],
        description="Money that no order needs, newest first: `paymentRefund` gives it back."
        " `givenBack`: what went, or goes, back already.",
    )
    payment_callbacks: Connection[PaymentCallback] = field(
        resolvers.payment_callbacks,
        permissions=[Scope("payments:read")],
        description="What was called back, newest first, and what became of it.",
    )


@strawberry.type
class PaymentsAdminMutation:
    channel_settlement_book: ChannelSettlementBookPayload = mutation(
        resolvers.channel_settlement_book,
        payload=ChannelSettlementBookPayload,
        permissions=[Scope("ledger:write")],
        description="The vendor of a channel has paid out to the house's bank account. `reference`"
        " is its own number of that payout: the same one again is the same payout. Audited.",
    )
    payment_channel_save: PaymentChannelSavePayload = mutation(
        resolvers.payment_channel_save,
        payload=PaymentChannelSavePayload,
        entity="channel",
        permissions=[Scope("payments:write")],
        description="Create a channel, or change the one of this code. Without `secrets` those that"
        " are stored stay. Without `siteId` it is offered at every site. Audited.",
    )
    payment_refund: PaymentRefundPayload = mutation(
        resolvers.payment_refund,
        payload=PaymentRefundPayload,
        entity="refund",
        permissions=[Scope("payments:write")],
        description="Give back a payment that is SUSPENDED, whole, through its channel. Audited.",
    )
    payment_confirm: PaymentConfirmPayload = mutation(
        resolvers.payment_confirm,
        payload=PaymentConfirmPayload,
        entity="payment",
        permissions=[Scope("payments:confirm")],
        description="Say that a payment is there, as when its channel cannot be reached; what"
        " follows is what a callback does. The channel is asked first, and against its word nobody"
        " is believed. Audited.",
    )
