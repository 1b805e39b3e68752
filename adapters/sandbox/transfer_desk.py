"""The desk of the simulated vendors' transfers: what was really paid, what happens next, and what a
receiver does. Each transfer that ends is called back, signed, until somebody takes it."""

from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.sandbox.alipay_gateway import AlipayGateway
from adapters.sandbox.gateway import Write
from adapters.sandbox.protocol import Fault, make_certificate, make_key, private_pem
from adapters.sandbox.transfer_book import Bill, Plan, TransferBook
from adapters.sandbox.vendors import ALIPAY, MERCHANTS, UNDER, WECHAT, Vendors, merchant_serial
from adapters.sandbox.wechat_gateway import WechatGateway

TOLD_AFTER_SECONDS = 0.3
DEEDS = {
    "confirm": ("waiting", "paid", ""),
    "ignore": ("waiting", "failed", "overdue"),
    "fail": ("working", "failed", "risk"),
    "return": ("paid", "returned", ""),
}


def open_desk(vendors: Vendors) -> None:
    """Remember what was transferred before, and tell of what ends from now on."""
    for name in BOOKS:
        book = _book(vendors, name)
        book.remember(orjson.loads(vendors.book.text(f"{name}.transfers", lambda: "[]")))
        book.on_end = _teller(vendors, name)
    _alipay(vendors).transfer_notify_url = vendors.book.text("alipay.transfer_notify_url", str)


def routes() -> list[Route]:
    """What the simulator's application serves of transfers."""
    return [
        Route("/control/transfers", list_transfers),
        Route("/control/transfers/accounts", show_accounts),
        Route("/control/transfers/plans", set_plan, methods=["POST"]),
        Route("/control/transfers/deeds", do_deed, methods=["POST"]),
        Route("/control/transfers/notify-url", set_notify_url, methods=["POST"]),
        Route("/control/transfers/notices", send_notice, methods=["POST"]),
    ]


async def list_transfers(request: Request) -> Response:
    """What was really paid: `?vendor=`."""
    vendors, name = _vendors(request), request.query_params.get("vendor", WECHAT)
    if name not in BOOKS:
        return JSONResponse({"error": "no such vendor"}, 404)
    shown = ("reference", "fen", "state", "why", "number", "submissions", "paid")
    rows = [{key: getattr(each, key) for key in shown} for each in _bills(vendors, name)]
    return JSONResponse({"transfers": rows})


async def show_accounts(request: Request) -> Response:
    """All that `payoutChannelSave` asks for, for each vendor."""
    vendors, origin = _vendors(request), f"{request.url.scheme}://{request.url.netloc}"
    return JSONResponse({"accounts": [BOOKS[name](vendors, origin) for name in BOOKS]})


async def set_plan(request: Request) -> Response:
    """What becomes of the next new transfers: {vendor, plan, times}."""
    try:
        wish = orjson.loads(await request.body())
        book, times = _book(_vendors(request), str(wish["vendor"])), int(wish.get("times", 1))
        book.plans += [Plan(wish["plan"])] * min(max(times, 0), 100)
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "malformed", "plans": list(Plan)}, 400)
    return JSONResponse({"plans": book.plans})


async def do_deed(request: Request) -> Response:
    """What a receiver, or the vendor, does: {vendor, reference, deed: confirm | ignore | fail |
    return}."""
    vendors = _vendors(request)
    try:
        wish = orjson.loads(await request.body())
        book, move = _book(vendors, str(wish["vendor"])), DEEDS[wish["deed"]]
        done = book.move(str(wish["reference"]), *move)
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "malformed", "deeds": list(DEEDS)}, 400)
    vendors.keep()
    return JSONResponse({"done": done}, 200 if done else 409)


async def set_notify_url(request: Request) -> Response:
    """Where Alipay calls back, as an operator enters it in its console: {url}."""
    vendors = _vendors(request)
    try:
        url = str(orjson.loads(await request.body())["url"])
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "malformed"}, 400)
    _alipay(vendors).transfer_notify_url = url
    vendors.book.put("alipay.transfer_notify_url", url)
    return JSONResponse({})


async def send_notice(request: Request) -> Response:
    """Call back once more, or untruly: {vendor, reference, fault, times}."""
    vendors = _vendors(request)
    try:
        wish = orjson.loads(await request.body())
        name, reference = str(wish["vendor"]), str(wish["reference"])
        bill = _book(vendors, name).bills[reference]
        fault = Fault(wish["fault"]) if wish.get("fault") else None
        times = min(max(int(wish.get("times", 1)), 1), 20)
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "malformed"}, 400)
    for _ in range(times):
        vendors.tell(name, bill.notify_url, _writer(vendors, name, reference, fault))
    return JSONResponse({})


def _wechat_account(vendors: Vendors, origin: str) -> dict[str, Any]:
    gateway, book = vendors.gateways[WECHAT], vendors.book
    assert isinstance(gateway, WechatGateway), "made so"
    reports = [{"info_type": "岗位类型", "info_content": "推广代理"}]
    return {
        "adapter": WECHAT,
        "merchant": MERCHANTS[WECHAT],
        "name_zh": "微信转账（模拟）",
        "name_en": "WeChat transfer (simulated)",
        "base_url": f"{origin}{UNDER}/{WECHAT}",
        "settings": {
            "appid": gateway.appid,
            "merchant_serial": merchant_serial(book),
            "public_key_ids": "",
            "public_keys": "",
            "transfer_scene_id": "1005",
            "report_infos": orjson.dumps(reports).decode(),
        },
        "secrets": {
            "private_key": private_pem(book.key("wechat.merchant")),
            "api_v3_key": gateway.api_v3_key,
        },
    }


def _alipay_account(vendors: Vendors, origin: str) -> dict[str, Any]:
    gateway, application = _alipay(vendors), vendors.book.key("alipay.application")
    return {
        "adapter": ALIPAY,
        "merchant": gateway.app_id,
        "name_zh": "支付宝转账（模拟）",
        "name_en": "Alipay transfer (simulated)",
        "base_url": f"{origin}{UNDER}/{ALIPAY}/gateway.do",
        "settings": {
            "app_cert": certificate_pem(application),
            "alipay_certs": certificate_pem(gateway.own_key),
            "alipay_root_cert": certificate_pem(make_key()),
        },
        "secrets": {"private_key": private_pem(application)},
    }


def certificate_pem(key: rsa.RSAPrivateKey) -> str:
    """A certificate of a key, as an operator gets it from the vendor's console."""
    return make_certificate(key).public_bytes(Encoding.PEM).decode()


def _alipay(vendors: Vendors) -> AlipayGateway:
    gateway = vendors.gateways[ALIPAY]
    assert isinstance(gateway, AlipayGateway), "made so"
    return gateway


BOOKS = {WECHAT: _wechat_account, ALIPAY: _alipay_account}


def _book(vendors: Vendors, name: str) -> TransferBook:
    if name not in BOOKS:
        raise KeyError(name)
    book: TransferBook = vendors.gateways[name].transfers  # type: ignore[union-attr]  # of BOOKS
    return book


def _bills(vendors: Vendors, name: str) -> list[Bill]:
    return list(_book(vendors, name).bills.values())


def _teller(vendors: Vendors, name: str) -> Any:
    def tell(bill: Bill) -> None:
        write = _writer(vendors, name, bill.reference, None)
        vendors.tell(name, bill.notify_url, write, TOLD_AFTER_SECONDS)

    return tell


def _writer(vendors: Vendors, name: str, reference: str, fault: Fault | None) -> Write:
    gateway = vendors.gateways[name]

    def write() -> tuple[Mapping[str, str], bytes]:
        told: tuple[Mapping[str, str], bytes] = gateway.transfer_notice(  # type: ignore[union-attr]
            reference, fault
        )
        return told

    return write


def _vendors(request: Request) -> Vendors:
    vendors: Vendors = request.app.state.vendors
    return vendors
