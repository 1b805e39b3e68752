"""The sandbox's door for payouts at `/gateway/{merchant}/payouts`, and its desk.

The protocol: POST a payout, GET it by its reference, POST `/cancel` while it waits. Signed like all
of the gateway. The same reference is paid once, and differs for life when it comes with another
amount or account.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.gateway import guarded
from adapters.sandbox.payout_book import (
    UNKNOWN_ACCOUNTS_END,
    PayoutBook,
    PayoutEntry,
    PayoutFault,
)
from adapters.sandbox.trade import HTML, units_of
from adapters.sandbox.trade import amount as shown_amount

HOLD_SECONDS = 30.0
F = PayoutFault
_NOTHING = {F.TIMEOUT_BEFORE: 504, F.ERROR_BEFORE: 502}
_BROKEN = {F.TIMEOUT_AFTER_SUCCESS: 504, F.ERROR_BUT_PAID: 502, F.GARBAGE: 200}
_STATES = {
    F.NOT_FOUND_FOR_A_WHILE: ("hidden", ""),
    F.SLOW: ("slow", ""),
    F.WAITING: ("waiting", ""),
    F.RECEIVER_UNKNOWN: ("failed", "receiver_unknown"),
    F.BALANCE_SHORT: ("failed", "balance_short"),
    F.RETURNED: ("returned", ""),
}


def routes() -> list[Route]:
    """What the simulator's application serves of payouts."""
    under = "/gateway/{merchant}/payouts"
    return [
        Route(under, guarded(payout_open), methods=["POST"]),
        Route(under + "/{reference}", guarded(payout_query)),
        Route(under + "/{reference}/cancel", guarded(payout_cancel), methods=["POST"]),
        Route("/control/payouts", list_payouts),
        Route("/control/payouts/faults", set_fault, methods=["POST"]),
        Route("/control/payouts/faults", list_faults),
        Route("/control/payouts/faults", clear_faults, methods=["DELETE"]),
        Route("/control/payouts/deeds", do_deed, methods=["POST"]),
    ]


async def payout_open(request: Request, body: dict[str, Any]) -> Response:
    """Take a payout; the same reference again answers the first one."""
    book, merchant = _book(request), request.path_params["merchant"]
    wish = {name: str(body[name]) for name in ("reference", "currency", "account", "name")}
    amount = units_of(body["amount"])
    if amount <= 0 or not 1 <= len(wish["reference"]) <= 32:
        return JSONResponse({"error": "malformed"}, 400)
    fault, hold = book.next_fault(merchant)
    if fault in _NOTHING:
        return await _broken(request, _NOTHING[fault], hold if fault is F.TIMEOUT_BEFORE else 0)
    state, why = _STATES.get(fault, ("paid", "")) if fault else ("paid", "")
    if wish["account"].endswith(UNKNOWN_ACCOUNTS_END):
        state, why = "failed", "receiver_unknown"
    book.add(merchant, wish, amount, state, why)
    entry = _entry(request, wish["reference"])
    assert entry is not None, "taken just now"
    if (entry.amount, entry.account) != (amount, wish["account"]):
        return JSONResponse({"error": "reference_used"}, 409)
    if fault in _BROKEN:
        late = hold if fault is F.TIMEOUT_AFTER_SUCCESS else 0
        return await _broken(request, _BROKEN[fault], late)
    if fault is F.NOT_FOUND_FOR_A_WHILE:
        return await _broken(request, 502, 0)
    return JSONResponse(_told(entry))


async def payout_query(request: Request, body: dict[str, Any]) -> Response:
    """Tell what became of a payout, which for a while may be less than is true."""
    entry = _entry(request, request.path_params["reference"])
    if entry is None:
        return JSONResponse({"error": "payout_not_found"}, 404)
    if entry.hidden > 0:
        _book(request).look(entry)
        if entry.state == "paid":
            return JSONResponse({"error": "payout_not_found"}, 404)
    return JSONResponse(_told(entry))


async def payout_cancel(request: Request, body: dict[str, Any]) -> Response:
    """Let a payout go that waits for its receiver."""
    names = request.path_params
    _book(request).move(names["merchant"], names["reference"], "waiting", "failed", "cancelled")
    return await payout_query(request, body)


async def list_payouts(request: Request) -> Response:
    """What was really paid: `?merchant=`."""
    entries = _book(request).entries(request.query_params.get("merchant", ""))
    return JSONResponse(
        {"payouts": [{**_told(each), "submissions": each.submissions} for each in entries]}
    )


async def set_fault(request: Request) -> Response:
    """Spoil the next submissions: {merchant, fault, times, hold_seconds}."""
    try:
        body = orjson.loads(await request.body())
        fault, times = PayoutFault(body["fault"]), int(body.get("times", 1))
        hold = float(body.get("hold_seconds", HOLD_SECONDS))
        _book(request).add_fault(str(body["merchant"]), fault, times, hold)
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "malformed", "faults": list(PayoutFault)}, 400)
    return await list_faults(request)


async def list_faults(request: Request) -> Response:
    """All faults, and how often each has fired."""
    return JSONResponse({"faults": _book(request).faults()})


async def clear_faults(request: Request) -> Response:
    """Answer as one should."""
    _book(request).clear_faults()
    return await list_faults(request)


async def do_deed(request: Request) -> Response:
    """What a receiver does with a payout that waits, or what comes back:
    {merchant, reference, deed: confirm | ignore | return}."""
    try:
        body = orjson.loads(await request.body())
        where = (str(body["merchant"]), str(body["reference"]))
        move = {
            "confirm": ("waiting", "paid", ""),
            "ignore": ("waiting", "failed", "not_confirmed"),
            "return": ("paid", "returned", ""),
        }[body["deed"]]
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "malformed"}, 400)
    done = _book(request).move(*where, *move)
    return JSONResponse({"done": done}, 200 if done else 409)


async def _broken(request: Request, status: int, hold: float) -> Response:
    """An answer that says nothing, after a pause that is not longer than the caller waits."""
    if hold > 0:
        gone = asyncio.ensure_future(request.receive())
        await asyncio.wait({gone}, timeout=hold)
        gone.cancel()
    return HTMLResponse(HTML, status)


def _told(entry: PayoutEntry) -> dict[str, str]:
    return {
        "reference": entry.reference,
        "provider_id": entry.provider_id,
        "amount": shown_amount(entry.amount),
        "currency": entry.currency,
        "state": entry.state,
        "why": entry.why,
        "token": entry.token if entry.state == "waiting" else "",
        "at": datetime.fromtimestamp(entry.at, UTC).isoformat(),
    }


def _entry(request: Request, reference: str) -> PayoutEntry | None:
    return _book(request).find(request.path_params["merchant"], reference)


def _book(request: Request) -> PayoutBook:
    book: PayoutBook = request.app.state.payouts
    return book
