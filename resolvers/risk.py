"""How rules of risk are saved and held orders decided (back office)."""

from typing import Any

import strawberry
from strawberry import Parent

from domain import checkout, risk
from domain.checkout import ReviewDecision
from domain.kernel import Page, Prefix, decode_id, encode_id, page_request
from domain.risk import Condition, RiskCase, RiskCaseState, RiskDecision, RiskKind, RiskSubject
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


@strawberry.input(description="One condition; all of a rule's must hold.")
class RiskConditionInput:
    kind: RiskKind
    more_than: int | None = strawberry.field(
        default=None, description="CATEGORY_QUANTITY, ORDERS: holds above it."
    )
    amount: MoneyInput | None = strawberry.field(
        default=None, description="AMOUNT, CATEGORY_AMOUNT, FIRST_PURCHASE: holds above it."
    )
    minutes: int | None = strawberry.field(
        default=None, description="ORDERS: the period. ACCOUNT_AGE: holds below it."
    )
    category_id: strawberry.ID | None = None
    by: RiskSubject | None = strawberry.field(default=None, description="ORDERS, DENIED.")
    values: list[str] | None = strawberry.field(
        default=None,
        description="DENIED: ids of buyers, addresses, or accounts. Kept as keyed digests only.",
    )


async def risk_rules(info: Info) -> list[risk.ShownRule]:
    """The newest version of each rule."""
    return await risk.list_rules(info.context.actor)


async def risk_cases(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    states: list[RiskCaseState] | None = None,
) -> Page[RiskCase]:
    """Held orders, newest first."""
    page = page_request("riskCases", first, after)
    return await risk.list_cases(info.context.actor, page, states)


async def risk_rule_save(
    info: Info,
    name: str,
    conditions: list[RiskConditionInput],
    decision: RiskDecision,
    shadow: bool = False,
    enabled: bool = True,
    id: strawberry.ID | None = None,
) -> risk.ShownRule:
    """Write the next version of a rule."""
    draft = risk.RuleDraft(
        name,
        [_condition(each, str(position)) for position, each in enumerate(conditions)],
        decision,
        shadow,
        enabled,
        None if id is None else decode_id(Prefix.RISK_RULE, id),
    )
    rule = await risk.save_rule(info.context.actor, draft)
    return await risk.shown_rule(rule.rule_id)


async def risk_case_claim(info: Info, id: strawberry.ID) -> RiskCase:
    """Take a case."""
    return await risk.claim_case(info.context.actor, decode_id(Prefix.RISK_CASE, id))


async def risk_case_decide(
    info: Info, id: strawberry.ID, decision: ReviewDecision, note: str
) -> RiskCase:
    """Release a held order, or reject it."""
    case_id = decode_id(Prefix.RISK_CASE, id)
    return await checkout.decide_case(info.context.actor, case_id, decision, note)


def rule_id(rule: Parent[risk.ShownRule]) -> strawberry.ID:
    """Of all versions."""
    return strawberry.ID(encode_id(Prefix.RISK_RULE, rule.rule_id))


def category_of(condition: Parent[Condition]) -> strawberry.ID | None:
    """The category, with those below it."""
    found = condition.category_id
    return None if found is None else strawberry.ID(encode_id(Prefix.CATEGORY, found))


def denied(condition: Parent[Condition]) -> list[str]:
    """The values of a deny list, masked."""
    return sorted(condition.denied.values())


def order_id(case: Parent[RiskCase]) -> strawberry.ID:
    """Of which order."""
    return strawberry.ID(encode_id(Prefix.ORDER, case.order_id))


def claimed_by(case: Parent[RiskCase]) -> strawberry.ID | None:
    """The reviewer who took it."""
    return _user(case.claimed_by)


def decided_by(case: Parent[RiskCase]) -> strawberry.ID | None:
    """The reviewer who decided."""
    return _user(case.decided_by)


def signals(case: Parent[RiskCase]) -> list[risk.ShownSignal]:
    """Which rules fired, and on what."""
    return risk.signals_of(case)


def signal_rule(signal: Parent[risk.ShownSignal]) -> strawberry.ID:
    """The rule."""
    return strawberry.ID(encode_id(Prefix.RISK_RULE, signal.rule_id))


def _user(value: Any) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(encode_id(Prefix.USER, value))


def _condition(given: RiskConditionInput, position: str) -> Condition:
    where = ("conditions", position)
    limit = given.more_than or 0
    if given.amount is not None:
        limit = money_of(given.amount, *where, "amount", currency=checkout.CURRENCY).units
    minutes = given.minutes or 0
    if given.kind is RiskKind.ACCOUNT_AGE:
        limit, minutes = minutes, 0
    category = None
    if given.category_id is not None:
        category = decode_id(Prefix.CATEGORY, given.category_id, field=(*where, "categoryId"))
    denied: dict[str, str] = {}
    for value in given.values or ():
        plain, subject = value.strip(), given.by or RiskSubject.BUYER
        if subject is RiskSubject.BUYER:
            plain = str(decode_id(Prefix.USER, plain, field=(*where, "values")))
        denied[risk.digest_of(subject, plain)] = risk.masked(value.strip())
    return Condition(given.kind, limit, category, given.by, minutes, denied)
