"""What comes off which line: golden cases worked by hand (docs/coupons.md), and properties."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.coupons import (
    CampaignKind,
    Candidate,
    DiscountBearer,
    Item,
    Step,
    Terms,
    Why,
    apply,
    borne,
    pieces_of,
)
from domain.kernel import SCALE, parse_units, plain

PAGE = Path(__file__).parents[3] / "docs/coupons.md"
CNY = "CNY"
ALL = frozenset({"A", "B", "C"})


def yuan(amount: str) -> int:
    return parse_units(amount)


def terms(kind: CampaignKind, number: int = 1, **changes: object) -> Terms:
    return Terms(UUID(int=number), kind, **changes)  # type: ignore[arg-type]


def fixed(amount: str, number: int = 1, **changes: object) -> Terms:
    return terms(CampaignKind.FIXED, number, value=yuan(amount), **changes)


def percent(rate: str, number: int = 1, **changes: object) -> Terms:
    return terms(CampaignKind.PERCENT, number, value=yuan(rate), **changes)


def offer(of: Terms, skus: frozenset[str] = ALL, **changes: object) -> Candidate:
    return Candidate(of, skus, **changes)  # type: ignore[arg-type]


# The table of the page: what is bought, which campaign, and what the lines cost afterwards.
CAMPAIGNS: dict[str, list[Candidate]] = {
    "10 off": [offer(fixed("10"))],
    "10 off from 50": [offer(fixed("10", minimum=yuan("50")))],
    "15 %": [offer(percent("15"))],
    "15 %, 5 at most": [offer(percent("15", cap=yuan("5")))],
    "100 less 10, 200 less 30": [
        offer(
            terms(
                CampaignKind.THRESHOLD,
                steps=(Step(yuan("100"), yuan("10")), Step(yuan("200"), yuan("30"))),
            )
        )
    ],
    "10 less for each 100": [
        offer(terms(CampaignKind.THRESHOLD, steps=(Step(yuan("100"), yuan("10")),), repeats=True))
    ],
    "buy 2, 1 free": [offer(terms(CampaignKind.FREE_ITEM, beside=2))],
    "B free beside 1 A": [
        offer(terms(CampaignKind.FREE_ITEM, beside=1, free_sku="B"), frozenset({"A"}))
    ],
    "10 % (group a), then 5 off (group b)": [
        offer(percent("10", 1, group="a", priority=1), given=True),
        offer(fixed("5", 2, group="b", priority=2), given=True),
    ],
    "15 % of B alone": [offer(percent("15"), frozenset({"B"}))],
}
CASE = re.compile(r"^\| (?P<bought>[^|]+) \| (?P<campaign>[^|]+) \| (?P<left>[^|]+) \|$")
BOUGHT = re.compile(r"(\d+) ([ABC]) at ([\d.]+)")


def cases() -> list[tuple[str, str, str]]:
    _, _, table = PAGE.read_text().partition("<!-- golden -->")
    table, _, _ = table.partition("<!-- end -->")
    found = [CASE.match(line) for line in table.splitlines()]
    rows = [each.groups() for each in found if each is not None]
    return [(a.strip(), b.strip(), c.strip()) for a, b, c in rows[1:]]


def after(campaign: str, items: list[Item]) -> str:
    outcome = apply(CAMPAIGNS[campaign], items, CNY)
    if not outcome.applied:
        return f"nothing: {outcome.rejected[0].why.value}"
    lines = []
    for place, item in enumerate(items):
        off = [each.parts[place] for each in outcome.applied]
        for piece in pieces_of(item, off, CNY):
            lines.append(f"{piece.quantity} {item.sku} at {plain(piece.unit_price)}")
    return ", ".join(lines)


@pytest.mark.parametrize(("bought", "campaign", "left"), cases())
def test_the_page_says_what_the_rules_do(bought: str, campaign: str, left: str) -> None:
    items = [Item(sku, int(count), yuan(price)) for count, sku, price in BOUGHT.findall(bought)]
    assert after(campaign, items) == left


def test_the_page_has_a_case_of_each_campaign() -> None:
    assert {campaign for _, campaign, _ in cases()} == set(CAMPAIGNS)


def items_of() -> st.SearchStrategy[list[Item]]:
    item = st.builds(
        Item,
        st.sampled_from(sorted(ALL)),
        st.integers(1, 50),
        st.one_of(st.integers(1, 10**7), st.integers(1, 10**5).map(lambda cents: cents * 100)),
        st.booleans(),
        st.booleans(),
    )
    return st.lists(item, min_size=1, max_size=6)


def terms_of(number: int) -> st.SearchStrategy[Terms]:
    amounts = st.integers(1, 10**8)
    common = {
        "cap": st.none() | amounts,
        "minimum": st.integers(0, 10**7),
        "group": st.none() | st.sampled_from("abcd"),
        "priority": st.integers(0, 3),
    }
    one = UUID(int=number)
    return st.one_of(
        st.builds(Terms, st.just(one), st.just(CampaignKind.FIXED), amounts, **common),
        st.builds(
            Terms, st.just(one), st.just(CampaignKind.PERCENT), st.integers(1, 10**6), **common
        ),
        st.builds(
            Terms,
            st.just(one),
            st.just(CampaignKind.THRESHOLD),
            steps=st.tuples(st.builds(Step, st.integers(10, 10**6), st.integers(1, 10))),
            repeats=st.booleans(),
            **common,
        ),
        st.builds(
            Terms,
            st.just(one),
            st.just(CampaignKind.FREE_ITEM),
            beside=st.integers(1, 5),
            free_sku=st.none() | st.sampled_from(sorted(ALL)),
            **common,
        ),
    )


def candidates_of() -> st.SearchStrategy[list[Candidate]]:
    some = st.lists(st.integers(1, 9), min_size=1, max_size=5, unique=True)
    return some.flatmap(
        lambda numbers: st.tuples(
            *(
                st.builds(
                    Candidate,
                    terms_of(number),
                    st.frozensets(st.sampled_from(sorted(ALL)), min_size=1),
                    left=st.none() | st.integers(0, 10**8),
                    given=st.booleans(),
                )
                for number in numbers
            )
        ).map(list)
    )


@given(items_of(), candidates_of())
def test_what_comes_off_sums_and_never_takes_a_whole_line(
    items: list[Item], candidates: list[Candidate]
) -> None:
    outcome = apply(candidates, items, CNY)
    answered = [each.candidate for each in (*outcome.applied, *outcome.rejected)]
    assert sorted(map(id, answered)) == sorted(map(id, candidates))
    for each in outcome.applied:
        assert sum(each.parts) == each.amount > 0
        assert min(each.parts) >= 0
        assert each.candidate.terms.cap is None or each.amount <= each.candidate.terms.cap
        assert each.candidate.left is None or each.amount <= each.candidate.left
    for place, item in enumerate(items):
        off = [each.parts[place] for each in outcome.applied]
        if not item.open:
            assert sum(off) == 0
            continue
        pieces = pieces_of(item, off, CNY)
        assert sum(piece.quantity for piece in pieces) == item.quantity
        paid = sum(piece.quantity * piece.unit_price for piece in pieces)
        assert paid + sum(off) == item.total
        assert all(piece.unit_price > 0 for piece in pieces)
        for number, whole in enumerate(off):
            assert sum(piece.off[number] for piece in pieces) == whole
        for piece in pieces:
            assert piece.discount == piece.quantity * (item.unit_price - piece.unit_price)
            assert min(piece.off, default=0) >= 0


@given(items_of(), candidates_of())
def test_groups_combine_and_no_two_of_one_do(
    items: list[Item], candidates: list[Candidate]
) -> None:
    applied = apply(candidates, items, CNY).applied
    groups = [each.candidate.terms.group for each in applied]
    assert len(groups) <= 3
    assert len(groups) == len(set(groups))
    assert None not in groups or len(groups) == 1


@given(st.integers(0, 10**12), st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_is_borne_sums_to_what_came_off(amount: int, one: int, two: int) -> None:
    low, high = sorted((one, two))
    parts = borne(amount, (low, high - low, 10_000 - high))
    assert sum(parts.values()) == amount
    assert min(parts.values()) >= 0


def test_prices_in_whole_cents_stay_in_whole_cents() -> None:
    items = [Item("A", 3, yuan("10")), Item("B", 7, yuan("3.33"))]
    (applied,) = apply([offer(percent("7.77"))], items, CNY).applied
    assert all(part % 100 == 0 for part in applied.parts)
    for item, part in zip(items, applied.parts, strict=True):
        assert all(each.unit_price % 100 == 0 for each in pieces_of(item, [part], CNY))


def test_the_largest_saving_is_taken_of_automatic_ones_that_exclude_each_other() -> None:
    small, large = offer(fixed("3", 1)), offer(fixed("4", 2))
    outcome = apply([small, large], [Item("A", 1, yuan("50"))], CNY)
    assert [each.candidate for each in outcome.applied] == [large]
    assert [(each.candidate, each.why) for each in outcome.rejected] == [(small, Why.NOT_TOGETHER)]


def test_what_a_buyer_names_comes_before_what_is_automatic() -> None:
    named, automatic = offer(fixed("1", 1), given=True), offer(fixed("9", 2))
    outcome = apply([automatic, named], [Item("A", 1, yuan("50"))], CNY)
    assert [each.candidate for each in outcome.applied] == [named]


def test_what_is_missing_is_told() -> None:
    of = offer(fixed("5", minimum=yuan("60")))
    (rejected,) = apply([of], [Item("A", 1, yuan("49"))], CNY).rejected
    assert (rejected.why, rejected.missing) == (Why.BELOW_MINIMUM, 11 * SCALE)


def test_a_budget_that_does_not_cover_it_refuses_it_whole() -> None:
    of = offer(fixed("5"), left=yuan("4.99"))
    (rejected,) = apply([of], [Item("A", 1, yuan("49"))], CNY).rejected
    assert rejected.why is Why.EXHAUSTED


def test_borne_by_agent_and_platform() -> None:
    assert borne(yuan("0.01"), (5_000, 5_000, 0)) == {
        DiscountBearer.PLATFORM: 50,
        DiscountBearer.AGENT: 50,
        DiscountBearer.SUPPLIER: 0,
    }
