"""Reads of tiers: how far an agent is, what was found of it, what waits."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from domain.agents import Agent, Tier
from domain.kernel import Connection, Page, PageRequest, clock, connection, page_of
from domain.tiers.models import ChangeState, TierChange, TierPin, TierReview, TierTerms
from domain.tiers.reviewing import measures_of
from domain.tiers.rules import (
    Point,
    month_of,
    next_month,
    next_tier,
    points_of,
    start_of,
    times,
    window_of,
)
from domain.tiers.terms import terms_at


@dataclass(frozen=True, slots=True)
class Aim:
    """A tier, what it takes, and how far an agent is in the months that end with this one."""

    tier: Tier
    terms: TierTerms
    since: datetime
    points: list[Point]

    @property
    def met(self) -> bool:
        """Whether nothing is missing."""
        return all(point.met for point in self.points)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an agent is: to keep what it has, and to the next tier. None: nothing is asked."""

    agent_id: UUID
    tier: Tier
    month: date
    reviewed_at: datetime  # when this month will be looked at
    keep: Aim | None
    rise: Aim | None
    misses: int
    waiting: TierChange | None
    pinned_until: datetime | None


async def progress_of(agent: Agent) -> Progress:
    """What an agent has sold so far, against what its tier and the next one take."""
    moment = clock.now()
    month = month_of(moment)
    async with connection() as conn:
        asked = await terms_at(conn, moment)
        rise = next_tier(agent.tier, list(asked))
        wanted = {tier: asked[tier] for tier in (agent.tier, rise) if tier in asked}
        aims = await _aims(conn, agent, month, wanted)
    last = await TierReview.filter(agent_id=agent.id).order_by("-month").first()
    waiting = await TierChange.filter(agent_id=agent.id, state=ChangeState.WAITING).first()
    pin = await TierPin.filter(agent_id=agent.id, lifted_at__isnull=True, until__gt=moment).first()
    return Progress(
        agent.id,
        agent.tier,
        month,
        start_of(next_month(month)) + times.settle,
        aims.get(agent.tier),
        aims.get(rise) if rise else None,
        last.misses if last and last.tier is agent.tier else 0,
        waiting,
        pin.until if pin else None,
    )


async def _aims(
    conn: Connection, agent: Agent, month: date, wanted: dict[Tier, TierTerms]
) -> dict[Tier, Aim]:
    """How far an agent is to each of these tiers, in the months that end with this one."""
    if not wanted:
        return {}
    since = {tier: window_of(month, terms.months)[0] for tier, terms in wanted.items()}
    ends = start_of(next_month(month))
    found = await measures_of(conn, [agent.id], sorted(set(since.values())), ends)
    return {
        tier: Aim(tier, terms, since[tier], points_of(terms, found[agent.id, since[tier]]))
        for tier, terms in wanted.items()
    }


async def list_reviews(agent_id: UUID, page: PageRequest) -> Page[TierReview]:
    """What was found of an agent, newest first."""
    rows = TierReview.filter(agent_id=agent_id).order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda review: (review.id,))
