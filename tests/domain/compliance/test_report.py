"""What a compliance report lists and asks about, over fixtures (mission row L12)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain import agents, bonuses, compliance, deposits, providers
from domain.agents import AgentType
from domain.commissions import RuleKind
from domain.compliance import ComplianceWarning, PlanBasis, PlanKind, printing
from domain.compliance.rules import House, Plan, judged, overall, share_of
from domain.kernel import Forbidden, Refused, connection, new_id
from domain.providers import ProviderKind
from tests import make, providing
from tests.bonus_benches import in_force, month, team

pytestmark = pytest.mark.usefixtures("db")
W = ComplianceWarning


def plan(level: int | None = 1, percent: int = 10, **changes: object) -> Plan:
    values = {
        "id": new_id(),
        "kind": PlanKind.COMMISSION,
        "basis": PlanBasis.NET_PRICE,
        "name": "default",
        "level": level,
        "most_percent": Decimal(percent),
        "hold": timedelta(days=7),
        "everywhere": True,
        **changes,
    }
    return Plan(**values)  # type: ignore[arg-type]


def house(**changes: object) -> House:
    values = {
        "depth": 2,
        "dispute": timedelta(days=7),
        "trial_names": False,
        "agent_types": ("distributor",),
        "agreed_types": frozenset({"distributor"}),
        **changes,
    }
    return House(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (plan(1), ()),
        (plan(2), (W.DOWNLINE_SALES,)),
        (plan(3), (W.DOWNLINE_SALES,)),
        (plan(None), ()),
        (plan(1, hold=timedelta(days=6)), (W.SHORT_HOLD,)),
        (plan(1, kind=PlanKind.DEPOSIT, name="promoter", most_each=1), (W.DEPOSIT_OF_PROMOTERS,)),
        (plan(1, kind=PlanKind.DEPOSIT, name="distributor", most_each=1), ()),
        (plan(None, kind=PlanKind.BONUS, depth=1), ()),
        (plan(None, kind=PlanKind.BONUS, depth=2), (W.DOWNLINE_SALES,)),
        (
            plan(None, kind=PlanKind.BONUS, depth=1, basis=PlanBasis.REFERRED_AGENT_SALES),
            (W.DOWNLINE_SALES,),
        ),
        (plan(None, kind=PlanKind.BONUS, depth=1, hold=timedelta(0)), (W.SHORT_HOLD,)),
    ],
)
def test_what_is_asked_about_one_plan(one: Plan, found: tuple[W, ...]) -> None:
    assert judged(one, house()) == found


@pytest.mark.parametrize(
    ("plans", "changes", "found"),
    [
        ([plan(1, 20), plan(2, 10)], {}, ()),
        ([plan(1, 20), plan(2, 10), plan(3, 1)], {}, (W.HIGH_SHARE,)),
        ([plan(1, 20), plan(1, 25), plan(2, 4)], {}, ()),
        ([plan(1, 90, everywhere=False)], {}, ()),
        ([plan(1, 60, basis=PlanBasis.MARGIN), plan(2, 40, basis=PlanBasis.MARGIN)], {},
         (W.WHOLE_MARGIN,)),
        ([], {"depth": 3}, (W.THREE_LEVELS,)),
        ([], {"agreed_types": frozenset()}, (W.NO_AGREEMENT,)),
        ([], {"trial_names": True}, (W.TRIAL_NAMES,)),
    ],
)  # fmt: skip
def test_what_is_asked_about_all_of_it(
    plans: list[Plan], changes: dict[str, object], found: tuple[W, ...]
) -> None:
    assert overall(plans, house(**changes)) == found


def test_a_share_is_the_dearest_rule_of_each_level() -> None:
    plans = [plan(1, 3), plan(1, 5), plan(2, 2), plan(3, 1), plan(None, 90)]
    assert share_of(plans, PlanBasis.NET_PRICE) == Decimal(8)


async def test_the_report_lists_each_plan_with_its_basis_and_each_guard_is_there() -> None:
    await make.rule(1, RuleKind.PERCENT, 30_000)
    await make.rule(2, RuleKind.MARGIN_PERCENT, 50_000)
    await make.rule(3, RuleKind.FIXED, 2_000)
    await deposits.set_terms(make.OPERATOR, AgentType.PROMOTER, make.money(100), None)
    await make.agent_chain()
    staff = await make.operator("compliance:read")
    report = await compliance.make_report(staff)
    told = {(each.kind, each.basis, each.level, each.most_percent, each.most_each)
            for each in report.plans}  # fmt: skip
    assert told == {
        (PlanKind.COMMISSION, PlanBasis.NET_PRICE, 1, Decimal(3), None),
        (PlanKind.COMMISSION, PlanBasis.MARGIN, 2, Decimal(5), None),
        (PlanKind.COMMISSION, PlanBasis.PIECES, 3, None, 2_000),
        (PlanKind.DEPOSIT, PlanBasis.REFUNDABLE, None, None, make.yuan(100)),
    }
    assert report.agents_at == [1, 1, 1]
    assert (report.depth, report.hard_depth) == (agents.limits.depth, 3)
    assert W.NO_AGREEMENT in report.warnings
    assert all(guard.present for guard in report.guards), report.guards


async def test_contracts_of_providers_are_told_beside_the_plans_of_agents() -> None:
    world = await providing.world()
    await providers.save_provider(world.clerk, "TRAFFIC-1", "王小明", ProviderKind.PERSON)
    draft = replace(providing.by_result(world.site), from_month="2020-01")
    await world.agree(draft)  # ended by the next one
    await world.agree(replace(draft, from_month="2020-02", rate=35_000))
    await world.agree(providing.with_bonus(world.site))
    await world.agree(providing.with_extras(from_month="2031-04"))
    report = await compliance.make_report(await make.operator("compliance:read"))
    told = [(each.name, each.basis, each.most_percent, each.most_each, each.warnings)
            for each in report.plans]  # fmt: skip
    assert told == [
        ("TRAFFIC-1", PlanBasis.SERVICE, None, make.yuan(2_000), ()),
        ("TRAFFIC-1", PlanBasis.NET_PRICE, None, make.yuan(1_200), (W.PERSON_BY_RESULT,)),
        ("TRAFFIC-1", PlanBasis.NET_PRICE, Decimal("3.5"), None, (W.PERSON_BY_RESULT,)),
    ]
    assert {each.kind for each in report.plans} == {PlanKind.PROVIDER}


def test_every_kind_and_basis_has_its_words_on_the_page() -> None:
    assert {each.value for each in (*PlanKind, *PlanBasis)} <= set(printing.WORDS)


async def test_a_guard_that_somebody_took_away_is_named() -> None:
    staff = await make.operator("compliance:read")
    async with connection() as conn:
        await conn.execute("ALTER TABLE orders DROP CONSTRAINT order_three_agents_at_most")
    try:
        report = await compliance.make_report(staff)
    finally:
        async with connection() as conn:
            await conn.execute(
                "ALTER TABLE orders ADD CONSTRAINT order_three_agents_at_most"
                " CHECK (cardinality(agent_chain) <= 3)"
            )
    gone = [guard.name for guard in report.guards if not guard.present]
    assert gone == ["order_three_agents_at_most"]


async def test_a_report_takes_its_scope() -> None:
    with pytest.raises(Refused) as refused:
        await compliance.make_report(await make.operator("commissions:read"))
    assert isinstance(refused.value.refusals[0], Forbidden)


async def test_a_bonus_is_listed_with_its_basis_its_depth_and_its_most() -> None:
    bonuses.switches.team = True
    try:
        await in_force(team(0, last_month=month(0)), 0)
    finally:
        bonuses.switches.team = False
    report = await compliance.make_report(await make.operator("compliance:read"))
    (listed,) = report.plans
    assert (listed.kind, listed.basis, listed.depth) == (PlanKind.BONUS, PlanBasis.TEAM_SALES, 2)
    assert (listed.most_percent, listed.most_of_margin) == (Decimal(1), Decimal(10))
    assert listed.warnings == (W.DOWNLINE_SALES,)
