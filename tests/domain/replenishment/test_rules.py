"""How much is bought for stock: pure rules, by table and by property (rows D4, D10)."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.replenishment.rules import (
    MONTH,
    AbcClass,
    Bounds,
    Plan,
    Position,
    affordable,
    approvals_needed,
    classes,
    limited_by,
    need_of,
    per_day,
    spread,
    turnover,
)

STEADY = [10] * MONTH
PLAN = Plan(lead_days=2, cover_days=7)


@pytest.mark.parametrize(
    ("daily", "expected"),
    [
        pytest.param([0] * MONTH, 0, id="nothing sold"),
        pytest.param(STEADY, 100_000, id="steady"),
        pytest.param([0] * 21 + [20] * 7, 125_000, id="a week that began to sell"),
        pytest.param([20] * 21 + [0] * 7, 75_000, id="one that ceased"),
        pytest.param([4] * 7, 25_000, id="new: days that were not count as none"),
    ],
)
def test_the_pace_follows_the_last_week_and_the_last_month(daily: list[int], expected: int) -> None:
    assert per_day(daily) == expected


def test_what_differs_by_days_is_kept_more_of() -> None:
    wild = [0, 20] * (MONTH // 2)
    assert spread(STEADY) == 0
    assert spread(wild) == 100_000
    calm, careful = (need_of(Position(0, 0, each), PLAN) for each in (STEADY, wild))
    assert (calm.safety, careful.safety) == (0, 24)  # 1.65 x 10 x sqrt(2), rounded up


@pytest.mark.parametrize(
    ("available", "on_order", "safety_stock", "quantity"),
    [
        pytest.param(21, 0, 0, 0, id="above the reorder point of twenty"),
        pytest.param(20, 0, 0, 70, id="at it: up to nine days"),
        pytest.param(0, 0, 0, 90, id="out of stock"),
        pytest.param(0, 85, 0, 0, id="enough is under way"),
        pytest.param(10, 5, 0, 75, id="what is under way counts"),
        pytest.param(40, 0, 50, 100, id="below the safety stock, which comes on top"),
    ],
)
def test_it_is_bought_up_to_the_target_once_it_is_low(
    available: int, on_order: int, safety_stock: int, quantity: int
) -> None:
    position = Position(available, on_order, STEADY, safety_stock)
    assert need_of(position, PLAN).quantity == quantity


def test_what_does_not_sell_is_bought_up_to_its_safety_stock_only() -> None:
    idle = [0] * MONTH
    assert need_of(Position(0, 0, idle), PLAN).quantity == 0
    assert need_of(Position(2, 0, idle, safety_stock=5), PLAN).quantity == 3
    assert need_of(Position(5, 0, idle, safety_stock=5), PLAN).quantity == 0


@given(
    available=st.integers(0, 10**4),
    on_order=st.integers(0, 10**4),
    daily=st.lists(st.integers(0, 500), min_size=0, max_size=40),
    safety_stock=st.integers(0, 1_000),
    lead=st.integers(0, 60),
    cover=st.integers(1, 60),
)
def test_nothing_is_bought_beyond_the_target(
    available: int, on_order: int, daily: list[int], safety_stock: int, lead: int, cover: int
) -> None:
    need = need_of(Position(available, on_order, daily, safety_stock), Plan(lead, cover))
    assert 0 <= need.quantity <= max(0, need.target - available - on_order)
    assert need.target >= need.reorder_point >= need.safety >= safety_stock
    if available + on_order < safety_stock:
        assert available + on_order + need.quantity >= safety_stock


@given(
    quantity=st.integers(0, 10**4),
    unit_cost=st.integers(1, 10**7),
    budget=st.integers(-(10**6), 10**10),
    balance=st.none() | st.integers(-(10**6), 10**10),
    approved=st.none() | st.integers(-(10**6), 10**10),
    least=st.integers(1, 500),
    most=st.integers(1, 10**4),
)
def test_a_purchase_never_exceeds_budget_balance_or_approval(
    quantity: int,
    unit_cost: int,
    budget: int,
    balance: int | None,
    approved: int | None,
    least: int,
    most: int,
) -> None:
    bounds = Bounds(budget, balance, approved, least, most)
    found = affordable(quantity, unit_cost, bounds)
    spent = found * unit_cost
    assert spent <= max(0, budget)
    assert balance is None or spent <= max(0, balance)
    assert approved is None or spent <= max(0, approved)
    assert found == 0 or least <= found <= most
    assert found <= max(quantity, least)
    if found < quantity:
        assert limited_by(quantity, found, unit_cost, bounds) is not None


def test_the_tightest_bound_is_told() -> None:
    assert limited_by(10, 5, 10, Bounds(budget=50, balance=90)) == "budget"
    assert limited_by(10, 3, 10, Bounds(budget=500, balance=30)) == "balance"
    assert limited_by(10, 4, 10, Bounds(budget=500, most=4)) == "max_quantity"
    assert limited_by(10, 10, 10, Bounds(budget=500)) is None


def test_classes_follow_the_share_of_what_all_bring_in() -> None:
    ids = [UUID(int=number) for number in range(5)]
    revenues = dict(zip(ids, [700, 200, 60, 40, 0], strict=True))
    found = classes(revenues)
    assert [found[each].value for each in ids] == ["a", "a", "b", "c", "c"]
    assert classes({}) == {}
    assert classes({ids[0]: 0}) == {ids[0]: AbcClass.C}


@pytest.mark.parametrize(
    ("amount", "auto", "needed"),
    [(100, True, 0), (101, True, 1), (100, False, 1), (1_000, True, 2), (999, False, 1)],
)
def test_large_purchases_need_four_eyes_and_small_ones_none(
    amount: int, auto: bool, needed: int
) -> None:
    assert approvals_needed(amount, auto=auto, auto_limit=100, two_from=1_000) == needed


def test_two_approvals_are_above_what_is_bought_by_itself() -> None:
    assert approvals_needed(500, auto=True, auto_limit=1_000, two_from=400) == 2


def test_turnover_is_what_was_sold_by_what_lay_there_on_average() -> None:
    assert turnover(300, 100, 200) == 20_000
    assert turnover(300, 0, 0) is None
    assert turnover(0, 100, 100) == 0
