"""What each value of an enumeration means is told where clients read it: in the schema."""

import tomllib
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, build_schema

from server.sdl import FOLDER, snapshots

VALUES = Path("resolvers/enum_values.toml")


def enumerations(name: str) -> dict[str, GraphQLEnumType]:
    types = build_schema(snapshots()[FOLDER / f"{name}.graphql"]).type_map
    return {
        key: each
        for key, each in types.items()
        if isinstance(each, GraphQLEnumType) and not key.startswith("__")
    }


@pytest.mark.parametrize("root", ["shop", "partner"])
def test_each_value_that_a_client_meets_is_described(root: str) -> None:
    silent = [
        f"{name}.{value}"
        for name, each in enumerations(root).items()
        for value, told in each.values.items()
        if not (each.description and told.description)
    ]
    assert silent == [], f"describe these in {VALUES}, and their types in resolvers/enums.py"


def test_what_is_described_exists_and_as_a_whole() -> None:
    known = enumerations("admin") | enumerations("partner") | enumerations("shop")
    told = tomllib.loads(VALUES.read_text(encoding="utf-8"))
    assert {name: set(texts) for name, texts in told.items()} == {
        name: set(known[name].values) for name in told
    }
