"""Amounts on their way in."""

from decimal import Decimal

import strawberry

from domain.kernel import Money, parse_units


@strawberry.input(description="An amount with its currency.")
class MoneyInput:
    amount: Decimal
    currency: str


def money_of(given: MoneyInput, *field: str) -> Money:
    """The amount in units of 1/10000; refuses one that is too fine or too large, at this field."""
    return Money(parse_units(given.amount, field=(*field, "amount")), given.currency)
