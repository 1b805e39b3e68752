"""The one clock. Tests and fault runs move it; nobody else calls `datetime.now`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _source()


@contextmanager
def fixed(source: Callable[[], datetime]) -> Iterator[None]:
    """Replace the clock inside the block; process-wide, so for tests only."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before
