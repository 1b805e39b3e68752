"""Contexts speak to one another by their face: never by an inner file (house rule 7)."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schema", "resolvers", "domain", "jobs", "adapters", "server")
# Tables may name each other's enums while Python loads them, and nothing else may.
MODELS_ONLY = "models"
# What is not a use case but a tool for one: the hot path and the wiring may reach for it.
TOOLS = {
    "domain.kernel.idempotency",
    "domain.kernel.outbox",
    "domain.kernel.ids",
    "domain.kernel.models",
    "domain.kernel.migrating",
    "domain.payments.ports",
    "domain.realname.ports",
    "domain.payouts.ports",
    "domain.suppliers.ports",
    "domain.webhooks.ports",
}


def python_files() -> list[Path]:
    found = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    return [path for path in found if "migrations" not in path.parts]


def inner_imports(path: Path) -> list[str]:
    """Modules two steps inside a context of the domain that this file imports."""
    own = path.relative_to(ROOT).with_suffix("").parts[:2]
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or node.module is None or node.level:
            continue
        parts = node.module.split(".")
        if parts[0] == "domain" and len(parts) > 2 and tuple(parts[:2]) != own:
            found.append(node.module)
    return found


@pytest.mark.parametrize("path", python_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_other_contexts_are_met_by_their_face(path: Path) -> None:
    foreign = [module for module in inner_imports(path) if module not in TOOLS]
    assert foreign == [], f"import these through the face of their context: {foreign}"


def test_the_floors_that_a_newcomer_reads_are_those_that_are_held() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    (held,) = [one["layers"] for one in contracts["contracts"] if "containers" in one]
    told = (ROOT / "docs/architecture.md").read_text("utf-8")
    block = told.split("Highest first:\n\n```\n")[1].split("\n```")[0]
    assert block.splitlines() == [floor.replace(" : ", " | ") for floor in held[1:]]
