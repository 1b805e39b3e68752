"""What agents of one line pay falls from the bottom to the top, whatever their own prices are."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pricebook.rules import paid_up, reduced

PRICES = st.lists(st.none() | st.integers(1, 10**9), max_size=3)


@pytest.mark.parametrize(
    ("own", "paid"),
    [
        pytest.param((), (), id="nobody"),
        pytest.param((47, 45, 40), (47, 45, 40), id="as they should be"),
        pytest.param((44, 45, 40), (45, 45, 40), id="the lowest pays what the one above does"),
        pytest.param((44, 43, 46), (46, 46, 46), id="the top binds all below"),
        pytest.param((44, None, 46), (46, 46, 46), id="who has none pays what is above"),
        pytest.param((None, None), (None, None), id="no price at all"),
    ],
)
def test_nobody_pays_less_than_whom_it_stands_below(
    own: tuple[int | None, ...], paid: tuple[int | None, ...]
) -> None:
    assert paid_up(own) == paid


@given(PRICES)
def test_prices_never_rise_upwards_and_nobody_pays_less_than_its_own(
    own: list[int | None],
) -> None:
    paid = paid_up(own)
    known = [each for each in paid if each is not None]
    assert all(below >= above for below, above in pairwise(known))
    assert all(p is not None and p >= o for p, o in zip(paid, own, strict=True) if o is not None)
    assert set(paid) <= {*own, None}  # nothing is invented


@pytest.mark.parametrize(
    ("units", "rate", "less"),
    [(450_000, 100, 445_500), (1, 1, 1), (10_000, 9_999, 1), (333_333, 3_333, 222_234)],
)
def test_what_does_not_come_out_even_goes_up(units: int, rate: int, less: int) -> None:
    assert reduced(units, rate) == less
