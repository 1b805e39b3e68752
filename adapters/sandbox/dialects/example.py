"""The other side of the template in docs/add-a-supplier.md, at `/example/{supplier}`.

Nobody sells so. Copy it when you write the dialect of a vendor: three doors, and one function that
puts what `trade` tells into the vendor's words.
"""

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox import trade
from adapters.sandbox.dialects.doors import book_of, object_in, sandbox_secret, say
from adapters.sandbox.trade import Told

# What `trade` calls an error, in the vendor's words; all else is called as there.
ERRORS = {"out_of_stock": "sold_out", "price_exceeded": "too_dear", "product_gone": "no_such_item"}


def routes() -> list[Route]:
    """What the simulator's application serves of it."""
    doors = {"buy": buy, "find": find, "balance": balance}
    return [
        Route(f"/example/{{supplier}}/{name}", door, methods=["POST"])
        for name, door in doors.items()
    ]


async def buy(request: Request) -> Response:
    """Take an order."""
    wanted = _wanted_of(await object_in(request))
    if not _is_known(request):
        return _error("wrong_key", 401)
    if wanted is None:
        return _error("malformed", 400)
    told = trade.submit(book_of(request), request.path_params["supplier"], wanted)
    return await say(request, told, _words)


async def find(request: Request) -> Response:
    """What became of one."""
    if not _is_known(request):
        return _error("wrong_key", 401)
    reference = str((await object_in(request)).get("reference"))
    told = trade.query(book_of(request), request.path_params["supplier"], reference)
    return await say(request, told, _words)


async def balance(request: Request) -> Response:
    """What the customer has left."""
    if not _is_known(request):
        return _error("wrong_key", 401)
    left = book_of(request).balances()[request.path_params["supplier"]]
    return JSONResponse({"balance": trade.amount(left)})


def _is_known(request: Request) -> bool:
    code = request.path_params["supplier"]
    told = request.headers.get("authorization")
    return code in book_of(request).balances() and told == f"Bearer {sandbox_secret(code)}"


def _wanted_of(asked: dict[str, Any]) -> trade.Wanted | None:
    try:
        wanted = trade.Wanted(
            reference=str(asked["reference"]),
            item=str(asked["item"]),
            quantity=int(asked["pieces"]),
            max_unit_cost=trade.units_of(asked["max_price"]),
            valid_until=datetime.fromisoformat(asked["valid_until"]).timestamp(),
            account=asked.get("account"),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return wanted if trade.is_whole(wanted) else None


def _words(told: Told) -> Response:
    if told.state == "not_found":
        return JSONResponse({"state": "unknown_reference"})
    if told.state in ("refused", "rejected"):
        return _error(ERRORS.get(told.error, told.error), 200)
    order = told.order
    assert order is not None
    if told.state in trade.GIVEN_BACK:
        return _error("taken_back", 200)
    head = {"reference": order.reference, "number": f"{order.supplier}-{order.id}"}
    if told.state not in ("completed", "partial"):
        return JSONResponse({**head, "state": "working" if told.state == "accepted" else "?"})
    goods = [{"number": number, "secret": secret} for number, secret in order.codes]
    paid = {"charged": trade.amount(order.charged), "receipt": order.receipt or None}
    part = trade.share_of(order) if told.state == "partial" and order.receipt else None
    return JSONResponse({**head, "state": "done", "codes": goods, **paid, "part": part})


def _error(error: str, status: int) -> Response:
    return JSONResponse({"error": error}, status)
