"""What a transfer says of goods, and what a difference is called."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cardbook.rules import OUTSIDE, Moved, balances, folio_digest
from domain.kernel import Prefix, encode_id
from domain.reconciliation.models import Matter
from domain.reconciliation.rules import (
    Side,
    batch_of_note,
    item_of_crossing,
    items_of_transfer,
    name_of,
    summed,
)

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
TRANSFER, LINE, BATCH, ATTEMPT = (UUID(int=number) for number in (1, 2, 3, 4))


def row(kind: str, **changes: Any) -> dict[str, Any]:
    """A transfer without legs of goods, about the line."""
    nothing = {
        "inventory": 0,
        "cost": 0,
        "supplier": 0,
        "delivery_kind": None,
        "quantity": None,
        "shared": 0,
        "attempt_id": None,
        "attempt_cost": None,
        "batch_id": None,
        "codes": None,
        "replaced_on": None,
    }
    about = {"id": TRANSFER, "kind": kind, "reference": LINE, "currency": "CNY", "note": ""}
    return {**about, "posted_at": AT, **nothing, **changes}


OWN = {"delivery_kind": "CARD_CODE", "quantity": 2, "cost": -80, "inventory": 80}
BROUGHT = {
    "delivery_kind": "CARD_CODE",
    "quantity": 3,
    "cost": -100,
    "supplier": 100,
    "attempt_id": ATTEMPT,
    "attempt_cost": 100,
    "batch_id": BATCH,
    "codes": 3,
}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(row("topup"), {}, id="money alone says nothing of goods"),
        pytest.param(row("sale", **OWN), {(Matter.SOLD, LINE): (80, 2)}, id="out of stock"),
        pytest.param(
            row("replacement", inventory=40, replaced_on=LINE),
            {(Matter.SOLD, LINE): (40, 0)},
            id="a replacement costs, and its line has as many cards as before",
        ),
        pytest.param(
            row("sale", **{**OWN, "shared": 2, "cost": 0, "inventory": 0}),
            {(Matter.SOLD, LINE): (0, 0)},
            id="a shared code stays where it is",
        ),
        pytest.param(
            row("sale", **BROUGHT),
            {
                (Matter.SOLD, LINE): (99, 3),
                (Matter.STORED, BATCH): (99, 0),
                (Matter.SUPPLIED, ATTEMPT): (100, 0),
            },
            id="brought by a supplier: the rest of the division is no card's",
        ),
        pytest.param(
            row("sale", delivery_kind="DIRECT_TOPUP", cost=-9, supplier=9, attempt_id=ATTEMPT),
            {(Matter.SUPPLIED, ATTEMPT): (9, 0)},
            id="a top-up has no card",
        ),
        pytest.param(row("sale", delivery_kind="MANUAL", cost=-9), {}, id="nor has what is manual"),
        pytest.param(
            row("supply", inventory=-7, supplier=9, attempt_id=ATTEMPT, batch_id=BATCH),
            {(Matter.STORED, BATCH): (7, 0), (Matter.SUPPLIED, ATTEMPT): (9, 0)},
            id="surplus becomes stock",
        ),
        pytest.param(
            row("card_purchase", inventory=-7, note=f"batch {encode_id(Prefix.CARD_BATCH, BATCH)}"),
            {(Matter.STORED, BATCH): (7, 0)},
            id="an import",
        ),
        pytest.param(
            row("card_return", inventory=7, batch_id=BATCH),
            {(Matter.LEFT, BATCH): (7, 0)},
            id="sent back",
        ),
        pytest.param(
            row("refund", inventory=-7),
            {(Matter.UNEXPLAINED, TRANSFER): (7, 0)},
            id="a kind that should not move stock",
        ),
        pytest.param(
            row("sale", inventory=7, delivery_kind="GIFT_CARD"),
            {(Matter.UNEXPLAINED, TRANSFER): (7, 0)},
            id="our own cards are no stock",
        ),
    ],
)
def test_what_a_transfer_says_of_goods(told: Any, expected: Any) -> None:
    found = summed(items_of_transfer(told))
    assert {key[:2]: (side.money, side.money_units) for key, side in found.items()} == expected


def test_what_an_attempt_charged_is_counted_once_for_both_of_its_transfers() -> None:
    surplus = row("supply", inventory=-7, supplier=20, attempt_id=ATTEMPT, attempt_cost=120)
    sale = row("sale", **{**BROUGHT, "attempt_cost": 120})
    both = [*items_of_transfer(sale), *items_of_transfer({**surplus, "batch_id": BATCH})]
    assert summed(both)[Matter.SUPPLIED, ATTEMPT, "CNY"].agrees


@pytest.mark.parametrize(
    ("matter", "side", "expected"),
    [
        (Matter.STORED, Side(money=5), "purchase_without_cards"),
        (Matter.STORED, Side(goods=5), "cards_without_purchase"),
        (Matter.STORED, Side(money=5, goods=4), "purchase_differs"),
        (Matter.SOLD, Side(money=5, money_units=1), "sale_without_cards"),
        (Matter.SOLD, Side(goods=5, goods_units=1), "cards_without_sale"),
        (Matter.SOLD, Side(money=5, goods=4, money_units=1, goods_units=1), "cost_of_sale_differs"),
        (Matter.SOLD, Side(money=5, goods=5, money_units=2, goods_units=1), "units_differ"),
        (Matter.SOLD, Side(money_units=2, goods_units=1), "units_differ"),
        (Matter.SOLD, Side(money_units=2), "sale_without_cards"),
        (Matter.LEFT, Side(goods=5), "cards_without_write_off"),
        (Matter.SUPPLIED, Side(money=5, goods=6), "supplier_differs"),
        (Matter.UNEXPLAINED, Side(money=5), "stock_moved_unexplained"),
    ],
)
def test_a_difference_has_its_name(matter: Matter, side: Side, expected: str) -> None:
    assert not side.agrees
    assert name_of(matter, side) == expected


def test_a_note_names_its_batch_or_none() -> None:
    assert batch_of_note(f"batch {encode_id(Prefix.CARD_BATCH, BATCH)}") == BATCH
    for other in ("", "batch", "batch bat_nonsense", f"batch {encode_id(Prefix.CARD, BATCH)}"):
        assert batch_of_note(other) is None


def test_units_of_a_line_that_costs_nothing_have_nobody_to_agree_with() -> None:
    class Free:
        kind, reference, currency, units, cost, at = "sold", LINE, "CNY", 2, 0, AT

    assert not item_of_crossing(Free)[1].agrees
    assert item_of_crossing(Free, free=True)[1].agrees


PLACES = st.sampled_from([OUTSIDE, "available", "sold", "void"])
MOVES = st.lists(
    st.builds(
        Moved,
        st.just(AT.date()),
        st.sampled_from([BATCH, LINE]),
        PLACES,
        PLACES,
        st.integers(1, 9),
        st.integers(0, 99),
    ),
    max_size=20,
)


@given(MOVES)
def test_the_card_ledger_always_sums_to_zero(moves: list[Moved]) -> None:
    changed = balances(moves)
    for batch in (BATCH, LINE):
        own = [value for key, value in changed.items() if key[0] == batch]
        assert sum(units for units, _ in own) == 0
        assert sum(cost for _, cost in own) == 0


@given(MOVES, st.randoms())
def test_a_folio_is_its_moves_in_any_order_and_nothing_else(
    moves: list[Moved], chance: Any
) -> None:
    digest = folio_digest(b"before", 1, 9, moves)
    shuffled = list(moves)
    chance.shuffle(shuffled)
    assert folio_digest(b"before", 1, 9, shuffled) == digest
    assert folio_digest(b"other", 1, 9, moves) != digest
    assert folio_digest(b"before", 1, 8, moves) != digest
    if moves:
        assert folio_digest(b"before", 1, 9, moves[1:]) != digest
