"""Tiers by sales: what each takes, how far an agent is, what was found of it."""

from datetime import date, datetime

import strawberry
from strawberry import Parent

from domain import tiers
from domain.agents import Tier
from domain.tiers import Criterion, PromotionTiming, ReviewOutcome
from resolvers import tiers as resolvers
from resolvers.context import Info
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.locale import progress_text
from schema.scalars import Money


def _message(point: Parent[tiers.Point], info: Info) -> str:
    criterion = point.criterion
    values = {
        "needed": resolvers.shown(criterion, point.needed),
        "have": resolvers.shown(criterion, point.have),
        "missing": resolvers.shown(criterion, point.missing),
    }
    key = f"{criterion.value}_{'met' if point.met else 'missing'}"
    return progress_text(key, info.context.language, values)


@strawberry.type(
    description="What a tier takes: settled sales to consumers, and nothing else. There is no field"
    " for recruits, deposits, purchases of one's own, or a price."
)
@presents(tiers.TierTerms)
class TierTerms:
    tier: Tier
    months: int = field(description="How many complete months are looked at.")
    sales: Money = field(
        resolvers.sales_of, description="Net of refunds, to consumers who came to the agent itself."
    )
    quantity: int
    customers: int = field(description="Different buyers.")
    max_complaints: int | None = field(
        description="Complaints that were right, in 10,000 delivered pieces, at most."
    )
    clean: bool = field(description="Whether no penalty may stand in these months.")
    grace: int = field(description="For how many months in a row it may be missed.")
    timing: PromotionTiming
    payout_daily_cap: Money | None = field(
        resolvers.cap_of, description="What an agent of it may take out in a day; null: as others."
    )
    effective_at: datetime


@strawberry.type(description="One criterion of a tier, and what an agent has.")
@presents(tiers.Point)
class TierPoint:
    criterion: Criterion
    needed: str = field(resolvers.needed)
    have: str = field(resolvers.have)
    missing: str = field(resolvers.missing, description="Or too much, of what is at most.")
    met: bool
    message: str = field(_message, description="What is missing, in words.")


@strawberry.type(description="A tier, and how far an agent is.")
@presents(tiers.Aim)
class TierAim:
    tier: Tier
    since: datetime = field(description="Sales from here to the end of this month count.")
    points: list[TierPoint] = field(size=5)
    met: bool


@strawberry.type(description="A change that was found, and when it counts from.")
@presents(tiers.TierChange)
class TierChange:
    target: Tier
    effective_at: datetime


@strawberry.type(description="How far an agent is: to keep its tier, and to the next one.")
@presents(tiers.Progress)
class AgentProgress:
    tier: Tier
    month: date
    reviewed_at: datetime = field(description="When this month will be looked at.")
    keep: TierAim | None = field(description="Null: nothing is asked for the agent's tier.")
    rise: TierAim | None = field(description="Null: there is no better tier that can be reached.")
    misses: int = field(description="For how many months in a row the tier was missed.")
    waiting: TierChange | None
    pinned_until: datetime | None = field(description="Until then reviews change nothing.")


@strawberry.type(description="What a review found for one tier.")
@presents(resolvers.Measured)
class TierMeasure:
    tier: Tier
    met: bool
    sales: Money
    quantity: int
    customers: int
    delivered: int
    complaints: int
    penalties: int


@strawberry.type(description="What was found of an agent for one month.")
@presents(tiers.TierReview)
class TierReview:
    month: date
    tier: Tier
    outcome: ReviewOutcome
    target: Tier | None
    misses: int
    measures: list[TierMeasure] = field(resolvers.measured, size=2)
    at: datetime


@strawberry.type
class TierTermsPayload:
    terms: TierTerms | None
    user_errors: list[UserError]


@strawberry.type
class TierQuery:
    tier_terms: list[TierTerms] = field(
        resolvers.current_terms, size=2, description="What each tier takes now, nearest first."
    )


@strawberry.type
class TierAdminQuery:
    tier_terms_history: list[TierTerms] = field(
        resolvers.tier_terms_history, permissions=[Scope("tiers:read")], description="Newest first."
    )


@strawberry.type
class TierAdminMutation:
    tier_terms_set: TierTermsPayload = mutation(
        resolvers.tier_terms_set,
        payload=TierTermsPayload,
        entity="terms",
        permissions=[Scope("tiers:write")],
        description="Say what SILVER or GOLD takes from a time on. What was found before stays.",
    )
