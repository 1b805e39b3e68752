"""The control desk of dialects: what a vendor would hand out, calls back by hand, statements."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from adapters.sandbox import trade
from adapters.sandbox.dialects import dayuanren, example, hook, kameng, kashangwl, plain, reloadly
from adapters.sandbox.dialects.doors import (
    Notice,
    Spoil,
    book_of,
    caller_of,
    object_in,
    sandbox_secret,
)

COLUMNS = ("at", "provider_id", "reference", "item", "quantity", "state", "amount")


@dataclass(frozen=True, slots=True)
class Dialect:
    """One dialect: where it answers, what its customer is given, how it calls back."""

    path: str
    access: Callable[[str, str], dict[str, str]]  # of a supplier's code and the simulator's address
    notice: Notice | None = None


def _meanings(codes: dict[str, str]) -> str:
    """What an operator writes into `rejections`."""
    return ",".join(f"{code}={meaning}" for code, meaning in codes.items())


_WORDS = (
    "auth",
    "out_of_stock",
    "price_exceeded",
    "product_gone",
    "insufficient_balance",
    "invalid_account",
    "duplicate_reference",
    "rate_limited",
)
_KASHANGWL = {word: word for word in _WORDS} | {"order_not_found": "not_found"}
_DAYUANREN = {
    str(number): "product_gone" if word == "face_differs" else word
    for word, number in dayuanren.ERRNO.items()
    if word != "malformed"
}
DIALECTS = {
    "generic_http": Dialect("", lambda code, base: {}, plain.notice),
    "kashangwl": Dialect(
        "/kashangwl",
        lambda code, base: {
            "customer_id": kashangwl.CUSTOMER,
            "key": sandbox_secret(code),
            "rejections": _meanings(_KASHANGWL),
        },
        kashangwl.notice,
    ),
    "dayuanren": Dialect(
        "/dayuanren",
        lambda code, base: {
            "userid": dayuanren.USER,
            "key": sandbox_secret(code),
            "rejections": _meanings(_DAYUANREN),
        },
        dayuanren.notice,
    ),
    "reloadly": Dialect(
        "/reloadly",
        lambda code, base: {
            "client_id": reloadly.CLIENT_ID,
            "client_secret": sandbox_secret(code),
            "auth_url": f"{base}/reloadly/{code}",
            "rate": "7.1",
        },
    ),
    "kameng": Dialect(
        "/kameng",
        lambda code, base: {
            "key": kameng.KEY,
            "signing_secret": sandbox_secret(code),
            "webhook_secret": kameng.webhook_secret(code),
        },
        kameng.notice,
    ),
    # No adapter of this name is registered: the template of docs/add-a-supplier.md speaks it.
    "example": Dialect("/example", lambda code, base: {}),
    "hook": Dialect("/hook", lambda code, base: {"secret": hook.SECRET}, hook.notice),
}


def access(dialect: str, code: str, base_url: str) -> tuple[str, str]:
    """The address and the secret of a supplier of this code in this dialect."""
    base = base_url.rstrip("/")
    given = DIALECTS[dialect].access(code, base)
    return f"{base}{DIALECTS[dialect].path}/{code}", urlencode(given) or sandbox_secret(code)


def routes() -> list[Route]:
    """What the simulator's application serves of all dialects; the plain one matches the rest."""
    return [
        Route("/control/dialects", list_dialects),
        Route("/control/callbacks", call_by_hand, methods=["POST"]),
        Route("/control/webhooks", set_webhook, methods=["POST"]),
        Route("/control/cancel", cancel_by_hand, methods=["POST"]),
        Route("/control/statements/{supplier}/{day}", show_statement),
        *kashangwl.routes(),
        *dayuanren.routes(),
        *reloadly.routes(),
        *kameng.routes(),
        *example.routes(),
        *hook.routes(),
        *plain.routes(),
    ]


async def list_dialects(request: Request) -> Response:
    """Where a supplier of each dialect answers, and with what secret."""
    base = f"{request.url.scheme}://{request.url.netloc}"
    code = request.query_params.get("supplier", "")
    rows = []
    for name in (each for each in DIALECTS if each != "example"):
        address, secret = access(name, code or name, base)
        rows.append({"adapter": name, "base_url": address, "secret": secret})
    return JSONResponse({"dialects": rows})


async def call_by_hand(request: Request) -> Response:
    """One call back about an order: {dialect, supplier, reference, state, spoil, url}.

    Without `url` it is shown and sent nowhere. `state` is `failed`, `accepted`, or what is true.
    With `items` in place of the order another Kameng tells that these goods changed.
    """
    body = await object_in(request)
    if body.get("items"):
        return _goods_by_hand(body)
    try:
        notice = DIALECTS[str(body["dialect"])].notice
        order = book_of(request).find(str(body["supplier"]), str(body["reference"]))
        spoil = Spoil(body.get("spoil", ""))
    except (KeyError, ValueError):
        return JSONResponse({"error": "malformed", "spoils": list(Spoil)}, 400)
    if notice is None or order is None:
        return JSONResponse({"error": "no_such_order_or_no_callbacks"}, 404)
    order.notify_url = str(body.get("url") or order.notify_url)
    headers, content = notice(order, str(body.get("state") or order.state), spoil)
    if body.get("url"):
        sent = (headers, content)
        caller_of(request).call(order.notify_url, lambda: sent, lambda answer: True)
    return JSONResponse({"headers": dict(headers), "body": content.decode()})


def _goods_by_hand(body: dict[str, Any]) -> Response:
    items, spoil = [str(each) for each in body["items"]], Spoil(body.get("spoil", ""))
    headers, content = kameng.goods_notice(str(body.get("supplier")), items, spoil)
    return JSONResponse({"headers": dict(headers), "body": content.decode()})


async def set_webhook(request: Request) -> Response:
    """Where another Kameng calls back, which no order tells: {supplier, url}. Until it ends."""
    body = await object_in(request)
    request.app.state.webhooks[str(body.get("supplier"))] = str(body.get("url") or "")
    return JSONResponse({"webhooks": len(request.app.state.webhooks)})


async def cancel_by_hand(request: Request) -> Response:
    """Take an order back that is not delivered yet, as a vendor does who is called: {supplier,
    reference}. Answers what it is then."""
    body = await object_in(request)
    told = trade.cancel(book_of(request), str(body.get("supplier")), str(body.get("reference")))
    return JSONResponse({"state": told.state}, 404 if told.order is None else 200)


async def show_statement(request: Request) -> Response:
    """What a supplier did on a day (UTC), as a file; the fault `statement_mismatch` spoils it."""
    supplier = request.path_params["supplier"]
    try:
        day = date.fromisoformat(request.path_params["day"])
    except ValueError:
        return JSONResponse({"error": "malformed"}, 400)
    rows = statement_of(request, supplier, day)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return PlainTextResponse(text.getvalue(), media_type="text/csv")


def statement_of(request: Request, supplier: str, day: date) -> list[dict[str, Any]]:
    """The orders of a day that were charged or given back, oldest first."""
    return [
        {
            "at": datetime.fromtimestamp(each.order.made_at, UTC).isoformat(),
            "provider_id": f"{each.order.supplier}-{each.order.id}",
            "reference": each.order.reference,
            "item": each.order.item,
            "quantity": each.order.quantity,
            "state": each.order.state,
            "amount": trade.amount(each.charged - each.refunded),
        }
        for each in trade.statement(book_of(request), supplier, day)
    ]
