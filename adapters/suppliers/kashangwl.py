"""卡商网 and its like: cards and direct top-ups, signed by MD5 over sorted names (row D1).

Built from published client code and tested against the simulator, never against the vendor. What
its codes of refusal mean is in no public document: the connection's `rejections` say it, and a code
that stands not there is uncertain until a query by our own reference tells.
"""

import hmac
from collections.abc import Mapping
from hashlib import md5
from typing import Any

import orjson

from adapters.answers import (
    MAX_RECEIPT_LETTERS,
    NOT_FOUND,
    balance_in,
    code_of,
    flaw_in,
    json_of,
    list_of,
    moment_in,
    object_of,
    refusals_in,
    refused,
    sent_in,
    settings_of,
    share_of,
    shown,
    text_in,
    too_late,
    units_in,
)
from adapters.goods import goods_in
from adapters.http import Ambiguous, NotSent, PartnerClient
from domain.kernel import clock, plain
from domain.suppliers.ports import (
    Accepted,
    CallbackTrust,
    Capabilities,
    CatalogueItem,
    Category,
    Completed,
    Connection,
    Flaw,
    Forged,
    NotFound,
    Notice,
    OwnReference,
    QueryResult,
    Rejected,
    Says,
    Submission,
    SubmitResult,
    SupplierPort,
    Uncertain,
    Why,
)

NAME = "kashangwl"
OK = "ok"
ACCOUNT = "recharge_account"
_RUNNING, _DONE, _FAILED = (100, 101), 200, 500
_SUPPLIED, _SOLD_OUT = 1, 3  # of a product: may be bought; there is none now
_SAYS = {"100": Says.RUNNING, "101": Says.RUNNING, "200": Says.DONE, "500": Says.FAILED}
_TOP_UP = 1  # product_type of what has no cards


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
            product=True,
            callback=CallbackTrust.SIGNED,
            not_found_answers=not_found_answers,
            settle_seconds=settle_seconds,
        )

    def account_of(self, connection: Connection) -> str:
        """The customer's number."""
        return settings_of(connection).get("customer_id", "")

    def flaw_of(self, connection: Connection) -> Flaw | None:
        """What the vendor gave: a customer's number and its key."""
        return flaw_in(connection, "customer_id", "key")

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
        if connection.callback_url:
            body["notify_url"] = connection.callback_url
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
        return _told(data)

    async def balance(self, connection: Connection) -> int | None:
        """What we have left there, in units; None when it cannot be told now."""
        try:
            _, content = await self._call(connection, "customer", {})
        except (NotSent, Ambiguous):
            return None
        return balance_in(object_of(content.get("data")), "balance")

    async def product(
        self, connection: Connection, item: str
    ) -> CatalogueItem | NotFound | Uncertain:
        """One product; there is no list of them. Its stock is told as enough or none."""
        try:
            body = {"product_id": _number(item)}
            status, content = await self._call(connection, "product", body)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        code = text_in(content, "code")
        meaning = refusals_in(settings_of(connection)).get(code)
        if status == 200 and meaning == Category.PRODUCT_GONE:
            return NotFound()
        found = goods_in([content.get("data")], _item) if status == 200 and code == OK else ()
        if found:
            return found[0]
        limited = status == 429 or meaning == Category.RATE_LIMITED
        category = Category.RATE_LIMITED if limited else Category.UNKNOWN
        return Uncertain(category, f"http_{status}_{shown(code, 40)}")

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> Notice | Forged:
        """A state without the goods, signed over all that it says."""
        content = sent_in(body)
        key = settings_of(connection).get("key", "")
        told, right = text_in(content, "sign"), signature(key, content)
        if not key or not hmac.compare_digest(told.encode(), right.encode()):
            return Forged(Why.SIGNATURE)
        return Notice(
            shown(content.get("outer_order_id")),
            shown(content.get("order_id")),
            _SAYS.get(shown(content.get("state")), Says.LOOK),
            at=moment_in(content, "timestamp", per_second=1_000),
        )

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


def _told(data: dict[str, Any]) -> QueryResult:
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
    if cards or data.get("product_type") != _TOP_UP:
        nothing = Accepted(upstream_id, withheld=True)
        return Completed(upstream_id, cards, cost) if cards else nothing
    receipt = shown(data.get("recharge_info"), MAX_RECEIPT_LETTERS) or upstream_id or ""
    return Completed(upstream_id, cards, cost, receipt, back == 0, share_of(cost, total))


def _item(data: dict[str, Any]) -> CatalogueItem:
    least, _, most = text_in(data, "valid_purchasing_quantity").partition("-")
    return CatalogueItem(
        item=shown(data.get("id")),
        name=shown(data.get("name")) or shown(data.get("id")),
        cost=units_in(data, "price"),
        currency="CNY",
        on_sale=data.get("supply_state") == _SUPPLIED,
        stock=0 if data.get("stock_state") == _SOLD_OUT else None,
        min_quantity=int(least) if least.isdecimal() and int(least) > 0 else 1,
        max_quantity=int(most) if most.isdecimal() and int(most) > 0 else None,
    )


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() else text
