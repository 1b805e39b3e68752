"""WeChat Pay's transfers of merchants as their published protocol says: what the gateway of
payments (`wechat_gateway.py`) answers under `/v3/fund-app/mch-transfer/transfer-bills`."""

import base64
import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA1

from adapters.sandbox.protocol import BEIJING
from adapters.sandbox.transfer_book import Bill, Plan

if TYPE_CHECKING:
    from adapters.sandbox.wechat_gateway import WechatGateway

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
NAMED_FROM_FEN, NAMED_ABOVE_FEN = 200_000, 30
_STATES = {
    "working": "PROCESSING",
    "waiting": "WAIT_USER_CONFIRM",
    "paid": "SUCCESS",
    "failed": "FAIL",
    "cancelled": "CANCELLED",
    "returned": "FAIL",  # WeChat Pay's transfers do not come back
}
_REASONS = {"name": "NAME_NOT_CORRECT", "account": "ACCOUNT_NOT_EXIST", "overdue": "OVERDUE_CLOSE"}


class Refused(Exception):
    """An error as WeChat Pay answers it."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


def routes(gateway: "WechatGateway") -> tuple[tuple[str, str, Callable[..., Any]], ...]:
    """Method, pattern and handler of each."""
    by_number = BILLS + r"/out-bill-no/([^/]+)"

    def transfer(content: dict[str, Any]) -> dict[str, Any]:
        return _transfer(gateway, content)

    def query(content: Any, reference: str) -> dict[str, Any]:
        return shown(gateway, _known(gateway.transfers.look(reference)))

    def cancel(content: Any, reference: str) -> dict[str, Any]:
        bill = _known(gateway.transfers.bills.get(reference))
        if bill.state not in ("waiting", "cancelled"):
            raise Refused(400, "INVALID_REQUEST")
        gateway.transfers.move(reference, "waiting", "cancelled")
        return {**_numbers(bill), "state": "CANCELING", "update_time": _time(bill)}

    return (
        ("POST", BILLS, transfer),
        ("GET", by_number, query),
        ("POST", by_number + "/cancel", cancel),
    )


def shown(gateway: "WechatGateway", bill: Bill) -> dict[str, Any]:
    """A bill as queries and callbacks tell it."""
    told: dict[str, Any] = {
        **_numbers(bill),
        "mch_id": gateway.mchid,
        "appid": gateway.appid,
        "openid": bill.account,
        "state": _STATES[bill.state],
        "transfer_amount": bill.fen,
        "update_time": _time(bill),
    }
    if bill.state == "failed":
        told["fail_reason"] = _REASONS.get(bill.why, "TRANSFER_RISK")
    return told


def _transfer(gateway: "WechatGateway", content: dict[str, Any]) -> dict[str, Any]:
    reference, fen = content["out_bill_no"], content["transfer_amount"]
    if content["appid"] != gateway.appid:
        raise Refused(400, "APPID_MCHID_NOT_MATCH")
    named = content.get("user_name", "")
    formed = bool(re.fullmatch(r"[0-9A-Za-z]{1,32}", reference)) and type(fen) is int and fen >= 10
    reported = content["transfer_scene_report_infos"]
    scene = content["transfer_scene_id"] and 1 <= len(content["transfer_remark"]) <= 32
    told = named or fen < NAMED_FROM_FEN
    if not formed or not reported or not scene or not told or (named and fen < NAMED_ABOVE_FEN):
        raise Refused(400, "PARAM_ERROR")
    name = _opened(gateway, named) if named else ""
    url = content.get("notify_url", "")
    bill = gateway.transfers.take(reference, fen, content["openid"], name, url)
    if bill is Plan.BALANCE_SHORT:
        raise Refused(403, "NOT_ENOUGH")
    if not isinstance(bill, Bill):
        raise Refused(400, "BIZ_ERR_7731")
    if (bill.fen, bill.account) != (fen, content["openid"]):
        raise Refused(400, "ALREADY_EXISTS")
    answer = {**_numbers(bill), "create_time": _time(bill), "state": _STATES[bill.state]}
    if bill.state == "waiting":
        answer["package_info"] = bill.package
    if bill.state == "failed":
        answer["fail_reason"] = _REASONS.get(bill.why, "TRANSFER_RISK")
    return answer


def _opened(gateway: "WechatGateway", sealed: str) -> str:
    """The name in it, which was sealed for the key that the request names."""
    key = gateway.key_named(gateway.now_asked.headers.get("wechatpay-serial", ""))
    if key is None:
        raise Refused(400, "PARAM_ERROR")
    hidden = padding.OAEP(mgf=padding.MGF1(SHA1()), algorithm=SHA1(), label=None)
    return key.decrypt(base64.b64decode(sealed), hidden).decode()


def _numbers(bill: Bill) -> dict[str, str]:
    return {"out_bill_no": bill.reference, "transfer_bill_no": bill.number}


def _time(bill: Bill) -> str:
    return datetime.fromisoformat(bill.at).astimezone(BEIJING).isoformat(timespec="seconds")


def _known(bill: Bill | None) -> Bill:
    if bill is None:
        raise Refused(404, "NOT_FOUND")
    return bill
