"""The face of deposits."""

from domain.deposits.books import hold_deposit, move, release_deposit
from domain.deposits.models import (
    DepositMove,
    DepositMovement,
    DepositReturn,
    DepositTerms,
    ReturnState,
)
from domain.deposits.queries import (
    Deposit,
    all_terms,
    deposit_of,
    deposits_of,
    list_movements,
    list_terms,
    terms_in_force,
)
from domain.deposits.refusals import DepositReturnClosed, DepositShort, DepositTooLarge
from domain.deposits.rules import CURRENCY, MAX_UNITS, times
from domain.deposits.service import (
    ask_back,
    balance_of,
    keep_after_all,
    pay_deposit,
    return_due,
    set_terms,
)
from domain.deposits.statements import OWES

__all__ = [
    "CURRENCY",
    "MAX_UNITS",
    "OWES",
    "Deposit",
    "DepositMove",
    "DepositMovement",
    "DepositReturn",
    "DepositReturnClosed",
    "DepositShort",
    "DepositTerms",
    "DepositTooLarge",
    "ReturnState",
    "all_terms",
    "ask_back",
    "balance_of",
    "deposit_of",
    "deposits_of",
    "hold_deposit",
    "keep_after_all",
    "list_movements",
    "list_terms",
    "move",
    "pay_deposit",
    "release_deposit",
    "return_due",
    "set_terms",
    "terms_in_force",
    "times",
]
