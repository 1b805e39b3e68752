"""A worker dies while it buys for stock: the supplier sells once, the cards arrive once."""

import asyncio

import pytest

from adapters.sandbox.simulator import load_items
from domain import cards, replenishment
from domain.replenishment import BudgetPeriod, BudgetWish, PolicyWish, ReplenishMode
from tests import make
from tests.faults.conftest import Installation
from tests.faults.test_kills import bought_upstream, no_violations, number_of, run

pytestmark = pytest.mark.xdist_group("kills")
PATIENCE_SECONDS = 150


async def when_done() -> None:
    for _ in range(PATIENCE_SECONDS * 10):
        if await number_of("purchase_proposals", "state = 'done'"):
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"nothing was bought within {PATIENCE_SECONDS} s")


@pytest.mark.parametrize(
    "point",
    [
        "replenishment.purchase_committed",
        "replenishment.supplier_answered",
        "replenishment.outcome_committed",
    ],
)
async def test_a_worker_dies_while_it_buys_for_stock(
    installation: Installation, point: str
) -> None:
    variant = await make.variant(price=make.yuan(100))
    items = [
        await make.simulated_offer(variant, installation.simulator, make.yuan(80), code)
        for code in ("alpha", "beta")
    ]
    await cards.save_policy(make.OPERATOR, variant.sku, cards.PolicyChange(safety_stock=3))
    policy = PolicyWish(ReplenishMode.AUTO, variant.sku, auto_limit=make.yuan(1_000))
    await replenishment.save_policy(make.OPERATOR, policy)
    budget = BudgetWish(BudgetPeriod.DAY, make.yuan(300))
    await replenishment.save_budget(make.OPERATOR, budget)
    installation.start("simulator")
    await load_items(installation.simulator, items)
    installation.start("worker", crash_at=point)
    installation.start("scheduler")
    await run(installation.wait_for_crash, "worker")
    installation.start("worker")
    await when_done()
    assert await number_of("cards", "state = 'available'") == 3
    assert await number_of("stock_purchases", "status = 'succeeded'") == 1
    assert await run(bought_upstream, installation) == 1
    await no_violations()
