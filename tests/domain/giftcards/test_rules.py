"""Codes of gift cards, the table of moves, lockouts: pure rules."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards import own_codes
from domain.giftcards import GiftCardStatus, ProgramDraft, rules
from domain.giftcards.models import Breakage, GiftCardValue, GuardKind

BODY = st.text(alphabet=own_codes.ALPHABET, min_size=16, max_size=16)
YUAN = 10_000


def whole(body: str) -> str:
    return body + own_codes.check_letter(body)


@given(BODY)
def test_every_single_wrong_letter_is_told(body: str) -> None:
    code = whole(body)
    for place, letter in enumerate(code):
        for other in own_codes.ALPHABET:
            if other != letter:
                assert own_codes.read_code(code[:place] + other + code[place + 1 :]) is None


@given(BODY)
def test_any_two_letters_that_changed_places_are_told(body: str) -> None:
    code = whole(body)
    for first in range(len(code)):
        for second in range(first + 1, len(code)):
            if code[first] != code[second]:
                swapped = list(code)
                swapped[first], swapped[second] = code[second], code[first]
                assert own_codes.read_code("".join(swapped)) is None


def test_the_check_letter_leaves_all_eighty_bits_to_be_guessed() -> None:
    """Of any 15 letters known, each value of the 16th is possible, each with its own check letter:
    a wrong guess rules out itself alone."""
    start = "0123456789ABCDE"
    assert len({own_codes.check_letter(start + letter) for letter in own_codes.ALPHABET}) == 32
    assert math.log2(len(own_codes.ALPHABET)) * own_codes.RANDOM_LETTERS == 80


def test_codes_are_even_and_never_the_same() -> None:
    """20,000 codes: none twice, and at each place each letter about as often as any other."""
    count = 20_000
    codes = [own_codes.read_code(own_codes.new_code()) for _ in range(count)]
    assert None not in codes
    assert len(set(codes)) == count
    expected = count / 32
    for place in range(17):
        seen = dict.fromkeys(own_codes.ALPHABET, 0)
        for code in codes:
            seen[code[place]] += 1  # type: ignore[index]
        chi_square = sum((found - expected) ** 2 / expected for found in seen.values())
        assert chi_square < 90  # 31 degrees of freedom: above 90 once in ten million


def test_a_number_tells_nothing_of_the_code() -> None:
    numbers = {rules.new_number("GC") for _ in range(5_000)}
    assert len(numbers) == 5_000
    assert all(number.startswith("GC") and len(number) == 14 for number in numbers)


@pytest.mark.parametrize("typed", ["lower", "spaces", "wide", "alike", "bare"])
def test_a_code_is_read_however_it_is_typed(typed: str) -> None:
    body = "0123456789ABCDEF"
    code = whole(body)
    forms = {
        "lower": f"{code[:4]}-{code[4:]}".lower(),
        "spaces": f"  {code[:8]} {code[8:]}\t",
        "wide": code.translate({ord(c): ord(c) + 0xFEE0 for c in code}),
        "alike": code.replace("0", "o").replace("1", "l"),
        "bare": code,
    }
    assert own_codes.read_code(forms[typed]) == code


@pytest.mark.parametrize("typed", ["", "ABCD", "U" * 17, "0" * 18, "x" * 100_000, "卡" * 17])
def test_what_is_no_code_is_not_read(typed: str) -> None:
    assert own_codes.read_code(typed) is None


def test_a_move_that_staff_decides_says_why() -> None:
    needing = {
        (source, target)
        for source, targets in rules.MOVES.items()
        for target in targets & rules.BY_STAFF
        if rules.needs_reason(source, target)
    }
    free = {
        (source, target)
        for source, targets in rules.MOVES.items()
        for target in targets & rules.BY_STAFF
    } - needing
    assert free == {(GiftCardStatus.ISSUED, GiftCardStatus.ACTIVE)}


def test_a_lock_doubles_up_to_a_day() -> None:
    minutes = [rules.lock_for(GuardKind.USER, tries) for tries in range(4, 9)]
    assert minutes == [None, *(timedelta(minutes=2**power) for power in range(4))]
    assert rules.lock_for(GuardKind.USER, 10**9) == timedelta(hours=24)
    assert rules.lock_for(GuardKind.ADDRESS, 29) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"face_units": None}, "faceValue"),
        ({"face_units": 1_001 * YUAN}, "faceValue"),
        ({"face_units": 1}, "faceValue"),
        ({"currency": "USD"}, "faceValue"),
        ({"uses": 3}, "uses"),
        ({"value": GiftCardValue.COUNT, "face_units": None}, "uses"),
        ({"value": GiftCardValue.COUNT, "uses": 3}, "faceValue"),
        ({"valid_days": 1_094}, "validDays"),
        ({"breakage": Breakage.INCOME}, "breakage"),
        ({"prefix": "ILOU"}, "prefix"),
        ({"prefix": ""}, "prefix"),
        ({"name_en": " x"}, "nameEn"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, object], field: str) -> None:
    values = {
        "name_zh": "卡",
        "name_en": "Card",
        "value": GiftCardValue.BALANCE,
        "face_units": 100 * YUAN,
    }
    faults = rules.program_faults(ProgramDraft(**{**values, **changes}))  # type: ignore[arg-type]
    assert {fault.field for fault in faults} == {(field,)}
    assert rules.program_faults(ProgramDraft(**values)) == []  # type: ignore[arg-type]
