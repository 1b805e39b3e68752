"""Crash points: each that the code comes to is in the list, each of the list is come to, and a test
of faults dies at each."""

import ast
from collections.abc import Iterator
from pathlib import Path

from domain.kernel.crash import POINTS

ROOT = Path(__file__).parents[2]
CODE = ("adapters", "domain", "jobs", "resolvers", "schema", "server")
FAULTS = ROOT / "tests" / "faults"


def nodes(folder: Path, pattern: str = "*.py") -> Iterator[ast.AST]:
    for path in folder.rglob(pattern):
        yield from ast.walk(ast.parse(path.read_text()))


def reached() -> set[str]:
    """The name of each call of `crash_point`, written out in place."""
    calls = [
        node
        for place in CODE
        for node in nodes(ROOT / place)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "crash_point"
    ]
    return {ast.literal_eval(call.args[0]) for call in calls}


def killed_at() -> set[str]:
    """Whatever the tests of faults name."""
    constants = (node for node in nodes(FAULTS, "test_*.py") if isinstance(node, ast.Constant))
    return {node.value for node in constants if isinstance(node.value, str)}


def test_the_list_names_what_the_code_comes_to() -> None:
    assert reached() == POINTS


def test_somebody_dies_at_each_crash_point() -> None:
    assert sorted(POINTS - killed_at()) == []
