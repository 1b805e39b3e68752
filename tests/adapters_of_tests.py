"""What a test registers is gone with the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from domain import bulk, payments, payouts, realname, suppliers

_REGISTRIES: tuple[dict[str, Any], ...] = (
    bulk.running._kinds,
    payments.registry._ports,
    payouts.registry._ports,
    realname.ports._ports,
    suppliers.registry._ports,
)


@contextmanager
def own_adapters() -> Iterator[None]:
    """Whatever is registered inside is forgotten, and what it replaced is there again.

    An adapter that stays keeps its test's client. The next test that meets it opens that client
    again, and nobody closes it: the warning of the open socket comes whenever the garbage is
    collected, in a test that has nothing to do with it.
    """
    before = [dict(registry) for registry in _REGISTRIES]
    try:
        yield
    finally:
        for registry, known in zip(_REGISTRIES, before, strict=True):
            registry.clear()
            registry.update(known)
