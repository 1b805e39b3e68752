"""Refunds of delivered goods, as buyers see them and as the back office makes them."""

from datetime import datetime

import strawberry

from domain import refunds
from domain.kernel import Prefix
from domain.refunds import RefundDestination, RefundProgress, RefundReason
from resolvers import exchange
from resolvers import refunds as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.scalars import Money, id_field


@strawberry.type(description="Money of delivered goods that went back.")
@presents(refunds.ShownRefund)
class Refund:
    id: strawberry.ID = id_field(Prefix.REFUND)
    amount: Money = field(
        exchange.amount_of_refund, description="In the currency that the order was paid in."
    )
    destination: RefundDestination = field(
        description="Where it is or goes; what a channel refuses ends in the wallet."
    )
    status: RefundProgress
    reason: RefundReason
    requested_at: datetime


@strawberry.type(description="What goes back of one line, or of one card of it.")
@presents(refunds.ShownPart)
class RefundPart:
    line_id: strawberry.ID = id_field(Prefix.ORDER_LINE, "line_id")
    card_id: strawberry.ID | None = field(resolvers.card_of_part)
    quantity: int = field(description="Pieces that go with it; 0: money alone.")
    amount: Money
    lost_cost: Money = field(description="What these pieces had cost: nobody sells them again.")
    seen: bool = field(description="The card's code was shown to its buyer.")


@strawberry.type(description="What one agent gives back of its commission.")
@presents(refunds.AgentShare)
class RefundClawback:
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    amount: Money


@strawberry.type(description="A refund as the books have it.")
@presents(refunds.ShownRefund)
class RefundFile:
    refund: Refund = field(resolvers.shown)
    note: str
    requested_by: strawberry.ID | None = field(
        resolvers.requested_by, description="The operator; null: the house itself."
    )
    parts: list[RefundPart] = field(resolvers.parts, size=5)
    clawbacks: list[RefundClawback] = field(resolvers.clawbacks, size=3)
    lost_cost: Money = field(resolvers.lost_cost)


@strawberry.type(description="What a refund would do, to the last 1/10000; nothing of it is done.")
@presents(refunds.RefundQuote)
class RefundQuote:
    amount: Money
    destination: RefundDestination = field(
        description="Where it would go: WALLET also where the channel cannot give it back."
    )
    parts: list[RefundPart]
    clawbacks: list[RefundClawback]
    lost_cost: Money


@strawberry.type(description="More than is left of what was paid for the line.")
@presents(refunds.RefundTooLarge)
class RefundTooLargeError(UserError):
    sku: str
    requested: Money
    left: Money


@strawberry.type
class OrderRefundPayload:
    refund: RefundFile | None
    replayed: bool = field(
        default=False, description="The key came before: this is the refund made then."
    )
    user_errors: list[UserError]


@strawberry.type
class OrderRefundQuotePayload:
    quote: RefundQuote | None
    user_errors: list[UserError]


@strawberry.type
class RefundsAdminQuery:
    order_refunds: list[RefundFile] = field(
        resolvers.order_refunds,
        permissions=[Scope("orders:read")],
        size=3,
        description="What went back of an order's delivered goods, oldest first.",
    )


@strawberry.type
class RefundsAdminMutation:
    order_refund: OrderRefundPayload = mutation(
        resolvers.order_refund,
        payload=OrderRefundPayload,
        permissions=[Scope("orders:refund")],
        description="Give delivered goods back: by `cardIds`, by `lines`, or, with neither, all"
        " that is left of the order. Cards that go back are shown and sold to nobody any more;"
        " agents give their share back unless `clawback` is false. CHANNEL is the way the money"
        " came. All or nothing; the same `idempotencyKey` again answers the same refund. Audited.",
    )
    order_refund_quote: OrderRefundQuotePayload = mutation(
        resolvers.order_refund_quote,
        payload=OrderRefundQuotePayload,
        entity="quote",
        permissions=[Scope("orders:refund")],
        description="What `orderRefund` would do with the same input. Changes nothing.",
    )
