"""The face of cashback: what buyers get back for goods that they kept."""

from domain.cashback.models import CashbackBearer, CashbackRule, CashbackScope, CashbackState
from domain.cashback.promises import PROMISES
from domain.cashback.rules import Kept, cashback_of, still_back
from domain.cashback.ruling import (
    CURRENCY,
    BuyersCashback,
    RuleFigures,
    RuleWish,
    end_rule,
    list_cashbacks,
    list_rules,
    save_rule,
)
from domain.cashback.service import credit_due, follow_chain

__all__ = [
    "CURRENCY",
    "PROMISES",
    "BuyersCashback",
    "CashbackBearer",
    "CashbackRule",
    "CashbackScope",
    "CashbackState",
    "Kept",
    "RuleFigures",
    "RuleWish",
    "cashback_of",
    "credit_due",
    "end_rule",
    "follow_chain",
    "list_cashbacks",
    "list_rules",
    "save_rule",
    "still_back",
]
