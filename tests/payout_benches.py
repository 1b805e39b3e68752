"""Payout adapters, each with the simulator that it speaks to, and what the contract does to it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import uuid4

import httpx2 as httpx
import orjson

from adapters.http import PartnerClient
from adapters.payouts.alipay import AlipayTransfers
from adapters.payouts.sandbox import SandboxPayouts
from adapters.payouts.wechat import WechatTransfers
from adapters.sandbox.alipay_gateway import AlipayGateway
from adapters.sandbox.gateway import sandbox_gateway_secret
from adapters.sandbox.protocol import Fault, make_key, private_pem
from adapters.sandbox.transfer_book import Plan
from adapters.sandbox.transfer_desk import certificate_pem
from adapters.sandbox.wechat_gateway import WechatGateway
from domain.kernel import clock
from domain.payouts.ports import Connection, DestinationKind, PayoutOrder, PayoutPort, Receiver
from tests.gateways import serving

NOTIFY_URL = "https://shop.example/callbacks/payouts/1"
REPORTS = orjson.dumps([{"info_type": "岗位类型", "info_content": "推广代理"}]).decode()


class Desk(Protocol):
    """What the contract needs of a simulator."""

    def lose_answer(self) -> None:
        """The next submission is done, and its answer lost."""

    def lose_request(self) -> None:
        """The next submission does not arrive."""

    def garble(self) -> None:
        """The next submission is done, and answered with a page."""

    def plan(self, plan: Plan) -> None:
        """What becomes of the next new one."""

    def paid(self, reference: str) -> int:
        """How often its money has left."""

    def confirm(self, reference: str) -> None:
        """Its receiver takes it."""


@dataclass
class PayoutBench:
    """One adapter, and whom it speaks to."""

    name: str
    port: PayoutPort
    connection: Connection
    desk: Desk
    kind: DestinationKind
    client: PartnerClient
    gateway: Any = None  # of one vendor, for its own tests
    account: str = "o-MYE42l80oelYMDE34nYD456Xoy"

    def order(self, amount: int = 12_300, **changes: Any) -> PayoutOrder:
        """A payout of 1.23 yuan, unless told otherwise."""
        who = Receiver(self.kind, changes.pop("account", self.account), "王小明")
        order = PayoutOrder(
            reference=uuid4().hex,
            amount=amount,
            currency="CNY",
            remark="commission",
            receiver=who,
            first_sent_at=clock.now(),
        )
        return replace(order, **changes)


@dataclass
class BookDesk:
    """Of a vendor's gateway in this process."""

    gateway: Any

    def lose_answer(self) -> None:
        self.gateway.faults.append(Fault.NO_ANSWER)

    def lose_request(self) -> None:
        self.gateway.faults.append(Fault.DROPPED)

    def garble(self) -> None:
        self.gateway.faults.append(Fault.HTML)

    def plan(self, plan: Plan) -> None:
        self.gateway.transfers.plans.append(plan)

    def paid(self, reference: str) -> int:
        bill = self.gateway.transfers.bills.get(reference)
        return bill.paid if bill else 0

    def confirm(self, reference: str) -> None:
        assert self.gateway.transfers.move(reference, "waiting", "paid")


@dataclass
class SandboxDesk:
    """Of the simulator's own payouts, over HTTP."""

    address: str
    merchant: str

    def _fault(self, fault: str) -> None:
        wish = {"merchant": self.merchant, "fault": fault, "hold_seconds": 0}
        told = httpx.post(f"{self.address}/control/payouts/faults", json=wish)
        assert told.status_code == 200

    def lose_answer(self) -> None:
        self._fault("error_but_paid")

    def lose_request(self) -> None:
        self._fault("error_before")

    def garble(self) -> None:
        self._fault("garbage")

    def plan(self, plan: Plan) -> None:
        self._fault(
            {
                Plan.WAITING: "waiting",
                Plan.SLOW: "slow",
                Plan.HIDDEN: "not_found_for_a_while",
                Plan.NO_ACCOUNT: "receiver_unknown",
                Plan.RETURNED: "returned",
            }[plan]
        )

    def _entry(self, reference: str) -> dict[str, Any]:
        query = {"merchant": self.merchant}
        rows = httpx.get(f"{self.address}/control/payouts", params=query).json()["payouts"]
        found: dict[str, Any] = next((row for row in rows if row["reference"] == reference), {})
        return found

    def paid(self, reference: str) -> int:
        return 1 if self._entry(reference).get("state") in ("paid", "returned") else 0

    def confirm(self, reference: str) -> None:
        wish = {"merchant": self.merchant, "reference": reference, "deed": "confirm"}
        told = httpx.post(f"{self.address}/control/payouts/deeds", json=wish)
        assert told.status_code == 200


@contextmanager
def sandbox(simulator: str) -> Iterator[PayoutBench]:
    """The simulator's own protocol."""
    merchant, client = f"m{uuid4().hex[:8]}", PartnerClient()
    connection = Connection(
        uuid4(), merchant, simulator, secrets={"key": sandbox_gateway_secret(merchant)}
    )
    yield PayoutBench(
        "sandbox",
        SandboxPayouts(client),
        connection,
        SandboxDesk(simulator, merchant),
        DestinationKind.SANDBOX,
        client,
    )


@contextmanager
def wechat(simulator: str = "") -> Iterator[PayoutBench]:
    """WeChat Pay in certificate mode."""
    key, client = make_key(), PartnerClient()
    gateway = WechatGateway(
        "1900007291", "wxd678efh567hg6787", uuid4().hex, {"5157F09EFDC096DE": key.public_key()}
    )
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
                "transfer_scene_id": "1005",
                "report_infos": REPORTS,
            },
            secrets={"private_key": private_pem(key), "api_v3_key": gateway.api_v3_key},
        )
        yield PayoutBench(
            "wechat",
            WechatTransfers(client),
            connection,
            BookDesk(gateway),
            DestinationKind.WECHAT,
            client,
            gateway,
        )


@contextmanager
def alipay(simulator: str = "") -> Iterator[PayoutBench]:
    """Alipay in certificate mode."""
    key, client = make_key(), PartnerClient()
    gateway = AlipayGateway("2021000000000007", "2088000000000007", [key.public_key()])
    gateway.transfer_notify_url = NOTIFY_URL
    with serving(gateway) as url:
        connection = Connection(
            channel_id=uuid4(),
            merchant=gateway.app_id,
            base_url=f"{url}/gateway.do",
            notify_url=NOTIFY_URL,
            settings={
                "app_cert": certificate_pem(key),
                "alipay_certs": certificate_pem(gateway.own_key),
                "alipay_root_cert": certificate_pem(make_key()),
            },
            secrets={"private_key": private_pem(key)},
        )
        yield PayoutBench(
            "alipay",
            AlipayTransfers(client),
            connection,
            BookDesk(gateway),
            DestinationKind.ALIPAY,
            client,
            gateway,
            "wang@example.com",
        )


BENCHES: dict[str, Callable[[str], AbstractContextManager[PayoutBench]]] = {
    "alipay": alipay,
    "sandbox": sandbox,
    "wechat": wechat,
}
