"""The face of checkout: the purchase, one function for every way in."""

from domain.checkout.refusals import (
    AccountInvalid,
    CardNotFree,
    NotForSale,
    PriceBelowCost,
    PriceChanged,
    QuantityOutOfRange,
    StockShort,
)
from domain.checkout.rules import LineWish, Purchase
from domain.checkout.service import Placed, place_order
from domain.checkout.writing import CURRENCY, ClaimedCard

__all__ = [
    "CURRENCY",
    "AccountInvalid",
    "CardNotFree",
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
