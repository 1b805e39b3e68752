"""卡商网 and its like: cards and direct top-ups, signed by MD5 over sorted names (row D1).

Built from published client code and tested against the simulator, never against the vendor. What
its codes of refusal mean is in no public document: the connection's `rejections` say it, and a code
that stands not there is uncertain until a query by our own reference tells.
"""

from hashlib import md5
from typing import Any

import orjson

from adapters.answers import (
    MAX_RECEIPT_LETTERS,
    NOT_FOUND,
    balance_in,
    code_of,
    json_of,
    list_of,
    object_of,
    refusals_in,
    refused,
    settings_of,
    share_of,
    shown,
    text_in,
    too_late,
    units_in,
)
from adapters.http import Ambiguous, NotSent, PartnerClient
from domain.kernel import clock, plain
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

NAME = "kashangwl"
OK = "ok"
ACCOUNT = "recharge_account"
_RUNNING, _DONE, _FAILED = (100, 101), 200, 500


class Kashangwl(SupplierPort):
    """The supplier port in this dialect. Settings: `customer_id`, `key`, `rejections`."""

    def __init__(
        self, client: PartnerClient, *, settle_seconds: float = 60.0, not_found_answers: int = 3
    ) -> None:
        self.client = client
        self.capabilities = Capabilities(
            own_reference=OwnReference.ERROR_ON_REPEAT,
            query_by_own_reference=True,
            price_guard=True,
            partial=True,
            balance=True,
            not_found_answers=not_found_answers,
            settle_seconds=settle_seconds,
        )

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        """Buy; cards may come at once, top-ups follow."""
        if late := too_late(submission):
            return late
        body: dict[str, Any] = {
            "product_id": _number(submission.item),
            "quantity": submission.quantity,
            "outer_order_id": submission.reference,
            "safe_cost": plain(submission.max_unit_cost),
        }
        account = {name: str(value) for name, value in submission.account.items()}
        if ACCOUNT in account:
            body[ACCOUNT] = account.pop(ACCOUNT)
        if account:
            body["recharge_template_input_items"] = account
        try:
            status, content = await self._call(connection, "buy", body)
        except NotSent as error:
            return Rejected(Category.PROVIDER_DOWN, str(error))
        except Ambiguous as error:
            return Uncertain(detail=str(error))
        code = text_in(content, "code")
        if status != 200 or not code:
            return Uncertain(detail=f"http_{status}")
        if code != OK:
            return refused(code, refusals_in(settings_of(connection)))
        return _bought(object_of(content.get("data")), submission)

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        """What became of the order with our reference."""
        try:
            body = {"outer_order_id": submission.reference}
            status, content = await self._call(connection, "outer-order", body)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        code = text_in(content, "code")
        if status == 200 and refusals_in(settings_of(connection)).get(code) == NOT_FOUND:
            return NotFound()
        if status != 200 or code != OK:
            return Uncertain(detail=f"http_{status}" if status != 200 else f"code_{shown(code)}")
        data = object_of(content.get("data"))
        if data.get("outer_order_id") != submission.reference:
            return Uncertain(detail="other_order")
        return _told(data, submission)

    async def balance(self, connection: Connection) -> int | None:
        """What we have left there, in units; None when it cannot be told now."""
        try:
            _, content = await self._call(connection, "customer", {})
        except (NotSent, Ambiguous):
            return None
        return balance_in(object_of(content.get("data")), "balance")

    async def _call(
        self, connection: Connection, name: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        settings = settings_of(connection)
        body["customer_id"] = _number(settings.get("customer_id", ""))
        body["timestamp"] = int(clock.now().timestamp() * 1000)
        body["sign"] = signature(settings.get("key", ""), body)
        answer = await self.client.send(
            "POST",
            f"{connection.base_url.rstrip('/')}/api/{name}",
            headers={"content-type": "application/json"},
            body=orjson.dumps(body),
            timeout_seconds=connection.timeout_seconds,
        )
        return answer.status, json_of(answer)


def signature(key: str, content: dict[str, Any]) -> str:
    """MD5 of the key and each name with its value, sorted by name; objects as JSON."""
    told = "".join(
        name + (value if isinstance(value, str) else orjson.dumps(value).decode())
        for name, value in sorted(content.items())
        if name != "sign"
    )
    return md5((key + told).encode(), usedforsecurity=False).hexdigest()


def _bought(data: dict[str, Any], submission: Submission) -> SubmitResult:
    """What a purchase is answered: all cards at once, else whatever the query will tell.

    The answer does not say what was given back of the price, so neither a failure nor less than was
    asked for, nor a top-up, is taken from it.
    """
    state, upstream_id = data.get("state"), shown(data.get("order_id")) or None
    if state in _RUNNING:
        return Accepted(upstream_id)
    if state != _DONE:
        return Uncertain(detail=f"state_{shown(state)}")
    try:
        cost = units_in(data, "total_price")
        cards = [code_of(each, "card_no", "card_password") for each in list_of(data.get("cards"))]
        cards += [code_of(each, "no", "ticket") for each in list_of(data.get("tickets"))]
    except ValueError:
        return Uncertain(detail="delivery_unreadable")
    if submission.account or len(cards) != submission.quantity:
        return Accepted(upstream_id)
    return Completed(upstream_id, tuple(cards), cost)


def _told(data: dict[str, Any], submission: Submission) -> QueryResult:
    state, upstream_id = data.get("state"), shown(data.get("id")) or None
    if state in _RUNNING:
        return Accepted(upstream_id)
    if state not in (_DONE, _FAILED):
        return Uncertain(detail=f"state_{shown(state)}")
    try:
        total, back = units_in(data, "total_price"), units_in(data, "refunded_amount")
        cards = tuple(code_of(each, "no", "password") for each in list_of(data.get("cards")))
    except ValueError:
        return Uncertain(detail="delivery_unreadable")
    if state == _FAILED:
        if back >= total and not cards:
            return Rejected(Category.UNKNOWN, "failed")
        return Uncertain(detail="failed_and_not_refunded")
    cost = total - back
    if cost < 0 or (cost == 0 < total):
        return Uncertain(detail="done_and_refunded")
    if not submission.account:
        return Completed(upstream_id, cards, cost) if cards else Uncertain(detail="no_cards")
    receipt = shown(data.get("recharge_info"), MAX_RECEIPT_LETTERS) or upstream_id or ""
    return Completed(upstream_id, cards, cost, receipt, back == 0, share_of(cost, total))


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() else text
