"""Reads of commissions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain.commissions.rules import explain
from domain.kernel import Money, Page, PageRequest, connection, page_of

# For one variant `v` of product `p`: per level the narrowest rule in force, the newest of them.
RULES_OF_VARIANT = """
(SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', r.id, 'level', r.level, 'kind', r.kind, 'value', r.value, 'scope', r.scope)), '[]')
 FROM (
    SELECT DISTINCT ON (level) id, level, kind, value, scope FROM commission_rules
    WHERE valid_from <= {moment} AND (valid_until IS NULL OR valid_until > {moment})
      AND (scope = 'default' OR (scope = 'category' AND scope_id = p.category_id)
           OR (scope = 'variant' AND scope_id = v.id))
    ORDER BY level, array_position(ARRAY['variant', 'category', 'default'], scope::text),
        valid_from DESC
 ) r)
"""
_OF_AGENT = """
SELECT c.id, c.level, c.basis, c.amount, c.currency, c.rule, c.earned_at, o.number,
    coalesce((SELECT sum(b.amount) FROM commission_clawbacks b
        WHERE b.commission_id = c.id), 0)::bigint AS clawed_back
FROM commissions c
JOIN order_lines l ON l.id = c.order_line_id JOIN orders o ON o.id = l.order_id
WHERE c.agent_id = $1 AND ($2::uuid IS NULL OR c.id < $2) ORDER BY c.id DESC LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class EarnedCommission:
    """A commission as its agent sees it: the order's number, never its buyer."""

    id: UUID
    order_number: str
    level: int
    basis: Money
    amount: Money
    clawed_back: Money  # by refunds
    rule: dict[str, Any]
    earned_at: datetime

    def explained(self, language: str) -> str:
        """How it came about, in one sentence."""
        return explain(self.rule, str(self.basis), str(self.amount), language)


async def list_commissions(agent_id: UUID, page: PageRequest) -> Page[EarnedCommission]:
    """What an agent earned, newest first."""
    after = UUID(page.after[0]) if page.after else None
    async with connection() as conn:
        rows = await conn.fetch(_OF_AGENT, agent_id, after, page.first + 1)
    earned = [
        EarnedCommission(
            id=row["id"],
            order_number=row["number"],
            level=row["level"],
            basis=Money(row["basis"], row["currency"]),
            amount=Money(row["amount"], row["currency"]),
            clawed_back=Money(row["clawed_back"], row["currency"]),
            rule=orjson.loads(row["rule"]),
            earned_at=row["earned_at"],
        )
        for row in rows
    ]
    return page_of(page, earned, lambda one: (one.id,))
