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
    """Replace the clock inside the block; process-wide, so for tests and the demo's past only.

    Blocks may stand in one another, never overlap, as those of tasks side by side would: whoever
    leaves last would leave a moved clock behind.
    """
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        mine, _source = _source is source, before
    if not mine:
        raise RuntimeError("two moved clocks overlap: move it once, around both")
