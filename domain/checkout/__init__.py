"""The face of checkout: the purchase, one function for every way in."""

from domain.checkout.asking import confirm_by_hand, query_payment
from domain.checkout.confirming import Confirmed, confirm_payment
from domain.checkout.counter import AtCounter, SoldAtCounter, sell_at_counter
from domain.checkout.ending import cancel_order, expire_order, expire_orders
from domain.checkout.incoming import take_callback
from domain.checkout.quoting import Quoted, keep_quote, quote_lines
from domain.checkout.refusals import (
    AccountInvalid,
    CardNotFree,
    NotForSale,
    PriceBelowCost,
    PriceChanged,
    QuantityOutOfRange,
    StockShort,
)
from domain.checkout.reviewing import ReviewDecision, decide_case
from domain.checkout.rules import LineWish, Purchase
from domain.checkout.service import Placed, place_order
from domain.checkout.writing import CURRENCY, ClaimedCard

__all__ = [
    "CURRENCY",
    "AccountInvalid",
    "AtCounter",
    "CardNotFree",
    "ClaimedCard",
    "Confirmed",
    "LineWish",
    "NotForSale",
    "Placed",
    "PriceBelowCost",
    "PriceChanged",
    "Purchase",
    "QuantityOutOfRange",
    "Quoted",
    "ReviewDecision",
    "SoldAtCounter",
    "StockShort",
    "cancel_order",
    "confirm_by_hand",
    "confirm_payment",
    "decide_case",
    "expire_order",
    "expire_orders",
    "keep_quote",
    "place_order",
    "query_payment",
    "quote_lines",
    "sell_at_counter",
    "take_callback",
]
