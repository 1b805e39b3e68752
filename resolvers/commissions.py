"""How the fields of commissions and their rules are answered."""

from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry import Parent

from domain import agents, commissions, ledger
from domain.checkout import CURRENCY
from domain.commissions import CommissionRule, RuleKind, RuleScope
from domain.kernel import (
    Invalid,
    Money,
    Page,
    Prefix,
    Refused,
    decode_id,
    encode_id,
    page_request,
    parse_units,
    refuse_unless,
)
from resolvers.agents import is_own
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of

_PERCENTS = (RuleKind.PERCENT, RuleKind.MARGIN_PERCENT)


async def balances(
    agent: Parent[agents.Agent], info: Info
) -> commissions.CommissionBalances | None:
    """What the agent has of its commissions; only itself and the back office see it."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await info.context.loaders.commission_balances.load(agent.id)


async def earnings(agent: Parent[agents.Agent], info: Info) -> commissions.Earnings | None:
    """How the agent stands; only itself and the back office see it."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await info.context.loaders.earnings.load(agent.id)


def explanation(earned: Parent[commissions.EarnedCommission], info: Info) -> str:
    """How the amount came about, in the caller's language."""
    return earned.explained(info.context.language)


def share_explanation(share: Parent[commissions.SimulatedShare], info: Info) -> str:
    """How the amount would come about, in the caller's language."""
    return share.explained(info.context.language)


async def commission_to_wallet(
    info: Info, idempotency_key: str, amount: MoneyInput
) -> dict[str, object]:
    """Move available commission of the caller into its wallet."""
    money = money_of(amount, "amount", currency=CURRENCY)
    moved = await commissions.move_to_wallet(info.context.actor, money, idempotency_key)
    wallet = await ledger.wallet_of(moved.agent.user_id, CURRENCY)
    return {"agent": moved.agent, "wallet": wallet, "replayed": moved.replayed}


async def commission_rules(
    info: Info, first: int | None = None, after: str | None = None, ended: bool = False
) -> Page[CommissionRule]:
    """Versions of rules, newest first."""
    page = page_request("commissionRules", first, after)
    return await commissions.list_rules(info.context.actor, page, ended=ended)


async def commission_rule_save(
    info: Info,
    kind: RuleKind,
    percent: Decimal | None = None,
    amount: MoneyInput | None = None,
    level: int | None = None,
    agent_id: strawberry.ID | None = None,
    sku: str | None = None,
    category_slug: str | None = None,
    hold_days: int = 3,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> CommissionRule:
    """Put a version of a rule in force."""
    if sku is not None and category_slug is not None:
        raise Refused(Invalid(reason="commission_one_scope", field=("sku",)))
    scope = RuleScope.VARIANT if sku is not None else RuleScope.CATEGORY
    if sku is None and category_slug is None:
        scope = RuleScope.DEFAULT
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",)) if agent_id else None
    draft = commissions.RuleDraft(
        kind=kind,
        value=_value(kind, percent, amount),
        level=level,
        agent_id=agent,
        scope=scope,
        scope_id=await commissions.scope_id_of(scope, sku or category_slug or ""),
        hold_days=hold_days,
        valid_from=valid_from,
        valid_until=valid_until,
    )
    return await commissions.save_rule(info.context.actor, draft)


async def commission_rule_end(
    info: Info, rule_id: strawberry.ID, at: datetime | None = None
) -> CommissionRule:
    """Let a version of a rule end."""
    rule = decode_id(Prefix.COMMISSION_RULE, rule_id, field=("ruleId",))
    return await commissions.end_rule(info.context.actor, rule, at)


async def commission_simulate(
    info: Info,
    sku: str,
    promoter_code: str,
    quantity: int = 1,
    unit_price: MoneyInput | None = None,
    unit_cost: MoneyInput | None = None,
    at: datetime | None = None,
) -> commissions.Simulation:
    """What a sale would earn whom."""
    wish = commissions.SimulationWish(
        sku=sku,
        promoter_code=promoter_code,
        quantity=quantity,
        unit_price=_units(unit_price, "unitPrice"),
        unit_cost=_units(unit_cost, "unitCost"),
        at=at,
    )
    return await commissions.simulate(info.context.actor, wish, CURRENCY)


def rule_percent(rule: Parent[CommissionRule]) -> Decimal | None:
    """Of the price or of the margin; null of the other kinds."""
    return Money(rule.value, "").amount if rule.kind in _PERCENTS else None


def rule_amount(rule: Parent[CommissionRule]) -> Money | None:
    """For each piece; null of the other kinds."""
    return Money(rule.value, CURRENCY) if rule.kind is RuleKind.FIXED else None


def rule_scope_id(rule: Parent[CommissionRule]) -> strawberry.ID | None:
    """The variant or the category that a rule is for."""
    if rule.scope_id is None:
        return None
    prefix = Prefix.VARIANT if rule.scope is RuleScope.VARIANT else Prefix.CATEGORY
    return strawberry.ID(encode_id(prefix, rule.scope_id))


def rule_agent_id(rule: Parent[CommissionRule]) -> strawberry.ID | None:
    """The agent that a rule is for."""
    return strawberry.ID(encode_id(Prefix.AGENT, rule.agent_id)) if rule.agent_id else None


def _value(kind: RuleKind, percent: Decimal | None, amount: MoneyInput | None) -> int:
    """What the kind asks for, and nothing else."""
    if kind is RuleKind.PRICE_DIFFERENCE and percent is None and amount is None:
        return 0
    if kind in _PERCENTS and percent is not None and amount is None:
        return parse_units(percent, field=("percent",))
    if kind is RuleKind.FIXED and amount is not None and percent is None:
        return money_of(amount, "amount", currency=CURRENCY).units
    raise Refused(Invalid(reason="commission_value_of_kind", field=("kind",)))


def _units(given: MoneyInput | None, name: str) -> int | None:
    return None if given is None else money_of(given, name, currency=CURRENCY).units
