"""kill -9 at each commit boundary of a payment: one payment, one delivery (row C5)."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from adapters.sandbox.gateway import sandbox_gateway_secret
from domain import payments
from domain.kernel import Prefix, encode_id
from tests import make
from tests.faults.conftest import Installation, answers
from tests.faults.test_kills import no_violations, number_of, run
from tests.journeys.test_payment import PLACE, START, do
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("kills")
MERCHANT = "kills"


async def channel(simulator: str) -> str:
    """The sandbox gateway's channel; its public id."""
    wish = payments.ChannelWish(
        code="kills",
        adapter="sandbox",
        merchant=MERCHANT,
        name_zh="沙箱",
        name_en="Sandbox",
        base_url=simulator,
        ways=(payments.Way.PAGE,),
        secrets={"key": sandbox_gateway_secret(MERCHANT)},
    )
    saved = await payments.save_channel(make.OPERATOR, wish)
    return encode_id(Prefix.PAYMENT_CHANNEL, saved.id)


class Buyer:
    """Somebody who places an order and pays it on the gateway's page."""

    def __init__(self, installation: Installation, token: str, sku: str, method: str) -> None:
        self.client = Client(f"{installation.origin}/graphql/shop", token)
        self.line = {"sku": sku, "quantity": 1}
        self.method = method
        self.key = uuid4().hex

    def place(self) -> str:
        wish = {"idempotencyKey": uuid4().hex, "payByChannel": True, "lines": [self.line]}
        order_id: str = self.client.data(PLACE, input=wish)["orderCreate"]["order"]["id"]
        return order_id

    def start(self, order_id: str) -> dict[str, Any]:
        wish = {"orderId": order_id, "methodId": self.method, "idempotencyKey": self.key}
        payload: dict[str, Any] = self.client.data(START, input=wish)["paymentStart"]
        return payload


async def a_buyer(installation: Installation) -> Buyer:
    variant = await make.variant(cards=3)
    token = await make.token(await make.buyer(0))
    return Buyer(installation, token, variant.sku, await channel(installation.simulator))


async def delivered_once(installation: Installation) -> None:
    """All is delivered, paid once, and the books agree."""

    async def done() -> bool:
        return await number_of("orders", "status = 'DELIVERED'") == 1

    for _ in range(600):
        if await done():
            break
        await asyncio.sleep(0.1)
    assert await done(), installation.log_of("serve") + installation.log_of("worker")
    assert await number_of("cards", "state = 'sold'") == 1
    assert await number_of("transfers", "kind = 'payment'") == 1
    assert await number_of("payments", "status = 'PAID'") == 1
    await no_violations()


@pytest.mark.parametrize("point", ["payments.start_committed", "payments.started"])
async def test_the_api_dies_while_a_payment_begins(installation: Installation, point: str) -> None:
    buyer = await a_buyer(installation)
    installation.start("simulator", "serve")
    order_id = await run(buyer.place)
    installation.kill("serve")
    installation.start("serve", crash_at=point)
    with pytest.raises(httpx.TransportError):
        await run(buyer.start, order_id)
    installation.kill("serve")
    installation.start("serve", "worker", "scheduler")
    payload = await run(buyer.start, order_id)
    assert payload["userErrors"] == []
    assert await number_of("payments") == 1
    assert await run(do, payload["action"]["url"], "pay") == 303
    await delivered_once(installation)


@pytest.mark.parametrize(
    "point",
    [
        "callbacks.stored",
        "checkout.confirm_written",
        "checkout.confirmed",
        "callbacks.judged",
    ],
)
async def test_the_api_dies_while_a_callback_comes_in(
    installation: Installation, point: str
) -> None:
    buyer = await a_buyer(installation)
    installation.start("simulator", "serve")
    order_id = await run(buyer.place)
    payload = await run(buyer.start, order_id)
    installation.kill("serve")
    installation.start("serve", crash_at=point)
    assert await run(do, payload["action"]["url"], "pay") == 303
    # The server's own process dies, and its supervisor's is the one that we see.
    await run(installation.wait_for, lambda: crashed(installation), f"the death at {point}", 20)
    installation.kill("serve")
    installation.start("serve", "worker", "scheduler")
    await delivered_once(installation)


def crashed(installation: Installation) -> bool:
    """Whether the API answers no more, or its worker was replaced."""
    process = installation.running["serve"]
    return process.poll() is not None or not answers(f"{installation.origin}/healthz")


async def test_the_worker_dies_with_the_vendor_s_answer_in_its_hands(
    installation: Installation,
) -> None:
    buyer = await a_buyer(installation)
    installation.start("simulator", "serve", "scheduler")
    order_id = await run(buyer.place)
    payload = await run(buyer.start, order_id)
    assert await run(do, payload["action"]["url"], "lost") == 303
    installation.start("worker", crash_at="payments.query_answered")
    await run(installation.wait_for_crash, "worker", 60)
    installation.start("worker")
    await delivered_once(installation)
