"""Reading card files: CSV with a header, or text with one card a line. Nothing is stored here.

The form is told by the first line. Of CSV the columns are `secret`, and optionally `number` and
`expires_on`; in text a line is a secret, or number and secret parted by a tab, `----` or a comma.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from domain.cards.refusals import CardFileInvalid
from domain.cards.rules import text_fault
from domain.kernel import Refused

MAX_LINE_BYTES = 4 * 1024
COLUMNS = frozenset({"number", "secret", "expires_on"})
SEPARATORS = ("\t", "----", ",")
# What the first line of a file that was meant as CSV looks like, even when `secret` is missing.
HEADER_WORDS = COLUMNS | {"code", "card", "card_number", "pin", "password", "key", "卡号", "卡密"}


@dataclass(frozen=True, slots=True)
class CardRow:
    """One card of a file. Its code does not show in a repr."""

    line: int
    number: str = field(repr=False)
    secret: str = field(repr=False)
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why one row was left out: a key of the texts, never the code."""

    line: int
    reason: str


def read_cards(file: BinaryIO, today: date) -> Iterator[CardRow | RowProblem]:
    """The rows of a file, and a problem for each that cannot be a card.

    Refuses (CARD_FILE_INVALID) what cannot be read as a whole: not UTF-8, an endless line, other
    columns. Memory stays bounded by one line, however long the file is.
    """
    lines = _lines(file)
    first = next(lines, None)
    if first is None:
        return
    columns = _columns_of(first[1])
    if columns is None:
        yield _text_row(*first, today)
    for number, text in lines:
        yield _csv_row(number, text, columns, today) if columns else _text_row(number, text, today)


def _lines(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers from 1."""
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise Refused(CardFileInvalid(line=number, reason="line_too_long"))
        if b"\0" in raw:
            raise Refused(CardFileInvalid(line=number, reason="not_text"))
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise Refused(CardFileInvalid(line=number, reason="not_utf8")) from None
        if text.strip():
            yield number, text.strip("\r\n")


def _columns_of(header: str) -> tuple[str, ...] | None:
    """The columns of a CSV file; None for text."""
    names = tuple(name.strip().strip('"').lower() for name in header.split(","))
    if not HEADER_WORDS.intersection(names):
        return None
    if "secret" not in names or not COLUMNS.issuperset(names) or len(set(names)) < len(names):
        raise Refused(CardFileInvalid(line=1, reason="card_columns"))
    return names


def _csv_row(line: int, text: str, columns: tuple[str, ...], today: date) -> CardRow | RowProblem:
    try:
        (values,) = csv.reader([text], strict=True)
    except (csv.Error, ValueError):
        return RowProblem(line, "quotes")
    if len(values) != len(columns):
        return RowProblem(line, "field_count")
    row = dict(zip(columns, (value.strip() for value in values), strict=True))
    expires = row.get("expires_on", "")
    try:
        expires_on = date.fromisoformat(expires) if expires else None
    except ValueError:
        return RowProblem(line, "date")
    return _checked(CardRow(line, row.get("number", ""), row["secret"], expires_on), today)


def _text_row(line: int, text: str, today: date) -> CardRow | RowProblem:
    for separator in SEPARATORS:
        number, found, secret = text.partition(separator)
        if found:
            return _checked(CardRow(line, number.strip(), secret.strip()), today)
    return _checked(CardRow(line, "", text.strip()), today)


def _checked(row: CardRow, today: date) -> CardRow | RowProblem:
    if row.expires_on is not None and row.expires_on <= today:
        return RowProblem(row.line, "card_expired")
    fault = text_fault(row.number, row.secret)
    return RowProblem(row.line, fault) if fault else row
