"""The dialect of Reloadly, at `/reloadly/{supplier}/`: gift cards and airtime, after its openapi.

A token is asked for first. Prices of the book are those of our account, in dollars; what is printed
on a card, or charged to a phone, is in the item's name: `<product>:<price>`.
"""

import secrets
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox import trade
from adapters.sandbox.book import OrderEntry
from adapters.sandbox.dialects.doors import (
    book_of,
    object_in,
    sandbox_secret,
    say,
    shelf_of,
)
from adapters.sandbox.trade import Told

CLIENT_ID = "sandbox-client"
CURRENCY = "USD"
TOKEN_SECONDS = 3_600
PAGE = 50
_STATES = {
    "accepted": "PROCESSING",
    "completed": "SUCCESSFUL",
    "partial": "SUCCESSFUL",
    "rejected": "FAILED",
    "refunded": "REFUNDED",
    "cancelled": "REFUNDED",
}
_CODES = {
    "out_of_stock": "PRODUCT_OUT_OF_STOCK",
    "product_gone": "PRODUCT_NOT_FOUND",
    "insufficient_balance": "INSUFFICIENT_BALANCE",
    "invalid_account": "INVALID_RECIPIENT_PHONE",
    "auth": "INVALID_TOKEN",
    "rate_limited": "TOO_MANY_REQUESTS",
}
_STATUS = {"auth": 401, "rate_limited": 429}
_tokens: dict[str, tuple[str, float]] = {}  # of this process: token, whose it is and until when


def routes() -> list[Route]:
    """What the simulator's application serves of it."""
    under = "/reloadly/{supplier}"
    return [
        Route(f"{under}/oauth/token", token, methods=["POST"]),
        Route(f"{under}/accounts/balance", balance),
        Route(f"{under}/products", products),
        Route(f"{under}/products/{{product:int}}", product),
        Route(f"{under}/operators/{{product:int}}", operator),
        Route(f"{under}/orders", order_gift_card, methods=["POST"]),
        Route(f"{under}/orders/transactions/{{number:int}}/cards", cards),
        Route(f"{under}/reports/transactions", gift_card_report),
        Route(f"{under}/topups-async", top_up, methods=["POST"]),
        Route(f"{under}/topups/reports/transactions", top_up_report),
    ]


async def token(request: Request) -> Response:
    """Client credentials for a token."""
    body, supplier = await object_in(request), request.path_params["supplier"]
    told = (body.get("client_id"), body.get("client_secret"), body.get("grant_type"))
    if told != (CLIENT_ID, sandbox_secret(supplier), "client_credentials"):
        return JSONResponse({"errorCode": "INVALID_CREDENTIALS", "message": "Access Denied"}, 401)
    new = secrets.token_urlsafe(32)
    _tokens[new] = (supplier, time.time() + TOKEN_SECONDS)
    content = {"access_token": new, "scope": "", "expires_in": TOKEN_SECONDS}
    return JSONResponse({**content, "token_type": "Bearer"})


async def balance(request: Request) -> Response:
    """Tell the balance, a number of the account's currency."""
    if refusal := _refusal(request):
        return refusal
    units = book_of(request).balances()[request.path_params["supplier"]]
    return JSONResponse({"balance": float(trade.amount(units)), "currencyCode": CURRENCY})


async def products(request: Request) -> Response:
    """One page of gift cards; no word of stock."""
    if refusal := _refusal(request):
        return refusal
    page = int(request.query_params.get("page", "1"))
    size = min(int(request.query_params.get("size", str(PAGE))), 200)
    found, instead = shelf_of(request)
    if instead is not None:
        return instead
    rows = _products(found)
    shown = rows[(page - 1) * size : page * size]
    more = {"totalElements": len(rows), "last": page * size >= len(rows), "number": page}
    return JSONResponse({"content": shown, **more})


async def product(request: Request) -> Response:
    """One gift card with what it costs."""
    if refusal := _refusal(request):
        return refusal
    wanted = request.path_params["product"]
    found = [row for row in _known(request) if row["productId"] == wanted]
    return JSONResponse(found[0]) if found else _refused("product_gone", 404)


async def operator(request: Request) -> Response:
    """One operator with what its airtime costs."""
    if refusal := _refusal(request):
        return refusal
    wanted = request.path_params["product"]
    found = [row for row in _known(request) if row["productId"] == wanted]
    if not found:
        return _refused("product_gone", 404)
    amounts = found[0]["fixedRecipientToSenderDenominationsMap"]
    local = {face: float(cost) for face, cost in amounts.items()}
    return JSONResponse(
        {
            "operatorId": wanted,
            "name": str(wanted),
            "denominationType": "FIXED",
            "senderCurrencyCode": CURRENCY,
            "fees": {"international": 0, "local": 0},
            "fixedAmounts": list(local.values()),
            "localFixedAmounts": [float(face) for face in local],
            "fx": {"rate": 1.0, "currencyCode": CURRENCY},
        }
    )


async def order_gift_card(request: Request) -> Response:
    """Order gift cards; their codes are fetched afterwards."""
    if refusal := _refusal(request):
        return refusal
    body = await object_in(request)
    try:
        wanted = trade.Wanted(
            reference=str(body["customIdentifier"]),
            item=f"{int(body['productId'])}:{body['unitPrice']}",
            quantity=int(body["quantity"]),
            max_unit_cost=None,
        )
    except (KeyError, TypeError, ValueError):
        return _refused("malformed", 400)
    return await _sell(request, wanted, _gift_card)


async def top_up(request: Request) -> Response:
    """Take a top-up; how it went is told by its report."""
    if refusal := _refusal(request):
        return refusal
    body = await object_in(request)
    try:
        item = f"{int(body['operatorId'])}:{body['amount']}"
        known = book_of(request).item(request.path_params["supplier"], item)
        names = (known[2] or ["mobile"]) if known else ["mobile"]
        wanted = trade.Wanted(
            reference=str(body["customIdentifier"]),
            item=item,
            quantity=1,
            max_unit_cost=None,
            account={names[0]: str(body["recipientPhone"]["number"])},
        )
    except (KeyError, TypeError, ValueError):
        return _refused("malformed", 400)
    return await _sell(request, wanted, _accepted_top_up)


async def cards(request: Request) -> Response:
    """The codes of an order, once it is done."""
    if refusal := _refusal(request):
        return refusal
    for order in book_of(request).orders(request.path_params["supplier"]):
        if order.id == request.path_params["number"] and order.state in ("completed", "partial"):
            rows = [{"cardNumber": number, "pinCode": code} for number, code in order.codes]
            return JSONResponse(rows)
    return _refused("not_found", 404)


async def gift_card_report(request: Request) -> Response:
    """Orders by the customer's own number."""
    return await _report(request, _gift_card_row)


async def top_up_report(request: Request) -> Response:
    """Top-ups by the customer's own number."""
    return await _report(request, _top_up_row)


async def _sell(request: Request, wanted: trade.Wanted, words: Any) -> Response:
    if not trade.is_whole(wanted):
        return _refused("malformed", 400)
    told = trade.submit(book_of(request), request.path_params["supplier"], wanted)
    if told.repeated:
        return _refused("CUSTOM_IDENTIFIER_ALREADY_USED", 400)
    if told.state in ("refused", "rejected"):
        return _refused(told.error, _STATUS.get(told.error, 400))
    return await say(request, told, words)


async def _report(request: Request, row: Any) -> Response:
    if refusal := _refusal(request):
        return refusal
    reference = request.query_params.get("customIdentifier", "")
    supplier = request.path_params["supplier"]
    told = trade.query(book_of(request), supplier, reference)
    rows = [row(told)] if told.order is not None and told.order.state != "rejected" else []
    return JSONResponse({"content": rows, "totalElements": len(rows), "last": True})


def _gift_card(told: Told) -> Response:
    if told.order is None:
        return _refused(told.state, 404)
    return JSONResponse(_gift_card_row(told))


def _accepted_top_up(told: Told) -> Response:
    if told.order is None:
        return _refused(told.state, 404)
    return JSONResponse({"transactionId": told.order.id, "customIdentifier": told.order.reference})


def _gift_card_row(told: Told) -> dict[str, Any]:
    order = told.order
    assert order is not None
    return {
        **_head(told, order),
        "amount": float(trade.amount(order.charged)),
        "currencyCode": CURRENCY,
        "fee": 0.0,
        "smsFee": 0.0,
        "product": {
            "productId": int(order.item.partition(":")[0]),
            "quantity": order.quantity,
            "unitPrice": float(order.item.partition(":")[2]),
            "currencyCode": CURRENCY,
        },
    }


def _top_up_row(told: Told) -> dict[str, Any]:
    order = told.order
    assert order is not None
    face = float(order.item.partition(":")[2])
    return {
        **_head(told, order),
        "operatorTransactionId": order.receipt,
        "requestedAmount": float(trade.amount(order.unit_price)),
        "requestedAmountCurrencyCode": CURRENCY,
        "discount": float(trade.amount(order.unit_price - order.charged)),
        "deliveredAmount": face / 2 if told.state == "partial" else face,
        "deliveredAmountCurrencyCode": CURRENCY,
    }


def _head(told: Told, order: OrderEntry) -> dict[str, Any]:
    return {
        "transactionId": order.id,
        "customIdentifier": order.reference,
        "status": _STATES.get(told.state, told.state.upper()),
        "transactionCreatedTime": time.strftime("%F %T", time.gmtime(order.made_at)),
    }


def _known(request: Request) -> list[dict[str, Any]]:
    return _products(book_of(request).items(request.path_params["supplier"]))


def _products(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items of one product together, by the faces that it has."""
    found: dict[str, dict[str, float]] = {}
    for row in items:
        number, _, face = row["item"].partition(":")
        if number.isdecimal() and face:
            found.setdefault(number, {})[face] = float(trade.amount(row["price"]))
    return [
        {
            "productId": int(number),
            "productName": f"Gift card {number}",
            "global": False,
            "denominationType": "FIXED",
            "senderCurrencyCode": CURRENCY,
            "recipientCurrencyCode": CURRENCY,
            "senderFee": 0.0,
            "discountPercentage": 0.0,
            "fixedRecipientDenominations": [float(face) for face in faces],
            "fixedRecipientToSenderDenominationsMap": faces,
            "country": {"isoName": "US"},
        }
        for number, faces in sorted(found.items())
    ]


def _refusal(request: Request) -> Response | None:
    scheme, _, told = request.headers.get("authorization", "").partition(" ")
    whose, until = _tokens.get(told, ("", 0.0))
    if scheme != "Bearer" or whose != request.path_params["supplier"] or until < time.time():
        return _refused("auth", 401)
    return None


def _refused(error: str, status: int) -> Response:
    content = {"errorCode": _CODES.get(error, error), "message": error, "path": "", "details": []}
    return JSONResponse(content, status)
