"""What payments refuse."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Refusal


@dataclass(frozen=True, kw_only=True)
class OrderNotPayable(Refusal):
    """The order is paid, over or gone: nothing is to be paid."""

    code: ClassVar[str] = "ORDER_NOT_PAYABLE"
    status: str


@dataclass(frozen=True, kw_only=True)
class OrderNotCancellable(Refusal):
    """Only an order that nobody has paid is cancelled by its buyer."""

    code: ClassVar[str] = "ORDER_NOT_CANCELLABLE"
    status: str


@dataclass(frozen=True, kw_only=True)
class ChannelUnusable(Refusal):
    """The payment method is not offered here, for this order, or in this way."""

    code: ClassVar[str] = "PAYMENT_METHOD_UNUSABLE"


@dataclass(frozen=True, kw_only=True)
class PaymentRefused(Refusal):
    """The channel refused to begin the payment; `why` is stable, for programs."""

    code: ClassVar[str] = "PAYMENT_REFUSED"
    why: str


@dataclass(frozen=True, kw_only=True)
class PaymentUncertain(Refusal):
    """The channel did not answer in time: the same call again goes on with the same payment."""

    code: ClassVar[str] = "PAYMENT_UNCERTAIN"
    retryable: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class TooManyPayments(Refusal):
    """The order was tried to be paid too often."""

    code: ClassVar[str] = "TOO_MANY_PAYMENTS"
    limit: int


@dataclass(frozen=True, kw_only=True)
class PaymentNotThere(Refusal):
    """The channel was asked and has no such money: nobody's word is taken against that."""

    code: ClassVar[str] = "PAYMENT_NOT_THERE"


@dataclass(frozen=True, kw_only=True)
class PaymentNotRefundable(Refusal):
    """Nothing is left of it to give back, or its channel cannot."""

    code: ClassVar[str] = "PAYMENT_NOT_REFUNDABLE"


@dataclass(frozen=True, kw_only=True)
class ChannelAdapterUnknown(Refusal):
    """No adapter of this name speaks to payment channels."""

    code: ClassVar[str] = "PAYMENT_ADAPTER_UNKNOWN"
    adapter: str
    known: tuple[str, ...]
