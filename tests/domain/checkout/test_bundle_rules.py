"""Sharing out a bundle's price and what it may cost: pure rules, by property."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog import DeliveryKind, WhenOut
from domain.checkout.bundles import WHOLE, guard_bundles, plan_bundle, split_price
from domain.checkout.refusals import PriceBelowCost, StockShort
from domain.checkout.rules import BuyerFacts, ChainMember, LineWish, Part, PlannedLine, Pool, Shelf
from domain.commissions import Rule, RuleKind
from domain.kernel import Refused

ID = UUID(int=1)
CHAIN = (ChainMember(ID, 1, "gold"), ChainMember(ID, 2, "silver"))
BUYER = BuyerFacts(ID, "retail", False, CHAIN, 10**12)
SHELF = Shelf(
    sku="PART",
    variant_id=ID,
    for_sale=True,
    delivery_kind=DeliveryKind.CARD_CODE,
    min_quantity=1,
    max_quantity=100,
    sold_below_cost=False,
    prices={},
    rules={},
    own_cards=10_000,
    offer_cost=None,
    type_id=ID,
)
COMMISSION = {1: Rule(ID, 1, RuleKind.FIXED, 1_000, "default")}


def shares(count: int) -> st.SearchStrategy[list[int]]:
    """Shares of as many parts, each above zero, that sum to one."""
    cuts = st.lists(
        st.integers(1, WHOLE - 1), min_size=count - 1, max_size=count - 1, unique=True
    ).map(sorted)
    return cuts.map(
        lambda found: [b - a for a, b in zip([0, *found], [*found, WHOLE], strict=True)]
    )


@st.composite
def bundles(draw: st.DrawFn) -> tuple[Part, ...]:
    paid = draw(st.integers(1, 6).flatmap(shares))
    found = [
        Part(place, draw(st.integers(1, 100)), share, None, None, replace(SHELF, sku=f"P{place}"))
        for place, share in enumerate(paid, start=1)
    ]
    if draw(st.booleans()):
        place = len(found) + 1
        gift = Part(place, draw(st.integers(1, 3)), 0, 1, WhenOut.SKIP, replace(SHELF, sku="G"))
        found.append(gift)
    return tuple(found)


@given(bundles(), st.integers(1, 10**10))
def test_nothing_of_the_price_is_lost_and_each_part_gets_its_share(
    parts: tuple[Part, ...], price: int
) -> None:
    groups = split_price(price, parts)
    of_parts = [sum(n * unit for n, unit in groups[part.position]) for part in parts]
    assert sum(of_parts) == price
    for part, amount in zip(parts, of_parts, strict=True):
        assert abs(amount * WHOLE - price * part.share) < WHOLE  # within 1/10000 of the exact share
        assert sum(n for n, _ in groups[part.position]) == part.pieces
        units = [unit for _, unit in groups[part.position]]
        assert max(units) - min(units) <= 1
        assert not part.is_gift or amount == 0


@given(bundles(), st.integers(10**7, 10**10), st.integers(1, 100))
def test_the_lines_of_a_bundle_cost_what_it_costs(
    parts: tuple[Part, ...], price: int, quantity: int
) -> None:
    shelf = replace(
        SHELF,
        sku="B",
        delivery_kind=DeliveryKind.BUNDLE,
        prices={"retail": price},
        parts=parts,
        rules=COMMISSION,
    )
    lines, refusals = plan_bundle(0, LineWish("B", quantity), shelf, BUYER, Pool())
    assert refusals == []
    assert sum(line.unit_price * line.quantity for line in lines) == price * quantity
    assert all(line.unit_price > 0 or (line.bundle and line.bundle.gift) for line in lines)
    fixed = sum(
        line.rules[1].value * line.quantity for line in lines if line.chain
    )  # what is fixed for a bundle is never more for its parts
    assert fixed <= COMMISSION[1].value * quantity


def line(position: int, price: int, cost: int, *, own: bool = True) -> PlannedLine:
    shelf = replace(SHELF, sku="B", parts=(), prices={"retail": 1})
    part = Part(position, 1, WHOLE, None, None, replace(SHELF, offer_cost=cost))
    whole = replace(shelf, delivery_kind=DeliveryKind.BUNDLE, parts=(part,))
    (made,), _ = plan_bundle(0, LineWish("B", 1), whole, BUYER, Pool())
    made.position, made.unit_price, made.from_own_stock = position, price, own
    return made


PAIRS = st.lists(
    st.tuples(st.integers(0, 10**8), st.integers(0, 10**8), st.booleans()), min_size=1, max_size=6
)


@given(PAIRS)
def test_a_bundle_never_costs_more_than_it_brings_and_no_part_pays_twice(
    pairs: list[tuple[int, int, bool]],
) -> None:
    lines = [line(at, price, cost, own=own) for at, (price, cost, own) in enumerate(pairs)]
    costs = {at: cost for at, (_, cost, own) in enumerate(pairs) if own}
    prices, spent = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    if spent > prices:
        with pytest.raises(Refused) as refused:
            guard_bundles(lines, costs)
        assert refused.value.refusals == (PriceBelowCost(sku="B", field=("lines", "0")),)
        return
    guard_bundles(lines, costs)
    most = sum(
        each.max_unit_cost if not own else cost
        for each, (_, cost, own) in zip(lines, pairs, strict=True)
    )
    assert most <= prices
    margins = [
        max(0, price - cost - each.bears)
        for each, (price, cost, _) in zip(lines, pairs, strict=True)
    ]
    assert sum(margins) <= prices - spent  # what agents can earn is within the whole's margin
    for each, (_, cost, own) in zip(lines, pairs, strict=True):
        assert own or each.max_unit_cost >= cost  # the offer that was counted on can be taken


def test_a_part_may_not_cost_more_than_the_whole_leaves() -> None:
    """Without what the others bear, each of two suppliers could take the whole margin."""
    dear, cheap = line(1, 40, 70, own=False), line(2, 60, 20, own=False)
    guard_bundles([dear, cheap], {})
    assert (dear.max_unit_cost, dear.bears) == (70, 0)
    assert (cheap.max_unit_cost, cheap.bears) == (30, 30)


def test_cards_of_a_shared_variant_are_counted_once() -> None:
    few = replace(SHELF, own_cards=5)
    parts = (Part(1, 2, 5_000, None, None, few), Part(2, 2, 5_000, None, None, few))
    shelf = replace(
        SHELF, sku="B", delivery_kind=DeliveryKind.BUNDLE, prices={"retail": 100}, parts=parts
    )
    lines, refusals = plan_bundle(0, LineWish("B", 1), shelf, BUYER, Pool())
    assert (len(lines), refusals) == (2, [])
    lines, refusals = plan_bundle(0, LineWish("B", 2), shelf, BUYER, Pool())
    assert lines == []
    assert refusals == [
        StockShort(sku="B", requested=2, available=0, field=("lines", "0", "quantity"))
    ]
