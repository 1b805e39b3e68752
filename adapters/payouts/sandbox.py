"""The sandbox's payouts: signed JSON, paid once by reference, asked about, cancelled.

`adapters/sandbox/payout_desk.py` is the other side; no money is behind it.
"""

import secrets
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from adapters.answers import json_of, shown, text_in
from adapters.http import Ambiguous, Answer, NotSent, PartnerClient
from adapters.signing import NONCE, SIGNATURE, TIMESTAMP, sign
from domain.kernel import clock, plain
from domain.payouts.ports import (
    Accepted,
    Capabilities,
    Connection,
    DestinationKind,
    NotFound,
    Paid,
    PayoutOrder,
    QueryResult,
    Rejected,
    Returned,
    SubmitResult,
    Uncertain,
    Why,
)

NAME = "sandbox"
_REFUSED = {
    "receiver_unknown": Why.RECEIVER,
    "balance_short": Why.BALANCE,
    "limit": Why.LIMIT,
    "not_confirmed": Why.NOT_CONFIRMED,
    "cancelled": Why.CANCELLED,
}


class SandboxPayouts:
    """The payout port over the sandbox."""

    setting_names: frozenset[str] = frozenset()
    secret_names: frozenset[str] = frozenset({"key"})

    def __init__(self, client: PartnerClient, settle_seconds: float = 10.0) -> None:
        self.client = client
        self.capabilities = Capabilities(
            destinations=frozenset({DestinationKind.SANDBOX}),
            currencies=frozenset({"CNY"}),
            cancel=True,
            settle_seconds=settle_seconds,
            not_found_answers=2,
        )

    async def submit(self, connection: Connection, order: PayoutOrder) -> SubmitResult:
        """Send it; the same reference again answers the first one."""
        body = {
            "reference": order.reference,
            "amount": plain(order.amount),
            "currency": order.currency,
            "account": order.receiver.account,
            "name": order.receiver.name,
        }
        try:
            answer = await self._send(connection, "POST", "", orjson.dumps(body))
        except NotSent as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        except Ambiguous as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        if answer.status == 409:  # ours, and it differs: nobody knows what was paid
            return Uncertain(Why.REFERENCE_USED)
        if answer.status == 401:
            return Uncertain(Why.AUTH)
        told = _state_in(answer, order)
        return Uncertain(detail="state") if isinstance(told, NotFound | Returned) else told

    async def query(self, connection: Connection, order: PayoutOrder) -> QueryResult:
        """What became of it."""
        return await self._look(connection, "GET", f"/{quote(order.reference, safe='')}", order)

    async def cancel(self, connection: Connection, order: PayoutOrder) -> QueryResult:
        """Let it go while it waits."""
        path = f"/{quote(order.reference, safe='')}/cancel"
        return await self._look(connection, "POST", path, order)

    async def _look(
        self, connection: Connection, method: str, path: str, order: PayoutOrder
    ) -> QueryResult:
        try:
            answer = await self._send(connection, method, path)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        if answer.status == 404 and json_of(answer).get("error") == "payout_not_found":
            return NotFound()
        return _state_in(answer, order)

    async def _send(
        self, connection: Connection, method: str, path: str, body: bytes = b""
    ) -> Answer:
        under = f"/gateway/{quote(connection.merchant, safe='')}/payouts{path}"
        url = connection.base_url.rstrip("/") + under
        timestamp, nonce = str(int(clock.now().timestamp())), secrets.token_hex(16)
        key = connection.secrets["key"]
        headers = {
            TIMESTAMP: timestamp,
            NONCE: nonce,
            SIGNATURE: sign(key, method, urlsplit(url).path, timestamp, nonce, body),
            "content-type": "application/json",
        }
        return await self.client.send(
            method, url, headers=headers, body=body, timeout_seconds=connection.timeout_seconds
        )


def _state_in(answer: Answer, order: PayoutOrder) -> QueryResult:
    told: dict[str, Any] = json_of(answer)
    if answer.status != 200 or told.get("reference") != order.reference:
        return Uncertain(detail=f"http_{answer.status}")
    number = shown(told.get("provider_id"))
    match text_in(told, "state"):
        case "accepted":
            return Accepted(number)
        case "waiting":
            return Accepted(number, waits=True, action={"token": text_in(told, "token")})
        case "paid":
            return Paid(number, _moment(told))
        case "returned":
            return Returned(number)
        case "failed":
            why = text_in(told, "why")
            return Rejected(_REFUSED.get(why, Why.UNKNOWN), shown(why, 40))
    return Uncertain(detail="state")


def _moment(told: dict[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(text_in(told, "at"))
    except ValueError:
        return None
