"""What the doors of all dialects share: waiting, broken answers, the calls back.

A dialect says in its own words what `trade` tells it. It does not use the code of our adapters: a
mistake would else be made, and forgiven, on both sides.
"""

import asyncio
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from adapters.http import Answer
from adapters.sandbox.book import Book, OrderEntry
from adapters.sandbox.faults import Fault
from adapters.sandbox.gateway import Caller
from adapters.sandbox.trade import HTML, Told

CALL_AFTER_SECONDS = 0.2
DUPLICATES = 5
STALE_SECONDS = 3_600


class Spoil(StrEnum):
    """In which way a call back is untrue."""

    NONE = ""
    FORGED = "wrong_signature"  # signed by somebody else
    STALE = "stale_timestamp"  # signed rightly, an hour ago
    OTHER = "other_connection"  # signed rightly by another supplier of ours


Called = tuple[Mapping[str, str], bytes]  # headers and body
# An order, the state that is told of it (failed: it did not work), and how it is spoiled.
Notice = Callable[[OrderEntry, str, Spoil], Called]

_STATES: dict[str, tuple[str, ...]] = {
    "": ("",),
    Fault.LOST_CALLBACK: (),
    Fault.DUPLICATE_CALLBACK: ("",) * DUPLICATES,
    Fault.OUT_OF_ORDER_CALLBACK: ("", "accepted"),
    Fault.CONTRADICTORY_CALLBACK: ("failed", ""),
}


def sandbox_secret(code: str) -> str:
    """The shared secret of a sandbox supplier: known to all, for it guards nothing of value."""
    return f"sandbox-secret-of-{code}"


def secret_for(code: str, spoil: Spoil) -> str:
    """With what a call back is signed."""
    if spoil is Spoil.FORGED:
        return "somebody-elses"
    return sandbox_secret(f"other-than-{code}" if spoil is Spoil.OTHER else code)


async def say(request: Request, told: Told, words: Callable[[Told], Response]) -> Response:
    """What goes back, after a pause that is not longer than the caller waits."""
    if told.hold_seconds > 0:
        gone = asyncio.ensure_future(request.receive())
        await asyncio.wait({gone}, timeout=told.hold_seconds)
        gone.cancel()
    if told.state == "broken":
        return HTMLResponse(HTML, told.status)
    return words(told)


async def object_in(request: Request) -> dict[str, Any]:
    """The JSON object of a request; an empty one when there is none."""
    try:
        content = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def call_back(request: Request, told: Told, notice: Notice) -> None:
    """Send what the order's fault wants to be called back, if somebody is to be called."""
    order, caller = told.order, caller_of(request)
    if order is None or not order.notify_url or told.repeated or order.state == "rejected":
        return
    if order.state == "accepted" or order.mask == "refunding":
        return  # never done, or taken back: nothing is told
    if order.callback in (Fault.REPLAYED_CALLBACK, *Spoil):
        spoil = Spoil(order.callback) if order.callback in set(Spoil) else Spoil.NONE
        once = notice(order, order.state, spoil)
        for _ in range(2 if order.callback == Fault.REPLAYED_CALLBACK else 1):
            caller.call(order.notify_url, lambda: once, lambda answer: True, CALL_AFTER_SECONDS)
        return
    for number, state in enumerate(_STATES.get(order.callback, ("",))):
        gap = 0 if order.callback == Fault.DUPLICATE_CALLBACK else CALL_AFTER_SECONDS
        wait = CALL_AFTER_SECONDS + number * gap
        caller.call(order.notify_url, _writer(request, order, state, notice), _is_taken, wait)


def shelf_of(request: Request) -> tuple[list[dict[str, Any]], Response | None]:
    """What a supplier lists of its goods, by name; or the answer that comes instead of a list."""
    book, supplier = book_of(request), request.path_params["supplier"]
    rows, fault = book.items(supplier), book.list_fault(supplier)
    if fault is Fault.LIST_GARBAGE:
        return [], HTMLResponse(HTML, 200)
    if fault is Fault.LIST_LIMITED:
        return [], JSONResponse({"error": "rate_limited"}, 429)
    return (rows[::2] if fault is Fault.LIST_HALF else rows), None


def page_of(rows: list[dict[str, Any]], cursor: str, size: int) -> tuple[list[Any], str | None]:
    """The rows behind an item's name, and where the next ones begin."""
    after = [row for row in rows if row["item"] > cursor]
    page = after[:size]
    return page, page[-1]["item"] if len(after) > size else None


def book_of(request: Request) -> Book:
    """The book of all suppliers."""
    book: Book = request.app.state.book
    return book


def caller_of(request: Request) -> Caller:
    """Who sends the calls back."""
    caller: Caller = request.app.state.caller
    return caller


def _writer(
    request: Request, order: OrderEntry, state: str, notice: Notice
) -> Callable[[], Called]:
    def write() -> Called:
        book_of(request).unmask(order)
        return notice(order, state or order.state, Spoil.NONE)

    return write


def _is_taken(answer: Answer) -> bool:
    return 200 <= answer.status < 300
