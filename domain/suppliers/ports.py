"""The supplier port: what the house asks of any upstream party, and the closed set of its answers.

Only `Rejected` permits the next supplier. Whatever is not surely a rejection is `Uncertain`, and an
uncertain attempt is queried, never bought again (mission row D2, invariant I9).

An adapter is a subclass of `SupplierPort`. It must submit and query; whatever else its supplier
cannot do keeps the answer written here, and its `Capabilities` say so. What a callback may prove is
in `domain/suppliers/notices.py`, what a catalogue shows in `domain/suppliers/goods.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.suppliers.goods import (
    CatalogueItem,
    CataloguePage,
    Pushes,
    Quote,
    StatementPage,
    StatementRow,
    Valid,
    rate_in,
)
from domain.suppliers.notices import (
    CallbackTrust,
    Forged,
    GoodsNotice,
    Notice,
    Reply,
    Says,
    Why,
)
from domain.suppliers.outcomes import (
    Accepted,
    Category,
    Completed,
    NotFound,
    QueryResult,
    Rejected,
    SubmitResult,
    SuppliedCode,
    Uncertain,
)

NOT_SUPPORTED = "not_supported"


class OwnReference(StrEnum):
    """What a supplier does when our reference comes twice: whether a query can be trusted."""

    NONE = "none"  # it knows no number but its own
    ERROR_ON_REPEAT = "error_on_repeat"
    RETURNS_FIRST = "returns_first"
    REPEAT_IS_QUERY = "repeat_is_query"


class Delivery(StrEnum):
    """How codes come, at the earliest."""

    INLINE = "inline"  # with the answer to the submission
    QUERY = "query"  # with the answer to a query
    FETCH = "fetch"  # by a call of their own, `fetch_codes`


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many calls in so many seconds; more are held back before they leave."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one connection can do; behaviour follows it, never a supplier's name."""

    own_reference: OwnReference
    query_by_own_reference: bool
    price_guard: bool  # it refuses by itself to sell above `Submission.max_unit_cost`
    not_found_answers: int = 3  # consecutive "not found" that make it definite; 0: never definite
    settle_seconds: float = 10.0  # "not found" counts only this long after the submission
    query_delay_seconds: float = 0.0  # an earlier query tells nothing and is not sent
    face_guard: bool = False  # it refuses when `Submission.face_value` is not what it would sell
    callback: CallbackTrust = CallbackTrust.NONE
    callback_carries_payload: bool = False  # the goods themselves, not only a state
    callback_max_age_seconds: int = 300  # an older one is refused
    delivery: Delivery = Delivery.INLINE
    cancel: bool = False
    partial: bool = False  # it may deliver less than was asked for
    balance: bool = False
    catalogue_page: int = 0  # items on a page; 0: it has no list of what it sells
    product: bool = False
    products_at_once: int = 0  # items that one call asks for; 0: it tells of one at a time
    quote: bool = False
    stock_unknown_possible: bool = True  # its lists may leave a stock out: unknown, not zero
    validate_only: bool = False  # it can check an account without selling anything
    statement: bool = False
    statement_offset: timedelta = timedelta(0)  # of the supplier's days, east of UTC
    rate_limit: RateLimit | None = None
    retention_days: int | None = None  # it answers queries no longer than this; None: for ever


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one supplier. The secret never shows in a repr.

    `settings` are the operator's for this connection, and no secrets: a customer number, whether it
    is a sandbox. `callback_url` is where this connection's callbacks come in.
    """

    supplier_code: str
    base_url: str
    secret: str = field(repr=False)
    timeout_seconds: float = 8.0
    settings: Mapping[str, str] = field(default_factory=dict)
    callback_url: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt as the supplier sees it. Amounts in units of 1/10000.

    After `valid_until` the supplier must not begin it any more: a worker that slept through its
    own time-out cannot buy what another one has meanwhile given up and bought elsewhere.
    """

    reference: str
    item: str
    quantity: int
    max_unit_cost: int  # of `currency`
    currency: str
    valid_until: datetime
    # What a direct top-up is for, by the supplier's own names; empty for cards, and for queries.
    account: Mapping[str, str | int | float] = field(default_factory=dict, repr=False)
    upstream_id: str | None = None  # the supplier's own number, once it has told one
    face_value: int | None = None  # of one piece, in the currency of the goods; for a face guard


class FlawKind(StrEnum):
    """What is wrong with one part of a connection."""

    MISSING = "connection_missing"
    UNREADABLE = "connection_unreadable"
    WORD_UNKNOWN = "connection_word"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A part of a connection's secret or settings that its adapter cannot use: its name, never what
    stands there."""

    name: str
    kind: FlawKind


class HealthState(StrEnum):
    """Whether a supplier answers."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Health:
    """What a look at a supplier came to; `detail` holds no secret."""

    state: HealthState
    detail: str = ""


class SupplierPort(ABC):
    """One adapter. It never raises for what a network or a supplier may do, it is never called
    inside a transaction, and each of its calls ends within the connection's time-out."""

    capabilities: Capabilities

    def capabilities_of(self, connection: Connection) -> Capabilities:
        """What this very connection can do; the adapter's own, unless its settings change it."""
        return self.capabilities

    def account_of(self, connection: Connection) -> str:
        """Whose orders are seen there, where that is a number beside the key: another one knows
        nothing of them. Empty where the address says it all, for keys are changed."""
        return ""

    def flaw_of(self, connection: Connection) -> Flaw | None:
        """What of the secret and the settings cannot be used, looked at before they are saved; None
        of a connection that could be right. Nobody is asked."""
        return None

    @abstractmethod
    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        """Buy. A refusal before any byte was sent is `Rejected(provider_down)`.

        Where codes come by other ways than inline, a purchase that is done is `Accepted`.
        """

    @abstractmethod
    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        """What became of the submission with this reference, or with its `upstream_id` where the
        supplier knows no reference of ours. An unpaid look: it never buys."""

    async def fetch_codes(self, connection: Connection, submission: Submission) -> QueryResult:
        """As `query`, for an order that was once accepted: asked in its place when delivery is by
        FETCH. `Accepted` until the codes are there, `Completed` only together with them."""
        return await self.query(connection, submission)

    async def cancel(self, connection: Connection, submission: Submission) -> QueryResult:
        """Ask the supplier to let an order go, and hear what became of it: `Rejected` when it is
        surely not sold and never will be, else how it stands."""
        return Uncertain(detail=NOT_SUPPORTED)

    async def balance(self, connection: Connection) -> int | None:
        """What we have left there, in units of 1/10000; None when it cannot be told now."""
        return None

    async def health(self, connection: Connection) -> Health:
        """Whether the supplier answers us; asks for the balance unless there is a better way."""
        if not self.capabilities_of(connection).balance:
            return Health(HealthState.UNKNOWN, NOT_SUPPORTED)
        told = await self.balance(connection)
        return Health(HealthState.DOWN if told is None else HealthState.UP)

    async def catalogue(
        self, connection: Connection, cursor: str | None = None
    ) -> CataloguePage | Uncertain:
        """One page of what the supplier sells to us, from a page's `next_cursor` on."""
        return Uncertain(detail=NOT_SUPPORTED)

    def listed_as(self, item: str) -> str:
        """Under which name its list has what an offer calls `item`."""
        return item

    def rate_of(self, connection: Connection) -> Decimal | None:
        """What one unit of this connection's own currency costs us; None when nobody said."""
        return rate_in(connection.settings)

    async def product(
        self, connection: Connection, item: str
    ) -> CatalogueItem | NotFound | Uncertain:
        """One item. `NotFound` only on the supplier's explicit word that there is none."""
        return Uncertain(detail=NOT_SUPPORTED)

    async def products(
        self, connection: Connection, items: Sequence[str]
    ) -> tuple[CatalogueItem, ...] | Uncertain:
        """Some items, at most `products_at_once`. What is not among the answers is perhaps gone:
        `product` says."""
        return Uncertain(detail=NOT_SUPPORTED)

    async def pushes_of(self, connection: Connection) -> Pushes:
        """Whether the supplier tells this connection by itself what changed of its goods."""
        return Pushes.NONE

    async def quote(
        self,
        connection: Connection,
        item: str,
        quantity: int,
        account: Mapping[str, str | int | float],
    ) -> Quote | Rejected | Uncertain:
        """What so many pieces would cost now. Nothing is bought; `Rejected` says why they could not
        be, `Uncertain` says nothing."""
        return Uncertain(detail=NOT_SUPPORTED)

    async def validate(
        self, connection: Connection, item: str, account: Mapping[str, str | int | float]
    ) -> Valid | Rejected | Uncertain:
        """Whether an account could be topped up; `Uncertain` forbids nothing."""
        return Uncertain(detail=NOT_SUPPORTED)

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> Notice | GoodsNotice | Forged:
        """Check a callback over its raw body, then read it. Header names come in small letters."""
        return Forged(Why.NOT_EXPECTED)

    def reply(self, taken: bool) -> Reply:
        """What the supplier expects to hear: taken (do not send it again), or not."""
        return Reply(200, b"ok") if taken else Reply(400, b"refused")

    async def statement(
        self, connection: Connection, day: date, cursor: str | None = None
    ) -> StatementPage | Uncertain:
        """One page of what the supplier booked with us on one day, by its own calendar, from a
        page's `next_cursor` on. A thousand rows are a large page."""
        return Uncertain(detail=NOT_SUPPORTED)


__all__ = [
    "Accepted",
    "CallbackTrust",
    "Capabilities",
    "CatalogueItem",
    "CataloguePage",
    "Category",
    "Completed",
    "Connection",
    "Delivery",
    "Flaw",
    "FlawKind",
    "Forged",
    "GoodsNotice",
    "Health",
    "HealthState",
    "NotFound",
    "Notice",
    "OwnReference",
    "Pushes",
    "QueryResult",
    "Quote",
    "RateLimit",
    "Rejected",
    "Reply",
    "Says",
    "StatementPage",
    "StatementRow",
    "Submission",
    "SubmitResult",
    "SuppliedCode",
    "SupplierPort",
    "Uncertain",
    "Valid",
    "Why",
    "rate_in",
]
