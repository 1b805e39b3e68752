"""The plain HTTP dialect, at `/{supplier}/`: signed JSON, idempotent by reference, price guard."""

import secrets
import time
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

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
    object_in,
    page_of,
    sandbox_secret,
    say,
    secret_for,
    shelf_of,
)
from adapters.sandbox.trade import Told
from adapters.signing import MAX_SKEW_SECONDS, NONCE, SIGNATURE, TIMESTAMP, sign, verify

PAGE = 200  # rows of a statement at once
_WORDS = {"cancelled": "refunded"}  # the protocol has one word for both
_STATUS_OF_ERROR = {"product_gone": 404, "insufficient_balance": 402}
_STATUS_OF_REFUSAL = {"expired": 409, "rate_limited": 429, "auth": 401}


def routes() -> list[Route]:
    """What the simulator's application serves of it; the last ones, for they match anything."""
    return [
        Route("/{supplier}/orders", order_submit, methods=["POST"]),
        Route("/{supplier}/orders/{reference}", order_query),
        Route("/{supplier}/balance", balance),
        Route("/{supplier}/items", items),
        Route("/{supplier}/items/{item}", one_item),
        Route("/{supplier}/statements/{day}", statement),
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
    call_back(request, told, notice)
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
    rows, instead = shelf_of(request)
    if instead is not None:
        return instead
    page, more = page_of(rows, request.query_params.get("cursor", ""), _size(request))
    return JSONResponse({"items": [_item(row) for row in page], "next": more})


async def one_item(request: Request) -> Response:
    """Tell of one item."""
    if refusal := _refusal(request, b""):
        return refusal
    rows = book_of(request).items(request.path_params["supplier"])
    found = [row for row in rows if row["item"] == request.path_params["item"]]
    return JSONResponse(*((_item(found[0]),) if found else ({"error": "product_gone"}, 404)))


def _item(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "name": row["item"], "price": trade.amount(row["price"])}


def _size(request: Request) -> int:
    told = request.query_params.get("size", "")
    return min(int(told), 200) if told.isdecimal() and int(told) else 200


def notice(order: OrderEntry, state: str, spoil: Spoil) -> Called:
    """Headers and body of a call back: how the order stands, without its codes."""
    at = str(int(time.time()) - (STALE_SECONDS if spoil is Spoil.STALE else 0))
    body = orjson.dumps({**_head(order), "status": "rejected" if state == "failed" else state})
    nonce, path = secrets.token_hex(16), urlsplit(order.notify_url).path
    signature = sign(secret_for(order.supplier, spoil), "POST", path, at, nonce, body)
    headers = {"content-type": "application/json", TIMESTAMP: at, NONCE: nonce}
    return {**headers, SIGNATURE: signature}, body


async def statement(request: Request) -> Response:
    """Tell what was booked on a day (UTC), page by page."""
    if refusal := _refusal(request, b""):
        return refusal
    supplier, after = request.path_params["supplier"], request.query_params.get("after", "0")
    try:
        day = date.fromisoformat(request.path_params["day"])
        booked = trade.statement(book_of(request), supplier, day, int(after), PAGE)
    except ValueError:
        return JSONResponse({"error": "malformed"}, 400)
    rows = [
        {
            "at": datetime.fromtimestamp(each.order.made_at, UTC).isoformat(),
            "order_id": f"{supplier}-{each.order.id}",
            "reference": each.order.reference,
            "charged": trade.amount(each.charged),
            "refunded": trade.amount(each.refunded),
            "currency": "CNY",
        }
        for each in booked[:PAGE]
    ]
    more = str(booked[PAGE - 1].order.id) if len(booked) > PAGE else None
    return JSONResponse({"day": day.isoformat(), "rows": rows, "next": more})


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
            notify_url=str(body.get("notify_url", "")),
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
        "status": _WORDS.get(order.state, order.state),
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
