"""Alipay's open platform as its published protocol says, for one application, faults on demand.

It checks each request's signature and time, signs the inner object of each answer and the form of
each callback, and keeps its own book. A page or a QR code makes a trade when the buyer opens it.
No money is behind it and no network inside: who wants HTTP puts it behind a server.
"""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.sandbox import alipay_transfers
from adapters.sandbox.protocol import (
    BEIJING,
    HTML,
    HUNG_UP,
    Answered,
    Asked,
    Fault,
    OnRefund,
    Trade,
    is_signed,
    make_key,
    new_number,
    sign,
)
from adapters.sandbox.transfer_book import TransferBook

MAX_AGE_SECONDS = 900
STALE_SECONDS = 1_800
_COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,"
    "对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,"
    "商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
    "退款批次号/请求号,服务费（元）,分润（元）,备注"
)


class Refusal(Exception):
    """An error as Alipay answers it."""

    def __init__(self, sub_code: str, code: str = "40004") -> None:
        super().__init__(sub_code)
        self.sub_code, self.code = sub_code, code


@dataclass
class AlipayGateway:
    """The other side of one merchant's application."""

    app_id: str
    seller_id: str
    app_keys: list[rsa.RSAPublicKey]  # two while they are changed
    own_key: rsa.RSAPrivateKey = field(default_factory=make_key)
    trades: dict[str, Trade] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)  # one for each next answer
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    balance_fen: int = 10**9
    bill_host: str = ""
    unopened: dict[str, Trade] = field(default_factory=dict)
    prefix: str = ""  # stands before its paths
    page_url: str = ""  # where buyers pay, when somebody serves that
    on_refund: OnRefund | None = None
    transfers: TransferBook = field(default_factory=TransferBook)
    transfer_notify_url: str = ""  # as its merchant has entered it in the console

    # --- what a test, or the desk, does to it ----------------------------------------------------

    def open(self, reference: str) -> None:
        """The buyer scans the code."""
        self.trades.setdefault(reference, self.unopened[reference])

    def pay(self, reference: str, *, late: bool = False) -> None:
        """The buyer pays; `late` lets him pay what is closed or over, as if the vendor erred."""
        trade = self.trades[reference]
        over = trade.state == "closed" or datetime.now(UTC) > trade.expires_at
        if trade.state == "paid" or (over and not late):
            raise ValueError("nobody can pay this")
        trade.state, trade.paid_at = "paid", datetime.now(UTC)

    def notice(
        self, reference: str, fault: Fault | None = None, **changes: str
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body of the callback that tells of a payment."""
        trade = self.trades[reference]
        at = datetime.now(UTC) - timedelta(seconds=STALE_SECONDS if fault is Fault.STALE else 0)
        form = {
            "app_id": self.app_id,
            "seller_id": self.seller_id,
            "charset": "utf-8",
            "version": "1.0",
            "notify_id": new_number("n"),
            "notify_time": _moment(at),
            "notify_type": "trade_status_sync",
            "out_trade_no": reference,
            "trade_no": trade.provider_id,
            "trade_status": "TRADE_SUCCESS" if trade.state == "paid" else "WAIT_BUYER_PAY",
            "total_amount": _yuan(trade.fen),
            "subject": "点卡 100 元",
            **changes,
        }
        return self._callback(form, fault)

    def unpaid_notice(self, reference: str) -> tuple[dict[str, str], bytes]:
        """A callback that is signed and untrue: it tells a payment that nobody made."""
        number = new_number("2026")
        return self.notice(reference, trade_status="TRADE_SUCCESS", trade_no=number)

    def swapped_notice(self, paid: str, told: str) -> tuple[dict[str, str], bytes]:
        """The payment of one order, told as that of another."""
        return self.notice(paid, out_trade_no=told)

    def refund_notice(self, reference: str, refund: str) -> tuple[dict[str, str], bytes]:
        """The callback that tells of a refund; its sum is that of all refunds."""
        trade = self.trades[reference]
        changes = {
            "trade_status": "TRADE_CLOSED" if trade.refunded == trade.fen else "TRADE_SUCCESS",
            "out_biz_no": refund,
            "refund_fee": _yuan(trade.refunded),
            "gmt_refund": _moment(datetime.now(UTC)),
        }
        return self.notice(reference, None, **changes)

    def transfer_notice(
        self, reference: str, fault: Fault | None = None
    ) -> tuple[dict[str, str], bytes]:
        """The message that tells of a transfer of the merchant's own."""
        form = alipay_transfers.notice_form(self, self.transfers.bills[reference])
        return self._callback(alipay_transfers.untrue(form, fault), fault)

    def _callback(self, form: dict[str, str], fault: Fault | None) -> tuple[dict[str, str], bytes]:
        form = _changed(form, fault)
        text = "&".join(f"{name}={form[name]}" for name in sorted(form))
        key = make_key() if fault is Fault.WRONG_SIGNATURE else self.own_key
        signed = form | {"sign_type": "RSA2", "sign": sign(key, text)}
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        return headers, urlencode(signed).encode()

    # --- HTTP ------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Answered:
        """One request; the next fault spoils its answer."""
        parts = urlsplit(asked.path)
        path = parts.path.removeprefix(self.prefix)
        form = dict(parse_qsl(asked.body.decode() if asked.method == "POST" else parts.query))
        self.asked.append(form.get("method", path))
        self.forms.append(form)
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.DROPPED:
            return HUNG_UP
        if path == "/bill":
            return Answered(200, self._archive())
        told, name = self._handled(form)
        if fault is Fault.NO_ANSWER:
            return HUNG_UP
        if fault is Fault.SERVER_ERROR:
            return Answered(502, HTML)
        if asked.method == "GET" and fault is None and self.page_url and told["code"] == "10000":
            return Answered(302, b"", {"location": self._page_of(form)})
        if fault is Fault.HTML or asked.method == "GET":
            return Answered(200, HTML, {"content-type": "text/html"})
        return self._signed(_changed(told, fault), name, fault)

    def _page_of(self, form: dict[str, str]) -> str:
        """Where a buyer pays who was sent here with a signed address."""
        reference = orjson.loads(form["biz_content"])["out_trade_no"]
        back = urlencode({"redirect_url": form["return_url"]}) if "return_url" in form else ""
        return f"{self.page_url}/{reference}?{back}"

    def _handled(self, form: dict[str, str]) -> tuple[dict[str, Any], str]:
        method = form.get("method", "")
        try:
            self._check(form)
            told = self._methods()[method](orjson.loads(form["biz_content"]), form)
            return {"code": "10000", "msg": "Success", **told}, method
        except (Refusal, alipay_transfers.Refused) as refusal:
            wrong = {"code": refusal.code, "msg": "Failed", "sub_code": refusal.sub_code}
            return wrong, method if refusal.code == "40004" else ""
        except (KeyError, TypeError, ValueError, ArithmeticError):
            wrong = {"code": "40004", "msg": "Failed", "sub_code": "ACQ.INVALID_PARAMETER"}
            return wrong, method

    def _signed(self, told: dict[str, Any], method: str, fault: Fault | None) -> Answered:
        """The object, as Alipay writes it: its letters are signed, slashes with a stroke before."""
        inner = orjson.dumps(told).decode().replace("/", "\\/")
        key = make_key() if fault is Fault.WRONG_SIGNATURE else self.own_key
        name = f"{method.replace('.', '_')}_response" if method else "error_response"
        signature = "" if fault is Fault.UNSIGNED else f',"sign":"{sign(key, inner)}"'
        body = f'{{"{name}":{inner}{signature}}}'.encode()
        return Answered(200, body, {"content-type": "application/json;charset=utf-8"})

    def _check(self, form: dict[str, str]) -> None:
        """Signed by a key of the application, and of now."""
        form = dict(form)
        signature = form.pop("sign", "")
        text = "&".join(f"{name}={form[name]}" for name in sorted(form))
        if form.get("app_id") != self.app_id:
            raise Refusal("isv.invalid-app-id", "40002")
        if not any(is_signed(key, text, signature) for key in self.app_keys):
            raise Refusal("isv.invalid-signature", "40002")
        at = datetime.strptime(form["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
        if abs((datetime.now(UTC) - at).total_seconds()) > MAX_AGE_SECONDS:
            raise Refusal("isv.invalid-timestamp", "40002")
        if (form["sign_type"], form["charset"], form["version"]) != ("RSA2", "utf-8", "1.0"):
            raise Refusal("isv.invalid-parameter", "40002")

    def _methods(self) -> dict[str, Callable[[dict[str, Any], dict[str, str]], dict[str, Any]]]:
        return {
            "alipay.trade.page.pay": self._page,
            "alipay.trade.wap.pay": self._page,
            "alipay.trade.precreate": self._precreate,
            "alipay.trade.create": self._create,
            "alipay.trade.query": self._query,
            "alipay.trade.close": self._close,
            "alipay.trade.refund": self._refund,
            "alipay.trade.fastpay.refund.query": self._refund_query,
            "alipay.data.dataservice.bill.downloadurl.query": self._bill,
            **alipay_transfers.methods(self),
        }

    # --- what it is asked for --------------------------------------------------------------------

    def _page(self, content: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        trade = self._new(content, form)
        self.trades.setdefault(trade.reference, trade)
        return {}

    def _precreate(self, content: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        trade = self._new(content, form)
        self.unopened[trade.reference] = trade
        there = f"{self.page_url or 'https://qr.alipay.example'}/{trade.reference}"
        return {"out_trade_no": trade.reference, "qr_code": there}

    def _create(self, content: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        trade = self._new(content, form)
        trade.payer = content.get("buyer_id") or content["buyer_open_id"]
        trade = self.trades.setdefault(trade.reference, trade)
        return {"out_trade_no": trade.reference, "trade_no": trade.provider_id}

    def _new(self, content: dict[str, Any], form: dict[str, str]) -> Trade:
        """The trade that is asked for, or the one that is there, if it is the same."""
        fen, reference = _fen(content["total_amount"]), content["out_trade_no"]
        if fen < 1 or len(reference) > 64 or not content["subject"] or not content["product_code"]:
            raise Refusal("ACQ.INVALID_PARAMETER")
        known = self.trades.get(reference) or self.unopened.get(reference)
        if known is not None:
            if known.state != "open":
                closed = known.state == "closed"
                raise Refusal("ACQ.TRADE_HAS_CLOSE" if closed else "ACQ.TRADE_HAS_SUCCESS")
            if known.fen != fen:
                raise Refusal("ACQ.CONTEXT_INCONSISTENT")
            return known
        end = datetime.strptime(content["time_expire"], "%Y-%m-%d %H:%M:%S")
        expires_at = end.replace(tzinfo=BEIJING)
        trade = Trade(reference, fen, "CNY", form["notify_url"], expires_at)
        trade.provider_id = new_number("2026")
        return trade

    def _query(self, content: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        trade = self._trade(content)
        states = {"open": "WAIT_BUYER_PAY", "paid": "TRADE_SUCCESS", "closed": "TRADE_CLOSED"}
        whole = trade.refunded == trade.fen
        shown = {
            "out_trade_no": trade.reference,
            "trade_no": trade.provider_id,
            "trade_status": "TRADE_CLOSED" if whole else states[trade.state],
            "total_amount": _yuan(trade.fen),
            "buyer_logon_id": "a}b{c***@example.com",
        }
        return shown | ({"send_pay_date": _moment(trade.paid_at)} if trade.paid_at else {})

    def _close(self, content: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        trade = self._trade(content)
        if trade.state != "open":
            raise Refusal("ACQ.REASON_TRADE_STATUS_INVALID")
        trade.state = "closed"
        return {"out_trade_no": trade.reference, "trade_no": trade.provider_id}

    def _refund(self, content: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        trade, number = self._trade(content), content["out_request_no"]
        fen, moved = _fen(content["refund_amount"]), "N"
        if trade.state != "paid":
            raise Refusal("ACQ.TRADE_STATUS_ERROR")
        if trade.refunds.get(number, fen) != fen:
            raise Refusal("ACQ.DISCORDANT_REPEAT_REQUEST")
        if number not in trade.refunds:
            if trade.refunded + fen > trade.fen:
                raise Refusal("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
            if fen > self.balance_fen:
                raise Refusal("ACQ.SELLER_BALANCE_NOT_ENOUGH")
            trade.refunds[number], moved = fen, "Y"
            if self.on_refund is not None:
                self.on_refund(trade, number, trade.notify_url)
        return {
            "out_trade_no": trade.reference,
            "trade_no": trade.provider_id,
            "fund_change": moved,
            "refund_fee": _yuan(trade.refunded),
            "gmt_refund_pay": _moment(datetime.now(UTC)),
        }

    def _refund_query(self, content: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        trade, number = self._trade(content), content["out_request_no"]
        if number not in trade.refunds:
            return {}
        return {
            "out_trade_no": trade.reference,
            "trade_no": trade.provider_id,
            "out_request_no": number,
            "refund_status": "REFUND_SUCCESS",
            "refund_amount": _yuan(trade.refunds[number]),
            "gmt_refund_pay": _moment(datetime.now(UTC)),
        }

    def _bill(self, content: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        if content["bill_date"] != datetime.now(BEIJING).date().isoformat():
            raise Refusal("isp.bill_not_exist")
        return {"bill_download_url": f"{self.bill_host}/bill?fileType=csv.zip"}

    def _trade(self, content: dict[str, Any]) -> Trade:
        if content["out_trade_no"] not in self.trades:
            raise Refusal("ACQ.TRADE_NOT_EXIST")
        return self.trades[content["out_trade_no"]]

    def _archive(self) -> bytes:
        """The bill: a summary, and the movements."""
        lines = ["#支付宝业务明细查询", f"#账号：[{self.seller_id}]", _COLUMNS]
        for trade in self.trades.values():
            if trade.paid_at is not None:
                lines.append(_line(trade, None))
                lines += [_line(trade, number) for number in trade.refunds]
        lines += ["#-----业务明细列表结束-----", "#导出时间"]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
            files.writestr("汇总.csv", "#汇总\r\n门店编号,订单总笔数\r\n".encode("gbk"))
            files.writestr("业务明细.csv", "\r\n".join(lines).encode("gbk"))
        return packed.getvalue()


def _line(trade: Trade, refund: str | None) -> str:
    at = _moment(trade.paid_at) if trade.paid_at else ""
    fen = -trade.refunds[refund] if refund else trade.fen
    values = [
        *(trade.provider_id, trade.reference, "退款" if refund else "交易", "点卡", at, at),
        *("", "", "", "", "买家*", _yuan(fen), _yuan(fen)),
        *("0.00", "0.00", "0.00", "0.00", "0.00", "", "0.00", "0.00"),
        *(refund or "", _yuan(-round(fen * 0.006)), "0.00", ""),
    ]
    return ",".join(f"{value}\t" for value in values)


def _changed(told: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
    """The same with one untruth in it."""
    changes: dict[str, str] = {}
    match fault:
        case Fault.OTHER_MERCHANT:
            changes = {"app_id": "2021000000000000"}
        case Fault.OTHER_REFERENCE:
            changes = dict.fromkeys(("out_trade_no", "out_biz_no"), "somebodyelses")
        case Fault.UNKNOWN_STATE:
            changes = dict.fromkeys(("trade_status", "refund_status", "status"), "LOOKING")
        case Fault.OTHER_AMOUNT:
            known = ("total_amount", "refund_amount", "trans_amount")
            amounts = [name for name in known if name in told]
            changes = {name: _yuan(_fen(told[name]) + 1) for name in amounts}
    return told | {name: value for name, value in changes.items() if name in told}


def _moment(at: datetime) -> str:
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _fen(text: Any) -> int:
    """Fen of a text with two digits; a number instead of a text is a mistake of the caller."""
    whole, _, part = text.partition(".")
    if len(part) != 2:
        raise ValueError("two digits")
    return int(whole) * 100 + int(part)
