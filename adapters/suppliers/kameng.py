"""Another Kameng as a supplier: its partner door is our downstream API (rows D1, O5).

What a partner needs is there already: signed requests, an order that its own `externalId` makes
once for ever, a price guard, the balance, the catalogue, signed webhooks. So the adapter speaks
GraphQL to it and nothing new listens (docs/decisions/0047).
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from adapters.answers import (
    MAX_RECEIPT_LETTERS,
    code_of,
    flaw_in,
    json_of,
    list_of,
    object_of,
    settings_of,
    share_of,
    shown,
    text_in,
    too_late,
    units_in,
)
from adapters.goods import PAGE, goods_in
from adapters.http import Ambiguous, NotSent, PartnerClient
from adapters.standard_webhooks import checked, flaw_of_key, key_of
from domain.identity import sign
from domain.kernel import clock, plain
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
    GoodsNotice,
    NotFound,
    Notice,
    OwnReference,
    Pushes,
    QueryResult,
    Rejected,
    Says,
    Submission,
    SubmitResult,
    SuppliedCode,
    SupplierPort,
    Uncertain,
)

NAME = "kameng"
PATH = "/graphql/partner"
_SHAPE = """
fragment Shape on Order {
  id externalId status total { amount currency } refundedTotal { amount currency }
  lines {
    status failureCode quantity total { amount } refundedTotal { amount }
    delivery { __typename ... on TopupDelivery { receipt } ... on ManualDelivery { note } }
  }
}
"""
PLACE = (
    """mutation Place($input: OrderPlaceInput!) {
  orderPlace(input: $input) { order { ...Shape } replayed userErrors { code retryable } }
}"""
    + _SHAPE
)
TOLD = (
    """query Told($externalId: String!) { order(externalId: $externalId) { ...Shape } }""" + _SHAPE
)
REVEAL = """mutation Reveal($input: OrderCardsRevealInput!) {
  orderCardsReveal(input: $input) { secrets { cardId number secret } userErrors { code } }
}"""
BALANCE = """query Balance { wallet { available { amount currency } } }"""
_GOODS = """
fragment Goods on PartnerVariant {
  sku name stockLevel price { amount currency } minQuantity maxQuantity
  faceValue { amount currency } accountFields { key required }
}
"""
CATALOGUE = (
    """query Catalogue($first: Int!, $after: String) {
  catalog(first: $first, after: $after) {
    nodes { ...Goods } pageInfo { hasNextPage endCursor }
  }
}"""
    + _GOODS
)
PRODUCT = """query Product($sku: String!) { catalogItem(sku: $sku) { ...Goods } }""" + _GOODS
PRODUCTS = (
    """query Products($skus: [String!]!, $first: Int!) {
  catalog(first: $first, skus: $skus) { nodes { ...Goods } }
}"""
    + _GOODS
)
PUSHES = """query Pushes { catalogPush { active } }"""
GOODS_CHANGED = "goods.changed"
MOST_CHANGED = 1_000  # of one message
SHOP_BUSY = "SHOP_BUSY"  # told with status 503, before anybody looked at the order
# Refusals are values there: whatever is among `userErrors`, nothing was changed.
_REFUSALS = {
    "OUT_OF_STOCK": Category.OUT_OF_STOCK,
    "PRICE_CHANGED": Category.PRICE_EXCEEDED,
    "PRICE_BELOW_COST": Category.PRICE_EXCEEDED,
    "NOT_FOUND": Category.PRODUCT_GONE,
    "NOT_FOR_SALE": Category.PRODUCT_GONE,
    "QUANTITY_OUT_OF_RANGE": Category.PRODUCT_GONE,
    "BALANCE_INSUFFICIENT": Category.INSUFFICIENT_BALANCE,
    "ACCOUNT_INVALID": Category.INVALID_ACCOUNT,
    "BUSY": Category.PROVIDER_DOWN,
    SHOP_BUSY: Category.RATE_LIMITED,
}
# Known there under our reference, or being worked on: only a query may tell.
_PERHAPS = ("IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_IN_PROGRESS")
# Of errors that end a request before anything is done. That our nonce was seen before is not among
# them: somebody on the way has sent the same request already, and that one may have bought.
_NOT_BEGUN = {
    "UNAUTHENTICATED": Category.AUTH,
    "signature_missing": Category.AUTH,
    "signature_wrong": Category.AUTH,
    "signature_old": Category.AUTH,
    "FORBIDDEN": Category.AUTH,
    "RATE_LIMITED": Category.RATE_LIMITED,
    SHOP_BUSY: Category.RATE_LIMITED,
}
_OPEN = ("PENDING_PAYMENT", "PAID", "DELIVERING", "RISK_REVIEW")
_NEVER = ("FAILED", "CANCELLED", "EXPIRED")
_GONE = ("REFUNDED", "CANCELLED")
_SAYS = {
    "order.paid": Says.RUNNING,
    "order.delivering": Says.RUNNING,
    "order.delivered": Says.DONE,
    "order.partially_delivered": Says.DONE,
    "order.delivery_failed": Says.FAILED,
    "order.refunded": Says.FAILED,  # in part or whole; a query tells
}


class Kameng(SupplierPort):
    """The supplier port to another instance. Settings: `key` and `signing_secret` of a partner, and
    the `webhook_secret` of an endpoint there that calls us back, if it has one."""

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
            products_at_once=PAGE,
            not_found_answers=not_found_answers,
            settle_seconds=settle_seconds,
        )

    def capabilities_of(self, connection: Connection) -> Capabilities:
        """Callbacks come where an endpoint was made for us."""
        if not settings_of(connection).get("webhook_secret"):
            return self.capabilities
        return replace(self.capabilities, callback=CallbackTrust.SIGNED)

    def flaw_of(self, connection: Connection) -> Flaw | None:
        """Key and signing secret of a partner; a `webhook_secret` that is there must sign."""
        settings = settings_of(connection)
        signs = flaw_of_key(settings, "webhook_secret") if "webhook_secret" in settings else None
        return flaw_in(connection, "key", "signing_secret") or signs

    async def submit(self, connection: Connection, submission: Submission) -> SubmitResult:
        """Buy; own stock comes at once, what is bought further up follows."""
        if late := too_late(submission):
            return late
        wish: dict[str, Any] = {
            "externalId": submission.reference,
            "sku": submission.item,
            "quantity": submission.quantity,
            "maxUnitCost": _money(submission.max_unit_cost, submission.currency),
            "validUntil": submission.valid_until.isoformat(),
        }
        if submission.account:
            entries = [{"key": key, "value": str(told)} for key, told in submission.account.items()]
            wish["account"] = entries
        try:
            status, content = await self._ask(connection, "Place", PLACE, {"input": wish})
        except NotSent as error:
            return Rejected(Category.PROVIDER_DOWN, str(error))
        except Ambiguous as error:
            return Uncertain(detail=str(error))
        code = _error_in(content)
        if code in _NOT_BEGUN and (status < 500 or code == SHOP_BUSY):
            return Rejected(_NOT_BEGUN[code], code.lower())
        payload = object_of(object_of(content.get("data")).get("orderPlace"))
        for refusal in list_of(payload.get("userErrors")):
            return _refusal(shown(object_of(refusal).get("code"), 40))
        if status != 200 or code or not isinstance(payload.get("order"), dict):
            return Uncertain(detail=f"http_{status}_{shown(code, 40)}")
        told = await self._told(connection, submission, payload["order"])
        return Uncertain(detail="not_found") if isinstance(told, NotFound) else told

    async def query(self, connection: Connection, submission: Submission) -> QueryResult:
        """What became of the order with our reference."""
        variables = {"externalId": submission.reference}
        try:
            status, content = await self._ask(connection, "Told", TOLD, variables)
            data = object_of(content.get("data"))
            if status != 200 or _error_in(content) or "order" not in data:
                return Uncertain(detail=f"http_{status}_{shown(_error_in(content), 40)}")
            if data["order"] is None:
                return NotFound()
            return await self._told(connection, submission, object_of(data["order"]))
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))

    async def balance(self, connection: Connection) -> int | None:
        """What we have left there, in units; None when it cannot be told now."""
        try:
            _, content = await self._ask(connection, "Balance", BALANCE, {})
            wallet = object_of(object_of(content.get("data")).get("wallet"))
            return units_in(object_of(wallet.get("available")), "amount")
        except (NotSent, Ambiguous, ValueError):
            return None

    async def catalogue(
        self, connection: Connection, cursor: str | None = None
    ) -> CataloguePage | Uncertain:
        """One page of what it sells to us, at our own prices, by SKU."""
        try:
            asked = {"first": PAGE, "after": cursor}
            status, content = await self._ask(connection, "Catalogue", CATALOGUE, asked)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        page = object_of(object_of(content.get("data")).get("catalog"))
        if status != 200 or _error_in(content) or not isinstance(page.get("nodes"), list):
            return _no_goods(status, content)
        info = object_of(page.get("pageInfo"))
        more = text_in(info, "endCursor") if info.get("hasNextPage") is True else ""
        return CataloguePage(goods_in(page["nodes"], _item), more or None)

    async def product(
        self, connection: Connection, item: str
    ) -> CatalogueItem | NotFound | Uncertain:
        """One variant."""
        try:
            status, content = await self._ask(connection, "Product", PRODUCT, {"sku": item})
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        data = object_of(content.get("data"))
        if status != 200 or _error_in(content) or "catalogItem" not in data:
            return _no_goods(status, content)
        if data["catalogItem"] is None:
            return NotFound()
        found = goods_in([data["catalogItem"]], _item)
        return found[0] if found else Uncertain(detail="item_unreadable")

    async def products(
        self, connection: Connection, items: Sequence[str]
    ) -> tuple[CatalogueItem, ...] | Uncertain:
        """Some variants, in one question."""
        try:
            asked = {"skus": list(items), "first": PAGE}
            status, content = await self._ask(connection, "Products", PRODUCTS, asked)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Category.PROVIDER_DOWN, str(error))
        page = object_of(object_of(content.get("data")).get("catalog"))
        if status != 200 or _error_in(content) or not isinstance(page.get("nodes"), list):
            return _no_goods(status, content)
        return goods_in(page["nodes"], _item)

    async def pushes_of(self, connection: Connection) -> Pushes:
        """Whether it tells us of changes; an instance of before knows no such question."""
        try:
            status, content = await self._ask(connection, "Pushes", PUSHES, {})
        except (NotSent, Ambiguous):
            return Pushes.UNKNOWN
        told = object_of(object_of(content.get("data")).get("catalogPush"))
        if told:
            return Pushes.ACTIVE if told.get("active") is True else Pushes.OFFERED
        code = _error_in(content)
        unheard = status >= 500 or code in (*_NOT_BEGUN, "") or code.startswith("signature_")
        return Pushes.UNKNOWN if unheard else Pushes.NONE

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> Notice | GoodsNotice | Forged:
        """A webhook of the other instance: how an order stands, never its codes; or which of its
        goods changed."""
        secret = key_of(settings_of(connection), "webhook_secret")
        sent = checked(secret, headers, body)
        if isinstance(sent, Forged):
            return sent
        if sent.kind == GOODS_CHANGED:
            rows = list_of(sent.data.get("items"))[:MOST_CHANGED]
            told = (shown(object_of(row).get("sku")) for row in rows)
            return GoodsNotice(tuple(sku for sku in told if sku), sent.at, sent.number)
        return Notice(
            shown(sent.data.get("externalId")),
            shown(sent.data.get("orderId")),
            _SAYS.get(sent.kind, Says.LOOK),
            at=sent.at,
            nonce=sent.number,
        )

    async def _told(
        self, connection: Connection, submission: Submission, order: dict[str, Any]
    ) -> QueryResult:
        """The order that an answer shows; anything not surely ours and understood is uncertain."""
        if order.get("externalId") != submission.reference:
            return Uncertain(detail="other_order")
        number, state = shown(order.get("id")) or None, text_in(order, "status")
        lines = [object_of(line) for line in list_of(order.get("lines"))]
        if state in _OPEN:
            return Accepted(number)
        if state in _NEVER or (lines and all(line.get("status") in _GONE for line in lines)):
            why = next((text_in(line, "failureCode") for line in lines), "")
            return Rejected(_REFUSALS.get(why, Category.UNKNOWN), shown(why or state, 40).lower())
        if len(lines) != 1 or lines[0].get("status") != "DELIVERED":
            return Uncertain(detail=f"state_{shown(state, 40)}")
        try:
            return await self._delivered(connection, submission, number, lines[0])
        except (NotSent, Ambiguous):
            return Accepted(number)  # done, and its codes are fetched another time
        except ValueError:
            return Uncertain(detail="delivery_unreadable")

    async def _delivered(
        self,
        connection: Connection,
        submission: Submission,
        number: str | None,
        line: dict[str, Any],
    ) -> QueryResult:
        total = units_in(object_of(line.get("total")), "amount")
        cost = total - units_in(object_of(line.get("refundedTotal")), "amount")
        delivery = object_of(line.get("delivery"))
        if text_in(delivery, "__typename") == "CardDelivery":
            codes = await self._codes(connection, submission)
            nothing = Accepted(number, withheld=True)
            return nothing if codes is None else Completed(number, codes, cost)
        receipt = text_in(delivery, "receipt") or text_in(delivery, "note")
        whole = text_in(line, "failureCode") != "PARTLY_DELIVERED"
        share = 0 if whole else share_of(cost, total)
        told = shown(receipt, MAX_RECEIPT_LETTERS) or number or submission.reference
        return Completed(number, (), cost, told, whole, share)

    async def _codes(
        self, connection: Connection, submission: Submission
    ) -> tuple[SuppliedCode, ...] | None:
        """The codes; None when they are not shown now. Each look is audited there."""
        variables = {"input": {"externalId": submission.reference}}
        status, content = await self._ask(connection, "Reveal", REVEAL, variables)
        payload = object_of(object_of(content.get("data")).get("orderCardsReveal"))
        if status != 200 or _error_in(content) or list_of(payload.get("userErrors")):
            return None
        return tuple(code_of(each) for each in list_of(payload.get("secrets"))) or None

    async def _ask(
        self, connection: Connection, name: str, document: str, variables: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        asked = {"operationName": name, "query": document, "variables": variables}
        body = orjson.dumps(asked)
        given = settings_of(connection)
        answer = await self.client.send(
            "POST",
            connection.base_url.rstrip("/") + PATH,
            headers=signed(given.get("key", ""), given.get("signing_secret", ""), body),
            body=body,
            timeout_seconds=connection.timeout_seconds,
        )
        return answer.status, json_of(answer)


def signed(key: str, signing_secret: str, body: bytes) -> dict[str, str]:
    """The headers of a request to the partner door."""
    moment, nonce = int(clock.now().timestamp()), secrets.token_hex(16)
    digest = sign(signing_secret, moment, nonce, body)
    return {
        "content-type": "application/json",
        "authorization": f"Bearer {key}",
        "partner-signature": f"t={moment},n={nonce},v1={digest}",
    }


def _item(node: dict[str, Any]) -> CatalogueItem:
    """A variant there; how many there are is not told, but that there are none is."""
    price, face = object_of(node.get("price")), object_of(node.get("faceValue"))
    fields = [object_of(each) for each in list_of(node.get("accountFields"))]
    return CatalogueItem(
        item=text_in(node, "sku"),
        name=shown(node.get("name")) or text_in(node, "sku"),
        cost=units_in(price, "amount") if price else None,
        currency=text_in(price, "currency") or "CNY",
        stock=0 if node.get("stockLevel") == "OUT" else None,
        min_quantity=_count(node.get("minQuantity")) or 1,
        max_quantity=_count(node.get("maxQuantity")),
        face_value=units_in(face, "amount") if face else None,
        account_fields=tuple(shown(each.get("key")) for each in fields),
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 < value < 2**31 else None


def _no_goods(status: int, content: dict[str, Any]) -> Uncertain:
    code = _error_in(content)
    category = Category.RATE_LIMITED if code == "RATE_LIMITED" or status == 429 else None
    return Uncertain(category or Category.UNKNOWN, f"http_{status}_{shown(code, 40)}")


def _refusal(code: str) -> Rejected | Uncertain:
    if code in _PERHAPS or not code:
        return Uncertain(detail=code.lower() or "refusal_without_code")
    return Rejected(_REFUSALS.get(code, Category.UNKNOWN), code.lower())


def _error_in(content: dict[str, Any]) -> str:
    """The code of an error that is not a refusal, or what is wrong with a signature; empty when
    there is none."""
    for error in list_of(content.get("errors")):
        told = object_of(object_of(error).get("extensions"))
        code = text_in(told, "code") or "UNKNOWN"
        return text_in(told, "reason") or code if code == "SIGNATURE_WRONG" else code
    return ""


def _money(units: int, currency: str) -> dict[str, str]:
    return {"amount": plain(units), "currency": currency}
