"""A payment gateway that runs here, with its page for buyers and every fault on it.

Merchants speak to it by signed JSON under `/gateway/{merchant}/`; buyers see `/pay/{token}` and
choose there what shall happen; callbacks are signed and sent again while nobody takes them. It is
for development and tests: no money is behind it, so let it listen on loopback only.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from adapters.http import Ambiguous, Answer, NotSent, PartnerClient
from adapters.sandbox import gateway_page
from adapters.sandbox.gateway_book import GatewayBook, PaymentEntry
from adapters.sandbox.trade import amount as shown
from adapters.sandbox.trade import units_of
from adapters.signing import MAX_SKEW_SECONDS, NONCE, SIGNATURE, TIMESTAMP, sign, verify

RESEND_SECONDS = (0.0, 1.0, 3.0, 10.0, 30.0, 60.0)
DELAY_SECONDS = 5.0
DUPLICATES = 5


Write = Callable[[], tuple[Mapping[str, str], bytes]]  # headers and body
Taken = Callable[[Answer], bool]


class Deed(StrEnum):
    """What a buyer, or a fault, does on the page."""

    PAY = "pay"
    FAIL = "fail"
    TWICE = "twice"  # paid once, told five times
    LATE = "late"  # paid although its time is over, or it was closed: the gateway errs
    LOST = "lost"  # paid, and nothing is called back
    DELAY = "delay"  # paid, and told some seconds later
    LESS = "less"  # half of it is paid, and told
    WRONG_AMOUNT = "wrong_amount"  # paid, and another amount is told
    WRONG_SIGNATURE = "wrong_signature"  # paid, and told by somebody without the key
    FORGED = "forged"  # not paid at all, and told as paid


def sandbox_gateway_secret(merchant: str) -> str:
    """The shared secret of a sandbox merchant: known to all, for it guards nothing of value."""
    return f"sandbox-gateway-secret-of-{merchant}"


class Caller:
    """Sends callbacks, one task each, until somebody takes them."""

    def __init__(self) -> None:
        self.client = PartnerClient()
        self.tasks: set[asyncio.Task[None]] = set()

    def call(self, url: str, write: Write, taken: Taken, wait: float = 0.0) -> None:
        """Send one callback, now or after a while; each try is written, and signed, anew."""
        task = asyncio.create_task(self._call(url, write, taken, wait))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        """Send nothing any more."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.client.close()

    async def _call(self, url: str, write: Write, taken: Taken, wait: float) -> None:
        await asyncio.sleep(wait)
        for pause in RESEND_SECONDS:
            await asyncio.sleep(pause)
            headers, body = write()
            try:
                answer = await self.client.send(
                    "POST", url, headers=headers, body=body, timeout_seconds=10
                )
            except (NotSent, Ambiguous):
                continue
            if taken(answer):
                return


def routes() -> list[Route]:
    """What the simulator's application serves of the gateway."""
    under = "/gateway/{merchant}/payments"
    return [
        Route(under, guarded(payment_open), methods=["POST"]),
        Route(under + "/{reference}", guarded(payment_query)),
        Route(under + "/{reference}/close", guarded(payment_close), methods=["POST"]),
        Route(under + "/{reference}/refunds", guarded(refund_make), methods=["POST"]),
        Route(under + "/{reference}/refunds/{refund}", guarded(refund_query)),
        Route("/gateway/{merchant}/statements/{day}", guarded(statement)),
        Route("/pay/{token}", show_payment),
        Route("/pay/{token}", take_deed, methods=["POST"]),
        Route("/control/payments", list_payments),
    ]


# --- the merchants' door ------------------------------------------------------------------------


async def payment_open(request: Request, body: dict[str, Any]) -> Response:
    """Take a payment; the same reference again answers the same page."""
    merchant = request.path_params["merchant"]
    wish = {name: str(body[name]) for name in ("reference", "currency", "subject")}
    wish |= {name: str(body[name]) for name in ("notify_url", "return_url", "expires_at")}
    units = units_of(body["amount"])
    if units <= 0 or len(wish["reference"]) > 32:
        return JSONResponse({"error": "malformed"}, 400)
    entry = _book(request).open(merchant, wish, units)
    if (entry.amount, entry.currency) != (units, wish["currency"]):
        return JSONResponse({"error": "reference_used"}, 409)
    page = f"{request.url.scheme}://{request.url.netloc}/pay/{entry.token}"
    return JSONResponse({**_told(entry), "page_url": page})


async def payment_query(request: Request, body: dict[str, Any]) -> Response:
    """Tell what became of a payment."""
    entry = _entry(request)
    if entry is None:
        return JSONResponse({"error": "payment_not_found"}, 404)
    return JSONResponse(_told(entry))


async def payment_close(request: Request, body: dict[str, Any]) -> Response:
    """Let nobody pay it any more."""
    _book(request).close_payment(request.path_params["merchant"], request.path_params["reference"])
    return await payment_query(request, body)


async def refund_make(request: Request, body: dict[str, Any]) -> Response:
    """Give money back, once per refund reference."""
    entry = _entry(request)
    if entry is None:
        return JSONResponse({"error": "payment_not_found"}, 404)
    refund = _book(request).refund(entry, str(body["refund_reference"]), units_of(body["amount"]))
    if refund is None:
        return JSONResponse({"error": "refund_too_large"}, 409)
    return JSONResponse(
        {
            "status": "completed",
            "refund_reference": refund.refund_reference,
            "refund_id": f"SBR{refund.id:010d}",
            "amount": shown(refund.amount),
        }
    )


async def refund_query(request: Request, body: dict[str, Any]) -> Response:
    """Tell what became of a refund."""
    names = request.path_params
    refund = _book(request).find_refund(names["merchant"], names["refund"])
    if refund is None:
        return JSONResponse({"error": "refund_not_found"}, 404)
    return JSONResponse(
        {
            "status": "completed",
            "refund_reference": refund.refund_reference,
            "refund_id": f"SBR{refund.id:010d}",
            "amount": shown(refund.amount),
        }
    )


async def statement(request: Request, body: dict[str, Any]) -> Response:
    """All movements of one day, in UTC."""
    day = date.fromisoformat(request.path_params["day"])
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if start > datetime.now(UTC):
        return JSONResponse({"error": "not_ready"}, 409)
    end = (start + timedelta(days=1)).timestamp()
    merchant = request.path_params["merchant"]
    paid, back = _book(request).movements(merchant, start.timestamp(), end)
    rows = [{**_told(entry), "kind": "payment", "fee": "0.00"} for entry in paid]
    rows += [
        {
            "kind": "refund",
            "reference": each.reference,
            "refund_reference": each.refund_reference,
            "provider_id": f"SBR{each.id:010d}",
            "amount": shown(each.amount),
            "fee": "0.00",
            "currency": "CNY",
            "at": _moment(each.at),
        }
        for each in back
    ]
    return JSONResponse({"day": day.isoformat(), "rows": rows})


def guarded(answer: Callable[..., Any]) -> Callable[[Request], Any]:
    """Only whoever has the merchant's key is listened to."""

    async def guarded(request: Request) -> Response:
        body = await request.body()
        timestamp = request.headers.get(TIMESTAMP, "")
        nonce = request.headers.get(NONCE, "")
        secret = sandbox_gateway_secret(request.path_params["merchant"])
        parts = (request.method, request.url.path, timestamp, nonce)
        if not verify(request.headers.get(SIGNATURE, ""), secret, *parts, body=body):
            return JSONResponse({"error": "auth"}, 401)
        fresh = timestamp.isdecimal() and abs(time.time() - int(timestamp)) <= MAX_SKEW_SECONDS
        if not fresh or not nonce or not _book(request).use_nonce(nonce):
            return JSONResponse({"error": "auth"}, 401)
        try:
            told = orjson.loads(body) if body else {}
            response: Response = await answer(request, told)
        except (KeyError, TypeError, ValueError, ArithmeticError):
            return JSONResponse({"error": "malformed"}, 400)
        return response

    return guarded


# --- the buyers' page ---------------------------------------------------------------------------


async def show_payment(request: Request) -> Response:
    """The payment page."""
    entry = _book(request).find_by_token(request.path_params["token"])
    if entry is None:
        return HTMLResponse(gateway_page.unknown(), 404)
    return HTMLResponse(gateway_page.render(entry))


async def take_deed(request: Request) -> Response:
    """What the buyer does; back to the shop when it is done."""
    token = request.path_params["token"]
    entry = _book(request).find_by_token(token)
    if entry is None:
        return HTMLResponse(gateway_page.unknown(), 404)
    try:
        deed = Deed(gateway_page.form_values(await request.body()).get("deed", ""))
    except ValueError:
        return HTMLResponse(gateway_page.render(entry), 400)
    if not _do(request, entry, deed):
        return HTMLResponse(gateway_page.render(entry, refused=True), 409)
    there = entry.return_url if entry.return_url.startswith(("http://", "https://")) else ""
    return RedirectResponse(there or f"/pay/{token}", 303)


def _do(request: Request, entry: PaymentEntry, deed: Deed) -> bool:
    """Pay, and tell it as the deed says; False when it cannot be paid."""
    book, caller = _book(request), request.app.state.caller
    key = sandbox_gateway_secret(entry.merchant)
    if deed is Deed.FAIL:
        book.close_payment(entry.merchant, entry.reference)
    elif deed is not Deed.FORGED:
        late = deed is Deed.LATE
        over = time.time() > entry.expires_at and not late
        paid = entry.amount // 2 // 100 * 100 if deed is Deed.LESS else entry.amount
        if over or not book.pay(entry.token, paid, late=late):
            return False
    entry = book.find_by_token(entry.token) or entry
    changes: dict[str, str] = {}
    if deed is Deed.WRONG_AMOUNT:
        changes = {"amount": shown(entry.amount * 2)}
    if deed is Deed.FORGED:
        changes = {"state": "paid", "provider_id": entry.provider_id, "at": _moment(time.time())}
    if deed is Deed.WRONG_SIGNATURE:
        key = "somebody-else"
    for _ in range(DUPLICATES if deed is Deed.TWICE else 1):
        if deed is not Deed.LOST:
            _tell(caller, entry, changes, key, DELAY_SECONDS if deed is Deed.DELAY else 0.0)
    return True


def _tell(
    caller: Caller, entry: PaymentEntry, changes: dict[str, str], key: str, wait: float
) -> None:
    def write() -> tuple[Mapping[str, str], bytes]:
        body = orjson.dumps(_told(entry) | changes)
        return _signed(key, entry.notify_url, body), body

    caller.call(entry.notify_url, write, lambda answer: answer.status == 200, wait)


async def list_payments(request: Request) -> Response:
    """What was really paid, newest first, for tests."""
    return JSONResponse({"payments": [_told(each) for each in _book(request).newest(200)]})


def _told(entry: PaymentEntry) -> dict[str, str]:
    """A payment as answers and callbacks tell it."""
    at = entry.paid_at if entry.paid_at is not None else time.time()
    return {
        "reference": entry.reference,
        "provider_id": entry.provider_id if entry.state == "paid" else "",
        "amount": shown(entry.paid if entry.state == "paid" else entry.amount),
        "currency": entry.currency,
        "merchant": entry.merchant,
        "state": entry.state,
        "at": _moment(at),
    }


def _signed(key: str, url: str, body: bytes) -> dict[str, str]:
    timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
    signature = sign(key, "POST", urlsplit(url).path, timestamp, nonce, body)
    return {
        TIMESTAMP: timestamp,
        NONCE: nonce,
        SIGNATURE: signature,
        "content-type": "application/json",
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _entry(request: Request) -> PaymentEntry | None:
    names = request.path_params
    return _book(request).find(names["merchant"], names["reference"])


def _book(request: Request) -> GatewayBook:
    book: GatewayBook = request.app.state.gateway
    return book
