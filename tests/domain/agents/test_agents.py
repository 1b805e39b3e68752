"""The tree of three levels: refused by the service with a code, and by the database for anybody."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from domain import agents
from domain.agents import AgentDepthExceeded, Tier
from domain.kernel import Conflict, Refused, connection, new_id
from tests import make

pytestmark = pytest.mark.usefixtures("db")
INSERT = """
INSERT INTO agents
    (id, user_id, code, name, tier, depth, parent_id, parent_depth, parent_leaf, status, created_at)
VALUES ($1, $2, upper(left(md5($2::uuid::text), 8)), 'x', 'bronze', $3, $4, $5, $6, 'active', now())
"""
IN_REACH, BELOW_ITS_PARENT = "agent_depth_at_most_three", "agent_below_its_parent"
SHAPE = "agent_below_its_parent_only"


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
    ("depth", "parent_depth", "leaf", "refused_by"),
    [
        pytest.param(4, 3, False, IN_REACH, id="honest fourth level"),
        pytest.param(3, 2, False, BELOW_ITS_PARENT, id="lies about its parent's depth"),
        pytest.param(2, 1, False, BELOW_ITS_PARENT, id="lies about it once more"),
        pytest.param(1, None, None, SHAPE, id="parent without its depth"),
        pytest.param(2, 3, False, SHAPE, id="depth that does not grow"),
        pytest.param(3, 2, None, SHAPE, id="parent without its kind"),
    ],
)
async def test_plain_sql_cannot_write_a_fourth_level(
    depth: int, parent_depth: int | None, leaf: bool | None, refused_by: str
) -> None:
    """Each by the constraint that is meant for it: one slip less, and the row would be written."""
    chain = await make.agent_chain()
    user = await make.user()
    assert await _inserted(user.id, depth, chain[2].id, parent_depth, leaf) == refused_by


async def test_the_same_sql_writes_a_third_level_and_nobody_below_a_promoter() -> None:
    _, middle, _ = await make.agent_chain()
    user = await make.user()
    assert await _inserted(user.id, 3, middle.id, 2, False) == ""
    promoter = await make.user()
    wish = (make.OPERATOR, promoter.id, "Pro", Tier.BRONZE, None)
    leaf = await agents.create_agent(*wish, agent_type=agents.AgentType.PROMOTER)
    other = await make.user()
    assert await _inserted(other.id, 2, leaf.id, 1, False) == BELOW_ITS_PARENT
    assert await _inserted(other.id, 2, leaf.id, 1, True) == SHAPE


async def _inserted(user_id: UUID, depth: int, parent_id: UUID, *place: object) -> str:
    """The constraint that refused the row; empty: it was written."""
    try:
        async with connection() as conn:
            await conn.execute(INSERT, new_id(), user_id, depth, parent_id, *place)
    except asyncpg.IntegrityConstraintViolationError as error:
        return str(error.constraint_name)
    return ""


@pytest.mark.parametrize(
    ("who", "change", "refused_by"),
    [
        pytest.param(
            0, "parent_id = $2, parent_depth = 3, parent_leaf = false, depth = 4", IN_REACH,
            id="a circle that says how deep it is",
        ),
        pytest.param(
            0, "parent_id = $2, parent_depth = 2, parent_leaf = false, depth = 3",
            BELOW_ITS_PARENT, id="a circle that lies",
        ),
        pytest.param(0, "depth = 2", SHAPE, id="a top that is none"),
        pytest.param(
            1, "depth = 3, parent_depth = 2", BELOW_ITS_PARENT, id="a parent that sinks alone"
        ),
    ],
)  # fmt: skip
async def test_plain_sql_cannot_make_a_circle_or_deepen_a_parent(
    who: int, change: str, refused_by: str
) -> None:
    chain = await make.agent_chain()
    args = [chain[who].id, *([chain[2].id] if "$2" in change else [])]
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        async with connection() as conn:
            await conn.execute(f"UPDATE agents SET {change} WHERE id = $1", *args)
    assert refused.value.constraint_name == refused_by


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
