"""The compliance report: each plan, and what holds it (mission row L12)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain import aftersale, agents, agreements, bonuses, deposits, providers, realname, tiers
from domain.agents import MAX_DEPTH, AgentType
from domain.bonuses import BonusBasis, BonusPlan
from domain.commissions import CommissionRule, RuleKind, RuleScope
from domain.compliance.rules import (
    PERCENT,
    ComplianceWarning,
    House,
    Plan,
    PlanBasis,
    PlanKind,
    judged,
    overall,
)
from domain.kernel import Actor, clock, connection
from domain.providers import ContractBasis
from domain.tiers import TierTerms

READ_SCOPE = "compliance:read"
MOST_PLANS = 2_000
TRIAL = "sandbox"
RATE_PERCENT = Decimal(100)  # 1 % as bonus plans keep it
_BASES = {
    RuleKind.PERCENT: PlanBasis.NET_PRICE,
    RuleKind.MARGIN_PERCENT: PlanBasis.MARGIN,
    RuleKind.FIXED: PlanBasis.PIECES,
    RuleKind.PRICE_DIFFERENCE: PlanBasis.PRICE_DIFFERENCE,
}
_BONUS_BASES = {
    BonusBasis.OWN_SALES: PlanBasis.SETTLED_SALES,
    BonusBasis.LINK_SALES: PlanBasis.LINK_SALES,
    BonusBasis.NEW_CUSTOMER_SALES: PlanBasis.NEW_CUSTOMER_SALES,
    BonusBasis.REFERRED_AGENT_SALES: PlanBasis.REFERRED_AGENT_SALES,
    BonusBasis.REFERRED_BUYER_PURCHASES: PlanBasis.REFERRED_BUYER_PURCHASES,
    BonusBasis.TEAM_SALES: PlanBasis.TEAM_SALES,
}
_PROVIDER_BASES = {
    ContractBasis.NET_SALES: PlanBasis.NET_PRICE,
    ContractBasis.MARGIN: PlanBasis.MARGIN,
    ContractBasis.ORDERS: PlanBasis.ORDERS,
}
# What the database itself refuses, whoever writes: each by the name of its constraint.
GUARDS = (
    "agent_depth_at_most_three",
    "agent_below_its_parent_only",
    "agent_promoter_is_leaf",
    "order_three_agents_at_most",
    "rule_level_at_most_three",
    "rule_percent_at_most_hundred",
    "commission_level_at_most_three",
    "commission_on_consumer_sale_only",
    "deposit_terms_within_the_limit",
    "tier_terms_stand_on_sales",
    "bonus_stands_on_sales_of_its_kind",
    "bonus_steps_of_sales",
    "bonus_depth_at_most_three",
    "bonus_within_its_caps",
    "bonus_decided_by_another",
    "award_stands_on_sales",
    "award_of_a_referral_for_a_party",
    "provider_results_have_a_scope",
    "provider_terms_of_their_model",
    "provider_terms_of_four_eyes",
)
_PRESENT = "SELECT conname FROM pg_constraint WHERE conname = ANY($1::text[]) AND convalidated"
_LEVELS = "SELECT depth, count(*) FROM agents WHERE status <> 'closed' GROUP BY depth"


@dataclass(frozen=True, slots=True)
class Guard:
    """A constraint of the database, and whether it is there and valid."""

    name: str
    present: bool


@dataclass(frozen=True, slots=True)
class Report:
    """All plans that are in force or to come, as of a moment."""

    at: datetime
    depth: int  # levels that new agents may make
    hard_depth: int  # no setting goes beyond
    agents_at: list[int]  # agents that are not closed, at the levels 1 to 3
    plans: list[Plan]
    warnings: tuple[ComplianceWarning, ...]
    guards: list[Guard]
    more: bool  # there are more rules than a report lists


async def make_report(actor: Actor) -> Report:
    """What agents may get or owe here, by which basis, how much at the most, and what to ask
    counsel about. Needs `compliance:read`; reads only."""
    actor.require_scope(READ_SCOPE)
    moment = clock.now()
    house = await _house(moment)
    rules = await CommissionRule.all().order_by("-id")
    standing = [rule for rule in rules if rule.valid_until is None or rule.valid_until > moment]
    plans = [_of_rule(rule) for rule in standing[:MOST_PLANS]]
    plans += [_of_tier(terms) for terms in await tiers.current_terms()]
    plans += [_of_bonus(plan) for plan in await bonuses.plans_in_force()]
    plans += await _deposits(moment)
    plans += [_of_contract(each) for each in await providers.agreed_terms(moment)]
    plans = [replace(plan, warnings=judged(plan, house)) for plan in plans]
    async with connection() as conn:
        present = {row["conname"] for row in await conn.fetch(_PRESENT, list(GUARDS))}
        levels = {row["depth"]: row["count"] for row in await conn.fetch(_LEVELS)}
    return Report(
        at=moment,
        depth=agents.limits.depth,
        hard_depth=MAX_DEPTH,
        agents_at=[levels.get(level, 0) for level in (1, 2, 3)],
        plans=plans,
        warnings=overall(plans, house),
        guards=[Guard(name, name in present) for name in GUARDS],
        more=len(standing) > MOST_PLANS,
    )


async def _house(moment: datetime) -> House:
    agreed = {
        str(each)
        for version in await agreements.current_agreements()
        if version.effective_at <= moment
        for each in version.types
    }
    return House(
        depth=agents.limits.depth,
        dispute=aftersale.windows.dispute,
        trial_names=realname.provider.name == TRIAL,
        agent_types=tuple(AgentType),
        agreed_types=frozenset(agreed),
    )


def _of_rule(rule: CommissionRule) -> Plan:
    percent = rule.kind in (RuleKind.PERCENT, RuleKind.MARGIN_PERCENT)
    return Plan(
        id=rule.id,
        kind=PlanKind.COMMISSION,
        basis=_BASES[rule.kind],
        name=rule.scope.value,
        level=rule.level,
        most_percent=Decimal(rule.value) / PERCENT if percent else None,
        most_each=rule.value if rule.kind is RuleKind.FIXED else None,
        hold=timedelta(days=rule.hold_days),
        everywhere=rule.scope is RuleScope.DEFAULT and rule.agent_id is None,
    )


def _of_tier(terms: TierTerms) -> Plan:
    return Plan(terms.id, PlanKind.TIER, PlanBasis.SETTLED_SALES, terms.tier.value)


def _of_bonus(plan: BonusPlan) -> Plan:
    return Plan(
        id=plan.id,
        kind=PlanKind.BONUS,
        basis=_BONUS_BASES[plan.basis],
        name=plan.kind.value,
        most_percent=Decimal(max(plan.rates)) / RATE_PERCENT,
        most_each=plan.cap_each,
        hold=timedelta(days=plan.hold_days),
        depth=plan.depth,
        most_of_margin=Decimal(plan.cap_margin_rate) / RATE_PERCENT,
    )


def _of_contract(agreed: providers.Agreed) -> Plan:
    terms = agreed.terms
    rates = [terms.rate or 0, *(step["rate"] for step in terms.steps)]
    sums = terms.fee + sum(step["amount"] for step in terms.steps)
    return Plan(
        id=terms.id,
        kind=PlanKind.PROVIDER,
        basis=_PROVIDER_BASES[terms.basis] if terms.basis else PlanBasis.SERVICE,
        name=agreed.provider.code,
        most_percent=Decimal(max(rates)) / PERCENT if any(rates) else None,
        most_each=terms.per_order or sums or None,
        of_person=agreed.provider.kind is providers.ProviderKind.PERSON,
    )


async def _deposits(moment: datetime) -> list[Plan]:
    found: dict[str, Plan] = {}
    for terms in await deposits.all_terms():  # newest first
        if terms.effective_at <= moment:
            plan = Plan(
                terms.id,
                PlanKind.DEPOSIT,
                PlanBasis.REFUNDABLE,
                terms.agent_type,
                most_each=terms.amount,
            )
            found.setdefault(terms.agent_type, plan)
    return [plan for plan in found.values() if plan.most_each]
