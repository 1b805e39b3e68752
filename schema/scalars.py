"""Scalars, money and public ids as clients see them. Amounts and times are never numbers."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import strawberry
from strawberry.exceptions import StrawberryInputCoercionError

from domain import kernel
from domain.kernel import Prefix, encode_id
from schema.fields import field, presents

MAX_DECIMAL_LETTERS = 40


def _plain_decimal(value: Decimal) -> str:
    return format(value, "f")


def _parse_decimal(value: object) -> Decimal:
    """Text, or a whole number; a JSON number with a point has lost its last digits already."""
    if isinstance(value, str) and len(value) <= MAX_DECIMAL_LETTERS:
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    else:
        number = Decimal("NaN")
    if not number.is_finite():
        raise StrawberryInputCoercionError('A Decimal is a text such as "12.34".')
    return number


def _utc(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time without its zone")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parse_utc(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise StrawberryInputCoercionError('A DateTime is a text such as "2030-01-31T08:30:00Z".')
    return moment.astimezone(UTC)


# Handed to each root schema: what replaces Strawberry's own scalars.
SCALARS: dict[object, Any] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='A decimal number as text, such as "12.34"; never a float.',
        serialize=_plain_decimal,
        parse_value=_parse_decimal,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description='A moment in UTC, such as "2030-01-31T08:30:00Z".',
        serialize=_utc,
        parse_value=_parse_utc,
    ),
}


@strawberry.type(description="An amount with its currency.")
@presents(kernel.Money)
class Money:
    amount: Decimal = field(description="In units of the currency; up to four decimal places.")
    currency: str = field(description="ISO 4217 code.")
    minor_units: int | None = field(
        description="Whole cents (or yen) for payment SDKs; null when the amount is finer."
    )


def id_field(prefix: Prefix, attribute: str = "id") -> Any:
    """A field that shows a row's UUID as a public id, `prd_...`."""
    return field(_shows(prefix, attribute), description=f"Public id, {prefix.value}_...")


def _shows(prefix: Prefix, attribute: str) -> Callable[[Any], strawberry.ID]:
    def public_id(root: strawberry.Parent[Any]) -> strawberry.ID:
        return strawberry.ID(encode_id(prefix, getattr(root, attribute)))

    return public_id
