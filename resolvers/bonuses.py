"""How the fields of bonus plans and awards are answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import strawberry
from strawberry import Parent

from domain import agents, bonuses
from domain.bonuses import CURRENCY, BonusAward, BonusBasis, BonusPlan, BonusReferralRefusal
from domain.commissions import AwardKind
from domain.kernel import (
    Invalid,
    Money,
    Page,
    Prefix,
    Refused,
    decode_id,
    encode_id,
    page_request,
    refuse_unless,
)
from resolvers.agents import is_own
from resolvers.context import Info
from resolvers.money import MoneyInput, money_of

_ONE = Decimal(100)  # 1 % in 1/10000


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan."""

    from_sales: Money
    percent: Decimal


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan with its hands."""

    plan: BonusPlan
    note: str
    proposed_by: UUID
    proposed_at: datetime
    decided_by: UUID | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class AwardFile:
    """An award and whose it is."""

    award: BonusAward
    agent_id: UUID
    agent_name: str


@strawberry.input(description="From so much of sales on, so many percent of all of them.")
class BonusStepInput:
    from_sales: MoneyInput
    percent: Decimal


async def awards_of(
    agent: Parent[agents.Agent], info: Info, first: int | None = None, after: str | None = None
) -> Page[BonusAward] | None:
    """What an agent got by plans; its own and staff's to see."""
    page = page_request("bonuses", first, after)
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await bonuses.awards_of_agent(agent.id, page)


async def plans_for(agent: Parent[agents.Agent], info: Info) -> list[BonusPlan] | None:
    """What plans there are for agents now."""
    refuse_unless(is_own(info, agent.id), agents.AgentOutOfReach())
    return await bonuses.plans_in_force()


async def bonus_plans(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[PlanFile]:
    """All plans (back office)."""
    page = page_request("bonusPlans", first, after)
    found = await bonuses.list_plans(info.context.actor, page)
    files = [_file(plan) for plan in found.rows]
    return Page(files, found.cursors, found.has_next_page, found.has_previous_page)


async def bonus_awards(
    info: Info,
    first: int | None = None,
    after: str | None = None,
    plan_id: strawberry.ID | None = None,
) -> Page[AwardFile]:
    """All awards (back office)."""
    page = page_request("bonusAwards", first, after)
    plan = decode_id(Prefix.BONUS_PLAN, plan_id, field=("planId",)) if plan_id else None
    found = await bonuses.list_awards(info.context.actor, page, plan)
    files = [AwardFile(each, each.agent_id, each.agent_name) for each in found.rows]
    return Page(files, found.cursors, found.has_next_page, found.has_previous_page)


async def bonus_referral_refusals(
    info: Info, first: int | None = None, after: str | None = None
) -> Page[BonusReferralRefusal]:
    """Referrals of one hand (back office)."""
    page = page_request("bonusReferralRefusals", first, after)
    return await bonuses.list_refusals(info.context.actor, page)


async def bonus_plan_preview(info: Info, id: strawberry.ID, month: date) -> bonuses.Preview:
    """What a plan would have paid for a month (back office)."""
    plan_id = decode_id(Prefix.BONUS_PLAN, id)
    return await bonuses.preview_plan(info.context.actor, plan_id, month)


async def bonus_plan_propose(
    info: Info,
    kind: AwardKind,
    name: str,
    basis: BonusBasis,
    steps: list[BonusStepInput],
    cap_margin_percent: Decimal,
    first_month: date,
    last_month: date,
    note: str,
    depth: int = 1,
    min_own_sales: MoneyInput | None = None,
    cap_sales_percent: Decimal = Decimal(0),
    cap_each: MoneyInput | None = None,
    cap_month: MoneyInput | None = None,
    hold_days: int = 7,
) -> PlanFile:
    """Write a plan down (back office)."""
    draft = bonuses.PlanDraft(
        kind=kind,
        name=name,
        basis=basis,
        steps=_steps(steps),
        cap_margin_rate=_rate(cap_margin_percent, "capMarginPercent"),
        first_month=first_month,
        last_month=last_month,
        note=note,
        depth=depth,
        min_own_sales=_units(min_own_sales, "minOwnSales") or 0,
        cap_sales_rate=_rate(cap_sales_percent, "capSalesPercent"),
        cap_each=_units(cap_each, "capEach"),
        hold_days=hold_days,
        cap_month=_units(cap_month, "capMonth"),
    )
    return _file(await bonuses.propose_plan(info.context.actor, draft))


async def bonus_plan_decide(info: Info, id: strawberry.ID, approve: bool) -> PlanFile:
    """By another person (back office)."""
    plan_id = decode_id(Prefix.BONUS_PLAN, id)
    plan = await bonuses.decide_plan(info.context.actor, plan_id, approve=approve)
    return _file(plan)


async def bonus_plan_end(info: Info, id: strawberry.ID) -> PlanFile:
    """Earlier than it was to (back office)."""
    plan_id = decode_id(Prefix.BONUS_PLAN, id)
    return _file(await bonuses.end_plan(info.context.actor, plan_id))


def refusal_reason(row: Parent[BonusReferralRefusal]) -> agents.BarReason:
    """How both were known to be one."""
    return agents.BarReason(row.reason)


def subject_of(row: Parent[BonusReferralRefusal]) -> strawberry.ID:
    """The agent or the buyer that was brought, whichever it is."""
    return strawberry.ID(str(row.subject_id))


def previewed(award: Parent[bonuses.PreviewedAward], info: Info) -> str:
    """How it would have come about, in the caller's language."""
    return award.explained(info.context.language)


def explanation(award: Parent[BonusAward], info: Info) -> str:
    """How an award came about, in the caller's language."""
    return award.explained(info.context.language)


def steps(plan: Parent[BonusPlan]) -> list[Step]:
    """From the lowest."""
    pairs = zip(plan.from_sales, plan.rates, strict=True)
    return [Step(Money(start, plan.currency), Decimal(rate) / _ONE) for start, rate in pairs]


def min_own_sales(plan: Parent[BonusPlan]) -> Money:
    """As money."""
    return Money(plan.min_own_sales, plan.currency)


def cap_margin(plan: Parent[BonusPlan]) -> Decimal:
    """In percent."""
    return Decimal(plan.cap_margin_rate) / _ONE


def cap_sales(plan: Parent[BonusPlan]) -> Decimal:
    """In percent."""
    return Decimal(plan.cap_sales_rate) / _ONE


def cap_each(plan: Parent[BonusPlan]) -> Money | None:
    """As money."""
    return None if plan.cap_each is None else Money(plan.cap_each, plan.currency)


def cap_month(plan: Parent[BonusPlan]) -> Money | None:
    """As money."""
    return None if plan.cap_month is None else Money(plan.cap_month, plan.currency)


def decided_by(file: Parent[PlanFile]) -> strawberry.ID | None:
    """Who decided it."""
    by: UUID | None = file.decided_by
    return None if by is None else strawberry.ID(encode_id(Prefix.USER, by))


def _file(plan: BonusPlan) -> PlanFile:
    hands = (plan.note, plan.proposed_by, plan.proposed_at, plan.decided_by, plan.decided_at)
    return PlanFile(plan, *hands)


def _steps(given: Sequence[BonusStepInput]) -> list[tuple[int, int]]:
    return [
        (
            money_of(each.from_sales, "steps", currency=CURRENCY).units,
            _rate(each.percent, "steps"),
        )
        for each in given
    ]


def _rate(given: Decimal, name: str) -> int:
    """Percent with at most two places, in 1/10000."""
    if not given.is_finite() or abs(given) > _ONE or given * _ONE % 1:
        raise Refused(Invalid(reason="bonus_percent", field=(name,)))
    return int(given * _ONE)


def _units(given: MoneyInput | None, name: str) -> int | None:
    return None if given is None else money_of(given, name, currency=CURRENCY).units
