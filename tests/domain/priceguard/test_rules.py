"""Floors, ceilings and lifted prices: pure rules, by property."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.priceguard import Facts, Margin, Terms, below_floor, floor_for, raised

TIERS = ("gold", "silver", "bronze", "retail")
MARGINS = st.builds(Margin, st.integers(0, 100_000), st.integers(0, 10**6))
AMOUNTS = st.integers(0, 10**9)


@given(margin=MARGINS, cost=AMOUNTS, price=AMOUNTS, pieces=st.integers(1, 50))
def test_what_may_be_paid_upstream_is_just_what_the_price_still_covers(
    margin: Margin, cost: int, price: int, pieces: int
) -> None:
    most = margin.most_cost(price, pieces)
    if price >= margin.floor(0, pieces):
        assert (margin.floor(cost, pieces) <= price) == (cost <= most)
    else:
        assert most == 0


@pytest.mark.parametrize(
    ("margin", "cost", "floor"),
    [
        pytest.param(Margin(), 100, 100, id="nothing beyond the cost"),
        pytest.param(Margin(rate=500), 1_001, 1_052, id="a share, rounded up"),
        pytest.param(Margin(rate=500, least=80), 1_001, 1_081, id="the larger one counts"),
    ],
)
def test_a_floor_is_cost_and_margin(margin: Margin, cost: int, floor: int) -> None:
    assert margin.floor(cost) == floor


def facts(cost: int | None, terms: Terms, face: int | None = 1_000) -> Facts:
    return Facts(UUID(int=1), "SKU", True, cost, face, terms)


def test_resale_terms_bind_those_who_use_the_goods_and_costs_bind_all() -> None:
    told = facts(600, Terms(min_price=700, min_face_rate=9_500))
    assert floor_for(told, "retail", Margin()) == 950
    assert floor_for(told, "gold", Margin()) == 600
    prices = [("retail", 949), ("gold", 600)]
    (low,) = below_floor(told, prices, {"retail": Margin(), "gold": Margin()})
    assert (low.tier, low.floor, low.prevented) == ("retail", 950, 0)


@pytest.mark.parametrize(
    ("price", "struck_out", "face", "exaggerated"),
    [
        pytest.param(900, None, 1_000, False, id="ten per cent of the face"),
        pytest.param(899, None, 1_000, True, id="more than that"),
        pytest.param(899, None, None, False, id="nothing to compare with"),
        pytest.param(950, 1_100, None, True, id="against what is struck out"),
        pytest.param(1_000, 1_050, 1_000, True, id="struck out above the face"),
    ],
)
def test_a_discount_is_not_exaggerated(
    price: int, struck_out: int | None, face: int | None, exaggerated: bool
) -> None:
    assert Terms(max_discount_rate=1_000).exaggerates(price, struck_out, face) is exaggerated
    assert not Terms().exaggerates(price, struck_out, face)


@given(
    prices=st.fixed_dictionaries({tier: st.integers(1, 10**6) for tier in TIERS}),
    floors=st.dictionaries(st.sampled_from(TIERS), st.integers(1, 10**6)),
)
def test_lifted_prices_cover_their_floors_and_never_fall_towards_the_dearer_tier(
    prices: dict[str, int], floors: dict[str, int]
) -> None:
    prices = dict(zip(TIERS, sorted(prices.values()), strict=True))
    prices["retail"] = -(-prices["retail"] // 100) * 100
    after = raised(prices, floors, TIERS, 100)
    assert all(after[tier] >= max(prices[tier], floors.get(tier, 0)) for tier in TIERS)
    assert [after[tier] for tier in TIERS] == sorted(after.values())
    assert after["retail"] % 100 == 0
    if all(prices[tier] >= floor for tier, floor in floors.items()):
        assert after == prices
