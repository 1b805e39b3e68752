"""What a purchase may be refused for. Nothing has changed when it is."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Money, Refusal, Refused, Spoken
from domain.priceguard import Below


@dataclass(frozen=True, kw_only=True)
class NotForSale(Refusal):
    """The variant does not exist, is not listed, has no price, or is withheld.

    The first three sound the same; `reason` tells, as a key of the texts, what else it is: not sold
    at this site (A8, A11), not yet or no longer on sale (A2).
    """

    code: ClassVar[str] = "NOT_FOR_SALE"
    sku: str
    reason: str = "not_listed"


@dataclass(frozen=True, kw_only=True)
class QuantityOutOfRange(Refusal):
    """Fewer or more pieces than one order may take of this variant."""

    code: ClassVar[str] = "QUANTITY_OUT_OF_RANGE"
    minimum: int
    maximum: int


@dataclass(frozen=True, kw_only=True)
class StockShort(Refusal):
    """Fewer cards than asked for, and no supplier that could make up for it."""

    code: ClassVar[str] = "OUT_OF_STOCK"
    sku: str
    requested: int
    available: int


@dataclass(frozen=True, kw_only=True)
class ShopBusy(Refusal):
    """Suppliers are behind: what only they could deliver is not sold for now (row F7).

    `retry_after`: seconds after which the same request may be repeated.
    """

    code: ClassVar[str] = "SHOP_BUSY"
    retryable: ClassVar[bool] = True
    sku: str
    retry_after: int


@dataclass(frozen=True, kw_only=True)
class ExchangeRateMissing(Refusal):
    """The site's currency has no exchange rate that is good now: nothing is sold in it."""

    code: ClassVar[str] = "EXCHANGE_RATE_MISSING"
    currency: str


@dataclass(frozen=True, kw_only=True)
class PriceChanged(Refusal):
    """The price is not the one that the buyer saw, or is above a partner's limit.

    `sku` is a variant's, or the name of the whole order where its total is another one.
    """

    code: ClassVar[str] = "PRICE_CHANGED"
    sku: str | Spoken
    expected: Money
    actual: Money


@dataclass(frozen=True, kw_only=True)
class AccountInvalid(Refusal):
    """What the buyer filled in for one field, `key`, cannot be taken; `reason` is a text's key.

    `label` is how the field is called where it is filled in.
    """

    code: ClassVar[str] = "ACCOUNT_INVALID"
    key: str
    label: Spoken
    reason: str


@dataclass(frozen=True, kw_only=True)
class PriceBelowCost(Refusal):
    """A sale at a loss is refused unless an operator allowed it for the variant (D7, I18)."""

    code: ClassVar[str] = "PRICE_BELOW_COST"
    sku: str


class BelowFloor(Refused):
    """Carries that refusal up, and what is to be noted about it once nothing is written."""

    def __init__(self, refusal: PriceBelowCost, below: Below, *, by_coupon: bool = False) -> None:
        super().__init__(refusal)
        self.below = below
        self.by_coupon = by_coupon  # without its coupons the line would not be below


@dataclass(frozen=True, kw_only=True)
class CardNotFree(Refusal):
    """The card that was chosen by hand is sold, held, or cannot be chosen."""

    code: ClassVar[str] = "CARD_NOT_FREE"
    sku: str
