"""What plans and cashback pay of one sale stays within its margin above the guard's least one."""

from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from domain import cashback, ledger, priceguard, promotion, teams
from domain.agents import Agent
from domain.bonuses import BonusBasis, PlanDraft, measuring
from domain.bonuses.statements import TEAM_SLICE
from domain.cashback import RuleWish
from domain.cashback.models import Cashback
from domain.commissions import AwardKind, CommissionAward, CommissionAwardClawback
from domain.identity.models import User
from domain.kernel import Named, clock, connection
from domain.orders import Order
from tests import make
from tests.bonus_benches import (
    amounts,
    awarded,
    draft,
    give_back,
    in_force,
    on,
    sell,
    taken_back,
)

pytestmark = pytest.mark.usefixtures("db")
STAFF = make.OPERATOR


def greedy(**changes: object) -> PlanDraft:
    """90 % of sales from 50 on, so that the caps alone decide: half of the margin."""
    return replace(draft(), steps=((make.yuan(50), 9_000),), **changes)


async def guard(**least: int) -> None:
    await priceguard.save_guard(STAFF, priceguard.GuardWish(site_id=None, tier=None, **least))


async def cashback_of(rate: int, hold_days: int = 0) -> None:
    """So much of what was paid (in 1/10000), from the first of last month on."""
    with on(1, 1):
        until = clock.now() + timedelta(days=90)
        wish = RuleWish("early", make.yuan(1_000), until, rate=rate, hold_days=hold_days)
        await cashback.save_rule(STAFF, wish)


async def credited(day: int) -> None:
    with on(1, day):
        while await ledger.seal_committed():
            pass
        await cashback.follow_chain()
        await cashback.credit_due()


async def test_an_award_leaves_the_least_margin_of_the_guard() -> None:
    await guard(min_margin=make.yuan(10))
    await in_force(greedy())
    agent = await make.agent()
    order = await sell(agent, 100, unit_cost=make.yuan(60))  # 40, of which 10 stay
    await awarded()
    assert await amounts() == {agent.id: "15"}
    await guard(min_margin=make.yuan(30))  # later than the sale: it changes nothing of it
    await give_back(order, "40")
    await taken_back()
    (back,) = await CommissionAwardClawback.all()
    assert back.amount == make.yuan(6)
    assert await teams.recount() == 0


async def test_a_share_of_the_cost_is_kept_and_what_is_sold_below_it_brings_nothing() -> None:
    await guard(min_margin_rate=1_000)
    await in_force(greedy(cap_sales_rate=500))
    good, poor, free = [await make.agent() for _ in range(3)]
    await sell(good, 100, unit_cost=make.yuan(80))  # 20, of which 8 stay
    await sell(poor, 100, unit_cost=make.yuan(90))  # 10, of which 9 stay
    await sell(free, 100, unit_cost=0)
    await awarded()
    assert await amounts() == {good.id: "6", poor.id: "0.5", free.id: "5"}


async def test_sales_by_links_leave_it_as_well() -> None:
    await guard(min_margin=make.yuan(10))
    await in_force(greedy(kind=AwardKind.PROMOTION, basis=BonusBasis.LINK_SALES))
    agent = await make.agent()
    with on(1):
        himself = await make.session_of(await User.get(id=agent.user_id))
        link = await promotion.create_link(himself, None, "x")
        visitor = await make.buyer()
        await promotion.visit(visitor, link.code)
    await sell(agent, 100, buyer=visitor, unit_cost=make.yuan(60))
    await awarded()
    assert await amounts() == {agent.id: "15"}


async def sold_with_cashback(agent: Agent, rate: int) -> Order:
    """100 that cost 60, on the fifteenth, and cashback credited on the sixteenth."""
    await cashback_of(rate)
    order = await sell(agent, 100, unit_cost=make.yuan(60))
    await credited(16)
    return order


async def test_a_plan_that_comes_after_cashback_stands_on_what_that_left() -> None:
    agent = await make.agent()
    await sold_with_cashback(agent, 2_500)
    (given,) = await Cashback.all()
    assert (given.amount, given.reserved, given.left_for) == (make.yuan(25), 0, [])
    await in_force(greedy(), day=20)
    await awarded()
    assert await amounts() == {agent.id: "7.5"}  # half of 40 - 25


async def test_twin_a_plan_that_overlooks_earlier_cashback_pays_more_than_the_margin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent = await make.agent()
    await sold_with_cashback(agent, 5_000)
    overlooking = TEAM_SLICE.text.replace("c.state = 'credited'", "false")
    monkeypatch.setattr(measuring, "TEAM_SLICE", Named(overlooking, TEAM_SLICE.names))
    await in_force(greedy(), day=20)
    await awarded()
    assert await amounts() == {agent.id: "20"}  # beside 40 of 40 for the buyer


async def test_plans_and_cashback_together_take_the_margin_above_the_least_and_no_more() -> None:
    """40 of margin: early plans may take 20, cashback has 12 of the rest, a later plan the rest."""
    await guard(min_margin=1)
    early = await in_force(greedy(cap_margin_rate=5_000))
    agent = await make.agent()
    order = await sold_with_cashback(agent, 1_200)
    (given,) = await Cashback.all()
    assert (given.reserved, given.left_for) == (5_000, [early.id])
    await in_force(greedy(cap_margin_rate=5_000), day=20)
    await awarded()
    paid = sum(row.amount for row in await CommissionAward.all())
    assert paid + given.amount <= make.yuan(40)
    # 20 by the first; of the second half of 40 - 12 / 0.5.
    assert sorted(row.amount // 100 for row in await CommissionAward.all()) == [7_99, 19_99]
    await give_back(order)
    await taken_back()
    back = sum(row.amount for row in await CommissionAwardClawback.all())
    assert back == paid


async def test_cashback_that_comes_after_an_award_takes_nothing_off_it() -> None:
    await cashback_of(5_000, hold_days=40)
    await in_force(greedy())
    agent = await make.agent()
    order = await sell(agent, 100, unit_cost=make.yuan(60))
    await credited(16)
    await awarded()
    assert await amounts() == {agent.id: "20"}
    with on(0, 28):
        assert await cashback.credit_due() == 1
    (given,) = await Cashback.all()
    assert given.amount == make.yuan(20)
    await give_back(order, "50")
    await taken_back()
    (back,) = await CommissionAwardClawback.all()
    assert back.amount == make.yuan(10)


async def test_what_was_kept_is_never_rewritten() -> None:
    await guard(min_margin=make.yuan(10))
    agent = await make.agent()
    await sell(agent, 100, unit_cost=make.yuan(60))
    while await ledger.seal_committed():
        pass
    while await teams.count_next():
        pass
    for change in ("UPDATE kept_margins SET amount = 1", "DELETE FROM kept_margins"):
        with pytest.raises(asyncpg.PostgresError):
            async with connection() as conn:
                await conn.execute(change)
