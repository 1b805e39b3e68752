"""Amounts on their way in: read exactly, and refused without computing the absurd ones."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.kernel import SCALE, Refused, parse_units, plain
from domain.kernel.money import MAX_UNITS


@given(some.integers(-MAX_UNITS, MAX_UNITS))
def test_what_is_written_is_read_back(units: int) -> None:
    assert parse_units(plain(units)) == units
    assert parse_units(Decimal(units) / SCALE) == units


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "amount_not_a_number"),
        ("much", "amount_not_a_number"),
        ("NaN", "amount_not_a_number"),
        ("sNaN", "amount_not_a_number"),
        ("-Infinity", "amount_not_a_number"),
        ("1e999999999", "amount_not_a_number"),
        ("1e999990", "amount_too_large"),
        ("-1e999990", "amount_too_large"),
        ("100000000000.0001", "amount_too_large"),
        ("0.00001", "amount_too_fine"),
        ("1e-999999", "amount_too_fine"),
    ],
)
def test_an_absurd_amount_is_refused_at_once(text: str, reason: str) -> None:
    began = time.process_time()
    with pytest.raises(Refused) as caught:
        parse_units(text)
    assert time.process_time() - began < 0.5
    assert [refusal.reason for refusal in caught.value.refusals] == [reason]
