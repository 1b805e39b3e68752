"""The face of refunds after delivery."""

from domain.refunds.models import Refund, RefundDestination, RefundPart, RefundReason
from domain.refunds.planning import RefundWish
from domain.refunds.promises import PROMISES
from domain.refunds.queries import (
    AgentShare,
    CardRefund,
    RefundProgress,
    RefundQuote,
    ShownPart,
    ShownRefund,
    clawbacks_of,
    get_refund,
    parts_of,
    refund_of_card,
    refunds_of_orders,
)
from domain.refunds.refusals import LineNotRefundable, OrderNotRefundable, RefundTooLarge
from domain.refunds.service import (
    Refunded,
    quote_refund,
    refund_cards,
    refund_lines,
    refund_order,
)
from domain.refunds.undelivered import refund_undelivered

__all__ = [
    "PROMISES",
    "AgentShare",
    "CardRefund",
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
    "get_refund",
    "parts_of",
    "quote_refund",
    "refund_cards",
    "refund_lines",
    "refund_of_card",
    "refund_order",
    "refund_undelivered",
    "refunds_of_orders",
]
