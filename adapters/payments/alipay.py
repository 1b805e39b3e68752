"""Alipay's open platform: page, mobile page, QR code and mini-program, for one application each.

Amounts are texts of yuan there. A page or a QR code is begun by the buyer who opens it: until then
Alipay knows no such trade, and after its time has ended it takes no money for it. Only a signed
answer tells that something is not there; a refused refund counts as refused only after Alipay has
said that it knows no refund under that reference.
"""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from adapters.http import Ambiguous, NotSent, PartnerClient
from adapters.payments.alipay_bill import BEIJING, MAX_BILL_BYTES, moment_of, rows_of
from adapters.payments.alipay_wire import (
    OK,
    AlipayConfig,
    NotConfigured,
    Told,
    Unsure,
    ask,
    config_of,
    form_of,
    signed_form,
)
from adapters.payments.bills import Bill, Unread
from domain.kernel import Refused as AmountRefused
from domain.kernel import clock, parse_units, plain
from domain.payments.ports import (
    CallbackResult,
    Capabilities,
    Closed,
    CloseResult,
    Connection,
    Embedded,
    Forged,
    NotFound,
    Notice,
    NoticeState,
    Paid,
    PaymentAction,
    PaymentOrder,
    Pending,
    QrCode,
    QueryResult,
    Redirect,
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
    StatementResult,
    Uncertain,
    Way,
    Why,
)

NAME = "alipay"
FEN = 100  # units in one fen
CURRENCY = "CNY"
MAX_AGE_SECONDS = 300
MAX_SUBJECT_LETTERS = 128
MAX_REASON_LETTERS = 128
_TRADES = {
    Way.PAGE: ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    Way.MOBILE_PAGE: ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    Way.QR: ("alipay.trade.precreate", "FACE_TO_FACE_PAYMENT"),
    Way.IN_APP: ("alipay.trade.create", "JSAPI_PAY"),
}
_BILLS_READY = timedelta(days=1, hours=10)  # after the day's beginning, in Beijing
_DOOR = {"40001": Why.UNKNOWN, "40002": Why.AUTH, "40006": Why.AUTH, "20001": Why.AUTH}
_REFUSED_START = {
    "ACQ.INVALID_PARAMETER": Why.UNKNOWN,
    "ACQ.CONTEXT_INCONSISTENT": Why.REFERENCE_USED,
    "ACQ.TRADE_HAS_CLOSE": Why.REFERENCE_USED,
    "ACQ.TOTAL_FEE_EXCEED": Why.AMOUNT,
    "ACQ.ACCESS_FORBIDDEN": Why.AUTH,
    "ACQ.PARTNER_ERROR": Why.NOT_CONFIGURED,
    "ACQ.BUYER_NOT_EXIST": Why.PAYER,
    "ACQ.BUYER_SELLER_EQUAL": Why.PAYER,
}
_REFUSED_REFUND = {
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": Why.BALANCE,
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": Why.ALREADY_REFUNDED,
    "ACQ.TRADE_HAS_FINISHED": Why.TOO_LATE,
}
_OWN_FAULTS = ("ACQ.SYSTEM_ERROR", "isp.", "aop.")  # the vendor's: such a no says nothing
_BILL_HOSTS = (".alipay.com", ".alipaydev.com")


class Alipay:
    """The payment port over Alipay's open platform, with keys (not certificates)."""

    capabilities = Capabilities(
        ways=frozenset(_TRADES),
        currencies=frozenset({CURRENCY}),
        active_query=True,
        refund=True,
        close=True,
        split=True,
        callback_signed=True,
        callback_encrypted=False,
        statement=True,
        statement_offset=timedelta(hours=8),
        callback_max_age_seconds=MAX_AGE_SECONDS,
    )
    setting_names = frozenset({"seller_id", "alipay_public_keys", "profit_sharing"})
    secret_names = frozenset({"private_key"})

    def __init__(self, client: PartnerClient) -> None:
        self.client = client

    async def start(self, connection: Connection, order: PaymentOrder) -> StartResult:
        """Begin. A page is an address that we sign; nothing is sent for it."""
        if wrong := _fault_of(order):
            return Refused(wrong)
        method, _ = _TRADES[order.way]
        try:
            config = config_of(connection)
            content = _trade_of(config, order)
            more = {"notify_url": connection.notify_url}
            if order.way in (Way.PAGE, Way.MOBILE_PAGE):
                more["return_url"] = order.return_url
                form = signed_form(connection, config, method, content, **more)
                return Started(Redirect(f"{connection.base_url}?{form}"))
            told = await ask(self.client, connection, config, method, content, **more)
        except NotConfigured as error:
            return Refused(Why.NOT_CONFIGURED, str(error))
        except NotSent as error:
            return Refused(Why.PROVIDER_DOWN, str(error))
        except Unsure as error:
            return Uncertain(error.why, error.detail)
        if told.code == OK:
            action = _action_in(told, order)
            return Started(action) if action else Uncertain(Why.UNREADABLE)
        return _refused_start(told)

    async def query(self, connection: Connection, reference: str) -> QueryResult:
        """What became of a payment."""
        told = await self._told(connection, "alipay.trade.query", {"out_trade_no": reference})
        if isinstance(told, Uncertain):
            return told
        if told.code == OK:
            return _state_in(told.content, connection.merchant, reference)
        return NotFound() if _is_missing(told) else _unsure(told)

    async def close(self, connection: Connection, reference: str) -> CloseResult:
        """Close it; when Alipay will not, hear what it is instead."""
        told = await self._told(connection, "alipay.trade.close", {"out_trade_no": reference})
        if isinstance(told, Uncertain):
            return told
        if told.code == OK:
            ours = told.content.get("out_trade_no") == reference
            return Closed() if ours else Uncertain(detail="other_reference")
        if not told.signed:
            return _unsure(told)
        state = await self.query(connection, reference)
        return _unsure(told) if isinstance(state, Pending) else state

    async def refund(self, connection: Connection, refund: RefundOrder) -> RefundResult:
        """Give money back; the same refund reference again is the same refund."""
        if refund.currency != CURRENCY:
            return RefundRejected(Why.CURRENCY)
        if refund.amount <= 0 or refund.amount % FEN:
            return RefundRejected(Why.AMOUNT)
        content = {
            "out_trade_no": refund.reference,
            "out_request_no": refund.refund_reference,
            "refund_amount": plain(refund.amount),
        }
        if refund.reason:
            content["refund_reason"] = refund.reason[:MAX_REASON_LETTERS]
        told = await self._told(connection, "alipay.trade.refund", content)
        if isinstance(told, Uncertain):
            return told
        if told.code == OK and told.content.get("out_trade_no") != refund.reference:
            return Uncertain(detail="other_reference")
        if told.code == OK and told.content.get("fund_change") == "Y":
            return RefundCompleted(refund.refund_reference, refund.amount, _moment(told.content))
        if not told.signed or told.sub_code.startswith(_OWN_FAULTS):
            return _unsure(told)
        # No money moved by this request: either an earlier one has moved it, or it was refused.
        state = await self.refund_query(connection, refund)
        if isinstance(state, NotFound):
            if told.code == OK:
                return Uncertain(detail="fund_change")
            return RefundRejected(_REFUSED_REFUND.get(told.sub_code, Why.UNKNOWN), told.sub_code)
        return state

    async def refund_query(self, connection: Connection, refund: RefundOrder) -> RefundQueryResult:
        """What became of a refund. An answer without an amount means: no such refund."""
        content = {
            "out_trade_no": refund.reference,
            "out_request_no": refund.refund_reference,
            "query_options": ["gmt_refund_pay"],
        }
        told = await self._told(connection, "alipay.trade.fastpay.refund.query", content)
        if isinstance(told, Uncertain):
            return told
        if told.code != OK:
            return NotFound() if _is_missing(told) else _unsure(told)
        return _refund_in(told.content, refund)

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> CallbackResult:
        """Check the signature over all fields, then read them."""
        try:
            config = config_of(connection)
        except NotConfigured as error:
            return Forged(Why.NOT_CONFIGURED, str(error))
        form, wrong = form_of(config, body)
        if wrong is not None:
            return Forged(wrong)
        if form.get("seller_id") != config.seller_id:
            return Forged(Why.UNKNOWN, "other_seller")
        try:
            return _notice_of(form)
        except (KeyError, ValueError, AmountRefused):
            return Forged(Why.UNREADABLE)

    def reply(self, taken: bool) -> Reply:
        """The word `success`: do not send it again."""
        return Reply(200, b"success" if taken else b"fail")

    async def statement(self, connection: Connection, day: date) -> StatementResult:
        """The trade bill of a day in Beijing."""
        content = {"bill_type": "trade", "bill_date": day.isoformat()}
        method = "alipay.data.dataservice.bill.downloadurl.query"
        told = await self._told(connection, method, content)
        if isinstance(told, Uncertain):
            return told
        if told.code != OK:
            return _no_bill(told, day)
        try:
            url = _bill_address(connection, told.content["bill_download_url"])
            answer = await self.client.send(
                "GET",
                url,
                headers={},
                timeout_seconds=connection.timeout_seconds,
                max_answer_bytes=MAX_BILL_BYTES,
            )
            if answer.status != 200:
                return Uncertain(Why.PROVIDER_DOWN, f"http_{answer.status}")
            bill = Bill(answer.body, rows_of)
            await asyncio.to_thread(bill.check)
            return Statement(day, bill)
        except (NotSent, Ambiguous) as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        except (KeyError, TypeError, ValueError, Unread):
            return Uncertain(Why.UNREADABLE)

    async def _told(
        self, connection: Connection, method: str, content: Mapping[str, Any]
    ) -> Told | Uncertain:
        """An answer of Alipay, or why there is none."""
        try:
            return await ask(self.client, connection, config_of(connection), method, content)
        except NotConfigured as error:
            return Uncertain(Why.NOT_CONFIGURED, str(error))
        except NotSent as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        except Unsure as error:
            return Uncertain(error.why, error.detail)


def _fault_of(order: PaymentOrder) -> Why | None:
    """Why Alipay could not take this order, as far as that is known here."""
    if order.currency != CURRENCY:
        return Why.CURRENCY
    if order.amount <= 0 or order.amount % FEN:
        return Why.AMOUNT
    if order.way is Way.IN_APP and not order.payer:
        return Why.PAYER
    return None


def _trade_of(config: AlipayConfig, order: PaymentOrder) -> dict[str, Any]:
    content: dict[str, Any] = {
        "out_trade_no": order.reference,
        "total_amount": plain(order.amount),
        "subject": order.subject[:MAX_SUBJECT_LETTERS],
        "product_code": _TRADES[order.way][1],
        "time_expire": order.expires_at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
    }
    if config.royalty_freeze:
        content["extend_params"] = {"royalty_freeze": "true"}
    if order.way is Way.IN_APP:
        old_number = order.payer.startswith("2088") and order.payer.isdecimal()
        content["buyer_id" if old_number else "buyer_open_id"] = order.payer
        content["op_app_id"] = config.app_id
    return content


def _action_in(told: Told, order: PaymentOrder) -> PaymentAction | None:
    value = told.content.get("qr_code" if order.way is Way.QR else "trade_no")
    if told.content.get("out_trade_no") != order.reference or not isinstance(value, str):
        return None
    return QrCode(value) if order.way is Way.QR else Embedded({"tradeNO": value})


def _refused_start(told: Told) -> StartResult:
    """A refusal that is sure: signed and known, or given at the door for our own signature."""
    if told.code in _DOOR:
        return Refused(_DOOR[told.code], told.sub_code)
    if told.signed and told.sub_code in _REFUSED_START:
        return Refused(_REFUSED_START[told.sub_code], told.sub_code)
    return _unsure(told)


def _unsure(told: Told) -> Uncertain:
    why = _DOOR.get(told.code, Why.UNKNOWN if told.signed else Why.SIGNATURE)
    return Uncertain(why, told.sub_code or told.code)


def _is_missing(told: Told) -> bool:
    return told.signed and told.code == "40004" and told.sub_code == "ACQ.TRADE_NOT_EXIST"


def _state_in(content: dict[str, Any], merchant: str, reference: str) -> QueryResult:
    if content.get("out_trade_no") != reference:
        return Uncertain(detail="other_reference")
    match content.get("trade_status"):
        case "WAIT_BUYER_PAY":
            return Pending()
        # Closed is also what was paid and given back whole; only that has a time of payment.
        case "TRADE_CLOSED" if not content.get("send_pay_date"):
            return Closed()
        case "TRADE_SUCCESS" | "TRADE_FINISHED" | "TRADE_CLOSED":
            try:
                amount = parse_units(content["total_amount"])
                paid_at = moment_of(content["send_pay_date"])
                return Paid(str(content["trade_no"]), amount, CURRENCY, merchant, paid_at)
            except (KeyError, TypeError, ValueError, AmountRefused):
                return Uncertain(Why.UNREADABLE)
    return Uncertain(detail="state_unknown")


def _refund_in(
    content: dict[str, Any], refund: RefundOrder
) -> RefundCompleted | NotFound | Uncertain:
    if content.get("refund_status") is None and content.get("refund_amount") is None:
        return NotFound()
    ours = (content.get("out_trade_no"), content.get("out_request_no"))
    if ours != (refund.reference, refund.refund_reference):
        return Uncertain(detail="other_reference")
    if content.get("refund_status") != "REFUND_SUCCESS":
        return Uncertain(detail="state_unknown")
    try:
        if parse_units(content["refund_amount"]) != refund.amount:
            return Uncertain(detail="other_amount")
    except (KeyError, TypeError, ValueError, AmountRefused):
        return Uncertain(Why.UNREADABLE)
    return RefundCompleted(refund.refund_reference, refund.amount, _moment(content))


def _moment(content: dict[str, Any]) -> datetime | None:
    """When a refund was made, where Alipay says so."""
    try:
        return moment_of(content["gmt_refund_pay"])
    except (KeyError, TypeError, ValueError):
        return None


def _notice_of(form: dict[str, str]) -> Notice:
    """What a signed callback says; a `KeyError` and the like when it is not as agreed."""
    at = moment_of(form["notify_time"])
    reference, merchant, status = form["out_trade_no"], form["app_id"], form["trade_status"]
    if form.get("gmt_refund"):
        number = form.get("out_biz_no", "")
        state = NoticeState.REFUNDED
        return Notice(reference, "", 0, "", merchant, state, at, refund_reference=number)
    if status in ("TRADE_SUCCESS", "TRADE_FINISHED"):
        amount = parse_units(form["total_amount"])
        number, state = form["trade_no"], NoticeState.PAID
        return Notice(reference, number, amount, CURRENCY, merchant, state, at)
    state = NoticeState.CLOSED if status == "TRADE_CLOSED" else NoticeState.OTHER
    return Notice(reference, "", 0, "", merchant, state, at)


def _no_bill(told: Told, day: date) -> StatementResult:
    """No file: not made yet, or, once bills are made, a day without any movement."""
    if not told.signed or told.sub_code != "isp.bill_not_exist":
        return _unsure(told)
    begin = datetime(day.year, day.month, day.day, tzinfo=BEIJING)
    if clock.now() >= begin + _BILLS_READY:
        return Statement(day, ())
    return Refused(Why.NOT_READY, told.sub_code)


def _bill_address(connection: Connection, url: str) -> str:
    """Where the file is: at Alipay's own hosts, encrypted on its way, or beside the gateway."""
    there, here = urlsplit(url), urlsplit(connection.base_url)
    if (there.scheme, there.netloc) == (here.scheme, here.netloc):
        return url
    if not (there.hostname or "").endswith(_BILL_HOSTS) or there.username:
        raise ValueError("an address of somebody else")
    return there._replace(scheme="https").geturl()
