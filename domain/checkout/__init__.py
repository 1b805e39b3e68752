"""The face of checkout: the purchase, one function for every way in."""

from domain.checkout.asking import ask_again, confirm_by_hand, query_payment
from domain.checkout.backlog import backlog, look_at_backlog
from domain.checkout.confirming import Confirmed, confirm_payment
from domain.checkout.counter import AtCounter, SoldAtCounter, sell_at_counter
from domain.checkout.couponing import coupons_to_give_back, give_back_coupons
from domain.checkout.ending import cancel_order, expire_order, expire_orders
from domain.checkout.incoming import Heard, take_callback
from domain.checkout.quoting import Quoted, keep_quote, quote_lines
from domain.checkout.refusals import (
    AccountInvalid,
    CardNotFree,
    NotForSale,
    PriceBelowCost,
    PriceChanged,
    QuantityOutOfRange,
    ShopBusy,
    StockShort,
)
from domain.checkout.reviewing import ReviewDecision, decide_case
from domain.checkout.rules import HOUSE, LineWish, Purchase
from domain.checkout.service import Placed, place_order
from domain.checkout.writing import CURRENCY, ClaimedCard

__all__ = [
    "CURRENCY",
    "HOUSE",
    "AccountInvalid",
    "AtCounter",
    "CardNotFree",
    "ClaimedCard",
    "Confirmed",
    "Heard",
    "LineWish",
    "NotForSale",
    "Placed",
    "PriceBelowCost",
    "PriceChanged",
    "Purchase",
    "QuantityOutOfRange",
    "Quoted",
    "ReviewDecision",
    "ShopBusy",
    "SoldAtCounter",
    "StockShort",
    "ask_again",
    "backlog",
    "cancel_order",
    "confirm_by_hand",
    "confirm_payment",
    "coupons_to_give_back",
    "decide_case",
    "expire_order",
    "expire_orders",
    "give_back_coupons",
    "keep_quote",
    "look_at_backlog",
    "place_order",
    "query_payment",
    "quote_lines",
    "sell_at_counter",
    "take_callback",
]
