"""The supplier port: what the house asks of any upstream party, and the closed set of its answers.

Only `Rejected` permits the next supplier. Whatever is not surely a rejection is `Uncertain`, and an
uncertain attempt is queried, never bought again (mission row D2, invariant I9).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class OwnReference(StrEnum):
    """What a supplier does when our reference comes twice: whether a query can be trusted."""

    NONE = "none"
    ERROR_ON_REPEAT = "error_on_repeat"
    RETURNS_FIRST = "returns_first"
    REPEAT_IS_QUERY = "repeat_is_query"


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
class Capabilities:
    """What one connection can do; behaviour follows it, never a supplier's name."""

    own_reference: OwnReference
    query_by_own_reference: bool
    price_guard: bool
    not_found_answers: int = 3  # consecutive "not found" that make it definite; 0: never definite
    settle_seconds: float = 10.0  # "not found" counts only this long after the submission


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one supplier. The secret never shows in a repr."""

    supplier_code: str
    base_url: str
    secret: str = field(repr=False)
    timeout_seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt as the supplier sees it. Costs in units of 1/10000 of `currency`.

    After `valid_until` the supplier must not begin it any more: a worker that slept through its
    own time-out cannot buy what another one has meanwhile given up and bought elsewhere.
    """

    reference: str
    item: str
    quantity: int
    max_unit_cost: int
    currency: str
    valid_until: datetime
    # What a direct top-up is for, by the supplier's own names; empty for cards.
    account: Mapping[str, str | int | float] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class SuppliedCode:
    """One code as the supplier handed it over."""

    number: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Taken, goods to follow: query for them."""

    upstream_id: str | None


@dataclass(frozen=True, slots=True)
class Completed:
    """Done: the goods, and what was charged for all of them together.

    Cards come as codes, which are counted. A direct top-up has none: its `receipt` says that it was
    made, `whole` whether for all of the quantity, and else `share` how much of it, in 1/10000; 0
    when the supplier does not say.
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
    """Perhaps bought. Only a query may tell."""

    category: Category = Category.UNKNOWN
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotFound:
    """A query found no order under our reference; definite only after the settle time."""


SubmitResult = Accepted | Completed | Rejected | Uncertain
QueryResult = Accepted | Completed | Rejected | Uncertain | NotFound


class SupplierPort(Protocol):
    """One adapter. It never raises for what a network or a supplier may do."""

    capabilities: Capabilities

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        """Buy. A refusal before any byte was sent is `Rejected(provider_down)`."""

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        """What became of the submission with this reference."""

    async def balance(self, connection: Connection) -> int | None:
        """What we have left there, in units of 1/10000; None when it cannot be told."""
