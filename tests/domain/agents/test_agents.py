"""The tree of three levels: refused by the service with a code, and by the database for anybody."""

import asyncio

import asyncpg
import pytest

from domain import agents
from domain.agents import AgentDepthExceeded, Tier
from domain.kernel import Conflict, Refused, connection, new_id
from tests import make

pytestmark = pytest.mark.usefixtures("db")
INSERT = """
INSERT INTO agents
    (id, user_id, code, name, tier, depth, parent_id, parent_depth, status, created_at)
VALUES ($1, $2, $3, 'x', 'bronze', $4, $5, $6, 'active', now())
"""


async def test_three_levels_stand_and_the_fourth_is_refused() -> None:
    chain = await make.agent_chain()
    assert [agent.depth for agent in chain] == [1, 2, 3]
    assert await agents.chain_of(chain[2].id) == (chain[2].id, chain[1].id, chain[0].id)
    fourth = await make.user()
    with pytest.raises(Refused) as refused:
        await agents.create_agent(make.OPERATOR, fourth.id, "Four", Tier.BRONZE, chain[2].id)
    assert isinstance(refused.value.refusals[0], AgentDepthExceeded)
    assert await agents.agent_of_user(fourth.id) is None


@pytest.mark.parametrize(
    ("depth", "parent_depth"),
    [
        pytest.param(4, 3, id="honest fourth level"),
        pytest.param(3, 2, id="lies about its parent's depth"),
        pytest.param(1, None, id="parent without its depth"),
        pytest.param(2, 3, id="depth that does not grow"),
    ],
)
async def test_plain_sql_cannot_write_a_fourth_level(depth: int, parent_depth: int | None) -> None:
    chain = await make.agent_chain()
    user = await make.user()
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.ForeignKeyViolationError)):
        async with connection() as conn:
            await conn.execute(INSERT, new_id(), user.id, "RAW1", depth, chain[2].id, parent_depth)


async def test_plain_sql_cannot_make_a_circle_or_deepen_a_parent() -> None:
    top, middle, leaf = await make.agent_chain()
    for statement, args in [
        (
            "UPDATE agents SET parent_id = $2, parent_depth = 3, depth = 4 WHERE id = $1",
            (top.id, leaf.id),
        ),
        ("UPDATE agents SET depth = 2 WHERE id = $1", (top.id,)),
        ("UPDATE agents SET depth = 3, parent_depth = 2 WHERE id = $1", (middle.id,)),
    ]:
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.ForeignKeyViolationError)):
            async with connection() as conn:
                await conn.execute(statement, *args)


async def test_of_ten_who_make_one_user_an_agent_one_wins() -> None:
    user = await make.user()

    async def join() -> object:
        try:
            return await agents.create_agent(make.OPERATOR, user.id, "Ann", Tier.SILVER, None)
        except Refused as refused:
            return refused.refusals[0]

    results = await asyncio.gather(*(join() for _ in range(10)))
    assert sum(isinstance(result, agents.Agent) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 9
