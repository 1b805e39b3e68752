"""The plain HTTP dialect: signed JSON, idempotent by our reference, price guard, query.

What is said is judged here, once: an answer is a rejection only when it is one of the known ones;
everything else that may hide a purchase is `Uncertain`.
"""

import secrets
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from adapters.answers import (
    MAX_RECEIPT_LETTERS,
    code_of,
    json_of,
    share_of,
    shown,
    text_in,
)
from adapters.http import Ambiguous, Answer, NotSent, PartnerClient
from adapters.signing import NONCE, SIGNATURE, TIMESTAMP, sign
from domain.kernel import SCALE, Refused, clock, parse_units, plain
from domain.suppliers.ports import (
    Accepted,
    Capabilities,
    Category,
    Completed,
    Connection,
    NotFound,
    OwnReference,
    QueryResult,
    Rejected,
    Submission,
    SubmitResult,
    SupplierPort,
    Uncertain,
)

NAME = "generic_http"
_REJECTED_ORDER = {
    "out_of_stock": Category.OUT_OF_STOCK,
    "price_exceeded": Category.PRICE_EXCEEDED,
    "product_gone": Category.PRODUCT_GONE,
    "insufficient_balance": Category.INSUFFICIENT_BALANCE,
    "invalid_account": Category.INVALID_ACCOUNT,
}
# Refused before an order came into being; in answer to a query these say nothing about the order.
# A replayed nonce is not among them: somebody on the way has sent the same request before, and that
# one may have bought.
_NOT_BEGUN = {
    "auth": Category.AUTH,
    "stale_timestamp": Category.AUTH,
    "rate_limited": Category.RATE_LIMITED,
    "expired": Category.PROVIDER_DOWN,
    "malformed": Category.UNKNOWN,
}


class GenericHttp(SupplierPort):
    """The supplier port over the plain HTTP dialect."""

    def __init__(
        self, client: PartnerClient, *, settle_seconds: float = 5.0, not_found_answers: int = 3
    ) -> None:
        self.client = client
        self.capabilities = Capabilities(
            own_reference=OwnReference.RETURNS_FIRST,
            query_by_own_reference=True,
            price_guard=True,
            partial=True,
            balance=True,
            not_found_answers=not_found_answers,
            settle_seconds=settle_seconds,
        )

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        """Buy; a known rejection, a delivery, or `Uncertain`."""
        body: dict[str, Any] = {
            "reference": submission.reference,
            "item": submission.item,
            "quantity": submission.quantity,
            "max_unit_cost": plain(submission.max_unit_cost),
            "valid_until": submission.valid_until.timestamp(),
        }
        if submission.account:
            body["account"] = dict(submission.account)
        try:
            answer = await self._send(connection, "POST", "/orders", orjson.dumps(body))
        except NotSent as error:
            return Rejected(Category.PROVIDER_DOWN, str(error))
        except Ambiguous as error:
            return Uncertain(detail=str(error))
        content = json_of(answer)
        refusal = text_in(content, "error")
        if 400 <= answer.status < 500 and refusal in _NOT_BEGUN:
            return Rejected(_NOT_BEGUN[refusal], refusal)
        return _order_in(answer, content, submission)

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        """What became of the order with our reference."""
        try:
            path = f"/orders/{quote(submission.reference, safe='')}"
            answer = await self._send(connection, "GET", path)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        content = json_of(answer)
        if answer.status == 404 and content.get("error") == "order_not_found":
            return NotFound()
        return _order_in(answer, content, submission)

    async def balance(self, connection: Connection) -> int | None:
        """What we have left there, in units; None when it cannot be told now."""
        try:
            answer = await self._send(connection, "GET", "/balance")
            return parse_units(str(json_of(answer).get("balance", "")))
        except (NotSent, Ambiguous, Refused):
            return None

    async def _send(
        self, connection: Connection, method: str, path: str, body: bytes = b""
    ) -> Answer:
        url = connection.base_url.rstrip("/") + path
        timestamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16)
        signature = sign(connection.secret, method, urlsplit(url).path, timestamp, nonce, body)
        headers = {TIMESTAMP: timestamp, NONCE: nonce, SIGNATURE: signature}
        if body:
            headers["content-type"] = "application/json"
        seconds = connection.timeout_seconds
        return await self.client.send(
            method, url, headers=headers, body=body, timeout_seconds=seconds
        )


def _order_in(
    answer: Answer, content: dict[str, Any], submission: Submission
) -> Accepted | Completed | Rejected | Uncertain:
    """The order that an answer shows; anything not surely ours and understood is `Uncertain`."""
    status, error = text_in(content, "status"), text_in(content, "error")
    if content.get("reference") != submission.reference:
        return Uncertain(detail=f"http_{answer.status}")
    if status == "rejected" and error in _REJECTED_ORDER:
        return Rejected(_REJECTED_ORDER[error], error)
    if answer.status != 200:
        return Uncertain(detail=f"http_{answer.status}")
    upstream_id = _upstream_id_in(content)
    if status == "accepted":
        return Accepted(upstream_id)
    if status in ("completed", "partial"):
        return _delivery_in(content, upstream_id, whole=status == "completed")
    if status == "refunded":
        return Rejected(Category.UNKNOWN, "refunded")
    return Uncertain(detail="state_unknown")


def _delivery_in(
    content: dict[str, Any], upstream_id: str | None, *, whole: bool
) -> Completed | Uncertain:
    """The goods of an answer: codes, or for a direct top-up its receipt."""
    receipt = shown(content.get("receipt"), MAX_RECEIPT_LETTERS)
    try:
        cost = parse_units(str(content["charged"]))
        codes = tuple(
            code_of(entry) for entry in (content.get("codes", ()) if receipt else content["codes"])
        )
    except (Refused, KeyError, TypeError, ValueError):
        return Uncertain(detail="delivery_unreadable")
    if cost < 0:
        return Uncertain(detail="delivery_unreadable")
    share = 0 if whole or not receipt else _share_in(content)
    return Completed(upstream_id, codes, cost, receipt, whole, share)


def _share_in(content: dict[str, Any]) -> int:
    """How much of a direct top-up was made, in 1/10000: `delivered` is a decimal above 0 and below
    1; 0 when it is none, for then nobody knows."""
    try:
        return share_of(parse_units(text_in(content, "delivered")), SCALE)
    except Refused:
        return 0


def _upstream_id_in(content: dict[str, Any]) -> str | None:
    """The supplier's own number of the order, of letters that can be stored."""
    return shown(content.get("order_id")) or None
