"""kill -9 of a settlement at each slice: run again, every agent has one statement, and at most one
payout of it (row H8)."""

import asyncio

import pytest

from adapters.sandbox.gateway import sandbox_gateway_secret
from domain import checkout, payouts, settlement
from domain.checkout import LineWish, Purchase
from domain.commissions import RuleKind
from domain.kernel import clock
from domain.settlement import RunState, SettlementRun, SettlementStatement, counting
from tests import make, settling, teller
from tests.faults.conftest import Installation
from tests.faults.test_kills import no_violations, run

pytestmark = pytest.mark.xdist_group("kills")
AGENTS = 3


async def earned_by_some() -> None:
    await make.rule(1, RuleKind.PERCENT, 100_000)
    for _ in range(AGENTS):
        agent = await make.agent()
        variant = await make.variant(price=make.yuan(100), cards=1, unit_cost=1)
        buyer = await make.buyer(referrer=agent.id)
        await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))


@pytest.mark.parametrize("point", ["settlement.slice_written", "settlement.slice_committed"])
async def test_the_worker_dies_in_a_settlement(installation: Installation, point: str) -> None:
    with settling.on(2):
        await earned_by_some()
    with settling.on(3):
        started = await settlement.start_run(make.OPERATOR, settling.name(2), make.CNY)
    await settlement.queue_run(make.OPERATOR, started.run.id)
    assert started.run.started_at > clock.now()
    installation.start("scheduler", "worker", crash_at=point)
    await run(installation.wait_for_crash, "worker", 60)
    written = await SettlementStatement.all().count()
    assert written == (AGENTS if point == "settlement.slice_committed" else 0)
    installation.start("worker")
    for _ in range(600):
        if (await SettlementRun.get(id=started.run.id)).state is RunState.FROZEN:
            break
        await asyncio.sleep(0.1)
    assert (await SettlementRun.get(id=started.run.id)).state is RunState.FROZEN
    assert await SettlementStatement.all().count() == AGENTS < counting.SLICE
    await no_violations()


@pytest.mark.parametrize("point", ["settlement.payouts_written", "settlement.payouts_committed"])
async def test_the_worker_dies_while_it_asks_for_payouts(
    installation: Installation, point: str
) -> None:
    await teller.channel(adapter="sandbox", secrets={"key": sandbox_gateway_secret("merchant-1")})
    for _ in range(AGENTS):
        await teller.earner(10)
    with settling.on(2):
        started = await settlement.start_run(make.OPERATOR, settling.name(1), make.CNY)
        frozen = await settlement.count_run(started.run.id)
    clerk = await make.operator("settlements:write", "payouts:propose")
    await settlement.propose_payouts(clerk, frozen.id)
    await settlement.queue_payouts(clerk, frozen.id)
    installation.start("scheduler", "worker", crash_at=point)
    await run(installation.wait_for_crash, "worker", 60)
    asked = await payouts.Payout.all().count()
    assert asked == (AGENTS if point == "settlement.payouts_committed" else 0)
    installation.start("worker")
    for _ in range(600):
        if await payouts.PayoutBatch.exists():
            break
        await asyncio.sleep(0.1)
    (batch,) = await payouts.PayoutBatch.all()
    assert (batch.count, batch.proposed_by, batch.run_id) == (AGENTS, clerk.user_id, frozen.id)
    assert await payouts.Payout.all().count() == AGENTS
    await no_violations()
