"""What a statement may not say, whatever the planner makes of it today."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("domain", "server", "jobs")
_A_SLICE = re.compile(r"\bIN[\s\"f]*\(\s*\(?SELECT\b")


def statements() -> list[Path]:
    found = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def slices_that_may_be_read_twice(text: str) -> list[str]:
    """`IN (SELECT ... LIMIT n)`: the planner may read it anew for each row it compares, and when
    the rows are locked, each reading finds the next n."""
    found = []
    for begin in _A_SLICE.finditer(text):
        inner = _between_the_brackets(text[text.index("(", begin.start()) :])
        if re.search(r"\bLIMIT\b", inner):
            found.append(" ".join(inner.split()))
    return found


def _between_the_brackets(text: str) -> str:
    depth = 0
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return text[:place]
    return text


@pytest.mark.parametrize("path", statements(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_slice_is_read_once(path: Path) -> None:
    """Say `= ANY (ARRAY(SELECT ... LIMIT n))`, which is worked out before the statement begins."""
    assert slices_that_may_be_read_twice(path.read_text(encoding="utf-8")) == []


def test_twin_one_that_may_be_read_twice_is_found() -> None:
    twice = 'f"UPDATE c SET x = 1 WHERE id IN (SELECT id FROM c ORDER BY id LIMIT 4 FOR UPDATE)"'
    assert len(slices_that_may_be_read_twice(twice)) == 1
    assert slices_that_may_be_read_twice(twice.replace("IN (", "= ANY (ARRAY(")) == []
