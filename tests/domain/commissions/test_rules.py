"""Who earns what: golden cases, and properties that hold for every sale."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commissions import Beneficiary, Rule, RuleKind, explain, read_terms, split, terms_of

ONE = UUID(int=7)


def chain_of(*prices: int | None) -> list[Beneficiary]:
    tiers = ("bronze", "silver", "gold")
    return [
        Beneficiary(UUID(int=level), level, tiers[level - 1], price)
        for level, price in enumerate(prices, start=1)
    ]


def rules_of(*kinds: tuple[RuleKind, int]) -> dict[int, Rule]:
    return {
        level: Rule(ONE, level, kind, value, "default")
        for level, (kind, value) in enumerate(kinds, start=1)
    }


PERCENT, FIXED, DIFFERENCE = RuleKind.PERCENT, RuleKind.FIXED, RuleKind.PRICE_DIFFERENCE


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param(
            [(PERCENT, 30_000), (PERCENT, 10_000), (PERCENT, 5_000)],
            [30_000, 10_000, 5_000],
            id="percent",
        ),
        pytest.param([(FIXED, 2_000)], [4_000], id="fixed amount for each of two pieces"),
        pytest.param(
            [(DIFFERENCE, 0)] * 3, [20_000, 20_000, 40_000], id="price difference telescopes"
        ),
        pytest.param([(PERCENT, 0)], [], id="zero yields no line"),
        pytest.param([], [], id="no rule, nothing"),
    ],
)
def test_golden_cases(rules: list[tuple[RuleKind, int]], expected: list[int]) -> None:
    earned = split(
        unit_price=500_000,
        quantity=2,
        cost=800_000,
        chain=chain_of(490_000, 480_000, 460_000),
        rules=rules_of(*rules),
    )
    assert [one.amount for one in earned] == expected


def test_commissions_are_cut_to_the_margin_and_say_so() -> None:
    earned = split(
        unit_price=100_000,
        quantity=1,
        cost=99_999,
        chain=chain_of(None, None, None),
        rules=rules_of(*[(PERCENT, 50_000)] * 3),
    )
    assert [one.amount for one in earned] == [1]
    assert earned[0].rule["cutFrom"] == 5_000
    assert "margin" in explain(earned[0].rule, "10.00 CNY", "0.0001 CNY", "en")
    assert "毛利" in explain(earned[0].rule, "10.00 CNY", "0.0001 CNY", "zh")


@given(
    price=st.integers(1, 10**9),
    quantity=st.integers(1, 100),
    cost_share=st.floats(0, 1.5),
    own=st.lists(st.none() | st.integers(1, 10**9), max_size=3),
    kinds=st.lists(st.tuples(st.sampled_from(RuleKind), st.integers(0, 10**6)), max_size=3),
)
def test_commissions_stay_within_the_margin(
    price: int,
    quantity: int,
    cost_share: float,
    own: list[int | None],
    kinds: list[tuple[RuleKind, int]],
) -> None:
    cost = int(price * quantity * cost_share)
    earned = split(
        unit_price=price, quantity=quantity, cost=cost, chain=chain_of(*own), rules=rules_of(*kinds)
    )
    assert all(one.amount > 0 for one in earned)
    assert sum(one.amount for one in earned) <= max(0, price * quantity - cost)
    assert len(earned) == len({one.level for one in earned}) <= 3


def test_terms_survive_being_kept_on_a_line() -> None:
    chain, rules = chain_of(5, None), rules_of((FIXED, 3), (DIFFERENCE, 0))
    assert read_terms(terms_of(chain, rules)) == (chain, rules)
