"""Objections of agents to statements and commissions, answered and appealed (mission row H9)."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from domain import settlement
from domain.agents import Agent
from domain.audit.models import AuditEntry
from domain.commissions import Commission, RuleKind
from domain.identity.models import User
from domain.kernel import Actor, Refused, clock, new_id, page_request, transaction
from domain.settlement import Objection, ObjectionState, SettlementStatement
from tests import make
from tests.settling import on, settled, sold, statement

pytestmark = pytest.mark.usefixtures("db")
PAGE = page_request("objections", 10, None)


async def earned() -> tuple[Agent, Actor, SettlementStatement]:
    """An agent that sold on the second of the month, and its statement of that day."""
    with on(1):
        agent = await make.agent()
        await make.rule(1, RuleKind.PERCENT, 100_000, hold_days=1)
    with on(2):
        await sold(agent)
    found = await statement(await settled(2), agent)
    return agent, make.actor_of(await User.get(id=agent.user_id)), found


async def judge() -> Actor:
    return await make.operator("settlements:read", "settlements:resolve")


async def test_a_statement_is_objected_to_answered_appealed_and_judged_by_another() -> None:
    agent, owner, stated = await earned()
    with on(4):
        first, second = await judge(), await judge()
        calls = [settlement.open_objection(owner, " Too little. ", stated.id) for _ in range(3)]
        answers = await asyncio.gather(*calls)
        assert sorted(replayed for _, replayed in answers) == [False, True, True]
        (made,) = await Objection.all()
        assert (made.state, made.text) == (ObjectionState.OPEN, "Too little.")
        waiting = await settlement.list_objections(first, PAGE, settlement.WAITING)
        assert [each.id for each in waiting.rows] == [made.id]
        with pytest.raises(Refused, match="OBJECTION_NOT_POSSIBLE"):
            await settlement.appeal_objection(owner, made.id, "No.")
        await settlement.answer_objection(first, made.id, accepted=False, text="It is 10 %.")
        with pytest.raises(Refused, match="OBJECTION_NOT_POSSIBLE"):
            await settlement.answer_objection(second, made.id, accepted=True, text="No, wait.")
        await settlement.appeal_objection(owner, made.id, "It was 12 %.")
        with pytest.raises(Refused, match="FOUR_EYES"):
            await settlement.answer_objection(first, made.id, accepted=False, text="Still.")
        ended = await settlement.answer_objection(second, made.id, accepted=False, text="10 %.")
        assert (ended.state, ended.verdict) == (ObjectionState.UPHELD, "10 %.")
        with pytest.raises(Refused, match="OBJECTION_NOT_POSSIBLE"):
            await settlement.appeal_objection(owner, made.id, "Again.")
        (seen,) = (await settlement.objections_of_agent(agent.id, PAGE)).rows
        assert (seen.answer, seen.appeal) == ("It is 10 %.", "It was 12 %.")
    audited = await AuditEntry.filter(action__startswith="objection.").values_list("action")
    opened, answered = ("objection.opened",), ("objection.answered",)
    assert sorted(audited) == [answered, answered, ("objection.appealed",), opened]
    async with transaction() as conn:
        told = "SELECT count(*) FROM outbox_events WHERE type LIKE 'objection.%'"
        assert await conn.fetchval(told) == 4


async def test_only_what_is_ones_own_and_not_long_ago_is_objected_to() -> None:
    agent, owner, stated = await earned()
    commission = await Commission.get(agent_id=agent.id)
    with on(4):
        stranger = make.actor_of(await User.get(id=(await make.agent()).user_id))
        for wrong in ({"statement_id": stated.id}, {"commission_id": commission.id}):
            with pytest.raises(Refused, match="NOT_FOUND"):
                await settlement.open_objection(stranger, "Mine.", **wrong)
        with pytest.raises(Refused, match="NOT_FOUND"):
            await settlement.open_objection(owner, "What?", new_id())
        for text, both in (("", {"statement_id": stated.id}), ("Both.", {}), ("x" * 1001, {})):
            with pytest.raises(Refused, match="INVALID"):
                await settlement.open_objection(owner, text, **both)
        with pytest.raises(Refused, match="FORBIDDEN"):
            await settlement.open_objection(await make.buyer(), "Mine.", stated.id)
        made, _ = await settlement.open_objection(owner, "Why?", commission_id=commission.id)
        with pytest.raises(Refused, match="NOT_FOUND"):
            await settlement.appeal_objection(stranger, made.id, "Me, too.")
        staff = await judge()
        await settlement.answer_objection(staff, made.id, accepted=False, text="So.")
        late = clock.now() + timedelta(days=14)
        with clock.fixed(lambda: late), pytest.raises(Refused) as refused:
            await settlement.appeal_objection(owner, made.id, "Late.")
        assert refused.value.refusals[0].code == "OBJECTION_NOT_POSSIBLE"
    with on(70), pytest.raises(Refused, match="OBJECTION_NOT_POSSIBLE"):
        await settlement.open_objection(owner, "Late.", stated.id)
    nobody = await make.operator("settlements:read")
    with pytest.raises(Refused, match="FORBIDDEN"):
        await settlement.answer_objection(nobody, made.id, accepted=True, text="Fine.")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("text = 'other'", "only goes on"),
        ("state = 'APPEALED'", "only goes on"),
        ("state = 'REJECTED'", "objection_state_known"),
        (
            "state = 'REJECTED', answer = 'x', answered_at = now()",
            "objection_state_known|objection_told_whole",
        ),
    ],
)
async def test_the_database_lets_an_objection_only_go_on(change: str, constraint: str) -> None:
    _, owner, stated = await earned()
    with on(4):
        await settlement.open_objection(owner, "Why?", stated.id)
    async with transaction() as conn:
        with pytest.raises(asyncpg.CheckViolationError, match=constraint):
            await conn.execute(f"UPDATE settlement_objections SET {change}")


async def test_the_database_lets_nobody_judge_what_they_have_rejected() -> None:
    _, owner, stated = await earned()
    with on(4):
        made, _ = await settlement.open_objection(owner, "Why?", stated.id)
        await settlement.answer_objection(await judge(), made.id, accepted=False, text="So.")
        await settlement.appeal_objection(owner, made.id, "No.")
    async with transaction() as conn:
        with pytest.raises(asyncpg.CheckViolationError, match="objection_of_four_eyes"):
            await conn.execute(
                "UPDATE settlement_objections SET state = 'UPHELD', verdict = 'x',"
                " judged_by = answered_by, judged_at = now()"
            )
