"""Patterns: the same verdict as a known engine, and never a long wait."""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.catalog.patterns import MAX_PATTERN_LETTERS, PatternInvalid, compile_pattern

LETTERS = "ab1_- x/.中"
PIECES = r"a b 1 . \d \w \s \D \W \. \/ [ab] [^a1] [a-z] [\d-] [^\w] [\D] 中 -"
FOREIGN = r"( ) a) [ [] [^] [b-a] a** a+? a{2 a{3,2} a{65} {2} *a a^b a$b [a[b] \ [\b]"
TOO_MUCH = r"(?=a)b (?<n>a) (a)\1 \p{L} \x41 ((a{64}){64}){64} (?i)a"
ATOMS = st.sampled_from(PIECES.split())
REPEATS = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{0,2}", "{1,}"])


def joined(parts: list[str]) -> str:
    return "".join(parts)


REPEATED = st.builds(lambda atom, repeat: atom + repeat, ATOMS, REPEATS)
SEQUENCES = st.lists(REPEATED, max_size=4).map(joined)
GROUPS = st.builds(
    lambda ways, opening, repeat: f"{opening}{'|'.join(ways)}){repeat}",
    st.lists(SEQUENCES, min_size=1, max_size=3),
    st.sampled_from(["(", "(?:"]),
    REPEATS,
)
PATTERNS = st.lists(st.one_of(REPEATED, GROUPS), min_size=1, max_size=4).map(joined)


@given(PATTERNS, st.text(LETTERS, max_size=8))
@example("(a*)*b", "aaab")
@example("(|a)+1", "1")
@example(r"[^\D]+", "11")
def test_the_verdict_is_that_of_a_known_engine(pattern: str, text: str) -> None:
    expected = re.fullmatch(pattern, text, re.ASCII) is not None
    assert compile_pattern(pattern).matches(text) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "verdict"),
    [
        ("^1[3-9][0-9]{9}$", "13800138000", True),
        ("^1[3-9][0-9]{9}$", "23800138000", False),
        (r"[A-Z]{2}-\d{4,6}", "CN-12345", True),
        (r"[A-Z]{2}-\d{4,6}", "CN-123", False),
        (r"(uid|UID):?\d+", "UID:7", True),
        (r"a\$", "a$", True),
        (r"一|二", "二", True),
    ],
)
def test_what_operators_write(pattern: str, text: str, verdict: bool) -> None:
    assert compile_pattern(pattern).matches(text) is verdict


@pytest.mark.parametrize(
    "pattern",
    [
        *FOREIGN.split(),
        *TOO_MUCH.split(),
        "",
        "(" * 21 + "a" + ")" * 21,
        "a" * (MAX_PATTERN_LETTERS + 1),
    ],
)
def test_what_is_not_of_the_language_is_refused(pattern: str) -> None:
    with pytest.raises(PatternInvalid):
        compile_pattern(pattern)


@given(st.text(max_size=40) | st.text("ab(){}[]|*+?.\\^$-,1d", max_size=40))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    with suppress(PatternInvalid):
        compile_pattern(text).matches("aab1")


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(a|aa)+b", "(a*)*b", "(a?){20}a{20}b", "(.*)(.*)(.*)(.*)(.*)b"]
)
def test_a_hostile_pattern_costs_no_time(pattern: str) -> None:
    """Each of these keeps a backtracking engine busy for ages on this value."""
    compiled, began = compile_pattern(pattern), time.thread_time()
    assert not compiled.matches("a" * 256)
    assert time.thread_time() - began < 1


def test_a_backtracking_engine_would_have_hung() -> None:
    """The twin: on 24 letters, ten times fewer, it works a hundred times longer than ours."""
    text, slow, ours = "a" * 24, re.compile("(a+)+b"), compile_pattern("(a+)+b")
    began = time.thread_time()
    assert slow.fullmatch(text) is None
    between = time.thread_time()
    assert not ours.matches(text)
    assert between - began > 100 * (time.thread_time() - between)
