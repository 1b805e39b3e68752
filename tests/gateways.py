"""The protocol simulators of payment vendors behind a real socket, each with our adapter for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from uuid import uuid4

from adapters.http import PartnerClient
from adapters.payments.alipay import Alipay
from adapters.payments.stripe import Stripe
from adapters.payments.wechat import WechatPay
from adapters.sandbox.alipay_gateway import AlipayGateway
from adapters.sandbox.protocol import (
    Answered,
    Asked,
    Fault,
    Trade,
    make_key,
    private_pem,
    public_pem,
)
from adapters.sandbox.stripe_gateway import StripeGateway
from adapters.sandbox.wechat_gateway import WechatGateway
from domain.kernel import clock
from domain.payments.ports import Connection, PaymentOrder, PaymentPort, RefundOrder, Way

NOTIFY_URL = "https://shop.example/callbacks/payments/1"


class Gateway(Protocol):
    """What the contract needs of a simulator."""

    trades: dict[str, Trade]
    faults: list[Fault]
    asked: list[str]

    def answer(self, asked: Asked) -> Answered: ...
    def pay(self, reference: str) -> None: ...
    def notice(
        self, reference: str, fault: Fault | None = None
    ) -> tuple[dict[str, str], bytes]: ...


@dataclass
class Bench:
    """One adapter, and the vendor that it speaks to."""

    name: str
    port: PaymentPort
    connection: Connection
    gateway: Any  # a Gateway, and more in the tests of one vendor
    client: PartnerClient
    ways: tuple[Way, ...]
    way: Way  # the usual one; the vendor knows of it at once
    new_key: Callable[["Bench"], Connection]  # the vendor knows it from now on
    revoke_old_keys: Callable[["Bench"], None]
    signs_answers: bool = True
    day_begins: timedelta = timedelta(hours=8)  # the vendor's day, before that of UTC
    fees: tuple[int, int] = (700, -300)  # of 12.34 yuan, and of 5 that go back
    # The answers to a refund of what nobody paid, so that its refusal cannot be asked about.
    unasked: tuple[Fault, ...] = (Fault.OTHER_AMOUNT, Fault.NO_ANSWER)

    def order(self, amount: int = 123_400, **changes: Any) -> PaymentOrder:
        """An order for 12.34 yuan, unless told otherwise."""
        return replace(order_of(self.way, amount), **changes)

    async def paid(self, **changes: Any) -> PaymentOrder:
        """An order that was begun and paid."""
        order = self.order(**changes)
        await self.port.start(self.connection, order)
        self.gateway.pay(order.reference)
        return order


def order_of(way: Way, amount: int = 123_400) -> PaymentOrder:
    """A payment of 12.34 yuan to be begun in some way."""
    return PaymentOrder(
        reference=f"p{uuid4().hex[:30]}",
        amount=amount,
        currency="CNY",
        way=way,
        subject="K-1234-5678",
        expires_at=clock.now() + timedelta(minutes=15),
        return_url="https://shop.example/orders/1?a=b",
        payer="2088102146225135",
        client_ip="203.0.113.9",
    )


def refund_of(order: PaymentOrder, amount: int = 0) -> RefundOrder:
    """All of it, or a part."""
    back = amount or order.amount
    return RefundOrder(order.reference, f"r{uuid4().hex[:30]}", back, order.amount, "CNY", "test")


@contextmanager
def serving(gateway: Gateway) -> Iterator[str]:
    """Its address while it listens."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            answered = gateway.answer(Asked(self.command, self.path, headers, body))
            if not answered.status:
                return  # the connection is closed without a word
            self.send_response_only(answered.status)
            for name, value in answered.headers.items():
                self.send_header(name, value)
            if answered.status != 204:
                self.send_header("content-length", str(len(answered.body)))
            self.end_headers()
            self.wfile.write(answered.body)

        do_GET = do_POST = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def wechat_bench() -> Iterator[Bench]:
    """WeChat Pay in certificate mode."""
    key = make_key()
    gateway = WechatGateway(
        "1900007291", "wxd678efh567hg6787", uuid4().hex, {"5157F09EFDC096DE": key.public_key()}
    )
    client = PartnerClient()
    with serving(gateway) as url:
        connection = Connection(
            channel_id=uuid4(),
            merchant=gateway.mchid,
            base_url=url,
            notify_url=NOTIFY_URL,
            settings={
                "appid": gateway.appid,
                "merchant_serial": "5157F09EFDC096DE",
                "public_key_ids": "",
                "public_keys": "",
                "profit_sharing": "",
            },
            secrets={"private_key": private_pem(key), "api_v3_key": gateway.api_v3_key},
            timeout_seconds=5,
        )
        yield Bench(
            "wechat",
            WechatPay(client, refresh_seconds=0),
            connection,
            gateway,
            client,
            (Way.QR, Way.MOBILE_PAGE, Way.IN_APP),
            Way.QR,
            _new_wechat_key,
            lambda bench: bench.gateway.merchant_keys.pop("5157F09EFDC096DE"),
        )


def _new_wechat_key(bench: Bench) -> Connection:
    key, serial = make_key(), "3775B6A45ACD588826D15E583A95F5DD"
    bench.gateway.merchant_keys[serial] = key.public_key()
    return replace(
        bench.connection,
        settings={**bench.connection.settings, "merchant_serial": serial},
        secrets={**bench.connection.secrets, "private_key": private_pem(key)},
    )


@contextmanager
def alipay_bench() -> Iterator[Bench]:
    """Alipay with keys; its own tool hands them out without a frame."""
    key = make_key()
    gateway = AlipayGateway("2021001167654321", "2088101117955611", [key.public_key()])
    client = PartnerClient()
    with serving(gateway) as url:
        gateway.bill_host = url
        connection = Connection(
            channel_id=uuid4(),
            merchant=gateway.app_id,
            base_url=f"{url}/gateway.do",
            notify_url=NOTIFY_URL,
            settings={
                "seller_id": gateway.seller_id,
                "alipay_public_keys": bare(public_pem(gateway.own_key)),
                "profit_sharing": "",
            },
            secrets={"private_key": bare(private_pem(key))},
            timeout_seconds=5,
        )
        yield Bench(
            "alipay",
            Alipay(client),
            connection,
            gateway,
            client,
            (Way.PAGE, Way.MOBILE_PAGE, Way.QR, Way.IN_APP),
            Way.IN_APP,
            _new_alipay_key,
            lambda bench: bench.gateway.app_keys.pop(0),
        )


def bare(pem: str) -> str:
    """A key without its frame."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def _new_alipay_key(bench: Bench) -> Connection:
    key = make_key()
    bench.gateway.app_keys.append(key.public_key())
    return replace(bench.connection, secrets={"private_key": private_pem(key)})


@contextmanager
def stripe_bench() -> Iterator[Bench]:
    """Stripe, which signs its callbacks and not its answers."""
    gateway = StripeGateway(
        f"acct_{uuid4().hex[:16]}", [f"sk_test_{uuid4().hex}"], f"whsec_{uuid4().hex}"
    )
    client = PartnerClient()
    with serving(gateway) as url:
        connection = Connection(
            channel_id=uuid4(),
            merchant=gateway.account,
            base_url=url,
            notify_url=NOTIFY_URL,
            settings={"return_url": "https://shop.example/"},
            secrets={"secret_key": gateway.keys[0], "webhook_secret": gateway.webhook_secret},
            timeout_seconds=5,
        )
        yield Bench(
            "stripe",
            Stripe(client),
            connection,
            gateway,
            client,
            (Way.PAGE, Way.MOBILE_PAGE),
            Way.PAGE,
            _new_stripe_key,
            lambda bench: bench.gateway.keys.pop(0),
            signs_answers=False,
            day_begins=timedelta(0),
            fees=(700, 0),
            unasked=(Fault.NO_ANSWER,),
        )


def _new_stripe_key(bench: Bench) -> Connection:
    key = f"sk_test_{uuid4().hex}"
    bench.gateway.keys.append(key)
    return replace(bench.connection, secrets={**bench.connection.secrets, "secret_key": key})


BENCHES = {"alipay": alipay_bench, "stripe": stripe_bench, "wechat": wechat_bench}
