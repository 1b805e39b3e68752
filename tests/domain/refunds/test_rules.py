"""Shares sum exactly, whatever the order and the number of refunds (row H10, field bug 13)."""

from hypothesis import given
from hypothesis import strategies as st

from domain.commissions import still_due
from domain.refunds.rules import cost_of_pieces, price_of_rest, share_of_pieces

UNITS = st.integers(1, 10**12)


@given(
    total=UNITS,
    earned=st.integers(1, 10**9),
    cuts=st.lists(st.integers(0, 10**12), max_size=30),
)
def test_many_refunds_take_back_what_one_takes_and_never_more(
    total: int, earned: int, cuts: list[int]
) -> None:
    points = sorted(cut % (total + 1) for cut in cuts)
    taken = 0
    for returned in points:
        taken += still_due(earned, taken, returned, total)
        assert taken == earned * returned // total <= earned
    assert taken + still_due(earned, taken, total, total) == earned
    assert still_due(earned, earned, total, total) == 0


@given(price=UNITS, pieces=st.integers(1, 50), free=st.integers(0, 10**13), data=st.data())
def test_the_pieces_of_a_line_sum_to_what_was_paid_for_it(
    price: int, pieces: int, free: int, data: st.DataObject
) -> None:
    left, remaining = price * pieces, pieces
    while remaining:
        gone = data.draw(st.integers(0, min(left, free)))  # an amount without goods, in between
        left -= gone
        some = data.draw(st.integers(1, remaining))
        share = share_of_pieces(left, remaining, some)
        assert 0 <= share <= left
        assert share <= price * some
        left, remaining = left - share, remaining - some
    assert left == 0


@given(price=UNITS, pieces=st.integers(1, 50))
def test_without_free_amounts_a_piece_goes_back_at_its_price(price: int, pieces: int) -> None:
    left = price * pieces
    for remaining in range(pieces, 0, -1):
        assert share_of_pieces(left, remaining, 1) == price
        left -= price


@given(cost=st.integers(0, 10**12), parts=st.lists(st.integers(1, 20), min_size=1, max_size=20))
def test_the_costs_of_pieces_sum_to_the_cost_of_the_line(cost: int, parts: list[int]) -> None:
    quantity, before, lost = sum(parts), 0, 0
    for pieces in parts:
        lost += cost_of_pieces(cost, quantity, before, pieces)
        before += pieces
    assert lost == cost


@given(price=st.integers(0, 10**12), held=st.integers(0, 10**12), data=st.data())
def test_the_rest_of_a_gift_card_is_worth_what_was_paid_for_it(
    price: int, held: int, data: st.DataObject
) -> None:
    left = data.draw(st.integers(0, held))
    back = price_of_rest(price, left, held)
    assert 0 <= back <= price
    assert held == 0 or price_of_rest(price, held, held) == price
