"""What documents print as GraphQL is asked as it is printed: each snippet fits a schema."""

import re
from functools import cache
from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    build_schema,
    parse,
    validate,
)

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "bench", "frontend-examples")
PRINTED = re.compile(r"^( *)```graphql\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


@cache
def schemas() -> list[GraphQLSchema]:
    return [build_schema(path.read_text()) for path in sorted(ROOT.glob("schema/*.graphql"))]


def documents() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md")]
    kept = [path for path in found if "node_modules" not in path.parts]
    return sorted([*ROOT.glob("*.md"), *kept])


def snippets() -> list[tuple[str, str]]:
    """Where each one begins, and its text."""
    rows = []
    for path in documents():
        text = path.read_text()
        for each in PRINTED.finditer(text):
            line = text.count("\n", 0, each.start()) + 1
            rows.append((f"{path.relative_to(ROOT)}:{line}", each.group(2)))
    return rows


def operations_of(text: str) -> list[DocumentNode]:
    """Each operation of a snippet by itself: readers send one after the other."""
    parts = parse(text).definitions
    shared = [each for each in parts if isinstance(each, FragmentDefinitionNode)]
    alone = [each for each in parts if not isinstance(each, FragmentDefinitionNode)]
    return [DocumentNode(definitions=(each, *shared)) for each in alone]


def faults_of(operation: DocumentNode) -> list[list[str]]:
    """What is wrong with it in each schema; nothing where it fits."""
    return [[each.message for each in validate(schema, operation)] for schema in schemas()]


@pytest.mark.parametrize(("place", "text"), snippets(), ids=[place for place, _ in snippets()])
def test_a_printed_snippet_fits_a_schema(place: str, text: str) -> None:
    for operation in operations_of(text):
        faults = faults_of(operation)
        assert not all(faults), min(faults, key=len)


def test_twin_a_field_that_is_gone_is_found() -> None:
    assert len(snippets()) > 20
    (gone,) = operations_of("{ viewer { login shoeSize } }")
    assert all(faults_of(gone))
    there, another = operations_of("{ viewer { login } } { suppliers { code } }")
    assert [] in faults_of(there)
    assert [] in faults_of(another)
