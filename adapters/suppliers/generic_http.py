"""The plain HTTP dialect: signed JSON, idempotent by our reference, price guard, query.

What is said is judged here, once: an answer is a rejection only when it is one of the known ones;
everything else that may hide a purchase is `Uncertain`.
"""

import secrets
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from adapters.answers import (
    MAX_RECEIPT_LETTERS,
    code_of,
    json_of,
    list_of,
    loaded,
    moment_in,
    object_of,
    share_of,
    shown,
    text_in,
    units_in,
)
from adapters.goods import PAGE, goods_in, no_list, stock_in
from adapters.http import Ambiguous, Answer, NotSent, PartnerClient
from adapters.signing import NONCE, SIGNATURE, TIMESTAMP, sign, verify
from domain.kernel import SCALE, Refused, clock, parse_units, plain
from domain.suppliers.ports import (
    Accepted,
    CallbackTrust,
    Capabilities,
    CatalogueItem,
    CataloguePage,
    Category,
    Completed,
    Connection,
    Forged,
    NotFound,
    Notice,
    OwnReference,
    QueryResult,
    Rejected,
    Says,
    StatementPage,
    StatementRow,
    Submission,
    SubmitResult,
    SupplierPort,
    Uncertain,
    Why,
)

NAME = "generic_http"
CURRENCY = "CNY"
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
_SAYS = {
    "accepted": Says.RUNNING,
    "completed": Says.DONE,
    "partial": Says.DONE,
    "rejected": Says.FAILED,
    "refunded": Says.FAILED,
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
            catalogue_page=PAGE,
            product=True,
            callback=CallbackTrust.SIGNED,
            statement=True,
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
        if connection.callback_url:
            body["notify_url"] = connection.callback_url
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

    async def catalogue(
        self, connection: Connection, cursor: str | None = None
    ) -> CataloguePage | Uncertain:
        """One page of its items, by name."""
        asked = urlencode({"cursor": cursor or "", "size": PAGE})
        try:
            answer = await self._send(connection, "GET", f"/items?{asked}")
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        content = json_of(answer)
        if answer.status != 200 or not isinstance(content.get("items"), list):
            return no_list(answer)
        return CataloguePage(goods_in(content["items"], _item), shown(content.get("next")) or None)

    async def product(
        self, connection: Connection, item: str
    ) -> CatalogueItem | NotFound | Uncertain:
        """One item."""
        try:
            answer = await self._send(connection, "GET", f"/items/{quote(item, safe='')}")
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        if answer.status == 404 and json_of(answer).get("error") == "product_gone":
            return NotFound()
        found = goods_in([json_of(answer)], _item) if answer.status == 200 else ()
        return found[0] if found else no_list(answer)

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> Notice | Forged:
        """How an order stands, signed as our requests are: method, path, time, nonce and body."""
        told = {name: headers.get(name.lower(), "") for name in (TIMESTAMP, NONCE, SIGNATURE)}
        parts = ("POST", urlsplit(connection.callback_url).path, told[TIMESTAMP], told[NONCE])
        if not told[NONCE] or not verify(told[SIGNATURE], connection.secret, *parts, body=body):
            return Forged(Why.SIGNATURE)
        at, content = moment_in(told, TIMESTAMP), object_of(loaded(body))
        if at is None or not content:
            return Forged(Why.UNREADABLE)
        return Notice(
            shown(content.get("reference")),
            shown(content.get("order_id")),
            _SAYS.get(text_in(content, "status"), Says.LOOK),
            at=at,
            nonce=told[NONCE],
        )

    async def statement(
        self, connection: Connection, day: date, cursor: str | None = None
    ) -> StatementPage | Uncertain:
        """What was booked on a day in UTC."""
        path = f"/statements/{day.isoformat()}" + (f"?after={quote(cursor)}" if cursor else "")
        try:
            answer = await self._send(connection, "GET", path)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        content = json_of(answer)
        if answer.status != 200 or content.get("day") != day.isoformat():
            return Uncertain(detail=f"http_{answer.status}")
        try:
            rows = tuple(_statement_row(row) for row in list_of(content["rows"]))
        except (KeyError, TypeError, ValueError):
            return Uncertain(detail="statement_unreadable")
        return StatementPage(rows, shown(content.get("next")) or None)

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


def _item(row: dict[str, Any]) -> CatalogueItem:
    stock, endless = stock_in(row.get("stock"), endless=-1)
    return CatalogueItem(
        item=shown(row.get("item")),
        name=shown(row.get("name")) or shown(row.get("item")),
        cost=units_in(row, "price"),
        currency=CURRENCY,
        stock=stock,
        unlimited=endless,
        account_fields=tuple(shown(each) for each in list_of(row.get("account"))),
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
) -> Accepted | Completed | Uncertain:
    """The goods of an answer: codes, or for a direct top-up its receipt. An order that is done and
    shows neither is open still (docs/decisions/0089)."""
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
    if not (codes or receipt):
        return Accepted(upstream_id, withheld=True)
    share = 0 if whole or not receipt else _share_in(content)
    return Completed(upstream_id, codes, cost, receipt, whole, share)


def _share_in(content: dict[str, Any]) -> int:
    """How much of a direct top-up was made, in 1/10000: `delivered` is a decimal above 0 and below
    1; 0 when it is none, for then nobody knows."""
    try:
        return share_of(parse_units(text_in(content, "delivered")), SCALE)
    except Refused:
        return 0


def _statement_row(row: Any) -> StatementRow:
    at = datetime.fromisoformat(row["at"])
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return StatementRow(
        reference=shown(row["reference"]),
        upstream_id=shown(row["order_id"]),
        charged=units_in(row, "charged"),
        refunded=units_in(row, "refunded"),
        currency=shown(row["currency"]),
        booked_at=at,
        raw=orjson.dumps(row).decode(),
    )


def _upstream_id_in(content: dict[str, Any]) -> str | None:
    """The supplier's own number of the order, of letters that can be stored."""
    return shown(content.get("order_id")) or None
