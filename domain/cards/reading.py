"""Reading card files, in chunks that can be gone on with. Nothing is stored here.

The form is told by the first bytes: a workbook; JSON lines, when the first line is an object; CSV,
when it names columns; else text with one card a line. Of CSV, JSON and workbooks the columns are
`secret`, and optionally `number` and `expires_on`; a line of text is a secret, or number and secret
parted by a tab, `----` or a comma.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from itertools import islice
from typing import BinaryIO, Protocol

import orjson

from domain.bulk import (
    Cell,
    Problem,
    Unreadable,
    code_of,
    is_workbook,
    read_workbook,
    text_of,
)
from domain.cards.refusals import CardFileInvalid
from domain.cards.rules import text_fault
from domain.kernel import Refused

MAX_LINE_BYTES = 4 * 1024
COLUMNS = frozenset({"number", "secret", "expires_on"})
SEPARATORS = ("\t", "----", ",")
# What the first line of a file that was meant as CSV looks like, even when `secret` is missing.
HEADER_WORDS = COLUMNS | {"code", "card", "card_number", "pin", "password", "key", "卡号", "卡密"}
# A code that a spreadsheet took for a number and wrote so: its last digits are lost.
_DAMAGED = re.compile(r"\d([.,]\d+)?[eE]\+\d{1,3}")
UTF8 = "utf-8"

RowProblem = Problem  # why one row was left out, never with its code


@dataclass(slots=True)
class CardRow:
    """One card of a file. Its code does not show in a repr."""

    line: int
    number: str = field(repr=False)
    secret: str = field(repr=False)
    expires_on: date | None = None


Row = CardRow | RowProblem


@dataclass(frozen=True, slots=True)
class Position:
    """How much of a file is read: lines, and the bytes of them."""

    line: int = 0
    offset: int = 0


class CardReader(Protocol):
    """A card file that is read in chunks."""

    position: Position
    ended: bool
    numbers: int  # codes that a spreadsheet holds as numbers: leading zeros may be lost

    def go_to(self, position: Position) -> None:
        """Go on behind what was read up to `position`."""

    def take(self, lines: int) -> list[Row]:
        """The cards and problems of the next lines; `ended` once there are no more."""


def open_cards(file: BinaryIO, today: date, encoding: str = UTF8) -> CardReader:
    """A reader for the file's form. Refuses (CARD_FILE_INVALID) columns that are no card's."""
    try:
        if is_workbook(file):
            return _SheetReader(file, today)
    except Unreadable as fault:
        raise Refused(CardFileInvalid(line=fault.line, reason=fault.reason)) from None
    return _LineReader(file, today, encoding)


def read_cards(file: BinaryIO, today: date, encoding: str = UTF8) -> Iterator[Row]:
    """The rows of a file, and a problem for each that cannot be a card.

    Refuses (CARD_FILE_INVALID) what cannot be read as a whole: another encoding, an endless line,
    other columns. Memory stays bounded by one line, however long the file is; a workbook has
    limits of its own.
    """
    reader = open_cards(file, today, encoding)
    while not reader.ended:
        yield from reader.take(100)


class _LineReader:
    """CSV, JSON lines and text."""

    def __init__(self, file: BinaryIO, today: date, encoding: str) -> None:
        self.position, self.ended, self.numbers = Position(), False, 0
        self._file, self._today, self._encoding = file, today, encoding
        self._number = 0
        self._parse: Callable[[int, str], Row]
        self._begin()

    def go_to(self, position: Position) -> None:
        if position.line > self._number:
            self._file.seek(position.offset)
            self._number = position.line
        self.position = position

    def take(self, lines: int) -> list[Row]:
        rows = [self._parse(*line) for line in self._lines(lines)]
        self.position = Position(self._number, self._file.tell())
        if not self.ended:  # the last chunk is to know that it is the last
            self.ended = not self._file.read(1)
            self._file.seek(self.position.offset)
        return rows

    def _begin(self) -> None:
        """Tell the form by the first line that is not blank; a header is read with that."""
        start = self._file.tell()
        first = next(self._lines(None), (0, ""))
        names = [name.strip().strip('"').lower() for name in first[1].split(",")]
        if first[1].lstrip().startswith("{"):
            self._parse = partial(_json_row, self._today)
        elif columns := _columns_of(names, first[0]):
            self._parse = partial(_csv_row, self._today, columns)
            return
        else:
            self._parse = partial(_text_row, self._today)
        self._file.seek(start)
        self._number, self.ended = 0, False

    def _lines(self, limit: int | None) -> Iterator[tuple[int, str]]:
        """The next lines that are not blank, with their numbers from 1."""
        last = None if limit is None else self._number + limit
        while self._number != last:
            raw = self._file.readline(MAX_LINE_BYTES + 1)
            if not raw:
                self.ended = True
                return
            self._number += 1
            text = self._decoded(raw)
            if text.strip():
                yield self._number, text.strip("\r\n")

    def _decoded(self, raw: bytes) -> str:
        if len(raw) > MAX_LINE_BYTES:
            raise Refused(CardFileInvalid(line=self._number, reason="line_too_long"))
        if b"\0" in raw:
            raise Refused(CardFileInvalid(line=self._number, reason="not_text"))
        if self._number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError:
            reason = "not_utf8" if self._encoding == UTF8 else "not_gb18030"
            raise Refused(CardFileInvalid(line=self._number, reason=reason)) from None


class _SheetReader:
    """The first visible sheet of a workbook."""

    def __init__(self, file: BinaryIO, today: date) -> None:
        self.position, self.ended, self.numbers = Position(), False, 0
        self._today = today
        sheets = read_workbook(file)
        self._rows = sheets[0].rows() if sheets else iter(())
        self._size = file.seek(0, 2)
        self._last = max(sheets[0].last_row, 1) if sheets else 1
        self._waiting: list[tuple[int, list[Cell]]] = list(islice(self._rows, 1))
        self._columns = self._header(*self._waiting[0]) if self._waiting else ()

    def go_to(self, position: Position) -> None:
        self._waiting = [row for row in self._waiting if row[0] > position.line]
        self._rows = (row for row in self._rows if row[0] > position.line)
        self.position = position

    def take(self, lines: int) -> list[Row]:
        found = self._waiting + list(islice(self._rows, lines + 1 - len(self._waiting)))
        self._waiting = found[lines:]  # one more, so that the last chunk knows that it is the last
        self.ended = not self._waiting
        found = found[:lines]
        if found:
            line = found[-1][0]  # of a packed file nobody knows the bytes: told by its rows
            self.position = Position(line, self._size * line // self._last)
        return [self._row(line, cells) for line, cells in found]

    def _header(self, line: int, cells: list[Cell]) -> tuple[str, ...]:
        """The columns that the first row names; without names a secret, or number and secret."""
        names = [text_of(cell).lower() for cell in cells]
        while names and not names[-1]:
            names.pop()
        found = _columns_of(names, line)
        if found:
            self._waiting.clear()
            return found
        if len(names) > 2:
            raise Refused(CardFileInvalid(line=line, reason="card_columns"))
        return ("number", "secret")[-len(names) :]

    def _row(self, line: int, cells: list[Cell]) -> Row:
        if any(cell != "" for cell in cells[len(self._columns) :]):
            return RowProblem(line, "field_count")
        values: dict[str, str] = {"number": "", "secret": ""}
        expires: Cell = ""
        for name, cell in zip(self._columns, cells, strict=False):
            if name == "expires_on":
                expires = cell
                continue
            values[name], fault = code_of(cell)
            if fault:
                return RowProblem(line, fault)
            self.numbers += isinstance(cell, float)
        day = expires.isoformat()[:10] if isinstance(expires, date) else text_of(expires)
        return _row_of(self._today, line, values["number"], values["secret"], day)


def _columns_of(names: Sequence[str], line: int) -> tuple[str, ...] | None:
    """The columns of a table; None when the first row is a card already."""
    if not HEADER_WORDS.intersection(names):
        return None
    if "secret" not in names or not COLUMNS.issuperset(names) or len(set(names)) < len(names):
        raise Refused(CardFileInvalid(line=line, reason="card_columns"))
    return tuple(names)


def _csv_row(today: date, columns: tuple[str, ...], line: int, text: str) -> Row:
    if '"' in text:
        try:
            (values,) = csv.reader([text], strict=True)
        except (csv.Error, ValueError):
            return RowProblem(line, "quotes")
    else:
        values = text.split(",")
    if len(values) != len(columns):
        return RowProblem(line, "field_count")
    row = dict(zip(columns, map(str.strip, values), strict=True))
    return _row_of(today, line, row.get("number", ""), row["secret"], row.get("expires_on", ""))


def _json_row(today: date, line: int, text: str) -> Row:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return RowProblem(line, "json")
    if not isinstance(row, dict) or not COLUMNS.issuperset(row):
        return RowProblem(line, "json_columns")
    values = [row.get(name) or "" for name in ("number", "secret", "expires_on")]
    if not all(isinstance(value, str) for value in values):
        return RowProblem(line, "json_text")
    number, secret, expires = (value.strip() for value in values)
    return _row_of(today, line, number, secret, expires)


def _text_row(today: date, line: int, text: str) -> Row:
    for separator in SEPARATORS:
        number, found, secret = text.partition(separator)
        if found:
            return _row_of(today, line, number.strip(), secret.strip(), "")
    return _row_of(today, line, "", text.strip(), "")


def _row_of(today: date, line: int, number: str, secret: str, expires: str) -> Row:
    expires_on = None
    if expires:
        try:
            expires_on = date.fromisoformat(expires)
        except ValueError:
            return RowProblem(line, "date")
        if expires_on <= today:
            return RowProblem(line, "card_expired")
    if "+" in secret + number and (_DAMAGED.fullmatch(secret) or _DAMAGED.fullmatch(number)):
        return RowProblem(line, "code_became_number")
    fault = text_fault(number, secret)
    return RowProblem(line, fault) if fault else CardRow(line, number, secret, expires_on)
