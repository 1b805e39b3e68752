"""Awards for months of settled sales: once, within their caps, and back with refunds (row H5)."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import bonuses, checkout, commissions, ledger, promotion, settlement, teams
from domain.bonuses import BonusBasis, BonusRun, BonusState, PlanDraft, awarding
from domain.checkout import LineWish, Purchase
from domain.commissions import AwardKind, CommissionAward, CommissionAwardClawback, RuleKind
from domain.invariants import find_violations
from domain.kernel import PageRequest, Refused, clock, connection, transaction
from domain.kernel.models import OutboxEvent
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
    team,
)
from tests.court import said

pytestmark = pytest.mark.usefixtures("db")
PAGE = PageRequest(20, None, "test")
NOTHING = "SELECT $1::uuid, $2::uuid, $3::date, $4::timestamptz"


@pytest.fixture(autouse=True)
def team_awards() -> Iterator[None]:
    """Switched on, as a setting would."""
    bonuses.switches.team = True
    yield
    bonuses.switches.team = False


async def all_is_well() -> None:
    """But for events of months ago that no relay has carried: there is none here."""
    while await ledger.seal_committed():
        pass
    assert await broken() - {"I16"} == set()


async def broken() -> set[str]:
    return {each.name for each in await find_violations() if each.violations}


async def held(agent: Any) -> tuple[int, int, int]:
    """Pending, available, owed, in whole yuan."""
    found = await commissions.balances_of(agent.id, make.CNY)
    yuan = make.yuan(1)
    return (
        found.pending.units // yuan,
        found.available.units // yuan,
        found.owed.units // yuan,
    )


async def test_a_month_of_own_sales_pays_by_its_step_within_the_margin_and_is_told() -> None:
    await in_force(draft())
    good, better, poor, margin = [await make.agent() for _ in range(4)]
    sold = ((good, 60), (good, 60), (better, 1000), (better, 200), (poor, 99))
    for agent, price in sold:
        await sell(agent, price)
    await sell(margin, 1000, unit_cost=make.yuan(960))
    with on(1, 28):
        assert await bonuses.award_due() == 0  # the month is not over
    with on(0, 6):
        assert await bonuses.award_due() == 0  # nor settled
    assert await awarded() > 0
    assert await amounts() == {good.id: "6", better.id: "120", margin.id: "20"}
    assert await held(good) == (6, 0, 0)
    told = await OutboxEvent.filter(type="bonus.awarded").order_by("id")
    assert {each.payload["amount"] for each in told} == {"6.00", "120.00", "20.00"}
    shown = (await bonuses.awards_of_agent(margin.id, PAGE)).rows[0]
    assert "would be 100.00" in shown.explained("en")
    assert "共 20.00" in shown.explained("zh")
    await all_is_well()
    with make.later(days=40):
        assert await commissions.release_due() >= 3
    assert await held(better) == (0, 120, 0)
    await all_is_well()


async def test_commissions_are_no_margin_and_what_has_no_cost_has_its_own_cap() -> None:
    await in_force(draft(cap_sales_rate=200))
    agent, free = await make.agent(), await make.agent()
    with on(1, 1):
        await make.rule(1, RuleKind.PERCENT, 500_000)  # half of the price
    await sell(agent, 200, unit_cost=make.yuan(92))  # margin 108, commission 100
    await sell(free, 200, unit_cost=0)
    await awarded()
    assert await amounts() == {agent.id: "4", free.id: "2"}  # half of 8; 2 % of 100
    await all_is_well()


async def test_stored_value_own_purchases_and_what_was_refunded_bring_nothing() -> None:
    await in_force(draft())
    agent, other = await make.agent(), await make.agent()
    with on(1):
        program = await make.gift_program(price=make.yuan(500), cards=1)
        gift = await bonuses_variant(program)
        buyer = await make.buyer(referrer=agent.id)
        await checkout.place_order(buyer, Purchase((LineWish(gift, 1),), "gift"))
        own = await make.variant(price=make.yuan(500), cards=1)
        himself = await make.session_of(await user_of(agent))
        await make.top_up(himself.require_user(), make.yuan(1000))
        await checkout.place_order(himself, Purchase((LineWish(own.sku, 1),), "own"))
    order = await sell(other, 150)
    with on(0, 3):
        await give_back(order, "60")
    await awarded()
    assert await amounts() == {}
    await all_is_well()


async def bonuses_variant(program: Any) -> str:
    from domain.catalog.models import Variant

    return (await Variant.get(id=program.variant_id)).sku


async def user_of(agent: Any) -> Any:
    from domain.identity.models import User

    return await User.get(id=agent.user_id)


async def test_links_and_new_customers_are_counted_line_by_line() -> None:
    steps = ((make.yuan(100), 500),)
    caps = {"cap_margin_rate": 2_000, "kind": AwardKind.PROMOTION, "steps": steps}
    await in_force(draft(basis=BonusBasis.LINK_SALES, name="Links", **caps))
    await in_force(draft(basis=BonusBasis.NEW_CUSTOMER_SALES, name="New", **caps))
    agent = await make.agent()
    old = await make.buyer(make.yuan(1_000), referrer=agent.id)
    await sell(agent, 100, back=2, buyer=old)
    await sell(agent, 300, buyer=old)
    await sell(agent, 200)  # somebody new
    with on(1):
        link = await promotion.create_link(await make.session_of(await user_of(agent)), None, "x")
        visitor = await make.buyer()
        await promotion.visit(visitor, link.code)
    await sell(agent, 400, buyer=visitor)  # new, and by a link
    await awarded()
    rows = {row.terms["name"]: (row.lines, row.sales, row.amount) for row in await all_awards()}
    assert rows == {
        "Links": (1, make.yuan(400), make.yuan(20)),
        "New": (2, make.yuan(600), make.yuan(30)),
    }
    await all_is_well()


async def all_awards() -> list[CommissionAward]:
    return await CommissionAward.all().order_by("id")


async def test_a_team_counts_no_deeper_than_its_plan_and_sells_itself() -> None:
    await in_force(team())
    top, middle, leaf = await make.agent_chain()
    await sell(leaf, 500)
    await sell(middle, 100)
    await sell(top, 20, unit_cost=make.yuan(5))
    await awarded()
    # Middle: 600 of itself and the leaf. Top: 120, as the leaf is a level too deep.
    assert await amounts() == {middle.id: "6", top.id: "1.2", leaf.id: "5"}
    await all_is_well()
    bonuses.switches.team = False
    assert await awarded() == 0


async def test_the_same_month_again_pays_nobody_twice_however_many_look() -> None:
    await in_force(draft())
    agents = [await make.agent() for _ in range(3)]
    for agent in agents:
        await sell(agent, 150)
    with on(0, 9):
        await asyncio.gather(*(bonuses.award_due() for _ in range(4)))
        assert await bonuses.award_due() == 0
    assert await amounts() == {agent.id: "7.5" for agent in agents}
    run = await BonusRun.get()
    assert (run.awards, run.amount) == (3, make.yuan("22.5"))
    await all_is_well()


async def test_twin_without_the_lock_the_key_alone_stands_between_two_awards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await in_force(draft())
    agent = await make.agent()
    await sell(agent, 150)
    monkeypatch.setattr(awarding, "LOCK", "SELECT 0")
    monkeypatch.setattr(awarding, "RUN", awarding.RUN.replace(" FOR UPDATE", ""))
    monkeypatch.setattr(awarding, "OPEN_RUN", NOTHING)
    monkeypatch.setattr(awarding, "BEGIN", "SELECT 1")
    async with connection() as conn:
        await conn.execute(
            "INSERT INTO bonus_runs (id, plan_id, month, cursor, awards, amount, begun_at)"
            " SELECT gen_random_uuid(), id, first_month, id, 0, 0, now() FROM bonus_plans"
        )
        await conn.execute("UPDATE bonus_runs SET cursor = '00000000-0000-0000-0000-000000000000'")
    both, waiting = asyncio.Event(), [0]
    record = commissions.record_awards

    async def together(*given: Any) -> None:
        waiting[0] += 1
        if waiting[0] == 2:
            both.set()
        async with asyncio.timeout(20):
            await both.wait()
        await record(*given)

    monkeypatch.setattr(commissions, "record_awards", together)
    with on(0, 9):
        done = await asyncio.gather(
            bonuses.award_due(), bonuses.award_due(), return_exceptions=True
        )
    (refused,) = [each for each in done if isinstance(each, BaseException)]
    assert "commission_award_once" in str(refused)
    assert await amounts() == {agent.id: "7.5"}


async def test_refunds_that_come_later_take_back_what_is_left_to_be_due() -> None:
    await in_force(draft())
    agent = await make.agent()
    small, large = await sell(agent, 120), await sell(agent, 1000)
    await awarded()
    assert await amounts() == {agent.id: "112"}
    with on(0, 10):
        await give_back(small, "20")
    await taken_back()
    assert await held(agent) == (110, 0, 0)
    with on(0, 11):
        await give_back(small, "20")
        await give_back(large, "800")  # 280 are left: 5 %
    await taken_back()
    assert await held(agent) == (14, 0, 0)
    with on(0, 12):
        await give_back(large, "200")  # 80 are left: nothing
    await taken_back()
    await taken_back()
    assert await held(agent) == (0, 0, 0)
    taken = await CommissionAwardClawback.all().order_by("taken_at")
    assert [row.amount // make.yuan(1) for row in taken] == [2, 96, 14]
    (shown,) = (await bonuses.awards_of_agent(agent.id, PAGE)).rows
    assert (shown.state.value, shown.clawed_back) == ("TAKEN_BACK", make.money(112))
    await all_is_well()


async def test_what_was_taken_out_before_is_owed_and_made_up() -> None:
    await in_force(draft())
    agent = await make.agent()
    order = await sell(agent, 200)
    await awarded()
    with make.later(days=40):
        await commissions.release_due()
        himself = await make.session_of(await user_of(agent))
        await commissions.move_to_wallet(himself, make.money(10), "out")
    with make.later(days=41):
        await give_back(order)
        while await ledger.seal_committed():
            pass
        await bonuses.take_back_due()
    assert await held(agent) == (0, 0, 10)
    await all_is_well()


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=4), st.booleans())
async def test_any_refunds_take_together_what_one_would(parts: list[int], sweep: bool) -> None:
    """Swept one by one or at once: what is left of the award is what is left of the sales."""
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("UPDATE bonus_plans SET state = 'withdrawn'")
    await in_force(draft())
    agent = await make.agent()
    order = await sell(agent, 1500)
    await awarded()
    for yuan in parts:
        with on(0, 10):
            await give_back(order, str(yuan))
        if sweep:
            await taken_back()
    await taken_back()
    left = 1500 - sum(parts)
    rate = 1000 if left >= 1000 else 500 if left >= 100 else 0
    kept = (await commissions.balances_of(agent.id, make.CNY)).pending.units
    assert kept == make.yuan(left) * rate // 10_000
    await all_is_well()


async def test_a_refund_that_leaves_commissions_leaves_awards() -> None:
    await in_force(draft())
    agent = await make.agent()
    order = await sell(agent, 200)
    await awarded()
    with on(0, 10):
        await give_back(order, "150", clawback=False)
    await taken_back()
    assert await held(agent) == (10, 0, 0)
    await all_is_well()


async def test_statements_of_settlement_tell_awards_and_what_went_back() -> None:
    await in_force(draft(back=2), back=2)
    agent = await make.agent()
    order = await sell(agent, 200, back=2)
    await awarded(back=1)
    with on(1, 12):
        await give_back(order)
    await taken_back(back=1)
    today = (clock.now() + commissions.calendar.utc_offset).date().isoformat()
    with make.later(days=1):
        started = await settlement.start_run(make.OPERATOR, today, make.CNY)
        await settlement.count_run(started.run.id)
    (told,) = (await settlement.statements_of_agent(agent.id, PAGE)).rows
    assert (told.earned, told.clawed_back, told.lines) == (make.money(10), make.money(10), 0)
    (by,) = told.earned_by
    assert (by.kind, by.level, by.lines, by.amount) == ("performance", 1, 1, make.money(10))
    assert (await settlement.statement_pdf(told, "zh")).startswith(b"%PDF")
    await all_is_well()


async def test_the_figures_of_teams_are_counted_anew_the_same() -> None:
    top, _, leaf = await make.agent_chain()
    with on(1, 1):
        await make.rule(1, RuleKind.PERCENT, 10_000)
    order = await sell(leaf, 100)
    await sell(top, 70, unit_cost=0)
    await give_back(order, "30")
    await awarded()
    while await ledger.seal_committed():
        pass
    while await teams.count_next():
        pass
    assert await teams.recount() == 0
    async with connection() as conn:
        rows = await conn.fetch("SELECT level, margin, uncosted FROM team_days WHERE sold > 0")
    found = {(row["level"], row["margin"], row["uncosted"]) for row in rows}
    assert (1, make.yuan(59), 0) in found
    assert (1, 0, make.yuan("69.3")) in found


async def test_a_plan_takes_two_persons_a_second_factor_and_room_in_the_margin() -> None:
    wish, its_team = draft(), team()
    with on(1, 2):
        staff = await make.operator("bonuses:write", "bonuses:approve")
        plan = await bonuses.propose_plan(staff, wish)
        assert await said(bonuses.decide_plan(staff, plan.id, approve=True)) == "BONUS_SAME_PERSON"
        tired = await make.operator("bonuses:approve", stepped_up=False)
        assert await said(bonuses.decide_plan(tired, plan.id, approve=True)) != "done"
        boss = await make.operator("bonuses:approve")
        done = await bonuses.decide_plan(boss, plan.id, approve=True)
        assert done.state is BonusState.APPROVED
        assert await said(bonuses.decide_plan(boss, plan.id, approve=False)) == "bonus_decided"
        half = await bonuses.propose_plan(staff, replace(wish, name="half"))
        await bonuses.decide_plan(boss, half.id, approve=True)
        more = await bonuses.propose_plan(staff, replace(wish, name="more", cap_margin_rate=1))
        assert await said(bonuses.decide_plan(boss, more.id, approve=True)) == "BONUS_CAPS_EXCEEDED"
        bonuses.switches.team = False
        assert await said(bonuses.propose_plan(staff, its_team)) == "BONUS_TEAM_OFF"
    with pytest.raises(Refused):
        await bonuses.propose_plan(await make.operator("bonuses:read"), draft(back=0))


@pytest.mark.parametrize(("changes", "why"), [
    ({"name": " "}, "bonus_name"),
    ({"basis": BonusBasis.TEAM_SALES}, "bonus_basis"),
    ({"depth": 2}, "bonus_depth"),
    ({"steps": ()}, "bonus_steps"),
    ({"steps": ((0, 100),)}, "bonus_steps"),
    ({"steps": ((10, 100), (20, 100))}, "bonus_steps"),
    ({"steps": ((10, 10_000),)}, "bonus_steps"),
    ({"cap_margin_rate": 0}, "bonus_caps"),
    ({"cap_margin_rate": 5_001}, "bonus_caps"),
    ({"cap_sales_rate": 1_001}, "bonus_caps"),
    ({"cap_each": 0}, "bonus_cap_each"),
    ({"min_own_sales": -1}, "bonus_own_sales"),
    ({"hold_days": 91}, "commission_hold_days"),
    ({"note": ""}, "bonus_note"),
])  # fmt: skip
async def test_a_plan_without_a_basis_a_depth_or_a_cap_is_refused(
    changes: dict[str, Any], why: str
) -> None:
    staff = await make.operator("bonuses:write")
    assert await said(bonuses.propose_plan(staff, draft(0, **changes))) == why


@pytest.mark.parametrize(("wish", "why"), [
    (draft(0, first_month=month(1)), "bonus_not_retroactive"),
    (draft(0, last_month=month(0).replace(year=month(0).year + 2)), "bonus_months"),
    (draft(0, last_month=month(0).replace(day=2)), "bonus_months"),
    (team(0, depth=4), "bonus_depth"),
    (team(0, depth=1), "bonus_depth"),
    (team(0, min_own_sales=0), "bonus_own_sales"),
])  # fmt: skip
async def test_a_plan_is_for_a_time_and_a_team_sells_itself(wish: PlanDraft, why: str) -> None:
    assert await said(bonuses.propose_plan(await make.operator("bonuses:write"), wish)) == why


async def test_a_plan_ends_with_the_running_month_and_one_to_come_is_withdrawn() -> None:
    staff = await make.operator("bonuses:write")
    running = await in_force(draft(1, last_month=month(0).replace(year=month(0).year + 1, month=1)))
    ended = await bonuses.end_plan(staff, running.id)
    assert (ended.state, ended.last_month) == (BonusState.APPROVED, month(0))
    assert await said(bonuses.end_plan(staff, running.id)) == "bonus_not_running"
    later = month(0).replace(year=month(0).year + 1, month=1)
    wish = draft(0, first_month=later, last_month=later)
    plan = await in_force(wish, 0)
    assert (await bonuses.end_plan(staff, plan.id)).state is BonusState.WITHDRAWN


PLAN_KEPT = (
    ("UPDATE bonus_plans SET rates = '{9000}', from_sales = '{1}'", "bonus_plan_kept"),
    ("UPDATE bonus_plans SET last_month = last_month + interval '2 months'", "bonus_plan_kept"),
    ("UPDATE bonus_plans SET state = 'proposed', decided_by = NULL", "bonus_plan_kept"),
    ("DELETE FROM bonus_plans", "bonus_plan_kept"),
    ("UPDATE commission_awards SET amount = amount + 1", None),
    ("DELETE FROM commission_awards", None),
    ("DELETE FROM bonus_runs", None),
    ("DELETE FROM commission_award_clawbacks", None),
)


@pytest.mark.parametrize(("sql", "name"), PLAN_KEPT)
async def test_what_was_written_stays(sql: str, name: str | None) -> None:
    await in_force(draft())
    order = await sell(await make.agent(), 200)
    await awarded()
    with on(0, 10):
        await give_back(order, "50")
    await taken_back()
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        async with connection() as conn:
            await conn.execute(sql)
    assert name is None or refused.value.constraint_name == name


BREACHES = (
    "UPDATE commission_awards SET amount = amount - 1",
    "DELETE FROM transfers WHERE kind = 'bonus_awarded'",
    "UPDATE commission_award_clawbacks SET amount = amount + 1, pending = pending + 1",
    "UPDATE commission_awards SET margin = 0",
    "DELETE FROM commission_awards",
)


@pytest.mark.parametrize("breach", BREACHES)
async def test_a_broken_promise_is_found(breach: str) -> None:
    await in_force(draft())
    order = await sell(await make.agent(), 200)
    await awarded()
    with on(0, 10):
        await give_back(order, "50")
    await taken_back()
    await all_is_well()
    async with transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        assert await conn.execute(breach) not in ("UPDATE 0", "DELETE 0")
    assert "H5" in await broken()
