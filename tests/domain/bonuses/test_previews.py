"""What a plan would have paid: the same as it then pays, and nothing is written (row H5)."""

from datetime import timedelta

import pytest

from domain import agents, bonuses, teams
from domain.bonuses import BonusBasis, BonusPlan, Preview, previewing
from domain.commissions import AwardKind, CommissionAward
from domain.kernel import Refused, connection, new_id
from tests import make
from tests.bonus_benches import amounts, awarded, draft, in_force, month, on, sell, taken_back
from tests.court import said

pytestmark = pytest.mark.usefixtures("db")
COUNTS = """SELECT (SELECT count(*) FROM commission_awards) + (SELECT count(*) FROM bonus_runs)
    + (SELECT count(*) FROM bonus_referral_refusals)"""


async def proposed(back: int = 0) -> BonusPlan:
    with on(back, 2):
        return await bonuses.propose_plan(await make.operator("bonuses:write"), draft(back))


async def previewed(plan: BonusPlan, back: int) -> Preview:
    return await bonuses.preview_plan(await make.operator("bonuses:read"), plan.id, month(back))


async def test_a_plan_that_waits_shows_what_it_would_have_paid_for_a_month_before_it() -> None:
    plan = await proposed()
    good, poor, other = [await make.agent() for _ in range(3)]
    await sell(good, 1_200)
    await sell(other, 200)
    await sell(poor, 60)
    await taken_back(1)  # the chain is sealed
    await counted()
    shown = await previewed(plan, 1)
    assert (shown.awards, shown.complete, shown.amount.units) == (2, True, make.yuan(130))
    assert shown.sales.units == make.yuan(1_400)
    first, second = shown.largest
    assert (first.agent_name, first.amount.units) == (good.name, make.yuan(120))
    assert second.agent_id == other.id
    assert "10 % of" in first.explained("en")
    assert "共 120.00" in first.explained("zh")
    async with connection() as conn:
        assert await conn.fetchval(COUNTS) == 0


async def counted() -> None:
    while await teams.count_next():
        pass


async def test_it_is_what_the_plan_pays_when_the_month_is_over() -> None:
    plan = await in_force(draft())
    for price in (100, 250, 1_500, 99):
        await sell(await make.agent(), price)
    await awarded()
    shown = await previewed(plan, 1)
    paid = {row.agent_id: row.amount for row in await CommissionAward.all()}
    assert {each.agent_id: each.amount.units for each in shown.largest} == paid
    assert len(await amounts()) == shown.awards == 3


async def test_referrals_are_previewed_from_their_month_on() -> None:
    caps = {"cap_each": make.yuan(30), "cap_month": make.yuan(50)}
    basis = BonusBasis.REFERRED_BUYER_PURCHASES
    wish = draft(0, kind=AwardKind.REFERRAL, basis=basis, **caps)
    with on(0, 2):
        plan = await bonuses.propose_plan(await make.operator("bonuses:write"), wish)
    with on(1, 2):
        agent = await make.agent()
        buyer, hand = [await make.buyer(make.yuan(1_000), referrer=agent.id) for _ in range(2)]
        await agents.mark_relation(
            make.OPERATOR, agent.id, hand.require_user(), related=True, note="the same"
        )
    await sell(agent, 200, buyer=buyer)
    await sell(agent, 200, buyer=hand)
    assert (await previewed(plan, 1)).amount.units == make.yuan(10)
    async with connection() as conn:
        assert await conn.fetchval(COUNTS) == 0


async def test_more_agents_than_one_answer_looks_at_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = await in_force(draft())
    for _ in range(3):
        await sell(await make.agent(), 200)
    await awarded()
    monkeypatch.setattr(previewing, "MOST_AGENTS", 2)
    monkeypatch.setattr(previewing, "SLICE", 1)
    monkeypatch.setattr("domain.bonuses.measuring.SLICE", 1)
    shown = await previewed(plan, 1)
    assert (shown.awards, shown.complete) == (2, False)


@pytest.mark.parametrize("back", [-1, 14])
async def test_months_to_come_and_of_long_ago_are_refused(back: int) -> None:
    plan = await proposed()
    reader = await make.operator("bonuses:read")
    wanted = month(0) + timedelta(days=32) if back < 0 else month(back)
    looks = bonuses.preview_plan(reader, plan.id, wanted.replace(day=1))
    assert await said(looks) == "bonus_preview_month"
    with pytest.raises(Refused):
        await bonuses.preview_plan(reader, plan.id, month(1).replace(day=2))


async def test_whoever_may_not_read_plans_and_a_plan_that_is_not_there() -> None:
    plan = await proposed()
    with pytest.raises(Refused):
        await bonuses.preview_plan(await make.operator("agents:read"), plan.id, month(1))
    with pytest.raises(Refused):
        await bonuses.preview_plan(await make.operator("bonuses:read"), new_id(), month(1))
