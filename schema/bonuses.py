"""Bonus plans: what agents may get for a month of settled sales, and what they got."""

from datetime import date, datetime
from decimal import Decimal

import strawberry

from domain import bonuses
from domain.agents import BarReason
from domain.bonuses import BonusBasis, BonusState
from domain.commissions import AwardKind, CommissionState
from domain.kernel import Prefix
from resolvers import bonuses as resolvers
from resolvers.permissions import Scope
from schema.errors import UserError
from schema.fields import field, mutation, presents
from schema.paging import Connection
from schema.scalars import Money, id_field


@strawberry.type(description="From so much of sales on, a plan pays `percent` of all of them.")
@presents(resolvers.Step)
class BonusStep:
    from_sales: Money
    percent: Decimal


@strawberry.type(
    description="A plan that pays agents for a month of settled sales to consumers, and for nothing"
    " else. There is no field for recruits, deposits or purchases of one's own."
)
@presents(bonuses.BonusPlan)
class BonusPlan:
    id: strawberry.ID = id_field(Prefix.BONUS_PLAN)
    kind: AwardKind
    name: str
    basis: BonusBasis
    depth: int = field(description="Levels of agents whose customers' purchases count.")
    steps: list[BonusStep] = field(resolvers.steps, size=3)
    min_own_sales: Money = field(
        resolvers.min_own_sales, description="That the agent itself must have made."
    )
    cap_margin_percent: Decimal = field(
        resolvers.cap_margin, description="Of the margin of these sales, after commissions."
    )
    cap_sales_percent: Decimal = field(
        resolvers.cap_sales, description="Of the price of goods whose cost is not known."
    )
    cap_each: Money | None = field(
        resolvers.cap_each,
        description="The most for one agent in a month; of referrals for each whom it brought.",
    )
    cap_month: Money | None = field(
        resolvers.cap_month, description="Of referrals: for all whom one agent brought."
    )
    hold_days: int = field(description="For how many days an award is pending.")
    first_month: date = field(description="Its first day; also of the others.")
    last_month: date
    state: BonusState


@strawberry.type(description="A plan, with who proposed and who decided it.")
@presents(resolvers.PlanFile)
class BonusPlanFile:
    plan: BonusPlan
    note: str
    proposed_by: strawberry.ID = id_field(Prefix.USER, "proposed_by")
    proposed_at: datetime
    decided_by: strawberry.ID | None = field(resolvers.decided_by)
    decided_at: datetime | None


@strawberry.type(description="What an agent earned by a plan for a month.")
@presents(bonuses.BonusAward)
class BonusAward:
    id: strawberry.ID = id_field(Prefix.BONUS_AWARD)
    kind: AwardKind
    plan_name: str
    basis: BonusBasis
    month: date
    lines: int = field(description="Delivered lines of orders that it stands on.")
    sales: Money = field(description="What they cost, less refunds until then.")
    amount: Money
    clawed_back: Money = field(description="What refunds took of it later.")
    state: CommissionState
    earned_at: datetime
    available_at: datetime
    explanation: str = field(
        resolvers.explanation, description="How the amount came about, in words."
    )


@strawberry.type(description="An award, and whose it is.")
@presents(resolvers.AwardFile)
class BonusAwardFile:
    award: BonusAward
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    agent_name: str


@strawberry.type(description="What one agent would have got.")
@presents(bonuses.PreviewedAward)
class BonusPreviewedAward:
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    agent_name: str
    lines: int = field(description="Delivered lines of orders that it stands on.")
    sales: Money
    margin: Money = field(description="After commissions and the least margin of the price guard.")
    amount: Money
    explanation: str = field(resolvers.previewed, description="How it would have come about.")


@strawberry.type(description="What a plan would have paid for a month. Nothing of it is written.")
@presents(bonuses.Preview)
class BonusPreview:
    month: date
    awards: int = field(description="How many agents, or parties of referrals, it would pay.")
    sales: Money = field(description="That these awards stand on, less refunds until now.")
    margin: Money
    amount: Money = field(description="Of all of them.")
    complete: bool = field(description="False: of the first 5,000 agents only.")
    largest: list[BonusPreviewedAward] = field(description="50 at most.", size=10)


@strawberry.type(description="A referral that earns nothing, because both are one hand.")
@presents(bonuses.BonusReferralRefusal)
class BonusReferralRefusal:
    agent_id: strawberry.ID = id_field(Prefix.AGENT, "agent_id")
    subject: strawberry.ID = field(
        resolvers.subject_of, description="Whom it brought: the bare id of an agent or a login."
    )
    month: date
    reason: BarReason = field(resolvers.refusal_reason)
    at: datetime


@strawberry.type(description="All plans of one time together could take more than the margin.")
@presents(bonuses.BonusCapsExceeded)
class BonusCapsError(UserError):
    taken: int = field(description="By the others, in 1/10000.")


@strawberry.type
class BonusPlanPayload:
    file: BonusPlanFile | None
    user_errors: list[UserError]


@strawberry.type
class BonusAdminQuery:
    bonus_plans: Connection[BonusPlanFile] = field(
        resolvers.bonus_plans, permissions=[Scope("bonuses:read")], description="Newest first."
    )
    bonus_awards: Connection[BonusAwardFile] = field(
        resolvers.bonus_awards,
        permissions=[Scope("bonuses:read")],
        description="Newest first; of one plan, or of all.",
    )

    bonus_plan_preview: BonusPreview = field(
        resolvers.bonus_plan_preview,
        permissions=[Scope("bonuses:read")],
        description="What a plan, also one that waits for its decision, would have paid for this"
        " month or one before (its first day). It waits for nobody and writes nothing.",
    )
    bonus_referral_refusals: Connection[BonusReferralRefusal] = field(
        resolvers.bonus_referral_refusals,
        permissions=[Scope("bonuses:read")],
        description="Newest first.",
    )


@strawberry.type
class BonusAdminMutation:
    bonus_plan_propose: BonusPlanPayload = mutation(
        resolvers.bonus_plan_propose,
        payload=BonusPlanPayload,
        entity="file",
        permissions=[Scope("bonuses:write")],
        description="Write a plan down; it pays nobody until another person approves it. Audited.",
    )
    bonus_plan_decide: BonusPlanPayload = mutation(
        resolvers.bonus_plan_decide,
        payload=BonusPlanPayload,
        entity="file",
        permissions=[Scope("bonuses:approve")],
        description="Approve or reject a plan, as another person. Needs a fresh second factor."
        " Audited.",
    )
    bonus_plan_end: BonusPlanPayload = mutation(
        resolvers.bonus_plan_end,
        payload=BonusPlanPayload,
        entity="file",
        permissions=[Scope("bonuses:write")],
        description="Let a plan end with the running month; one that has not begun is withdrawn."
        " Audited.",
    )
