"""Reads of awards: an agent sees its own, the back office all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

from domain.bonuses.models import BonusBasis, BonusReferralRefusal
from domain.bonuses.plans import READ_SCOPE
from domain.bonuses.rules import explain
from domain.commissions import AwardKind, CommissionState
from domain.kernel import Actor, Money, Page, PageRequest, connection, page_of

_SELECT = """
SELECT w.id, w.plan_id, w.kind, w.agent_id, w.month, w.lines, w.sales, w.margin, w.uncosted, w.rate,
    w.wished, w.amount, w.currency, w.terms, w.earned_at, w.release_at, a.name AS agent_name,
    coalesce(w.release_at <= k.released_up_to, false) AS released,
    coalesce((SELECT sum(b.amount) FROM commission_award_clawbacks b
        WHERE b.award_id = w.id), 0)::bigint AS clawed_back
FROM commission_awards w JOIN agents a ON a.id = w.agent_id
LEFT JOIN commission_books k ON k.agent_id = w.agent_id AND k.currency = w.currency
"""
_OF_AGENT = f"""{_SELECT} WHERE w.agent_id = $1 AND ($2::uuid IS NULL OR w.id < $2)
ORDER BY w.id DESC LIMIT $3
"""
_OF_ALL = f"""{_SELECT} WHERE ($1::uuid IS NULL OR w.plan_id = $1)
    AND ($2::uuid IS NULL OR w.id < $2) ORDER BY w.id DESC LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class BonusAward:
    """An award as its agent and the back office see it."""

    id: UUID
    plan_id: UUID
    kind: AwardKind
    agent_id: UUID
    agent_name: str
    plan_name: str
    basis: BonusBasis
    month: date
    lines: int
    sales: Money
    amount: Money
    clawed_back: Money  # by refunds that came later
    earned_at: datetime
    available_at: datetime
    state: CommissionState
    terms: dict[str, Any]
    figures: dict[str, Any]

    def explained(self, language: str) -> str:
        """How it came about, in one sentence."""
        return explain(self.kind.value, self.terms, self.figures, language)


async def awards_of_agent(agent_id: UUID, page: PageRequest) -> Page[BonusAward]:
    """An agent's awards, newest first; the caller has checked who asks."""
    return await _list(_OF_AGENT, agent_id, page)


async def list_awards(actor: Actor, page: PageRequest, plan_id: UUID | None) -> Page[BonusAward]:
    """All awards, or those of one plan, newest first. Needs `bonuses:read`."""
    actor.require_scope(READ_SCOPE)
    return await _list(_OF_ALL, plan_id, page)


async def list_refusals(actor: Actor, page: PageRequest) -> Page[BonusReferralRefusal]:
    """Referrals that earned nothing, because both are one hand, newest first. Needs
    `bonuses:read`."""
    actor.require_scope(READ_SCOPE)
    rows = BonusReferralRefusal.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda row: (row.id,))


async def _list(statement: str, key: UUID | None, page: PageRequest) -> Page[BonusAward]:
    after = UUID(page.after[0]) if page.after else None
    async with connection() as conn:
        rows: Sequence[Any] = await conn.fetch(statement, key, after, page.first + 1)
    return page_of(page, [_award(row) for row in rows], lambda each: (each.id,))


def _award(row: Any) -> BonusAward:
    terms, currency = orjson.loads(row["terms"]), row["currency"]
    names = ("month", "sales", "margin", "uncosted", "rate", "wished", "amount")
    return BonusAward(
        id=row["id"],
        plan_id=row["plan_id"],
        kind=AwardKind(row["kind"]),
        agent_id=row["agent_id"],
        agent_name=row["agent_name"],
        plan_name=terms["name"],
        basis=BonusBasis(terms["basis"]),
        month=row["month"],
        lines=row["lines"],
        sales=Money(row["sales"], currency),
        amount=Money(row["amount"], currency),
        clawed_back=Money(row["clawed_back"], currency),
        earned_at=row["earned_at"],
        available_at=row["release_at"],
        state=_state_of(row),
        terms=terms,
        figures={name: row[name] for name in names},
    )


def _state_of(row: Any) -> CommissionState:
    if row["clawed_back"] == row["amount"]:
        return CommissionState.TAKEN_BACK
    return CommissionState.AVAILABLE if row["released"] else CommissionState.PENDING
