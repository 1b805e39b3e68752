"""The dialect of 卡商网, at `/kashangwl/{supplier}/api/...`: signed by MD5 over sorted names.

Written from published client code. What the vendor answers to a refusal is in no public document:
here the codes are the house's own words, and a connection's settings translate them.
"""

import time
from hashlib import md5
from typing import Any

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
    sandbox_secret,
    say,
    secret_for,
)
from adapters.sandbox.trade import Told

CUSTOMER = "1192442"
MAX_SKEW_MS = 300_000
_STATES = {"accepted": 100, "completed": 200, "partial": 200, "refunded": 500, "cancelled": 500}
_STATES |= {"rejected": 500, "failed": 500}


def routes() -> list[Route]:
    """What the simulator's application serves of it."""
    calls = {
        "buy": buy,
        "outer-order": outer_order,
        "customer": customer,
        "product": product,
    }
    under = "/kashangwl/{supplier}/api/"
    return [Route(under + name, call, methods=["POST"]) for name, call in calls.items()]


async def buy(request: Request) -> Response:
    """Take an order: cards at once, a top-up later."""
    body = await object_in(request)
    if refusal := _refusal(request, body):
        return refusal
    supplier, item = request.path_params["supplier"], str(body.get("product_id"))
    try:
        account = _account_in(body, book_of(request).item(supplier, item))
        guard = trade.units_of(body["safe_cost"]) if "safe_cost" in body else None
        wanted = trade.Wanted(
            reference=str(body["outer_order_id"]),
            item=item,
            quantity=int(body["quantity"]),
            max_unit_cost=guard,
            account=account,
            notify_url=str(body.get("notify_url", "")),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return _refused("malformed")
    if not trade.is_whole(wanted):
        return _refused("malformed")
    told = trade.submit(book_of(request), supplier, wanted)
    if told.repeated:
        return _refused("duplicate_reference")
    call_back(request, told, notice)
    return await say(request, told, _bought)


async def outer_order(request: Request) -> Response:
    """Tell what became of an order, by the customer's own number."""
    body = await object_in(request)
    if refusal := _refusal(request, body):
        return refusal
    supplier, reference = request.path_params["supplier"], str(body.get("outer_order_id"))
    return await say(request, trade.query(book_of(request), supplier, reference), _shown)


async def customer(request: Request) -> Response:
    """Tell the balance."""
    if refusal := _refusal(request, await object_in(request)):
        return refusal
    units = book_of(request).balances()[request.path_params["supplier"]]
    data = {"id": int(CUSTOMER), "name": "Kameng", "balance": trade.amount(units)}
    return JSONResponse({"code": "ok", "message": "", "data": data})


async def product(request: Request) -> Response:
    """Tell price and stock of one product: enough of it, or none."""
    body = await object_in(request)
    if refusal := _refusal(request, body):
        return refusal
    item = str(body.get("product_id"))
    known = book_of(request).item(request.path_params["supplier"], item)
    if known is None:
        return _refused("product_gone")
    price, stock, needed = known
    data = {
        "id": _number(item),
        "name": item,
        "price": trade.amount(price),
        "valid_purchasing_quantity": "1-100",
        "type": 2 if needed is None else 1,
        "supply_state": 1,
        "stock_state": 3 if stock == 0 else 1,
    }
    return JSONResponse({"code": "ok", "message": "", "data": data})


def notice(order: OrderEntry, state: str, spoil: Spoil) -> Called:
    """Headers and body of a call back."""
    at = time.time() - (STALE_SECONDS if spoil is Spoil.STALE else 0)
    content: dict[str, Any] = {
        "order_id": _order_number(order),
        "outer_order_id": order.reference,
        "product_id": _number(order.item),
        "quantity": order.quantity,
        "state": _STATES.get(state, 501),
        "state_info": "",
        "created_at": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)),
        "timestamp": int(at * 1000),
    }
    content["sign"] = _sign(secret_for(order.supplier, spoil), content)
    return {"content-type": "application/json"}, orjson.dumps(content)


def _bought(told: Told) -> Response:
    if told.order is None or told.state in ("refused", "rejected", "not_found"):
        return _refused(told.error or "unknown")
    order = told.order
    data: dict[str, Any] = {
        "order_id": _order_number(order),
        "product_price": trade.amount(order.unit_price),
        "total_price": trade.amount(order.unit_price * order.quantity),
        "recharge_url": "",
        "state": _state_of(told),
    }
    if data["state"] == 200 and order.codes:
        data["cards"] = [{"card_no": no, "card_password": secret} for no, secret in order.codes]
    return JSONResponse({"code": "ok", "message": "", "data": data})


def _shown(told: Told) -> Response:
    if told.order is None:
        return _refused("order_not_found")
    order = told.order
    whole = order.unit_price * order.quantity
    state = _state_of(told)
    paid = 0 if order.state in ("refunded", "cancelled", "rejected") else order.charged
    returned = max(0, whole - paid) if state in (200, 500) else 0
    data: dict[str, Any] = {
        "id": _order_number(order),
        "product_id": _number(order.item),
        "product_type": 1 if order.account else 2,
        "product_price": trade.amount(order.unit_price),
        "quantity": order.quantity,
        "total_price": trade.amount(whole),
        "refunded_amount": float(trade.amount(returned)),
        "state": state,
        "recharge_info": order.receipt,
        "outer_order_id": order.reference,
    }
    if data["state"] == 200:
        data["cards"] = [{"no": number, "password": secret} for number, secret in order.codes]
    return JSONResponse({"code": "ok", "message": "", "data": data})


def _state_of(told: Told) -> int:
    return _STATES.get(told.state, 501)


def _account_in(
    body: dict[str, Any], known: tuple[int, int, list[str] | None] | None
) -> dict[str, Any] | None:
    """The account of a top-up by the names that the item wants: the first is recharge_account."""
    if known is None or known[2] is None:
        return None
    fields = body.get("recharge_template_input_items") or {}
    first, *others = known[2]
    return {first: body.get("recharge_account", "")} | {name: fields.get(name) for name in others}


def _refusal(request: Request, body: dict[str, Any]) -> Response | None:
    supplier = request.path_params["supplier"]
    rest = {name: value for name, value in body.items() if name != "sign"}
    known = supplier in book_of(request).balances() and str(body.get("customer_id")) == CUSTOMER
    if not known or body.get("sign") != _sign(sandbox_secret(supplier), rest):
        return _refused("auth")
    try:
        late = abs(time.time() * 1000 - int(body["timestamp"])) > MAX_SKEW_MS
    except (KeyError, TypeError, ValueError):
        late = True
    return _refused("auth") if late else None


def _sign(key: str, content: dict[str, Any]) -> str:
    text = key
    for name in sorted(content):
        value = content[name]
        text += name + (value if isinstance(value, str) else orjson.dumps(value).decode())
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _refused(code: str) -> Response:
    return JSONResponse({"code": code, "message": f"refused: {code}", "data": {}})


def _order_number(order: OrderEntry) -> str:
    return f"{8_276_695_800_000 + order.id}"


def _number(item: str) -> int | str:
    return int(item) if item.isdecimal() else item
