"""What each tier takes, as data: set from a time on, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import audit
from domain.agents import Tier
from domain.kernel import (
    Actor,
    Connection,
    Invalid,
    Money,
    Refused,
    clock,
    connection,
    plain,
    transaction,
)
from domain.tiers.models import PromotionTiming, TierTerms
from domain.tiers.rules import MAX_COUNT, MAX_GRACE, MAX_MONTHS, MAX_SALES, REVIEWED
from domain.tiers.statements import CAP_OF_AGENT, CURRENT_TERMS

WRITE_SCOPE, READ_SCOPE = "tiers:write", "tiers:read"
CURRENCY = "CNY"


@dataclass(frozen=True, slots=True)
class TermsWish:
    """What a tier is to take. All that can be asked for stands here."""

    tier: Tier
    months: int
    sales: Money
    quantity: int = 0
    customers: int = 0
    max_complaints: int | None = None
    clean: bool = True
    grace: int = 1
    timing: PromotionTiming = PromotionTiming.AT_ONCE
    payout_daily_cap: Money | None = None
    effective_at: datetime | None = None


async def set_terms(actor: Actor, wish: TermsWish) -> TierTerms:
    """Say what a tier takes from a time on (mission row G6). Audited; needs `tiers:write`.

    Refuses (INVALID) bronze, which everybody begins with, terms that ask for no sales at all,
    numbers out of bounds, and a time that is over. What was found before stays.
    """
    actor.require_scope(WRITE_SCOPE)
    moment = clock.now()
    effective = wish.effective_at or moment
    faults = _faults(wish, effective >= moment)
    if faults:
        raise Refused(*faults)
    async with transaction() as conn:
        terms = await TierTerms.create(
            tier=wish.tier,
            months=wish.months,
            sales=wish.sales.units,
            quantity=wish.quantity,
            customers=wish.customers,
            max_complaints=wish.max_complaints,
            clean=wish.clean,
            grace=wish.grace,
            timing=wish.timing,
            payout_daily_cap=wish.payout_daily_cap.units if wish.payout_daily_cap else None,
            effective_at=effective,
            set_by=actor.user_id,
            set_at=moment,
        )
        details = {
            "tier": wish.tier.value,
            "months": wish.months,
            "sales": plain(wish.sales.units),
            "quantity": wish.quantity,
            "customers": wish.customers,
            "effectiveAt": effective.isoformat(),
        }
        await audit.record(conn, actor, "tier.set_terms", terms.id, details)
    return terms


async def terms_at(conn: Connection, moment: datetime) -> dict[Tier, TierTerms]:
    """What each tier takes at a moment; a tier without terms is not there."""
    ids = [row["id"] for row in await conn.fetch(CURRENT_TERMS, moment)]
    return {terms.tier: terms for terms in await TierTerms.filter(id__in=ids)}


async def payout_cap_of(conn: Connection, agent_id: UUID) -> int | None:
    """How much an agent of its tier may take out in a day, in units; None: as the house says."""
    cap = await conn.fetchval(CAP_OF_AGENT, agent_id, clock.now())
    return None if cap is None else int(cap)


async def current_terms() -> list[TierTerms]:
    """What is in force, the nearest tier first; for everybody to read."""
    async with connection() as conn:
        found = await terms_at(conn, clock.now())
    return [found[tier] for tier in REVIEWED if tier in found]


async def list_terms(actor: Actor) -> list[TierTerms]:
    """All terms, newest first; needs `tiers:read`."""
    actor.require_scope(READ_SCOPE)
    return await TierTerms.all().order_by("-effective_at", "-id").limit(200)


def _faults(wish: TermsWish, in_time: bool) -> list[Invalid]:
    units = wish.sales.units
    counts = (wish.quantity, wish.customers)
    within = 0 <= units <= MAX_SALES and wish.sales.currency == CURRENCY
    within = within and all(0 <= each <= MAX_COUNT for each in counts)
    complaints, cap = wish.max_complaints, wish.payout_daily_cap
    checks: Mapping[tuple[str, str], bool] = {
        ("tier", "tier_without_terms"): wish.tier in REVIEWED,
        ("months", "tier_months"): 1 <= wish.months <= MAX_MONTHS,
        ("sales", "tier_numbers"): within,
        ("sales", "tier_stands_on_sales"): units > 0 or any(counts),
        ("maxComplaints", "tier_complaints"): complaints is None or 0 <= complaints <= 10_000,
        ("grace", "tier_grace"): 0 <= wish.grace <= MAX_GRACE,
        ("payoutDailyCap", "tier_numbers"): cap is None
        or (0 < cap.units <= MAX_SALES and cap.currency == CURRENCY),
        ("effectiveAt", "deposit_time"): in_time,
    }
    wrong = [place for place, right in checks.items() if not right]
    return [Invalid(reason=why, field=(name,)) for name, why in wrong]
