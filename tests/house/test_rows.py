"""Every test that docs/rows.md names is there: a promise whose test was renamed is no promise."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[a-z_/]+\.(?:py|mjs))(?:::(\w+))?`")


def functions_of(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_test_that_a_row_names_is_there() -> None:
    named = NAMED.findall((ROOT / "docs/rows.md").read_text())
    assert len(named) > 80
    lost = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or (name and name not in functions_of(ROOT / path))
    ]
    assert lost == []


def test_every_row_of_the_table_names_a_test() -> None:
    lines = (ROOT / "docs/rows.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| row")]
    assert [line for line in rows if not NAMED.search(line)] == []
