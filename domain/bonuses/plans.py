"""Use cases of bonus plans: proposed by one person, decided by another, ended earlier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from domain import audit, identity
from domain.bonuses.models import BonusBasis, BonusPlan, BonusState
from domain.bonuses.refusals import (
    BonusCapsExceeded,
    BonusNotPossible,
    BonusSamePerson,
    BonusTeamOff,
)
from domain.bonuses.rules import (
    LONGEST,
    MAX_CAP_MARGIN,
    MAX_CAP_SALES,
    MAX_DEPTH,
    MAX_HOLD_DAYS,
    MAX_SALES,
    MAX_STEPS,
    WHOLE,
    month_of,
    switches,
)
from domain.bonuses.statements import ONE_AT_A_TIME, TAKEN
from domain.commissions import AwardKind
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    NotFound,
    Page,
    PageRequest,
    Refused,
    clock,
    page_of,
    plain,
    refuse_unless,
    transaction,
)

READ_SCOPE, WRITE_SCOPE, APPROVE_SCOPE = "bonuses:read", "bonuses:write", "bonuses:approve"
CURRENCY = "CNY"
MAX_NAME, MAX_NOTE = 64, 500
_BASES = {
    AwardKind.PERFORMANCE: {BonusBasis.OWN_SALES},
    AwardKind.PROMOTION: {BonusBasis.LINK_SALES, BonusBasis.NEW_CUSTOMER_SALES},
    AwardKind.TEAM: {BonusBasis.TEAM_SALES},
    AwardKind.REFERRAL: {BonusBasis.REFERRED_AGENT_SALES, BonusBasis.REFERRED_BUYER_PURCHASES},
}


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A plan as it shall be: all that can be said of one stands here.

    `steps`: (from so many units of sales, rate in 1/10000 of all of them). Rates and shares in
    1/10000, amounts in units of 1/10000, months by their first day.
    """

    kind: AwardKind
    name: str
    basis: BonusBasis
    steps: Sequence[tuple[int, int]]
    cap_margin_rate: int
    first_month: date
    last_month: date
    note: str
    depth: int = 1
    min_own_sales: int = 0
    cap_sales_rate: int = 0
    cap_each: int | None = None
    hold_days: int = 7
    cap_month: int | None = None  # of referrals: for all that one agent brought


async def propose_plan(actor: Actor, draft: PlanDraft) -> BonusPlan:
    """Write a plan down, which pays nobody until another person approves it. Needs
    `bonuses:write`; audited.

    Refuses (INVALID) a plan without steps of sales above zero, of more than three levels, without
    a cap, without an end, for months that are over; BONUS_TEAM_OFF where there are no team awards.
    """
    actor.require_scope(WRITE_SCOPE)
    refuse_unless(draft.kind is not AwardKind.TEAM or switches.team, BonusTeamOff(field=("kind",)))
    faults = _faults(draft)
    if faults:
        raise Refused(*faults)
    async with transaction() as conn:
        plan = await BonusPlan.create(
            kind=draft.kind,
            name=draft.name.strip(),
            basis=draft.basis,
            depth=draft.depth,
            currency=CURRENCY,
            from_sales=[start for start, _ in draft.steps],
            rates=[rate for _, rate in draft.steps],
            min_own_sales=draft.min_own_sales,
            cap_margin_rate=draft.cap_margin_rate,
            cap_sales_rate=draft.cap_sales_rate,
            cap_each=draft.cap_each,
            cap_month=draft.cap_month,
            hold_days=draft.hold_days,
            first_month=draft.first_month,
            last_month=draft.last_month,
            state=BonusState.PROPOSED,
            note=draft.note.strip(),
            proposed_by=actor.require_user(),
            proposed_at=clock.now(),
        )
        await audit.record(conn, actor, "bonus.propose", plan.id, _told(plan))
    return plan


async def decide_plan(actor: Actor, plan_id: UUID, *, approve: bool) -> BonusPlan:
    """Put a proposed plan in force, or reject it, as another person. Needs `bonuses:approve` and a
    fresh step-up; audited.

    Refuses BONUS_SAME_PERSON, a plan that was decided or whose months are over
    (BONUS_NOT_POSSIBLE), and one with which all plans of its time together could take more than the
    whole margin of a sale (BONUS_CAPS_EXCEEDED).
    """
    actor.require_scope(APPROVE_SCOPE)
    async with transaction() as conn:
        await identity.require_step_up(actor)
        await conn.execute(ONE_AT_A_TIME)
        plan = await _locked(plan_id)
        open_still = plan.state is BonusState.PROPOSED
        refuse_unless(open_still, BonusNotPossible(reason="bonus_decided"))
        refuse_unless(actor.require_user() != plan.proposed_by, BonusSamePerson())
        if approve:
            await _require_room(conn, plan)
        plan.state = BonusState.APPROVED if approve else BonusState.REJECTED
        plan.decided_by, plan.decided_at = actor.require_user(), clock.now()
        await plan.save(update_fields=["state", "decided_by", "decided_at"])
        action = "bonus.approve" if approve else "bonus.reject"
        await audit.record(conn, actor, action, plan.id, _told(plan))
    return plan


async def end_plan(actor: Actor, plan_id: UUID) -> BonusPlan:
    """Let a plan end with the running month, for which agents have worked already; one that has not
    begun is withdrawn. Needs `bonuses:write`; audited."""
    actor.require_scope(WRITE_SCOPE)
    month = month_of(clock.now())
    async with transaction() as conn:
        plan = await _locked(plan_id)
        runs = plan.state is BonusState.APPROVED and plan.last_month > month
        refuse_unless(runs, BonusNotPossible(reason="bonus_not_running"))
        if plan.first_month > month:
            plan.state = BonusState.WITHDRAWN
        else:
            plan.last_month = month
        await plan.save(update_fields=["state", "last_month"])
        details = {"state": plan.state.value, "lastMonth": plan.last_month.isoformat()}
        await audit.record(conn, actor, "bonus.end", plan.id, details)
    return plan


async def list_plans(actor: Actor, page: PageRequest) -> Page[BonusPlan]:
    """All plans, newest first. Needs `bonuses:read`."""
    actor.require_scope(READ_SCOPE)
    rows = BonusPlan.all().order_by("-id").limit(page.first + 1)
    if page.after:
        rows = rows.filter(id__lt=UUID(page.after[0]))
    return page_of(page, await rows, lambda plan: (plan.id,))


async def plans_in_force() -> list[BonusPlan]:
    """Approved plans of this month or later ones, oldest first; for agents and for reports."""
    month = month_of(clock.now())
    rows = BonusPlan.filter(state=BonusState.APPROVED, last_month__gte=month)
    return await rows.order_by("first_month", "id").limit(500)


async def _locked(plan_id: UUID) -> BonusPlan:
    plan = await BonusPlan.filter(id=plan_id).select_for_update().first()
    if plan is None:
        raise Refused(NotFound(what="bonus plan"))
    return plan


async def _require_room(conn: Connection, plan: BonusPlan) -> None:
    team = plan.kind is AwardKind.TEAM
    refuse_unless(not team or switches.team, BonusTeamOff())
    late = plan.first_month < month_of(clock.now())
    refuse_unless(not late, BonusNotPossible(reason="bonus_months_over"))
    taken = await conn.fetchval(TAKEN, plan.currency, plan.first_month, plan.last_month)
    fits = taken + plan.cap_margin_rate * plan.depth <= WHOLE
    refuse_unless(fits, BonusCapsExceeded(taken=taken))


def _faults(draft: PlanDraft) -> list[Invalid]:
    depth = 2 <= draft.depth <= MAX_DEPTH if draft.kind is AwardKind.TEAM else draft.depth == 1
    months = draft.first_month.day == 1 and draft.last_month.day == 1
    months = months and draft.first_month <= draft.last_month <= draft.first_month + LONGEST
    own = 0 <= draft.min_own_sales <= MAX_SALES
    each = draft.cap_each is None or 0 < draft.cap_each <= MAX_SALES
    caps = 0 < draft.cap_margin_rate <= MAX_CAP_MARGIN and draft.cap_sales_rate >= 0
    checks: Mapping[tuple[str, str], bool] = {
        ("name", "bonus_name"): 0 < len(draft.name.strip()) <= MAX_NAME,
        ("basis", "bonus_basis"): draft.basis in _BASES[draft.kind],
        ("depth", "bonus_depth"): depth,
        ("steps", "bonus_steps"): _is_ladder(draft.steps),
        ("minOwnSales", "bonus_own_sales"): own
        and (draft.kind is not AwardKind.TEAM or draft.min_own_sales > 0),
        ("capMarginPercent", "bonus_caps"): caps and draft.cap_sales_rate <= MAX_CAP_SALES,
        ("capEach", "bonus_cap_each"): each,
        ("capMonth", "bonus_cap_month"): _is_capped(draft),
        ("holdDays", "commission_hold_days"): 0 <= draft.hold_days <= MAX_HOLD_DAYS,
        ("lastMonth", "bonus_months"): months,
        ("firstMonth", "bonus_not_retroactive"): draft.first_month >= month_of(clock.now()),
        ("note", "bonus_note"): 0 < len(draft.note.strip()) <= MAX_NOTE,
    }
    wrong = [place for place, right in checks.items() if not right]
    return [Invalid(reason=why, field=(name,)) for name, why in wrong]


def _is_capped(draft: PlanDraft) -> bool:
    """Referrals have a cap for each party and one for a month; nothing else has the latter."""
    if draft.kind is not AwardKind.REFERRAL:
        return draft.cap_month is None
    each, month = draft.cap_each, draft.cap_month
    return each is not None and month is not None and 0 < each <= month <= MAX_SALES


def _is_ladder(steps: Sequence[tuple[int, int]]) -> bool:
    """From more and more sales above zero, at higher and higher rates."""
    before = (0, 0)
    for step in steps:
        if not (before[0] < step[0] <= MAX_SALES and before[1] < step[1] < WHOLE):
            return False
        before = step
    return 0 < len(steps) <= MAX_STEPS


def _told(plan: BonusPlan) -> dict[str, Any]:
    return {
        "kind": plan.kind.value,
        "basis": plan.basis.value,
        "depth": plan.depth,
        "steps": [
            [plain(start), rate] for start, rate in zip(plan.from_sales, plan.rates, strict=True)
        ],
        "capMarginRate": plan.cap_margin_rate,
        "capSalesRate": plan.cap_sales_rate,
        "months": [plan.first_month.isoformat(), plan.last_month.isoformat()],
    }
