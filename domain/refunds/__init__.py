"""The face of refunds after delivery."""

from domain.refunds.models import Refund, RefundDestination, RefundPart, RefundReason
from domain.refunds.planning import RefundWish
from domain.refunds.promises import PROMISES
from domain.refunds.queries import (
    AgentShare,
    GoodsRefund,
    RefundProgress,
    RefundQuote,
    ShownPart,
    ShownRefund,
    clawbacks_of,
    get_refund,
    parts_of,
    refund_of_card,
    refund_of_line,
    refunds_of_orders,
)
from domain.refunds.refusals import LineNotRefundable, OrderNotRefundable, RefundTooLarge
from domain.refunds.rules import cost_of_pieces
from domain.refunds.service import (
    Refunded,
    quote_refund,
    refund_cards,
    refund_lines,
    refund_order,
    refund_pieces,
)
from domain.refunds.undelivered import refund_undelivered

__all__ = [
    "PROMISES",
    "AgentShare",
    "GoodsRefund",
    "LineNotRefundable",
    "OrderNotRefundable",
    "Refund",
    "RefundDestination",
    "RefundPart",
    "RefundProgress",
    "RefundQuote",
    "RefundReason",
    "RefundTooLarge",
    "RefundWish",
    "Refunded",
    "ShownPart",
    "ShownRefund",
    "clawbacks_of",
    "cost_of_pieces",
    "get_refund",
    "parts_of",
    "quote_refund",
    "refund_cards",
    "refund_lines",
    "refund_of_card",
    "refund_of_line",
    "refund_order",
    "refund_pieces",
    "refund_undelivered",
    "refunds_of_orders",
]
