"""The house is tidy: short functions, short files, no dead files, no drawers, our own words."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schema", "resolvers", "domain", "jobs", "adapters", "server")
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 500
DRAWERS = {"utils", "util", "common", "core", "helpers", "lib", "misc", "config"}
# A word that house.md keeps us from, and the one we say instead.
WORDS = {
    r"\bfulfillment": "fulfilment",
    r"\bvoucher": "coupon, gift card or card",
    r"\bsubstation": "site",
    r"\bvendor_id\b": "supplier_id",
}
# Started by name, not by import.
ENTRANCES = {"server/cli.py", "server/app.py", "server/worker.py", "server/scheduler.py"}


def files() -> list[Path]:
    found = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_words(path: Path) -> None:
    assert path.stem not in DRAWERS
    text = path.read_text().lower()
    for pattern, instead in WORDS.items():
        assert not re.search(pattern, text), f"say {instead}"


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_public_functions_of_the_domain_say_what_they_do(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] != "domain":
        return
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_no_file_is_dead() -> None:
    imported: set[str] = set()
    for path in [*files(), *sorted((ROOT / "tests").rglob("*.py")), *migrations()]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module)
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    started = "\n".join(path.read_text() for path in files())
    dead = []
    for path in files():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        by_name = f'"{module}' in started or path.stem == "models" or name_of(path) in ENTRANCES
        if path.stem != "__init__" and module not in imported and not by_name:
            dead.append(name_of(path))
    assert dead == []


def migrations() -> list[Path]:
    return sorted((ROOT / "domain" / "migrations").glob("*.py"))


def test_our_import_names_are_nobody_elses() -> None:
    import importlib.metadata

    taken = {
        (name, distribution)
        for name, distributions in importlib.metadata.packages_distributions().items()
        for distribution in distributions
        if name in PACKAGES and distribution != "kameng"
    }
    assert taken == set()


@pytest.mark.parametrize("path", [each for each in files() if each.stem.endswith("models")])
def test_tables_are_made_of_the_kernels_model(path: Path) -> None:
    """Of Tortoise's own, each would parse its file anew whenever a process starts."""
    assert "from tortoise.models import" not in path.read_text()
