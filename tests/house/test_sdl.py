"""The schema files are what the endpoints serve; clients generate their types from them."""

from pathlib import Path

import pytest
from graphql import build_schema

from server.sdl import snapshots


@pytest.mark.parametrize("path", sorted(snapshots()), ids=lambda path: path.stem)
def test_the_snapshot_is_up_to_date(path: Path) -> None:
    assert path.read_text() == snapshots()[path], "run `kameng export-schema` and read the diff"


@pytest.mark.parametrize("path", sorted(snapshots()), ids=lambda path: path.stem)
def test_a_mutation_takes_one_input_of_its_own_name(path: Path) -> None:
    """`orderCreate(input: OrderCreateInput!)`: nobody has to look up what an input is called."""
    fields = build_schema(snapshots()[path]).mutation_type.fields
    for name, each in fields.items():
        taken = {argument: str(value.type) for argument, value in each.args.items()}
        assert taken == {"input": f"{name[0].upper()}{name[1:]}Input!"}, name
