"""What a supplier shows of its goods, prices and books. Amounts in units of 1/10000."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One item of a supplier's list, as it stands there.

    `stock` is None where the supplier does not tell it, which is not zero; `unlimited` where it has
    no end. `cost` is None where it depends on the account or the quantity: quote it.
    """

    item: str
    name: str
    cost: int | None
    currency: str
    on_sale: bool = True
    stock: int | None = None
    unlimited: bool = False
    min_quantity: int = 1
    max_quantity: int | None = None
    face_value: int | None = None
    account_fields: tuple[str, ...] = ()  # the supplier's names of what a top-up needs


class Pushes(StrEnum):
    """Whether a supplier tells by itself what changed of its goods."""

    UNKNOWN = "unknown"  # it was not asked yet, or did not answer
    NONE = "none"  # it cannot: its list is read, as ever
    OFFERED = "offered"  # it could, and nobody has asked it to
    ACTIVE = "active"  # it says that it does


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """Some items, and where the next ones begin; None at the end."""

    items: tuple[CatalogueItem, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What one piece costs us now; it may hold until a moment, or not at all."""

    unit_cost: int
    currency: str
    stock: int | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Valid:
    """An account that could be topped up. `holder` is its owner's name as the supplier masks it."""

    holder: str = ""


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One order as the supplier booked it: what it took, and what of that it gave back."""

    reference: str
    upstream_id: str
    charged: int
    refunded: int
    currency: str
    booked_at: datetime
    raw: str = field(default="", repr=False, compare=False)  # as it came


def rate_in(settings: Mapping[str, str]) -> Decimal | None:
    """The `rate` of a connection's settings; None when there is none above zero."""
    try:
        rate = Decimal(settings.get("rate", ""))
    except InvalidOperation:
        return None
    return rate if rate.is_finite() and rate > 0 else None


@dataclass(frozen=True, slots=True)
class StatementPage:
    """Some rows of a day, and where the next ones begin; None at the end."""

    rows: tuple[StatementRow, ...]
    next_cursor: str | None = None
