"""Who earns what: golden cases, and properties that hold for every sale.

The golden cases are those of docs/commissions.md, worked out there by hand.
"""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commissions import (
    Beneficiary,
    Earned,
    Rule,
    RuleKind,
    explain,
    least_of,
    read_terms,
    split,
    still_due,
    terms_of,
)
from domain.priceguard import NO_MARGIN, Margin

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
MARGIN = RuleKind.MARGIN_PERCENT


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param(
            [(PERCENT, 30_000), (PERCENT, 10_000), (PERCENT, 5_000)],
            [30_000, 10_000, 5_000],
            id="percent of the price, per level",
        ),
        pytest.param(
            [(MARGIN, 300_000), (MARGIN, 100_000), (MARGIN, 55_500)],
            [60_000, 20_000, 11_100],
            id="percent of the margin",
        ),
        pytest.param([(FIXED, 2_000)], [4_000], id="fixed amount for each of two pieces"),
        pytest.param(
            [(DIFFERENCE, 0)] * 3, [20_000, 20_000, 40_000], id="price difference telescopes"
        ),
        pytest.param(
            [(PERCENT, 30_000), (FIXED, 1_500), (MARGIN, 50_000)],
            [30_000, 3_000, 10_000],
            id="a kind for each level",
        ),
        pytest.param(
            [(PERCENT, 150_000), (MARGIN, 500_000)],
            [120_000, 80_000],
            id="cut to the margin, in proportion",
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


@pytest.mark.parametrize(
    ("least", "rules", "expected"),
    [
        pytest.param(
            Margin(rate=500), [(PERCENT, 150_000), (MARGIN, 500_000)], [96_000, 64_000], id="5 %"
        ),
        pytest.param(
            Margin(least=50_000), [(PERCENT, 150_000), (MARGIN, 500_000)], [60_000, 40_000], id="10"
        ),
        pytest.param(Margin(rate=500), [(PERCENT, 30_000)], [30_000], id="enough is left"),
        pytest.param(Margin(least=100_000), [(PERCENT, 30_000)], [], id="nothing is left"),
        pytest.param(
            Margin(least=50_000), [(DIFFERENCE, 0)] * 3, [20_000, 20_000, 40_000], id="own prices"
        ),
    ],
)
def test_the_house_keeps_its_least_margin(
    least: Margin, rules: list[tuple[RuleKind, int]], expected: list[int]
) -> None:
    earned = split(
        unit_price=500_000,
        quantity=2,
        cost=800_000,
        chain=chain_of(490_000, 480_000, 460_000),
        rules=rules_of(*rules),
        least=least,
    )
    assert [one.amount for one in earned] == expected
    terms = terms_of([], {}, least=least)
    assert (least_of(terms), least_of(None)) == (least, NO_MARGIN)


@pytest.mark.parametrize("cost", [1_000_000, 1_000_001])
def test_without_margin_nobody_earns(cost: int) -> None:
    rules = rules_of((PERCENT, 30_000), (FIXED, 2_000), (MARGIN, 10_000))
    chain = chain_of(490_000, 480_000, 460_000)
    assert split(unit_price=500_000, quantity=2, cost=cost, chain=chain, rules=rules) == []


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
    told = {**earned[0].rule, "keeps": 20_000}
    assert "keeps 2.00 at least: 1" in explain(told, "10", "1", "en")
    assert "平台至少保留 2.00）" in explain(told, "10", "1", "zh")


@pytest.mark.parametrize(
    ("kind", "scope", "of_agent", "english", "chinese"),
    [
        (
            PERCENT,
            "default",
            False,
            "3.5 % of the price of 49.00 CNY, by the general rule: 1.72 CNY",
            "售价 49.00 CNY 的 3.5%（通用规则），共 1.72 CNY",
        ),
        (
            MARGIN,
            "variant",
            True,
            "3.5 % of the margin of 49.00 CNY, by this agent's rule for the product: 1.72 CNY",
            "毛利 49.00 CNY 的 3.5%（该代理在此商品上的专属规则），共 1.72 CNY",
        ),
        (
            FIXED,
            "category",
            False,
            "3.50 for each unit, by the rule for the category: 1.72 CNY",
            "每件 3.50（分类规则），共 1.72 CNY",
        ),
    ],
)
def test_each_commission_is_one_sentence(
    kind: RuleKind, scope: str, of_agent: bool, english: str, chinese: str
) -> None:
    rule = {"kind": kind, "value": 35_000, "scope": scope, "tier": "gold", "ofAgent": of_agent}
    assert explain(rule, "49.00 CNY", "1.72 CNY", "en") == english
    assert explain(rule, "49.00 CNY", "1.72 CNY", "zh") == chinese


def test_a_difference_of_prices_says_whose_they_are() -> None:
    rule = {"kind": DIFFERENCE, "value": 0, "scope": "default", "tier": "gold"}
    english = "the price below less the agent's own price (gold), by the general rule: 2"
    assert explain(rule, "2", "2", "en") == english


def test_a_commission_of_before_is_still_explained() -> None:
    """Its snapshot does not know whose the rule was, nor for how long it waits."""
    old = {"kind": "percent", "value": 20_000, "scope": "default", "tier": "gold"}
    assert "2 % of" in explain(old, "1.00 CNY", "0.02 CNY", "en")


ANY_SALE = {
    "price": st.integers(1, 10**9),
    "quantity": st.integers(1, 100),
    "cost_share": st.floats(0, 1.5),
    "own": st.lists(st.none() | st.integers(1, 10**9), max_size=3),
    "kinds": st.lists(st.tuples(st.sampled_from(RuleKind), st.integers(0, 10**6)), max_size=3),
}


def split_of(
    price: int,
    quantity: int,
    cost_share: float,
    own: list[int | None],
    kinds: list[tuple[RuleKind, int]],
) -> tuple[list[Earned], int]:
    """What is earned, and the margin."""
    cost = int(price * quantity * cost_share)
    earned = split(
        unit_price=price, quantity=quantity, cost=cost, chain=chain_of(*own), rules=rules_of(*kinds)
    )
    return earned, price * quantity - cost


@given(**ANY_SALE)
def test_commissions_stay_within_the_margin(
    price: int,
    quantity: int,
    cost_share: float,
    own: list[int | None],
    kinds: list[tuple[RuleKind, int]],
) -> None:
    earned, margin = split_of(price, quantity, cost_share, own, kinds)
    assert all(one.amount > 0 for one in earned)
    assert sum(one.amount for one in earned) <= max(0, margin)
    assert len(earned) == len({one.level for one in earned}) <= 3
    if any("cutFrom" in one.rule for one in earned):  # then not a unit of it is lost
        assert sum(one.amount for one in earned) == margin


@given(**ANY_SALE, rate=st.integers(0, 20_000), each=st.integers(0, 10**8))
def test_rules_leave_the_least_margin_unless_prices_alone_take_it(
    price: int,
    quantity: int,
    cost_share: float,
    own: list[int | None],
    kinds: list[tuple[RuleKind, int]],
    rate: int,
    each: int,
) -> None:
    cost, least = int(price * quantity * cost_share), Margin(rate, each)
    sale = {"unit_price": price, "quantity": quantity, "cost": cost, "chain": chain_of(*own)}
    rules = rules_of(*kinds)
    paid = sum(one.amount for one in split(**sale, rules=rules, least=least))
    of_prices = {level: rule for level, rule in rules.items() if rule.kind is DIFFERENCE}
    by_prices = sum(one.amount for one in split(**sale, rules=of_prices))
    above = price * quantity - least.floor(cost, quantity)
    assert paid <= max(0, above, by_prices)
    assert paid <= sum(one.amount for one in split(**sale, rules=rules))


@given(**ANY_SALE, steps=st.lists(st.integers(0, 10**11), max_size=12))
def test_whatever_goes_back_in_whatever_steps_sums_to_the_whole(
    price: int,
    quantity: int,
    cost_share: float,
    own: list[int | None],
    kinds: list[tuple[RuleKind, int]],
    steps: list[int],
) -> None:
    """Refunds take of each commission what one refund of all of it would have, to the unit."""
    earned, _ = split_of(price, quantity, cost_share, own, kinds)
    total = price * quantity
    for one in earned:
        returned = taken = 0
        for step in [*steps, total]:
            returned = min(total, returned + step)
            due = still_due(one.amount, taken, returned, total)
            assert due >= 0
            taken += due
            assert taken == one.amount * returned // total <= one.amount
        assert taken == one.amount
        assert still_due(one.amount, taken, total, total) == 0


def test_terms_survive_being_kept_on_a_line() -> None:
    chain = chain_of(5, None)
    rules = {1: Rule(ONE, 1, FIXED, 3, "variant", 0, True), 2: Rule(ONE, 2, MARGIN, 4, "default")}
    assert read_terms(terms_of(chain, rules)) == (chain, rules)


def test_terms_of_a_line_that_waited_since_before_are_read() -> None:
    old = {"id": str(ONE), "level": 1, "kind": "fixed", "value": 3, "scope": "default"}
    assert read_terms({"chain": [], "rules": [old]}) == ([], {1: Rule(ONE, 1, FIXED, 3, "default")})
