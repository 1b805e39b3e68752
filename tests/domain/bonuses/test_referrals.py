"""Referral rewards: for whom an agent brought, once, when it has sold or bought (row H11)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from domain import agents, bonuses, commissions
from domain.admission.models import AgentInvitation
from domain.agents import Agent
from domain.agents.models import AgentFootprint, FootprintKind
from domain.bonuses import BonusBasis, PlanDraft
from domain.bonuses.models import BonusReferralRefusal
from domain.bonuses.rules import within_month
from domain.commissions import AwardKind, CommissionAward
from domain.kernel import PageRequest, clock, connection, new_id, transaction
from tests import make
from tests.bonus_benches import (
    amounts,
    awarded,
    draft,
    give_back,
    in_force,
    month,
    on,
    sell,
    taken_back,
)
from tests.court import said
from tests.domain.bonuses.test_awards import all_is_well, held

pytestmark = pytest.mark.usefixtures("db")
PAGE = PageRequest(20, None, "test")
JOINED = """
INSERT INTO agent_applications (id, user_id, name, statement, agent_type, tier, invitation_id,
    parent_id, state, agent_id, submitted_at, ended_at)
VALUES ($1, $2, 'x', 'x', 'distributor', 'bronze', $3, $4, 'activated', $5, $6, $6)
"""


def referral(back: int = 1, **changes: Any) -> PlanDraft:
    """10 % of the first month of 100 and more, 30 for each at most, 50 in a month."""
    wish = draft(
        back,
        kind=AwardKind.REFERRAL,
        name="Partners",
        basis=BonusBasis.REFERRED_AGENT_SALES,
        steps=((make.yuan(100), 1000),),
        cap_margin_rate=3_000,
        cap_each=make.yuan(30),
        cap_month=make.yuan(50),
    )
    return replace(wish, **changes)


async def invited(by: Agent, back: int = 1) -> Agent:
    """An agent that came by an invitation and was admitted."""
    with on(back, 3):
        agent = await make.agent(by)
        moment = clock.now()
        invitation = await AgentInvitation.create(
            inviter_id=by.id,
            code=f"I{str(new_id())[-12:]}",
            agent_type="distributor",
            tier="bronze",
            max_uses=1,
            expires_at=moment + timedelta(days=7),
            created_at=moment,
        )
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")  # past the two looks
        values = (new_id(), agent.user_id, invitation.id, by.id, agent.id, moment)
        await conn.execute(JOINED, *values)
    return agent


async def sold(agent: Agent, *prices: int, back: int = 1) -> Sequence[Any]:
    return [await sell(agent, price, back=back) for price in prices]


async def test_an_invited_agent_brings_a_reward_once_and_only_when_it_has_sold() -> None:
    last = month(0)
    await in_force(referral(2, last_month=last), 2)
    inviter = await make.agent()
    idle, small, good = [await invited(inviter, 2) for _ in range(3)]
    await sold(small, 99, back=2)
    await sold(good, 150, back=2)
    await awarded(back=1)
    assert await amounts() == {inviter.id: "15"}
    await sold(small, 120)
    await sold(good, 500)  # its second month brings its inviter nothing
    await awarded()
    rows = {row.subject_id: row.amount for row in await CommissionAward.all()}
    assert rows == {good.id: make.yuan(15), small.id: make.yuan(12)}
    assert idle.id not in rows
    await all_is_well()


async def test_one_level_alone_and_whoever_came_uninvited_brings_nothing() -> None:
    await in_force(referral())
    top = await make.agent()
    middle = await invited(top)
    leaf = await invited(middle)
    stranger = await make.agent(top)
    await sold(leaf, 200)
    await sold(stranger, 200)
    await awarded()
    assert await amounts() == {middle.id: "20"}
    await all_is_well()


async def test_those_that_one_hand_holds_bring_nothing_and_that_is_recorded() -> None:
    await in_force(referral())
    inviter = await make.agent()
    marked, near, cleared, honest = [await invited(inviter) for _ in range(4)]
    staff = await make.operator("agents:write")
    await agents.mark_relation(staff, inviter.id, marked.user_id, related=True, note="spouse")
    await agents.mark_relation(staff, inviter.id, cleared.user_id, related=False, note="a café")
    for agent in (inviter, near, cleared):
        await AgentFootprint.create(
            agent_id=agent.id, kind=FootprintKind.ADDRESS, digest=b"same", seen_at=clock.now()
        )
    for agent in (marked, near, cleared, honest):
        await sold(agent, 200)
    await awarded()
    rows = await CommissionAward.all()
    assert {row.subject_id for row in rows} == {cleared.id, honest.id}
    refused = {row.subject_id: row.reason for row in await BonusReferralRefusal.all()}
    assert refused == {marked.id: "marked", near.id: "address"}
    await all_is_well()


async def test_a_month_has_a_most_that_is_shared_out_to_the_last_unit() -> None:
    await in_force(referral())
    inviter = await make.agent()
    for price in (300, 200, 150):  # 30, 20 and 15 of 50
        await sold(await invited(inviter), price)
    await awarded()
    rows = await CommissionAward.all()
    assert sum(row.amount for row in rows) == make.yuan(50)
    assert sorted(row.amount for row in rows) == [115_385, 153_846, 230_769]
    assert within_month([make.yuan(30), 1], make.yuan(50)) == [make.yuan(30), 1]
    (first, *_) = (await bonuses.awards_of_agent(inviter.id, PAGE)).rows
    assert "50.00 for all of a month" in first.explained("en")
    assert "每月合计 50.00" in first.explained("zh")
    await all_is_well()


async def test_refunds_of_whom_it_brought_take_the_reward_back() -> None:
    await in_force(referral())
    inviter = await make.agent()
    agent = await invited(inviter)
    (order,) = await sold(agent, 200)
    await awarded()
    assert await held(inviter) == (20, 0, 0)
    with on(0, 10):
        await give_back(order, "50")
    await taken_back()
    assert await held(inviter) == (15, 0, 0)
    with on(0, 11):
        await give_back(order, "51")
    await taken_back()
    assert await held(inviter) == (0, 0, 0)
    await all_is_well()


async def test_a_buyer_that_was_brought_brings_a_reward_with_its_purchases() -> None:
    await in_force(referral(basis=BonusBasis.REFERRED_BUYER_PURCHASES))
    agent = await make.agent()
    with on(1, 3):
        good, poor, own = [await make.buyer(make.yuan(1_000), referrer=agent.id) for _ in range(3)]
    staff = await make.operator("agents:write")
    await agents.mark_relation(staff, agent.id, own.require_user(), related=True, note="himself")
    for buyer, price in ((good, 120), (poor, 90), (own, 200)):
        await sell(agent, price, buyer=buyer)
    await awarded()
    (row,) = await CommissionAward.all()
    assert (row.subject_id, row.amount) == (good.user_id, make.yuan(12))
    (refused,) = await BonusReferralRefusal.all()
    assert (refused.subject_id, refused.reason) == (own.user_id, "marked")
    assert (await commissions.balances_of(agent.id, make.CNY)).pending == make.money(12)
    await all_is_well()


@pytest.mark.parametrize("wish", [
    referral(0, cap_month=None),
    referral(0, cap_each=None),
    referral(0, cap_month=make.yuan(29)),
    draft(0, cap_month=make.yuan(50)),
])  # fmt: skip
async def test_a_referral_has_a_most_for_each_and_for_a_month(wish: PlanDraft) -> None:
    staff = await make.operator("bonuses:write")
    assert await said(bonuses.propose_plan(staff, wish)) == "bonus_cap_month"


AGAIN = """
INSERT INTO commission_awards SELECT gen_random_uuid(), plan_id, kind, agent_id, {subject}, month,
    lines, sales, margin, uncosted, rate, wished, {amount}, currency, terms, earned_at, release_at
FROM commission_awards
"""


@pytest.mark.parametrize(("subject", "amount", "name"), [
    ("subject_id", "1", "award_once_for_a_party"),
    ("gen_random_uuid()", "1", "award_to_who_brought_it"),
    ("NULL", "1", "award_of_a_referral_for_a_party"),
    ("agent_id", "1", "award_of_a_referral_for_a_party"),
    ("(SELECT agent_id FROM agent_applications WHERE agent_id NOT IN"
     " (SELECT subject_id FROM commission_awards))", "wished", "award_within_its_month"),
])  # fmt: skip
async def test_the_database_refuses_a_reward_without_a_referral(
    subject: str, amount: str, name: str
) -> None:
    await in_force(referral(cap_month=make.yuan(30)))
    inviter = await make.agent()
    await sold(await invited(inviter), 200)
    await invited(inviter)
    await awarded()
    columns = (
        "id, plan_id, kind, agent_id, subject_id, month, lines, sales, margin, uncosted, rate,"
        " wished, amount, currency, terms, earned_at, release_at"
    )
    sql = AGAIN.replace("commission_awards SELECT", f"commission_awards ({columns}) SELECT", 1)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        async with connection() as conn:
            await conn.execute(sql.format(subject=subject, amount=amount))
    assert refused.value.constraint_name in (name, "award_to_who_brought_it")
