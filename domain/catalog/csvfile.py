"""Reading the CSV files that an operator imports: UTF-8, a header line, one row a line.

A fault of the file as a whole (encoding, columns, an endless line) refuses it before anything is
written. A fault of one row is reported with its line, and the other rows go on.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as member
from typing import BinaryIO

from domain import bulk
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

    def outcome(self, *, stored: bool) -> bulk.Outcome:
        """It as the outcome of a job; of a file that only adds, or leaves all as it is."""
        counts = {"created": self.created, "unchanged": self.unchanged}
        result = {**counts, "rejected": len(self.errors), "stored": stored}
        problems = [bulk.Problem(one.line, one.reason, one.file, one.text) for one in self.errors]
        return bulk.Outcome(result, None, problems)


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
    """All rows of a file, CSV or a workbook, and an error for each row with too few or too many
    fields.

    Refuses with IMPORT_FILE_INVALID: not UTF-8, a missing, unknown or repeated column, a line above
    64 KiB, more than 200,000 rows, a quotation mark that never ends.
    """
    rows: list[CsvRow] = []
    errors: list[RowError] = []
    header: list[str] | None = None
    for line, cells in _table(file, name):
        values = [bulk.plain_cell(cell.strip()) for cell in cells]
        if header is None:
            header = _header(values, name, line, columns, optional)
        elif len(values) == len(header):
            rows.append(CsvRow(name, line, dict(zip(header, values, strict=True))))
        elif values:
            shown = ",".join(values)[:MAX_SHOWN_LETTERS]
            errors.append(RowError(name, line, "field_count", shown))
        if len(rows) > MAX_ROWS:
            raise Refused(ImportFileInvalid(file=name, line=line, reason="too_many_rows"))
    if header is None:
        raise Refused(ImportFileInvalid(file=name, line=1, reason="columns"))
    return rows, errors


def _header(
    values: list[str], name: str, line: int, columns: tuple[str, ...], optional: tuple[str, ...]
) -> list[str]:
    needed = [column for column in values if column not in optional]
    if sorted(needed) != sorted(columns) or len(set(values)) != len(values):
        raise Refused(ImportFileInvalid(file=name, line=line, reason="columns"))
    return values


def _table(file: BinaryIO, name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file, or of the workbook's sheet of this name, with their lines."""
    try:
        workbook = bulk.is_workbook(file)
        sheets = bulk.read_workbook(file) if workbook else []
    except bulk.Unreadable as fault:
        raise Refused(ImportFileInvalid(file=name, line=fault.line, reason=fault.reason)) from None
    if workbook:
        yield from _sheet_rows(sheets, name)
        return
    reader = csv.reader(_lines(file, name), strict=True)
    line = 1
    try:
        for values in reader:
            yield line, values
            line = reader.line_num + 1
    except csv.Error:
        broken = ImportFileInvalid(file=name, line=reader.line_num, reason="quotes")
        raise Refused(broken) from None


def _sheet_rows(sheets: list[bulk.Sheet], name: str) -> Iterator[tuple[int, list[str]]]:
    """The sheet of the table's name; the only one, whatever its name. Empty columns at the right
    end, which a spreadsheet keeps when something stood there once, are left out."""
    wanted = name.partition(".")[0]
    found = [sheet for sheet in sheets if sheet.name.strip().lower() == wanted] or sheets
    if len(found) != 1:
        raise Refused(ImportFileInvalid(file=name, line=0, reason="sheet_missing"))
    width = 0
    for number, (line, cells) in enumerate(found[0].rows()):
        values = [bulk.text_of(cell) for cell in cells]
        if number == 0:
            width = max((place for place, value in enumerate(values, 1) if value), default=0)
        rest = [value for value in values[width:] if value]
        yield line, values[:width] + rest


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
