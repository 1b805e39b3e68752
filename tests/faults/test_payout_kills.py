"""kill -9 of the worker around a payout: the sandbox's own book says that it was paid once."""

import asyncio

import httpx2 as httpx
import pytest

from adapters.sandbox.gateway import sandbox_gateway_secret
from domain import payouts
from domain.kernel import SCALE
from domain.payouts import ChannelWish
from tests import make, teller
from tests.faults.conftest import Installation
from tests.faults.test_kills import no_violations, number_of, run

pytestmark = pytest.mark.xdist_group("kills")
MERCHANT = "merchant-9"


@pytest.mark.parametrize("fault", ["", "timeout_after_success"])
@pytest.mark.parametrize("point", ["payouts.submitted", "payouts.answered", "payouts.booked"])
async def test_the_worker_dies_around_a_payout(
    installation: Installation, point: str, fault: str
) -> None:
    installation.start("simulator")
    if fault:
        spoiled = {"merchant": MERCHANT, "fault": fault, "times": 1, "hold_seconds": 5}
        desk = f"{installation.simulator}/control/payouts/faults"
        assert (await run(lambda: httpx.post(desk, json=spoiled))).status_code == 200
    _, actor = await teller.earner(100)
    wish = ChannelWish(
        code="sandbox",
        adapter="sandbox",
        merchant=MERCHANT,
        name_zh="打款",
        name_en="Payouts",
        base_url=installation.simulator,
        minimum=SCALE,
        maximum=1_000 * SCALE,
        daily_cap=1_000 * SCALE,
        secrets={"key": sandbox_gateway_secret(MERCHANT)},
    )
    channel = await payouts.save_channel(make.OPERATOR, wish)
    asked = await payouts.request_payout(actor, channel.id, make.money(10), "a")
    await payouts.approve_payout(await make.operator("payouts:approve"), asked.payout.id)
    installation.start("scheduler", "worker", crash_at=point)
    await run(installation.wait_for_crash, "worker", 60)
    await make.hurry_payouts()
    installation.start("worker")
    for _ in range(600):
        if await number_of("payouts", "status = 'SUCCEEDED'"):
            break
        await make.hurry_payouts()
        await asyncio.sleep(0.1)
    assert await number_of("payouts", "status = 'SUCCEEDED'") == 1
    book = await run(
        lambda: httpx.get(
            f"{installation.simulator}/control/payouts", params={"merchant": MERCHANT}
        )
    )
    (paid,) = book.json()["payouts"]
    assert (paid["reference"], paid["state"]) == (asked.payout.reference, "paid")
    await no_violations()
