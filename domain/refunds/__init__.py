"""The face of refunds after delivery."""

from domain.refunds.models import Refund, RefundDestination, RefundPart, RefundReason
from domain.refunds.planning import Plan, PlannedPart, RefundWish
from domain.refunds.promises import PROMISES
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
    "LineNotRefundable",
    "OrderNotRefundable",
    "Plan",
    "PlannedPart",
    "Refund",
    "RefundDestination",
    "RefundPart",
    "RefundReason",
    "RefundTooLarge",
    "RefundWish",
    "Refunded",
    "quote_refund",
    "refund_cards",
    "refund_lines",
    "refund_order",
    "refund_undelivered",
]
