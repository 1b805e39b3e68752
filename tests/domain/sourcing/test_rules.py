"""Which changes of a supplier's list count, and when: pure rules."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sourcing.rules import (
    Damping,
    Known,
    availability_of,
    first_known,
    in_our_money,
    is_suspicious,
    retry_in,
    settled,
)
from domain.suppliers import Availability, CatalogueItem

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAMPING = Damping(tolerance=100, settle=10 * MINUTE)
ON, OUT = Availability.ON_SALE, Availability.SOLD_OUT


def followed(*told: tuple[int, int, Availability]) -> list[tuple[int | None, Availability]]:
    """What counts after each list, told at a minute."""
    known: Known | None = None
    seen = []
    for minute, cost, availability in told:
        moment = NOON + minute * MINUTE
        if known is None:
            known = first_known(cost, availability, moment)
        else:
            known = settled(known, cost, availability, DAMPING, moment)
        seen.append((known.cost, known.availability))
    return seen


def test_a_large_change_of_cost_counts_at_once_up_and_down() -> None:
    told = followed((0, 1_000, ON), (1, 1_011, ON), (2, 900, ON))
    assert [cost for cost, _ in told] == [1_000, 1_011, 900]


def test_a_small_change_counts_when_it_has_stood() -> None:
    told = followed((0, 1_000, ON), (1, 1_009, ON), (6, 1_009, ON), (11, 1_009, ON))
    assert [cost for cost, _ in told] == [1_000, 1_000, 1_000, 1_009]


def test_a_flutter_is_never_followed_and_a_drift_is() -> None:
    flutter = followed(*((minute, 1_000 + 5 * (minute % 2), ON) for minute in range(40)))
    assert {cost for cost, _ in flutter} == {1_000}
    drift = followed(*((minute, 1_000 + minute, ON) for minute in range(40)))
    assert drift[-1][0] is not None
    assert all(abs((cost or 0) - (1_000 + m)) <= 11 for m, (cost, _) in enumerate(drift))


def test_what_is_out_counts_at_once_and_what_is_back_when_it_stayed() -> None:
    told = followed(
        (0, 1_000, ON), (1, 1_000, OUT), (2, 1_000, ON), (8, 1_000, ON), (12, 1_000, ON)
    )
    assert [state for _, state in told] == [ON, OUT, OUT, OUT, ON]
    flapping = followed(*((minute, 1_000, OUT if minute % 3 else ON) for minute in range(1, 30)))
    assert {state for _, state in flapping} == {OUT}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(CatalogueItem("a", "a", 1, "CNY"), ON, id="a stock that is not told"),
        pytest.param(CatalogueItem("a", "a", 1, "CNY", stock=0), OUT, id="none"),
        pytest.param(CatalogueItem("a", "a", 1, "CNY", stock=3), ON, id="some"),
        pytest.param(
            CatalogueItem("a", "a", 1, "CNY", on_sale=False, stock=3),
            Availability.OFF_SALE,
            id="not sold",
        ),
    ],
)
def test_unknown_is_not_zero(item: CatalogueItem, expected: Availability) -> None:
    assert availability_of(item) is expected


@given(cost=st.integers(1, 10**12), rate=st.decimals("0.0001", "1000", places=4))
def test_a_cost_in_our_money_is_never_too_low_and_less_than_one_unit_too_high(
    cost: int, rate: Decimal
) -> None:
    assert 0 <= in_our_money(cost, rate) - cost * rate < 1


@pytest.mark.parametrize(
    ("missing", "known", "suspicious"),
    [
        (3, 3, False),  # few may always go
        (4, 4, True),
        (20, 100, False),
        (21, 100, True),
        (0, 0, False),
    ],
)
def test_a_list_that_lacks_too_much_is_not_believed(
    missing: int, known: int, suspicious: bool
) -> None:
    assert is_suspicious(missing, known, 2_000) is suspicious


def test_a_supplier_is_asked_again_ever_later_and_one_that_is_asked_too_often_later_still() -> None:
    waits = [retry_in(failures, limited=False) for failures in range(1, 9)]
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(minutes=10)
    assert retry_in(1, limited=True) == timedelta(minutes=1)
