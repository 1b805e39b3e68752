"""What a supplier shows of its goods, prices and books. Amounts in units of 1/10000."""

from dataclasses import dataclass
from datetime import datetime


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
