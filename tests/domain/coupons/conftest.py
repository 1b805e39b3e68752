"""What tests of coupons share: each begins not knowing whether campaigns apply by themselves."""

from collections.abc import Iterator

import pytest

from domain import coupons


@pytest.fixture(autouse=True)
def _unseen() -> Iterator[None]:
    coupons.sight.automatic = False
    yield
    coupons.sight.automatic = False
