"""Amounts on their way in."""

from decimal import Decimal

import strawberry

from domain.kernel import Invalid, Money, Refused, parse_units


@strawberry.input(description="An amount with its currency.")
class MoneyInput:
    amount: Decimal
    currency: str


def money_of(given: MoneyInput, *field: str, currency: str | None = None) -> Money:
    """The amount in units of 1/10000; refuses one that is too fine or too large, at this field.

    With `currency` also an amount in another one: it must not be taken for this.
    """
    if currency is not None and given.currency != currency:
        raise Refused(Invalid(reason="currency", field=(*field, "currency")))
    return Money(parse_units(given.amount, field=(*field, "amount")), given.currency)
