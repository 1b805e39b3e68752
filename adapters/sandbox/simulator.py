"""Suppliers that run here, with failures on demand: a process of its own with its own book.

Each supplier answers in every dialect: under `/{code}/` in the plain one (signed JSON, idempotent
by reference), under `/{dialect}/{code}/` in the others (dialects/). It is a payment gateway, too
(gateway.py), speaks the protocols of WeChat Pay, Alipay and Stripe (vendors.py), and confirms real
names (registry.py). `/control/...` loads items and switches faults, and `/` does the same by hand.
It is for development and tests; it has no login, so let it listen on loopback only.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from adapters.http import PartnerClient
from adapters.sandbox import (
    custodian,
    gateway,
    page,
    payout_desk,
    registry,
    trade,
    transfer_desk,
    vendors,
)
from adapters.sandbox.book import HOLD_SECONDS, Book
from adapters.sandbox.dialects import desk, kameng
from adapters.sandbox.dialects.doors import sandbox_secret as sandbox_secret
from adapters.sandbox.faults import Fault
from adapters.sandbox.gateway_book import GatewayBook
from adapters.sandbox.payout_book import PayoutBook
from adapters.sandbox.vendor_book import VendorBook

SUPPLIERS = ("alpha", "beta", "gamma", *(name for name in desk.DIALECTS if name != "generic_http"))
MAX_BODY_BYTES = 16 * 1024 * 1024
SLOW_SECONDS = 1.0


def create_app(book_path: Path | str, seed: str = "sandbox") -> Starlette:
    """The simulator over one book; the same seed gives the same codes and chances."""
    book = Book(book_path, seed)
    gateway_book = GatewayBook(f"{book_path}.payments")
    payout_book = PayoutBook(f"{book_path}.payouts")
    caller = gateway.Caller()
    vendor_book = VendorBook(f"{book_path}.vendors")
    known_vendors = vendors.open_vendors(vendor_book, caller)
    transfer_desk.open_desk(known_vendors)
    for code in SUPPLIERS:
        book.open_supplier(code)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        yield
        await caller.close()
        gateway_book.close()
        payout_book.close()
        vendor_book.close()
        book.close()

    routes = [
        Route("/", show_page),
        Route("/healthz", show_health),
        Route("/control/items", set_items, methods=["POST"]),
        Route("/control/suppliers", set_supplier, methods=["POST"]),
        Route("/control/items", remove_item, methods=["DELETE"]),
        Route("/control/faults", set_fault, methods=["POST"]),
        Route("/control/faults", list_faults, methods=["GET"]),
        Route("/control/faults", clear_faults, methods=["DELETE"]),
        Route("/control/page", set_by_hand, methods=["POST"]),
        Route("/control/book", show_book),
        *custodian.routes(),
        *gateway.routes(),
        *payout_desk.routes(),
        *transfer_desk.routes(),
        *vendors.routes(),
        *desk.routes(),
        *registry.routes(),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.book = book
    app.state.gateway, app.state.caller = gateway_book, caller
    app.state.payouts = payout_book
    app.state.vendors = known_vendors
    app.state.webhooks = {}
    app.state.custody = {}
    app.state.registry = {}
    return app


def app() -> Starlette:
    """The factory for a server process: the book's path and the seed come from its environment."""
    path = os.environ.get("KAMENG_SIMULATOR_BOOK", "var/simulator.sqlite3")
    return create_app(path, os.environ.get("KAMENG_SIMULATOR_SEED", "sandbox"))


async def load_items(base_url: str, rows: Iterable[Mapping[str, str]]) -> int:
    """Tell a running simulator what the rows of an offers file sell (supplier_code, supplier_item,
    cost, and for direct top-ups field_mapping): the price is the cost, the stock never ends.
    Returns how many items it took."""
    by_supplier: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        wanted: dict[str, Any] = {"item": row["supplier_item"], "price": row["cost"], "stock": -1}
        if row.get("field_mapping"):
            pairs = row["field_mapping"].split("|")
            wanted["account"] = [pair.partition("=")[0].strip() for pair in pairs]
        by_supplier.setdefault(row["supplier_code"], []).append(wanted)
    client = PartnerClient()
    try:
        for supplier, wanted_items in by_supplier.items():
            body = orjson.dumps({"supplier": supplier, "items": wanted_items})
            url = f"{base_url.rstrip('/')}/control/items"
            headers = {"content-type": "application/json"}
            answer = await client.send("POST", url, headers=headers, body=body, timeout_seconds=30)
            if answer.status != 200:
                raise RuntimeError(f"the simulator refused the items of {supplier}")
    finally:
        await client.close()
    return sum(len(wanted_items) for wanted_items in by_supplier.values())


async def load_accounts(base_url: str) -> list[dict[str, Any]]:
    """What the simulator's payment vendors hand to their merchants: one account for each."""
    client = PartnerClient()
    try:
        url = f"{base_url.rstrip('/')}/control/vendors"
        answer = await client.send("GET", url, headers={}, timeout_seconds=30)
    finally:
        await client.close()
    found: list[dict[str, Any]] = orjson.loads(answer.body)["accounts"]
    return found


async def set_webhook(base_url: str, url: str) -> None:
    """Tell the simulator's Stripe where to call back; the others hear it with each payment."""
    client = PartnerClient()
    try:
        there = f"{base_url.rstrip('/')}/control/vendors/webhook"
        body = orjson.dumps({"url": url})
        await client.send("POST", there, headers={}, body=body, timeout_seconds=30)
    finally:
        await client.close()


# --- the control desk ---------------------------------------------------------------------------


async def show_health(request: Request) -> Response:
    """Alive."""
    return JSONResponse({"status": "ok"})


async def set_items(request: Request) -> Response:
    """Add or change items of one supplier: {supplier, items: [{item, price, stock, account}]};
    `account` names the parameters of a direct top-up."""
    try:
        body = await _json(request)
        supplier = str(body["supplier"])
        rows = [
            (
                str(row["item"]),
                trade.units_of(row["price"]),
                int(row.get("stock", -1)),
                None if row.get("account") is None else [str(name) for name in row["account"]],
            )
            for row in body["items"]
        ]
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return JSONResponse({"error": "malformed"}, 400)
    _book(request).open_supplier(supplier)
    _book(request).set_items(supplier, rows)
    kameng.tell_goods(request, supplier, [row[0] for row in rows])
    return JSONResponse({"items": len(rows)})


async def remove_item(request: Request) -> Response:
    """A supplier sells an item no longer: `?supplier=&item=`."""
    supplier, item = (request.query_params.get(name, "") for name in ("supplier", "item"))
    gone = _book(request).remove_item(supplier, item)
    kameng.tell_goods(request, supplier, [item] if gone else [])
    return JSONResponse({"removed": int(gone)}, 200 if gone else 404)


async def set_supplier(request: Request) -> Response:
    """Make a supplier or set its balance: {code, balance}."""
    try:
        body = await _json(request)
        code, units = str(body["code"]), body.get("balance")
        _book(request).open_supplier(code, None if units is None else trade.units_of(units))
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return JSONResponse({"error": "malformed"}, 400)
    return JSONResponse({"code": code})


async def set_fault(request: Request) -> Response:
    """Switch a fault on: {supplier, fault, times | null, probability, item, hold_seconds}."""
    try:
        _add_fault(_book(request), await _json(request))
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "malformed", "faults": list(Fault)}, 400)
    return JSONResponse({"faults": _book(request).faults()})


async def list_faults(request: Request) -> Response:
    """All faults, and how often each has fired."""
    return JSONResponse({"faults": _book(request).faults()})


async def clear_faults(request: Request) -> Response:
    """Switch the faults off, of one supplier or of all; `cleared` says how often each fired."""
    cleared = _book(request).clear_faults(request.query_params.get("supplier"))
    return JSONResponse({"faults": _book(request).faults(), "cleared": cleared})


async def show_book(request: Request) -> Response:
    """What was really ordered, charged and delivered. The codes themselves are left out."""
    book = _book(request)
    orders = []
    for order in book.orders(request.query_params.get("supplier")):
        entry = asdict(order)
        entry["codes"] = len(order.codes)
        entry["unit_price"] = trade.amount(order.unit_price)
        entry["charged"] = trade.amount(order.charged)
        orders.append(entry)
    balances = {code: trade.amount(units) for code, units in book.balances().items()}
    return JSONResponse({"orders": orders, "balances": balances, "faults": book.faults()})


async def show_page(request: Request) -> Response:
    """The control desk as a page."""
    return HTMLResponse(page.render(_book(request), vendors.desk_of(request.app.state.vendors)))


async def set_by_hand(request: Request) -> Response:
    """What the page's forms send."""
    form = page.form_values(await request.body())
    try:
        if form.get("clear"):
            _book(request).clear_faults()
        else:
            _add_fault(_book(request), {**form, "times": int(form.get("times") or 0) or None})
    except (KeyError, ValueError):
        desk = vendors.desk_of(request.app.state.vendors)
        return HTMLResponse(page.render(_book(request), desk), 400)
    return RedirectResponse("/", 303)


def _add_fault(book: Book, body: Mapping[str, Any]) -> None:
    fault = Fault(body["fault"])
    pause = SLOW_SECONDS if fault is Fault.SLOW else HOLD_SECONDS
    times = body.get("times", 1)
    supplier = str(body["supplier"])
    book.open_supplier(supplier)
    book.add_fault(
        supplier,
        fault,
        item=str(body["item"]) if body.get("item") else None,
        times=None if times is None else int(times),
        probability=float(body.get("probability", 1.0)),
        hold_seconds=float(body.get("hold_seconds", pause)),
    )


async def _json(request: Request) -> dict[str, Any]:
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise ValueError("too large")
    value = orjson.loads(body)
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _book(request: Request) -> Book:
    book: Book = request.app.state.book
    return book
