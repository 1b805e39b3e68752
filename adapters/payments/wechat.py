"""WeChat Pay v3, for merchants of their own: native QR, JSAPI and mini-program, H5.

Amounts are whole fen there. Only a signed answer tells that something is not there or was refused;
what is neither a signed answer nor a sure refusal at the door is uncertain. A refused refund counts
as refused only after WeChat Pay has said that it knows no refund under that reference.
"""

import asyncio
import hmac
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from adapters.http import Ambiguous, NotSent, PartnerClient
from adapters.payments.bills import Bill, Unread
from adapters.payments.wechat_bill import BEIJING, MAX_BILL_BYTES, digest_of, rows_of
from adapters.payments.wechat_wire import (
    MAX_AGE_SECONDS,
    REFRESH_SECONDS,
    NotConfigured,
    Told,
    Unsure,
    WechatConfig,
    WechatWire,
    config_of,
    decrypted,
    signature_for_payer,
)
from domain.kernel import clock
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
    StatementResult,
    Uncertain,
    Way,
    Why,
)

NAME = "wechat"
FEN = 100  # units in one fen
CURRENCY = "CNY"
MAX_SUBJECT_LETTERS = 127
MAX_REASON_LETTERS = 80
_TRADES = {Way.QR: "native", Way.IN_APP: "jsapi", Way.MOBILE_PAGE: "h5"}
_BILLS_READY = timedelta(days=1, hours=10)  # after the day's beginning, in Beijing
_REFUSED_START = {
    "PARAM_ERROR": Why.UNKNOWN,
    "INVALID_REQUEST": Why.UNKNOWN,
    "APPID_MCHID_NOT_MATCH": Why.NOT_CONFIGURED,
    "MCH_NOT_EXISTS": Why.NOT_CONFIGURED,
    "NO_AUTH": Why.AUTH,
    "RULE_LIMIT": Why.UNKNOWN,
    "OUT_TRADE_NO_USED": Why.REFERENCE_USED,
    "ORDER_CLOSED": Why.REFERENCE_USED,
}
_REFUSED_REFUND = {"NOT_ENOUGH": Why.BALANCE, "NO_AUTH": Why.AUTH, "TRADE_OVERDUE": Why.TOO_LATE}
_NO_BILL = {"NO_STATEMENT_EXIST", "STATEMENT_CREATING"}


class WechatPay:
    """The payment port over WeChat Pay v3."""

    capabilities = Capabilities(
        ways=frozenset(_TRADES),
        currencies=frozenset({CURRENCY}),
        active_query=True,
        refund=True,
        close=True,
        split=True,
        callback_signed=True,
        callback_encrypted=True,
        statement=True,
        statement_offset=timedelta(hours=8),
        callback_max_age_seconds=MAX_AGE_SECONDS,
    )
    setting_names = frozenset(
        {"appid", "merchant_serial", "public_key_ids", "public_keys", "profit_sharing"}
    )
    secret_names = frozenset({"private_key", "api_v3_key"})

    def __init__(self, client: PartnerClient, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self.wire = WechatWire(client, refresh_seconds)

    async def start(self, connection: Connection, order: PaymentOrder) -> StartResult:
        """Begin; the same reference again is answered with its action again."""
        if wrong := _fault_of(order):
            return Refused(wrong)
        path = f"/v3/pay/transactions/{_TRADES[order.way]}"
        try:
            config = config_of(connection)
            content = _transaction_of(connection, config, order)
            told = await self.wire.ask(connection, config, "POST", path, content)
        except NotConfigured as error:
            return Refused(Why.NOT_CONFIGURED, str(error))
        except NotSent as error:
            return Refused(Why.PROVIDER_DOWN, str(error))
        except Unsure as error:
            return Uncertain(error.why, error.detail)
        if told.status == 200:
            action = _action_in(told, config, order)
            return Started(action) if action else Uncertain(Why.UNREADABLE)
        return _refused_start(told)

    async def query(self, connection: Connection, reference: str) -> QueryResult:
        """What became of a payment."""
        path = f"/v3/pay/transactions/out-trade-no/{quote(reference, safe='')}"
        try:
            config = config_of(connection)
            path += "?" + urlencode({"mchid": config.mchid})
            told = await self.wire.ask(connection, config, "GET", path)
        except NotConfigured as error:
            return Uncertain(Why.NOT_CONFIGURED, str(error))
        except NotSent as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        except Unsure as error:
            return Uncertain(error.why, error.detail)
        if told.status == 200:
            return _state_in(told.content, config, reference)
        if told.signed and told.status == 404 and told.code in ("ORDER_NOT_EXIST", "ORDERNOTEXIST"):
            return NotFound()
        return Uncertain(_why_of(told), told.code or f"http_{told.status}")

    async def close(self, connection: Connection, reference: str) -> CloseResult:
        """Close it; when WeChat Pay will not, hear what it is instead."""
        path = f"/v3/pay/transactions/out-trade-no/{quote(reference, safe='')}/close"
        try:
            config = config_of(connection)
            told = await self.wire.ask(connection, config, "POST", path, {"mchid": config.mchid})
        except NotConfigured as error:
            return Uncertain(Why.NOT_CONFIGURED, str(error))
        except NotSent as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        except Unsure as error:
            return Uncertain(error.why, error.detail)
        if told.status == 204:
            return Closed()
        state = await self.query(connection, reference)
        return Uncertain(_why_of(told), told.code) if isinstance(state, Pending) else state

    async def refund(self, connection: Connection, refund: RefundOrder) -> RefundResult:
        """Give money back; the same refund reference again is the same refund."""
        if refund.currency != CURRENCY:
            return RefundRejected(Why.CURRENCY)
        if refund.amount <= 0 or refund.amount % FEN or refund.total % FEN:
            return RefundRejected(Why.AMOUNT)
        content = {
            "out_trade_no": refund.reference,
            "out_refund_no": refund.refund_reference,
            "notify_url": connection.notify_url,
            "amount": {
                "refund": refund.amount // FEN,
                "total": refund.total // FEN,
                "currency": CURRENCY,
            },
        }
        if refund.reason:
            content["reason"] = refund.reason[:MAX_REASON_LETTERS]
        try:
            config = config_of(connection)
            path = "/v3/refund/domestic/refunds"
            told = await self.wire.ask(connection, config, "POST", path, content)
        except NotConfigured as error:
            return Uncertain(Why.NOT_CONFIGURED, str(error))
        except NotSent as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        except Unsure as error:
            return Uncertain(error.why, error.detail)
        if told.status == 200:
            return _refund_in(told.content, refund)
        return await self._refused_refund(connection, refund, told)

    async def refund_query(self, connection: Connection, refund: RefundOrder) -> RefundQueryResult:
        """What became of a refund."""
        path = f"/v3/refund/domestic/refunds/{quote(refund.refund_reference, safe='')}"
        try:
            told = await self.wire.ask(connection, config_of(connection), "GET", path)
        except NotConfigured as error:
            return Uncertain(Why.NOT_CONFIGURED, str(error))
        except NotSent as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        except Unsure as error:
            return Uncertain(error.why, error.detail)
        if told.status == 200:
            return _refund_in(told.content, refund)
        if told.signed and told.status == 404 and told.code == "RESOURCE_NOT_EXISTS":
            return NotFound()
        return Uncertain(_why_of(told), told.code or f"http_{told.status}")

    async def parse_callback(
        self, connection: Connection, headers: Mapping[str, str], body: bytes
    ) -> CallbackResult:
        """Check the signature over the raw body, then open the encrypted part."""
        try:
            config = config_of(connection)
        except NotConfigured as error:
            return Forged(Why.NOT_CONFIGURED, str(error))
        wrong = await self.wire.fault_of(connection, config, headers, body, any_age=True)
        if wrong is not None:
            return Forged(wrong)
        try:
            content = orjson.loads(body)
            inner = decrypted(config, content["resource"])
            at = datetime.fromtimestamp(int(headers["wechatpay-timestamp"]), UTC)
            return _notice_of(str(content["event_type"]), inner, at)
        except (KeyError, TypeError, ValueError, OverflowError):
            return Forged(Why.UNREADABLE)

    def reply(self, taken: bool) -> Reply:
        """204: do not send it again."""
        if taken:
            return Reply(204, b"")
        body = orjson.dumps({"code": "FAIL", "message": "not taken"})
        return Reply(400, body, "application/json")

    async def statement(self, connection: Connection, day: date) -> StatementResult:
        """The trade bill of a day in Beijing, checked against its digest."""
        asked = {"bill_date": day.isoformat(), "bill_type": "ALL", "tar_type": "GZIP"}
        try:
            config = config_of(connection)
            path = "/v3/bill/tradebill?" + urlencode(asked)
            told = await self.wire.ask(connection, config, "GET", path)
            if told.status == 200:
                return await self._download(connection, config, told.content, day)
        except NotConfigured as error:
            return Refused(Why.NOT_CONFIGURED, str(error))
        except (NotSent, Ambiguous) as error:
            return Uncertain(Why.PROVIDER_DOWN, str(error))
        except Unsure as error:
            return Uncertain(error.why, error.detail)
        except (KeyError, TypeError, ValueError, IndexError, Unread):
            return Uncertain(Why.UNREADABLE)
        if told.signed and told.code in _NO_BILL:
            return _no_bill(told.code, day)
        return Uncertain(_why_of(told), told.code or f"http_{told.status}")

    async def _refused_refund(
        self, connection: Connection, refund: RefundOrder, told: Told
    ) -> RefundResult:
        """A refusal, once it is sure that there is no refund under this reference."""
        if not told.signed or told.status == 429:
            return Uncertain(_why_of(told), told.code)
        state = await self.refund_query(connection, refund)
        if isinstance(state, NotFound):
            return RefundRejected(_REFUSED_REFUND.get(told.code, Why.UNKNOWN), told.code)
        return state

    async def _download(
        self, connection: Connection, config: WechatConfig, content: dict[str, Any], day: date
    ) -> StatementResult:
        """The file itself. It is asked for at our own address of WeChat Pay, wherever the answer
        points, so that no signed request goes to anybody else."""
        if content["hash_type"] != "SHA1":
            return Uncertain(Why.UNREADABLE, "hash_type")
        there = urlsplit(str(content["download_url"]))
        path = there.path + (f"?{there.query}" if there.query else "")
        answer = await self.wire.send(
            connection, config, "GET", path, max_answer_bytes=MAX_BILL_BYTES
        )
        if answer.status != 200:
            return Uncertain(Why.PROVIDER_DOWN, f"http_{answer.status}")
        digest = await asyncio.to_thread(digest_of, answer.body)
        if not hmac.compare_digest(digest.encode(), str(content["hash_value"]).lower().encode()):
            return Uncertain(Why.SIGNATURE, "hash")
        bill = Bill(answer.body, rows_of)
        await asyncio.to_thread(bill.check)
        return Statement(day, bill)


def _fault_of(order: PaymentOrder) -> Why | None:
    """Why WeChat Pay could not take this order, as far as that is known here."""
    if order.way not in _TRADES:
        return Why.WAY_UNKNOWN
    if order.currency != CURRENCY:
        return Why.CURRENCY
    if order.amount <= 0 or order.amount % FEN:
        return Why.AMOUNT
    if order.way is Way.IN_APP and not order.payer:
        return Why.PAYER
    return None


def _transaction_of(
    connection: Connection, config: WechatConfig, order: PaymentOrder
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "appid": config.appid,
        "mchid": config.mchid,
        "description": order.subject[:MAX_SUBJECT_LETTERS],
        "out_trade_no": order.reference,
        "time_expire": order.expires_at.astimezone(BEIJING).isoformat(timespec="seconds"),
        "notify_url": connection.notify_url,
        "amount": {"total": order.amount // FEN, "currency": CURRENCY},
    }
    if config.profit_sharing:
        content["settle_info"] = {"profit_sharing": True}
    if order.way is Way.IN_APP:
        content["payer"] = {"openid": order.payer}
    if order.way is Way.MOBILE_PAGE:
        content["scene_info"] = {
            "payer_client_ip": order.client_ip or "127.0.0.1",
            "h5_info": {"type": "Wap"},
        }
    return content


def _action_in(told: Told, config: WechatConfig, order: PaymentOrder) -> PaymentAction | None:
    names = {Way.QR: "code_url", Way.IN_APP: "prepay_id", Way.MOBILE_PAGE: "h5_url"}
    value = told.content.get(names[order.way])
    if not isinstance(value, str) or not value:
        return None
    if order.way is Way.QR:
        return QrCode(value)
    if order.way is Way.IN_APP:
        return Embedded(signature_for_payer(config, f"prepay_id={value}"))
    if order.return_url:
        value += ("&" if "?" in value else "?") + urlencode({"redirect_url": order.return_url})
    return Redirect(value)


def _refused_start(told: Told) -> StartResult:
    """A refusal that is sure: signed and known, or given at the door for our own signature."""
    if told.status == 401:
        return Refused(Why.AUTH, told.code)
    if told.status == 429:
        return Refused(Why.RATE_LIMITED, told.code)
    if told.signed and told.code in _REFUSED_START:
        return Refused(_REFUSED_START[told.code], told.code)
    return Uncertain(_why_of(told), told.code or f"http_{told.status}")


def _why_of(told: Told) -> Why:
    by_status = {401: Why.AUTH, 429: Why.RATE_LIMITED}
    return by_status.get(told.status, Why.UNKNOWN if told.signed else Why.SIGNATURE)


def _state_in(content: dict[str, Any], config: WechatConfig, reference: str) -> QueryResult:
    """The state of a transaction, as queries and callbacks show it."""
    if content.get("out_trade_no") != reference:
        return Uncertain(detail="other_reference")
    if content.get("mchid") != config.mchid or content.get("appid") != config.appid:
        return Uncertain(detail="other_merchant")
    match content.get("trade_state"):
        case "SUCCESS" | "REFUND":
            try:
                return _paid_in(content)
            except (KeyError, TypeError, ValueError):
                return Uncertain(Why.UNREADABLE)
        case "NOTPAY" | "USERPAYING" | "ACCEPT":
            return Pending()
        case "CLOSED" | "REVOKED" | "PAYERROR":
            return Closed()
    return Uncertain(detail="state_unknown")


def _paid_in(content: dict[str, Any]) -> Paid:
    amount = content["amount"]
    return Paid(
        provider_id=_text(content["transaction_id"]),
        amount=_fen(amount["total"]) * FEN,
        currency=_text(amount.get("currency", CURRENCY)),
        merchant=_text(content["mchid"]),
        paid_at=_moment(content["success_time"]),
    )


def _refund_in(
    content: dict[str, Any], refund: RefundOrder
) -> RefundAccepted | RefundCompleted | RefundRejected | Uncertain:
    if content.get("out_refund_no") != refund.refund_reference:
        return Uncertain(detail="other_reference")
    if content.get("out_trade_no") != refund.reference:
        return Uncertain(detail="other_reference")
    try:
        number = _text(content["refund_id"])
        amount = _fen(content["amount"]["refund"]) * FEN
        if amount != refund.amount:
            return Uncertain(detail="other_amount")
        match content["status"]:
            case "SUCCESS":
                return RefundCompleted(number, amount, _moment(content["success_time"]))
            case "PROCESSING":
                return RefundAccepted(number)
            case "CLOSED":
                return RefundRejected(Why.UNKNOWN, "CLOSED")
            case "ABNORMAL":  # somebody must decide there; it may still be refunded
                return Uncertain(detail="ABNORMAL")
    except (KeyError, TypeError, ValueError):
        return Uncertain(Why.UNREADABLE)
    return Uncertain(detail="state_unknown")


def _notice_of(event: str, inner: dict[str, Any], at: datetime) -> Notice:
    """What an opened callback says; a `KeyError` and the like when it is not as agreed."""
    reference, merchant = _text(inner["out_trade_no"]), _text(inner["mchid"])
    if event.startswith("REFUND."):
        state = NoticeState.REFUNDED if event == "REFUND.SUCCESS" else NoticeState.OTHER
        number = _text(inner["out_refund_no"])
        return Notice(reference, "", 0, "", merchant, state, at, refund_reference=number)
    if event == "TRANSACTION.SUCCESS" and inner["trade_state"] == "SUCCESS":
        paid = _paid_in(inner)
        provider_id, amount, currency = paid.provider_id, paid.amount, paid.currency
        return Notice(reference, provider_id, amount, currency, merchant, NoticeState.PAID, at)
    return Notice(reference, "", 0, "", merchant, NoticeState.OTHER, at)


def _no_bill(code: str, day: date) -> StatementResult:
    """No file: not made yet, or, once bills are made, a day without any movement."""
    begin = datetime(day.year, day.month, day.day, tzinfo=BEIJING)
    if code == "NO_STATEMENT_EXIST" and clock.now() >= begin + _BILLS_READY:
        return Statement(day, ())
    return Refused(Why.NOT_READY, code)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _moment(value: Any) -> datetime:
    """A moment with its zone; one without says nothing."""
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return moment


def _fen(value: Any) -> int:
    """A whole count of fen; True and 1.0 are none."""
    if type(value) is not int or value < 0:
        raise TypeError("no amount")
    return value
