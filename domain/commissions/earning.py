"""What a delivered line writes of its commissions, in the transaction of the sale (row H2)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain import ledger
from domain.commissions.rules import HOLD_DAYS, Earned, release_at
from domain.kernel import Connection, named, new_id

# Whatever the clock of the process says, a commission's time comes after its transaction began, and
# after what was swept already: so the sweep, which lets no transaction live that long, never passes
# one over, and a clock that ran ahead for a while costs nobody anything.
INSERT_COMMISSIONS = """
INSERT INTO commissions
    (id, order_line_id, consumer, agent_id, level, basis, amount, currency, rule, earned_at,
     release_at)
SELECT id, line, true, agent, level, basis, amount, currency, rule, at,
    greatest(due, date_trunc('minute', greatest(now(),
        (SELECT max(up_to) FROM commission_sweeps))) + interval '1 minute') FROM unnest(
    :commission_ids::uuid[], :commission_lines::uuid[], :commission_agents::uuid[],
    :commission_levels::int[], :commission_bases::bigint[], :commission_amounts::bigint[],
    :commission_currencies::text[], :commission_rules::jsonb[], :commission_times::timestamptz[],
    :commission_due::timestamptz[]
) AS fresh (id, line, agent, level, basis, amount, currency, rule, at, due)
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
        "commission_due": [
            release_at(moment, one.rule.get("holdDays", HOLD_DAYS)) for _, one in earned
        ],
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
