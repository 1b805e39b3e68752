"""WeChat Pay, Alipay and Stripe as they would be met, run by the simulator.

The protocols themselves are in a file for each, such as wechat_gateway.py. Here they get an address
(`/vendors/<vendor>/`), keys that are made at the first start, a page where a buyer pays, callbacks
that are signed (and encrypted) and sent again while nobody takes them, and a control desk that
switches faults on and changes certificates. For development and tests: no login, so loopback only.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from adapters.sandbox import gateway_page, vendor_page
from adapters.sandbox.alipay_gateway import AlipayGateway
from adapters.sandbox.gateway import DELAY_SECONDS, DUPLICATES, Caller, Taken, Write
from adapters.sandbox.protocol import (
    HUNG_UP,
    Asked,
    Fault,
    OnRefund,
    Trade,
    private_pem,
    public_pem,
)
from adapters.sandbox.stripe_gateway import StripeGateway
from adapters.sandbox.vendor_book import VendorBook, certificates_text
from adapters.sandbox.wechat_gateway import WechatGateway

HUNG_SECONDS = 30.0  # longer than anybody waits for an answer
MOST_FAULTS = 100
REFUND_TOLD_AFTER_SECONDS = 0.5
UNDER = "/vendors"
WECHAT, ALIPAY, STRIPE = "wechat", "alipay", "stripe"
# The same everywhere, so that a channel outlives a simulator that was emptied; keys never are.
MERCHANTS = {WECHAT: "1900012345", ALIPAY: "2021000000000001", STRIPE: "acct_simulated"}
Gateway = WechatGateway | AlipayGateway | StripeGateway


class Deed(StrEnum):
    """What a buyer, or a fault, does on a vendor's page."""

    PAY = "pay"
    FAIL = "fail"
    TWICE = "twice"  # paid once, told five times
    LATE = "late"  # paid although it is over or closed: the vendor errs
    LOST = "lost"  # paid, and nothing is called back
    DELAY = "delay"  # paid, and told some seconds later
    WRONG_AMOUNT = "wrong_amount"
    WRONG_SIGNATURE = "wrong_signature"
    STALE = "stale"
    FORGED = "forged"  # not paid at all, and told as paid, signed and encrypted


_SPOILED = {
    Deed.WRONG_AMOUNT: Fault.OTHER_AMOUNT,
    Deed.WRONG_SIGNATURE: Fault.WRONG_SIGNATURE,
    Deed.STALE: Fault.STALE,
}


@dataclass
class Vendors:
    """The vendors with one merchant each, their book, and who calls back for them."""

    book: VendorBook
    caller: Caller
    gateways: dict[str, Gateway]

    def tell(self, vendor: str, url: str, write: Write, wait: float = 0.0) -> None:
        """Send a callback until it is taken."""
        self.caller.call(url, write, _TAKEN[vendor], wait)

    def keep(self) -> None:
        """Write what has changed."""
        for name, gateway in self.gateways.items():
            self.book.keep(name, gateway.trades)
            if isinstance(gateway, AlipayGateway):
                self.book.keep(f"{name}-unopened", gateway.unopened)
            if isinstance(gateway, WechatGateway | AlipayGateway):
                self.book.put_changed(f"{name}.transfers", gateway.transfers.kept())

    def change_certificate(self, *, retire_old: bool) -> None:
        """WeChat Pay signs with a new certificate from now on."""
        gateway = self.gateways[WECHAT]
        assert isinstance(gateway, WechatGateway), "Alipay has keys"
        gateway.change_certificate(retire_old=retire_old)
        self.book.put("wechat.platform", certificates_text(gateway.platform))


_TAKEN: dict[str, Taken] = {
    WECHAT: lambda answer: answer.status in (200, 204),
    ALIPAY: lambda answer: answer.body.strip() == b"success",
    STRIPE: lambda answer: answer.status == 200,
}


def open_vendors(book: VendorBook, caller: Caller) -> Vendors:
    """The vendors as the book knows them, with new keys where it knows none."""
    wechat = WechatGateway(
        MERCHANTS[WECHAT],
        "wx00000000simulated",
        book.text("wechat.api_v3_key", lambda: secrets.token_hex(16)),
        {merchant_serial(book): book.key("wechat.merchant").public_key()},
        trades=book.trades(WECHAT),
        platform=book.certificates("wechat.platform"),
        prefix=f"{UNDER}/{WECHAT}",
    )
    alipay = AlipayGateway(
        MERCHANTS[ALIPAY],
        "2088000000000001",
        [book.key("alipay.application").public_key()],
        own_key=book.key("alipay.own"),
        trades=book.trades(ALIPAY),
        unopened=book.trades(f"{ALIPAY}-unopened"),
        prefix=f"{UNDER}/{ALIPAY}",
    )
    stripe = StripeGateway(
        MERCHANTS[STRIPE],
        [book.text("stripe.key", lambda: f"sk_test_{secrets.token_hex(24)}")],
        book.text("stripe.webhook_secret", lambda: f"whsec_{secrets.token_hex(24)}"),
        trades=book.trades(STRIPE),
        prefix=f"{UNDER}/{STRIPE}",
        webhook_url=book.text("stripe.webhook_url", str),
    )
    vendors = Vendors(book, caller, {WECHAT: wechat, ALIPAY: alipay, STRIPE: stripe})
    for name, gateway in vendors.gateways.items():
        gateway.on_refund = _refund_teller(vendors, name)
    return vendors


def routes() -> list[Route]:
    """What the simulator's application serves of the vendors."""
    return [
        Route("/control/vendors", show_accounts),
        Route("/control/vendors/payments", list_trades),
        Route("/control/vendors/faults", set_fault, methods=["POST"]),
        Route("/control/vendors/faults", clear_faults, methods=["DELETE"]),
        Route("/control/vendors/certificate", change_certificate, methods=["POST"]),
        Route("/control/vendors/webhook", set_webhook, methods=["POST"]),
        Route("/control/vendors/notices", send_notice, methods=["POST"]),
        Route("/control/vendors/page", set_by_hand, methods=["POST"]),
        Route(UNDER + "/{vendor}/pay/{reference}", show_payment),
        Route(UNDER + "/{vendor}/pay/{reference}", take_deed, methods=["POST"]),
        Route(UNDER + "/{vendor}/{path:path}", answer, methods=["GET", "POST"]),
    ]


# --- the merchants' door ------------------------------------------------------------------------


async def answer(request: Request) -> Response:
    """Whatever the protocol says; a vendor that hangs up is one that does not answer here."""
    vendors, vendor = _vendors(request), request.path_params["vendor"]
    gateway = vendors.gateways.get(vendor)
    if gateway is None:
        return JSONResponse({"error": "no such vendor"}, 404)
    gateway.page_url = f"{_origin(request)}{UNDER}/{vendor}/pay"
    if isinstance(gateway, AlipayGateway):
        gateway.bill_host = f"{_origin(request)}{UNDER}/{vendor}"
    headers = {name.lower(): value for name, value in request.headers.items()}
    query = f"?{request.url.query}" if request.url.query else ""
    asked = Asked(request.method, request.url.path + query, headers, await request.body())
    answered = gateway.answer(asked)
    vendors.keep()
    if answered is HUNG_UP:
        await _hold(request)
        return Response(status_code=504)
    return Response(answered.body, answered.status, dict(answered.headers))


async def _hold(request: Request) -> None:
    """Keep the caller waiting until he has gone."""
    gone = asyncio.ensure_future(request.receive())
    await asyncio.wait({gone}, timeout=HUNG_SECONDS)
    gone.cancel()


# --- the buyers' page ---------------------------------------------------------------------------


async def show_payment(request: Request) -> Response:
    """The page of one payment."""
    vendor, trade = _trade(request)
    if trade is None:
        return HTMLResponse(gateway_page.unknown(), 404)
    return HTMLResponse(vendor_page.render(vendor, trade))


async def take_deed(request: Request) -> Response:
    """What the buyer does; back to the shop when it is done."""
    vendor, trade = _trade(request)
    if trade is None:
        return HTMLResponse(gateway_page.unknown(), 404)
    try:
        deed = Deed(gateway_page.form_values(await request.body()).get("deed", ""))
    except ValueError:
        return HTMLResponse(vendor_page.render(vendor, trade), 400)
    if not _do(_vendors(request), vendor, trade, deed):
        return HTMLResponse(vendor_page.render(vendor, trade, refused=True), 409)
    back = request.query_params.get("redirect_url", "")
    there = back if back.startswith(("http://", "https://")) else str(request.url.path)
    return RedirectResponse(there, 303)


def _do(vendors: Vendors, vendor: str, trade: Trade, deed: Deed) -> bool:
    """Pay, and tell it as the deed says; False when it cannot be paid."""
    gateway, reference = vendors.gateways[vendor], trade.reference
    if deed is Deed.FAIL:
        trade.state = "closed"
    elif deed is Deed.FORGED:
        vendors.tell(vendor, trade.notify_url, lambda: gateway.unpaid_notice(reference))
    else:
        try:
            gateway.pay(reference, late=deed is Deed.LATE)
        except ValueError:
            return False
        wait = DELAY_SECONDS if deed is Deed.DELAY else 0.0
        for _ in range({Deed.TWICE: DUPLICATES, Deed.LOST: 0}.get(deed, 1)):
            write = _writer(gateway, reference, _SPOILED.get(deed))
            vendors.tell(vendor, trade.notify_url, write, wait)
    vendors.keep()
    return True


def _writer(gateway: Gateway, reference: str, fault: Fault | None) -> Write:
    return lambda: gateway.notice(reference, fault)


def _refund_teller(vendors: Vendors, vendor: str) -> OnRefund:
    gateway = vendors.gateways[vendor]

    def tell(trade: Trade, refund: str, url: str) -> None:
        def write() -> tuple[Mapping[str, str], bytes]:
            return gateway.refund_notice(trade.reference, refund)

        vendors.tell(vendor, url, write, REFUND_TOLD_AFTER_SECONDS)

    return tell


# --- the control desk ---------------------------------------------------------------------------


async def show_accounts(request: Request) -> Response:
    """What a merchant gets from its vendor's console: all that `paymentChannelSave` asks for."""
    origin = _origin(request)
    return JSONResponse({"accounts": accounts(_vendors(request), origin)})


def accounts(vendors: Vendors, origin: str) -> list[dict[str, Any]]:
    """One account for each vendor, with the keys of its merchant."""
    book = vendors.book
    wechat, alipay = vendors.gateways[WECHAT], vendors.gateways[ALIPAY]
    assert isinstance(wechat, WechatGateway), "made so"
    assert isinstance(alipay, AlipayGateway), "made so"
    stripe = vendors.gateways[STRIPE]
    assert isinstance(stripe, StripeGateway), "made so"
    return [
        {
            "adapter": WECHAT,
            "merchant": wechat.mchid,
            "name_zh": "微信支付（模拟）",
            "name_en": "WeChat Pay (simulated)",
            "base_url": f"{origin}{UNDER}/{WECHAT}",
            "ways": ["qr", "mobile_page", "in_app"],
            "settings": {
                "appid": wechat.appid,
                "merchant_serial": merchant_serial(book),
                "public_key_ids": "",
                "public_keys": "",
                "profit_sharing": "",
            },
            "secrets": {
                "private_key": private_pem(book.key("wechat.merchant")),
                "api_v3_key": wechat.api_v3_key,
            },
        },
        {
            "adapter": ALIPAY,
            "merchant": alipay.app_id,
            "name_zh": "支付宝（模拟）",
            "name_en": "Alipay (simulated)",
            "base_url": f"{origin}{UNDER}/{ALIPAY}/gateway.do",
            "ways": ["page", "mobile_page", "qr", "in_app"],
            "settings": {
                "seller_id": alipay.seller_id,
                "alipay_public_keys": public_pem(alipay.own_key),
                "profit_sharing": "",
            },
            "secrets": {"private_key": private_pem(book.key("alipay.application"))},
        },
        {
            "adapter": STRIPE,
            "merchant": stripe.account,
            "name_zh": "Stripe（模拟）",
            "name_en": "Stripe (simulated)",
            "base_url": f"{origin}{UNDER}/{STRIPE}",
            "ways": ["page", "mobile_page"],
            "settings": {"return_url": origin},
            "secrets": {"secret_key": stripe.keys[0], "webhook_secret": stripe.webhook_secret},
        },
    ]


async def list_trades(request: Request) -> Response:
    """What was really paid and given back, for tests."""
    return JSONResponse(
        {
            name: [
                {
                    "reference": trade.reference,
                    "fen": trade.fen,
                    "state": trade.state,
                    "provider_id": trade.provider_id,
                    "refunds": trade.refunds,
                }
                for trade in gateway.trades.values()
            ]
            for name, gateway in _vendors(request).gateways.items()
        }
    )


async def set_fault(request: Request) -> Response:
    """Spoil the next answers of a vendor: {vendor, fault, times}."""
    try:
        _add_faults(_vendors(request), orjson.loads(await request.body()))
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "malformed", "faults": list(Fault)}, 400)
    return JSONResponse({name: each.faults for name, each in _vendors(request).gateways.items()})


async def clear_faults(request: Request) -> Response:
    """Answer as one should."""
    _clear(_vendors(request))
    return JSONResponse({})


async def change_certificate(request: Request) -> Response:
    """Sign with a new WeChat Pay certificate; `?retire=1` takes the old ones off its list."""
    retire = request.query_params.get("retire") == "1"
    _vendors(request).change_certificate(retire_old=retire)
    return JSONResponse({})


async def set_webhook(request: Request) -> Response:
    """Where Stripe calls back, as an operator enters it in its dashboard: {url}."""
    try:
        url = str(orjson.loads(await request.body())["url"])
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "malformed"}, 400)
    vendors = _vendors(request)
    stripe = vendors.gateways[STRIPE]
    assert isinstance(stripe, StripeGateway), "made so"
    stripe.webhook_url = url
    vendors.book.put("stripe.webhook_url", url)
    return JSONResponse({})


async def send_notice(request: Request) -> Response:
    """Send one callback: {vendor, reference, fault} of a payment as it is, or {.., told_of} of its
    payment as if it were that of another one; `url` sends it to another channel's address."""
    try:
        wish = orjson.loads(await request.body())
        vendor, reference = str(wish["vendor"]), str(wish["reference"])
        gateway = _vendors(request).gateways[vendor]
        trade = gateway.trades[reference]
        fault = Fault(wish["fault"]) if wish.get("fault") else None
        url = str(wish.get("url") or trade.notify_url)
    except (KeyError, TypeError, ValueError):
        return JSONResponse({"error": "malformed"}, 400)
    write = _writer(gateway, reference, fault)
    if told_of := wish.get("told_of"):

        def write() -> tuple[Mapping[str, str], bytes]:
            return gateway.swapped_notice(reference, str(told_of))

    _vendors(request).tell(vendor, url, write)
    return JSONResponse({})


async def set_by_hand(request: Request) -> Response:
    """What the desk's form sends."""
    form, vendors = gateway_page.form_values(await request.body()), _vendors(request)
    try:
        if form.get("clear"):
            _clear(vendors)
        elif form.get("certificate"):
            vendors.change_certificate(retire_old=True)
        else:
            _add_faults(vendors, form)
    except (KeyError, ValueError):
        return RedirectResponse("/", 303)
    return RedirectResponse("/", 303)


def desk_of(vendors: Vendors) -> str:
    """The vendors' part of the control desk."""
    gateways = vendors.gateways
    return vendor_page.desk(
        {name: each.trades for name, each in gateways.items()},
        {name: each.faults for name, each in gateways.items()},
    )


def _add_faults(vendors: Vendors, wish: Mapping[str, Any]) -> None:
    gateway, times = vendors.gateways[str(wish["vendor"])], int(wish.get("times", 1))
    if not 0 < times <= MOST_FAULTS - len(gateway.faults):
        raise ValueError("too many")
    gateway.faults += [Fault(wish["fault"])] * times


def _clear(vendors: Vendors) -> None:
    for gateway in vendors.gateways.values():
        gateway.faults.clear()


def merchant_serial(book: VendorBook) -> str:
    """The serial number of the merchant's own certificate."""
    return book.text("wechat.merchant_serial", lambda: secrets.token_hex(20).upper())


def _trade(request: Request) -> tuple[str, Trade | None]:
    """The payment of a page; one of Alipay begins when its buyer opens it."""
    vendor, reference = request.path_params["vendor"], request.path_params["reference"]
    gateway = _vendors(request).gateways.get(vendor)
    if isinstance(gateway, AlipayGateway) and reference in gateway.unopened:
        gateway.open(reference)
    return vendor, None if gateway is None else gateway.trades.get(reference)


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _vendors(request: Request) -> Vendors:
    vendors: Vendors = request.app.state.vendors
    return vendors
