"""The rules of scores, demotion and low balances, as tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.routing import Demotion
from domain.routing.scoring import (
    BEST,
    DEMOTED_BELOW,
    DOWNS,
    ENOUGH_SEEN,
    RESTORED_FROM,
    HealthFacts,
    demotion_of,
    low_line,
    score_of,
    suggested_top_up,
)

FACTS = st.builds(
    HealthFacts,
    success=st.integers(0, BEST),
    latency_ms=st.integers(0, 10**7),
    seen=st.integers(0, 10_000),
    invalid=st.integers(0, 10_000),
    refund_hours=st.none() | st.integers(0, 10_000),
)


def test_who_does_everything_well_has_all_points() -> None:
    assert score_of(HealthFacts()) == BEST


@pytest.mark.parametrize(
    ("facts", "score"),
    [
        (HealthFacts(success=5_000), 7_250),
        (HealthFacts(success=0), 4_500),
        (HealthFacts(latency_ms=5_000), BEST),
        (HealthFacts(latency_ms=120_000), 8_500),
        (HealthFacts(seen=ENOUGH_SEEN - 1, invalid=10), BEST),
        (HealthFacts(seen=100, invalid=5), 9_000),
        (HealthFacts(seen=100, invalid=50), 8_000),
        (HealthFacts(refund_hours=24), BEST),
        (HealthFacts(refund_hours=24 * 30), 9_000),
    ],
)
def test_each_fact_costs_its_share(facts: HealthFacts, score: int) -> None:
    assert score_of(facts) == score


@given(FACTS, st.integers(0, 500))
def test_a_worse_fact_never_gives_a_better_score(facts: HealthFacts, worse: int) -> None:
    before = score_of(facts)
    assert 0 <= before <= BEST
    hours = (facts.refund_hours or 0) + worse
    for change in (
        {"success": max(0, facts.success - worse)},
        {"latency_ms": facts.latency_ms + worse},
        {"invalid": facts.invalid + worse},
        {"refund_hours": hours},
    ):
        assert score_of(HealthFacts(**{**_values(facts), **change})) <= before  # type: ignore[arg-type]


def _values(facts: HealthFacts) -> dict[str, object]:
    return {name: getattr(facts, name) for name in HealthFacts.__slots__}


def test_nobody_goes_to_and_fro_at_one_line() -> None:
    between = (DEMOTED_BELOW + RESTORED_FROM) // 2
    assert demotion_of(DEMOTED_BELOW, 0, None) is None
    assert demotion_of(DEMOTED_BELOW - 1, 0, None) is Demotion.SCORE
    assert demotion_of(between, 0, None) is None
    assert demotion_of(between, 0, Demotion.SCORE) is Demotion.SCORE
    assert demotion_of(RESTORED_FROM, 0, Demotion.SCORE) is None
    assert demotion_of(BEST, DOWNS - 1, None) is None
    assert demotion_of(BEST, DOWNS, None) is Demotion.UNREACHABLE
    assert demotion_of(BEST, 0, Demotion.UNREACHABLE) is None


def test_the_line_of_a_balance_is_set_or_follows_the_use() -> None:
    assert low_line(None, 700) == 200
    assert low_line(None, 0) == 0
    assert low_line(0, 700) == 0
    assert low_line(55, 700) == 55
    assert suggested_top_up(100, 200, 700) == 800
    assert suggested_top_up(10_000, 200, 700) == 0
