"""The payout port: what the house asks of whoever sends money to an agent, and the closed sets of
its answers (mission row H3).

A payout has one reference for life. Whatever is not surely paid or surely not paid is `Uncertain`:
it is asked about, under that reference. Only when the channel surely knows nothing of it is it
sent again, and then under the same reference, which the channel pays once.

What the vendors map to:

| here           | WeChat merchant transfer           | Alipay uni.transfer        |
|----------------|------------------------------------|----------------------------|
| `reference`    | out_bill_no                        | out_biz_no                 |
| `provider_id`  | transfer_bill_no                   | order_id                   |
| `Accepted`     | ACCEPTED, PROCESSING, TRANSFERING  | DEALING, WAIT_PAY          |
| and waits      | WAIT_USER_CONFIRM                  | -                          |
| `Paid`         | SUCCESS                            | SUCCESS                    |
| `Rejected`     | FAIL, CANCELLED                    | FAIL, CLOSED               |
| `Returned`     | -                                  | REFUND                     |
| `NotFound`     | NOT_FOUND                          | ORDER_NOT_EXIST            |

Amounts are ints in units of 1/10000 of the currency; an adapter turns them into fen or yuan texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

REFERENCE_LETTERS = 32  # WeChat's limit for out_bill_no; letters and digits only


class DestinationKind(StrEnum):
    """Where money of an agent goes."""

    WECHAT = "WECHAT"  # an openid
    ALIPAY = "ALIPAY"  # a login (mail or phone) or a user id
    BANK = "BANK"  # an account number at a bank
    SANDBOX = "SANDBOX"  # of the simulator: no money


class Why(StrEnum):
    """Why something was refused, or is uncertain."""

    NOT_CONFIGURED = "not_configured"
    AMOUNT = "amount"
    CURRENCY = "currency"
    RECEIVER = "receiver"  # there is no such account, or it takes no money
    NAME = "name"  # the account is somebody else's
    LIMIT = "limit"  # of the receiver or of the channel, for today or for one transfer
    BALANCE = "balance"  # the house's own, at the channel
    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    REFERENCE_USED = "reference_used"  # the channel has one under this reference that differs
    NOT_CONFIRMED = "not_confirmed"  # the receiver did not confirm in time
    CANCELLED = "cancelled"
    REFUSED = "refused"  # one request was, which says nothing of the payout
    TOO_OLD = "too_old"  # to be asked about: the channel keeps it so long only
    PROVIDER_DOWN = "provider_down"
    SIGNATURE = "signature"
    CERTIFICATE = "certificate"  # signed by a key that we do not know
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel's adapter can do; behaviour follows it, never a vendor's name."""

    destinations: frozenset[DestinationKind]
    currencies: frozenset[str]
    by_file: bool = False  # an operator carries files to the bank and its results back
    cancel: bool = False  # while it waits for its receiver
    callback: bool = False  # it calls back; see `CalledBack`
    # "Not found" is believed only this long after the submission, and so often in a row.
    settle_seconds: float = 600.0
    not_found_answers: int = 3
    name_from: int | None = None  # from this amount on the receiver's name must be told
    setting_choices: Mapping[str, frozenset[str]] = field(default_factory=dict)  # of some settings


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach one account at one channel. Secrets never show in a repr."""

    channel_id: UUID
    merchant: str
    base_url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = 8.0
    notify_url: str = ""  # where the channel calls back


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who gets it. Opened for the moment of sending only, and never shown in a repr."""

    kind: DestinationKind
    account: str = field(repr=False)
    name: str = field(default="", repr=False)
    bank: str = ""
    branch: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PayoutOrder:
    """One payout as the channel sees it; `amount` is what the receiver gets."""

    reference: str
    amount: int
    currency: str
    remark: str
    receiver: Receiver = field(repr=False)
    provider_id: str | None = None
    first_sent_at: datetime | None = None  # None: never yet
    action_known: bool = False  # what its receiver confirms with came already


@dataclass(frozen=True, slots=True)
class Accepted:
    """On its way. `waits`: for the receiver, who confirms with `action` in the vendor's app."""

    provider_id: str
    waits: bool = False
    action: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Paid:
    """The receiver has it."""

    provider_id: str
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """Surely not paid, and it never will be under this reference."""

    why: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """It was paid, and came back."""

    provider_id: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotFound:
    """The channel knows nothing under this reference (yet)."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Perhaps it was paid. Only a query may tell."""

    why: Why = Why.UNKNOWN
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a true callback is about: a hint, whatever it says. Without a reference it is about
    nothing of ours."""

    reference: str
    merchant: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Forged:
    """No true callback of this channel: wrong signature, unknown key, unreadable."""

    why: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the channel expects to hear."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


CallbackResult = Notice | Forged
SubmitResult = Accepted | Paid | Rejected | Uncertain
QueryResult = Accepted | Paid | Rejected | Returned | NotFound | Uncertain


@dataclass(frozen=True, slots=True)
class FileResult:
    """What a bank says of one row of a file: paid, surely not, or paid and come back."""

    reference: str
    result: Paid | Rejected | Returned
    amount: int
    line: int = 0


@dataclass(frozen=True, slots=True)
class FileFault:
    """Why a results file is not taken, and where."""

    reason: str  # a key of the texts
    line: int = 0


class PayoutPort(Protocol):
    """One adapter. It never raises for what a network or a vendor may do, and is never called
    inside a transaction."""

    capabilities: Capabilities
    setting_names: frozenset[str]  # what `Connection.settings` must hold
    secret_names: frozenset[str]  # what `Connection.secrets` must hold

    async def submit(self, connection: Connection, order: PayoutOrder) -> SubmitResult:
        """Send it. The same reference again is the same payout."""

    async def query(self, connection: Connection, order: PayoutOrder) -> QueryResult:
        """What became of the payout with this reference."""

    async def cancel(self, connection: Connection, order: PayoutOrder) -> QueryResult:
        """Let it go while its receiver has not confirmed it; what it is by now."""


class CalledBack(Protocol):
    """The part of an adapter whose channel calls back: `capabilities.callback`."""

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> CallbackResult:
        """Check who says it, over the body as it came; header names in small letters."""

    def reply(self, taken: bool) -> Reply:
        """What to answer: taken, or to be sent again."""


class FilePort(Protocol):
    """An adapter of a bank that takes files: `capabilities.by_file`."""

    capabilities: Capabilities
    setting_names: frozenset[str]
    secret_names: frozenset[str]

    def write(
        self, connection: Connection, number: str, day: datetime, orders: Sequence[PayoutOrder]
    ) -> bytes:
        """The file of these payouts, with its control totals."""

    def read(self, connection: Connection, content: bytes) -> list[FileResult] | FileFault:
        """The results that came back; a fault when anything in it is not as agreed."""
