"""What suppliers call back: hints, proofs and forgeries.

Upstream signatures are weak more often than not, so a callback moves nothing by itself unless its
signature covers the body, it is fresh, and it carries what a query would tell. Every other one is a
reason to ask at once.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.suppliers.outcomes import QueryResult


class CallbackTrust(StrEnum):
    """What a supplier's callbacks are worth."""

    NONE = "none"  # it sends none
    UNSIGNED = "unsigned"  # or signed without the body
    SIGNED = "signed"  # over the whole body, with a secret of this connection


class Why(StrEnum):
    """Why a callback is not believed."""

    SIGNATURE = "signature"
    STALE = "stale"  # its time is too far from ours
    UNREADABLE = "unreadable"
    NOT_EXPECTED = "not_expected"  # this supplier sends none


class Says(StrEnum):
    """What a callback says became of an order."""

    LOOK = "look"  # nothing but that something has changed
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # not sold, or given back


@dataclass(frozen=True, slots=True)
class Notice:
    """A callback that could be read, and whose signature, if any, is right.

    `reference` is ours and `upstream_id` theirs; one of them may be empty where the supplier leaves
    it out. `result` is what a query would answer, goods and all, where callbacks carry that. `at`
    is when the supplier says that it sent it; the `nonce` is of this sending alone.
    """

    reference: str
    upstream_id: str
    says: Says = Says.LOOK
    result: QueryResult | None = None
    at: datetime | None = None
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class GoodsNotice:
    """A callback about goods, whose signature is right: these items changed. What they cost now is
    asked, so a notice that comes late or twice can say nothing wrong."""

    items: tuple[str, ...]
    at: datetime | None = None
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class Forged:
    """No true callback of this connection."""

    why: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the supplier expects to hear."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
