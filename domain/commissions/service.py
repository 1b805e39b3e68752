"""Use cases of commissions: rules, and the columns that a delivered line writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain import audit, catalog, ledger
from domain.commissions.models import CommissionRule, RuleKind, RuleScope
from domain.commissions.rules import PERCENT_SCALE, Earned
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    clock,
    named,
    new_id,
    refuse_unless,
    transaction,
)

INSERT_COMMISSIONS = """
INSERT INTO commissions
    (id, order_line_id, consumer, agent_id, level, basis, amount, currency, rule, earned_at)
SELECT id, line, true, agent, level, basis, amount, currency, rule, at FROM unnest(
    :commission_ids::uuid[], :commission_lines::uuid[], :commission_agents::uuid[],
    :commission_levels::int[], :commission_bases::bigint[], :commission_amounts::bigint[],
    :commission_currencies::text[], :commission_rules::jsonb[], :commission_times::timestamptz[]
) AS fresh (id, line, agent, level, basis, amount, currency, rule, at)
"""
_INSERT = named(INSERT_COMMISSIONS)


def commission_columns(
    earned: Sequence[tuple[UUID, Earned]], currency: str, moment: datetime
) -> dict[str, list[Any]]:
    """The columns that `INSERT_COMMISSIONS` unnests, from (order line, what was earned)."""
    return {
        "commission_ids": [new_id() for _ in earned],
        "commission_lines": [line for line, _ in earned],
        "commission_agents": [one.agent_id for _, one in earned],
        "commission_levels": [one.level for _, one in earned],
        "commission_bases": [one.basis for _, one in earned],
        "commission_amounts": [one.amount for _, one in earned],
        "commission_currencies": [currency] * len(earned),
        "commission_rules": [orjson.dumps(one.rule).decode() for _, one in earned],
        "commission_times": [moment] * len(earned),
    }


async def record_earned(
    conn: Connection,
    earned: Sequence[tuple[UUID, Earned]],
    currency: str,
    moment: datetime,
) -> None:
    """Write commissions, (order line, what was earned), in the caller's transaction."""
    columns = commission_columns(earned, currency, moment)
    await conn.execute(_INSERT.text, *_INSERT.values(columns))


def legs_of(earned: Sequence[Earned], currency: str) -> list[tuple[UUID, int]]:
    """The ledger legs of commissions: an expense of the house, a credit of each agent."""
    total = sum(one.amount for one in earned)
    expense = ledger.account_id(ledger.AccountKind.COMMISSION_EXPENSE, None, currency)
    credits = [
        (ledger.account_id(ledger.AccountKind.COMMISSION, one.agent_id, currency), one.amount)
        for one in earned
    ]
    return [(expense, -total), *credits]


async def save_rule(
    actor: Actor, scope: RuleScope, scope_id: UUID | None, level: int, kind: RuleKind, value: int
) -> CommissionRule:
    """Put a rule in force from now on; the one it replaces ends now and is kept (row H1).

    `value`: percent with 10000 = 1 %, fixed in units of 1/10000 per piece, ignored for price
    differences. Refuses levels outside 1..3, more than 100 %, and a rule for our own gift cards:
    they are stored value, and nobody earns on that. Needs `agents:write`; audited.
    """
    actor.require_scope("agents:write")
    refuse_unless(1 <= level <= 3, Invalid(reason="commission_level", field=("level",)))
    ceiling = PERCENT_SCALE if kind is RuleKind.PERCENT else 2**60
    refuse_unless(0 <= value <= ceiling, Invalid(reason="commission_value", field=("value",)))
    has_object = (scope is RuleScope.DEFAULT) == (scope_id is None)
    refuse_unless(has_object, Invalid(reason="commission_scope", field=("scope",)))
    if scope is RuleScope.VARIANT and scope_id is not None:
        gift = catalog.DeliveryKind.GIFT_CARD
        stored = await catalog.Variant.filter(id=scope_id, delivery_kind=gift).exists()
        refuse_unless(not stored, Invalid(reason="commission_stored_value", field=("scope",)))
    async with transaction() as conn:
        moment = clock.now()
        replaced = CommissionRule.filter(
            scope=scope, scope_id=scope_id, level=level, valid_until__isnull=True
        )
        await replaced.update(valid_until=moment)
        rule = await CommissionRule.create(
            scope=scope, scope_id=scope_id, level=level, kind=kind, value=value, valid_from=moment
        )
        details = {"scope": scope.value, "level": level, "kind": kind.value, "value": value}
        await audit.record(conn, actor, "commission_rule.save", rule.id, details)
    return rule
