"""What a plan would have paid for a month, before anybody approves it (row H5)."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from domain import agents
from domain.bonuses.measuring import SLICE, next_awards
from domain.bonuses.models import BonusPlan
from domain.bonuses.plans import READ_SCOPE
from domain.bonuses.rules import explain, month_of, months_between
from domain.commissions import Award
from domain.kernel import Actor, Invalid, Money, NotFound, Refused, clock, connection, refuse_unless

MOST_AGENTS, MOST_SHOWN, MOST_MONTHS = 5_000, 50, 14


@dataclass(frozen=True, slots=True)
class PreviewedAward:
    """What one agent would have got."""

    agent_id: UUID
    agent_name: str
    lines: int
    sales: Money
    margin: Money
    amount: Money
    kind: str
    terms: dict[str, Any]
    figures: dict[str, Any]

    def explained(self, language: str) -> str:
        """How it would have come about, in one sentence."""
        return explain(self.kind, self.terms, self.figures, language)


@dataclass(frozen=True, slots=True)
class Preview:
    """A month by a plan: the sums of all, and the largest. Not `complete`: of the first agents
    only, who were more than can be looked at in one answer."""

    month: date
    awards: int
    sales: Money
    margin: Money
    amount: Money
    complete: bool
    largest: list[PreviewedAward]


async def preview_plan(actor: Actor, plan_id: UUID, month: date) -> Preview:
    """What a plan, also one that nobody has decided, pays for a month by the sales that are left of
    it now; the plan's own months do not matter. Writes nothing. Needs `bonuses:read`.

    Refuses (INVALID) a day that is not the first of a month, a month to come, one of long ago.
    """
    actor.require_scope(READ_SCOPE)
    this = month_of(clock.now())
    past = month.day == 1 and month <= this and len(months_between(month, this)) <= MOST_MONTHS
    refuse_unless(past, Invalid(reason="bonus_preview_month", field=("month",)))
    plan = await BonusPlan.get_or_none(id=plan_id)
    if plan is None:
        raise Refused(NotFound(what="bonus plan"))
    awards, complete = await _all_awards(plan, month)
    largest = sorted(awards, key=lambda each: (-each.amount, each.agent_id))[:MOST_SHOWN]
    names = await agents.agents_by_id([each.agent_id for each in largest])
    return Preview(
        month=month,
        awards=len(awards),
        sales=Money(sum(each.sales for each in awards), plan.currency),
        margin=Money(sum(each.margin for each in awards), plan.currency),
        amount=Money(sum(each.amount for each in awards), plan.currency),
        complete=complete,
        largest=[_shown(each, names[each.agent_id].name) for each in largest],
    )


async def _all_awards(plan: BonusPlan, month: date) -> tuple[list[Award], bool]:
    awards: list[Award] = []
    cursor = UUID(int=0)
    async with connection() as conn:
        for _ in range(MOST_AGENTS // SLICE):
            found = await next_awards(conn, plan, month, cursor)
            awards += found.awards
            if len(found.looked) < SLICE:
                return awards, True
            cursor = max(found.looked)
    return awards, False


def _shown(award: Award, name: str) -> PreviewedAward:
    figures = {
        "month": award.month,
        "sales": award.sales,
        "margin": award.margin,
        "uncosted": award.uncosted,
        "rate": award.rate,
        "wished": award.wished,
        "amount": award.amount,
    }
    return PreviewedAward(
        agent_id=award.agent_id,
        agent_name=name,
        lines=award.lines,
        sales=Money(award.sales, award.currency),
        margin=Money(award.margin, award.currency),
        amount=Money(award.amount, award.currency),
        kind=award.kind.value,
        terms=award.terms,
        figures=figures,
    )
