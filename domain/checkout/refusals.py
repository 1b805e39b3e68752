"""What a purchase may be refused for. Nothing has changed when it is."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Money, Refusal, Spoken


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


@dataclass(frozen=True, kw_only=True)
class CardNotFree(Refusal):
    """The card that was chosen by hand is sold, held, or cannot be chosen."""

    code: ClassVar[str] = "CARD_NOT_FREE"
    sku: str
