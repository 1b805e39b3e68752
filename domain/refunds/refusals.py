"""What refunds refuse. Nothing is half refunded: one fault, and nothing has changed."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Money, Refusal


@dataclass(frozen=True, kw_only=True)
class OrderNotRefundable(Refusal):
    """Nobody has paid the order, or all of it went back."""

    code: ClassVar[str] = "ORDER_NOT_REFUNDABLE"
    status: str


@dataclass(frozen=True, kw_only=True)
class LineNotRefundable(Refusal):
    """A line, or a card of it, that cannot be refunded; `reason` is a key of the texts."""

    code: ClassVar[str] = "LINE_NOT_REFUNDABLE"
    sku: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RefundTooLarge(Refusal):
    """More than is left of what was paid for the line."""

    code: ClassVar[str] = "REFUND_TOO_LARGE"
    sku: str
    requested: Money
    left: Money
