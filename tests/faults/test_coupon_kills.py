"""The API and a worker die while coupons are used, locked, made: all of it stands, or nothing."""

import asyncio
import time

import httpx2 as httpx
import pytest

from domain import coupons
from domain.coupons.models import Coupon, CouponBatch, CouponUse
from tests import make
from tests.domain.coupons.selling import campaign
from tests.faults.conftest import Installation
from tests.faults.test_kills import no_violations, number_of, run
from tests.shop_client import Client

pytestmark = pytest.mark.xdist_group("kills")
PATIENCE_SECONDS = 150
BUY = """
mutation Buy($input: OrderCreateInput!) { orderCreate(input: $input) {
  order { id discountTotal { amount } } replayed userErrors { code } } }
"""
CANCEL = """
mutation Cancel($input: OrderCancelInput!) { orderCancel(input: $input) {
  order { status } userErrors { code } } }
"""


@pytest.mark.parametrize(
    ("point", "committed", "by_channel", "state"),
    [
        ("checkout.before_commit", False, False, "used"),
        ("checkout.after_commit", True, False, "used"),
        ("checkout.unpaid_written", False, True, "locked"),
    ],
)
async def test_the_api_dies_while_it_sells_with_the_last_use(
    installation: Installation, point: str, committed: bool, by_channel: bool, state: str
) -> None:
    installation.start("serve", crash_at=point)
    variant = await make.variant(price=make.yuan(49), cards=2, unit_cost=1)
    await campaign("5", max_uses=1)
    client = Client(f"{installation.origin}/graphql/shop", await make.token(await make.buyer()))
    wish = {
        "idempotencyKey": "key",
        "lines": [{"sku": variant.sku, "quantity": 1}],
        "couponCodes": ["SUMMER"],
        "payByChannel": by_channel,
    }
    with pytest.raises(httpx.TransportError):
        await run(client.send, BUY, input=wish)
    assert await number_of("coupon_uses") == await number_of("orders") == int(committed)
    installation.kill("serve")
    installation.start("serve")
    payload = (await run(client.data, BUY, input=wish))["orderCreate"]
    assert payload["userErrors"] == []
    assert (payload["replayed"], payload["order"]["discountTotal"]) == (
        committed,
        {"amount": "5.00"},
    )
    use = await CouponUse.get()
    assert use.state.value == state
    await no_violations()


async def test_the_api_dies_while_an_order_is_cancelled(installation: Installation) -> None:
    installation.start("serve")
    variant = await make.variant(price=make.yuan(49), cards=2, unit_cost=1)
    await campaign("5", max_uses=1)
    client = Client(f"{installation.origin}/graphql/shop", await make.token(await make.buyer(0)))
    wish = {
        "idempotencyKey": "key",
        "lines": [{"sku": variant.sku, "quantity": 1}],
        "couponCodes": ["SUMMER"],
        "payByChannel": True,
    }
    order = (await run(client.data, BUY, input=wish))["orderCreate"]["order"]["id"]
    installation.kill("serve")
    installation.start("serve", crash_at="coupons.released")
    with pytest.raises(httpx.TransportError):
        await run(client.send, CANCEL, input={"orderId": order})
    assert (await CouponUse.get()).state.value == "locked"
    installation.kill("serve")
    installation.start("serve")
    for _ in range(2):
        payload = (await run(client.data, CANCEL, input={"orderId": order}))["orderCancel"]
        assert payload["order"] == {"status": "CANCELLED"}
    assert (await CouponUse.get()).state.value == "released"
    await no_violations()


@pytest.mark.parametrize("point", ["coupons.chunk_written", "coupons.chunk_committed"])
async def test_a_worker_dies_while_it_makes_codes(installation: Installation, point: str) -> None:
    made = await campaign("5")
    batch, _ = await coupons.create_batch(make.OPERATOR, made.id, 5_000, "one")
    installation.start("worker", crash_at=point)
    installation.start("scheduler")
    await run(installation.wait_for_crash, "worker")
    installation.start("worker")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (await CouponBatch.get(id=batch.id)).made < 5_000:
        assert time.monotonic() < deadline, "the codes were not made"
        await asyncio.sleep(0.1)
    assert await Coupon.filter(batch_id=batch.id).count() == 5_000
