"""The sandbox gateway's adapter: signed JSON, asked actively, closed and refunded by reference.

Its merchants' key is a secret of the channel; `adapters/sandbox/gateway.py` is the other side.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from adapters.http import Ambiguous, Answer, NotSent, PartnerClient
from adapters.signing import NONCE, SIGNATURE, TIMESTAMP, sign, verify
from domain.kernel import Refused as AmountRefused
from domain.kernel import clock, parse_units, plain
from domain.payments.ports import (
    CallbackResult,
    Capabilities,
    Closed,
    CloseResult,
    Connection,
    Forged,
    NotFound,
    Notice,
    NoticeState,
    Paid,
    PaymentOrder,
    Pending,
    QueryResult,
    Redirect,
    RefundCompleted,
    RefundOrder,
    RefundQueryResult,
    RefundRejected,
    RefundResult,
    Refused,
    Reply,
    Started,
    StartResult,
    Statement,
    StatementKind,
    StatementResult,
    StatementRow,
    Uncertain,
    Way,
    Why,
)

NAME = "sandbox"
MAX_AGE_SECONDS = 300
MAX_STATEMENT_BYTES = 64 * 1024 * 1024
_STATES = {"paid": NoticeState.PAID, "closed": NoticeState.CLOSED}


class SandboxGateway:
    """The payment port over the sandbox gateway."""

    capabilities = Capabilities(
        ways=frozenset({Way.PAGE, Way.MOBILE_PAGE}),
        currencies=frozenset({"CNY"}),
        active_query=True,
        refund=True,
        close=True,
        split=False,
        callback_signed=True,
        callback_encrypted=False,
        statement=True,
        callback_max_age_seconds=MAX_AGE_SECONDS,
    )
    setting_names: frozenset[str] = frozenset()
    secret_names: frozenset[str] = frozenset({"key"})

    def __init__(self, client: PartnerClient) -> None:
        self.client = client

    async def start(self, connection: Connection, order: PaymentOrder) -> StartResult:
        """Begin; the same reference again answers the same page."""
        body = {
            "reference": order.reference,
            "amount": plain(order.amount),
            "currency": order.currency,
            "subject": order.subject,
            "notify_url": connection.notify_url,
            "return_url": order.return_url,
            "expires_at": str(order.expires_at.timestamp()),
        }
        try:
            answer = await self._send(connection, "POST", "", orjson.dumps(body))
        except NotSent as error:
            return Refused(Why.PROVIDER_DOWN, str(error))
        except Ambiguous as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        told = _json_of(answer)
        if answer.status == 200 and told.get("reference") == order.reference:
            return Started(Redirect(str(told.get("page_url", ""))))
        if answer.status == 409:
            return Refused(Why.REFERENCE_USED)
        if answer.status in (400, 401):
            return Refused(Why.AUTH if answer.status == 401 else Why.UNKNOWN)
        return Uncertain(detail=f"http_{answer.status}")

    async def query(self, connection: Connection, reference: str) -> QueryResult:
        """What became of a payment."""
        return await self._state(connection, "GET", f"/{quote(reference, safe='')}", reference)

    async def close(self, connection: Connection, reference: str) -> CloseResult:
        """Close it, and hear whether somebody was faster."""
        path = f"/{quote(reference, safe='')}/close"
        result = await self._state(connection, "POST", path, reference)
        return Uncertain(detail="still_pending") if isinstance(result, Pending) else result

    async def refund(self, connection: Connection, refund: RefundOrder) -> RefundResult:
        """Give money back."""
        body = {"refund_reference": refund.refund_reference, "amount": plain(refund.amount)}
        path = f"/{quote(refund.reference, safe='')}/refunds"
        try:
            answer = await self._send(connection, "POST", path, orjson.dumps(body))
        except (NotSent, Ambiguous) as error:
            # Not sent is not yet refused: the same reference is tried again later.
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        if answer.status == 409:
            return RefundRejected(Why.ALREADY_REFUNDED)
        return _refund_in(answer, refund)

    async def refund_query(self, connection: Connection, refund: RefundOrder) -> RefundQueryResult:
        """What became of a refund."""
        path = f"/{quote(refund.reference, safe='')}/refunds/{quote(refund.refund_reference)}"
        try:
            answer = await self._send(connection, "GET", path)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        if answer.status == 404:
            return NotFound()
        return _refund_in(answer, refund)

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> CallbackResult:
        """Check the signature over address, time, nonce and body, then read it."""
        timestamp = headers.get(TIMESTAMP.lower(), "")
        parts = ("POST", urlsplit(connection.notify_url).path, timestamp)
        nonce, signature = headers.get(NONCE.lower(), ""), headers.get(SIGNATURE.lower(), "")
        if not verify(signature, connection.secrets["key"], *parts, nonce, body=body):
            return Forged(Why.SIGNATURE)
        try:
            told = orjson.loads(body)
            return Notice(
                reference=str(told["reference"]),
                provider_id=str(told["provider_id"]),
                amount=parse_units(str(told["amount"])),
                currency=str(told["currency"]),
                merchant=str(told["merchant"]),
                state=_STATES.get(str(told["state"]), NoticeState.OTHER),
                at=datetime.fromtimestamp(int(timestamp), UTC),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AmountRefused):
            return Forged(Why.UNREADABLE)

    def reply(self, taken: bool) -> Reply:
        """200: do not send it again."""
        return Reply(200, b"ok") if taken else Reply(409, b"not taken")

    async def statement(self, connection: Connection, day: date) -> StatementResult:
        """The gateway's own list of a day, in UTC."""
        path = f"/gateway/{quote(connection.merchant, safe='')}/statements/{day.isoformat()}"
        try:
            answer = await self._request(connection, "GET", path, b"", MAX_STATEMENT_BYTES)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        if answer.status == 409:
            return Refused(Why.NOT_READY)
        try:
            return Statement(day, tuple(_row_of(row) for row in _json_of(answer)["rows"]))
        except (KeyError, TypeError, ValueError, AmountRefused):
            return Uncertain(detail=f"http_{answer.status}")

    async def _state(
        self, connection: Connection, method: str, path: str, reference: str
    ) -> QueryResult:
        try:
            answer = await self._send(connection, method, path)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        told = _json_of(answer)
        if answer.status == 404 and told.get("error") == "payment_not_found":
            return NotFound()
        if answer.status != 200 or told.get("reference") != reference:
            return Uncertain(detail=f"http_{answer.status}")
        match told.get("state"):
            case "pending":
                return Pending()
            case "closed":
                return Closed()
            case "paid":
                return _paid_in(told)
        return Uncertain(detail="state_unknown")

    async def _send(
        self, connection: Connection, method: str, path: str, body: bytes = b""
    ) -> Answer:
        under = f"/gateway/{quote(connection.merchant, safe='')}/payments"
        return await self._request(connection, method, under + path, body)

    async def _request(
        self, connection: Connection, method: str, path: str, body: bytes, most: int = 0
    ) -> Answer:
        url = connection.base_url.rstrip("/") + path
        timestamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16)
        key = connection.secrets["key"]
        headers = {
            TIMESTAMP: timestamp,
            NONCE: nonce,
            SIGNATURE: sign(key, method, urlsplit(url).path, timestamp, nonce, body),
            "content-type": "application/json",
        }
        seconds = connection.timeout_seconds
        return await self.client.send(
            method,
            url,
            headers=headers,
            body=body,
            timeout_seconds=seconds,
            max_answer_bytes=most,
        )


def _paid_in(told: dict[str, Any]) -> Paid | Uncertain:
    try:
        return Paid(
            provider_id=str(told["provider_id"]),
            amount=parse_units(str(told["amount"])),
            currency=str(told["currency"]),
            merchant=str(told["merchant"]),
            paid_at=datetime.fromisoformat(str(told["at"])),
        )
    except (KeyError, ValueError, AmountRefused):
        return Uncertain(Why.UNREADABLE)


def _refund_in(answer: Answer, refund: RefundOrder) -> RefundCompleted | Uncertain:
    told = _json_of(answer)
    ours = told.get("refund_reference") == refund.refund_reference
    if answer.status == 200 and ours and told.get("status") == "completed":
        return RefundCompleted(str(told.get("refund_id", "")), refund.amount, clock.now())
    return Uncertain(detail=f"http_{answer.status}")


def _row_of(row: dict[str, Any]) -> StatementRow:
    return StatementRow(
        kind=StatementKind(row["kind"]),
        reference=str(row["reference"]),
        provider_id=str(row["provider_id"]),
        amount=parse_units(str(row["amount"])),
        fee=parse_units(str(row["fee"])),
        currency=str(row["currency"]),
        at=datetime.fromisoformat(str(row["at"])),
        refund_reference=str(row.get("refund_reference", "")),
        raw=orjson.dumps(row).decode(),
    )


def _json_of(answer: Answer) -> dict[str, Any]:
    try:
        content = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}
