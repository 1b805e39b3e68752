"""The plain HTTP dialect, at `/{supplier}/`: signed JSON, idempotent by reference, price guard."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox import trade
from adapters.sandbox.book import OrderEntry
from adapters.sandbox.dialects.doors import book_of, object_in, sandbox_secret, say
from adapters.sandbox.trade import Told
from adapters.signing import MAX_SKEW_SECONDS, NONCE, SIGNATURE, TIMESTAMP, verify

_STATUS_OF_ERROR = {"product_gone": 404, "insufficient_balance": 402}
_STATUS_OF_REFUSAL = {"expired": 409, "rate_limited": 429, "auth": 401}


def routes() -> list[Route]:
    """What the simulator's application serves of it; the last ones, for they match anything."""
    return [
        Route("/{supplier}/orders", order_submit, methods=["POST"]),
        Route("/{supplier}/orders/{reference}", order_query),
        Route("/{supplier}/balance", balance),
        Route("/{supplier}/items", items),
    ]


async def order_submit(request: Request) -> Response:
    """Take an order, or pretend not to have."""
    body = await request.body()
    if refusal := _refusal(request, body):
        return refusal
    wanted = _wanted_of(await object_in(request))
    if wanted is None:
        return JSONResponse({"error": "malformed"}, 400)
    told = trade.submit(book_of(request), request.path_params["supplier"], wanted)
    return await say(request, told, _words)


async def order_query(request: Request) -> Response:
    """Tell what became of an order."""
    if refusal := _refusal(request, b""):
        return refusal
    supplier, reference = request.path_params["supplier"], request.path_params["reference"]
    return await say(request, trade.query(book_of(request), supplier, reference), _words)


async def balance(request: Request) -> Response:
    """Tell what the house has left."""
    if refusal := _refusal(request, b""):
        return refusal
    units = book_of(request).balances()[request.path_params["supplier"]]
    return JSONResponse({"balance": trade.amount(units)})


async def items(request: Request) -> Response:
    """Tell what is sold here."""
    if refusal := _refusal(request, b""):
        return refusal
    rows = book_of(request).items(request.path_params["supplier"])
    return JSONResponse({"items": [{**row, "price": trade.amount(row["price"])} for row in rows]})


def _wanted_of(body: dict[str, Any]) -> trade.Wanted | None:
    """The order in a request's JSON; None when it is not one."""
    try:
        wanted = trade.Wanted(
            reference=str(body["reference"]),
            item=str(body["item"]),
            quantity=int(body["quantity"]),
            max_unit_cost=trade.units_of(body["max_unit_cost"]),
            valid_until=float(body["valid_until"]),
            account=body.get("account"),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return wanted if trade.is_whole(wanted) and isinstance(wanted.account, dict | None) else None


def _words(told: Told) -> Response:
    """What is told, in this dialect."""
    if told.state == "not_found":
        return JSONResponse({"error": "order_not_found"}, 404)
    if told.state == "refused" or told.order is None:
        return JSONResponse({"error": told.error}, _STATUS_OF_REFUSAL.get(told.error, 409))
    order = told.order
    if told.state == "rejected":
        content = {**_head(order), "status": "rejected", "error": told.error or "unknown"}
        return JSONResponse(content, _STATUS_OF_ERROR.get(told.error, 409))
    if told.state != order.state:  # it does not say all that it knows
        return JSONResponse({**_head(order), "status": told.state})
    codes = [{"number": number, "secret": secret} for number, secret in order.codes]
    said = {**_head(order), "charged": trade.amount(order.charged), "codes": codes}
    if order.receipt and order.state == "partial":
        said["delivered"] = trade.share_of(order)
    return JSONResponse({**said, "receipt": order.receipt} if order.receipt else said)


def _head(order: OrderEntry) -> dict[str, Any]:
    return {
        "reference": order.reference,
        "order_id": f"{order.supplier}-{order.id}" if order.id else order.reference,
        "status": order.state,
        "item": order.item,
        "quantity": order.quantity,
        "unit_price": trade.amount(order.unit_price),
    }


def _refusal(request: Request, body: bytes) -> Response | None:
    """Why a signed request is not even looked at."""
    book, supplier = book_of(request), request.path_params["supplier"]
    if supplier not in book.balances():
        return JSONResponse({"error": "auth"}, 401)
    timestamp = request.headers.get(TIMESTAMP, "")
    nonce = request.headers.get(NONCE, "")
    signature = request.headers.get(SIGNATURE, "")
    parts = (request.method, request.url.path, timestamp, nonce)
    if not verify(signature, sandbox_secret(supplier), *parts, body=body):
        return JSONResponse({"error": "auth"}, 401)
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > MAX_SKEW_SECONDS:
        return JSONResponse({"error": "stale_timestamp"}, 401)
    if not nonce or not book.use_nonce(supplier, nonce):
        return JSONResponse({"error": "replayed_nonce"}, 401)
    return None
