# ruff: noqa: E501 - one attempt a line
"""Plans that nobody can configure: each tried by raw SQL or over the API (mission rows L11, G3).

What must be impossible is part 7 of the design of money. A list of attempts, each of which fails
for the reason it should: a constraint by its name, or a field that does not exist.
"""

from uuid import UUID

import asyncpg
import pytest

from domain import checkout
from domain.checkout import LineWish, Purchase
from domain.commissions import Commission, RuleKind
from domain.kernel import connection
from schema.admin import schema as admin
from tests import make
from tests.api.asking import ask

pytestmark = pytest.mark.usefixtures("db")

RULE = """
INSERT INTO commission_rules (id, scope, scope_id, agent_id, level, kind, value, hold_days,
    valid_from) VALUES (gen_random_uuid(), {values}, now())
"""
TERMS = """
INSERT INTO tier_terms (id, tier, months, sales, quantity, customers, clean, grace, timing,
    effective_at, set_at) VALUES (gen_random_uuid(), {values}, now(), now())
"""
DEPOSIT = """
INSERT INTO deposit_terms (id, agent_type, amount, currency, effective_at, set_at)
VALUES (gen_random_uuid(), {values}, 'CNY', now(), now())
"""
EARNED = """
INSERT INTO commissions (id, order_line_id, consumer, agent_id, level, basis, amount, currency,
    rule, earned_at, release_at)
SELECT gen_random_uuid(), {line}, {consumer}, (SELECT id FROM agents WHERE depth = 1), {level}, 1,
    {amount}, 'CNY', '{{}}', now(), now()
"""
PLAN = """
INSERT INTO bonus_plans (id, kind, name, basis, depth, currency, from_sales, rates, min_own_sales,
    cap_margin_rate, cap_each, cap_month, cap_sales_rate, hold_days, first_month, last_month, state, note, proposed_by,
    proposed_at, decided_by, decided_at)
VALUES (gen_random_uuid(), {kind}, 'x', {basis}, {depth}, 'CNY', {steps}, {own}, {cap}, {caps}, 0, 7,
    {months}, {decided})
"""
MONTHS = "date_trunc('month', now())::date, date_trunc('month', now())::date"
PROPOSED = "'proposed', 'x', gen_random_uuid(), now(), NULL, NULL"
ALONE = "'approved', 'x', '{0}', now(), '{0}', now()".format(UUID(int=1))


def planned(**changes: str) -> str:
    """A plan that would do, but for what is changed."""
    values = {
        "kind": "'performance'",
        "basis": "'own_sales'",
        "depth": "1",
        "steps": "'{1000}', '{100}'",
        "own": "0",
        "cap": "3000",
        "caps": "NULL, NULL",
        "months": MONTHS,
        "decided": PROPOSED,
    }
    return PLAN.format(**{**values, **changes})


TEAM = {"kind": "'team'", "basis": "'team_sales'", "depth": "2", "own": "1"}
REFERRAL = {"kind": "'referral'", "basis": "'referred_agent_sales'", "caps": "1, 1"}
AWARD = """
INSERT INTO commission_awards (id, plan_id, kind, agent_id, month, lines, sales, margin, uncosted,
    rate, wished, amount, currency, terms, earned_at, release_at)
SELECT gen_random_uuid(), {plan}, 'performance', (SELECT id FROM agents WHERE depth = 1),
    date_trunc('month', now())::date, {lines}, {sales}, 1000000, 0, 100, 10, {amount}, 'CNY', '{{}}',
    now(), now()
"""
APPROVED = "(SELECT id FROM bonus_plans LIMIT 1)"
SOLD = "(SELECT order_line_id FROM commissions LIMIT 1)"
FILED = EARNED.format(line=SOLD, consumer="true", level=3, amount=1)

BY_SQL = [
    # 1: a reward for anything but a sale
    ("a reward for recruits", RULE.format(values="'default', NULL, NULL, 1, 'recruit', 1, 3"), "rule_kind_known"),
    ("a reward for joining", RULE.format(values="'default', NULL, NULL, 1, 'joining', 1, 3"), "rule_kind_known"),
    ("a reward for a deposit", RULE.format(values="'default', NULL, NULL, 1, 'deposit', 1, 3"), "rule_kind_known"),
    ("a daily return", RULE.format(values="'default', NULL, NULL, 1, 'daily', 1, 3"), "rule_kind_known"),
    ("a matching bonus", RULE.format(values="'default', NULL, NULL, 1, 'matching', 1, 3"), "rule_kind_known"),
    ("a commission without a sale", EARNED.format(line="gen_random_uuid()", consumer="true", level=3, amount=1), "commission_of_a_consumer_line"),
    ("a commission on an agent's own stock", EARNED.format(line=SOLD, consumer="false", level=3, amount=1), "commission_on_consumer_sale_only"),
    ("a commission of nothing", EARNED.format(line=SOLD, consumer="true", level=3, amount=0), "commission_above_zero"),
    ("a commission beyond the margin", EARNED.format(line=SOLD, consumer="true", level=3, amount=10_000_000), "commission_within_margin"),
    # 2: more levels, or more who earn
    ("a rule of a fourth level", RULE.format(values="'default', NULL, NULL, 4, 'percent', 1, 3"), "rule_level_at_most_three"),
    ("a rule of level 0", RULE.format(values="'default', NULL, NULL, 0, 'percent', 1, 3"), "rule_level_at_most_three"),
    ("a rule of every level", RULE.format(values="'default', NULL, NULL, NULL, 'percent', 1, 3"), "rule_of_a_level_or_agent"),
    ("a commission of a fourth level", EARNED.format(line=SOLD, consumer="true", level=4, amount=1), "commission_level_at_most_three"),
    ("two that earn at one level", EARNED.format(line=SOLD, consumer="true", level=1, amount=1), None),
    ("a fourth level of agents", "UPDATE agents SET depth = 4, parent_depth = 3 WHERE depth = 3", "agent_depth_at_most_three"),
    ("an agent above its own parent", "UPDATE agents SET depth = 1 WHERE depth = 3", "agent_below_its_parent_only"),
    ("a circle", "UPDATE agents SET parent_id = id WHERE depth = 2", None),
    ("an agent below a promoter", "UPDATE agents SET type = 'promoter', leaf = true WHERE depth = 2", None),
    ("a promoter that is no leaf", "UPDATE agents SET type = 'promoter' WHERE depth = 3", "agent_promoter_is_leaf"),
    ("an order with four agents", "UPDATE orders SET agent_chain = agent_chain || gen_random_uuid() || gen_random_uuid()", "order_chain_kept"),
    # 3 and 4: paid entry, paid levels
    ("a tier that takes no sales", TERMS.format(values="'gold', 1, 0, 0, 0, true, 0, 'at_once'"), "tier_terms_stand_on_sales"),
    ("terms of the tier where all begin", TERMS.format(values="'bronze', 1, 1, 1, 1, true, 0, 'at_once'"), "tier_terms_of_a_tier"),
    ("a tier by recruits", "UPDATE tier_terms SET recruits = 5", "column"),
    ("a tier with a price", "UPDATE tier_terms SET price = 1", "column"),
    ("a tier by deposit", "UPDATE tier_terms SET deposit = 1", "column"),
    ("an agent's fee", "UPDATE agents SET fee = 1", "column"),
    ("a first order that is due", "UPDATE agents SET first_order = 1", "column"),
    ("a deposit as high as an entrance fee", DEPOSIT.format(values="'distributor', 100000001"), "deposit_terms_within_the_limit"),
    ("a deposit of recruits", DEPOSIT.format(values="'recruiter', 1"), "deposit_type_known"),
    ("a deposit for the right to recruit", "UPDATE deposit_terms SET unlocks = 'recruit'", "column"),
    # 5 and 7: beyond the price
    ("more than all of it", RULE.format(values="'default', NULL, NULL, 1, 'percent', 1000001, 3"), "rule_percent_at_most_hundred"),
    ("a share below zero", RULE.format(values="'default', NULL, NULL, 1, 'percent', -1, 3"), "rule_value_not_negative"),
    ("a wait of a year", RULE.format(values="'default', NULL, NULL, 1, 'percent', 1, 365"), "rule_hold_at_most_ninety"),
    # 6 and 7: bonuses
    ("a bonus for recruits", planned(kind="'recruit'"), "bonus_stands_on_sales_of_its_kind"),
    ("a bonus on registrations", planned(basis="'registrations'"), "bonus_stands_on_sales_of_its_kind"),
    ("a bonus on deposits", planned(basis="'deposits'"), "bonus_stands_on_sales_of_its_kind"),
    ("a bonus on own purchases", planned(basis="'own_purchases'"), "bonus_stands_on_sales_of_its_kind"),
    ("a matching bonus on what others earn", planned(kind="'matching'", basis="'commissions'"), "bonus_stands_on_sales_of_its_kind"),
    ("a bonus each day", planned(kind="'daily'"), "bonus_stands_on_sales_of_its_kind"),
    ("a performance award on a team", planned(basis="'team_sales'"), "bonus_stands_on_sales_of_its_kind"),
    ("a bonus from no sales on", planned(steps="'{0}', '{100}'"), "bonus_steps_of_sales"),
    ("a bonus without a step", planned(steps="'{}', '{}'"), "bonus_steps_of_sales"),
    ("a bonus of all that was sold", planned(steps="'{1000}', '{10000}'"), "bonus_steps_of_sales"),
    ("a team award of four levels", planned(**{**TEAM, "depth": "4"}), "bonus_depth_at_most_three"),
    ("a team award of any depth", planned(**{**TEAM, "depth": "NULL"}), None),
    ("a performance award of two levels", planned(depth="2"), "bonus_depth_at_most_three"),
    ("a team award for who sells nothing", planned(**{**TEAM, "own": "0"}), "bonus_of_a_team_that_sells_itself"),
    ("a bonus without a cap", planned(cap="NULL"), None),
    ("a cap of nothing", planned(cap="0"), "bonus_within_its_caps"),
    ("a cap above half of the margin", planned(cap="5001"), "bonus_within_its_caps"),
    ("a bonus without an end", planned(months="date_trunc('month', now())::date, NULL"), None),
    ("a bonus for ten years", planned(months="date_trunc('month', now())::date, '2099-01-01'"), "bonus_valid_for_a_time"),
    ("a bonus for the year that is over", planned(months="'2020-01-01', '2020-12-01'"), "bonus_valid_for_a_time"),
    ("a bonus that one person approves", planned(decided=ALONE), "bonus_proposed_first"),
    ("a referral that registration alone rewards", planned(**{**REFERRAL, "basis": "'registrations'"}), "bonus_stands_on_sales_of_its_kind"),
    ("a referral without a most", planned(**{**REFERRAL, "caps": "1, NULL"}), "bonus_of_referrals_within_a_month"),
    ("a referral of two levels", planned(**{**REFERRAL, "depth": "2"}), "bonus_depth_at_most_three"),
    ("a referral from no sales on", planned(**{**REFERRAL, "steps": "'{0}', '{100}'"}), "bonus_steps_of_sales"),
    ("a bonus per recruit", "UPDATE bonus_plans SET per_recruit = 1", "column"),
    ("an award without a plan", AWARD.format(plan="gen_random_uuid()", lines=1, sales=1000, amount=1), "award_by_a_plan"),
    ("an award without a sale", AWARD.format(plan=APPROVED, lines=0, sales=1000, amount=1), None),
    ("an award without a plan's name", AWARD.format(plan="NULL", lines=1, sales=1000, amount=1), None),
]  # fmt: skip
BY_API = [
    'mutation { commissionRuleSave(input: {kind: RECRUIT, level: 1, percent: "1"}) { userErrors { code } } }',
    'mutation { commissionRuleSave(input: {kind: PERCENT, level: 1, perRecruit: "1"}) { userErrors { code } } }',
    'mutation { commissionRuleSave(input: {kind: PERCENT, level: 1, onDeposit: true}) { userErrors { code } } }',
    'mutation { agentCreate(input: {userId: "x", name: "x", tier: GOLD, fee: 1}) { userErrors { code } } }',
    'mutation { agentTierSet(input: {agentId: "x", tier: GOLD, price: 1}) { userErrors { code } } }',
    'mutation { tierTermsSet(input: {tier: GOLD, recruits: 5}) { userErrors { code } } }',
    'mutation { tierTermsSet(input: {tier: GOLD, price: 5}) { userErrors { code } } }',
    'mutation { depositTermsSet(input: {type: DISTRIBUTOR, unlocks: RECRUIT}) { userErrors { code } } }',
    'mutation { agentDepthSet(input: {depth: 4}) { userErrors { code } } }',
    'mutation { bonusPlanPropose(input: {kind: RECRUIT, name: "x"}) { userErrors { code } } }',
    'mutation { bonusPlanPropose(input: {kind: PERFORMANCE, basis: REGISTRATIONS}) { userErrors { code } } }',
    'mutation { bonusPlanPropose(input: {kind: PERFORMANCE, perRecruit: "1"}) { userErrors { code } } }',
    'mutation { bonusPlanPropose(input: {kind: TEAM, unlimited: true}) { userErrors { code } } }',
    'mutation { bonusPlanApprove(input: {id: "x", alone: true}) { userErrors { code } } }',
    'mutation { bonusAwardCreate(input: {agentId: "x", amount: 1}) { userErrors { code } } }',
    'mutation { payoutRealNameOff { userErrors { code } } }',
]  # fmt: skip


async def a_sale() -> UUID:
    """One on which the two nearest of three agents earn."""
    *_, leaf = await make.agent_chain()
    for level in (1, 2):
        await make.rule(level, RuleKind.PERCENT, 10_000)
    variant = await make.variant(price=make.yuan(100), cards=1)
    buyer = await make.buyer(referrer=leaf.id)
    await checkout.place_order(buyer, Purchase((LineWish(variant.sku, 1),), "key"))
    return leaf.id


@pytest.mark.parametrize(("sql", "name"), [each[1:] for each in BY_SQL], ids=[e[0] for e in BY_SQL])
async def test_the_database_refuses(sql: str, name: str | None) -> None:
    await a_sale()
    before = await Commission.all().count()
    wanted = (
        asyncpg.UndefinedColumnError
        if name == "column"
        else asyncpg.IntegrityConstraintViolationError
    )
    with pytest.raises(wanted) as refused:
        async with connection() as conn:
            await conn.execute(sql)
    if name not in (None, "column"):
        assert refused.value.constraint_name == name
    assert await Commission.all().count() == before


@pytest.mark.parametrize("document", BY_API)
async def test_the_api_has_no_word_for_it(document: str) -> None:
    staff = await make.operator("commissions:write", "agents:write", "tiers:write")
    answer = await ask(admin, document, staff)
    codes = {each.extensions["code"] for each in answer.errors or []}
    assert codes == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize("wish", [
    'kind: PERCENT, level: 4, percent: "1"',
    'kind: PERCENT, level: 0, percent: "1"',
    'kind: PERCENT, level: 1, percent: "100.5"',
    'kind: PERCENT, level: 1, percent: "-1"',
    'kind: PERCENT, level: 1, percent: "1", holdDays: 91',
    'kind: PERCENT, percent: "1"',
])  # fmt: skip
async def test_the_api_refuses_what_it_has_words_for(wish: str) -> None:
    staff = await make.operator("commissions:write")
    document = f"mutation {{ commissionRuleSave(input: {{{wish}}}) {{ userErrors {{ code }} }} }}"
    answer = await ask(admin, document, staff)
    assert not answer.errors, answer.errors
    assert {each["code"] for each in answer.data["commissionRuleSave"]["userErrors"]} == {"INVALID"}


async def test_the_list_of_attempts_is_long_and_one_of_them_would_pass_otherwise() -> None:
    """Thirty at the least, as promised; and what differs from a refused one by nothing but the rule
    goes in, so that none is refused for another reason."""
    assert len(BY_SQL) + len(BY_API) >= 30
    await a_sale()
    async with connection() as conn:
        await conn.execute(RULE.format(values="'default', NULL, NULL, 3, 'percent', 1, 3"))
        await conn.execute(TERMS.format(values="'gold', 1, 1, 0, 0, true, 0, 'at_once'"))
        await conn.execute(DEPOSIT.format(values="'distributor', 100"))
        await conn.execute(FILED)
        await conn.execute(planned())
        await conn.execute(planned(**TEAM))
        await conn.execute(planned(**REFERRAL))
