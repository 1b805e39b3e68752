"""Pure rules of cards: comparing, masking, packing, binding, made-up codes."""

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.rules import bound_to, canonical, masked, packed, sample_codes, unpacked

TEXT = st.text(min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        pytest.param(("", "AB-CD 12"), ("", "abcd12"), True, id="dashes, blanks and case"),
        pytest.param(("", "ＡＢＣＤ１２"), ("", "ABCD12"), True, id="full-width letters"),
        pytest.param(("1", "ABCD"), ("", "1ABCD"), False, id="a number is no part of the secret"),
        pytest.param(("1", "ABCD"), ("2", "ABCD"), False, id="another number"),
        pytest.param(("", "ABCD1"), ("", "ABCD2"), False, id="another secret"),
    ],
)
def test_codes_are_compared_in_one_form(
    left: tuple[str, str], right: tuple[str, str], same: bool
) -> None:
    assert (canonical(*left) == canonical(*right)) is same


@given(st.text(st.characters(max_codepoint=127)), st.text(st.characters(max_codepoint=127)))
def test_plain_letters_take_a_short_way_to_the_same_form(number: str, secret: str) -> None:
    long_way = canonical(number + "\u3042", secret + "\u3042").decode()
    assert canonical(number, secret).decode() == long_way.replace("\u3042", "")


@pytest.mark.parametrize(
    ("number", "secret", "shown"),
    [
        pytest.param("", "ABCD-EFGH-IJKL-1234", "••••1234", id="the end of the secret"),
        pytest.param("6225880012341234", "PIN", "••••1234", id="the end of the number"),
        pytest.param("", "12345678", "••••78", id="a quarter of eight"),
        pytest.param("", "123", "••••", id="nothing of three"),
        pytest.param("12", "ABCDEFGHIJKLMNOP", "••••", id="no secret beside a short number"),
    ],
)
def test_a_card_shows_its_end_only(number: str, secret: str, shown: str) -> None:
    assert masked(number, secret) == shown


@given(st.text(max_size=100), st.text(min_size=1, max_size=400))
def test_never_more_than_a_quarter_is_shown(number: str, secret: str) -> None:
    shown = masked(number, secret).removeprefix("••••")
    assert len(shown) <= len(number or secret) / 4
    assert len(masked(number, secret)) <= 40


@given(TEXT, TEXT)
def test_what_was_packed_is_unpacked(number: str, secret: str) -> None:
    assert unpacked(packed(number, secret)) == (number, secret)


def test_each_part_of_the_binding_counts() -> None:
    one, two = UUID(int=1), UUID(int=2)
    bindings = [
        bound_to(one, one, one, 1),
        bound_to(two, one, one, 1),
        bound_to(one, two, one, 1),
        bound_to(one, one, two, 1),
        bound_to(one, one, one, 2),
    ]
    assert len(set(bindings)) == len(bindings)


def test_made_up_codes_have_their_form_and_come_once() -> None:
    codes = list(sample_codes("62##", "STEAM-####-????", 500, "seed"))
    assert len({secret for _, secret in codes}) == 500
    assert all(re.fullmatch(r"62\d\d", number) for number, _ in codes)
    assert all(re.fullmatch(r"STEAM-\d{4}-[A-HJ-NP-Z]{4}", secret) for _, secret in codes)
    assert codes == list(sample_codes("62##", "STEAM-####-????", 500, "seed"))
    assert codes != list(sample_codes("62##", "STEAM-####-????", 500, "other"))
