"""The face of checkout: the purchase, one function for every way in."""

from domain.checkout.refusals import (
    NotForSale,
    PriceBelowCost,
    PriceChanged,
    QuantityOutOfRange,
    StockShort,
)
from domain.checkout.rules import LineWish, Purchase
from domain.checkout.service import CURRENCY, ClaimedCard, Placed, place_order

__all__ = [
    "CURRENCY",
    "ClaimedCard",
    "LineWish",
    "NotForSale",
    "Placed",
    "PriceBelowCost",
    "PriceChanged",
    "Purchase",
    "QuantityOutOfRange",
    "StockShort",
    "place_order",
]
