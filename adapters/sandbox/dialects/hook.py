"""A supplier written as one webhook, at `/hook/{supplier}`: see docs/add-a-supplier.md."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson
from standardwebhooks import Webhook, WebhookVerificationError
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
    say,
    secret_for,
    shelf_of,
)
from adapters.sandbox.trade import Told

SECRET = "whsec_c2FuZGJveC1zZWNyZXQtb2YtYS1ob29r"
"""Known to all, for it guards nothing of value."""


def routes() -> list[Route]:
    """What the simulator's application serves of it."""
    return [Route("/hook/{supplier}", take, methods=["POST"])]


async def take(request: Request) -> Response:
    """One signed question, one answer."""
    book, supplier = book_of(request), request.path_params["supplier"]
    if supplier not in book.balances() or not _is_signed(request, await request.body()):
        return JSONResponse({"result": "rejected", "category": "auth"}, 401)
    event = await object_in(request)
    asked = event.get("data") or {}
    match event.get("type"):
        case "supplier.submit":
            wanted = _wanted_of(asked)
            if wanted is None:
                return JSONResponse({"result": "rejected", "category": "unknown"}, 400)
            told = trade.submit(book, supplier, wanted)
            call_back(request, told, notice)
            return await say(request, told, _words)
        case "supplier.query":
            told = trade.query(book, supplier, str(asked.get("reference")))
            return await say(request, told, _words)
        case "supplier.cancel":
            told = trade.cancel(book, supplier, str(asked.get("reference")))
            return await say(request, told, _words)
        case "supplier.balance":
            return JSONResponse({"balance": trade.amount(book.balances()[supplier])})
        case "supplier.catalogue":
            rows, instead = shelf_of(request)
            return instead or JSONResponse(_page(rows, str(asked.get("cursor") or "")))
        case "supplier.product":
            found = [row for row in book.items(supplier) if row["item"] == asked.get("item")]
            return JSONResponse(_item(found[0]) if found else {"result": "not_found"})
    return JSONResponse({"result": "unsupported"}, 400)


def _wanted_of(asked: dict[str, Any]) -> trade.Wanted | None:
    try:
        wanted = trade.Wanted(
            reference=str(asked["reference"]),
            item=str(asked["item"]),
            quantity=int(asked["quantity"]),
            max_unit_cost=trade.units_of(asked["maxUnitCost"]["amount"]),
            valid_until=datetime.fromisoformat(asked["validUntil"]).timestamp(),
            account=asked.get("account"),
            notify_url=str(asked.get("callbackUrl") or ""),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return wanted if trade.is_whole(wanted) else None


def notice(order: OrderEntry, state: str, spoil: Spoil) -> Called:
    """Headers and body of a call back: the same that a query is answered, goods and all."""
    at = datetime.now(UTC) - timedelta(seconds=STALE_SECONDS if spoil is Spoil.STALE else 0)
    failed = Told("cancelled" if state == "failed" else state, order=order)
    content = {"type": "supplier.result", "timestamp": at.isoformat(), "data": _said(failed)}
    body = orjson.dumps(content)
    number = f"sup_{uuid5(NAMESPACE_URL, f'{order.supplier}/{order.reference}/{state}').hex}"
    other = "whsec_" + b64encode(secret_for(order.supplier, spoil).encode()).decode()
    signer = Webhook(other if spoil in (Spoil.FORGED, Spoil.OTHER) else SECRET)
    headers = {
        "content-type": "application/json",
        "webhook-id": number,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signer.sign(number, at, body.decode()),
    }
    return headers, body


def _words(told: Told) -> Response:
    return JSONResponse(_said(told))


def _said(told: Told) -> dict[str, Any]:
    if told.state == "not_found":
        return {"result": "not_found"}
    if told.state in ("refused", "rejected"):
        category = "provider_down" if told.error == "expired" else told.error
        return {"result": "rejected", "category": category}
    order = told.order
    assert order is not None
    head = {"reference": order.reference, "upstreamId": f"{order.supplier}-{order.id}"}
    if told.state in ("refunded", "cancelled"):
        return {**head, "result": "rejected", "category": "unknown"}
    if told.state not in ("completed", "partial"):
        return {**head, "result": told.state}
    goods = [{"number": number, "secret": secret} for number, secret in order.codes]
    cost = {"cost": trade.amount(order.charged), "codes": goods, "receipt": order.receipt}
    if told.state == "partial" and order.receipt:
        cost["delivered"] = trade.share_of(order)
    whole = told.state == "completed"
    return {**head, "result": "completed", **cost, "whole": whole}


def _page(rows: list[dict[str, Any]], cursor: str, size: int = 50) -> dict[str, Any]:
    page, more = page_of(rows, cursor, size)
    return {"items": [_item(row) for row in page], "next": more}


def _item(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "item": row["item"],
        "name": row["item"],
        "price": trade.amount(row["price"]),
        "stock": None if row["stock"] < 0 else row["stock"],
        "account": row["account"],
    }


def _is_signed(request: Request, body: bytes) -> bool:
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        Webhook(SECRET).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True
