"""Reading the CSV files that an operator imports: UTF-8, a header line, one row a line.

A fault of the file as a whole (encoding, columns, an endless line) refuses it before anything is
written. A fault of one row is reported with its line, and the other rows go on.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as member
from typing import BinaryIO

from domain.catalog.refusals import ImportFileInvalid
from domain.kernel import Invalid, Refusal, Refused, parse_units

MAX_LINE_BYTES = 64 * 1024
MAX_ROWS = 200_000
MAX_SHOWN_LETTERS = 60


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row was left out. `reason` is a key of the texts, `text` the value at fault."""

    file: str
    line: int
    reason: str
    text: str = ""


@dataclass(slots=True)
class ImportReport:
    """What an import did. Running the same files again leaves all rows unchanged."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    errors: list[RowError] = member(default_factory=list)

    def add(self, other: "ImportReport") -> None:
        """Count another file's rows in."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.errors += other.errors


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row: its line in the file and its values by column, outer blanks removed."""

    file: str
    line: int
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def number(self, column: str, default: int) -> int:
        """A whole number, or the default for an empty field."""
        text = self.values[column]
        if text and not (text.isascii() and text.isdecimal() and len(text) <= 10):
            raise Refused(Invalid(reason="whole_number", field=(column,)))
        return int(text) if text else default

    def units(self, column: str) -> int | None:
        """A decimal amount in units of 1/10000; None for an empty field."""
        text = self.values[column]
        return parse_units(text, field=(column,)) if text else None

    def error(self, refusal: Refusal) -> RowError:
        """The row's entry in the report."""
        reason = refusal.reason if isinstance(refusal, Invalid) else refusal.code.lower()
        text = self.values.get(refusal.field[0], "") if refusal.field else ""
        return RowError(self.file, self.line, reason, text[:MAX_SHOWN_LETTERS])


def read_csv(
    file: BinaryIO, name: str, columns: tuple[str, ...], optional: tuple[str, ...] = ()
) -> tuple[list[CsvRow], list[RowError]]:
    """All rows of a file, and an error for each row with too few or too many fields.

    Refuses with IMPORT_FILE_INVALID: not UTF-8, a missing, unknown or repeated column, a line above
    64 KiB, more than 200,000 rows, a quotation mark that never ends.
    """
    reader = csv.reader(_lines(file, name), strict=True)
    rows: list[CsvRow] = []
    errors: list[RowError] = []
    try:
        header = [column.strip() for column in next(reader, [])]
        needed = [column for column in header if column not in optional]
        if sorted(needed) != sorted(columns) or len(set(header)) != len(header):
            raise Refused(ImportFileInvalid(file=name, line=1, reason="columns"))
        line = reader.line_num + 1
        for values in reader:
            if len(values) == len(header):
                found = dict(zip(header, (value.strip() for value in values), strict=True))
                rows.append(CsvRow(name, line, found))
            elif values:
                errors.append(
                    RowError(name, line, "field_count", ",".join(values)[:MAX_SHOWN_LETTERS])
                )
            if len(rows) > MAX_ROWS:
                raise Refused(ImportFileInvalid(file=name, line=line, reason="too_many_rows"))
            line = reader.line_num + 1
    except csv.Error:
        broken = ImportFileInvalid(file=name, line=reader.line_num, reason="quotes")
        raise Refused(broken) from None
    return rows, errors


def _lines(file: BinaryIO, name: str) -> Iterator[str]:
    """Decoded lines; never reads more than one line's limit into memory at once."""
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise Refused(ImportFileInvalid(file=name, line=number, reason="line_too_long"))
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            refusal = ImportFileInvalid(file=name, line=number, reason="not_utf8")
            raise Refused(refusal) from None
        if "\0" in text:
            raise Refused(ImportFileInvalid(file=name, line=number, reason="not_text"))
        yield text
