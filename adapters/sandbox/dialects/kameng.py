"""Another Kameng as a supplier, at `/kameng/{supplier}/graphql/partner`: what our adapter asks.

It answers by the name of the operation and knows no GraphQL; that the documents fit the real schema
is tested against the schema, and that they work against a real instance (tests/journeys).
"""

import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox import trade
from adapters.sandbox.book import OrderEntry
from adapters.sandbox.dialects.doors import (
    STALE_SECONDS,
    Called,
    Spoil,
    book_of,
    call_back,
    caller_of,
    object_in,
    page_of,
    sandbox_secret,
    say,
    secret_for,
    shelf_of,
)
from adapters.sandbox.trade import Told

KEY = "kmk_sandbox"
MAX_SKEW_SECONDS = 300
CURRENCY = "CNY"
PAGE = 50
_ORDERS = {"accepted": "DELIVERING", "completed": "DELIVERED", "partial": "PARTIALLY_DELIVERED"}
_ORDERS |= {"refunded": "REFUNDED", "cancelled": "REFUNDED", "rejected": "REFUNDED"}
_LINES = {"accepted": "DELIVERING", "completed": "DELIVERED", "partial": "DELIVERED"}
_LINES |= {"refunded": "REFUNDED", "cancelled": "REFUNDED", "rejected": "REFUNDED"}
_CODES = {
    "out_of_stock": "OUT_OF_STOCK",
    "price_exceeded": "PRICE_CHANGED",
    "product_gone": "NOT_FOUND",
    "insufficient_balance": "BALANCE_INSUFFICIENT",
    "invalid_account": "ACCOUNT_INVALID",
    "expired": "INVALID",
}


def webhook_secret(code: str) -> str:
    """With what calls back are signed, as an instance shows it once."""
    return "whsec_" + b64encode(sandbox_secret(code).encode()).decode()


def routes() -> list[Route]:
    """What the simulator's application serves of it."""
    return [Route("/kameng/{supplier}/graphql/partner", take, methods=["POST"])]


async def take(request: Request) -> Response:
    """One operation."""
    body = await request.body()
    code = _refusal(request, body)
    if code is not None:
        return _errors(code)
    asked = await object_in(request)
    variables = asked.get("variables") or {}
    match asked.get("operationName"):
        case "Place":
            return await _place(request, variables.get("input") or {})
        case "Told":
            reference = str(variables.get("externalId"))
            told = trade.query(book_of(request), request.path_params["supplier"], reference)
            return await say(request, told, lambda told: _data({"order": _order(told)}))
        case "Reveal":
            return _reveal(request, str((variables.get("input") or {}).get("externalId")))
        case "Balance":
            units = book_of(request).balances()[request.path_params["supplier"]]
            return _data({"wallet": {"available": _money(units)}})
        case "Catalogue":
            rows, instead = shelf_of(request)
            return instead or _data({"catalog": _page(rows, variables)})
        case "Product":
            rows = book_of(request).items(request.path_params["supplier"])
            found = [row for row in rows if row["item"] == variables.get("sku")]
            return _data({"catalogItem": _node(found[0]) if found else None})
        case "Products":
            rows, wanted = book_of(request).items(request.path_params["supplier"]), variables
            found = [row for row in rows if row["item"] in (wanted.get("skus") or ())]
            return _data({"catalog": {"nodes": [_node(row) for row in found]}})
        case "Pushes":
            heard = request.app.state.webhooks.get(request.path_params["supplier"])
            return _data({"catalogPush": {"active": bool(heard)}})
    return _errors("INTERNAL")


async def _place(request: Request, asked: dict[str, Any]) -> Response:
    entries = asked.get("account")
    try:
        until = asked.get("validUntil")
        wanted = trade.Wanted(
            reference=str(asked["externalId"]),
            item=str(asked["sku"]),
            quantity=int(asked["quantity"]),
            max_unit_cost=trade.units_of(asked["maxUnitCost"]["amount"]),
            valid_until=datetime.fromisoformat(until).timestamp() if until else None,
            account={each["key"]: each["value"] for each in entries} if entries else None,
            notify_url=request.app.state.webhooks.get(request.path_params["supplier"], ""),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return _errors("BAD_INPUT")
    told = trade.submit(book_of(request), request.path_params["supplier"], wanted)
    call_back(request, told, notice)
    return await say(request, told, _placed)


def _placed(told: Told) -> Response:
    if told.state == "refused" and told.error in ("auth", "rate_limited", "E7731"):
        return _errors({"auth": "UNAUTHENTICATED", "rate_limited": "RATE_LIMITED"}.get(told.error))
    if told.state in ("refused", "rejected") or told.order is None:
        refusal = {"__typename": "FieldError", "code": _CODES.get(told.error, told.error)}
        nothing = {"order": None, "replayed": False, "userErrors": [refusal]}
        return _data({"orderPlace": nothing})
    head = {"order": _order(told), "replayed": told.repeated}
    return _data({"orderPlace": {**head, "userErrors": []}})


def _reveal(request: Request, reference: str) -> Response:
    order = book_of(request).find(request.path_params["supplier"], reference)
    codes = order.codes if order else []
    secrets = [
        {"cardId": f"crd_{order.id}_{index}", "number": number, "secret": secret}
        for index, (number, secret) in enumerate(codes)
        if order
    ]
    return _data({"orderCardsReveal": {"secrets": secrets, "userErrors": []}})


def _order(told: Told) -> dict[str, Any] | None:
    order = told.order
    if order is None or order.state == "rejected":
        return None
    done = told.state in ("completed", "partial")
    total = max(order.charged, order.unit_price * order.quantity)
    back = total - order.charged if done else 0
    delivery = None
    if done:
        kind = "TopupDelivery" if order.receipt else "CardDelivery"
        delivery = {"__typename": kind, "receipt": order.receipt}
    line = {
        "status": _LINES.get(told.state, told.state.upper()),
        "failureCode": "PARTLY_DELIVERED" if told.state == "partial" else None,
        "quantity": order.quantity,
        "total": _money(total),
        "refundedTotal": _money(back),
        "delivery": delivery,
    }
    status = _ORDERS.get(told.state, told.state.upper())
    head = {"id": f"ord_{order.id}", "externalId": order.reference, "status": status}
    return {**head, "total": _money(total), "refundedTotal": _money(back), "lines": [line]}


def _page(rows: list[dict[str, Any]], variables: dict[str, Any]) -> dict[str, Any]:
    cursor, size = str(variables.get("after") or ""), int(variables.get("first") or PAGE)
    page, more = page_of(rows, cursor, size)
    end = page[-1]["item"] if page else None
    info = {"hasNextPage": more is not None, "endCursor": end}
    return {"nodes": [_node(row) for row in page], "pageInfo": info}


def _node(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "sku": row["item"],
        "name": row["item"],
        "price": _money(row["price"]),
        "faceValue": None,
        "stockLevel": "OUT" if row["stock"] == 0 else "IN_STOCK",
        "minQuantity": 1,
        "maxQuantity": 100,
        "accountFields": [{"key": name, "required": True} for name in row["account"] or ()],
    }


def notice(order: OrderEntry, state: str, spoil: Spoil) -> Called:
    """Headers and body of a webhook about an order."""
    kind = {"completed": "order.delivered", "accepted": "order.delivering"}
    event = f"evt_{uuid5(NAMESPACE_URL, f'{order.supplier}/{order.reference}/{state}').hex}"
    data = {"orderId": f"ord_{order.id}", "externalId": order.reference}
    return _signed(order.supplier, event, kind.get(state, "order.delivery_failed"), data, spoil)


def goods_notice(supplier: str, items: Sequence[str], spoil: Spoil = Spoil.NONE) -> Called:
    """Headers and body of a webhook about goods that changed; what they cost stands in the list."""
    data = {"userId": "usr_1", "items": [{"sku": item} for item in items]}
    return _signed(supplier, f"evt_{uuid4().hex}", "goods.changed", data, spoil)


def tell_goods(request: Request, supplier: str, items: Sequence[str]) -> None:
    """Tell whoever listens to a supplier's webhooks which of its items changed."""
    url = request.app.state.webhooks.get(supplier)
    if url and items:
        once = goods_notice(supplier, items)
        caller_of(request).call(url, lambda: once, lambda answer: answer.status < 300)


def _signed(supplier: str, event: str, kind: str, data: dict[str, Any], spoil: Spoil) -> Called:
    at = int(time.time()) - (STALE_SECONDS if spoil is Spoil.STALE else 0)
    content = {
        "type": kind,
        "timestamp": datetime.fromtimestamp(at, UTC).isoformat(),
        "data": data,
    }
    body = orjson.dumps(content)
    key = b64decode(b64encode(secret_for(supplier, spoil).encode()))
    digest = hmac.digest(key, f"{event}.{at}.".encode() + body, sha256)
    headers = {
        "content-type": "application/json",
        "webhook-id": event,
        "webhook-timestamp": str(at),
        "webhook-signature": "v1," + b64encode(digest).decode(),
    }
    return headers, body


def _refusal(request: Request, body: bytes) -> str | None:
    """The code of an error when a request is not signed as it must be."""
    book, supplier = book_of(request), request.path_params["supplier"]
    if supplier not in book.balances() or request.headers.get("authorization") != f"Bearer {KEY}":
        return "UNAUTHENTICATED"
    header = request.headers.get("partner-signature", "")
    parts = dict(each.split("=", 1) for each in header.split(",") if "=" in each)
    told, nonce = parts.get("t", ""), parts.get("n", "")
    text = f"{told}.{nonce}.".encode() + body
    right = hmac.digest(sandbox_secret(supplier).encode(), text, sha256).hex()
    if not hmac.compare_digest(right, parts.get("v1", "")):
        return "signature_wrong"
    if not told.isdecimal() or abs(time.time() - int(told)) > MAX_SKEW_SECONDS:
        return "signature_old"
    return None if book.use_nonce(supplier, nonce) else "signature_replayed"


def _data(content: dict[str, Any]) -> Response:
    return JSONResponse({"data": content})


def _errors(code: str | None) -> Response:
    told = code or "INTERNAL"
    extensions = {"code": told}
    if told.startswith("signature_"):
        extensions = {"code": "SIGNATURE_WRONG", "reason": told}
    error = {"message": told, "extensions": extensions}
    return JSONResponse({"data": None, "errors": [error]})


def _money(units: int) -> dict[str, str]:
    return {"amount": trade.amount(units), "currency": CURRENCY}
