"""kill -9 at each commit boundary of a refund: it is there once, or not at all (rows C5, H10)."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from domain.identity.models import User, UserRole
from domain.kernel import Prefix, encode_id
from domain.orders import Order
from tests import make
from tests.domain.refunds.test_refunds import bought, wallet
from tests.faults.conftest import Installation
from tests.faults.test_gift_kills import post
from tests.faults.test_kills import no_violations, number_of, run
from tests.faults.test_payment_kills import a_buyer, delivered_once
from tests.journeys.test_payment import do

pytestmark = pytest.mark.xdist_group("kills")
REFUND = """mutation Refund($input: OrderRefundInput!) { orderRefund(input: $input) {
    refund { refund { amount { amount } destination status } } replayed userErrors { code } } }"""


async def operator() -> str:
    """The token of who may refund."""
    made = await make.user(role=UserRole.OPERATOR)
    await User.filter(id=made.id).update(scopes=["orders:refund"])
    return await make.token(make.actor_of(made))


def wish_of(order: Order) -> dict[str, Any]:
    return {
        "orderId": encode_id(Prefix.ORDER, order.id),
        "reason": "CODE_INVALID",
        "idempotencyKey": uuid4().hex,
    }


@pytest.mark.parametrize("point", ["refunds.written", "refunds.committed"])
async def test_the_api_dies_in_a_refund(installation: Installation, point: str) -> None:
    buyer, order, _ = await bought(3)
    token, wish = await operator(), wish_of(order)
    installation.start("serve", crash_at=point)
    with pytest.raises(httpx.TransportError):
        await post(installation, "admin", token, REFUND, wish)
    committed = 1 if point == "refunds.committed" else 0
    assert await number_of("refunds") == committed
    assert await number_of("cards", "state = 'refunded'") == 3 * committed
    installation.kill("serve")
    installation.start("serve")
    answer = (await post(installation, "admin", token, REFUND, wish))["data"]["orderRefund"]
    assert answer["userErrors"] == []
    assert answer["refund"]["refund"]["amount"] == {"amount": "147.00"}
    assert answer["replayed"] is bool(committed)
    assert await number_of("refunds") == 1
    assert await wallet(buyer) == make.yuan(1_000)
    await no_violations()


@pytest.mark.parametrize("point", ["payments.refund_committed", "payments.refund_answered"])
async def test_the_worker_dies_while_the_channel_gives_it_back(
    installation: Installation, point: str
) -> None:
    buyer = await a_buyer(installation)
    installation.start("simulator", "serve", "worker", "scheduler")
    order_id = await run(buyer.place)
    payload = await run(buyer.start, order_id)
    assert await run(do, payload["action"]["url"], "pay") == 303
    await delivered_once(installation)
    installation.kill("worker")
    installation.start("worker", crash_at=point)
    wish = {"orderId": order_id, "reason": "CODE_INVALID", "idempotencyKey": uuid4().hex}
    token = await operator()
    answer = (await post(installation, "admin", token, REFUND, wish))["data"]["orderRefund"]
    assert answer["userErrors"] == []
    shown = answer["refund"]["refund"]
    assert (shown["destination"], shown["status"]) == ("CHANNEL", "PENDING")
    await run(installation.wait_for_crash, "worker", 60)
    installation.start("worker")
    for _ in range(600):
        if await number_of("payment_refunds", "status = 'COMPLETED'"):
            break
        await asyncio.sleep(0.1)
    assert await number_of("payment_refunds") == 1
    assert await number_of("payment_refunds", "status = 'COMPLETED'") == 1
    assert await number_of("orders", "status = 'REFUNDED'") == 1
    await no_violations()
