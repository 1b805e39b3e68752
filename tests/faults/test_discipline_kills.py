"""kill -9 of the scheduler while it looks at agents: each rises once, each is removed once."""

import asyncio

import pytest

from domain.agents import Deed
from domain.kernel import clock
from domain.penalties import PenaltyStep
from domain.tiers.rules import due_month, month_of, months_before
from tests import court, make
from tests.domain.tiers.test_reviews import sell, seller, terms
from tests.faults.conftest import Installation
from tests.faults.test_kills import no_violations, number_of, run

pytestmark = pytest.mark.xdist_group("kills")
PATIENCE_SECONDS = 150


async def until_there_are(number: int, table: str, condition: str) -> None:
    for _ in range(PATIENCE_SECONDS * 10):
        if await number_of(table, condition) == number:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"not {number} of {table} within {PATIENCE_SECONDS} s")


@pytest.mark.parametrize("point", ["tiers.reviewed", "tiers.applied"])
async def test_the_scheduler_dies_while_it_reviews_agents(
    installation: Installation, point: str
) -> None:
    now = clock.now()
    back = 1 if due_month(now) == months_before(month_of(now), 1) else 2
    await terms(sales=100)
    good = [await seller() for _ in range(3)]
    poor = await seller()
    for agent in good:
        await sell(agent, 100, back)
    installation.start("scheduler", crash_at=point)
    await run(installation.wait_for_crash, "scheduler")
    installation.start("scheduler")
    await until_there_are(3, "agents", "tier = 'silver'")
    assert await number_of("tier_reviews") == 4
    assert await number_of("tier_changes", "state = 'applied'") == 3
    assert await number_of("agent_changes", "kind = 'tier'") == 3
    assert await number_of("outbox_events", "type = 'tier.promoted'") == 3
    assert await number_of("agents", f"id = '{poor.id}' AND tier = 'bronze'") == 1
    await no_violations()


async def test_the_scheduler_dies_while_it_removes_an_agent(installation: Installation) -> None:
    agent = await make.agent()
    child = await make.agent(agent)
    with make.later(days=-120):
        await court.final(await court.imposed(await court.noticed(agent)))
        second = await court.noticed(agent, PenaltyStep.RESTRICTION, blocks=[Deed.EARN], days=3)
        await court.final(await court.imposed(second))
    with make.later(days=-60):
        await court.imposed(await court.noticed(agent, PenaltyStep.REMOVAL))
    installation.start("scheduler", crash_at="penalties.closed")
    await run(installation.wait_for_crash, "scheduler")
    assert await number_of("agents", "status = 'closed'") == 0
    installation.start("scheduler")
    await until_there_are(3, "penalty_cases", "state = 'final'")
    assert await number_of("agents", f"id = '{agent.id}' AND status = 'closed'") == 1
    assert await number_of("agents", f"id = '{child.id}' AND parent_id IS NULL") == 1
    assert await number_of("agent_changes", "kind = 'status'") == 1
    assert await number_of("outbox_events", "type = 'penalty.final'") == 3
    await no_violations()
