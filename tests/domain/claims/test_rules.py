"""Tokens of claim links: what they are made of, and what opens nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.claims import LinkState, state_of
from domain.claims.rules import Signed, address, one_time_code, read_token, signed_tag, written

KEY = b"k" * 32
MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
SIGNED = Signed(uuid4(), uuid4(), MOMENT, 1, b"")


def test_a_token_is_read_as_it_was_written() -> None:
    tag = signed_tag(KEY, SIGNED)
    token = written(SIGNED.id, tag)
    assert len(tag) == 32
    parts = read_token(token)
    assert parts is not None
    assert (parts.link_id, parts.tag) == (SIGNED.id, tag)
    assert tag.hex() not in repr(parts)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": uuid4()},
        {"order_id": uuid4()},
        {"expires_at": MOMENT + timedelta(microseconds=1)},
        {"max_uses": 2},
        {"recipient": b"x"},
    ],
)
def test_the_signature_covers_every_term(changed: dict[str, object]) -> None:
    assert signed_tag(KEY, replace(SIGNED, **changed)) != signed_tag(KEY, SIGNED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kml_",
        "kml_" + "A" * 63,
        "kml_" + "A" * 65,
        "kml_" + "!" * 64,
        "kma_" + "A" * 64,
        "名" * 68,
    ],
)
def test_what_has_another_form_is_no_token(text: str) -> None:
    assert read_token(text) is None


def test_the_address_keeps_the_token_from_servers() -> None:
    token = written(SIGNED.id, signed_tag(KEY, SIGNED))
    before, _, behind = address("https://shop.example/", token).partition("#")
    assert before == "https://shop.example/c/"
    assert behind == token


def test_codes_of_challenges_have_six_digits_and_differ() -> None:
    codes = [one_time_code(KEY, UUID(int=number)) for number in range(300)]
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(set(codes)) > 290
    assert one_time_code(b"x" * 32, UUID(int=1)) != codes[1]


@pytest.mark.parametrize(
    ("revoked", "life", "uses", "state"),
    [
        (False, 1, 0, LinkState.OPEN),
        (False, 0, 0, LinkState.EXPIRED),
        (False, 1, 2, LinkState.USED_UP),
        (True, 1, 2, LinkState.REVOKED),
    ],
)
def test_where_a_link_stands(revoked: bool, life: int, uses: int, state: LinkState) -> None:
    ends = MOMENT + timedelta(seconds=life)
    assert state_of(MOMENT if revoked else None, ends, uses, 2, MOMENT) is state
