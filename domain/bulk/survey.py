"""A first look at a whole file before anything of it is used: its digest, size and soundness."""

import codecs
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from domain.bulk.sheets import Unreadable, is_workbook

READ_BYTES = 1024 * 1024
ENCODINGS = {"utf-8": "not_utf8", "gb18030": "not_gb18030"}


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a file that can be read to its end."""

    digest: bytes
    size: int
    lines: int  # of a text; 0 of a workbook
    workbook: bool


def survey(file: BinaryIO, max_line_bytes: int, encoding: str = "utf-8") -> Survey:
    """Read a file once, in pieces; it stands at its beginning after.

    Raises `Unreadable` with the line for a text that is not in `encoding`, holds zero bytes, or
    has a line that is too long. A workbook is only digested.
    """
    workbook = is_workbook(file)
    digest, lines = sha256(), None if workbook else _Lines(max_line_bytes, encoding)
    while piece := file.read(READ_BYTES):
        digest.update(piece)
        if lines is not None:
            lines.feed(piece)
    size = file.tell()
    file.seek(0)
    return Survey(digest.digest(), size, lines.end() if lines else 0, workbook)


class _Lines:
    """Looks at pieces of a text as at one; where something is wrong, it tells the line."""

    def __init__(self, max_bytes: int, encoding: str) -> None:
        self._max = max_bytes
        self._reason = ENCODINGS[encoding]
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._done = 0  # lines that ended
        self._open = 0  # bytes of the line that has not

    def feed(self, piece: bytes) -> None:
        lengths = [len(line) for line in piece.split(b"\n")]
        lengths[0] += self._open
        for number, length in enumerate(lengths) if max(lengths) >= self._max else ():
            ends = number < len(lengths) - 1
            if length + ends > self._max:
                raise Unreadable(self._done + number + 1, "line_too_long")
        zero = piece.find(b"\0")
        if zero >= 0:
            raise Unreadable(self._line_at(piece, zero), "not_text")
        before = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(piece)
        except UnicodeDecodeError as error:
            place = max(error.start - before, 0)
            raise Unreadable(self._line_at(piece, place), self._reason) from None
        self._done += len(lengths) - 1
        self._open = lengths[-1]

    def end(self) -> int:
        try:
            self._decoder.decode(b"", True)
        except UnicodeDecodeError:
            raise Unreadable(self._done + 1, self._reason) from None
        return self._done + bool(self._open)

    def _line_at(self, piece: bytes, place: int) -> int:
        return self._done + piece.count(b"\n", 0, place) + 1
