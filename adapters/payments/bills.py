"""What the bills of payment vendors share: read piece by piece, and surely to their end."""

import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeVar

from domain.bulk import Unreadable as Unread
from domain.payments.ports import StatementRow

MAX_UNPACKED_BYTES = 2 * 1024 * 1024 * 1024  # a million rows are about a quarter of it
Item = TypeVar("Item")

__all__ = ["Bill", "Capped", "Unread", "read"]


class Capped(io.RawIOBase):
    """A stream that ends with a fault when more comes out of it than a bill can have."""

    def __init__(self, file: BinaryIO, most: int = MAX_UNPACKED_BYTES) -> None:
        self._file, self._left = file, most

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes."""
        piece = self._file.read(len(buffer))
        self._left -= len(piece)
        if self._left < 0:
            raise Unread(0, "statement_unreadable")
        buffer[: len(piece)] = piece
        return len(piece)


class Bill:
    """A bill as it travelled, packed. It is unpacked anew each time it is gone through."""

    def __init__(
        self, packed: bytes, rows_of: Callable[[BinaryIO], Iterator[StatementRow]]
    ) -> None:
        self._packed, self._rows_of = packed, rows_of

    def __iter__(self) -> Iterator[StatementRow]:
        return self._rows_of(io.BytesIO(self._packed))

    def check(self) -> None:
        """Go through it once; raises `bulk.Unreadable` when it is not whole. Takes a while."""
        for _ in self:
            pass


def read(items: Iterator[Item], no_file: tuple[type[Exception], ...]) -> Iterator[Item]:
    """The same, with whatever says that the file is none, or is cut off, as `bulk.Unreadable`."""
    try:
        yield from items
    except no_file:
        raise Unread(0, "statement_cut_off") from None
    except UnicodeDecodeError:
        raise Unread(0, "statement_unreadable") from None
