"""A supplier written as one webhook, at `/hook/{supplier}`: see docs/add-a-supplier.md."""

from datetime import datetime
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox import trade
from adapters.sandbox.dialects.doors import book_of, object_in, say
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
            return await say(request, trade.submit(book, supplier, wanted), _words)
        case "supplier.query":
            told = trade.query(book, supplier, str(asked.get("reference")))
            return await say(request, told, _words)
        case "supplier.cancel":
            told = trade.cancel(book, supplier, str(asked.get("reference")))
            return await say(request, told, _words)
        case "supplier.balance":
            return JSONResponse({"balance": trade.amount(book.balances()[supplier])})
        case "supplier.catalogue":
            return JSONResponse(_page(request, str(asked.get("cursor") or "")))
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
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return wanted if trade.is_whole(wanted) else None


def _words(told: Told) -> Response:
    if told.state == "not_found":
        return JSONResponse({"result": "not_found"})
    if told.state in ("refused", "rejected"):
        category = "provider_down" if told.error == "expired" else told.error
        return JSONResponse({"result": "rejected", "category": category})
    order = told.order
    assert order is not None
    head = {"reference": order.reference, "upstreamId": f"{order.supplier}-{order.id}"}
    if told.state in ("refunded", "cancelled"):
        return JSONResponse({**head, "result": "rejected", "category": "unknown"})
    if told.state not in ("completed", "partial"):
        return JSONResponse({**head, "result": told.state})
    goods = [{"number": number, "secret": secret} for number, secret in order.codes]
    cost = {"cost": trade.amount(order.charged), "codes": goods, "receipt": order.receipt}
    if told.state == "partial" and order.receipt:
        cost["delivered"] = trade.share_of(order)
    whole = told.state == "completed"
    return JSONResponse({**head, "result": "completed", **cost, "whole": whole})


def _page(request: Request, cursor: str, size: int = 50) -> dict[str, Any]:
    rows = book_of(request).items(request.path_params["supplier"])
    after = [row for row in rows if row["item"] > cursor][: size + 1]
    items = [
        {
            "item": row["item"],
            "name": row["item"],
            "price": trade.amount(row["price"]),
            "stock": None if row["stock"] < 0 else row["stock"],
        }
        for row in after[:size]
    ]
    return {"items": items, "next": items[-1]["item"] if len(after) > size else None}


def _is_signed(request: Request, body: bytes) -> bool:
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        Webhook(SECRET).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True
