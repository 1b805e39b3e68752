"""A supplier in any language: one address that answers signed questions (api.md, supplier.fulfil).

Each question is a POST after Standard Webhooks: `{"type": "supplier.submit", "timestamp", "data"}`.
The answer is one JSON object of the port's closed set; docs/add-a-supplier.md describes it and
frontend-examples/supplier-hook receives it. Anything else that comes back is uncertain.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from standardwebhooks import Webhook

from adapters.answers import (
    MAX_RECEIPT_LETTERS,
    balance_in,
    code_of,
    json_of,
    list_of,
    settings_of,
    share_of,
    shown,
    text_in,
    units_in,
)
from adapters.goods import PAGE, goods_in, stock_in
from adapters.http import Ambiguous, NotSent, PartnerClient
from adapters.standard_webhooks import checked, flaw_of_key, key_of
from domain.kernel import SCALE, clock, new_id, plain
from domain.suppliers.ports import (
    Accepted,
    CallbackTrust,
    Capabilities,
    CatalogueItem,
    CataloguePage,
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

NAME = "hook"
RESULT = "supplier.result"
_SAYS = {"accepted": Says.RUNNING, "completed": Says.DONE, "rejected": Says.FAILED}


class Hook(SupplierPort):
    """The supplier port as a webhook. Setting: `secret`, as `whsec_...`.

    Its author promises what docs/add-a-supplier.md asks: the same reference again answers the first
    result, and nothing begins after `validUntil`.
    """

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
            callback_carries_payload=True,
            not_found_answers=not_found_answers,
            settle_seconds=settle_seconds,
        )

    def flaw_of(self, connection: Connection) -> Flaw | None:
        """The `secret` must be able to sign."""
        return flaw_of_key(settings_of(connection), "secret")

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        """Buy."""
        wish = {
            "reference": submission.reference,
            "item": submission.item,
            "quantity": submission.quantity,
            "maxUnitCost": {
                "amount": plain(submission.max_unit_cost),
                "currency": submission.currency,
            },
            "validUntil": submission.valid_until.isoformat(),
            "account": dict(submission.account) or None,
            "callbackUrl": connection.callback_url or None,
        }
        try:
            status, content = await self._ask(connection, "supplier.submit", wish)
        except NotSent as error:
            return Rejected(Category.PROVIDER_DOWN, str(error))
        except Ambiguous as error:
            return Uncertain(detail=str(error))
        told = _told(status, content, submission.reference)
        return Uncertain(detail="not_found") if isinstance(told, NotFound) else told

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        """What became of the submission with this reference."""
        wish = {"reference": submission.reference}
        try:
            status, content = await self._ask(connection, "supplier.query", wish)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        if status != 200:  # of an order that may exist, this says nothing
            return Uncertain(detail=f"http_{status}")
        return _told(status, content, submission.reference)

    async def balance(self, connection: Connection) -> int | None:
        """What we have left there, in units; None when it cannot be told now."""
        try:
            _, content = await self._ask(connection, "supplier.balance", {})
        except (NotSent, Ambiguous):
            return None
        return balance_in(content, "balance")

    async def catalogue(
        self, connection: Connection, cursor: str | None = None
    ) -> CataloguePage | Uncertain:
        """One page of what it sells; a hook that keeps no list says so by any other answer."""
        try:
            asked = {"cursor": cursor}
            status, content = await self._ask(connection, "supplier.catalogue", asked)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        if status != 200 or not isinstance(content.get("items"), list):
            return _no_goods(status)
        return CataloguePage(goods_in(content["items"], _item), shown(content.get("next")) or None)

    async def product(
        self, connection: Connection, item: str
    ) -> CatalogueItem | NotFound | Uncertain:
        """One item."""
        try:
            status, content = await self._ask(connection, "supplier.product", {"item": item})
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        if status == 200 and text_in(content, "result") == "not_found":
            return NotFound()
        found = goods_in([content], _item) if status == 200 else ()
        return found[0] if found else _no_goods(status)

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> Notice | Forged:
        """`supplier.result`: signed with the same secret, its data is what a query would answer."""
        sent = checked(key_of(settings_of(connection), "secret"), headers, body)
        if isinstance(sent, Forged):
            return sent
        if sent.kind != RESULT:
            return Forged(Why.UNREADABLE, shown(sent.kind, 40))
        told = dict(sent.data)
        reference = shown(told.get("reference"))
        return Notice(
            reference,
            shown(told.get("upstreamId")),
            _SAYS.get(text_in(told, "result"), Says.LOOK),
            _told(200, told, reference),
            sent.at,
            sent.number,
        )

    async def _ask(
        self, connection: Connection, kind: str, data: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        moment, number = clock.now(), f"sup_{new_id().hex}"
        asked = {"type": kind, "timestamp": moment.isoformat(), "data": data}
        body = orjson.dumps(asked)
        if self.flaw_of(connection):
            raise NotSent("secret_unusable")
        secret = key_of(settings_of(connection), "secret")
        headers = {
            "content-type": "application/json",
            "webhook-id": number,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(number, moment, body.decode()),
        }
        answer = await self.client.send(
            "POST",
            connection.base_url,
            headers=headers,
            body=body,
            timeout_seconds=connection.timeout_seconds,
        )
        return answer.status, json_of(answer)


def _item(row: dict[str, Any]) -> CatalogueItem:
    stock, _ = stock_in(row.get("stock"))
    return CatalogueItem(
        item=shown(row.get("item")),
        name=shown(row.get("name")) or shown(row.get("item")),
        cost=units_in(row, "price"),
        currency=shown(row.get("currency"), 3) or "CNY",
        on_sale=row.get("onSale") is not False,
        stock=stock,
        face_value=balance_in(row, "face"),
        account_fields=tuple(shown(each) for each in list_of(row.get("account"))),
    )


def _no_goods(status: int) -> Uncertain:
    category = Category.RATE_LIMITED if status == 429 else Category.UNKNOWN
    return Uncertain(category, f"http_{status}")


def _told(status: int, content: dict[str, Any], reference: str) -> QueryResult:
    """One answer of the closed set."""
    result = text_in(content, "result")
    if result == "rejected" and status < 500:
        category = text_in(content, "category")
        if category not in set(Category) or category == Category.DUPLICATE_REFERENCE:
            return Uncertain(detail=f"category_{shown(category, 40)}")
        return Rejected(Category(category), shown(content.get("detail") or category))
    if status != 200:
        return Uncertain(detail=f"http_{status}")
    if result == "not_found":
        return NotFound()
    if content.get("reference") != reference:
        return Uncertain(detail="other_order")
    upstream_id = shown(content.get("upstreamId")) or None
    if result == "accepted":
        return Accepted(upstream_id)
    if result != "completed":
        return Uncertain(detail=f"result_{shown(result, 40)}")
    receipt = shown(content.get("receipt"), MAX_RECEIPT_LETTERS)
    try:
        cost = units_in(content, "cost")
        codes = tuple(code_of(each) for each in list_of(content.get("codes")))
    except ValueError:
        return Uncertain(detail="delivery_unreadable")
    if cost < 0:
        return Uncertain(detail="delivery_unreadable")
    if not (codes or receipt):
        return Accepted(upstream_id, withheld=True)
    whole = content.get("whole") is not False
    made = balance_in(content, "delivered") or 0
    share = 0 if whole or not receipt else share_of(made, SCALE)
    return Completed(upstream_id, codes, cost, receipt, whole, share)
