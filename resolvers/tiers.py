"""How the fields of tiers are answered."""

from dataclasses import dataclass
from datetime import datetime

import strawberry
from strawberry import Parent

from domain import agents, tiers
from domain.kernel import Money, Page, Prefix, decode_id, page_request, refuse_unless
from domain.tiers import CURRENCY, Criterion, Progress, TierReview, TierTerms
from resolvers.agents import is_own
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of


@dataclass(frozen=True, slots=True)
class Measured:
    """What a review found for one tier."""

    tier: agents.Tier
    met: bool
    sales: Money
    quantity: int
    customers: int
    delivered: int
    complaints: int
    penalties: int


async def progress(agent: Parent[agents.Agent], info: Info) -> Progress | None:
    """How far an agent is; its own and staff's to see."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await tiers.progress_of(agent)


async def reviews(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[TierReview] | None:
    """What was found of it; its own and staff's to see."""
    page = page_request("tierReviews", first, after)
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await tiers.list_reviews(agent.id, page)


async def current_terms(info: Info) -> list[TierTerms]:
    """What each tier takes now."""
    return await tiers.current_terms()


async def tier_terms_history(info: Info) -> list[TierTerms]:
    """All terms (back office)."""
    return await tiers.list_terms(info.context.actor)


async def tier_terms_set(
    info: Info,
    tier: agents.Tier,
    months: int,
    sales: MoneyInput,
    quantity: int = 0,
    customers: int = 0,
    max_complaints: int | None = None,
    clean: bool = True,
    grace: int = 1,
    timing: tiers.PromotionTiming = tiers.PromotionTiming.AT_ONCE,
    payout_daily_cap: MoneyInput | None = None,
    effective_at: datetime | None = None,
) -> TierTerms:
    """What a tier takes (back office)."""
    wish = tiers.TermsWish(
        tier,
        months,
        money_of(sales, "sales"),
        quantity,
        customers,
        max_complaints,
        clean,
        grace,
        timing,
        money_of(payout_daily_cap, "payoutDailyCap") if payout_daily_cap else None,
        effective_at,
    )
    return await tiers.set_terms(info.context.actor, wish)


async def agent_tier_pin(
    info: Info, agent_id: strawberry.ID, tier: agents.Tier, until: datetime, note: str
) -> agents.Agent | None:
    """By hand, for a time (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    await tiers.pin_tier(info.context.actor, agent, tier, until, note)
    return (await agents.agents_by_id([agent])).get(agent)


async def agent_tier_unpin(info: Info, agent_id: strawberry.ID, note: str) -> agents.Agent | None:
    """Let reviews decide again (back office)."""
    agent = decode_id(Prefix.AGENT, agent_id, field=("agentId",))
    await tiers.unpin_tier(info.context.actor, agent, note)
    return (await agents.agents_by_id([agent])).get(agent)


def sales_of(terms: Parent[TierTerms]) -> Money:
    """As money."""
    return Money(terms.sales, CURRENCY)


def cap_of(terms: Parent[TierTerms]) -> Money | None:
    """As money."""
    cap = terms.payout_daily_cap
    return None if cap is None else Money(cap, CURRENCY)


def measured(review: Parent[TierReview]) -> list[Measured]:
    """By tier, the nearest first."""
    found = [(tier, review.measures.get(tier.value)) for tier in agents.Tier]
    return [
        Measured(
            tier,
            each["met"],
            Money(each["sales"], CURRENCY),
            each["quantity"],
            each["customers"],
            each["delivered"],
            each["complaints"],
            each["penalties"],
        )
        for tier, each in found
        if each
    ]


def needed(point: Parent[tiers.Point]) -> str:
    """In words of its kind: an amount, a number, a share."""
    return shown(point.criterion, point.needed)


def have(point: Parent[tiers.Point]) -> str:
    """The same of what is there."""
    return shown(point.criterion, point.have)


def missing(point: Parent[tiers.Point]) -> str:
    """The same of what is missing, or too much."""
    return shown(point.criterion, point.missing)


def shown(criterion: Criterion, value: int) -> str:
    """A value of a criterion: yuan, a number, or percent with two places."""
    if criterion is Criterion.SALES:
        return str(Money(value, CURRENCY))
    if criterion is Criterion.COMPLAINTS:
        return f"{value // 100}.{value % 100:02d} %"
    return str(value)
