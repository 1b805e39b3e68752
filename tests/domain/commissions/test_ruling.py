"""Which rule fits: the narrowest, in its newest version in force; and who may write one."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO
from uuid import UUID

import pytest

from domain import checkout, commissions
from domain.agents.models import Agent
from domain.catalog.models import Product, Variant
from domain.checkout import LineWish, Purchase
from domain.commissions import (
    Commission,
    CommissionRule,
    RuleDraft,
    RuleKind,
    RuleScope,
    SimulationWish,
    end_rule,
    import_rules,
    list_rules,
    save_rule,
    simulate,
)
from domain.kernel import Actor, Refused, clock, new_id, page_request
from domain.orders import OrderLine
from tests import make

pytestmark = pytest.mark.usefixtures("db")
OPERATOR = make.OPERATOR
PERCENT = RuleKind.PERCENT
DEFAULT, CATEGORY, VARIANT = RuleScope.DEFAULT, RuleScope.CATEGORY, RuleScope.VARIANT


async def earned_by(agent: Agent, variant: Variant) -> list[Commission]:
    """What a sale of one piece through the agent earns, nearest first."""
    await make.stock(variant, 1, unit_cost=1)
    buyer = await make.buyer(referrer=agent.id)
    wish = Purchase((LineWish(variant.sku, 1),), "key")
    order = (await checkout.place_order(buyer, wish)).order
    line = await OrderLine.get(order_id=order.id)
    return await Commission.filter(order_line_id=line.id).order_by("level")


async def shelf_of(variant: Variant) -> UUID:
    return (await Product.get(id=variant.product_id)).category_id


def draft(percent: int, **changes: object) -> RuleDraft:
    level = None if "agent_id" in changes else 1
    return replace(RuleDraft(PERCENT, percent * 10_000, level), **changes)  # type: ignore[arg-type]


async def test_the_narrowest_rule_wins() -> None:
    """money.md part 2: agent+SKU, agent+category, level+SKU, level+category, agent, default."""
    agent, variant = await make.agent(), await make.variant(price=make.yuan(100))
    other = await make.agent()
    shelf = await shelf_of(variant)
    widest_first = [
        draft(1),
        draft(2, agent_id=agent.id),
        draft(3, scope=CATEGORY, scope_id=shelf),
        draft(4, scope=VARIANT, scope_id=variant.id),
        draft(5, agent_id=agent.id, scope=CATEGORY, scope_id=shelf),
        draft(6, agent_id=agent.id, scope=VARIANT, scope_id=variant.id),
    ]
    for number, each in enumerate(widest_first, start=1):
        await save_rule(OPERATOR, each)
        (earned,) = await earned_by(agent, variant)
        assert earned.amount == make.yuan(number), each
    assert earned.rule["ofAgent"]
    (of_other,) = await earned_by(other, variant)
    assert of_other.amount == make.yuan(4)  # nobody's own rule is another one's


async def test_an_agents_rule_is_good_at_any_level() -> None:
    top, middle, low = await make.agent_chain()
    variant = await make.variant(price=make.yuan(100))
    for level in (1, 2, 3):
        await save_rule(OPERATOR, replace(draft(1), level=level))
    await save_rule(OPERATOR, draft(7, agent_id=top.id))
    assert [each.amount for each in await earned_by(low, variant)] == [
        make.yuan(1),
        make.yuan(1),
        make.yuan(7),
    ]
    assert [each.amount for each in await earned_by(top, variant)] == [make.yuan(7)]
    assert middle.depth == 2


async def test_a_version_without_end_replaces_the_one_in_force() -> None:
    agent, variant = await make.agent(), await make.variant(price=make.yuan(100))
    first = await save_rule(OPERATOR, draft(1))
    second = await save_rule(OPERATOR, draft(2))
    assert (first.version, second.version) == (1, 2)
    ended = await CommissionRule.get(id=first.id)
    assert ended.valid_until == second.valid_from
    (earned,) = await earned_by(agent, variant)
    assert (earned.amount, earned.rule["ruleId"]) == (make.yuan(2), str(second.id))


async def test_a_version_for_a_time_comes_before_the_one_in_force() -> None:
    agent, variant = await make.agent(), await make.variant(price=make.yuan(100))
    await save_rule(OPERATOR, draft(1))
    week = clock.now() + timedelta(days=7)
    await save_rule(
        OPERATOR, draft(9, valid_from=week, valid_until=week + timedelta(days=1), hold_days=0)
    )
    found = []
    for days in (0, 6, 7, 8):
        with make.later(days=days, seconds=60):
            (earned,) = await earned_by(agent, variant)
        found.append(earned.amount)
    assert found == [make.yuan(1), make.yuan(1), make.yuan(9), make.yuan(1)]


async def test_one_that_is_to_come_stays_when_another_is_put_in_force_now() -> None:
    agent, variant = await make.agent(), await make.variant(price=make.yuan(100))
    await save_rule(OPERATOR, draft(5, valid_from=clock.now() + timedelta(days=5)))
    await save_rule(OPERATOR, draft(1))
    found = []
    for days in (0, 6):
        with make.later(days=days):
            (earned,) = await earned_by(agent, variant)
        found.append(earned.amount)
    assert found == [make.yuan(1), make.yuan(5)]


async def test_a_rule_may_end_and_only_earlier() -> None:
    agent, variant = await make.agent(), await make.variant(price=make.yuan(100))
    rule = await save_rule(OPERATOR, draft(1))
    await end_rule(OPERATOR, rule.id, clock.now() + timedelta(days=1))
    assert len(await earned_by(agent, variant)) == 1
    with pytest.raises(Refused) as refused:
        await end_rule(OPERATOR, rule.id, clock.now() + timedelta(days=2))
    assert refused.value.refusals[0].code == "INVALID"
    await end_rule(OPERATOR, rule.id)
    assert await earned_by(agent, variant) == []
    page = page_request("rules", 10, None)
    assert (await list_rules(OPERATOR, page, ended=False)).rows == []
    assert [each.id for each in (await list_rules(OPERATOR, page, ended=True)).rows] == [rule.id]


async def test_nothing_takes_effect_in_the_past() -> None:
    before = clock.now()
    rule = await save_rule(OPERATOR, draft(1, valid_from=before - timedelta(days=30)))
    assert rule.valid_from >= before


@pytest.mark.parametrize(
    "wrong",
    [
        RuleDraft(PERCENT, 10_000),
        RuleDraft(PERCENT, 10_000, 0),
        RuleDraft(PERCENT, 10_000, 4),
        RuleDraft(PERCENT, 10_000, 1, agent_id=new_id()),
        RuleDraft(PERCENT, 1_000_001, 1),
        RuleDraft(RuleKind.MARGIN_PERCENT, 1_000_001, 1),
        RuleDraft(RuleKind.FIXED, -1, 1),
        RuleDraft(PERCENT, 1, 1, scope=VARIANT),
        RuleDraft(PERCENT, 1, 1, scope_id=new_id()),
        RuleDraft(PERCENT, 1, 1, hold_days=91),
        RuleDraft(PERCENT, 1, 1, hold_days=-1),
        RuleDraft(PERCENT, 1, 1, valid_until=clock.now() - timedelta(days=1)),
    ],
)
async def test_what_no_rule_may_be(wrong: RuleDraft) -> None:
    with pytest.raises(Refused) as refused:
        await save_rule(OPERATOR, wrong)
    assert refused.value.refusals[0].code == "INVALID"
    assert await CommissionRule.all().count() == 0


@pytest.mark.parametrize(
    "unknown",
    [
        RuleDraft(PERCENT, 1, agent_id=new_id()),
        RuleDraft(PERCENT, 1, 1, scope=CATEGORY, scope_id=new_id()),
        RuleDraft(PERCENT, 1, 1, scope=VARIANT, scope_id=new_id()),
    ],
)
async def test_a_rule_is_of_something_that_is_there(unknown: RuleDraft) -> None:
    with pytest.raises(Refused) as refused:
        await save_rule(OPERATOR, unknown)
    assert refused.value.refusals[0].code == "NOT_FOUND"


@pytest.mark.parametrize("scopes", [set(), {"agents:write"}, {"commissions:read"}])
async def test_who_may_not_write_rules(scopes: set[str]) -> None:
    actor: Actor = replace(OPERATOR, scopes=frozenset(scopes))
    with pytest.raises(Refused) as refused:
        await save_rule(actor, draft(1))
    assert refused.value.refusals[0].code == "FORBIDDEN"


async def test_a_simulation_is_what_the_sale_then_earns() -> None:
    top, middle, low = await make.agent_chain()
    prices = {make.Tier.BRONZE: make.yuan(97), make.Tier.SILVER: make.yuan(95)}
    variant = await make.variant(price=make.yuan(100), tier_prices=prices, cards=3, unit_cost=1)
    await save_rule(OPERATOR, RuleDraft(RuleKind.PRICE_DIFFERENCE, 0, 1))
    await save_rule(OPERATOR, RuleDraft(RuleKind.PRICE_DIFFERENCE, 0, 2))
    await save_rule(OPERATOR, RuleDraft(RuleKind.MARGIN_PERCENT, 5_000, agent_id=top.id))
    told = await simulate(OPERATOR, SimulationWish(variant.sku, low.code))
    earned = await earned_by(low, variant)
    assert [(each.agent_id, each.amount.units) for each in told.shares] == [
        (each.agent_id, each.amount) for each in earned
    ]
    assert [each.amount.units for each in told.shares] == [
        make.yuan(3),
        make.yuan(2),
        (make.yuan(100) - 1) // 200,
    ]
    parts = [told.cost, told.house, *(each.amount for each in told.shares)]
    assert sum(each.units for each in parts) == told.price.units == make.yuan(100)
    assert [each.agent_name for each in told.shares] == [low.name, middle.name, top.name]


async def test_a_simulation_may_ask_what_if() -> None:
    agent, variant = await make.agent(), await make.variant(price=make.yuan(100))
    rule = await save_rule(OPERATOR, draft(10))
    wish = SimulationWish(variant.sku, agent.code, 3, make.yuan(10), make.yuan("9.50"))
    told = await simulate(OPERATOR, wish)
    assert (told.margin.units, told.house.units) == (make.yuan("1.5"), 0)
    assert told.shares[0].amount.units == make.yuan("1.5")
    assert told.shares[0].rule["cutFrom"] == make.yuan(3)
    assert await Commission.all().count() == 0
    later = replace(wish, at=clock.now() + timedelta(days=3))
    await end_rule(OPERATOR, rule.id, clock.now() + timedelta(days=2))
    assert (await simulate(OPERATOR, later)).shares == []
    for wrong, code in (
        (replace(wish, unit_cost=None), "INVALID"),
        (replace(wish, quantity=0), "INVALID"),
        (replace(wish, unit_price=0), "INVALID"),
        (replace(wish, sku="NOTHING"), "NOT_FOUND"),
        (replace(wish, promoter_code="NOBODY"), "NOT_FOUND"),
    ):
        with pytest.raises(Refused) as refused:
            await simulate(OPERATOR, wrong)
        assert refused.value.refusals[0].code == code


async def test_rules_come_in_by_a_file_once() -> None:
    agent, variant = await make.agent(), await make.variant()
    text = (
        "scope,scope_code,level,kind,value,agent_code,hold_days\n"
        "default,,1,percent,2,,0\n"
        f"variant,{variant.sku},,margin_percent,12.5,{agent.code},\n"
        "category,nowhere,1,fixed,1,,\n"
    )
    saved, refused = await import_rules(OPERATOR, StringIO(text))
    assert (saved, [line for line, _ in refused]) == (2, [4])
    assert (await import_rules(OPERATOR, StringIO(text)))[0] == 0
    of_agent = await CommissionRule.get(agent_id=agent.id)
    assert (of_agent.level, of_agent.value, of_agent.hold_days) == (None, 125_000, 3)
    assert (await CommissionRule.get(level=1)).hold_days == 0
    with pytest.raises(Refused):
        await import_rules(OPERATOR, StringIO("scope,level\n"))
    assert commissions.RuleKind("margin_percent") is RuleKind.MARGIN_PERCENT
