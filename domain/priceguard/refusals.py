"""Why a price cannot be saved. Nothing has changed when it is refused, but that it was noted."""

from dataclasses import dataclass
from typing import ClassVar

from domain.kernel import Money, Refusal


@dataclass(frozen=True, kw_only=True)
class PriceBelowFloor(Refusal):
    """Below cost and minimum margin, or below the least price of resale (rows D7, E5)."""

    code: ClassVar[str] = "PRICE_BELOW_FLOOR"
    sku: str
    tier: str
    floor: Money


@dataclass(frozen=True, kw_only=True)
class DiscountTooLarge(Refusal):
    """Further below the face value, or what is struck out, than the goods' terms allow (row E5)."""

    code: ClassVar[str] = "DISCOUNT_TOO_LARGE"
    sku: str
    tier: str
    most: str  # in per cent
