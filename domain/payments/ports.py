"""The payment port: what the house asks of any payment channel, and the closed sets of its answers.

Only a surely unpaid answer lets an order go, and only a sure refusal lets a refund be tried another
way. Whatever is not sure is `Uncertain`: it is asked again under the same reference, never repeated
under a new one (mission row F1, field bug 7 of its list). Amounts are ints in units of 1/10000 of
the currency; an adapter turns them into the vendor's cents or yuan texts and back, exactly.

What the vendors map to:

| here            | WeChat Pay v3                   | Alipay                        | Stripe       |
|-----------------|---------------------------------|-------------------------------|--------------|
| `merchant`      | mchid                           | app_id                        | account      |
| `reference`     | out_trade_no                    | out_trade_no                  | client_ref.. |
| `provider_id`   | transaction_id                  | trade_no                      | pay.. intent |
| Way.QR          | native: `QrCode(code_url)`      | precreate: `QrCode(qr_code)`  | -            |
| Way.PAGE        | -                               | page.pay: `Redirect`          | checkout     |
| Way.MOBILE_PAGE | h5: `Redirect(h5_url)`          | wap.pay: `Redirect`           | checkout     |
| Way.IN_APP      | jsapi, mini-program: `Embedded` | trade.create: `Embedded`      | -            |
| `Pending`       | NOTPAY, USERPAYING              | WAIT_BUYER_PAY                | open         |
| `Paid`          | SUCCESS, REFUND                 | TRADE_SUCCESS, TRADE_FINISHED | paid         |
| `Closed`        | CLOSED, REVOKED, PAYERROR       | TRADE_CLOSED, nothing paid    | expired      |
| `NotFound`      | ORDER_NOT_EXIST                 | ACQ.TRADE_NOT_EXIST           | missing      |
| callback        | signed, AES-GCM body            | signed form                   | signed JSON  |
| age of callback | Wechatpay-Timestamp             | notify_time                   | t= (header)  |

A trade that was paid and then refunded is still `Paid`: refunds are asked for by `refund_query`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

REFERENCE_LETTERS = 32  # WeChat's limit for out_trade_no and out_refund_no; letters and digits only


class Way(StrEnum):
    """How the buyer pays: what the storefront must be able to show."""

    PAGE = "page"  # a page of the vendor in a desktop browser
    MOBILE_PAGE = "mobile_page"  # a page of the vendor in a phone's browser
    QR = "qr"  # a code to scan with the vendor's app
    IN_APP = "in_app"  # inside the vendor's app: JSAPI, mini-program; needs `payer`


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel's adapter can do; behaviour follows it, never a vendor's name."""

    ways: frozenset[Way]
    currencies: frozenset[str]
    active_query: bool  # `query` may be trusted more than a callback, and is asked before one
    refund: bool
    close: bool
    split: bool  # the vendor can share a payment out to several receivers
    callback_signed: bool
    callback_encrypted: bool
    statement: bool = False
    statement_offset: timedelta = timedelta(0)  # of the vendor's days, east of UTC
    callback_max_age_seconds: int = 300  # an older one is asked about, never believed by itself


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one merchant's account at one channel. Secrets never show in a repr.

    `settings` and `secrets` hold what the adapter names in `setting_names` and `secret_names`:
    app ids, certificate serials; private keys (PEM), API v3 keys, the vendor's public keys.
    """

    channel_id: UUID
    merchant: str
    base_url: str
    notify_url: str  # where this channel's callbacks come in
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """One payment to begin. The same reference again is the same payment, never a second one."""

    reference: str
    amount: int
    currency: str
    way: Way
    subject: str  # what the buyer reads on the vendor's page: the order's number
    expires_at: datetime  # the vendor takes no money after this
    return_url: str = ""
    payer: str = field(default="", repr=False)  # openid / buyer_id, for IN_APP only
    client_ip: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the buyer's browser there, by GET."""

    url: str


@dataclass(frozen=True, slots=True)
class QrCode:
    """Show this text as a QR code."""

    content: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """Hand these to the vendor's own script: JSAPI's or the mini-program's payment call."""

    parameters: Mapping[str, str] = field(repr=False)


PaymentAction = Redirect | QrCode | Embedded


class Why(StrEnum):
    """Why something was refused, is uncertain, or is no true callback."""

    NOT_CONFIGURED = "not_configured"
    WAY_UNKNOWN = "way_unknown"
    AMOUNT = "amount"
    CURRENCY = "currency"
    PAYER = "payer"
    REFERENCE_USED = "reference_used"  # the vendor has one under this reference that differs
    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    BALANCE = "balance"  # the merchant's own, for a refund
    ALREADY_REFUNDED = "already_refunded"
    TOO_LATE = "too_late"  # to refund or to ask: the vendor keeps it so long only
    NOT_READY = "not_ready"  # a statement that is not made yet
    PROVIDER_DOWN = "provider_down"
    SIGNATURE = "signature"
    CERTIFICATE = "certificate"  # signed by a key that we do not know
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Started:
    """The vendor knows the payment; the buyer does the rest."""

    action: PaymentAction


@dataclass(frozen=True, slots=True)
class Refused:
    """Surely nothing was begun, and nobody can pay under this reference."""

    why: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Perhaps it happened. Only a query may tell."""

    why: Why = Why.UNKNOWN
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Paid:
    """The vendor has the buyer's money. `amount` is what was really paid, discounts included."""

    provider_id: str
    amount: int
    currency: str
    merchant: str
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class Pending:
    """Known, and nothing paid so far."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing was paid, and nothing ever will be under this reference."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """The vendor knows nothing under this reference (yet)."""


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """Money to give back. The same `refund_reference` again is the same refund.

    `total` is what was paid altogether under `reference`: WeChat asks for both.
    """

    reference: str
    refund_reference: str
    amount: int
    total: int
    currency: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RefundAccepted:
    """On its way: ask for it (WeChat PROCESSING)."""

    provider_refund_id: str


@dataclass(frozen=True, slots=True)
class RefundCompleted:
    """The buyer has it back (WeChat SUCCESS, Alipay fund_change=Y or REFUND_SUCCESS)."""

    provider_refund_id: str
    amount: int
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundRejected:
    """Surely not refunded, and it never will be under this refund reference."""

    why: Why
    detail: str = ""


class NoticeState(StrEnum):
    """What a true callback says."""

    PAID = "paid"
    CLOSED = "closed"
    REFUNDED = "refunded"
    OTHER = "other"  # true, but nothing we act on


@dataclass(frozen=True, slots=True)
class Notice:
    """A callback whose signature is right. It is still only a hint: see `domain.checkout`.

    `provider_id`, `amount` and `currency` may be empty where `state` is not PAID.
    """

    reference: str
    provider_id: str
    amount: int
    currency: str
    merchant: str
    state: NoticeState
    at: datetime  # when the vendor says that it sent it
    refund_reference: str = ""


@dataclass(frozen=True, slots=True)
class Forged:
    """No true callback of this channel: wrong signature, unknown key, unreadable."""

    why: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the vendor expects to hear: for WeChat 200/204 or 4xx with JSON, for Alipay a word."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class StatementKind(StrEnum):
    """What one row of a statement is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    OTHER = "other"  # a withdrawal, a service of the vendor, an adjustment


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One movement as the vendor booked it. `fee` in units too; what it kept of the amount."""

    kind: StatementKind
    reference: str
    provider_id: str
    amount: int
    fee: int
    currency: str
    at: datetime
    refund_reference: str = ""
    raw: str = field(default="", repr=False, compare=False)  # as it came


@dataclass(frozen=True, slots=True)
class Statement:
    """All movements of one day at the vendor, in the vendor's time zone.

    `rows` can be gone through several times and need not be in memory; what is handed out was read
    to its end once, so that it is known to be whole.
    """

    day: date
    rows: Iterable[StatementRow]


StartResult = Started | Refused | Uncertain
QueryResult = Paid | Pending | Closed | NotFound | Uncertain
CloseResult = Closed | Paid | NotFound | Uncertain
RefundResult = RefundAccepted | RefundCompleted | RefundRejected | Uncertain
RefundQueryResult = RefundAccepted | RefundCompleted | RefundRejected | NotFound | Uncertain
CallbackResult = Notice | Forged
StatementResult = Statement | Refused | Uncertain


class PaymentPort(Protocol):
    """One adapter. It never raises for what a network or a vendor may do, and is never called
    inside a transaction."""

    capabilities: Capabilities
    setting_names: frozenset[str]  # what `Connection.settings` must hold
    secret_names: frozenset[str]  # what `Connection.secrets` must hold

    async def start(self, connection: Connection, order: PaymentOrder) -> StartResult:
        """Begin a payment, or hear its action again when the reference is known already."""

    async def query(self, connection: Connection, reference: str) -> QueryResult:
        """What became of the payment with this reference."""

    async def close(self, connection: Connection, reference: str) -> CloseResult:
        """Let nobody pay it any more. `Paid` when somebody has: then it is not closed."""

    async def refund(self, connection: Connection, refund: RefundOrder) -> RefundResult:
        """Give money back. A refusal before any byte was sent is `RefundRejected(provider_down)`
        only where the vendor surely never heard of it."""

    async def refund_query(self, connection: Connection, refund: RefundOrder) -> RefundQueryResult:
        """What became of the refund with this refund reference."""

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> CallbackResult:
        """Check the signature over the raw body, then read it. Header names come in small letters.

        May ask the vendor for a certificate that it does not know yet; never believes one that the
        callback itself brings.
        """

    def reply(self, taken: bool) -> Reply:
        """The answer to a callback: taken (do not send it again), or not."""

    async def statement(self, connection: Connection, day: date) -> StatementResult:
        """The vendor's own list of one day; `Refused(not_ready)` before it is made."""
