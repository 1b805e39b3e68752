"""What may become of a purchase: the closed set that every adapter answers from."""

from dataclasses import dataclass, field
from enum import StrEnum


class Category(StrEnum):
    """Why an attempt was rejected, or is uncertain."""

    OUT_OF_STOCK = "out_of_stock"
    PRICE_EXCEEDED = "price_exceeded"
    INVALID_ACCOUNT = "invalid_account"
    PRODUCT_GONE = "product_gone"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    DUPLICATE_REFERENCE = "duplicate_reference"
    PROVIDER_DOWN = "provider_down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SuppliedCode:
    """One code as the supplier handed it over."""

    number: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Taken, goods to follow: query for them. It permits no other supplier.

    `withheld`: the supplier says that it is done, and shows no goods.
    """

    upstream_id: str | None
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class Completed:
    """Done: the goods, and what was charged for all of them together, in units of 1/10000.

    Cards come as codes, which are counted: fewer than were asked for are a part, and nothing more
    will come under this reference. A direct top-up has none: its `receipt` says that it was made,
    `whole` whether for all of the quantity, and else `share` how much of it, in 1/10000; 0 when the
    supplier does not say.
    """

    upstream_id: str | None
    codes: tuple[SuppliedCode, ...] = field(repr=False)
    cost: int
    receipt: str = ""
    whole: bool = True
    share: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """Surely not bought, and it never will be under this reference."""

    category: Category
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Perhaps bought. Only a query may tell. Of a mere look: nothing was learned."""

    category: Category = Category.UNKNOWN
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotFound:
    """A query found no order under our reference; definite only after the settle time."""


SubmitResult = Accepted | Completed | Rejected | Uncertain
QueryResult = Accepted | Completed | Rejected | Uncertain | NotFound
