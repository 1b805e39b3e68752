"""Alipay's transfers to accounts as their published protocol says: methods of the gateway of
payments (`alipay_gateway.py`). Like Alipay's, they ask for the numbers of certificates."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from adapters.sandbox.protocol import BEIJING, Fault, new_number
from adapters.sandbox.transfer_book import Bill, Plan

if TYPE_CHECKING:
    from adapters.sandbox.alipay_gateway import AlipayGateway

PRODUCT, SCENE = "TRANS_ACCOUNT_NO_PWD", "DIRECT_TRANSFER"
LEAST_FEN = 10
_STATES = {
    "working": "DEALING",
    "waiting": "DEALING",  # nobody confirms there
    "paid": "SUCCESS",
    "failed": "FAIL",
    "cancelled": "CLOSED",
    "returned": "REFUND",
}
_NOT_TAKEN = {"name": "PAYEE_USER_INFO_ERROR", "account": "PAYEE_NOT_EXIST"}
Handler = Callable[[dict[str, Any], dict[str, str]], dict[str, Any]]


class Refused(Exception):
    """An error as Alipay answers it."""

    def __init__(self, sub_code: str) -> None:
        super().__init__(sub_code)
        self.sub_code, self.code = sub_code, "40004"


def methods(gateway: "AlipayGateway") -> dict[str, Handler]:
    """What of the gateway's methods is about transfers."""

    def transfer(content: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        _check(content, form)
        return _transfer(gateway, content)

    def query(content: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        _check(content, form)
        bill = gateway.transfers.look(content["out_biz_no"])
        if bill is None or bill.why in _NOT_TAKEN:  # of what was refused it keeps nothing
            raise Refused("ORDER_NOT_EXIST")
        return _shown(bill) | {"trans_amount": _yuan(bill.fen)}

    return {"alipay.fund.trans.uni.transfer": transfer, "alipay.fund.trans.common.query": query}


def notice_form(gateway: "AlipayGateway", bill: Bill) -> dict[str, str]:
    """The fields of the message that tells of a transfer."""
    content = {**_shown(bill), "product_code": PRODUCT, "biz_scene": SCENE, "action_type": "FINISH"}
    return {
        "app_id": gateway.app_id,
        "biz_content": orjson.dumps(content).decode(),
        "charset": "utf-8",
        "msg_method": "alipay.fund.trans.order.changed",
        "notify_id": new_number("n"),
        "utc_timestamp": str(int(datetime.now(UTC).timestamp() * 1_000)),
        "version": "1.1",
    }


def untrue(form: dict[str, str], fault: Fault | None) -> dict[str, str]:
    """The same message with one untruth in it."""
    if fault is Fault.OTHER_REFERENCE:
        content = orjson.loads(form["biz_content"]) | {"out_biz_no": "somebodyelses"}
        return form | {"biz_content": orjson.dumps(content).decode()}
    return form


def _check(content: dict[str, Any], form: dict[str, str]) -> None:
    if not form.get("app_cert_sn") or not form.get("alipay_root_cert_sn"):
        raise Refused("PERMISSION_DENIED")
    if (content["product_code"], content["biz_scene"]) != (PRODUCT, SCENE):
        raise Refused("INVALID_PARAMETER")


def _transfer(gateway: "AlipayGateway", content: dict[str, Any]) -> dict[str, Any]:
    who, fen = content["payee_info"], _fen(content["trans_amount"])
    reference, account = content["out_biz_no"], who["identity"]
    formed = fen >= LEAST_FEN and 1 <= len(reference) <= 64 and content["order_title"]
    if not formed or who["identity_type"] not in ("ALIPAY_LOGON_ID", "ALIPAY_USER_ID"):
        raise Refused("INVALID_PARAMETER")
    bill = gateway.transfers.take(reference, fen, account, who["name"], gateway.transfer_notify_url)
    if bill is Plan.BALANCE_SHORT:
        raise Refused("PAYER_BALANCE_NOT_ENOUGH")
    if not isinstance(bill, Bill):
        raise Refused("BIZ_ERR_7731")
    if (bill.fen, bill.account) != (fen, account):
        raise Refused("DUPLICATE_REQUEST")
    if bill.why in _NOT_TAKEN:
        raise Refused(_NOT_TAKEN[bill.why])
    return _shown(bill)


def _shown(bill: Bill) -> dict[str, str]:
    told = {
        "out_biz_no": bill.reference,
        "order_id": bill.number,
        "pay_fund_order_id": bill.number,
        "status": _STATES[bill.state],
        "trans_date": datetime.fromisoformat(bill.at)
        .astimezone(BEIJING)
        .strftime("%Y-%m-%d %H:%M:%S"),
    }
    return told | ({"error_code": "SYSTEM_RISK"} if bill.state == "failed" else {})


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _fen(text: Any) -> int:
    """Fen of a text with two digits; a number instead of a text is a mistake of the caller."""
    whole, _, part = text.partition(".")
    if len(part) != 2:
        raise ValueError("two digits")
    return int(whole) * 100 + int(part)
