"""The dialect of 大猿人 (phone top-up), at `/dayuanren/{supplier}/index/...`: taken, then done.

Written from published client code. What the vendor answers to a refusal is in no public document:
here `errno` are numbers of the house's own, and a connection's settings translate them.
"""

import time
from hashlib import md5
from typing import Any
from urllib.parse import parse_qsl

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
    sandbox_secret,
    say,
    secret_for,
    shelf_of,
)
from adapters.sandbox.trade import Told

USER = "10086"
# The house's own numbers for what a vendor may refuse.
ERRNO = {
    "auth": 1001,
    "malformed": 1002,
    "out_of_stock": 2001,
    "price_exceeded": 2002,
    "product_gone": 2003,
    "insufficient_balance": 2004,
    "invalid_account": 2005,
    "duplicate_reference": 2006,
    "rate_limited": 2007,
    "face_differs": 2008,
    "not_found": 2009,
}
_STATES = {"accepted": 0, "completed": 1, "rejected": 2, "failed": 2, "refunded": 2}
_STATES |= {"partial": 3, "cancelled": -1}
UNKNOWN_STATE = 7


def routes() -> list[Route]:
    """What the simulator's application serves of it."""
    calls = {
        "recharge": recharge,
        "check": check,
        "user": user,
        "product": product,
        "cancel": cancel,
    }
    under = "/dayuanren/{supplier}/index/"
    return [Route(under + name, call, methods=["POST"]) for name, call in calls.items()]


async def recharge(request: Request) -> Response:
    """Take a top-up; it is done later."""
    body = await _form(request)
    if refusal := _refusal(request, body):
        return refusal
    book, supplier = book_of(request), request.path_params["supplier"]
    item = str(body.get("product_id"))
    known = book.item(supplier, item)
    names = known[2] or [] if known else []
    try:
        wanted = trade.Wanted(
            reference=str(body["out_trade_num"]),
            item=item,
            quantity=1,
            max_unit_cost=trade.units_of(body["price"]) if body.get("price") else None,
            account={name: body.get(name, "") for name in names} or {"mobile": body["mobile"]},
            notify_url=str(body.get("notify_url", "")),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return _refused("malformed")
    if body.get("amount") and str(body["amount"]) != face_of(item):
        return _refused("face_differs")
    told = trade.submit(book, supplier, wanted)
    if told.repeated:
        return _refused("duplicate_reference")
    call_back(request, told, notice)
    return await say(request, told, _taken)


async def check(request: Request) -> Response:
    """Tell what became of up to a hundred top-ups, by the customer's own numbers."""
    body = await _form(request)
    if refusal := _refusal(request, body):
        return refusal
    book, supplier = book_of(request), request.path_params["supplier"]
    told = [
        trade.query(book, supplier, reference)
        for reference in str(body.get("out_trade_nums", "")).split(",")[:100]
    ]
    rows = [_row(each) for each in told if each.order is not None]
    if not rows:
        return _refused("not_found")
    return JSONResponse({"errno": 0, "errmsg": "查询成功", "data": rows})


async def cancel(request: Request) -> Response:
    """Ask for a top-up to be taken back; whether it was, a check tells."""
    body = await _form(request)
    if refusal := _refusal(request, body):
        return refusal
    book, supplier = book_of(request), request.path_params["supplier"]
    for reference in str(body.get("out_trade_nums", "")).split(",")[:100]:
        trade.cancel(book, supplier, reference)
    return JSONResponse({"errno": 0, "errmsg": "申请成功", "data": {}})


async def user(request: Request) -> Response:
    """Tell the balance."""
    if refusal := _refusal(request, await _form(request)):
        return refusal
    units = book_of(request).balances()[request.path_params["supplier"]]
    data = {"id": int(USER), "username": "kameng", "balance": trade.amount(units)}
    return JSONResponse({"errno": 0, "errmsg": "ok", "data": data})


async def product(request: Request) -> Response:
    """Tell what is sold, by category; no word of stock."""
    if refusal := _refusal(request, await _form(request)):
        return refusal
    found, instead = shelf_of(request)
    if instead is not None:
        return instead
    rows = _products(found)
    shelf = {"id": 1, "cate": "话费", "sort": 1, "type": 1, "products": rows}
    return JSONResponse({"errno": 0, "errmsg": "ok", "data": [shelf]})


def face_of(item: str) -> str:
    """The face of a product here: its number's last three digits."""
    return str(int(item[-3:])) if item[-3:].isdecimal() else ""


def notice(order: OrderEntry, state: str, spoil: Spoil) -> Called:
    """Headers and body of a call back: a form."""
    at = time.time() - (STALE_SECONDS if spoil is Spoil.STALE else 0)
    row = _row(Told(state, order=order))
    content = {
        "userid": USER,
        "order_number": row["order_number"],
        "out_trade_num": row["out_trade_num"],
        "otime": str(int(at)),
        "state": str(row["state"]),
        "mobile": row["mobile"],
        "remark": "",
        "charge_amount": row["charge_amount"],
        "charge_kami": row["charge_kami"],
    }
    content["sign"] = _sign(secret_for(order.supplier, spoil), content)
    return {"content-type": "application/json"}, orjson.dumps(content)


def _taken(told: Told) -> Response:
    if told.order is None or told.state in ("refused", "rejected", "not_found"):
        return _refused(told.error or "unknown")
    order = told.order
    data = {
        "create_time": int(order.made_at),
        "id": order.id,
        "mobile": _mobile(order),
        "order_number": _order_number(order),
        "out_trade_num": order.reference,
        "product_id": order.item,
        "title": order.item,
        "total_price": trade.amount(order.unit_price * order.quantity),
    }
    return JSONResponse({"errno": 0, "errmsg": "提交成功", "data": data})


def _row(told: Told) -> dict[str, Any]:
    order = told.order
    assert order is not None
    state = _STATES.get(told.state, UNKNOWN_STATE)
    face = face_of(order.item) or "100"
    part = str(int(face) // 2) if told.state == "partial" else face
    return {
        "id": order.id,
        "order_number": _order_number(order),
        "status": state,
        "state": state,
        "out_trade_num": order.reference,
        "create_time": int(order.made_at),
        "mobile": _mobile(order),
        "product_id": order.item,
        "charge_amount": part if state in (1, 3) else "0",
        "charge_kami": order.receipt if state in (1, 3) else "",
    }


def _products(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "id": int(row["item"]) if row["item"].isdecimal() else row["item"],
            "name": row["item"],
            "desc": "",
            "api_open": 1,
            "isp": "1,2,3",
            "price": trade.amount(row["price"]),
            "max_price": trade.amount(row["price"]),
            "type": 1,
        }
        for row in rows
    ]


async def _form(request: Request) -> dict[str, Any]:
    """The parameters, sent as JSON or as a form."""
    body = await request.body()
    if body[:1] == b"{":
        content = orjson.loads(body)
        return content if isinstance(content, dict) else {}
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


def _refusal(request: Request, body: dict[str, Any]) -> Response | None:
    supplier = request.path_params["supplier"]
    rest = {name: value for name, value in body.items() if name != "sign"}
    known = supplier in book_of(request).balances() and str(body.get("userid")) == USER
    if not known or body.get("sign") != _sign(sandbox_secret(supplier), rest):
        return _refused("auth")
    return None


def _sign(key: str, content: dict[str, Any]) -> str:
    text = "".join(f"{name}={content[name]}&" for name in sorted(content)) + f"apikey={key}"
    return md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def _refused(error: str) -> Response:
    return JSONResponse({"errno": ERRNO.get(error, 9_999), "errmsg": error})


def _mobile(order: OrderEntry) -> str:
    return str((order.account or {}).get("mobile", ""))


def _order_number(order: OrderEntry) -> str:
    return f"DYR{order.id:010d}"
