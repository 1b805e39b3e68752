"""Moves, types and statuses of agents: what the service refuses, and the database after it."""

import asyncio
import random
from contextvars import Context
from uuid import UUID

import asyncpg
import pytest

from domain import agents
from domain.agents import AgentStatus, AgentType, ChangeReason, Tier, Why, tree
from domain.agents.history import hold_tree
from domain.agents.models import Agent, AgentChange
from domain.kernel import IntegrityError, Refused, connection, new_id, transaction
from tests import make

pytestmark = pytest.mark.usefixtures("db")
WHY = Why(ChangeReason.REORGANISATION)
SHAPE = """
SELECT a.id, a.depth, a.leaf, p.depth AS above, p.leaf AS above_leaf, p.status AS above_status
FROM agents a LEFT JOIN agents p ON p.id = a.parent_id
"""
# The tree as it would be without what the database and the service hold.
LOOSE = """
ALTER TABLE agents DROP CONSTRAINT agent_below_its_parent;
ALTER TABLE agents DROP CONSTRAINT agent_below_its_parent_only;
"""
TIGHT = """
TRUNCATE agents CASCADE;
ALTER TABLE agents ADD CONSTRAINT agent_below_its_parent_only CHECK (
    (parent_id IS NULL AND parent_depth IS NULL AND parent_leaf IS NULL AND depth = 1)
    OR (parent_id IS NOT NULL AND parent_depth IS NOT NULL AND depth = parent_depth + 1
        AND parent_leaf IS NOT NULL AND NOT parent_leaf));
ALTER TABLE agents ADD CONSTRAINT agent_below_its_parent
    FOREIGN KEY (parent_id, parent_depth, parent_leaf) REFERENCES agents (id, depth, leaf);
"""


@pytest.fixture
def three_levels() -> object:
    agents.limits.depth = 3
    yield
    agents.limits.depth = 2


async def crooked() -> int:
    """How many agents do not stand where their parent says."""
    async with connection() as conn:
        rows = await conn.fetch(SHAPE)
    return sum(
        row["depth"] != (row["above"] or 0) + 1
        or row["depth"] > 3
        or bool(row["above_leaf"])
        or row["above_status"] == "closed"
        for row in rows
    )


async def codes_of(*calls: object) -> list[str]:
    """What each call came to: a code of a refusal, or `done`; anything else is raised."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    codes = []
    for each in results:
        if isinstance(each, Refused):
            codes.append(each.refusals[0].code)
        elif isinstance(each, BaseException):
            raise each
        else:
            codes.append("done")
    return codes


async def refused(call: object) -> str:
    (code,) = await codes_of(call)
    return code


async def join(parent: UUID | None, agent_type: AgentType = AgentType.DISTRIBUTOR) -> Agent:
    user = await make.user()
    return await agents.create_agent(
        make.OPERATOR, user.id, "Ann", Tier.BRONZE, parent, agent_type=agent_type
    )


async def move(agent: Agent, parent: Agent | None) -> Agent:
    return await agents.move_agent(make.OPERATOR, agent.id, parent.id if parent else None, WHY)


async def test_a_house_has_two_levels_until_it_says_three_and_never_four() -> None:
    top = await join(None)
    middle = await join(top.id)
    assert await refused(join(middle.id)) == "AGENT_DEPTH_EXCEEDED"
    for wrong in (0, 4, 5):
        with pytest.raises(ValueError, match="1 to 3 levels"):
            agents.limits.depth = wrong
    assert agents.limits.depth == 2


async def test_a_subtree_moves_as_a_whole_and_tells_why(three_levels: object) -> None:
    top, middle, leaf = await make.agent_chain()
    other = await make.agent()
    moved = await move(middle, None)
    assert (moved.depth, moved.parent_id) == (1, None)
    assert (await Agent.get(id=leaf.id)).depth == 2
    assert await refused(move(other, leaf)) == "done"
    assert await agents.chain_of(other.id) == (other.id, leaf.id, middle.id)
    change = await AgentChange.get(agent_id=middle.id)
    assert change.before == {"parentId": str(top.id), "depth": 2}
    assert change.after == {"parentId": None, "depth": 1, "moved": 2}
    assert (change.reason, change.changed_by) == (WHY.reason, make.OPERATOR.user_id)
    assert await crooked() == 0


async def test_no_move_makes_a_level_too_many_or_a_circle(three_levels: object) -> None:
    top, middle, leaf = await make.agent_chain()
    pair = await make.agent()
    below = await make.agent(pair)
    assert await refused(move(pair, middle)) == "AGENT_DEPTH_EXCEEDED"
    assert await refused(move(top, leaf)) == "INVALID"
    assert await refused(move(top, top)) == "INVALID"
    assert await refused(move(below, leaf)) == "AGENT_DEPTH_EXCEEDED"
    promoter = await join(None, AgentType.PROMOTER)
    assert await refused(move(below, promoter)) == "AGENT_IS_LEAF"
    assert await refused(join(promoter.id)) == "AGENT_IS_LEAF"
    assert await AgentChange.filter(kind="moved").count() == 0
    assert await crooked() == 0


async def test_what_is_deeper_than_the_house_allows_by_now_may_stay_and_rise() -> None:
    _, middle, leaf = await make.agent_chain()  # three levels from before
    assert await refused(move(leaf, middle)) == "done"
    assert await refused(move(middle, None)) == "done"
    assert await refused(move(middle, await make.agent())) == "AGENT_DEPTH_EXCEEDED"


async def test_whoever_has_a_downline_is_no_promoter() -> None:
    top = await make.agent()
    child = await make.agent(top)
    set_type = agents.set_type
    assert (
        await refused(set_type(make.OPERATOR, top.id, AgentType.PROMOTER, WHY)) == "AGENT_IS_LEAF"
    )
    done = await set_type(make.OPERATOR, child.id, AgentType.PROMOTER, WHY)
    assert (done.leaf, done.version) == (True, 2)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("UPDATE agents SET type = 'promoter' WHERE id = $1", id="type without leaf"),
        pytest.param(
            "UPDATE agents SET type = 'promoter', leaf = true WHERE id = $1", id="leaf with a child"
        ),
        pytest.param("UPDATE agents SET parent_leaf = true WHERE parent_id = $1", id="lies of it"),
        pytest.param("UPDATE agents SET parent_leaf = NULL WHERE parent_id = $1", id="forgets it"),
        pytest.param("UPDATE agents SET status = 'closed' WHERE id = $1", id="closed with a child"),
        pytest.param("UPDATE agents SET user_id = gen_random_uuid() WHERE id = $1", id="another"),
        pytest.param("DELETE FROM agents WHERE parent_id = $1", id="deleted"),
    ],
)
async def test_plain_sql_cannot_break_the_rules_of_types_and_statuses(statement: str) -> None:
    top = await make.agent()
    await make.agent(top)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        async with connection() as conn:
            await conn.execute(statement, top.id)


async def test_a_status_goes_as_listed_and_a_closed_agent_is_closed_for_good() -> None:
    agent = await make.agent()
    outcomes = []
    for status in ("suspended", "active", "active", "suspended", "closed", "active", "suspended"):
        call = agents.set_status(make.OPERATOR, agent.id, AgentStatus(status), WHY)
        outcomes.append(await refused(call))
    no = "AGENT_MOVE_NOT_ALLOWED"
    assert outcomes == ["done", "done", no, "done", "done", no, no]
    with pytest.raises(asyncpg.RestrictViolationError):
        async with connection() as conn:
            await conn.execute("UPDATE agents SET status = 'active' WHERE id = $1", agent.id)
    other = Why(ChangeReason.OTHER, "  ")
    fresh = await make.agent()
    call = agents.set_status(make.OPERATOR, fresh.id, AgentStatus.SUSPENDED, other)
    assert await refused(call) == "INVALID"


async def test_the_downline_of_a_closed_agent_moves_up() -> None:
    top, middle, leaf = await make.agent_chain()
    sibling = await make.agent(middle)
    await agents.set_status(make.OPERATOR, middle.id, AgentStatus.CLOSED, WHY)
    for child in (leaf, sibling):
        found = await Agent.get(id=child.id)
        assert (found.parent_id, found.depth) == (top.id, 2)
        change = await AgentChange.get(agent_id=child.id)
        assert change.reason is ChangeReason.PARENT_CLOSED
    await agents.set_status(make.OPERATOR, top.id, AgentStatus.CLOSED, WHY)
    assert (await Agent.get(id=leaf.id)).depth == 1
    assert await crooked() == 0


async def test_history_is_never_rewritten() -> None:
    agent = await join(None)
    for statement in ("UPDATE agent_changes SET note = 'x'", "DELETE FROM agent_changes"):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with connection() as conn:
                await conn.execute(statement)
    assert await AgentChange.filter(agent_id=agent.id).count() == 1


async def _some_trees() -> list[Agent]:
    tops = [await make.agent() for _ in range(4)]
    middles = [await make.agent(top) for top in tops]
    return [*tops, *middles]


async def _any_deed(rng: random.Random, known: list[Agent]) -> object:
    chosen, other = rng.sample(known, 2)
    deed = rng.choice(("join", "join", "move", "move", "top", "close"))
    if deed == "join":
        return await join(chosen.id)
    if deed == "close":
        status = AgentStatus.CLOSED
        return await agents.set_status(make.OPERATOR, chosen.id, status, WHY)
    return await move(chosen, other if deed == "move" else None)


@pytest.mark.parametrize("seed", range(4))
async def test_joins_moves_and_closures_at_once_never_make_a_fourth_level(
    three_levels: object, seed: int
) -> None:
    rng = random.Random(seed)
    known = await _some_trees()
    codes = await codes_of(*(_any_deed(rng, known) for _ in range(30)))
    assert codes.count("done") > 5
    assert set(codes) <= {
        *("done", "AGENT_DEPTH_EXCEEDED", "INVALID", "NOT_FOUND"),
        *("AGENT_MOVE_NOT_ALLOWED", "BUSY"),
    }
    assert await crooked() == 0


async def _race(*, held: bool) -> object:
    """A subtree sinks to the third level while somebody joins at its lowest place: the join has
    looked and written, and commits once the move waits or has gone through."""
    top = await make.agent()
    child, other = await make.agent(top), await make.agent()
    user = await make.user()
    async with transaction() as conn:
        if held:
            await hold_tree(conn)
        await Agent.filter(id=child.id).select_for_update().first()
        await conn.execute(
            "INSERT INTO agents (id, user_id, code, name, tier, depth, parent_id, parent_depth,"
            " parent_leaf, status, created_at)"
            " VALUES ($1, $2, 'RACER', 'x', 'gold', 3, $3, 2, false, 'active', now())",
            new_id(),
            user.id,
            child.id,
        )
        moving = asyncio.create_task(codes_of(move(top, other)), context=Context())
        await _waiting_for_a_lock()
    return (await asyncio.gather(moving, return_exceptions=True))[0]


async def _waiting_for_a_lock() -> None:
    conn = await asyncpg.connect(str(DSN["url"]))
    try:
        for _ in range(200):
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            if await conn.fetchval(waits + " AND datname = current_database()"):
                return
            await asyncio.sleep(0.01)
    finally:
        await conn.close()
    raise AssertionError("the move did not wait")


DSN: dict[str, str] = {}


@pytest.fixture
def dsn(database_url: str) -> None:
    DSN["url"] = database_url


async def test_a_move_waits_for_joins_below_it_and_counts_them(
    three_levels: object, dsn: None
) -> None:
    assert await _race(held=True) == ["AGENT_DEPTH_EXCEEDED"]
    assert await crooked() == 0


async def test_twin_without_lock_the_move_overlooks_whoever_joins(
    three_levels: object, dsn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database still refuses it, in no words for an operator; without its constraints there
    would be a fourth level."""

    async def nobody_waits(conn: object, *, alone: bool = False) -> None:
        return None

    monkeypatch.setattr(tree, "hold_tree", nobody_waits)
    assert isinstance(await _race(held=False), IntegrityError | asyncpg.ForeignKeyViolationError)
    assert await crooked() == 0
    async with connection() as conn:
        await conn.execute(LOOSE)
    try:
        await Agent.filter(code="RACER").update(code="LOST1")
        assert await _race(held=False) == ["done"]
        assert await crooked() == 1
    finally:
        async with connection() as conn:
            await conn.execute(TIGHT)


async def test_plain_sql_inserts_nobody_below_a_closed_agent() -> None:
    closed = await make.agent()
    await agents.set_status(make.OPERATOR, closed.id, AgentStatus.CLOSED, WHY)
    user = await make.user()
    with pytest.raises(asyncpg.CheckViolationError, match="nobody stands below"):
        async with connection() as conn:
            await conn.execute(
                "INSERT INTO agents (id, user_id, code, name, tier, depth, parent_id, parent_depth,"
                " parent_leaf, status, created_at)"
                " VALUES ($1, $2, 'RAW1', 'x', 'gold', 2, $3, 1, false, 'active', now())",
                new_id(),
                user.id,
                closed.id,
            )
