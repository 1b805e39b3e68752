"""What contracts pay, worked by hand (docs/providers.md), and that nothing is lost in rounding."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.providers.rules import (
    EXACT,
    ContractBasis,
    ContractModel,
    Extra,
    Facts,
    Part,
    PartKind,
    Step,
    Terms,
    allot,
    parts_of,
    rounded,
    summed,
)

CENT, YUAN = 100, 10_000
ID = UUID(int=1)
K = PartKind


def told(parts: list[Part], carried_in: int = 0) -> list[tuple[K, int]]:
    """Kind and amount, in cents, of each line."""
    return [(part.kind, part.amount // CENT) for part in summed(parts, carried_in, CENT).parts]


RESULT = Terms(ID, ContractModel.RESULT, basis=ContractBasis.NET_SALES, rate=35_000)
BONUS = Terms(
    ID,
    ContractModel.FIXED_BONUS,
    fee=3_000 * YUAN,
    basis=ContractBasis.NET_SALES,
    steps=(Step(50_000 * YUAN, 800 * YUAN), Step(100_000 * YUAN, 1_500 * YUAN, 10_000)),
)


def test_a_share_of_sales_less_what_went_back() -> None:
    """Golden case 1: 3.5 % of 12,345.67 is 432.09845; of 200.00 that went back, 7.00."""
    facts = Facts(sold=123_456_700, returned=2_000_000)
    parts = parts_of(RESULT, [(RESULT, facts)], [])
    assert [(part.kind, part.exact) for part in parts] == [
        (K.RESULT, 4_320_984_500_000),
        (K.RETURNED, -70_000_000_000),
    ]
    assert told(parts) == [(K.RESULT, 43_210), (K.RETURNED, -700)]


def test_a_share_of_the_margin_and_a_sum_for_each_order() -> None:
    """Golden case 2: 20 % of (1,000.00 - 640.00) is 72.00, of a refund of 100.00 that had cost
    64.00, 7.20. Golden case 3: 41 orders at 1.50, 2 of them lost."""
    margin = replace(RESULT, basis=ContractBasis.MARGIN, rate=200_000)
    facts = Facts(1_000 * YUAN, 640 * YUAN, 100 * YUAN, 64 * YUAN, 41, 2)
    assert told(parts_of(margin, [(margin, facts)], [])) == [(K.RESULT, 7_200), (K.RETURNED, -720)]
    each = replace(RESULT, basis=ContractBasis.ORDERS, rate=None, per_order=15_000)
    assert told(parts_of(each, [(each, facts)], [])) == [(K.RESULT, 6_150), (K.RETURNED, -300)]


@pytest.mark.parametrize(
    ("sold", "expected"),
    [
        (49_999, [(K.FEE, 300_000)]),
        (50_000, [(K.FEE, 300_000), (K.BONUS, 80_000)]),
        (100_000, [(K.FEE, 300_000), (K.BONUS, 80_000), (K.BONUS, 150_000)]),
        (
            130_000,  # and 1 % of what is above 100,000
            [(K.FEE, 300_000), (K.BONUS, 80_000), (K.BONUS, 150_000), (K.BONUS, 30_000)],
        ),
    ],
)
def test_a_fee_and_a_bonus_from_thresholds_on(sold: int, expected: list[tuple[K, int]]) -> None:
    """Golden case 4."""
    facts = Facts(sold=(sold + 500) * YUAN, returned=500 * YUAN)
    assert told(parts_of(BONUS, [(BONUS, facts)], [])) == expected


def test_a_base_fee_and_services_at_their_prices() -> None:
    """Golden case 5: 2,000.00, 12 hours at 85.00, 3 pages at 333.33."""
    base = Terms(ID, ContractModel.BASE_EXTRAS, fee=2_000 * YUAN)
    done = [(base, Extra(ID, "hour", 12, 850_000)), (base, Extra(ID, "page", 3, 3_333_300))]
    assert told(parts_of(base, [], done)) == [
        (K.FEE, 200_000),
        (K.EXTRA, 102_000),
        (K.EXTRA, 99_999),
    ]


def test_orders_of_earlier_terms_go_back_at_their_own_rate() -> None:
    earlier = replace(RESULT, id=UUID(int=2), rate=100_000)
    counted = [(earlier, Facts(returned=50 * YUAN)), (RESULT, Facts(sold=100 * YUAN))]
    assert told(parts_of(RESULT, counted, [])) == [(K.RETURNED, -500), (K.RESULT, 350)]


def test_without_terms_in_force_only_refunds_are_left_and_are_carried_on() -> None:
    parts = parts_of(None, [(RESULT, Facts(returned=100 * YUAN))], [])
    sums = summed(parts, 0, CENT)
    assert (sums.total, sums.payable, sums.carried_out) == (-35_000, 0, -35_000)
    later = summed(parts_of(RESULT, [(RESULT, Facts(sold=300 * YUAN))], []), -35_000, CENT)
    assert (later.total, later.payable, later.carried_out) == (105_000, 70_000, 0)


def test_cents_go_to_the_largest_remainders() -> None:
    """Golden case 6: 0.004, 0.004 and 0.002 of a yuan are one cent together, the first's."""
    thirds = [40 * EXACT, 40 * EXACT, 20 * EXACT]
    assert rounded(sum(thirds), CENT) == 100
    assert allot(thirds, 100, CENT) == [100, 0, 0]
    assert [rounded(each * EXACT, CENT) for each in (50, 150, -50, -150)] == [0, 200, 0, -200]


@given(st.lists(st.integers(-(10**20), 10**20), max_size=30), st.sampled_from([1, 100, 10_000]))
def test_whatever_is_shared_out_sums_to_the_whole(exacts: list[int], step: int) -> None:
    total = rounded(sum(exacts), step)
    shares = allot(exacts, total, step)
    assert sum(shares) == total
    assert all(share % step == 0 for share in shares)
    assert all(
        abs(share * EXACT - exact) < step * EXACT
        for share, exact in zip(shares, exacts, strict=True)
    )
    assert abs(2 * (total * EXACT - sum(exacts))) <= step * EXACT
