"""Stripe's Checkout Sessions as its published API says, for one account, faults on demand.

It checks the key, remembers idempotency keys with what was asked under them, pages its lists and
signs each callback. No money is behind it and no network inside.
"""

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from adapters.sandbox.protocol import (
    HTML,
    HUNG_UP,
    Answered,
    Asked,
    Fault,
    OnRefund,
    Trade,
)

STALE_SECONDS = 1_800
SOONEST_END = timedelta(minutes=30)
MOST_ROWS = 100


class Refusal(Exception):
    """An error as Stripe answers it."""

    def __init__(self, status: int, code: str, kind: str = "invalid_request_error") -> None:
        super().__init__(code)
        self.status, self.code, self.kind = status, code, kind


@dataclass
class StripeGateway:
    """The other side of one account; `keys` are two while they are rolled."""

    account: str
    keys: list[str] = field(repr=False)
    webhook_secret: str = field(repr=False)
    trades: dict[str, Trade] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)  # one for each next answer
    asked: list[str] = field(default_factory=list)
    balance_fen: int = 10**9
    prefix: str = ""
    page_url: str = ""
    webhook_url: str = ""  # of the account, as its dashboard has it
    on_refund: OnRefund | None = None
    page_rows: int = MOST_ROWS
    _answered: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    _returns: dict[str, str] = field(default_factory=dict)

    # --- what a test, or the desk, does to it ----------------------------------------------------

    def pay(self, reference: str, *, late: bool = False) -> None:
        """The buyer pays."""
        trade = self.trades[reference]
        over = trade.state == "closed" or datetime.now(UTC) > trade.expires_at
        if trade.state == "paid" or (over and not late):
            raise ValueError("nobody can pay this")
        trade.state, trade.paid_at = "paid", datetime.now(UTC)
        trade.provider_id = f"pi_{secrets.token_hex(12)}"

    def notice(self, reference: str, fault: Fault | None = None) -> tuple[dict[str, str], bytes]:
        """Headers and body of the callback that tells of a payment."""
        told = self._session(self.trades[reference], expand=False)
        return self._callback("checkout.session.completed", _changed(told, fault), fault)

    def unpaid_notice(self, reference: str) -> tuple[dict[str, str], bytes]:
        """A callback that is signed and untrue: it tells a payment that nobody made."""
        before, moment = self.trades[reference], datetime.now(UTC)
        number = f"pi_{secrets.token_hex(12)}"
        self.trades[reference] = replace(before, state="paid", paid_at=moment, provider_id=number)
        try:
            return self.notice(reference)
        finally:
            self.trades[reference] = before

    def swapped_notice(self, paid: str, told: str) -> tuple[dict[str, str], bytes]:
        """The payment of one order, told as that of another."""
        session = self._session(self.trades[paid], expand=False)
        session["client_reference_id"] = told
        session["metadata"] = {**session["metadata"], "reference": told}
        return self._callback("checkout.session.completed", session, None)

    def refund_notice(self, reference: str, refund: str) -> tuple[dict[str, str], bytes]:
        """The callback that tells of a refund."""
        told = self._refund_shown(self.trades[reference], refund)
        return self._callback("refund.updated", told, None)

    def _callback(
        self, event: str, told: dict[str, Any], fault: Fault | None
    ) -> tuple[dict[str, str], bytes]:
        moment = int(datetime.now(UTC).timestamp())
        at = moment - STALE_SECONDS if fault is Fault.STALE else moment
        body = orjson.dumps(
            {
                "id": f"evt_{secrets.token_hex(12)}",
                "object": "event",
                "created": at,
                "type": event,
                "data": {"object": told},
            }
        )
        secret = "whsec_other" if fault is Fault.WRONG_SIGNATURE else self.webhook_secret
        signature = hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()
        old = hmac.digest(b"whsec_rolled_away", body, "sha256").hex()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": f"t={at},v1={old},v1={signature},v0=0000",
        }
        return headers, body

    # --- HTTP ------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Answered:
        """One request; the next fault spoils its answer."""
        parts = urlsplit(asked.path)
        path = parts.path.removeprefix(self.prefix)
        self.asked.append(f"{asked.method} {path}")
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.DROPPED:
            return HUNG_UP
        form = dict(parse_qsl(parts.query if asked.method == "GET" else asked.body.decode()))
        try:
            status, told = 200, self._handled(asked, path, form)
        except Refusal as refusal:
            status = refusal.status
            told = {"error": {"type": refusal.kind, "code": refusal.code, "message": "no"}}
        except (KeyError, ValueError):
            error = {"type": "invalid_request_error", "code": "parameter_missing"}
            status, told = 400, {"error": error}
        match fault:
            case Fault.NO_ANSWER:
                return HUNG_UP
            case Fault.SERVER_ERROR:
                return Answered(502, HTML)
            case Fault.HTML:
                return Answered(200, HTML, {"content-type": "text/html"})
        rows = told.get("data")
        if isinstance(rows, list):
            told = {**told, "data": [_changed(row, fault) for row in rows]}
        body = orjson.dumps(_changed(told, fault))
        return Answered(status, body, {"content-type": "application/json"})

    def _handled(self, asked: Asked, path: str, form: dict[str, str]) -> dict[str, Any]:
        key = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if key not in self.keys:
            raise Refusal(401, "", "authentication_error")
        once = asked.headers.get("idempotency-key", "")
        said = asked.body.decode()
        if once in self._answered:
            before, answered = self._answered[once]
            if before != said:
                raise Refusal(400, "", "idempotency_error")
            return answered
        for method, pattern, handle in self._routes():
            found = re.fullmatch(pattern, path)
            if found and method == asked.method:
                told = handle(form, *found.groups())
                if once:
                    self._answered[once] = (said, told)
                return told
        raise Refusal(404, "resource_missing")

    def _routes(self) -> tuple[tuple[str, str, Callable[..., dict[str, Any]]], ...]:
        return (
            ("POST", r"/v1/checkout/sessions", self._open),
            ("GET", r"/v1/checkout/sessions", self._list),
            ("POST", r"/v1/checkout/sessions/([^/]+)/expire", self._expire),
            ("POST", r"/v1/refunds", self._refund),
            ("GET", r"/v1/refunds", self._refunds),
            ("GET", r"/v1/balance_transactions", self._movements),
        )

    # --- what it is asked for --------------------------------------------------------------------

    def _open(self, form: dict[str, str]) -> dict[str, Any]:
        item = "line_items[0]"
        fen = int(form[f"{item}[price_data][unit_amount]"]) * int(form[f"{item}[quantity]"])
        reference, end = form["client_reference_id"], int(form["expires_at"])
        if form["mode"] != "payment" or not form[f"{item}[price_data][product_data][name]"]:
            raise Refusal(400, "parameter_invalid")
        if not form["success_url"].startswith("http") or fen < 1:
            raise Refusal(400, "url_invalid")
        expires_at = datetime.fromtimestamp(end, UTC)
        left = expires_at - datetime.now(UTC)
        if not SOONEST_END <= left <= timedelta(hours=24):
            raise Refusal(400, "expires_at_invalid")
        currency = form[f"{item}[price_data][currency]"].upper()
        new = Trade(reference, fen, currency, self.webhook_url, expires_at)
        trade = self.trades.setdefault(reference, new)
        if trade.fen != fen:
            raise Refusal(400, "", "idempotency_error")
        self._returns[reference] = form["success_url"]
        return self._session(trade, expand=False)

    def _list(self, form: dict[str, str]) -> dict[str, Any]:
        rows = [self._session(each, expand=True) for each in reversed(self.trades.values())]
        return self._page(form, rows)

    def _expire(self, form: dict[str, str], number: str) -> dict[str, Any]:
        trade = self.trades[number.removeprefix("cs_test_")]
        if trade.state != "open":
            raise Refusal(400, "checkout_session_not_open")
        trade.state = "closed"
        return self._session(trade, expand=False)

    def _refund(self, form: dict[str, str]) -> dict[str, Any]:
        trade = self._trade_of(form["payment_intent"])
        number, fen = form["metadata[refund_reference]"], int(form["amount"])
        if trade.refunded == trade.fen:
            raise Refusal(400, "charge_already_refunded")
        if trade.refunded + fen > trade.fen:
            raise Refusal(400, "amount_too_large")
        if fen > self.balance_fen:
            raise Refusal(400, "balance_insufficient")
        trade.refunds[number] = fen
        if self.on_refund is not None:
            self.on_refund(trade, number, trade.notify_url)
        return self._refund_shown(trade, number)

    def _refunds(self, form: dict[str, str]) -> dict[str, Any]:
        trade = self._trade_of(form["payment_intent"])
        rows = [self._refund_shown(trade, number) for number in trade.refunds]
        return self._page(form, rows[::-1])

    def _movements(self, form: dict[str, str]) -> dict[str, Any]:
        rows = []
        for trade in self.trades.values():
            if trade.paid_at is None:
                continue
            source = {"payment_intent": trade.provider_id, "metadata": self._metadata(trade)}
            rows.append(_movement(trade, trade.fen, round(trade.fen * 0.006), "charge", source))
            rows += [
                _movement(trade, -fen, 0, "refund", self._refund_shown(trade, number))
                for number, fen in trade.refunds.items()
            ]
        return self._page(form, rows[::-1])

    def _page(self, form: dict[str, str], rows: list[dict[str, Any]]) -> dict[str, Any]:
        """A part of a list, newest first, as its questions ask for it."""
        since, until = int(form.get("created[gte]", 0)), int(form.get("created[lte]", 10**11))
        before = int(form.get("created[lt]", 10**11))
        rows = [row for row in rows if since <= row["created"] <= until]
        rows = [row for row in rows if row["created"] < before]
        if after := form.get("starting_after"):
            places = [place for place, row in enumerate(rows) if row["id"] == after]
            rows = rows[places[0] + 1 :]
        most = min(int(form.get("limit", 10)), self.page_rows)
        return {"object": "list", "data": rows[:most], "has_more": len(rows) > most}

    def _trade_of(self, intent: str) -> Trade:
        found = [trade for trade in self.trades.values() if trade.provider_id == intent]
        if not found or found[0].state != "paid":
            raise Refusal(404, "resource_missing")
        return found[0]

    def _metadata(self, trade: Trade) -> dict[str, str]:
        return {"reference": trade.reference, "merchant": self.account}

    def _session(self, trade: Trade, *, expand: bool) -> dict[str, Any]:
        made = trade.expires_at - timedelta(minutes=46)
        paid = int(trade.paid_at.timestamp()) if trade.paid_at else 0
        charge = {"id": trade.provider_id.replace("pi_", "ch_"), "created": paid}
        shown = {"id": trade.provider_id, "latest_charge": charge} if expand else trade.provider_id
        back = urlencode({"redirect_url": self._returns.get(trade.reference, "")})
        page = self.page_url or "https://checkout.stripe.example/c/pay"
        there = f"{page}/{trade.reference}?{back}"
        return {
            "id": f"cs_test_{trade.reference}",
            "object": "checkout.session",
            "created": int(made.timestamp()),
            "client_reference_id": trade.reference,
            "metadata": self._metadata(trade),
            "status": {"open": "open", "paid": "complete", "closed": "expired"}[trade.state],
            "payment_status": "paid" if trade.state == "paid" else "unpaid",
            "amount_total": trade.fen,
            "currency": trade.currency.lower(),
            "payment_intent": shown if trade.provider_id else None,
            "url": there if trade.state == "open" else None,
        }

    def _refund_shown(self, trade: Trade, number: str) -> dict[str, Any]:
        return {
            "id": f"re_{number}",
            "object": "refund",
            "created": int(datetime.now(UTC).timestamp()),
            "payment_intent": trade.provider_id,
            "amount": trade.refunds[number],
            "currency": trade.currency.lower(),
            "status": "succeeded",
            "metadata": {**self._metadata(trade), "refund_reference": number},
        }


def _movement(
    trade: Trade, fen: int, fee: int, kind: str, source: dict[str, Any]
) -> dict[str, Any]:
    assert trade.paid_at is not None, "it was paid"
    number = source.get("id", trade.provider_id)
    return {
        "id": f"txn_{number}",
        "type": kind,
        "amount": fen,
        "fee": fee,
        "currency": trade.currency.lower(),
        "created": int(trade.paid_at.timestamp()),
        "source": source,
    }


def _changed(told: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
    """The same with one untruth in it."""
    match fault:
        case Fault.OTHER_MERCHANT if "metadata" in told:
            return {**told, "metadata": {**told["metadata"], "merchant": "acct_other"}}
        case Fault.OTHER_REFERENCE if "client_reference_id" in told:
            return {**told, "client_reference_id": "somebodyelses"}
        case Fault.UNKNOWN_STATE if "status" in told:
            return {**told, "status": "looking"}
        case Fault.OTHER_AMOUNT:
            names = [name for name in ("amount_total", "amount") if name in told]
            return told | {name: told[name] + 1 for name in names}
    return told
