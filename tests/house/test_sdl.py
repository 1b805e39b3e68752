"""The schema files are what the endpoints serve; clients generate their types from them."""

import pytest

from server.sdl import snapshots


@pytest.mark.parametrize("path", sorted(snapshots()), ids=lambda path: path.stem)
def test_the_snapshot_is_up_to_date(path) -> None:
    assert path.read_text() == snapshots()[path], "run `kameng export-schema` and read the diff"
