"""Months, criteria and verdicts; the cases of docs/tiers.md."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.agents import Tier
from domain.tiers import Criterion, PromotionTiming, ReviewOutcome
from domain.tiers.rules import (
    Measure,
    Standing,
    due_month,
    effective_from,
    judge,
    months_before,
    next_month,
    points_of,
    start_of,
    window_of,
)

BRONZE, SILVER, GOLD = Tier.BRONZE, Tier.SILVER, Tier.GOLD


@dataclass
class Terms:
    """What a tier takes."""

    months: int = 1
    sales: int = 1_000
    quantity: int = 0
    customers: int = 0
    max_complaints: int | None = None
    clean: bool = True
    grace: int = 1
    timing: PromotionTiming = PromotionTiming.AT_ONCE


ASKED = {SILVER: Terms(), GOLD: Terms(sales=5_000, grace=2)}


@pytest.mark.parametrize(
    ("tier", "misses", "met", "outcome", "left", "target"),
    [
        (BRONZE, 0, {}, "kept", 0, None),
        (BRONZE, 0, {SILVER}, "promoted", 0, SILVER),
        (BRONZE, 0, {SILVER, GOLD}, "promoted", 0, GOLD),
        (BRONZE, 0, {GOLD}, "promoted", 0, GOLD),
        (SILVER, 0, {SILVER}, "kept", 0, None),
        (SILVER, 1, {SILVER}, "kept", 0, None),  # a good month forgets the bad one
        (SILVER, 0, {}, "warned", 1, None),
        (SILVER, 1, {}, "demoted", 2, BRONZE),
        (GOLD, 0, {SILVER}, "warned", 1, None),
        (GOLD, 1, {SILVER}, "warned", 2, None),
        (GOLD, 2, {SILVER}, "demoted", 3, SILVER),
        (GOLD, 2, {}, "demoted", 3, SILVER),  # one at a time
    ],
)
def test_verdicts(
    tier: Tier, misses: int, met: set[Tier], outcome: str, left: int, target: Tier | None
) -> None:
    found = judge(Standing(tier, misses), ASKED, {each: each in met for each in ASKED})
    assert (found.outcome.value, found.misses, found.target) == (outcome, left, target)


def test_a_newcomer_misses_nothing_and_may_rise() -> None:
    nothing = dict.fromkeys(ASKED, False)
    new = Standing(GOLD, 0, newcomer=True)
    assert judge(new, ASKED, nothing).outcome is ReviewOutcome.KEPT
    rising = Standing(BRONZE, 0, newcomer=True)
    assert judge(rising, ASKED, {**nothing, SILVER: True}).target is SILVER


def test_whoever_is_pinned_stays_and_a_tier_without_terms_is_not_lost() -> None:
    assert judge(Standing(BRONZE, 0, pinned=True), ASKED, dict.fromkeys(ASKED, True)).target is None
    alone = {GOLD: ASKED[GOLD]}
    assert judge(Standing(SILVER, 5), alone, {GOLD: False}).outcome is ReviewOutcome.KEPT


@pytest.mark.parametrize(
    ("timing", "met", "expected"),
    [
        (PromotionTiming.AT_ONCE, True, datetime(2026, 3, 4, 12, tzinfo=UTC)),
        (PromotionTiming.NEXT_PERIOD, True, datetime(2026, 3, 31, 16, tzinfo=UTC)),
        (PromotionTiming.AT_ONCE, False, datetime(2026, 3, 31, 16, tzinfo=UTC)),
    ],
)
def test_nothing_counts_before_it_was_found(
    timing: PromotionTiming, met: bool, expected: datetime
) -> None:
    """Found on 4 March; April begins at 16:00 UTC of 31 March, where the business is."""
    asked = {SILVER: Terms(timing=timing, grace=0)}
    verdict = judge(Standing(BRONZE if met else SILVER, 0), asked, {SILVER: met})
    found = datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert effective_from(verdict, asked, found) == expected


def test_months() -> None:
    assert next_month(date(2026, 12, 1)) == date(2027, 1, 1)
    assert months_before(date(2026, 2, 1), 3) == date(2025, 11, 1)
    assert window_of(date(2026, 2, 1), 3) == (
        start_of(date(2025, 12, 1)),
        start_of(date(2026, 3, 1)),
    )
    begun = start_of(date(2026, 3, 1))
    assert due_month(begun + timedelta(days=3)) == date(2026, 2, 1)
    assert due_month(begun + timedelta(days=3) - timedelta(seconds=1)) == date(2026, 1, 1)


def test_what_is_missing() -> None:
    asked = Terms(sales=1_000, customers=3, max_complaints=100)
    short = points_of(asked, Measure(800, 4, 3, 90, 1, 0))
    assert [(point.criterion, point.met, point.missing) for point in short] == [
        (Criterion.SALES, False, 200),
        (Criterion.CUSTOMERS, True, 0),
        (Criterion.COMPLAINTS, False, 12),  # 1 of 90 is 1.12 %, rounded up; 1.00 % is allowed
        (Criterion.COMPLIANCE, True, 0),
    ]
    bad = points_of(asked, Measure(1_000, 4, 3, 100, 1, 2))
    assert [point.missing for point in bad] == [0, 0, 0, 2]
    unasked = points_of(Terms(clean=False), Measure(0, 0, 0, 0, 0, 9))
    assert [point.criterion for point in unasked] == [Criterion.SALES]
