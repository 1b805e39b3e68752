"""Stripe, by Checkout Sessions: a page of Stripe's, paid there, told by a signed callback.

Stripe finds a session by its own number only, which nobody stores: it is looked for among those
that were made when our reference was. Until that list was read to its end nothing is "not found".
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from adapters.http import NotSent, PartnerClient
from adapters.payments.stripe_wire import (
    PAGE,
    NotConfigured,
    StripeConfig,
    Told,
    Unsure,
    ask,
    born_at,
    config_of,
    moment_of,
    signed_at,
)
from domain.kernel import clock
from domain.payments.ports import (
    CallbackResult,
    Capabilities,
    Closed,
    CloseResult,
    Connection,
    Forged,
    NotFound,
    Notice,
    NoticeState,
    Paid,
    PaymentOrder,
    Pending,
    QueryResult,
    Redirect,
    RefundAccepted,
    RefundCompleted,
    RefundOrder,
    RefundQueryResult,
    RefundRejected,
    RefundResult,
    Refused,
    Reply,
    Started,
    StartResult,
    Statement,
    StatementKind,
    StatementResult,
    StatementRow,
    Uncertain,
    Way,
    Why,
)

NAME = "stripe"
CENT = 100  # units in one
CURRENCY = "CNY"
MAX_AGE_SECONDS = 300
# Stripe lets no session end sooner than half an hour after it was made. A payment that comes after
# the order's own end is a late one, and most are closed before.
SHORTEST = timedelta(minutes=31)
AROUND_ITS_BIRTH = (timedelta(minutes=-5), timedelta(minutes=10))
ALL_ITS_LIFE = (timedelta(minutes=-5), timedelta(hours=25))
MOST_PAGES = 50
_REFUSED_REFUND = {
    "balance_insufficient": Why.BALANCE,
    "charge_already_refunded": Why.ALREADY_REFUNDED,
    "charge_disputed": Why.TOO_LATE,
}
_PAID_EVENTS = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
_REFUND_EVENTS = ("refund.updated", "refund.created", "charge.refund.updated")


@dataclass(frozen=True, slots=True)
class _Asking:
    """Requests of one account."""

    client: PartnerClient
    connection: Connection
    config: StripeConfig

    async def ask(
        self, method: str, path: str, content: Mapping[str, Any] | None = None, key: str = ""
    ) -> Told:
        """One request."""
        return await ask(self.client, self.connection, self.config, method, path, content, key)

    async def rows(self, path: str, content: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """A list of Stripe, page by page; `Unsure` when it cannot be read to its end."""
        after: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            told = await self.ask("GET", path, {**content, **after, "limit": PAGE})
            if told.status != 200:
                raise Unsure(_why_of(told), told.code)
            rows = told.content.get("data")
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise Unsure(Why.UNREADABLE, "list")
            for row in rows:
                yield row
            if told.content.get("has_more") is False:
                return
            if not rows or not isinstance(rows[-1].get("id"), str):
                raise Unsure(Why.UNREADABLE, "list")
            after = {"starting_after": rows[-1]["id"]}
        raise Unsure(Why.UNKNOWN, "list_too_long")


class Stripe:
    """The payment port over Stripe."""

    capabilities = Capabilities(
        ways=frozenset({Way.PAGE, Way.MOBILE_PAGE}),
        currencies=frozenset({CURRENCY}),
        active_query=True,
        refund=True,
        close=True,
        split=False,
        callback_signed=True,
        callback_encrypted=False,
        statement=True,
        callback_max_age_seconds=MAX_AGE_SECONDS,
    )
    setting_names = frozenset({"return_url"})
    secret_names = frozenset({"secret_key", "webhook_secret"})

    def __init__(self, client: PartnerClient) -> None:
        self.client = client

    async def start(self, connection: Connection, order: PaymentOrder) -> StartResult:
        """Make the session; the same reference again is the same session."""
        if wrong := self._fault_of(order):
            return Refused(wrong)
        try:
            asking = self._asking(connection)
            content = _session_of(connection, asking.config, order)
            told = await asking.ask("POST", "/v1/checkout/sessions", content, order.reference)
        except NotConfigured as error:
            return Refused(Why.NOT_CONFIGURED, str(error))
        except NotSent as error:
            return Refused(Why.PROVIDER_DOWN, str(error))
        except Unsure as error:
            return Uncertain(error.why, error.detail)
        if told.status == 200:
            url, ours = told.content.get("url"), told.content.get("client_reference_id")
            if ours != order.reference or not isinstance(url, str):
                return Uncertain(Why.UNREADABLE)
            return Started(Redirect(url))
        if told.code == "idempotency_error":  # there is one under this reference, and it differs
            return Uncertain(Why.REFERENCE_USED, told.code)
        return Refused(_why_of(told), told.code)

    async def query(self, connection: Connection, reference: str) -> QueryResult:
        """What became of a session."""
        try:
            session = await _find(self._asking(connection), reference)
        except (NotConfigured, NotSent, Unsure) as error:
            return _unsure(error)
        return NotFound() if session is None else _state_in(session, connection.merchant)

    async def close(self, connection: Connection, reference: str) -> CloseResult:
        """Expire it; when Stripe will not, hear what it is instead."""
        try:
            asking = self._asking(connection)
            session = await _find(asking, reference)
            if session is None:
                return NotFound()
            state = _state_in(session, connection.merchant)
            if not isinstance(state, Pending):
                return state
            path = f"/v1/checkout/sessions/{quote(str(session['id']), safe='')}/expire"
            told = await asking.ask("POST", path)
        except (NotConfigured, NotSent, Unsure) as error:
            return _unsure(error)
        if told.status == 200:
            done = _state_in(told.content, connection.merchant)
            ours = told.content.get("client_reference_id") == reference
            return done if isinstance(done, Closed) and ours else Uncertain(detail="not_expired")
        now = await self.query(connection, reference)
        return Uncertain(_why_of(told), told.code) if isinstance(now, Pending) else now

    async def refund(self, connection: Connection, refund: RefundOrder) -> RefundResult:
        """Give money back; the same refund reference again is the same refund."""
        if refund.currency != CURRENCY:
            return RefundRejected(Why.CURRENCY)
        if refund.amount <= 0 or refund.amount % CENT:
            return RefundRejected(Why.AMOUNT)
        try:
            asking = self._asking(connection)
            paid = await self._paid(asking, refund.reference)
            if not isinstance(paid, Paid):
                return paid
            content = {
                "payment_intent": paid.provider_id,
                "amount": refund.amount // CENT,
                "metadata": {
                    "reference": refund.reference,
                    "refund_reference": refund.refund_reference,
                    "merchant": connection.merchant,
                },
            }
            told = await asking.ask("POST", "/v1/refunds", content, refund.refund_reference)
        except (NotConfigured, NotSent, Unsure) as error:
            return _unsure(error)
        if told.status == 200:
            return _refund_in(told.content, refund)
        if told.status in (401, 403, 429) or told.code == "idempotency_error":
            return Uncertain(_why_of(told), told.code)
        state = await self.refund_query(connection, refund)
        if isinstance(state, NotFound):
            return RefundRejected(_REFUSED_REFUND.get(told.code, Why.UNKNOWN), told.code)
        return state

    async def refund_query(self, connection: Connection, refund: RefundOrder) -> RefundQueryResult:
        """What became of a refund: it is looked for among those of its payment."""
        try:
            asking = self._asking(connection)
            paid = await self._paid(asking, refund.reference)
            if isinstance(paid, RefundRejected):
                return NotFound()
            if isinstance(paid, Uncertain):
                return paid
            async for row in asking.rows("/v1/refunds", {"payment_intent": paid.provider_id}):
                if _metadata(row).get("refund_reference") == refund.refund_reference:
                    return _refund_in(row, refund)
        except (NotConfigured, NotSent, Unsure) as error:
            return _unsure(error)
        return NotFound()

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> CallbackResult:
        """Check the signature over the raw body, then read it."""
        try:
            config = config_of(connection)
        except NotConfigured as error:
            return Forged(Why.NOT_CONFIGURED, str(error))
        at = signed_at(config, headers, body)
        if at is None:
            return Forged(Why.SIGNATURE)
        try:
            content = orjson.loads(body)
            return _notice_of(content["type"], content["data"]["object"], at)
        except (KeyError, TypeError, ValueError, OverflowError):
            return Forged(Why.UNREADABLE)

    def reply(self, taken: bool) -> Reply:
        """200: do not send it again."""
        return Reply(200, b"ok") if taken else Reply(400, b"not taken")

    async def statement(self, connection: Connection, day: date) -> StatementResult:
        """What moved on the account on a day in UTC."""
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if begin > clock.now():
            return Refused(Why.NOT_READY)
        start = int(begin.timestamp())
        asked = {"created": {"gte": start, "lt": start + 86_400}, "expand": ["data.source"]}
        try:
            rows = [
                _row_of(row)
                async for row in self._asking(connection).rows("/v1/balance_transactions", asked)
            ]
        except (NotConfigured, NotSent, Unsure) as error:
            return _unsure(error)
        except (KeyError, TypeError, ValueError):
            return Uncertain(Why.UNREADABLE)
        return Statement(day, tuple(reversed(rows)))

    def _asking(self, connection: Connection) -> _Asking:
        return _Asking(self.client, connection, config_of(connection))

    async def _paid(self, asking: _Asking, reference: str) -> Paid | RefundRejected | Uncertain:
        """The payment that a refund is of; rejected when it surely is none."""
        session = await _find(asking, reference)
        if session is None:
            return RefundRejected(Why.UNKNOWN, "no_session")
        state = _state_in(session, asking.connection.merchant)
        if isinstance(state, Paid | Uncertain):
            return state
        return RefundRejected(Why.UNKNOWN, "not_paid")

    def _fault_of(self, order: PaymentOrder) -> Why | None:
        if order.way not in self.capabilities.ways:
            return Why.WAY_UNKNOWN
        if order.currency != CURRENCY:
            return Why.CURRENCY
        if order.amount <= 0 or order.amount % CENT:
            return Why.AMOUNT
        return None


def _session_of(
    connection: Connection, config: StripeConfig, order: PaymentOrder
) -> dict[str, Any]:
    known = {"reference": order.reference, "merchant": connection.merchant}
    back = order.return_url or config.return_url
    return {
        "mode": "payment",
        "client_reference_id": order.reference,
        "metadata": known,
        "payment_intent_data": {"metadata": known},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.currency.lower(),
                    "unit_amount": order.amount // CENT,
                    "product_data": {"name": order.subject},
                },
            }
        ],
        "success_url": back,
        "cancel_url": back,
        "expires_at": int((order.expires_at + SHORTEST).timestamp()),
    }


async def _find(asking: _Asking, reference: str) -> dict[str, Any] | None:
    """The session of a reference; None once all that may be it have been looked at."""
    born = born_at(reference)
    windows: list[dict[str, Any]] = [{}]
    if born is not None:
        spans = (AROUND_ITS_BIRTH, ALL_ITS_LIFE)
        windows = [
            {"created": {"gte": int((born + a).timestamp()), "lte": int((born + b).timestamp())}}
            for a, b in spans
        ]
    expand = {"expand": ["data.payment_intent.latest_charge"]}
    for window in windows:
        async for row in asking.rows("/v1/checkout/sessions", {**window, **expand}):
            same = (row.get("client_reference_id"), _metadata(row).get("reference"))
            if same == (reference, reference):
                return row
            if reference in same:
                raise Unsure(Why.UNKNOWN, "other_reference")
    return None


def _state_in(session: dict[str, Any], merchant: str) -> Paid | Pending | Closed | Uncertain:
    if _metadata(session).get("merchant") != merchant:
        return Uncertain(detail="other_merchant")
    match session.get("status"), session.get("payment_status"):
        case "complete", "paid":
            try:
                return _paid_in(session, merchant)
            except (KeyError, TypeError, ValueError):
                return Uncertain(Why.UNREADABLE)
        case (("open" | "complete"), "unpaid"):
            return Pending()
        case "expired", "unpaid":
            return Closed()
    return Uncertain(detail="state_unknown")


def _paid_in(session: dict[str, Any], merchant: str) -> Paid:
    """A callback names the payment, a query shows it with its charge."""
    intent = session["payment_intent"]
    shown = intent if isinstance(intent, dict) else {}
    charge = shown.get("latest_charge")
    at = charge["created"] if isinstance(charge, dict) else session["created"]
    return Paid(
        provider_id=_text(shown.get("id", intent)),
        amount=_cents(session["amount_total"]) * CENT,
        currency=_text(session["currency"]).upper(),
        merchant=merchant,
        paid_at=moment_of(at),
    )


def _refund_in(
    content: dict[str, Any], refund: RefundOrder
) -> RefundAccepted | RefundCompleted | RefundRejected | Uncertain:
    if _metadata(content).get("refund_reference") != refund.refund_reference:
        return Uncertain(detail="other_reference")
    try:
        number, amount = _text(content["id"]), _cents(content["amount"]) * CENT
        if amount != refund.amount:
            return Uncertain(detail="other_amount")
        match content["status"]:
            case "succeeded":
                return RefundCompleted(number, amount, moment_of(content["created"]))
            case "pending" | "requires_action":
                return RefundAccepted(number)
            case "failed" | "canceled":
                return RefundRejected(Why.UNKNOWN, _text(content["status"]))
    except (KeyError, TypeError, ValueError):
        return Uncertain(Why.UNREADABLE)
    return Uncertain(detail="state_unknown")


def _notice_of(event: Any, told: dict[str, Any], at: datetime) -> Notice:
    """What a signed callback says; a `KeyError` and the like when it is not as agreed."""
    known = _metadata(told)
    if "reference" not in known:  # of other software on the same account
        return Notice("", "", 0, "", "", NoticeState.OTHER, at)
    reference, merchant = _text(known["reference"]), _text(known["merchant"])
    if event in _REFUND_EVENTS:
        done = told["status"] == "succeeded"
        state = NoticeState.REFUNDED if done else NoticeState.OTHER
        number = _text(known["refund_reference"])
        return Notice(reference, "", 0, "", merchant, state, at, refund_reference=number)
    if event in _PAID_EVENTS and (told["status"], told["payment_status"]) == ("complete", "paid"):
        paid = _paid_in(told, merchant)
        if told["client_reference_id"] != reference:
            raise ValueError("of two references")
        provider_id, amount, currency = paid.provider_id, paid.amount, paid.currency
        return Notice(reference, provider_id, amount, currency, merchant, NoticeState.PAID, at)
    closed = event == "checkout.session.expired"
    state = NoticeState.CLOSED if closed else NoticeState.OTHER
    return Notice(reference, "", 0, "", merchant, state, at)


def _row_of(row: dict[str, Any]) -> StatementRow:
    raw = orjson.dumps({**row, "source": None}).decode()  # without what it knows of the payer
    if row["type"] not in ("charge", "payment", "refund", "payment_refund"):
        return StatementRow(
            kind=StatementKind.OTHER,
            reference="",
            provider_id=_text(row["id"]),
            amount=abs(row["amount"]) * CENT,
            fee=_cents(row["fee"]) * CENT,
            currency=_text(row["currency"]).upper(),
            at=moment_of(row["created"]),
            raw=raw,
        )
    source = row["source"]
    known, back = _metadata(source), row["amount"] < 0
    return StatementRow(
        kind=StatementKind.REFUND if back else StatementKind.PAYMENT,
        reference=_text(known.get("reference", "")),
        provider_id=_text(source["payment_intent"]),
        amount=abs(row["amount"]) * CENT,
        fee=_cents(row["fee"]) * CENT,
        currency=_text(row["currency"]).upper(),
        at=moment_of(row["created"]),
        refund_reference=_text(known.get("refund_reference", "")) if back else "",
        raw=raw,
    )


def _why_of(told: Told) -> Why:
    by_status = {401: Why.AUTH, 403: Why.AUTH, 429: Why.RATE_LIMITED}
    return by_status.get(told.status, Why.UNKNOWN)


def _unsure(error: NotConfigured | NotSent | Unsure) -> Uncertain:
    if isinstance(error, Unsure):
        return Uncertain(error.why, error.detail)
    why = Why.NOT_CONFIGURED if isinstance(error, NotConfigured) else Why.PROVIDER_DOWN
    return Uncertain(why, str(error))


def _metadata(row: dict[str, Any]) -> dict[str, Any]:
    found = row.get("metadata")
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _cents(value: Any) -> int:
    """A whole count of cents; True and 1.0 are none."""
    if type(value) is not int or value < 0:
        raise TypeError("no amount")
    return value
