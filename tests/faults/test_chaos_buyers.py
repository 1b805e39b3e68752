"""Buyers of a chaos run ask again when they are told to, and say why they had to."""

from typing import Any

import pytest

from bench.chaos.people import NO_ANSWER, PAUSE_SECONDS, Heard, heard_in


def refused(**error: Any) -> dict[str, Any]:
    return {"data": {"orderCreate": {"order": None, "userErrors": [error]}}}


@pytest.mark.parametrize(
    ("content", "heard"),
    [
        (
            {"data": {"orderCreate": {"order": {"id": "ord_1"}, "userErrors": []}}},
            Heard("ord_1", again=False),
        ),
        (refused(code="OUT_OF_STOCK", retryable=False), Heard(code="OUT_OF_STOCK", again=False)),
        (refused(code="BUSY", retryable=True), Heard(code="BUSY")),
        (
            refused(code="SHOP_BUSY", retryable=True, retryAfter=30),
            Heard(code="SHOP_BUSY", wait=30),
        ),
        (
            {"errors": [{"extensions": {"code": "SHOP_BUSY", "retryAfter": 7}}]},
            Heard(code="SHOP_BUSY", wait=7),
        ),
        ({"data": None, "errors": [{"extensions": {"code": "INTERNAL"}}]}, Heard(code="INTERNAL")),
        ({}, Heard(code=NO_ANSWER, again=True, wait=PAUSE_SECONDS)),
    ],
)
def test_what_an_answer_says_of_an_order(content: dict[str, Any], heard: Heard) -> None:
    assert heard_in(content) == heard
