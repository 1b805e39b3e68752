"""WeChat Pay v3 as its published protocol says, for one merchant, with faults on demand.

It checks each request's signature, time and nonce, signs each answer, encrypts certificates and
callbacks with the API v3 key, keeps its own book, and can change its platform certificate or be
given another merchant key while it runs. No money is behind it and no network inside: who wants
HTTP puts it behind a server.
"""

import base64
import gzip
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.sandbox import wechat_transfers
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
    make_certificate,
    make_key,
    new_number,
    sign,
)
from adapters.sandbox.transfer_book import TransferBook
from adapters.sandbox.wechat_bill_file import bill_of

SCHEME = "WECHATPAY2-SHA256-RSA2048"
MAX_AGE_SECONDS = 300
STALE_SECONDS = 1_800
NOTHING_ASKED = Asked("", "", {}, b"")
_AUTHORIZATION = re.compile(r'(\w+)="([^"]*)"')


class Refusal(Exception):
    """An error as WeChat Pay answers it."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class WechatGateway:
    """The other side of one merchant's account."""

    mchid: str
    appid: str
    api_v3_key: str
    merchant_keys: dict[str, rsa.RSAPublicKey]  # by serial number; two while they are changed
    trades: dict[str, Trade] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)  # one for each next answer
    asked: list[str] = field(default_factory=list)
    refund_state: str = "SUCCESS"
    balance_fen: int = 10**9
    public_key_id: str = ""  # signs with its key under this name instead of a certificate
    # Its certificates with their keys, the one that signs first; made now when there are none.
    platform: list[tuple[x509.Certificate, rsa.RSAPrivateKey]] = field(default_factory=list)
    prefix: str = ""  # stands before its paths, and is signed like all of a path
    page_url: str = ""  # where buyers pay, when somebody serves that
    on_refund: OnRefund | None = None
    transfers: TransferBook = field(default_factory=TransferBook)
    now_asked: Asked = NOTHING_ASKED
    _nonces: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not self.platform:
            self.change_certificate()

    # --- what a test, or the desk, does to it ----------------------------------------------------

    def change_certificate(self, *, days: int = 365, retire_old: bool = False) -> None:
        """Sign with a new platform certificate from now on; the old one stays listed or not."""
        key = make_key()
        kept = [] if retire_old else self.platform
        self.platform = [(make_certificate(key, days=days), key), *kept]

    @property
    def signing_key(self) -> rsa.RSAPrivateKey:
        """The key that signs answers and callbacks now."""
        return self.platform[0][1]

    def pay(self, reference: str, *, late: bool = False) -> None:
        """The buyer pays; `late` lets him pay what is closed or over, as if the vendor erred."""
        trade = self.trades[reference]
        over = trade.state == "closed" or datetime.now(UTC) > trade.expires_at
        if trade.state == "paid" or (over and not late):
            raise ValueError("nobody can pay this")
        trade.state, trade.paid_at = "paid", datetime.now(UTC)
        trade.provider_id = new_number("42000")

    def notice(self, reference: str, fault: Fault | None = None) -> tuple[dict[str, str], bytes]:
        """Headers and body of the callback that tells of a payment."""
        inner = self._shown(self.trades[reference])
        return self._callback("TRANSACTION.SUCCESS", "transaction", inner, fault)

    def unpaid_notice(self, reference: str) -> tuple[dict[str, str], bytes]:
        """A callback that is signed, encrypted and untrue: it tells a payment that nobody made."""
        before, moment = self.trades[reference], datetime.now(UTC)
        number = new_number("42000")
        self.trades[reference] = replace(
            before, state="paid", paid_at=moment, provider_id=number, refunds={}
        )
        try:
            return self.notice(reference)
        finally:
            self.trades[reference] = before

    def swapped_notice(self, paid: str, told: str) -> tuple[dict[str, str], bytes]:
        """The payment of one order, told as that of another."""
        inner = self._shown(self.trades[paid]) | {"out_trade_no": told}
        return self._callback("TRANSACTION.SUCCESS", "transaction", inner, None)

    def refund_notice(self, reference: str, refund: str) -> tuple[dict[str, str], bytes]:
        """The same for a refund."""
        trade = self.trades[reference]
        inner = self._refund_shown(trade, refund)
        inner["refund_status"] = inner.pop("status")
        inner["mchid"] = self.mchid
        return self._callback("REFUND.SUCCESS", "refund", inner, None)

    def transfer_notice(
        self, reference: str, fault: Fault | None = None
    ) -> tuple[dict[str, str], bytes]:
        """The same for a transfer of the merchant's own."""
        inner = wechat_transfers.shown(self, self.transfers.bills[reference])
        return self._callback("MCHTRANSFER.BILL.FINISHED", "mch_payment", inner, fault)

    def key_named(self, name: str) -> rsa.RSAPrivateKey | None:
        """The private half of a key that merchants encrypt for."""
        if self.public_key_id and name == self.public_key_id:
            return self.signing_key
        found = (key for each, key in self.platform if f"{each.serial_number:X}" == name)
        return next(found, None)

    def _callback(
        self, event: str, kind: str, inner: dict[str, Any], fault: Fault | None
    ) -> tuple[dict[str, str], bytes]:
        content = {
            "id": secrets.token_hex(16),
            "create_time": datetime.now(BEIJING).isoformat(timespec="seconds"),
            "event_type": event,
            "resource_type": "encrypt-resource",
            "resource": self._sealed(orjson.dumps(_changed(inner, fault)), kind),
        }
        body = orjson.dumps(content)
        return self._signed(body, fault), body

    # --- HTTP ------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Answered:
        """One request; the next fault spoils its answer."""
        self.asked.append(f"{asked.method} {self._path(asked)}")
        self.now_asked = asked
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.DROPPED:
            return HUNG_UP
        if not self._is_ours(asked):
            return Answered(401, orjson.dumps({"code": "SIGN_ERROR", "message": "signature"}))
        try:
            answered = self._handled(asked, fault)
        except (Refusal, wechat_transfers.Refused) as refusal:
            body = orjson.dumps({"code": refusal.code, "message": refusal.code.lower()})
            answered = Answered(refusal.status, body, self._signed(body, fault))
        except (KeyError, TypeError, ValueError):
            body = orjson.dumps({"code": "PARAM_ERROR", "message": "param"})
            answered = Answered(400, body, self._signed(body, fault))
        match fault:
            case Fault.NO_ANSWER:
                return HUNG_UP
            case Fault.SERVER_ERROR:
                return Answered(502, HTML)
            case Fault.HTML:
                return Answered(200, HTML, {"content-type": "text/html"})
            case Fault.UNSIGNED:
                return Answered(answered.status, answered.body)
        return answered

    def _handled(self, asked: Asked, fault: Fault | None) -> Answered:
        path, query = self._path(asked), urlsplit(asked.path).query
        if path == "/v3/billdownload/file":
            return Answered(200, gzip.compress(bill_of(self.mchid, self.appid, self._today())))
        content: Any = orjson.loads(asked.body) if asked.body else {}
        for method, pattern, handle in self._routes():
            found = re.fullmatch(pattern, path)
            if found and method == asked.method:
                told = handle(content, *found.groups(), **_first(query))
                body = b"" if told is None else orjson.dumps(_changed(told, fault))
                return Answered(204 if told is None else 200, body, self._signed(body, fault))
        raise Refusal(404, "NOT_FOUND")

    def _path(self, asked: Asked) -> str:
        return urlsplit(asked.path).path.removeprefix(self.prefix)

    def _routes(self) -> tuple[tuple[str, str, Callable[..., Any]], ...]:
        by_reference = r"/v3/pay/transactions/out-trade-no/([^/]+)"
        return (
            ("POST", r"/v3/pay/transactions/(native|jsapi|h5)", self._open),
            ("GET", by_reference, self._query),
            ("POST", by_reference + "/close", self._close),
            ("POST", r"/v3/refund/domestic/refunds", self._refund),
            ("GET", r"/v3/refund/domestic/refunds/([^/]+)", self._refund_query),
            ("GET", r"/v3/certificates", self._certificates),
            ("GET", r"/v3/bill/tradebill", self._bill),
            *wechat_transfers.routes(self),
        )

    def _is_ours(self, asked: Asked) -> bool:
        """Signed by a key of the merchant, of now, and not seen before."""
        scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
        said = dict(_AUTHORIZATION.findall(rest))
        key = self.merchant_keys.get(said.get("serial_no", ""))
        if scheme != SCHEME or said.get("mchid") != self.mchid or key is None:
            return False
        timestamp, nonce = said.get("timestamp", ""), said.get("nonce_str", "")
        text = f"{asked.method}\n{asked.path}\n{timestamp}\n{nonce}\n{asked.body.decode()}\n"
        if not is_signed(key, text, said.get("signature", "")) or nonce in self._nonces:
            return False
        self._nonces.add(nonce)
        return abs(datetime.now(UTC).timestamp() - int(timestamp)) <= MAX_AGE_SECONDS

    def _signed(self, body: bytes, fault: Fault | None) -> dict[str, str]:
        now = int(datetime.now(UTC).timestamp())
        timestamp = str(now - STALE_SECONDS if fault is Fault.STALE else now)
        nonce = secrets.token_hex(16)
        key = make_key() if fault is Fault.WRONG_SIGNATURE else self.signing_key
        serial = self.public_key_id or f"{self.platform[0][0].serial_number:X}"
        return {
            "content-type": "application/json",
            "wechatpay-timestamp": timestamp,
            "wechatpay-nonce": nonce,
            "wechatpay-serial": serial,
            "wechatpay-signature": sign(key, f"{timestamp}\n{nonce}\n{body.decode()}\n"),
            "wechatpay-signature-type": SCHEME,
        }

    def _sealed(self, plain: bytes, kind: str) -> dict[str, str]:
        nonce = secrets.token_hex(6)
        sealed = AESGCM(self.api_v3_key.encode()).encrypt(nonce.encode(), plain, kind.encode())
        return {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": kind,
            "original_type": kind,
            "ciphertext": base64.b64encode(sealed).decode(),
        }

    # --- what it is asked for --------------------------------------------------------------------

    def _open(self, content: dict[str, Any], kind: str) -> dict[str, str]:
        if (content["mchid"], content["appid"]) != (self.mchid, self.appid):
            raise Refusal(400, "APPID_MCHID_NOT_MATCH")
        reference, amount = content["out_trade_no"], content["amount"]
        if (
            not re.fullmatch(r"[0-9A-Za-z_\-|*]{6,32}", reference)
            or type(amount["total"]) is not int
        ):
            raise Refusal(400, "PARAM_ERROR")
        if amount["total"] < 1 or amount["currency"] != "CNY" or not content["description"]:
            raise Refusal(400, "PARAM_ERROR")
        payer = content["payer"]["openid"] if kind == "jsapi" else ""
        if kind == "h5" and not content["scene_info"]["payer_client_ip"]:
            raise Refusal(400, "PARAM_ERROR")
        expires_at = datetime.fromisoformat(content["time_expire"])
        new = Trade(reference, amount["total"], "CNY", content["notify_url"], expires_at)
        trade = self.trades.setdefault(reference, new)
        if trade.fen != new.fen:
            raise Refusal(403, "OUT_TRADE_NO_USED")
        if trade.state != "open":
            raise Refusal(400, "ORDERPAID" if trade.state == "paid" else "ORDER_CLOSED")
        trade.payer = payer
        there = f"{self.page_url}/{reference}" if self.page_url else ""
        return {
            "native": {"code_url": there or f"weixin://wxpay/bizpayurl?pr={reference}"},
            "jsapi": {"prepay_id": f"wx{reference}"},
            "h5": {"h5_url": there or f"https://wx.tenpay.example/mweb?prepay_id=wx{reference}"},
        }[kind]

    def _query(self, content: Any, reference: str, mchid: str = "") -> dict[str, Any]:
        if mchid != self.mchid:
            raise Refusal(400, "PARAM_ERROR")
        return self._shown(self._trade(reference))

    def _close(self, content: dict[str, Any], reference: str) -> None:
        trade = self._trade(reference)
        if content["mchid"] != self.mchid:
            raise Refusal(400, "PARAM_ERROR")
        if trade.state == "paid":
            raise Refusal(400, "ORDERPAID")
        trade.state = "closed"

    def _refund(self, content: dict[str, Any]) -> dict[str, Any]:
        trade, amount = self.trades.get(content["out_trade_no"]), content["amount"]
        number = content["out_refund_no"]
        if trade is None or trade.state != "paid":
            raise Refusal(404, "RESOURCE_NOT_EXISTS")
        if number in trade.refunds:
            if trade.refunds[number] != amount["refund"]:
                raise Refusal(400, "INVALID_REQUEST")
            return self._refund_shown(trade, number)
        if amount["total"] != trade.fen or trade.refunded + amount["refund"] > trade.fen:
            raise Refusal(400, "INVALID_REQUEST")
        if amount["refund"] > self.balance_fen:
            raise Refusal(403, "NOT_ENOUGH")
        trade.refunds[number] = amount["refund"]
        if self.on_refund is not None and "notify_url" in content:
            self.on_refund(trade, number, content["notify_url"])
        return self._refund_shown(trade, number)

    def _refund_query(self, content: Any, number: str) -> dict[str, Any]:
        for trade in self.trades.values():
            if number in trade.refunds:
                return self._refund_shown(trade, number)
        raise Refusal(404, "RESOURCE_NOT_EXISTS")

    def _certificates(self, content: Any) -> dict[str, Any]:
        rows = [
            {
                "serial_no": f"{certificate.serial_number:X}",
                "effective_time": certificate.not_valid_before_utc.isoformat(),
                "expire_time": certificate.not_valid_after_utc.isoformat(),
                "encrypt_certificate": self._sealed(
                    certificate.public_bytes(Encoding.PEM), "certificate"
                ),
            }
            for certificate, _ in self.platform
        ]
        return {"data": rows}

    def _bill(self, content: Any, bill_date: str, **more: str) -> dict[str, str]:
        if bill_date != datetime.now(BEIJING).date().isoformat():  # the only day in its book
            raise Refusal(400, "NO_STATEMENT_EXIST")
        digest = hashlib.sha1(
            bill_of(self.mchid, self.appid, self._today()), usedforsecurity=False
        ).hexdigest()
        there = "https://api.mch.weixin.example/v3/billdownload/file?token=abc"
        return {"hash_type": "SHA1", "hash_value": digest, "download_url": there}

    def _today(self) -> list[Trade]:
        return [trade for trade in self.trades.values() if trade.state == "paid"]

    def _trade(self, reference: str) -> Trade:
        if reference not in self.trades:
            raise Refusal(404, "ORDER_NOT_EXIST")
        return self.trades[reference]

    def _shown(self, trade: Trade) -> dict[str, Any]:
        states = {"open": "NOTPAY", "paid": "SUCCESS", "closed": "CLOSED"}
        state = "REFUND" if trade.refunded else states[trade.state]
        shown: dict[str, Any] = {
            "appid": self.appid,
            "mchid": self.mchid,
            "out_trade_no": trade.reference,
            "trade_state": state,
            "amount": {"total": trade.fen, "payer_total": trade.fen, "currency": trade.currency},
        }
        if trade.paid_at is not None:
            done = trade.paid_at.astimezone(BEIJING).isoformat(timespec="seconds")
            shown |= {"transaction_id": trade.provider_id, "success_time": done}
        return shown

    def _refund_shown(self, trade: Trade, number: str) -> dict[str, Any]:
        done = datetime.now(BEIJING) - timedelta(seconds=1)
        return {
            "refund_id": f"5030{abs(hash(number)) % 10**16:016d}",
            "out_refund_no": number,
            "transaction_id": trade.provider_id,
            "out_trade_no": trade.reference,
            "status": self.refund_state,
            "success_time": done.isoformat(timespec="seconds"),
            "amount": {"refund": trade.refunds[number], "total": trade.fen, "currency": "CNY"},
        }


def _first(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


def _changed(told: dict[str, Any], fault: Fault | None) -> dict[str, Any]:
    """The same with one untruth in it."""
    match fault:
        case Fault.OTHER_MERCHANT:
            return told | {name: "1900000001" for name in ("mchid", "mch_id") if name in told}
        case Fault.OTHER_REFERENCE:
            numbers = (name for name in ("out_trade_no", "out_bill_no") if name in told)
            return told | dict.fromkeys(numbers, "somebodyelses")
        case Fault.UNKNOWN_STATE:
            name = next((each for each in ("trade_state", "status", "state") if each in told), "")
            return {**told, name: "LOOKING"} if name else told
        case Fault.OTHER_AMOUNT if "transfer_amount" in told:
            return {**told, "transfer_amount": told["transfer_amount"] + 1}
        case Fault.OTHER_AMOUNT if isinstance(told.get("amount"), dict):
            amount = {
                key: value + 1 if isinstance(value, int) else value
                for key, value in told["amount"].items()
            }
            return {**told, "amount": amount}
    return told
